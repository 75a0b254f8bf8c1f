"""What a class handed in: one submission per student, of which the last file counts.

This is the one place that says whose a file is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.submissions.class_list import ClassList, Owner, shown
from backprop_sheet.audit.submissions.content import NOTHING, content_of, problems_of
from backprop_sheet.audit.submissions.found_files import RENAMED, Finder, Found, Root
from backprop_sheet.audit.submissions.whose import Key, Place, places
from gradsheet.excel.provenance import OUTPUTS, STUDENT_PROPERTY, kind_of_workbook, property_of
from gradsheet.words import join

if TYPE_CHECKING:
    from backprop_sheet.handout.roster import Student

# Files that are unpacked without their dates have dates of the same moment; zips count two seconds.
SAME_MOMENT = 2.0


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
        student: the name, as the class list, the course system or the folder has it.
        identifier: the student's id in the class list, or the course system's number, or "".
        place: the student's folder or file, for the user; empty if nothing was handed in.
        files: the workbooks, the last attempt last.
        content: what there is without a workbook, such as ``1 .numbers, 2 .pdf``.
        unreadable: which zips and files in them cannot be read, and why, if there is no workbook.
        is_late: whether the course system says that the last attempt came too late.
        is_listed: whether the student is in the class list.
        notes: what the teacher should know about whose the files are, and which cannot be read.
    """

    student: str
    identifier: str
    place: Path
    files: tuple[SubmittedFile, ...] = ()
    content: str = ""
    unreadable: str = ""
    is_late: bool = False
    is_listed: bool = False
    notes: tuple[str, ...] = ()

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
        students: one submission each, also of those without a workbook: first the class list, if
            there is one, in its order.
        files: all workbooks, in the order of their names.
        left_out: a line about each file that is no submission, such as a report.
        content: what there is if there is no workbook at all.
        owners: which student of the class list each file is of, by its place for the user.
    """

    roots: tuple[Path, ...] = ()
    students: tuple[Submission, ...] = ()
    files: tuple[SubmittedFile, ...] = ()
    left_out: tuple[str, ...] = ()
    content: str = ""
    owners: Mapping[Path, Owner] = field(default_factory=dict)

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


def _owner_by_folder(shown: Path, roots: Sequence[Path]) -> Submission:
    """The first folder below a given one is a student's; a file outside of one is its own."""
    for root in roots:
        if shown.is_relative_to(root):
            parts = shown.relative_to(root).parts
            if len(parts) > 1:
                return Submission(parts[0], "", root / parts[0])
            break
    return Submission(shown.stem, "", shown)


@contextmanager
def collect(
    paths: Sequence[Path],
    class_list: Sequence[Student] = (),
    unpacked: Callable[[], None] = lambda: None,
) -> Iterator[Submissions]:
    """Find what was handed in; files that were in a zip exist inside of the block only.

    Args:
        paths: files, folders and zips, as course systems give them, or with a folder per student.
        class_list: the students who were to hand in something.
        unpacked: called after each file that was unpacked from a zip.

    Raises:
        InvalidInputError: a given zip cannot be unpacked.
    """
    with ExitStack() as stack:
        roots = Finder(stack, unpacked).find(paths)
        yield _Collection(roots, ClassList(class_list)).submissions()


@dataclass
class _Sent:
    """What a student sent: the files in the order in which they were found."""

    place: Place
    root: Root
    workbooks: list[tuple[Found, Place, SubmittedFile]] = field(default_factory=list)
    others: list[Found] = field(default_factory=list)
    notes: dict[Path, str] = field(default_factory=dict)  # by the file as it is shown


