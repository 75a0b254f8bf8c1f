"""Find the tables of an exercise in the sheets of a workbook, in any layout.

A sheet is searched first for tables in rows (names above, one row per record), then for tables in
columns (names at the left), and then for forms: labels with their values, see
:mod:`backprop_sheet.audit.find.forms`. The time is nearly proportional to the number of cells.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backprop_sheet.audit.find.form_chains import (
    form_table,
    join_across_sheets,
    join_blocks,
    makes_table,
)
from backprop_sheet.audit.find.form_tables import Block
from backprop_sheet.audit.find.forms import find_blocks
from backprop_sheet.audit.find.header_groups import (
    join_headers,
    repeated_gradients,
    split_headers,
    without_strays,
)
from backprop_sheet.audit.find.label_values import Matrices, matrices_of
from backprop_sheet.audit.find.line_tables import LineTable
from backprop_sheet.audit.find.numbered_headers import name_numbered_headers
from backprop_sheet.audit.find.parameters_above import (
    are_parameters_above,
    columns_of_parameters,
)
from backprop_sheet.audit.find.regions import (
    Box,
    Grid,
    boxes_overlap,
    oldest_first,
    region_columns,
)
from backprop_sheet.audit.find.results_lists import results_beside
from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.find.trainings import training_lines
from backprop_sheet.audit.find.unit_tables import UnitTables, unit_tables
from backprop_sheet.audit.find.units_beside import units_beside
from backprop_sheet.audit.read.labels import Label, is_reference, read_labels
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.table_names import MIN_NAMES, Names
from backprop_sheet.audit.read.workbook import Cell, Sheet, UnreadableWorkbookError
from backprop_sheet.equations.names import (
    COMPUTED_KINDS,
    GIVEN_KINDS,
    ITERATION,
    NEUTRAL_KINDS,
    PARAMETER_KINDS,
    Kind,
    kind_of,
)

MAX_TABLES = 500  # of one sheet
MAX_MATRIX_ROWS = 4  # records of what may be matrices with labels above them
MAX_MATRICES = 12  # headers that name quantities, in such a table
MAX_ACROSS = 1_048_576
MAX_ONE_ROW_TABLES = 5000  # of one sheet: a form may have its labels above
# A form may continue in later sheets. Small sheets with forms are kept in memory for this.
MAX_HELD_CELLS = 10_000  # of one sheet
MAX_HELD_CELLS_IN_ALL = 300_000


def find_tables(sheets: Iterable[Sheet]) -> Iterator[Table]:
    """Yield every table of an exercise, in reading order.

    The sheets are read one at a time. Tables are yielded as soon as their sheet is read. Forms may
    span several sheets: they are yielded when the next sheet with another table, or the last
    sheet, has been read.

    Raises:
        UnreadableWorkbookError: a sheet has too many tables.
    """
    held: list[list[Block]] = []
    held_cells = 0
    for sheet in sheets:
        tables, chains = _read(sheet)
        size = len(sheet.values)
        del sheet  # frees its memory before the next sheet is read
        if chains:
            held += chains
            held_cells += size
        if tables or size > MAX_HELD_CELLS or held_cells > MAX_HELD_CELLS_IN_ALL:
            yield from _held_tables(held)
            held, held_cells = [], 0
            yield from tables
        del tables, chains
    yield from _held_tables(held)


def _held_tables(chains: Sequence[list[Block]]) -> Iterator[Table]:
    for chain in join_across_sheets(chains):
        alone = chain[0].line_table if len(chain) == 1 else None
        yield alone or form_table(chain)


def _read(sheet: Sheet) -> tuple[list[LineTable], list[list[Block]]]:
    """Return the sheet's tables in rows or columns, or else the chains of blocks of its forms.

    Tables with a row per unit or parameter are such blocks, also beside the others.
    """
    name_numbered_headers(sheet)
    every = read_labels(sheet)
    units = unit_tables(sheet, every)
    labels = [label for label in every if label.cell not in units.cells]
    tables, summaries = _line_tables(sheet, labels)
    if summaries and units.cells:  # a list of parameters beside a forward pass for each of them
        units, labels = UnitTables(), every
        tables, summaries = _line_tables(sheet, labels)
    is_short = all(_may_be_matrices(table) for table in tables)
    matrices: Matrices = {}
    if units.cells:
        matrices = {cell: [] for cell in units.cells} | units.others
    elif is_short and not summaries:
        matrices = matrices_of(sheet)
    if matrices and not units.cells:
        tables, labels = [], [label for label in labels if label.cell not in matrices]
    if any(table.records > 1 and not table.is_presumed for table in tables):
        return tables, units_beside(sheet, labels, tables, units)
    presumed = [table for table in tables if table.is_presumed]
    tables = [table for table in tables if not table.is_presumed]
    if summaries:
        labels = [label for label in labels if label.cell not in summaries]
    chains = join_blocks(find_blocks(sheet, labels, matrices, units.named))
    if tables and not _have_more(chains, tables):
        # A table of one row may continue in the next sheet.
        cells = {frozenset(_network_cells(table.first_cells)): table for table in tables}
        for chain in chains:
            own = frozenset(_network_cells(chain[0].cells))
            chain[0].line_table = cells.pop(own, None)
        if cells:
            return tables, []
    if len(chains) > MAX_TABLES:
        raise _too_many(sheet)
    forms = [chain for chain in chains if makes_table(chain)]
    if presumed and all(_is_of_headers(chain, presumed) for chain in forms):
        return presumed, []
    return [], chains


def _may_be_matrices(table: LineTable) -> bool:
    """Whether a table is so short, and knows so few headers, that these may be matrices' labels."""
    is_known = not table.is_presumed and len(_network_cells(table.first_cells)) > MAX_MATRICES
    return table.records <= MAX_MATRIX_ROWS and not (table.records > 1 and is_known)


