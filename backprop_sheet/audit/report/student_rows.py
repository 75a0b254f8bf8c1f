"""The rows of the sheet Marks: each student's points, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backprop_sheet.audit.report.report_rows import (
    NO_WORKBOOK,
    NOT_CHECKED,
    TableRow,
    in_short,
    shown,
)
from backprop_sheet.audit.results import RIGHT, GivenKind, TableResult
from backprop_sheet.audit.submissions.collection import Submission
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.marking.points import PointRules, Points
from gradsheet.words import count

_MAX_NAMED = 5  # other attempts or tables
_STOPPED = "could not be checked: the command was stopped"


@dataclass(frozen=True)
class StudentRow:
    """What a student gets.

    Attributes:
        points: None if no workbook could be checked.
        remarks: what is first to know: a finding, why nothing was checked, or what was sent.
        not_checked, typed, stored_as_text, rounded: as in :class:`TableRow`.
        lacking: iterations, or any update, in words.
        sent: the file that counts.
        others: further files, which do not count.
        table: the number of the table that counts, None if none does.
        is_unfinished: whether the command was stopped before all files of the student were checked.
        told: the first note, or why nothing was checked, in words that name no other student.
    """

    student: str
    identifier: str
    verdict: str
    points: float | None = None
    by_group: Mapping[ColumnGroup, float] = field(default_factory=dict)
    findings: int | None = None
    remarks: str = ""
    not_checked: str = ""
    typed: str = ""
    stored_as_text: str = ""
    rounded: str = ""
    sent: str = ""
    is_late: bool = False
    others: str = ""
    table: int | None = None
    lacking: str = ""
    told: str = ""
    is_unfinished: bool = False


@dataclass(frozen=True)
class JudgedTable:
    """A table of a file, and its points.

    Attributes:
        rank: 2 with the given numbers, 0 with numbers that are not the student's, else 1.
        lacking: iterations, in words.
        told: its first note that names no other student.
    """

    number: int
    row: TableRow
    points: Points
    rank: int
    lacking: str
    told: str

    @classmethod
    def of(
        cls, number: int, row: TableRow, table: TableResult, points: Points, rules: PointRules
    ) -> JudgedTable:
        """Return a table with what its student is told about it."""
        is_given = table.given is not None and table.given.kind is GivenKind.SAME
        is_told = table.given is not None and not table.findings
        lacking = "" if is_told else lacking_iterations(table, rules)
        rank = 2 if is_given else 1 - table.is_worthless
        notes = (shown(one) for one in table.warnings if one not in table.teacher_notes)
        return cls(number, row, points, rank, lacking, next(notes, ""))


@dataclass
class JudgedFile:
    """The tables of a file, or why it has none.

    Attributes:
        note: what there is to say about the file as a whole.
    """

    tables: list[JudgedTable] = field(default_factory=list)
    problem: str = ""
    note: str = ""


def lacking_iterations(table: TableResult, rules: PointRules) -> str:
    """Say how many iterations a table has, if these are fewer than required."""
    if rules.iterations is None:
        updates = [score for score in table.scores if score.group is ColumnGroup.UPDATES]
        if not updates or any(score.needed for score in updates):
            return ""
        unit = "iteration" if table.begun_rows > 1 else table.row_word
        return f"one {unit}, without an update"
    found = max(0, -(-table.begun_rows // table.rows_per_iteration) - 1)
    if found >= rules.iterations:
        return ""
    return f"{found} of {count(rules.iterations, 'iteration')}"


def student_row(submission: Submission, files: Mapping[Path, JudgedFile]) -> StudentRow:
    """Return the row of a student.

    Of several tables in a file, one with the given numbers counts, and of several such the one with
    the most points: others, such as one at another learning rate, are the student's own.

    Args:
        files: by the places that are shown.
    """
    student, identifier = shown(submission.student), shown(submission.identifier)
    checked = {path for path, file in files.items() if file.tables}
    chosen = submission.counting(checked)
    if chosen is None:
        content = shown(submission.content)
        return StudentRow(
            student, identifier, NO_WORKBOOK, remarks=f"no workbook: {content}", sent=content,
            is_late=submission.is_late,
        )  # fmt: skip
    if any(file.shown not in files for file in submission.files):
        last = submission.files[-1].shown
        return StudentRow(
            student, identifier, NOT_CHECKED, remarks=_STOPPED, sent=_name(last, submission),
            is_late=submission.is_late, others=_others(submission, last), is_unfinished=True,
        )  # fmt: skip
    sent = _name(chosen.shown, submission)
    others, notes = _others(submission, chosen.shown), map(shown, submission.notes)
    file = files[chosen.shown]
    if not file.tables:
        return StudentRow(
            student, identifier, NOT_CHECKED, remarks="; ".join([file.problem, *notes]), sent=sent,
            is_late=submission.is_late, others=others, told=file.problem,
        )  # fmt: skip
    best = max(file.tables, key=lambda table: (table.rank, table.points.total))
    row = best.row
    said = (file.note, best.lacking, row.first_finding, _other_tables(file, best), *notes)
    remarks = dict.fromkeys(filter(None, said))
    return StudentRow(
        student, identifier, row.verdict, best.points.total, best.points.by_group, row.findings,
        "; ".join(remarks), in_short(row.not_checked), in_short(row.typed),
        in_short(row.stored_as_text), in_short(row.rounded), sent, submission.is_late, others,
        best.number, best.lacking, best.told,
    )  # fmt: skip


def _other_tables(file: JudgedFile, best: JudgedTable) -> str:
    """Name the other tables of a file that are not right, if the best one is.

    ``not counted: lr 2 (wrong)``
    """
    if best.row.verdict != RIGHT:
        return ""
    others = [
        f"{table.row.sheet} ({table.row.verdict})"
        for table in file.tables
        if table.row.verdict != RIGHT
    ]
    return f"not counted: {_joined(others)}" if others else ""


def _others(submission: Submission, chosen: Path) -> str:
    names = [_name(file.shown, submission) for file in submission.files if file.shown != chosen]
    return _joined(names)


def _joined(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MAX_NAMED:,} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])


def _name(path: Path, submission: Submission) -> str:
    """Return where a file is in what its student sent."""
    place = submission.place
    is_below = path != place and path.is_relative_to(place)
    return shown(str(path.relative_to(place)) if is_below else path.name)
