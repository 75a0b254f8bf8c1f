"""Find the columns of a table that are on other sheets, or in further regions of its own.

Formulas refer to them row by row. The gradients of a typed table, which has no formulas, are on the
only sheet with as many records and other quantities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from backprop_sheet.audit.find.line_tables import LineTable
from backprop_sheet.audit.find.regions import Grid, column_at
from backprop_sheet.audit.find.tables import Column, Places, Table
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Address, Sheet
from backprop_sheet.equations.names import ERROR_KINDS, NEUTRAL_KINDS, Kind, kind_of

MAX_FORMULAS = 400  # of a sheet that are read to find how its rows belong to a table's
MIN_ROWS = 2  # of another sheet that refer to a table's records
MAX_REGIONS = 8  # of a table, on its own sheet
MAX_SHEETS = 16  # of a table
MAX_HEADER_DISTANCE = 3  # lines between the header and the first record
MAX_ROWS_USING = 6  # of a table, in which formulas that refer to another region are looked for
MAX_HEADER_LINE = 40  # of a typed sheet, within which its header is looked for
_KINDS = (Kind.SUM, Kind.ACTIVATION, Kind.GRADIENT)
_OF_OTHER = {Kind.WEIGHT, Kind.BIAS, Kind.INPUT, Kind.TARGET, Kind.SUM}
_OF_NETWORK = {Kind.WEIGHT, Kind.SUM, Kind.ACTIVATION, *ERROR_KINDS}


def lacks_kinds(table: Table) -> bool:
    """Whether a table has no sums, no activations, no gradients or no errors at all."""
    kinds = {kind_of(name) for name in table.names}
    return not kinds.issuperset(_KINDS) or kinds.isdisjoint(ERROR_KINDS)


def with_other_regions(table: Table) -> Table:
    """Return a table with its columns in other regions of its sheet: gradients below, or above.

    Their formulas refer to its records row by row. A region with parameters, inputs or sums of its
    own is another table, unless the table's formulas in turn refer to it row by row.
    """
    if not isinstance(table, LineTable) or table.records < MIN_ROWS:
        return table
    more: list[Column] = []
    for _ in range(MAX_REGIONS):  # a region may refer to another one
        columns = _next_region(table, more)
        if not columns:
            break
        more += columns
    return table.with_columns(more) if more else table


def _next_region(table: LineTable, known: Sequence[Column]) -> list[Column]:
    """Return the columns of the region with most formulas that use a table, or [].

    Args:
        known: the columns of the regions that were found before.
    """
    grid = Grid(table.sheets[table.sheet], table.layout)
    table = table.with_columns(known)
    rows: dict[int, set[int]] = {}  # that refer to the table's records, by distance
    formulas = 0
    for cell in grid.sheet.formulas:
        along, _ = grid.position(cell)
        if table.region_of(Address(table.sheet, *cell)) is not None:
            continue
        formulas += 1
        if formulas > MAX_FORMULAS:
            break
        for address in used_cells(grid.sheet, cell):
            line = _line_of_record(table, address) if address.sheet == table.sheet else None
            if line is not None:
                rows.setdefault(along - line, set()).add(along)
    for distance in sorted(rows, key=lambda distance: -len(rows[distance])):
        columns = _region_at(table, grid, distance) if len(rows[distance]) >= MIN_ROWS else []
        if columns:
            return columns
    return []


def _line_of_record(table: LineTable, address: Address) -> int | None:
    """Return the line, in a table's first region, of the record that a cell belongs to, or None."""
    record = table.record_of(address)
    return None if record is None else table.places.lines[record]


def _region_at(table: LineTable, grid: Grid, distance: int) -> list[Column]:
    """Return the columns in the lines that have a distance from a table's; [] if it is another."""
    first, last = (line + distance for line in (table.places.low, table.places.high))
    if first < 1 or table.has_records_between(first, last):
        return []
    places = Places([line + distance for line in table.places.lines])
    columns = _columns_in(grid, places)
    meanings = (meaning_of(column.text) for column in columns)
    is_other = any(meaning and kind_of(meaning.name) in _OF_OTHER for meaning in meanings)
    return [] if is_other and not _uses(table, grid, places) else columns


def _uses(table: LineTable, grid: Grid, places: Places) -> bool:
    """Whether a table's formulas refer to some lines row by row."""
    distances: dict[int, set[int]] = {}
    for record, line in enumerate(table.places.lines[:MAX_ROWS_USING]):
        for column in table.columns:
            cell = column.cells[record]
            if cell is None or cell.sheet != table.sheet:
                continue
            for address in used_cells(grid.sheet, (cell.row, cell.column)):
                along, _ = grid.position((address.row, address.column))
                if address.sheet == table.sheet and places.record(along) is not None:
                    distances.setdefault(along - line, set()).add(line)
    return any(len(lines) >= MIN_ROWS for lines in distances.values())