def _network_cells(cells: Mapping[str, Cell]) -> list[Cell]:
    """Return the cells of the network's quantities, without counters and constants."""
    return [cell for name, cell in cells.items() if _is_of_network(name)]


def _is_of_network(name: str) -> bool:
    return kind_of(name) not in NEUTRAL_KINDS


def _too_many(sheet: Sheet) -> UnreadableWorkbookError:
    return UnreadableWorkbookError(f"has a sheet with too many tables: {sheet.title}")


def _have_more(chains: Sequence[Sequence[Block]], tables: Sequence[LineTable]) -> bool:
    """Whether the forms of a sheet have more cells than its tables of one row each."""
    chains = [chain for chain in chains if makes_table(chain)]
    if not chains or any(len(chain) > 1 or chain[0].next_cells for chain in chains):
        return bool(chains)
    names = sum(len(_network_cells(block.cells)) for chain in chains for block in chain)
    return names > sum(len(_network_cells(table.first_cells)) for table in tables)


def _is_of_headers(chain: Sequence[Block], tables: Sequence[LineTable]) -> bool:
    """Whether most labels of a form, also repeated ones, are the headers of a table."""
    own = {block.address(cell) for block in chain for cell in block.cells.values()}
    return any(
        2 * len(own.intersection(cell for column in table.columns for cell in column.cells))
        > len(own)
        for table in tables
    )


# --- tables in rows and in columns ---


def _line_tables(sheet: Sheet, labels: Sequence[Label]) -> tuple[list[LineTable], set[Cell]]:
    """Find the tables in rows, and the tables in columns that do not overlap with them.

    A table in columns must have at least two records. Those whose names do not make a table are
    left out if there are others.

    Returns:
        The tables, and the headers of summaries (see :func:`_is_summary`).
    """
    summaries: set[Cell] = set()
    rows = _find_lines(Grid(sheet, Layout.ROWS), labels, summaries)
    columns = _find_lines(Grid(sheet, Layout.COLUMNS), labels, summaries)
    if not all(one.is_presumed for one in (*rows, *columns)):
        rows, columns = ([one for one in some if not one.is_presumed] for some in (rows, columns))
    firm = [one for one in rows if one.last > one.first]
    columns = [one for one in columns if one.last > one.first and not (firm and one.is_typed)]
    if len(firm) + len(columns) > MAX_TABLES or len(rows) > MAX_ONE_ROW_TABLES:
        raise _too_many(sheet)
    columns = [one for one in columns if not any(one.overlaps(other) for other in firm)]
    rows = [one for one in rows if not any(one.overlaps(other) for other in columns)]
    found = sorted([*rows, *columns], key=lambda one: one.corner)
    return [one.table() for table in found for one in table.with_further_trainings()], summaries


