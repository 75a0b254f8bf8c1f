"""Where ``gradsheet check`` writes annotated copies: a folder, or a zip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradsheet.commands.check_options import CheckOptions
from gradsheet.commands.messages import Refused

if TYPE_CHECKING:
    from backprop_sheet.audit.copies.copies import CopyPlan
    from backprop_sheet.audit.submissions.collection import Submissions


@dataclass(frozen=True)
class CopiesFolder:
    """The folder that the copies are written to.

    Attributes:
        zip: the unfinished zip that they are packed into at the end, or None.
    """

    folder: Path
    zip: Path | None = None

    def plan(self, options: CheckOptions, submissions: Submissions) -> CopyPlan:
        """Return the plan of the copies of all files."""
        from backprop_sheet.audit.copies.copies import CopyPlan
        from backprop_sheet.audit.feedback_level import FeedbackLevel

        shown = [file.shown for file in submissions.files]
        plan = CopyPlan.of(self.folder, submissions.roots, shown, force=options.force)
        return replace(plan, level=FeedbackLevel(options.feedback))

    def pack(self, copies: list[Path]) -> None:
        """Pack the copies into the zip, if there is one."""
        from backprop_sheet.marking.feedback_zip import write_feedback_zip

        if self.zip is not None:
            write_feedback_zip(self.folder, copies, self.zip)


@contextlib.contextmanager
def copies_folder(options: CheckOptions) -> Iterator[CopiesFolder | None]:
    """Yield where the copies are written, or None without --annotate."""
    target = options.annotate
    if target is None or not options.annotates_zip:
        yield None if target is None else CopiesFolder(target)
        return
    from backprop_sheet.marking.feedback_zip import is_feedback_zip
    from gradsheet.files import atomic_write, temporary_folder

    for path in options.workbooks:
        if target.resolve() == path.resolve():
            raise Refused(f"--annotate {target} is to be checked: choose another name")
        if path.is_dir() and target.resolve().is_relative_to(path.resolve()):
            raise Refused(
                f"--annotate {target} is inside {path}, and would be checked as a submission the "
                "next time: name a file outside it"
            )
    with (
        atomic_write(target, force=options.force, is_replaceable=is_feedback_zip) as unfinished,
        temporary_folder() as folder,
    ):
        yield CopiesFolder(Path(folder), unfinished)
