"""What an audit finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backprop_sheet.audit.reading import Address

RIGHT, WRONG, INCOMPLETE = "right", "wrong", "incomplete"
VERDICTS = (RIGHT, WRONG, INCOMPLETE)


def number_text(value: Any) -> str:
    """Write a value that was found or expected, with up to 10 significant digits."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Finding:
    """What is wrong with a column, described by its first wrong cell.

    Attributes:
        column: the quantity, named as in our own header, or η.
        cells: the wrong cells, in order.
        found: what the first one shows.
        expected: the right value there, computed from the other cells as they are.
        formula: the formula found, with quantities for references; None for a typed number.
        expected_formula: the right formula.
        cause: the mistake in words.
        expected_in_cells: the right formula in the sheet's own references, or "" where a quantity
            that it needs has no cell.
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
class TableResult:
    """The audit of one table.

    Attributes:
        exercise: the name of the packaged exercise that it is, or the title of the given one.
        verdict: one of :data:`VERDICTS`.
        rows: the number of finished rows.
        lr: the learning rate that the updates use, or None if there is none to be found.
        judged_columns: the columns that could be compared.
    """

    file: str
    sheet: str
    exercise: str
    verdict: str
    rows: int
    lr: float | None
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    judged_columns: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the result as ``check --json`` prints it."""
        return {
            "file": self.file,
            "sheet": self.sheet,
            "exercise": self.exercise,
            "verdict": self.verdict,
            "rows": self.rows,
            "lr": self.lr,
            "faults": [finding.to_json() for finding in self.findings],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Problem:
    """Why a file, or one of its sheets, could not be judged.

    ``text`` follows the file's name; for another network it is the network's description.
    """

    text: str
    sheet: str = ""
    other_network: bool = False


@dataclass(frozen=True)
class WorkbookResult:
    """The audit of one file: its tables, and why some or all of it could not be judged.

    Attributes:
        copy: the annotated copy, if one was written.
        copy_problem: why none was written although one was asked for.
    """

    path: Path
    tables: tuple[TableResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    copy: Path | None = None
    copy_problem: str = ""
