"""Find the cells of a sheet in its XML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from openpyxl.utils.cell import column_index_from_string

from backprop_sheet.audit.read.workbook import Cell

_REFERENCE = re.compile(r"\s*\$?([A-Za-z]{1,3})\$?(\d{1,7})\s*", re.ASCII)
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384


def cell_of(reference: str | None) -> Cell | None:
    """Return the row and column of a reference; None if it is not one of a cell."""
    match = _REFERENCE.fullmatch(reference or "")
    if not match:
        return None
    row, column = int(match[2]), column_index_from_string(match[1].upper())
    return (row, column) if 1 <= row <= _MAX_ROW and column <= _MAX_COLUMN else None


def positions(sheet: etree._Element, main: str) -> Iterator[tuple[etree._Element, Cell]]:
    """Yield the ``c`` elements of a sheet with their rows and columns.

    Rows and cells need not have references: each follows the one before.
    """
    row_number = 0
    for row in sheet.iter(f"{{{main}}}row"):
        row_number = row_of(row) or row_number + 1
        column_number = 0
        for cell in row.iter(f"{{{main}}}c"):
            place = cell_of(cell.get("r")) or (row_number, column_number + 1)
            row_number, column_number = place
            yield cell, place


def row_of(row: etree._Element) -> int | None:
    """Return the number of a ``row`` element; None if it has none or an impossible one."""
    try:
        number = int(float(row.get("r", "")))
    except (ValueError, OverflowError):
        return None
    return number if 1 <= number <= _MAX_ROW else None


def cells_of(sheet: etree._Element, main: str, wanted: set[Cell]) -> Iterator[etree._Element]:
    """Yield the ``c`` elements of some cells."""
    for cell, place in positions(sheet, main):
        if place in wanted:
            yield cell
