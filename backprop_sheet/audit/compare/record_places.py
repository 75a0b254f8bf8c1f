"""Where the records of a table stand, in words: rows, columns or the iterations of a form."""

from __future__ import annotations

from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.find.tables import Layout


def record_word(data: TableData) -> str:
    """Return the word for a record."""
    if data.table.layout is Layout.ROWS:
        return "row"
    return "iteration" if data.system.sample_count == 1 else "sample"


def place_of(data: TableData, record: int) -> str:
    """Return where a record stands: ``row 5``, ``column H``, ``iteration 2``."""
    table = data.table
    cells = (table.cell(name, record) for name in table.names)
    cell = next((one for one in cells if one is not None), None)
    if cell is None or table.layout is Layout.FORM:
        return f"{record_word(data)} {record + 1}"
    if table.layout is Layout.COLUMNS:
        return f"column {cell.local.rstrip('0123456789')}"
    return f"row {cell.row}"


def places_of(data: TableData, first: int, last: int) -> str:
    """Return where the records from one to another stand: ``rows 5 to 7``."""
    start, end = place_of(data, first), place_of(data, last)
    if start == end:
        return start
    unit, _, place = start.partition(" ")
    return f"{unit}s {place} to {end.partition(' ')[2]}"