@dataclass
class _Lines:
    """A table in rows or in columns during the search."""

    grid: Grid
    header: int
    lines: dict[str, int]
    records: list[int] = field(default_factory=list)
    trainings: list[list[int]] = field(default_factory=list)  # the records of further ones below
    low: int = 1  # the lines across that the table can have
    high: int = MAX_ACROSS
    is_presumed: bool = False

    @property
    def first(self) -> int:
        """The line of the first record."""
        return self.records[0]

    @property
    def last(self) -> int:
        """The line of the last record."""
        return self.records[-1]

    @property
    def corner(self) -> Cell:
        """The first cell, which determines the reading order."""
        return self.grid.cell(self.header, min(self.lines.values()))

    @property
    def is_typed(self) -> bool:
        """Whether the first record has no formula."""
        cells = (self.grid.cell(self.first, across) for across in self.lines.values())
        return not any(cell in self.grid.sheet.formulas for cell in cells)

    def overlaps(self, other: _Lines) -> bool:
        """Whether two tables share a part of the sheet."""
        return boxes_overlap(self._box(), other._box())

    def continues(self, other: _Lines) -> bool:
        """Whether this is only the part of another table below a repeated header."""
        return (
            self.header > other.first
            and self.first in other.records
            and not set(self.lines.values()).isdisjoint(other.lines.values())
        )

    def with_further_trainings(self) -> list[_Lines]:
        """Return this table, and those of the further trainings under its header."""
        return [self, *(replace(self, records=records) for records in self.trainings)]

    def _box(self) -> Box:
        lines = self.lines.values()
        return (
            self.grid.cell(self.header, min(lines)),
            self.grid.cell(self.last, max(lines)),
        )

    def table(self) -> LineTable:
        """Return the table itself."""
        lines = tuple(self.lines.values())
        records = oldest_first(self.grid, self.records, lines, self.lines.get(ITERATION))
        limits = self.low, self.high
        columns = region_columns(self.grid, self.header, records, lines, limits)
        if are_parameters_above(self.grid, records, self.lines):
            above = columns_of_parameters(self.grid, self.header, records[:-1], self.lines)
            columns = region_columns(self.grid, self.header, records[1:], lines, limits) | above
        named = {name: columns[across] for name, across in self.lines.items()}
        table = LineTable(self.grid.layout, self.header, named, tuple(columns.values()))
        table.is_presumed = self.is_presumed
        return table


def _find_lines(grid: Grid, labels: Sequence[Label], summaries: set[Cell]) -> list[_Lines]:
    headers: dict[int, list[tuple[int, Meaning]]] = {}
    for label in labels:
        if not label.meaning.is_next:
            along, across = grid.position(label.cell)
            headers.setdefault(along, []).append((across, label.meaning))
    found: dict[tuple[int, int], _Lines] = {}  # by the first record and each of the lines
    divided: list[_Lines] = []  # with comments, empty lines or repeated headers among the records
    for header, line in sorted(headers.items()):
        if len({meaning.name for _, meaning in line}) < MIN_NAMES:
            continue
        line.sort(key=lambda one: one[0])
        parts = join_headers(grid, header, list(split_headers(line)))
        for number_of_part, part in enumerate(parts):
            table = _table_below(grid, header, part)
            if table is None or any(table.continues(other) for other in divided):
                continue
            if number_of_part:
                table.low = parts[number_of_part - 1][-1][0] + 1
            if number_of_part + 1 < len(parts):
                table.high = parts[number_of_part + 1][0][0] - 1
            if table.last - table.first >= len(table.records):
                divided.append(table)
            if _is_summary(grid, table):
                if not table.is_presumed:
                    summaries.update(grid.cell(header, across) for across, _ in part)
                continue
            # If there are two header lines above the same records, use the one with more names.
            others = {
                id(other): other
                for across in table.lines.values()
                if (other := found.get((table.first, across)))
            }
            if any(len(other.lines) > len(table.lines) for other in others.values()):
                continue
            for other in others.values():
                for across in other.lines.values():
                    found.pop((other.first, across), None)
            found |= dict.fromkeys(((table.first, at) for at in table.lines.values()), table)
    return list({id(table): table for table in found.values()}.values())


