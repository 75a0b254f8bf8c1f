"""Find the columns of a table that are on other sheets.

Formulas refer to them row by row. The gradients of a typed table, which has no formulas, are on the
only sheet with as many records and other quantities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from backprop_sheet.audit.find.regions import Grid, column_at
from backprop_sheet.audit.find.tables import Column, LineTable, Places, Table
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.equations.names import ERROR_KINDS, Kind, kind_of

MAX_FORMULAS = 400  # of a sheet that are read to find how its rows belong to a table's
MIN_ROWS = 2  # of another sheet that refer to a table's records
MAX_HEADER_DISTANCE = 3  # lines between the header and the first record
MAX_HEADER_LINE = 40  # of a typed sheet, within which its header is looked for
_KINDS = (Kind.SUM, Kind.ACTIVATION, Kind.GRADIENT)
_OF_NETWORK = {Kind.WEIGHT, Kind.SUM, Kind.ACTIVATION, *ERROR_KINDS}


def lacks_kinds(table: Table) -> bool:
    """Whether a table has no sums, no activations, no gradients or no errors at all."""
    kinds = {kind_of(name) for name in table.names}
    return not kinds.issuperset(_KINDS) or kinds.isdisjoint(ERROR_KINDS)


def with_other_sheets(table: Table, sheets: Mapping[str, Sheet]) -> Table:
    """Return a table with its columns on other sheets.

    Args:
        sheets: the other sheets that may have such columns.
    """
    if not isinstance(table, LineTable) or table.records < MIN_ROWS:
        return table
    more: list[Column] = []
    for sheet in sheets.values():
        more += _columns_on(table, Grid(sheet, table.layout))
    if not more and _lacks_typed_gradients(table):
        typed = [_typed_columns(table, Grid(sheet, table.layout)) for sheet in sheets.values()]
        found = [columns for columns in typed if columns]
        more = found[0] if len(found) == 1 else []
    return table.with_columns(more) if more else table


def _lacks_typed_gradients(table: LineTable) -> bool:
    """Whether a table is typed, and has no gradients."""
    return not any(
        kind_of(name) is Kind.GRADIENT
        or any(table.formula(name, record) is not None for record in range(MIN_ROWS))
        for name in table.names
    )


def _typed_columns(table: LineTable, grid: Grid) -> list[Column]:
    """Return the columns of a typed sheet that has a number for each of the table's records.

    A sheet with weights, activations or errors is another table.
    """
    lines = table.places.lines
    if grid.sheet.formulas:
        return []
    cell = table.header(table.names[0])
    own_header, _ = grid.position((cell.row, cell.column))
    headers = Counter(
        along
        for text_cell, _ in grid.sheet.texts
        if (along := grid.position(text_cell)[0]) <= MAX_HEADER_LINE
    )
    for header in sorted(line for line, count in headers.items() if count > 1):
        distance = header - own_header
        places = Places([line + distance for line in lines])
        across_all = sorted(_filled(grid, places.lines))
        is_longer = any(grid.has_content(places.lines[-1] + 1, across) for across in across_all)
        if len(across_all) < 2 or is_longer:
            continue
        meanings = [meaning_of(grid.text(header, across)) for across in across_all]
        if all(meaning is None or kind_of(meaning.name) not in _OF_NETWORK for meaning in meanings):
            return [column_at(grid, header, across, places, across_all[0]) for across in across_all]
    return []


def _columns_on(table: LineTable, grid: Grid) -> list[Column]:
    """Return the columns of another sheet whose rows refer to the table's records."""
    lines = table.places.lines
    distances: Counter[int] = Counter()
    rows: dict[int, set[int]] = {}
    for cell in islice(grid.sheet.formulas, MAX_FORMULAS):
        along, _ = grid.position(cell)
        for address in used_cells(grid.sheet, cell):
            if address.sheet != table.sheet:
                continue
            place, _ = grid.position((address.row, address.column))
            if table.places.record(place) is not None:
                distances[along - place] += 1
                rows.setdefault(along - place, set()).add(along)
    if not distances:
        return []
    [(distance, _)] = distances.most_common(1)
    if len(rows[distance]) < MIN_ROWS:
        return []
    places = Places([line + distance for line in lines])
    some = list(places.lines[: min(len(places), 4)])
    across_all = sorted(_filled(grid, some))
    if not across_all:
        return []
    header = _header(grid, some[0], across_all)
    return [column_at(grid, header, across, places, across_all[0]) for across in across_all]


def _filled(grid: Grid, some: Iterable[int]) -> Iterator[int]:
    """Yield the lines that are filled in all of some records."""
    wanted = set(some)
    times: Counter[int] = Counter()
    for cell in {*grid.sheet.values, *grid.sheet.formulas}:
        along, across = grid.position(cell)
        if along in wanted and grid.has_content(along, across):
            times[across] += 1
    return (across for across, count in times.items() if count == len(wanted))


def _header(grid: Grid, first: int, across_all: list[int]) -> int:
    for line in range(first - 1, max(first - 1 - MAX_HEADER_DISTANCE, 0), -1):
        if 2 * sum(bool(grid.text(line, across)) for across in across_all) >= len(across_all):
            return line
    return max(first - 1, 1)
