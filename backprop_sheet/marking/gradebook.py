"""Fill points and comments into what a course system exports, and keep all else as it is.

Moodle's grading worksheet has translated headers, so that its columns are known by their content
and their order (mod/assign/gradingtable.php). Canvas does not translate its headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backprop_sheet.audit.submissions.class_list import ClassList
from backprop_sheet.handout.csv_table import CsvTable, read_csv
from backprop_sheet.handout.roster import RosterKind, Student, read_rows
from backprop_sheet.marking.csv_editor import Cell, CsvEditor
from gradsheet.errors import InvalidInputError
from gradsheet.files import atomic_write
from gradsheet.words import join

SUFFIX = "-marked"
MAX_COMMENT = 2_000  # characters

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_CANVAS_ASSIGNMENT = re.compile(r"(.+?)\s*\(\d+\)")
# In the languages in which Moodle is used most.
_NO = {"no", "nein", "non", "nee", "nej", "nei", "não", "ne", "nie", "нет", "いいえ", "否"}
_COMMENT_WORDS = ("comment", "kommentar", "coment", "opmerking")


@dataclass(frozen=True)
class Grade:
    """What a student gets.

    Attributes:
        points: None keeps the grade that is there.
        comment: "" keeps the comment that is there.
    """

    points: float | None
    comment: str = ""


@dataclass(frozen=True)
class _Columns:
    """Where the grades of an assignment are."""

    grade: int
    comment: int | None
    maximum: str  # as it is written, "" if it is not known


@dataclass(frozen=True)
class Gradebook:
    """A course system's file of grades.

    Attributes:
        students: by the rows of the file; the header is row 0.
    """

    path: Path
    table: CsvTable
    students: dict[int, Student] = field(default_factory=dict)
    columns: _Columns = _Columns(0, None, "")

    @property
    def maximum(self) -> float | None:
        """The points of the assignment, if the file tells."""
        value = float(self.columns.maximum.replace(",", ".") or 0)
        return value or None

    @property
    def target(self) -> Path:
        """Where the filled copy is written."""
        return self.path.with_name(f"{self.path.stem}{SUFFIX}{self.path.suffix}")

    def filled(self, grades: dict[int, Grade]) -> bytes:
        """Return the file's content with the grades of some rows filled in."""
        fields: dict[Cell, str] = {}
        for row, grade in grades.items():
            if grade.points is not None:
                fields[row, self.columns.grade] = self._number(grade.points)
            if grade.comment and self.columns.comment is not None:
                fields[row, self.columns.comment] = comment_text(grade.comment)
        return CsvEditor(self.table).edited(fields)

    def _number(self, points: float) -> str:
        text = f"{points:.2f}"
        return text.replace(".", ",") if "," in self.columns.maximum else text

    def write(self, grades: dict[int, Grade], *, force: bool) -> None:
        """Write the filled copy.

        Raises:
            GradsheetError: there is another file, or it cannot be written.
        """
        content = self.filled(grades)
        with atomic_write(self.target, force=force, is_replaceable=self._is_copy) as unfinished:
            unfinished.write_bytes(content)

    def _is_copy(self, path: Path) -> bool:
        """Whether a file is an earlier copy: the same header, and as many rows."""
        try:
            table = read_csv(path)
        except InvalidInputError:
            return False
        same_rows = len(table.rows) == len(self.table.rows)
        return same_rows and table.header == self.table.header


def comment_text(text: str) -> str:
    """Return a comment as one line that no spreadsheet takes for a formula."""
    line = " ".join(text.split())[:MAX_COMMENT]
    return line.lstrip("=+-@ ")


class SeveralAssignmentsError(InvalidInputError):
    """A gradebook has several assignments, and none was chosen."""


