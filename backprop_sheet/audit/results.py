"""The results of an audit, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any

from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.audit.similarity.model import FileTrace, TableTrace
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.exercise.class_options import Marks
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.model import Exercise
from gradsheet.errors import GradsheetError
from gradsheet.words import count

RIGHT, WRONG, INCOMPLETE = "right", "wrong", "incomplete"
MAX_SHOWN = 60  # characters of a text in a cell
VERDICTS = (RIGHT, WRONG, INCOMPLETE)


def number_text(value: Any) -> str:
    """Write a value that was found or expected, with up to 10 significant digits.

    A long text is cut. None is an expected value that cannot be known, because it depends on empty
    cells.
    """
    if value is None:
        return "unknown"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


GIVEN_NUMBERS = "given numbers"  # all of them, where it does not matter which are wrong


@dataclass(frozen=True)
class Finding:
    """What is wrong in a column. Values and formulas are those of its first wrong cell.

    Attributes:
        column: the name of the quantity, η, or :data:`GIVEN_NUMBERS`.
        cells: the wrong cells, in order.
        first_cell: the address of the first wrong cell.
        found: the value that it shows.
        expected: the right value, computed from the other cells as they are; None if it depends on
            empty cells whose values do not follow from others.
        formula: its formula, with names instead of references; None for a typed number.
        expected_formula: the right formula.
        cause: the mistake in words.
        expected_in_cells: the right formula with the references of the sheet, or "" if a quantity
            that it needs has no cell.
        meaning: what the quantity is, for one that is not among the exercise's columns.
        is_given: whether it is about numbers that are not those that the student got.
        told_cause: the cause as the student may read it, if that names another student; or "".
        is_explained: whether the cause is a known mistake, and not only how the formulas differ.
    """

    column: str
    cells: tuple[Address, ...]
    first_cell: str
    found: Any
    expected: float | None
    formula: str | None
    expected_formula: str
    cause: str
    expected_in_cells: str = ""
    meaning: str = ""
    is_given: bool = False
    told_cause: str = ""
    is_explained: bool = True

    @property
    def cause_for_student(self) -> str:
        """The mistake in words that name no other student."""
        return self.told_cause or self.cause

    @property
    def right_formula(self) -> str:
        """The right formula; "" if it says no more than the column and the expected value."""
        known = (self.column, number_text(self.expected))
        return "" if self.expected_formula in known else self.expected_formula

    @property
    def right_in_cells(self) -> str:
        """The same with the references of the sheet, if all that it needs has a cell."""
        return self.right_formula and (self.expected_in_cells or self.right_formula)

    @property
    def count(self) -> int:
        """The number of wrong cells."""
        return len(self.cells)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as ``check --json`` prints it."""
        names = (
            *("column", "first_cell", "count", "found", "expected", "formula"),
            *("expected_formula", "cause"),
        )
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class ReadColumn:
    """How a column of a table was read.

    Attributes:
        header: as it is written; "" without a header.
        cell: the cell of the header, or the first cell of the column.
        quantity: the name of its quantity; "" for a column that was not checked, or that only the
            parameters of the next row are computed from (w1+).
        by: what told: "header", "numbers" or "formula"; "" if nothing did.
        is_against_header: whether the header says something else.
        names_quantity: whether the header names some quantity, or others are computed from it.
        agrees: whether most of its numbers follow from the equation of its quantity.
        is_used: whether quantities are computed from a column that is none, and so show mistakes
            in it.
    """

    header: str
    cell: str
    quantity: str
    by: str
    is_against_header: bool = False
    names_quantity: bool = True
    agrees: bool = True
    is_used: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the column as ``check --json`` prints it."""
        names = ("header", "cell", "quantity", "by")
        return {name: getattr(self, name) for name in names}


class GivenKind(StrEnum):
    """What the given numbers of a table are: the student's own, or which others."""

    SAME = "same"
    OTHERS = "somebody else's"
    CHANGED = "changed"  # a few of them
    TRIVIAL = "trivial"  # such as weights of 0, which make most columns right
    FOREIGN = "other"  # nobody's


