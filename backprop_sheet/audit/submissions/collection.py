"""What a class handed in: one submission per student, of which the last file counts.

This is the one place that says whose a file is.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backprop_sheet.audit.folders import folders_without_workbook
from backprop_sheet.audit.submissions.workbook_files import find_workbooks, without_outputs
from gradsheet.input_files import is_folder


@dataclass(frozen=True)
class SubmittedFile:
    """A workbook that was handed in.

    Attributes:
        path: where it can be read; a temporary file if it was in a zip.
        shown: where it is for the user: ``class.zip/Jane Doe_101_…/hw.xlsx``.
    """

    path: Path
    shown: Path


@dataclass(frozen=True)
class Submission:
    """All that a student handed in.

    Attributes:
        student: the name, as the course system or the folder has it.
        identifier: the course system's number of the student, or "".
        place: the student's folder or file, for the user.
        files: the workbooks, the last attempt last.
        content: what there is without a workbook, such as ``1 .numbers, 2 .pdf``.
        is_late: whether the course system says that the last attempt came too late.
    """

    student: str
    identifier: str
    place: Path
    files: tuple[SubmittedFile, ...] = ()
    content: str = ""
    is_late: bool = False

    def counting(self, could_be_checked: Container[Path]) -> SubmittedFile | None:
        """Return the file that counts: the last one that could be checked, else the last one.

        Args:
            could_be_checked: the files with a table, by :attr:`SubmittedFile.shown`.
        """
        checked = [file for file in self.files if file.shown in could_be_checked]
        return next(reversed(checked or self.files), None)


@dataclass(frozen=True)
class Submissions:
    """What a class handed in.

    Attributes:
        roots: the given folders and zips, for the user.
        students: one submission each, also of those without a workbook.
        files: all workbooks, in the order of their names.
        left_out: a line about each file that is no submission, such as a report.
    """

    roots: tuple[Path, ...] = ()
    students: tuple[Submission, ...] = ()
    files: tuple[SubmittedFile, ...] = ()
    left_out: tuple[str, ...] = ()

    def of(self, shown: Path) -> Submission:
        """Return the submission that a file is of.

        Args:
            shown: the file's :attr:`SubmittedFile.shown`.
        """
        submission = self._by_file.get(shown)
        return submission or _owner_by_folder(shown, self.roots)

    @cached_property
    def _by_file(self) -> dict[Path, Submission]:
        return {file.shown: one for one in self.students for file in one.files}


@contextmanager
def collect(paths: Sequence[Path]) -> Iterator[Submissions]:
    """Find what was handed in; files that were in a zip exist inside of the block only.

    Args:
        paths: files, and folders with a folder per student.
    """
    workbooks, left_out = without_outputs(find_workbooks(paths))
    roots = tuple(path for path in paths if is_folder(path))
    files = tuple(SubmittedFile(path, path) for path in workbooks)
    students: dict[Path, Submission] = {}
    for file in files:
        owner = _owner_by_folder(file.shown, roots)
        before = students.get(owner.place, owner)
        students[owner.place] = Submission(
            owner.student, owner.identifier, owner.place, (*before.files, file)
        )
    without = [
        Submission(folder.student, "", folder.path, content=folder.content)
        for folder in folders_without_workbook(paths, workbooks)
    ]
    yield Submissions(roots, (*students.values(), *without), files, tuple(left_out))


def _owner_by_folder(shown: Path, roots: Sequence[Path]) -> Submission:
    """The first folder below a given one is a student's; a file outside of one is its own."""
    for root in roots:
        if shown.is_relative_to(root):
            parts = shown.relative_to(root).parts
            if len(parts) > 1:
                return Submission(parts[0], "", root / parts[0])
            break
    return Submission(shown.stem, "", shown)
