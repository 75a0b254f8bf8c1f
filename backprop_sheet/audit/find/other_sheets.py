"""Find the columns of a table that are on other sheets: formulas refer to them row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from backprop_sheet.audit.find.regions import Grid, column_at
from backprop_sheet.audit.find.tables import Column, LineTable, Places, Table
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.equations.names import ERROR_KINDS, Kind, kind_of

MAX_FORMULAS = 400  # of a sheet that are read to find how its rows belong to a table's
MIN_ROWS = 2  # of another sheet that refer to a table's records
MAX_HEADER_DISTANCE = 3  # lines between the header and the first record
_KINDS = (Kind.SUM, Kind.ACTIVATION, Kind.GRADIENT)


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
    return table.with_columns(more) if more else table


def _columns_on(table: LineTable, grid: Grid) -> list[Column]:
    """Return the columns of another sheet whose rows refer to the table's records."""
    lines = table.places.lines
    distances: Counter[int] = Counter()
    rows: dict[int, set[int]] = {}
    for (row, column), formula in islice(grid.sheet.formulas.items(), MAX_FORMULAS):
        along, _ = grid.position((row, column))
        for address in references(formula, grid.sheet.title):
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