@dataclass(frozen=True)
class GivenJudgement:
    """Whether a table has the given numbers of its student, or of the exercise.

    Attributes:
        changed: the names of the numbers that differ from the expected ones.
        whose: the id of the student whose numbers they are, or "".
        findings: what is wrong with them.
        shortfalls: which iterations and samples are missing, in words.
        notes: what else there is to say.
    """

    kind: GivenKind
    changed: tuple[str, ...] = ()
    whose: str = ""
    findings: tuple[Finding, ...] = ()
    shortfalls: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the judgement as ``check --json`` prints it."""
        return {"kind": self.kind.value, "changed": list(self.changed), "whose": self.whose}

    @property
    def has_only_another_rate(self) -> bool:
        """Whether all numbers but the learning rate are the given ones."""
        return self.kind is GivenKind.CHANGED and self.changed == (LEARNING_RATE,)


@dataclass(frozen=True)
class ColumnScore:
    """How many cells of a needed column are right.

    Attributes:
        column: the name of the quantity.
        group: the group that it gets points in.
        right: the number of right cells, those that correctly use a wrong value among them.
        needed: the number of cells that a complete table of as many iterations has.
    """

    column: str
    group: ColumnGroup
    right: int
    needed: int


@dataclass(frozen=True)
class TableResult:
    """The audit of one table.

    Attributes:
        exercise: the name of the packaged exercise, or the title of the given exercise.
        verdict: one of :data:`VERDICTS`.
        rows: the number of rows in which everything was checked; of a form or a table with a
            column per iteration, that of its iterations (or samples).
        lr: the learning rate that the updates use, or None if none was found.
        audited_columns: the columns that could be compared.
        typed_columns: computed columns with typed numbers instead of formulas, at least one.
        text_columns: columns with numbers that are stored as text.
        rounded_columns: columns with rounded numbers that are right within their rounding.
        begun_rows: the number of rows with something computed; the last one may be unfinished.
        unchecked_columns: the columns that a complete table needs and that were not, or not in
            all rows, checked: they are missing, have empty cells, or depend on empty cells.
        columns: how each column of the table was read.
        given: whether it has its student's numbers, if these are known.
        trace: what it has that can be compared with other students' tables.
        scores: how many cells of each needed column are right.
        rows_per_iteration: the number of rows of an iteration: 1, or one per sample.
        row_word: what a row of the table is called.
        is_worthless: whether it is not the student's exercise, so that it earns no points.
        teacher_notes: those of the warnings that are not for the student, as they name others.
    """

    file: str
    sheet: str
    exercise: str
    verdict: str
    rows: int
    lr: float | None
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    audited_columns: tuple[str, ...] = ()
    typed_columns: tuple[str, ...] = ()
    text_columns: tuple[str, ...] = ()
    rounded_columns: tuple[str, ...] = ()
    begun_rows: int = 0
    unchecked_columns: tuple[str, ...] = ()
    columns: tuple[ReadColumn, ...] = ()
    given: GivenJudgement | None = None
    trace: TableTrace | None = None
    scores: tuple[ColumnScore, ...] = ()
    rows_per_iteration: int = 1
    row_word: str = "row"
    is_worthless: bool = False
    teacher_notes: tuple[str, ...] = ()

    @property
    def not_checked(self) -> tuple[str, ...]:
        """The headers of the columns that fit nothing and were not checked."""
        return tuple(one.header or one.cell for one in self.columns if not one.quantity)

    @property
    def right_share(self) -> float | None:
        """The share of the columns that were checked in all rows and have no finding, 0 to 1.

        None if the table has no columns that could be checked.
        """
        not_right = {finding.column for finding in self.findings} | set(self.unchecked_columns)
        columns = not_right | set(self.audited_columns)
        return 1 - len(not_right) / len(columns) if columns else None

    @property
    def rows_text(self) -> str:
        """How many rows were checked: ``6 rows`` or ``1 of 6 rows``; of a form, iterations."""
        if self.rows >= self.begun_rows:
            return count(self.rows, self.row_word)
        return f"{self.rows:,} of {count(self.begun_rows, self.row_word)}"

    def to_json(self) -> dict[str, Any]:
        """Return the result as ``check --json`` prints it."""
        given = {} if self.given is None else {"given": self.given.to_json()}
        return {
            "file": self.file,
            "sheet": self.sheet,
            "exercise": self.exercise,
            "verdict": self.verdict,
            "rows": self.rows,
            "lr": self.lr,
            "faults": [finding.to_json() for finding in self.findings],
            "warnings": list(self.warnings),
            "columns": [column.to_json() for column in self.columns],
            "not_checked": list(self.not_checked),
            **given,
        }


class Advice(Enum):
    """What to do about a table that could not be checked."""

    DESCRIBE_NETWORK = auto()  # in an exercise file, if it is another network
    ANY_EXERCISE = auto()  # check it without the given exercise: it fits another one
    SHOW_COLUMNS = auto()  # look at how each column was read


@dataclass(frozen=True)
class Problem:
    """Why a file, or one of its sheets, could not be checked.

    Attributes:
        text: continues a sentence that starts with the name of the file.
        sheet: the sheet, or "" for the file.
        advice: what helps.
        columns: how the columns of the table were read.
    """

    text: str
    sheet: str = ""
    advice: tuple[Advice, ...] = ()
    columns: tuple[ReadColumn, ...] = ()


@dataclass(frozen=True)
class FilledWorksheet:
    """What a worksheet of the command ``sheet`` or ``handout`` says about itself.

    Attributes:
        blank: the groups of columns that were left to the student.
        marks: the points of each group, if its exercise has any.
        iterations: the number of iterations to fill in.
    """

    blank: tuple[ColumnGroup, ...]
    marks: Marks | None
    iterations: int


@dataclass(frozen=True)
class WorkbookResult:
    """The audit of one file: its tables, and why some or all of it could not be checked.

    Attributes:
        worksheet: what the workbook says about itself if it was written as a worksheet.
        networks: the networks that were read from formulas, as exercises.
        trace: what the file has that can be compared with other students' files.
        copy: the annotated copy, if one was written.
        copy_error: why an annotated copy could not be written.
    """

    path: Path
    tables: tuple[TableResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    networks: tuple[Exercise, ...] = ()
    worksheet: FilledWorksheet | None = None
    trace: FileTrace | None = None
    copy: Path | None = None
    copy_error: GradsheetError | None = None

    def at(self, path: Path) -> WorkbookResult:
        """Return the same result of a file that is, for the user, in another place."""
        tables = tuple(replace(table, file=str(path)) for table in self.tables)
        problems = tuple(
            replace(problem, text=problem.text.replace(str(self.path), str(path)))
            for problem in self.problems
        )
        return replace(self, path=path, tables=tables, problems=problems)