class _Collection:
    def __init__(self, roots: Sequence[Root], class_list: ClassList) -> None:
        self._roots, self._class_list = roots, class_list
        self._sent: dict[Key, _Sent] = {}
        self._files: list[SubmittedFile] = []
        self._left_out: list[str] = []
        self._owners: dict[Path, Owner] = {}

    def submissions(self) -> Submissions:
        """Sort what was found by students; a file that was given twice is found once."""
        known: set[str] = set()
        for root in self._roots:
            for found, place in places(root, self._class_list):
                if found.path is not None:
                    path = os.path.normpath(found.path.absolute())  # a link is another file
                    if path in known:
                        continue
                    known.add(path)
                if not found.is_workbook:
                    self._add_other(root, found, place)
                elif kind := self._output_kind(found):
                    where = root.shown(found.parts)
                    self._left_out.append(f"{where} is {OUTPUTS[kind]} written by gradsheet")
                elif place is not None:
                    self._add_workbook(root, found, place)
        roots = tuple(root.path for root in self._roots if not root.is_file)
        everything = [found for root in self._roots for found in root.found]
        return Submissions(
            roots,
            tuple(self._students()),
            tuple(self._files),
            tuple(self._left_out),
            "" if self._files else content_of(everything, ()),
            self._owners,
        )

    @staticmethod
    def _output_kind(found: Found) -> str:
        try:
            is_file = found.path is not None and found.path.is_file()
        except OSError:  # a name that is too long
            is_file = False
        kind = kind_of_workbook(found.path) if found.path and is_file else None
        return kind if kind in OUTPUTS else ""

    def _of(self, key: Key, place: Place, root: Root) -> _Sent:
        return self._sent.setdefault(key, _Sent(place, root))

    def _add_other(self, root: Root, found: Found, place: Place | None) -> None:
        if place is not None:
            self._of(place.key, place, root).others.append(found)
        elif found.problem and not found.is_folder and root.is_zip:  # such as a bad name
            self._left_out.append(f"{root.shown(found.parts)} {found.problem}")

    def _add_workbook(self, root: Root, found: Found, place: Place) -> None:
        path = found.path
        assert path is not None
        file = SubmittedFile(path, root.shown(found.parts))
        self._files.append(file)
        owner = self._owner(file, place)
        key = place.key if owner.student is None else (owner.student.id,)
        sent = self._of(key, place, root)
        sent.workbooks.append((found, place, file))
        if owner.note:
            sent.notes[file.shown] = owner.note

    def _owner(self, file: SubmittedFile, place: Place) -> Owner:
        """Return whose a file is by its place and by what it says itself."""
        if not self._class_list.students:
            return Owner(None)
        owner = self._class_list.owner_at(place.student, property_of(file.path, STUDENT_PROPERTY))
        self._owners[file.shown] = owner
        return owner

    # --- one submission per student ---

    def _students(self) -> Iterator[Submission]:
        for student in self._class_list.students:
            sent = self._sent.get((student.id,))
            if sent is None:
                yield Submission(student.name, student.id, Path(), content=NOTHING, is_listed=True)
            else:
                yield _submission(sent, student)
        known = {(student.id,) for student in self._class_list.students}
        strangers = [sent for key, sent in self._sent.items() if key not in known]
        # As the order of rows was: those with a workbook, and then the others.
        for sent in sorted(strangers, key=lambda sent: not sent.workbooks):
            yield _submission(sent, None)


def _submission(sent: _Sent, student: Student | None) -> Submission:
    owner = sent.place.owner
    workbooks = _in_order(sent.workbooks)
    last = workbooks[-1][2].shown if workbooks else None
    notes = [note if file == last else f"{file.name}: {note}" for file, note in sent.notes.items()]
    if student is None and sent.place.same:
        same = join([shown(one) for one in sent.place.same], "and")
        notes.append(f"several students have the same name: {same}")
    place = sent.place.parts
    problems = problems_of(sent.others, place)
    if workbooks and problems:
        notes.append(problems)
    return Submission(
        student.name if student else owner.name,
        student.id if student else owner.identifier,
        sent.root.shown(place),
        tuple(file for _, _, file in workbooks),
        content="" if workbooks else content_of(sent.others, place),
        unreadable="" if workbooks else problems_of(sent.others, place, (RENAMED,)),
        is_late=bool(workbooks) and workbooks[-1][1].owner.is_late,
        is_listed=student is not None,
        notes=tuple(notes),
    )


_Workbooks = list[tuple[Found, Place, SubmittedFile]]


def _in_order(workbooks: _Workbooks) -> _Workbooks:
    """Return the workbooks of a student in the order of the attempts.

    It follows from the course system's number, then from the dates, then from the names.
    """
    by_date = sorted(workbooks, key=lambda one: one[0].modified)
    moments: dict[Path, int] = {}
    before, moment = 0.0, 0
    for found, _, file in by_date:
        moment += found.modified - before > SAME_MOMENT
        before = found.modified
        moments[file.shown] = moment
    return sorted(
        workbooks,
        key=lambda one: (one[1].owner.order, moments[one[2].shown], natural(one[2].shown)),
    )


def natural(path: Path) -> tuple[Sequence[object], ...]:
    """Return what orders paths as people do: hw 9, hw 10."""
    return tuple(_natural_name(Path(name).stem) for name in path.parts)


def _natural_name(name: str) -> tuple[tuple[int, str, int], ...]:
    pieces: Iterable[str] = re.findall(r"\d+|\D+", name.casefold())
    return tuple(
        (1, "", int(piece)) if piece.isdecimal() and len(piece) < 19 else (0, piece, 0)
        for piece in pieces
    )
