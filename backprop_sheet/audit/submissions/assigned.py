"""The submissions of a class whose students are known: one per student, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.submissions.class_list import STUDENT_PROPERTY, ClassList, Owner
from backprop_sheet.audit.submissions.collection import Submission, Submissions
from gradsheet.excel.provenance import property_of

if TYPE_CHECKING:
    from backprop_sheet.handout.roster import Student

NOTHING = "nothing"


@dataclass(frozen=True)
class ClassSubmissions:
    """What the students of a class handed in.

    Attributes:
        submissions: one per student, in their order, and then those of unknown people.
        owners: whose each file is, by its place for the user.
    """

    submissions: Submissions
    owners: Mapping[Path, Owner]


def of_class(submissions: Submissions, students: Sequence[Student]) -> ClassSubmissions:
    """Return whose each submission is.

    A file in a place that names no student is that of whom it says that it is.
    """
    known = ClassList(students)
    owners: dict[Path, Owner] = {}
    parts: dict[str | None, list[Submission]] = {student.id: [] for student in students}
    parts[None] = []
    for submission in submissions.students:
        placed = known.of_place(submission.student, submission.identifier)
        for owner, part in _by_owner(submission, placed, known):
            parts[None if owner.student is None else owner.student.id].append(part)
            owners.update((file.shown, owner) for file in part.files)
    missing = next(iter(submissions.roots), Path())
    ordered = [_joined(student, parts[student.id], missing) for student in students]
    return ClassSubmissions(replace(submissions, students=(*ordered, *parts[None])), owners)


def _by_owner(
    submission: Submission, placed: Student | None, known: ClassList
) -> Iterator[tuple[Owner, Submission]]:
    """Yield whose the files of a submission are, and those of each."""
    if not submission.files:
        yield Owner(placed), submission
        return
    for file in submission.files:
        stated = property_of(file.path, STUDENT_PROPERTY)
        yield known.owner_at(placed, stated), replace(submission, files=(file,))


def _joined(student: Student, parts: Sequence[Submission], missing: Path) -> Submission:
    """Return all that a student handed in, the last attempt last."""
    if not parts:
        return Submission(student.name, student.id, missing, content=NOTHING)
    files = tuple(file for part in parts for file in part.files)
    last = next((part for part in reversed(parts) if part.files), parts[-1])
    return replace(last, student=student.name, identifier=student.id, files=files)
