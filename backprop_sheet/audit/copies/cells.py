"""Find the cells of a sheet in its XML."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from backprop_sheet.audit.copies.package import xml_name
from backprop_sheet.audit.read import references
from backprop_sheet.audit.read.limits import MAX_COLUMNS, MAX_ROWS
from backprop_sheet.audit.read.references import Cell


def cell_of(reference: str | None) -> Cell | None:
    """Return the row and column of a reference; None if it is not one of a cell."""
    cell = references.cell_of(reference or "")
    return cell if cell and 1 <= cell[0] <= MAX_ROWS and cell[1] <= MAX_COLUMNS else None


def positions(sheet: etree._Element, main: str) -> Iterator[tuple[etree._Element, Cell]]:
    """Yield the ``c`` elements of a sheet with their rows and columns.

    Rows and cells need not have references: each follows the one before.
    """
    row_number = 0
    for row in sheet.iter(xml_name(main, "row")):
        row_number = row_of(row) or row_number + 1
        column_number = 0
        for cell in row.iter(xml_name(main, "c")):
            place = cell_of(cell.get("r")) or (row_number, column_number + 1)
            row_number, column_number = place
            yield cell, place


def row_of(row: etree._Element) -> int | None:
    """Return the number of a ``row`` element; None if it has none or an impossible one."""
    try:
        number = int(float(row.get("r", "")))
    except (ValueError, OverflowError):
        return None
    return number if 1 <= number <= MAX_ROWS else None


def cells_of(sheet: etree._Element, main: str, wanted: set[Cell]) -> Iterator[etree._Element]:
    """Yield the ``c`` elements of some cells."""
    for cell, place in positions(sheet, main):
        if place in wanted:
            yield cell
