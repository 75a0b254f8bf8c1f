"""Where the annotated copies of submissions go, and the job that judges and annotates one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backprop_sheet.audit.annotation.annotate import annotate, is_annotated_copy
from backprop_sheet.audit.results import WorkbookResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.network.exercise import Exercise
from common.errors import GradsheetError, InvalidInputError
from common.files import finished_file


@dataclass(frozen=True)
class CopyPlan:
    """The folder of the copies; the folders below the given paths are kept in it.

    Attributes:
        folder: where the copies go.
        roots: the folders that were given.
        force: replace files that this tool did not write.
    """

    folder: Path
    roots: tuple[Path, ...]
    force: bool = False

    @classmethod
    def of(
        cls, folder: Path, given: Sequence[Path], files: Sequence[Path], *, force: bool
    ) -> CopyPlan:
        """Plan the copies of files.

        Args:
            given: the paths that the user gave; the folders among them are kept.
            files: the workbooks among and below them.

        Raises:
            InvalidInputError: a copy would replace a submission or another copy, or would be
                taken for a submission the next time.
        """
        roots = tuple(path for path in given if path.is_dir())
        resolved = folder.resolve()
        for root in roots:
            if resolved.is_relative_to(root.resolve()):
                raise InvalidInputError(
                    f"the annotated copies cannot go into {folder}: it is inside {root}, and they "
                    "would be taken for submissions the next time; name a folder outside it"
                )
        if folder.exists() and not folder.is_dir():
            raise InvalidInputError(f"{folder} is a file; name a folder for the annotated copies")
        plan = cls(folder, roots, force)
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
                    f"{sources[target]} and {path} would have the same annotated copy; give the "
                    "folder that both are in instead"
                )
            sources[target] = path
        return plan

    def target(self, path: Path) -> Path:
        """Return where the copy of a file goes."""
        for root in self.roots:
            if path.is_relative_to(root):
                return self.folder / path.relative_to(root)
        return self.folder / path.name


def audit_and_annotate(
    path: Path,
    *,
    exercise: Exercise | None = None,
    tolerance: float,
    plan: CopyPlan,
) -> WorkbookResult:
    """Audit a workbook and write its annotated copy.

    A workbook that could not be judged has no copy.
    """
    result = audit_workbook(path, exercise, tolerance)
    if not result.tables:
        return result
    target = plan.target(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with finished_file(target, force=plan.force, ours=is_annotated_copy) as unfinished:
            annotate(path, result.tables, unfinished)
    except GradsheetError as error:
        return replace(result, copy_problem=str(error))
    except OSError as error:
        return replace(result, copy_problem=f"cannot write {target}: {error.strerror or error}")
    return replace(result, copy=target)