def read_gradebook(path: Path, title: str, chosen: str = "") -> Gradebook:
    """Read a grading worksheet of Moodle or a gradebook of Canvas.

    Args:
        title: of the exercise, by which an assignment is found among several.
        chosen: the title of the assignment, if the user named it.

    Raises:
        InvalidInputError: it is none, or does not tell where the points belong.
    """
    table = read_csv(path)
    kind, students = read_rows(table)
    if kind is RosterKind.MOODLE_WORKSHEET:
        columns = _moodle_columns(table, list(students))
        students = {row: one for row, one in students.items() if _can_be_changed(table, row)}
    elif kind is RosterKind.CANVAS:
        columns = _canvas_columns(table, title, chosen)
    else:
        raise InvalidInputError(
            f"{table.label} is not a gradebook: give Moodle's grading worksheet or the gradebook "
            "that Canvas exports"
        )
    return Gradebook(path, table, students, columns)


def _can_be_changed(table: CsvTable, row: int) -> bool:
    """Whether Moodle takes another grade: "No" stands in a column of yes and no."""
    return not any(cell.strip().casefold() in _NO for cell in table.rows[row - 1])


def _moodle_columns(table: CsvTable, rows: Sequence[int]) -> _Columns:
    """Find the column of grades, which is that before the maximum grade, the same in all rows."""
    cells = [table.rows[row - 1] for row in rows]
    for column in range(2, len(table.header)):
        values = {row[column].strip() for row in cells}
        before = [row[column - 1].strip() for row in cells]
        value = next(iter(values))
        is_maximum = len(values) == 1 and _NUMBER.fullmatch(value) and value.strip("0.,")
        if is_maximum and all(not text or _NUMBER.fullmatch(text) for text in before):
            return _Columns(column - 1, _comment_column(table, cells, column), value)
    raise InvalidInputError(
        f"{table.label} has no column of grades before one with the maximum grade: "
        "export the grading worksheet of an assignment with points"
    )


def _comment_column(table: CsvTable, cells: Sequence[Sequence[str]], maximum: int) -> int | None:
    """Return the column of comments, the last one, if the file has it: dates are never empty."""
    last = len(table.header) - 1
    header = table.header[last].casefold()
    is_empty = not any(row[last].strip() for row in cells)
    if last > maximum and (is_empty or any(word in header for word in _COMMENT_WORDS)):
        return last
    return None


def _canvas_columns(table: CsvTable, title: str, named: str) -> _Columns:
    assignments = {
        column: match[1]
        for column, header in enumerate(table.header)
        if (match := _CANVAS_ASSIGNMENT.fullmatch(header))
    }
    if not assignments:
        raise InvalidInputError(f"{table.label} has no column of an assignment")
    chosen = [
        column
        for column, name in assignments.items()
        if _same(name, named or title) or (named and _same(table.header[column], named))
    ]
    titles = join([f'"{name}"' for name in assignments.values()])
    if named and len(chosen) != 1:
        raise InvalidInputError(f'{table.label} has no assignment "{named}", but {titles}')
    if not named and len(assignments) == 1:
        chosen = list(assignments)
    if len(chosen) != 1:
        raise SeveralAssignmentsError(f"{table.label} has several assignments, {titles}")
    possible = next(
        (row for row in table.rows if row[0].strip().casefold() == "points possible"), None
    )
    maximum = "" if possible is None else possible[chosen[0]].strip()
    return _Columns(chosen[0], None, maximum if _NUMBER.fullmatch(maximum) else "")


def _same(name: str, title: str) -> bool:
    return name.strip().casefold() == title.strip().casefold()


def rows_of(gradebook: Gradebook, students: Iterable[Student]) -> list[int | None]:
    """Find each student's row: by the e-mail address, the number, or a name that only one has."""
    rows = {student: row for row, student in gradebook.students.items()}
    by_email = {one.email.casefold(): row for one, row in rows.items() if one.email}
    known = ClassList(rows)
    found: list[int | None] = []
    for student in students:
        row = by_email.get(student.email.casefold()) if student.email else None
        if row is None and (same := known.of_place(student.name, student.id)) is not None:
            row = rows[same]
        found.append(row)
    return found