def with_other_sheets(table: Table, sheets: Mapping[str, Sheet]) -> Table:
    """Return a table with its columns on other sheets.

    Args:
        sheets: the other sheets that may have such columns.
    """
    if not isinstance(table, LineTable) or table.records < MIN_ROWS:
        return table
    more: list[Column] = []
    left = {title: Grid(sheet, table.layout) for title, sheet in sheets.items()}
    grown = table
    while found := dict(islice(_connected(grown, left), MAX_SHEETS)):
        more += [column for columns in found.values() for column in columns]
        grown = table.with_columns(more)
        left = {title: grid for title, grid in left.items() if title not in found}
    if not more and _lacks_typed_gradients(table):
        typed = [_typed_columns(table, Grid(sheet, table.layout)) for sheet in sheets.values()]
        filled = [columns for columns in typed if columns]
        more = filled[0] if len(filled) == 1 else []
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

    A sheet with weights, activations or errors is another table. One weight among headers that
    differ in their numbers only is a mistyped one of these: w5 among Δw1, Δw2 ….
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
        is_longer = any(grid.has_content(places.high + 1, across) for across in across_all)
        if len(across_all) < 2 or is_longer:
            continue
        texts = [grid.text(header, across) for across in across_all]
        kinds = [kind_of(one.name) for text in texts if (one := meaning_of(text)) is not None]
        of_network = [kind for kind in kinds if kind in _OF_NETWORK]
        if not of_network or (of_network == [Kind.WEIGHT] and _are_mostly_alike(texts)):
            return [column_at(grid, header, across, places, across_all[0]) for across in across_all]
    return []


def _are_mostly_alike(headers: Sequence[str]) -> bool:
    """Whether most of some headers differ in their numbers only."""
    parts = map(split_at_number, headers)
    times = Counter((before, after) for before, number, after in parts if number)
    return 2 * max(times.values(), default=0) > len(headers)


def _connected(table: LineTable, grids: Mapping[str, Grid]) -> Iterator[tuple[str, list[Column]]]:
    """Yield the sheets that formulas connect with a table row by row, with their columns."""
    lacks_some = lacks_kinds(table) or all(kind_of(name) is not Kind.WEIGHT for name in table.names)
    for title, grid in grids.items():
        columns = _columns_on(table, grid)
        if not columns and lacks_some:
            columns = _used_columns_on(table, grid)
        if columns:
            yield title, columns


def _columns_on(table: LineTable, grid: Grid) -> list[Column]:
    """Return the columns of another sheet whose rows refer to the table's records."""
    rows: dict[int, list[int]] = {}  # that refer to the table's records, by distance
    for cell in islice(grid.sheet.formulas, MAX_FORMULAS):
        along, _ = grid.position(cell)
        for address in used_cells(grid.sheet, cell):
            is_here = address.sheet == grid.sheet.title
            line = None if is_here else _line_of_record(table, address)
            if line is not None:
                rows.setdefault(along - line, []).append(along)
    return _columns_of_most(table, grid, rows)


def _used_columns_on(table: LineTable, grid: Grid) -> list[Column]:
    """Return the columns of another sheet whose rows the table's records refer to.

    A sheet with a quantity that the table has, too, is another table.
    """
    rows: dict[int, list[int]] = {}  # that the table's records refer to, by distance
    for column in table.columns:
        for record, line in enumerate(table.places.lines[:MAX_ROWS_USING]):
            cell = column.cells[record]
            if cell is None:
                continue
            for address in used_cells(table.sheets[cell.sheet], (cell.row, cell.column)):
                if address.sheet == grid.sheet.title:
                    along, _ = grid.position((address.row, address.column))
                    rows.setdefault(along - line, []).append(line)
    columns = _columns_of_most(table, grid, rows)
    meanings = (meaning_of(column.text) for column in columns)
    names = {meaning.name for meaning in meanings if meaning is not None}
    is_whole = all(column.value(table.records - 1) is not None for column in columns)
    is_other = any(kind_of(name) not in NEUTRAL_KINDS for name in names & {*table.names})
    return columns if is_whole and not is_other else []


def _columns_of_most(
    table: LineTable, grid: Grid, rows: Mapping[int, Sequence[int]]
) -> list[Column]:
    """Return a sheet's columns at the distance from the table's records that most formulas have."""
    distance = max(rows, key=lambda distance: len(rows[distance]), default=0)
    if len(set(rows.get(distance, ()))) < MIN_ROWS or table.places.low + distance < 1:
        return []
    return _columns_in(grid, Places([line + distance for line in table.places.lines]))


def _columns_in(grid: Grid, places: Places) -> list[Column]:
    """Return the columns that are filled along some lines, with their headers."""
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
