"""Find tables by their formulas, whatever their headers are.

A table has columns whose formulas are filled down: the same formula, relative to its cell, in
neighbouring rows. The same holds for rows that are filled right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.find.formula_runs import Run, runs_of, trainings
from backprop_sheet.audit.find.line_tables import LineTable
from backprop_sheet.audit.find.read_columns import ColumnSet, FormulaColumn, most_frequent
from backprop_sheet.audit.find.regions import Box, Grid, boxes_overlap, column_at, oldest_first
from backprop_sheet.audit.find.tables import Layout, Places, Table
from backprop_sheet.audit.read.formula_parser import (
    Resolve,
    UnreadableFormulaError,
    parse_formula,
)
from backprop_sheet.audit.read.header_text import as_compared
from backprop_sheet.audit.read.meanings import resolve
from backprop_sheet.audit.read.references import Address, Cell
from backprop_sheet.audit.read.relative_formulas import relative_formula
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import Sheet, number
from backprop_sheet.symbolic.expressions import Expression, Name, Number, names

MIN_COLUMNS = 3  # with formulas that are filled down
MAX_COLUMNS = 400
MAX_CELLS = 60_000  # formulas of one sheet that are compared
MAX_READ = 60  # records whose formulas are read
MAX_HEADER_DISTANCE = 4
MAX_GAP = 3  # lines without a record between two records


@dataclass(frozen=True)
class FormulaRegion:
    """A table in rows or columns of which only the place is known.

    Attributes:
        header: the line of the headers; 0 if the first record is in the first line.
        records: the lines of the records; a comment or an empty line may be between two of them.
        lines: the columns (rows, if the records are columns).
    """

    sheet: Sheet
    layout: Layout
    header: int
    records: Sequence[int]
    lines: tuple[int, ...]

    @property
    def first(self) -> int:
        """The first line of the records; they may fall, see :func:`oldest_first`."""
        return min(self.records[0], self.records[-1])

    @property
    def last(self) -> int:
        """The last line of the records."""
        return max(self.records[0], self.records[-1])

    @property
    def corner(self) -> Cell:
        """The first cell, which determines the reading order."""
        return self.cell(self.first, self.lines[0])

    def overlaps(self, other: FormulaRegion) -> bool:
        """Whether two tables share a part of the sheet."""
        return boxes_overlap(self._box(), other._box())

    def _box(self) -> Box:
        return self.corner, self.cell(self.last, self.lines[-1])

    def cell(self, along: int, across: int) -> Cell:
        """Return the cell in the record's line ``along`` and the column's line ``across``."""
        return (across, along) if self.layout is Layout.COLUMNS else (along, across)

    def position(self, cell: Cell) -> tuple[int, int]:
        """Return ``along`` and ``across`` of a cell."""
        return (cell[1], cell[0]) if self.layout is Layout.COLUMNS else cell

    def header_of(self, across: int) -> str:
        """Return the text nearest above (left of) the records; "" if there is none."""
        for along in range(self.first - 1, max(self.first - 1 - MAX_HEADER_DISTANCE, 0), -1):
            value = self.sheet.values.get(self.cell(along, across))
            if isinstance(value, str) and number(value) is None:
                return value
        return ""

    def table_by_headers(self) -> Table:
        """Return the table with the quantities that its headers name, be they few or none."""
        meanings = {across: meaning_of(self.header_of(across)) for across in self.lines}
        known = {across: one for across, one in meanings.items() if one and not one.is_next}
        names = zip(known, resolve(list(known.values())), strict=True)
        table = self.table({across: name for across, name in names if name is not None})
        table.is_presumed = True
        return table

    def table(self, quantities: dict[int, str]) -> Table:
        """Return the table with the quantity of each line that has one."""
        grid = Grid(self.sheet, self.layout)
        places = Places(self.records)
        all_lines = sorted({*self.lines, *quantities})
        columns = {
            across: column_at(grid, self.header, across, places, all_lines[0])
            for across in all_lines
        }
        named = {name: columns[across] for across, name in quantities.items()}
        return LineTable(self.layout, self.header, named, tuple(columns.values()))


def find_regions(sheet: Sheet) -> Iterator[FormulaRegion]:
    """Yield the tables of a sheet, the one with most columns first."""
    if not 0 < len(sheet.formulas) <= MAX_CELLS:
        return
    found = [
        region for layout in (Layout.ROWS, Layout.COLUMNS) for region in _regions_of(sheet, layout)
    ]
    yield from sorted(found, key=lambda region: -len(region.lines))


def _regions_of(sheet: Sheet, layout: Layout) -> Iterator[FormulaRegion]:
    """Yield the table of each training with columns that are filled down from about one line."""
    grid = Grid(sheet, layout)
    relative: dict[tuple[int, int], str] = {}
    for cell, formula in sheet.formulas.items():
        along, across = grid.position(cell)
        relative[across, along] = relative_formula(formula, cell)
    every = trainings(grid, runs_of(relative))
    for training in every:
        others = [other for other in every if other is not training]
        beside = {at for one in others if training.is_beside(one) for at in one.lines}
        above = {
            along
            for one in others
            if not training.is_beside(one) and not one.lines.isdisjoint(training.lines)
            for along in range(one.first - 1, one.last + 1)
        }
        region = _largest(sheet, layout, relative, training.runs, (beside - training.lines, above))
        if region is not None:
            yield region


def _largest(
    sheet: Sheet,
    layout: Layout,
    relative: Mapping[tuple[int, int], str],
    runs: Sequence[Run],
    others: tuple[Set[int], Set[int]],
) -> FormulaRegion | None:
    """Return the table with most columns that are filled down from about the same line.

    Args:
        others: the columns of other trainings beside it, and the lines of those above and below.
    """
    if not runs:
        return None
    ends = Counter(last for _, _, last in runs)
    last, _ = ends.most_common(1)[0]
    starts = Counter(first for _, first, end in runs if abs(end - last) <= 1)
    # Parameters are given in the first record and computed from the second on.
    first = (
        min(start for start, count in starts.items() if count >= MIN_COLUMNS)
        if any(count >= MIN_COLUMNS for count in starts.values())
        else min(starts)
    )
    columns = {across for across, start, end in runs if start <= last and end >= first}
    if len(columns) < MIN_COLUMNS:
        return None
    beside, above = others
    records = _with_more_records(relative, columns, (first, last), above)
    return _region(sheet, layout, records, columns, beside)


def _with_more_records(
    relative: Mapping[tuple[int, int], str],
    columns: set[int],
    ends: tuple[int, int],
    others: Set[int],
) -> list[int]:
    """Return the lines of the records, with those beyond gaps that have the same formulas.

    Args:
        others: the lines of other trainings.
    """
    first, last = ends
    pattern = {across: relative.get((across, last)) for across in columns}

    def is_record(along: int) -> bool:
        same = sum(relative.get((at, along)) == pattern[at] is not None for at in columns)
        return 2 * same >= len(columns) and along not in others

    records = list(range(first, last + 1))
    for step, edge in ((1, last), (-1, first)):
        gap = 0
        while gap <= MAX_GAP and edge + step > 0:
            edge += step
            if is_record(edge):
                records.append(edge)
                gap = 0
            else:
                gap += 1
    return sorted(records)


def _region(
    sheet: Sheet, layout: Layout, records: Sequence[int], columns: set[int], others: Set[int]
) -> FormulaRegion | None:
    region = FormulaRegion(sheet, layout, records[0] - 1, records, ())
    start = [region.cell(records[0] - 1, across) for across in columns]
    if all(number(sheet.values.get(cell)) is not None for cell in start):
        # All columns are computed from the record above, which is typed: parameters, on a sheet of
        # their own.
        records = [records[0] - 1, *records]
        region = FormulaRegion(sheet, layout, records[0] - 1, records, ())
    first = records[0]
    low, high = min(columns), max(columns)

    def is_own(across: int) -> bool:
        return across not in others and _is_filled(region, across)

    while high - low < MAX_COLUMNS:
        before = next((low - gap for gap in (1, 2) if is_own(low - gap)), low)
        after = next((high + gap for gap in (1, 2) if is_own(high + gap)), high)
        if (before, after) == (low, high):
            break
        low, high = before, after
    lines = tuple(across for across in range(low, high + 1) if across in columns or is_own(across))
    header = next(
        (
            along
            for along in range(first - 1, max(first - 1 - MAX_HEADER_DISTANCE, 0), -1)
            if sum(
                isinstance(sheet.values.get(region.cell(along, across)), str) for across in lines
            )
            > 1
        ),
        first - 1,
    )
    if len(lines) > MAX_COLUMNS:
        return None
    records = oldest_first(Grid(sheet, layout), records, lines)
    return FormulaRegion(sheet, layout, header, records, lines)


def _is_filled(region: FormulaRegion, across: int) -> bool:
    """Whether a line has numbers or formulas in at least half of the records."""
    some = region.records[: MAX_READ + 1]
    sheet = region.sheet
    filled = 0
    for along in some:
        cell = region.cell(along, across)
        filled += cell in sheet.formulas or number(sheet.values.get(cell)) is not None
    return 2 * filled >= len(some)


# --- columns --------------------------------------------------------------------------------------


def read_columns(region: FormulaRegion, sheets: dict[str, Sheet]) -> ColumnSet:
    """Read the columns of a table, and the cells outside that its formulas refer to.

    Args:
        sheets: the sheets with these cells, by title.
    """
    reader = _ColumnReader(region, sheets)
    columns = {column.name: column for column in map(reader.column, range(len(region.lines)))}
    return ColumnSet(columns | reader.outside, len(region.records), frozenset(reader.moving))


def column_name(across: int) -> str:
    """Return the name of a line of a table in formulas."""
    return f"column {across}"


class _ColumnReader:
    def __init__(self, region: FormulaRegion, sheets: dict[str, Sheet]) -> None:
        self.region, self.sheets = region, {**sheets, region.sheet.title: region.sheet}
        self.outside: dict[str, FormulaColumn] = {}
        self.moving: set[str] = set()
        self.records = len(region.records)
        self._places = Places(region.records)

    def column(self, index: int) -> FormulaColumn:
        """Read the column with an index."""
        region = self.region
        across = region.lines[index]
        values = np.full(self.records, np.nan)
        formulas: list[Expression] = []
        by_pattern: dict[str, set[str]] = {}  # the cells outside, by the relative formula
        has_formulas = False
        for record in range(self.records):
            cell = region.cell(region.records[record], across)
            value = number(region.sheet.values.get(cell))
            if value is not None:
                values[record] = value
            formula = region.sheet.formulas.get(cell)
            if formula is not None and record < MAX_READ:
                has_formulas = True
                parsed = self._parsed(formula, record, cell)
                if parsed is not None:
                    formulas.append(parsed)
                    self._note_moving(by_pattern, relative_formula(formula, cell), parsed)
        return FormulaColumn(
            column_name(across),
            region.header_of(across),
            values,
            most_frequent(formulas),
            (index,),
            is_unread=has_formulas and not formulas,
        )

    def _note_moving(
        self, by_pattern: dict[str, set[str]], pattern: str, formula: Expression
    ) -> None:
        """Note the cells outside that differ between records whose formulas are filled down."""
        cells = {part.name for part in names(formula) if part.name in self.outside}
        self.moving |= by_pattern.setdefault(pattern, cells) ^ cells

    def _parsed(self, formula: str, record: int, home: Cell) -> Expression | None:
        try:
            return parse_formula(
                formula,
                self._resolver(record),
                defined_names=self.region.sheet.defined_names,
                header=self._by_header,
                home=home,
            )
        except UnreadableFormulaError:
            return None

    def _by_header(self, text: str) -> Expression | None:
        wanted = as_compared(text)
        for across in self.region.lines:
            if as_compared(self.region.header_of(across)) == wanted:
                return Name(column_name(across))
        return None

    def _resolver(self, record: int) -> Resolve:
        region = self.region

        def resolve(title: str | None, row: int, column: int) -> Expression:
            along, across = region.position((row, column))
            is_here = title is None or title == region.sheet.title
            place = self._places.record(along)
            if is_here and across in region.lines and place is not None:
                return Name(column_name(across), place - record)
            return self._outside(Address(title or region.sheet.title, row, column))

        return resolve

    def _outside(self, address: Address) -> Expression:
        """Return the name of a cell outside the table; an empty one is 0."""
        sheet = self.sheets.get(address.sheet)
        cell = (address.row, address.column)
        value = number(sheet.values.get(cell)) if sheet else None
        if value is None:
            return Number(0.0)
        name = f"cell {address.sheet}!{address.row}.{address.column}"
        if name not in self.outside and sheet is not None:
            values = np.full(self.records, value)
            position = (1_000_000, address.row, address.column)
            header = label_of(sheet, cell)
            self.outside[name] = FormulaColumn(name, header, values, (), position, address)
        return Name(name)


def label_of(sheet: Sheet, cell: Cell) -> str:
    """Return the text to the left of a cell or above it; "" if there is none."""
    row, column = cell
    for beside in ((row, column - 1), (row - 1, column), (row, column - 2)):
        text = sheet.values.get(beside)
        if isinstance(text, str) and number(text) is None:
            return text
    return ""
