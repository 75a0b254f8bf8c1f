"""Where the annotated copies of workbooks go, and the job that audits and annotates one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from backprop_sheet.audit.copies.annotate import annotate, is_annotated_copy
from backprop_sheet.audit.copies.feedback import Feedback
from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.given_check import GivenCheck
from backprop_sheet.audit.results import WorkbookResult
from backprop_sheet.audit.submissions.collection import SubmittedFile
from backprop_sheet.audit.workbook_audit import audit_submitted
from backprop_sheet.exercise.model import Exercise
from gradsheet.errors import GradsheetError, InvalidInputError
from gradsheet.files import atomic_write, make_folder

# Moodle's name of a student's zip in a folder of all students' files.
_OWNER = re.compile(r"(.+?_\d+_assignsubmission_[a-z]+_).*\.zip", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class CopyPlan:
    """The folder of the copies, which has the same subfolders as the given folders.

    What a student handed in as a zip is in the student's folder, without a folder for the zip.

    Attributes:
        folder: where the copies are written.
        roots: the given folders and zips with workbooks.
        force: replace files that this tool did not write.
        level: how much the copies tell.
        renamed: the copies of files in zips that would have the name of another copy.
    """

    folder: Path
    roots: tuple[Path, ...]
    force: bool = False
    level: FeedbackLevel = FeedbackLevel.FULL
    renamed: Mapping[Path, Path] = field(default_factory=dict)

    @classmethod
    def of(
        cls, folder: Path, roots: Sequence[Path], files: Sequence[Path], *, force: bool
    ) -> CopyPlan:
        """Plan the copies of files.

        Args:
            roots: the folders and zips that the user gave.
            files: the workbooks, where they are for the user.

        Raises:
            InvalidInputError: a copy would replace a submission or another copy, or would be
                checked as a submission the next time.
        """
        resolved = folder.resolve()
        for root in roots:
            if resolved.is_relative_to(root.resolve()):
                raise InvalidInputError(
                    f"the annotated copies cannot be written to {folder}: it is inside {root}, and "
                    "the copies would be checked as submissions the next time; name a folder "
                    "outside it"
                )
        if folder.exists() and not folder.is_dir():
            raise InvalidInputError(f"{folder} is a file; name a folder for the annotated copies")
        plan = cls(folder, tuple(roots), force)
        submissions = {path.resolve(): path for path in files}
        sources: dict[Path, Path] = {}
        renamed: dict[Path, Path] = {}
        for path in sorted(files, key=plan.is_in_zip):
            target = plan.target(path).resolve()
            if target in sources and plan.is_in_zip(path):
                renamed[path] = target = _unused(target, {*sources, *submissions})
            if target in submissions:
                raise InvalidInputError(
                    f"the annotated copy of {path} would replace {submissions[target]}, which is "
                    "to be checked; name another folder"
                )
            if target in sources:
                raise InvalidInputError(
                    f"{sources[target]} and {path} would have the same annotated copy; name the "
                    "folder that contains both instead"
                )
            sources[target] = path
        return replace(plan, renamed=renamed)

    def target(self, path: Path) -> Path:
        """Return the path of the copy of a file."""
        if path in self.renamed:
            return self.renamed[path]
        return self.folder / without_zips(self._place(path))

    def is_in_zip(self, path: Path) -> bool:
        """Whether a file is in a zip that was handed in."""
        place = self._place(path)
        return without_zips(place) != place

    def _place(self, path: Path) -> str:
        """Return where a file is in the given folder, with ``/`` between folders."""
        for root in self.roots:
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return path.name


def without_zips(place: str) -> str:
    """Return the place of a copy, without the zips of students that the workbook was in.

    Args:
        place: where the workbook was in what was downloaded, with ``/`` between folders.
    """
    *folders, name = place.split("/")
    kept = []
    for folder in folders:
        if not folder.lower().endswith(".zip"):
            kept.append(folder)
        elif match := _OWNER.fullmatch(folder):
            kept.append(match[1])  # all in one folder: the zip's name tells whose it is
    return "/".join([*kept, name])


def _unused(path: Path, used: Container[Path]) -> Path:
    return next(
        other
        for number in itertools.count(2)
        if (other := path.with_name(f"{path.stem} ({number}){path.suffix}")) not in used
    )


def audit_and_annotate(
    file: SubmittedFile,
    *,
    exercise: Exercise | None = None,
    tolerance: float,
    given: GivenCheck | None = None,
    plan: CopyPlan,
) -> WorkbookResult:
    """Audit a workbook and write its annotated copy.

    A workbook that could not be checked has no copy.
    """
    result = audit_submitted(file, exercise=exercise, tolerance=tolerance, given=given)
    if not result.tables:
        return result
    target = plan.target(file.shown)
    try:
        make_folder(target.parent)
        with atomic_write(target, force=plan.force, is_replaceable=is_annotated_copy) as unfinished:
            annotate(file.path, Feedback(result.tables, plan.level), unfinished)
    except GradsheetError as error:
        return replace(result, copy_error=error)
    return replace(result, copy=target)
