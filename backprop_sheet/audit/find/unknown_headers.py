"""The headers and labels of numbers that are no table of an exercise, or that a form leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.read.workbook import Sheet, number

MIN_HEADERS = 3
MAX_TEXT = 30  # characters of a header; longer texts are sentences


def unknown_headers(sheets: Iterable[Sheet]) -> tuple[str, ...]:
    """Return the longest line of texts above numbers, or else left of numbers; () if none."""
    above: list[str] = []
    beside: list[str] = []
    for sheet in sheets:
        rows: dict[int, list[str]] = {}
        columns: dict[int, list[str]] = {}
        for (row, column), text in sheet.values.items():
            if not isinstance(text, str) or number(text) is not None or len(text) > MAX_TEXT:
                continue
            if number(sheet.values.get((row + 1, column))) is not None:
                rows.setdefault(row, []).append(text)
            if number(sheet.values.get((row, column + 1))) is not None:
                columns.setdefault(column, []).append(text)
        above = max((above, *rows.values()), key=len)
        beside = max((beside, *columns.values()), key=len)
    longest = above if len(above) >= MIN_HEADERS else beside  # a table's rows may have names, too
    return tuple(longest) if len(longest) >= MIN_HEADERS else ()


def labels_by_sheet(sheets: Iterable[Sheet]) -> dict[str, tuple[str, ...]]:
    """Return the quantities that labels beside or above numbers name, by sheet."""
    found: dict[str, tuple[str, ...]] = {}
    for sheet in sheets:
        names: dict[str, None] = {}
        for (row, column), text in sheet.texts:
            beside = ((row, column + 1), (row + 1, column))
            if len(text) > MAX_TEXT or (name := quantity_name(text)) is None:
                continue
            if any(number(sheet.values.get(cell)) is not None for cell in beside):
                names[name] = None
        if len(names) >= MIN_HEADERS:
            found[sheet.title] = tuple(names)
    return found


def labels_left_out(
    table: Table, known: Mapping[str, Mapping[Address, float]]
) -> dict[Address, str]:
    """Return the labels among those of a form, beside a number, that are no part of it.

    Args:
        known: the values that labels give, by name and cell.
    """
    given = {cell for cells in known.values() for cell in cells}
    sheet = table.sheets.get(table.sheet)
    if table.layout is not Layout.FORM or sheet is None or not table.names:
        return {}
    headers = [table.header(name) for name in table.names]
    columns = {header.column for header in headers}
    rows = [header.row for header in headers]
    left = {}
    for (row, column), text in sheet.values.items():
        address, beside = (Address(table.sheet, row, place) for place in (column, column + 1))
        if beside in given or table.locate(beside) is not None:
            continue
        is_beside = number(sheet.values.get((row, column + 1))) is not None
        if not (isinstance(text, str) and is_beside and column in columns):
            continue
        if min(rows) < row < max(rows) and number(text) is None and not table.covers(address):
            left[address] = " ".join(text.split())
    return left
