"""Ranges of cells as formulas write them: references, whole columns and rows, OFFSET, INDEX."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backprop_sheet.audit.read.formula_functions import UnreadableFormulaError
from backprop_sheet.audit.read.limits import MAX_COLUMNS, MAX_ROWS
from backprop_sheet.audit.read.references import Cell
from gradsheet.excel.column_letters import number_of_column

_SHEET = r"(?:(?P<sheet>'(?:[^']|'')+'|[^!':]+)!)?"
REFERENCE = re.compile(rf"{_SHEET}\$?(?P<c>[A-Za-z]{{1,3}})\$?(?P<r>\d{{1,7}})")
_COLUMNS = re.compile(rf"{_SHEET}\$?(?P<first>[A-Za-z]{{1,3}}):\$?(?P<last>[A-Za-z]{{1,3}})")
_ROWS = re.compile(rf"{_SHEET}\$?(?P<first>\d{{1,7}}):\$?(?P<last>\d{{1,7}})")


@dataclass(frozen=True)
class CellRange:
    """A range of cells."""

    sheet: str | None
    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> int:
        """The number of cells."""
        return (self.bottom - self.top + 1) * (self.right - self.left + 1)


def read_range(written: str) -> CellRange | None:
    """Read a reference to a cell, a range, whole columns or whole rows."""
    first, colon, last = written.partition(":")
    start = REFERENCE.fullmatch(first)
    if start is not None:
        end = REFERENCE.fullmatch(last) if colon else start
        if end is None:
            raise UnreadableFormulaError(f"the range {written}")
        (row, column), (to_row, to_column) = cell_of(start), cell_of(end)
        return CellRange(
            _title(start), min(row, to_row), min(column, to_column),
            max(row, to_row), max(column, to_column),
        )  # fmt: skip
    if match := _COLUMNS.fullmatch(written):
        lines = sorted(number_of_column(match[part].upper()) for part in ("first", "last"))
        return CellRange(_title(match), 1, lines[0], MAX_ROWS, lines[1])
    if match := _ROWS.fullmatch(written):
        lines = sorted(int(match[part]) for part in ("first", "last"))
        return CellRange(_title(match), lines[0], 1, lines[1], MAX_COLUMNS)
    return None


def moved_range(area: CellRange, rows: int, columns: int) -> CellRange:
    """Return the range that OFFSET means."""
    moved = CellRange(
        area.sheet, area.top + rows, area.left + columns, area.bottom + rows, area.right + columns
    )
    if moved.top < 1 or moved.left < 1:
        raise UnreadableFormulaError("outside the sheet")
    return moved


def range_at_index(area: CellRange, steps: list[int]) -> CellRange:
    """Return the cell that INDEX means, as a range."""
    height, width = area.bottom - area.top + 1, area.right - area.left + 1
    row, column = row_and_column(height, width, steps)
    return CellRange(
        area.sheet, area.top + row - 1, area.left + column - 1,
        area.top + row - 1, area.left + column - 1,
    )  # fmt: skip


def row_and_column(height: int, width: int, steps: list[int]) -> tuple[int, int]:
    """Return the row and column that the arguments of INDEX mean."""
    if len(steps) == 1:
        steps = [steps[0], 1] if height > 1 else [1, steps[0]]
    row, column = [*steps, 1, 1][:2]
    row, column = row or 1, column or 1
    if not (1 <= row <= height and 1 <= column <= width):
        raise UnreadableFormulaError("outside the range")
    return row, column


def _title(match: re.Match[str]) -> str | None:
    quoted = match["sheet"]
    return quoted.strip("'").replace("''", "'") if quoted else None


def cell_of(match: re.Match[str]) -> Cell:
    """Return the row and column of a match of :data:`REFERENCE`."""
    return int(match["r"]), number_of_column(match["c"].upper())