def _table_below(grid: Grid, header: int, part: Sequence[tuple[int, Meaning]]) -> _Lines | None:
    """Return the table below some headers, or None."""
    grouped = repeated_gradients(grid, header, part)
    part = part if grouped else without_strays(part)
    meanings = [meaning for _, meaning in part]
    lines: dict[str, int] = {}
    weak: set[str] = set()
    for name, (across, meaning) in zip(resolve(meanings), part, strict=True):
        if name is not None:
            lines[name] = across
            if meaning.is_weak:
                weak.add(name)
    for name in results_beside(grid, header, lines):
        del lines[name]
    table = _Lines(grid, header, lines)
    if not _names_of([*lines, *grouped], weak).may_make_table or not _find_records(grid, table):
        return None
    _drop_lone_constants(grid, table)
    names = _names_of([*table.lines, *grouped], weak)
    if names.make_table:
        return table
    # Nothing but numbers tells what the other columns of a typed table are. With formulas, it is
    # found by them, unless its repeated headers look like the labels of a form.
    is_known = table.is_typed or _is_divided(grid, table)
    table.is_presumed = names.may_make_table and is_known and len(table.records) > 1
    return table if table.is_presumed else None


def _is_divided(grid: Grid, table: _Lines) -> bool:
    """Whether most headers are repeated among the records; a list beside has none there."""
    lines = list(table.lines.values())
    heads = [grid.text(table.header, across) for across in lines]
    gaps = set(range(table.first, table.last)).difference(table.records)
    return any(
        2 * sum(grid.text(along, across) == head for across, head in zip(lines, heads, strict=True))
        > len(lines)
        for along in gaps
    )


def _names_of(lines: Iterable[str], weak: Container[str]) -> Names:
    names = Names()
    for name in lines:
        names.add(name, is_weak=name in weak)
    return names


def _find_records(grid: Grid, table: _Lines) -> bool:
    """Set the records. Return false if no numbers or formulas follow."""
    lines = [across for name, across in table.lines.items() if _is_of_network(name)]
    weights = [across for name, across in table.lines.items() if kind_of(name) is Kind.WEIGHT]
    table.records, *table.trainings = [*training_lines(grid, table.header, lines, weights)] or [[]]
    return bool(table.records)


def _drop_lone_constants(grid: Grid, table: _Lines) -> None:
    """Drop a column with a single number for η, inputs, targets or biases.

    Its header is a label and not the header of a column, which would have one number per record.
    So it is if further labels follow: i1, 0.05, i2, 0.1.
    """
    records = table.records
    if len(records) == 1:
        return

    def has_two(across: int) -> bool:
        count = 0
        for along in records:
            count += grid.number(along, across) is not None
            if count == 2:
                return True
        return False

    continues: bool | None = None
    for name, across in list(table.lines.items()):
        kind = kind_of(name)
        is_given = kind in GIVEN_KINDS or kind in (Kind.CONSTANT, Kind.BIAS)
        if is_given and any(meaning_of(grid.text(along, across)) for along in records):
            del table.lines[name]
        elif kind is Kind.CONSTANT:
            # In a few records only, it belongs to a list of results beside the table.
            if not has_two(across) or 2 * sum(
                grid.number(along, across) is not None for along in records
            ) < len(records):
                del table.lines[name]
        elif kind in GIVEN_KINDS or kind is Kind.BIAS:
            if has_two(across):
                continue
            if continues is None:
                continues = any(
                    has_two(line)
                    for computed, line in table.lines.items()
                    if kind_of(computed) in (Kind.SUM, Kind.ACTIVATION)
                )
            if continues and grid.number(table.first, across) is not None:
                del table.lines[name]


def _is_summary(grid: Grid, table: _Lines) -> bool:
    """Whether the records are not iterations, but copies of other cells or one per parameter.

    In a gradient check, each row has the forward pass with another changed parameter.
    """
    sheet = grid.sheet
    computed = [
        grid.cell(table.first, across)
        for name, across in table.lines.items()
        if kind_of(name) in COMPUTED_KINDS
    ]
    formulas = [sheet.formulas[cell] for cell in computed if cell in sheet.formulas]
    if formulas and all(
        is_reference(formula, to_other_sheet=not grid.is_transposed) for formula in formulas
    ):
        return True
    if any(kind_of(name) is Kind.GRADIENT for name in table.lines):
        return False
    edge = min(table.lines.values())
    some = table.records[:8]
    for across in range(max(edge - 3, 1), edge):
        named = [
            meaning
            for along in some
            if (meaning := meaning_of(sheet.values.get(grid.cell(along, across))))
            and kind_of(meaning.name) in PARAMETER_KINDS
        ]
        if len(named) > 1 and 2 * len(named) >= len(some):
            return True
    return False
