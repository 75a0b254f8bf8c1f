"""The rows of a class report, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backprop_sheet.audit.compare.completeness import column_words
from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.results import Finding, Problem, TableResult
from backprop_sheet.marking.points import Points
from gradsheet.printable import printable

NOT_CHECKED = "not checked"
NO_WORKBOOK = "no workbook"


@dataclass(frozen=True)
class TableRow:
    """A table, or a file, table or student's folder that could not be checked.

    Attributes:
        points: None if nothing was checked.
        right_columns: :attr:`TableResult.right_share`; None, as the findings, if it is not told.
        first_finding: the first finding in words, why the file could not be checked, or what is in
            a folder without a workbook.
        not_checked: the needed columns that were not, or not in all rows, checked.
        typed: the columns with typed numbers instead of formulas; ``all`` stands for all of them.
        stored_as_text: the columns with numbers that are stored as text.
        rounded: the columns with numbers that are right to the typed digits.
    """

    file: str
    student: str
    sheet: str
    exercise: str
    verdict: str
    points: float | None
    right_columns: float | None
    learning_rate: float | None
    rows: int | None
    findings: int | None
    first_finding: str
    not_checked: str = ""
    typed: str = ""
    stored_as_text: str = ""
    rounded: str = ""

    @classmethod
    def of(
        cls, table: TableResult, file: str, student: str, points: Points, level: FeedbackLevel
    ) -> TableRow:
        """Return the row of a table; at the lowest level only its verdict and points."""
        row = cls(
            file,
            student,
            shown(table.sheet),
            shown(table.exercise),
            table.verdict,
            points.total,
            None,
            table.lr,
            table.rows,
            None,
            "",
        )
        if not level.tells_places:
            return row
        return replace(
            row,
            right_columns=table.right_share,
            findings=len(table.findings),
            first_finding=shown(first_words(table, level)),
            not_checked=", ".join(table.unchecked_columns),
            typed=_names(table.typed_columns, table),
            stored_as_text=_names(table.text_columns, table),
            rounded=_names(table.rounded_columns, table),
        )

    @classmethod
    def of_problem(cls, problem: Problem, file: str, student: str) -> TableRow:
        """Return the row of a file or table that could not be checked."""
        sheet, reason = shown(problem.sheet), shown(problem.text)
        return cls(file, student, sheet, "", NOT_CHECKED, None, None, None, None, 0, reason)

    @classmethod
    def without_workbook(cls, place: str, student: str, content: str) -> TableRow:
        """Return the row of a student without a workbook."""
        return cls(
            shown(place), shown(student), "", "", NO_WORKBOOK, None, None, None, None, 0,
            f"no workbook: {shown(content)}",
        )  # fmt: skip


@dataclass(frozen=True)
class FindingRow:
    """A finding.

    Attributes:
        table: the number of its table, from 0.
        told_cause: :attr:`Finding.cause_for_student`.
    """

    table: int
    file: str
    student: str
    sheet: str
    column: str
    first_cell: str
    count: int
    found: Any
    expected: Any
    cause: str
    formula: str
    right_formula: str
    meaning: str
    told_cause: str

    @classmethod
    def of(cls, number: int, row: TableRow, finding: Finding) -> FindingRow:
        """Return the row of a finding in a table."""
        return cls(
            number,
            row.file,
            row.student,
            row.sheet,
            finding.column,
            shown(finding.first_cell),
            finding.count,
            float(finding.found) if isinstance(finding.found, int) else finding.found,
            finding.expected,
            finding.cause,
            finding.formula or "",
            finding.expected_formula,
            finding.meaning,
            finding.cause_for_student,
        )


@dataclass(frozen=True)
class CommonMistake:
    """A cause of wrong cells in a column, or all of a kind, and how many submissions have it.

    All files of one student are one submission. ``share`` is the share of the submissions that
    could be checked. Where causes are not told, ``cause`` is "".
    """

    column: str
    cause: str
    submissions: int
    share: float
    example: str


def first_words(table: TableResult, level: FeedbackLevel) -> str:
    """Return what is first to know about a table: its first finding, or a note."""
    if not level.tells_places:
        return ""
    if table.findings:
        first = table.findings[0]
        where = f"{first.column} at {first.first_cell}"
        return f"{where}: {first.cause}" if level.tells_causes else where
    return "; ".join(table.warnings[:1]) if table.verdict != "right" else ""


def percent_decimals(share: float) -> int:
    """Return how many decimals a percentage needs so that only 1 is 100 % and only 0 is 0 %."""
    return next((n for n in range(4) if 0 < round(share, n + 2) < 1 or share in (0, 1)), 4)


def shown(text: str) -> str:
    """Return a name that can be encoded in UTF-8, with its control characters escaped.

    A character that changes the direction of text could make a name look like another one.
    """
    return printable(text.encode("utf-8", errors="replace").decode("utf-8"))


def _names(columns: Sequence[str], table: TableResult) -> str:
    """Name columns of a table; ``all`` if these are all of its audited ones."""
    if columns and set(columns) >= set(table.audited_columns):
        return "all"
    return ", ".join(columns)


def in_short(columns: str) -> str:
    """Write the names of columns in a row with ranges: ``w1 … w8``."""
    return column_words(columns.split(", ")) if columns else ""
