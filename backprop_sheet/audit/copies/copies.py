"""Where the annotated copies of workbooks go, and the job that audits and annotates one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class CopyPlan:
    """The folder of the copies, which has the same subfolders as the given folders.

    Attributes:
        folder: where the copies are written.
        roots: the given folders and zips with workbooks.
        force: replace files that this tool did not write.
        level: how much the copies tell.
    """

    folder: Path
    roots: tuple[Path, ...]
    force: bool = False
    level: FeedbackLevel = FeedbackLevel.FULL

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
        for path in files:
            target = plan.target(path).resolve()
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
        return plan

    def target(self, path: Path) -> Path:
        """Return the path of the copy of a file."""
        for root in self.roots:
            if path.is_relative_to(root):
                return self.folder / path.relative_to(root)
        return self.folder / path.name


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
