"""Write what a class gets: the teacher's file, a worksheet per student, and solutions."""

from __future__ import annotations

import re
import signal
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from backprop_sheet.handout.assignment import Assigned, Assignment, assignment_text
from backprop_sheet.handout.roster import Student
from gradsheet.files import WouldOverwriteError, atomic_write, make_folder

ASSIGNMENT_FILE = "assignment.toml"
MAX_FILE_NAME = 80  # characters of a student's name and id
_AHEAD = 4  # workbooks per process that wait to be written
# What Windows, macOS or a course system does not allow in the name of a file.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


@dataclass(frozen=True)
class Handout:
    """Where everything goes.

    Attributes:
        folder: of the teacher's file and the worksheets.
        solutions: the folder of the solutions; None for none.
        has_marks: whether the worksheets tell what is right.
        force: replace files that this tool did not write.
    """

    assignment: Assignment
    folder: Path
    solutions: Path | None = None
    has_marks: bool = True
    force: bool = False

    def file_names(self) -> list[str]:
        """Return the name of each student's workbook, in order; no two are equal anywhere."""
        names: list[str] = []
        taken: set[str] = set()
        for assigned in self.assignment.students:
            plain = file_name(assigned.student)
            name, number = plain, 1
            while name.casefold() in taken:
                number += 1
                name = f"{plain} ({number})"
            taken.add(name.casefold())
            names.append(f"{name}.xlsx")
        return names


def file_name(student: Student) -> str:
    """Return a student's name and id as the name of a file, without a suffix."""
    name, identifier = _safe(student.name), _safe(student.id)
    if student.id != student.name:
        name = f"{name[: MAX_FILE_NAME - len(identifier) - 1].strip()} {identifier}"
    name = name[:MAX_FILE_NAME].strip(" .~") or "student"
    return f"_{name}" if _RESERVED.match(name) else name


def _safe(text: str) -> str:
    """Replace what no file may be named, and leave out signs that are not seen."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    seen = (sign for sign in text if unicodedata.category(sign) != "Cf")
    return _FORBIDDEN.sub("_", "".join(seen))[:MAX_FILE_NAME]


def hand_out(handout: Handout, jobs: int, progress: Callable[[], None] = lambda: None) -> int:
    """Write the teacher's file, then all workbooks.

    Args:
        jobs: the number of processes.
        progress: called after each student.

    Returns:
        The number of cells that each student fills in.

    Raises:
        WouldOverwriteError: a file is there that may not be replaced.
        CannotWriteError: a folder or a file cannot be written.
        InvalidInputError: the worksheet would be too large.
    """
    make_folder(handout.folder)
    if handout.solutions is not None:
        make_folder(handout.solutions)
    path = handout.folder / ASSIGNMENT_FILE
    text = assignment_text(handout.assignment, ASSIGNMENT_FILE)
    if path.exists() and not handout.force and path.read_bytes() != text.encode():
        raise WouldOverwriteError(
            f"{path} exists, with other numbers or students: choose another folder"
        )
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    blanks = []
    for number in _written(handout, jobs):
        blanks.append(number)
        progress()
    return max(blanks, default=0)


def _written(handout: Handout, jobs: int) -> Iterator[int]:
    """Write the workbooks in several processes; yield the number of blank cells of each."""
    work = list(zip(handout.assignment.students, handout.file_names(), strict=True))
    jobs = max(1, min(jobs, len(work)))
    if jobs == 1:
        for assigned, name in work:
            yield _write(handout, assigned, name)
        return
    # The teacher's exercise is enough for a process: the list of students is long.
    alone = _without_students(handout)
    pool = ProcessPoolExecutor(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        waiting: list[Future[int]] = []
        for assigned, name in work:
            waiting.append(pool.submit(_write, alone, assigned, name))
            if len(waiting) >= _AHEAD * jobs:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _without_students(handout: Handout) -> Handout:
    return replace(handout, assignment=replace(handout.assignment, students=()))


def _write(handout: Handout, assigned: Assigned, name: str) -> int:
    from backprop_sheet.audit.submissions.class_list import shown
    from backprop_sheet.workbook.worksheet.writer import WorksheetOptions, write_worksheet
    from backprop_sheet.workbook.writer import write_workbook, written_by_gradsheet

    student, assignment = assigned.student, handout.assignment
    options = WorksheetOptions(
        frozenset(assignment.blank), handout.has_marks, student.id, shown(student)
    )
    training = replace(assigned.exercise.training, iterations=assignment.iterations)
    exercise = replace(assigned.exercise, training=training)
    for folder, is_solution in ((handout.folder, False), (handout.solutions, True)):
        if folder is None:
            continue
        with atomic_write(
            folder / name, force=handout.force, is_replaceable=written_by_gradsheet
        ) as unfinished:
            if is_solution:
                write_workbook(exercise, unfinished, student_id=student.id)
            else:
                blanks = write_worksheet(exercise, unfinished, options)
    return blanks
