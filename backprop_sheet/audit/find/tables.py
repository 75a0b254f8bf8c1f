"""A table of an exercise in a workbook: the cell of each named quantity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from backprop_sheet.audit.read.spellings import visible, without_spaces
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet


class Layout(StrEnum):
    """How a table is laid out."""

    ROWS = "rows"  # one row per record, the names above
    COLUMNS = "columns"  # one column per record, the names at the left
    FORM = "form"  # labels with their values, one block or sheet per record


class Table(ABC):
    """A table of an exercise.

    A record is one iteration, or one sample of an iteration: a row in the usual layout. Records
    count from 0.

    Attributes:
        sheet: the title of the (first) sheet.
        layout: the :class:`Layout`.
        records: the number of records, including unfinished ones.
        names: the canonical names of the table's quantities, in their order in the sheet.
        columns: all its columns, also those whose quantity is not known.
        sheets: the sheets of the table, by title, and those with given values.
        given_sheets: the titles of the sheets that only have given values.
        is_presumed: whether its names do not make a table of an exercise, so that it may be none.
    """

    sheet: str
    layout: Layout
    records: int
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    sheets: Mapping[str, Sheet]
    given_sheets: tuple[str, ...] = ()
    is_presumed: bool = False

    @abstractmethod
    def cell(self, name: str, record: int) -> Address | None:
        """Return the cell of a quantity of a record, or None."""

    @abstractmethod
    def locate(self, address: Address) -> tuple[str, int] | None:
        """Return the quantity and the record of a cell, or None if it is outside the table."""

    @abstractmethod
    def is_helper(self, address: Address) -> bool:
        """Whether a cell is among the records without being a known quantity."""

    def in_first_record(self, address: Address) -> Address:
        """Return the cell of the first record in the line of a cell among the records."""
        return address

    @abstractmethod
    def with_names(self, named: Mapping[str, Column]) -> Table:
        """Return the same table with other columns for its quantities."""

    @abstractmethod
    def column(self, name: str) -> Column:
        """Return the column of a quantity.

        Raises:
            KeyError: the table has no such quantity.
        """

    @abstractmethod
    def header(self, name: str) -> Address:
        """Return the cell of the header or label of a quantity.

        Raises:
            KeyError: the table has no such quantity.
        """

    @abstractmethod
    def covers(self, address: Address) -> bool:
        """Whether a cell is one of the table's headers, labels or quantities."""

    def value(self, name: str, record: int) -> Any:
        """Return the value in the cell of a quantity; None if it is blank or there is no cell."""
        address = self.cell(name, record)
        return None if address is None else self.value_at(address)

    def formula(self, name: str, record: int) -> str | None:
        """Return the formula in the cell of a quantity; None if there is no formula or no cell."""
        address = self.cell(name, record)
        return None if address is None else self.formula_at(address)

    def value_at(self, address: Address) -> Any:
        """Return the value of any cell in the table's sheets, or None."""
        sheet = self.sheets.get(address.sheet)
        return None if sheet is None else sheet.values.get((address.row, address.column))

    def formula_at(self, address: Address) -> str | None:
        """Return the formula of any cell in the table's sheets, or None."""
        sheet = self.sheets.get(address.sheet)
        return None if sheet is None else sheet.formulas.get((address.row, address.column))

    def values_of(self, name: str) -> list[Any]:
        """Return the values in the cells of a quantity, record by record."""
        return [self.value(name, record) for record in range(self.records)]

    def formulas_of(self, name: str) -> list[str | None]:
        """Return the formulas of a quantity's cells, record by record."""
        return [self.formula(name, record) for record in range(self.records)]

    def name_of_header(self, text: str) -> str | None:
        """Return the quantity of this table with the header ``text``, or None.

        Structured references (``Table1[@w1]``) refer to a column by its header.
        """
        wanted = visible(text).strip().casefold()
        for name in self.names:
            written = self.value_at(self.header(name))
            if isinstance(written, str) and visible(written).strip().casefold() == wanted:
                return name
        return None


class Places:
    """The lines of a table's records, in order: consecutive ones, or any others."""

    def __init__(self, lines: Sequence[int]) -> None:
        """Keep the lines; consecutive ones as a range, as there may be a million."""
        first, last = lines[0], lines[-1]
        self.lines: Sequence[int] = lines
        if last - first + 1 == len(lines):
            self.lines = range(first, last + 1)
        self._record_of = (
            None
            if isinstance(self.lines, range)
            else {line: record for record, line in enumerate(self.lines)}
        )

    def __len__(self) -> int:
        return len(self.lines)

    def record(self, line: int) -> int | None:
        """Return the record in a line, or None."""
        if self._record_of is not None:
            return self._record_of.get(line)
        first = self.lines[0]
        return line - first if first <= line < first + len(self.lines) else None


@dataclass(frozen=True, eq=False)
class Column:
    """The cells of one quantity of a table, whatever it is: a column in the usual layout.

    Attributes:
        header: the cell of its header or label; None if it has none.
        text: the header as it is written; "" without a header.
        group: the header of the group that it belongs to ("Gradients" above w1 … w8), or "".
        cells: the cell of each record, where there is one.
        sheets: the sheets of the cells, by title.
    """

    header: Address | None
    text: str
    group: str
    cells: Sequence[Address | None]
    sheets: Mapping[str, Sheet]

    def value(self, record: int) -> Any:
        """Return the value of a record; None if it is blank or there is no cell."""
        cell = self.cells[record]
        return None if cell is None else self.sheets[cell.sheet].values.get(cell[1:])

    def formula(self, record: int) -> str | None:
        """Return the formula of a record; None if there is no formula or no cell."""
        cell = self.cells[record]
        return None if cell is None else self.sheets[cell.sheet].formulas.get(cell[1:])


class LineCells(Sequence[Address]):
    """The cells of a column, computed and not stored: there may be hundreds of thousands."""

    def __init__(self, sheet: str, across: int, places: Places, *, is_transposed: bool) -> None:
        """Place the column in the line ``across`` of a sheet."""
        self.sheet, self.across, self.places = sheet, across, places
        self.is_transposed = is_transposed

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, record: int) -> Address:  # type: ignore[override]  # no slices
        along = self.places.lines[record]
        if self.is_transposed:
            return Address(self.sheet, self.across, along)
        return Address(self.sheet, along, self.across)


class LineTable(Table):
    """A table whose records are rows, or columns, in one region or several.

    The regions are on one sheet or on several. Each has one line for each record.

    Attributes:
        columns: all columns of the table's region, also those whose quantity is not known.
    """

    def __init__(
        self,
        layout: Layout,
        header_line: int,
        named: Mapping[str, Column],
        columns: Sequence[Column],
    ) -> None:
        """Place the table.

        Args:
            header_line: the row (in :attr:`Layout.COLUMNS`: the column) of the names.
            named: the column of each quantity; their cells are :class:`LineCells`.
            columns: all columns, the named ones included.
        """
        first = next(iter(columns))
        self.sheet = self._cells(first).sheet
        self.layout = layout
        self.records = len(first.cells)
        self.names = tuple(named)
        self.columns = tuple(columns)
        self.sheets = {
            title: column.sheets[title]
            for column in columns
            if (title := self._cells(column).sheet)
        }
        self._header_line = header_line
        self._named = dict(named)
        self._is_transposed = layout is Layout.COLUMNS
        # A column's line may go on in a second region below, with other quantities.
        self._names_in: dict[tuple[str, int], list[str]] = {}
        for name, column in named.items():
            cells = self._cells(column)
            self._names_in.setdefault((cells.sheet, cells.across), []).append(name)
        self._places: dict[str, list[Places]] = {}
        for column in self.columns:
            cells = self._cells(column)
            known = self._places.setdefault(cells.sheet, [])
            if all(
                cells.places is not places and cells.places.lines != places.lines
                for places in known
            ):
                known.append(cells.places)

    @staticmethod
    def _cells(column: Column) -> LineCells:
        assert isinstance(column.cells, LineCells)
        return column.cells

    def with_names(self, named: Mapping[str, Column]) -> LineTable:  # noqa: D102
        columns = {id(column): column for column in (*self.columns, *named.values())}
        table = LineTable(self.layout, self._header_line, named, tuple(columns.values()))
        table.sheets = {**self.sheets, **table.sheets}
        table.given_sheets = tuple(
            title for title in self.given_sheets if title not in table._places
        )
        return table

    def with_columns(self, more: Sequence[Column]) -> LineTable:
        """Return the same table with further columns, whose quantities are not known."""
        columns = (*self.columns, *more)
        table = LineTable(self.layout, self._header_line, self._named, columns)
        table.is_presumed = self.is_presumed
        table.sheets = {**self.sheets, **table.sheets}
        table.given_sheets = tuple(
            title for title in self.given_sheets if title not in table._places
        )
        return table

    @property
    def places(self) -> Places:
        """The lines of the records in the table's first region."""
        return self._places[self.sheet][0]

    def column(self, name: str) -> Column:  # noqa: D102
        return self._named[name]

    @property
    def first_cells(self) -> dict[str, Cell]:
        """The cells of the first record."""
        return {name: self._cells(column)[0][1:] for name, column in self._named.items()}

    def _position(self, address: Address) -> tuple[int, int]:
        """Return ``along`` and ``across`` of a cell."""
        if self._is_transposed:
            return address.column, address.row
        return address.row, address.column

    def cell(self, name: str, record: int) -> Address | None:  # noqa: D102
        column = self._named.get(name)
        if column is None or not 0 <= record < self.records:
            return None
        return column.cells[record]

    def values_of(self, name: str) -> list[Any]:  # noqa: D102
        return self._line_of(self._sheet_of(name).values, name)

    def formulas_of(self, name: str) -> list[str | None]:  # noqa: D102
        return self._line_of(self._sheet_of(name).formulas, name)

    def _sheet_of(self, name: str) -> Sheet:
        return self.sheets[self._cells(self._named[name]).sheet]

    def _line_of(self, cells: Mapping[Cell, Any], name: str) -> list[Any]:
        """Return the cells of a quantity, without computing an address for each."""
        line = self._cells(self._named[name])
        across, places = line.across, line.places.lines
        if self._is_transposed:
            return [cells.get((across, place)) for place in places]
        return [cells.get((place, across)) for place in places]

    def locate(self, address: Address) -> tuple[str, int] | None:  # noqa: D102
        along, across = self._position(address)
        for name in self._names_in.get((address.sheet, across), ()):
            record = self._cells(self._named[name]).places.record(along)
            if record is not None:
                return name, record
        return None

    def is_helper(self, address: Address) -> bool:  # noqa: D102
        return self.region_of(address) is not None and self.locate(address) is None

    def region_of(self, address: Address) -> Places | None:
        """Return the lines of the region that a cell is beside or in, or None."""
        along, _ = self._position(address)
        regions = self._places.get(address.sheet, ())
        return next((places for places in regions if places.record(along) is not None), None)

    def has_records_between(self, first: int, last: int) -> bool:
        """Whether a region of the table's own sheet shares some lines."""
        return any(
            places.lines[0] <= last and first <= places.lines[-1]
            for places in self._places[self.sheet]
        )

    def in_first_record(self, address: Address) -> Address:  # noqa: D102
        places = self.region_of(address)
        if places is None:
            return address
        _, across = self._position(address)
        return LineCells(address.sheet, across, places, is_transposed=self._is_transposed)[0]

    def header(self, name: str) -> Address:  # noqa: D102
        column = self._named[name]
        if column.header is not None:
            return column.header
        cells = self._cells(column)
        is_first = cells.places.lines == self.places.lines
        along = self._header_line if is_first else max(cells.places.lines[0] - 1, 1)
        across, title = cells.across, cells.sheet
        return Address(title, *((across, along) if self._is_transposed else (along, across)))

    def covers(self, address: Address) -> bool:  # noqa: D102
        along, across = self._position(address)
        for name in self._names_in.get((address.sheet, across), ()):
            lines = self._cells(self._named[name]).places.lines
            if self._position(self.header(name))[0] <= along <= lines[-1]:
                return True
        return False


class OtherLabel(NamedTuple):
    """A label of a form whose quantity is not known, and the place in the matrix beside it.

    Attributes:
        cell: the cell of the label.
        text: the label as it is written.
        place: row and column in the matrix, from 1; () if there is one value.
    """

    cell: Cell
    text: str
    place: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What the same label elsewhere has, too: the text without spaces, and the place."""
        return without_spaces(self.text), self.place

    @property
    def shown(self) -> str:
        """The text with the place: ``W1[1,2]``."""
        text = " ".join(self.text.split())
        return f"{text}[{','.join(map(str, self.place))}]" if self.place else text


@dataclass
class Block:
    """One record of a form.

    Attributes:
        sheet: its sheet.
        cells: the cell of each quantity.
        labels: the cell of each quantity's label.
        rows, columns: the first and last row and column of the block's part of the sheet.
        next_cells, next_labels: the same for the parameters of the next record (``new w1``).
        continues: whether the next parameters have plain labels (``w1`` again). They then start
            another record, which is not finished.
        weak: the names whose label is a word or a letter without a number.
        heading: the number of the iteration in a heading.
        line_table: the same record as a table in rows, used if the block is the only one.
        others: the cell of the value of each other label.
        next_others: of other labels, the label and the value that they have in the next record.
    """

    sheet: Sheet
    cells: dict[str, Cell]
    labels: dict[str, Cell]
    rows: tuple[int, int]
    columns: tuple[int, int]
    next_cells: dict[str, Cell] = field(default_factory=dict)
    next_labels: dict[str, Cell] = field(default_factory=dict)
    continues: bool = False
    weak: frozenset[str] = frozenset()
    heading: float | None = None
    line_table: LineTable | None = None
    others: dict[OtherLabel, Cell] = field(default_factory=dict)
    next_others: dict[OtherLabel, tuple[OtherLabel, Cell]] = field(default_factory=dict)

    def address(self, cell: Cell) -> Address:
        """Return a cell of the block's sheet as an address."""
        return Address(self.sheet.title, *cell)

    def contains(self, address: Address) -> bool:
        """Whether a cell is inside the block."""
        return (
            address.sheet == self.sheet.title
            and self.rows[0] <= address.row <= self.rows[1]
            and self.columns[0] <= address.column <= self.columns[1]
        )


class FormTable(Table):
    """A table whose records are blocks of labeled cells, on one sheet or several.

    Attributes:
        repeats: the cells of a block that only repeat a cell of the table in the block before.
    """

    layout = Layout.FORM

    def __init__(
        self,
        blocks: Sequence[Block],
        records: Sequence[Mapping[str, Address]],
        labels: Mapping[str, Address],
        label_cells: Iterable[Address],
        more: Iterable[Column] = (),
    ) -> None:
        """Place the table.

        Args:
            blocks: the blocks that the records were read from.
            records: the cell of each quantity, per record.
            labels: the first label of each quantity, in their order in the sheet.
            label_cells: all labels.
            more: columns whose quantity is not known.
        """
        self.sheet = blocks[0].sheet.title
        self.records = len(records)
        self.names = tuple(labels)
        self.sheets = {block.sheet.title: block.sheet for block in blocks}
        self._records = [dict(record) for record in records]
        self._labels = dict(labels)
        self._label_cells = set(label_cells)
        self._found = {
            address: (name, index)
            for index, record in reversed(list(enumerate(self._records)))
            for name, address in record.items()
        }
        self.repeats: Mapping[Address, Address] = {}
        self._all_blocks = tuple(blocks)
        self._blocks: dict[str, list[Block]] = {}
        for block in blocks:
            self._blocks.setdefault(block.sheet.title, []).append(block)
        self._columns = {name: self._column(name) for name in self.names}
        self.columns = (*self._columns.values(), *more)

    def _column(self, name: str) -> Column:
        header = self._labels[name]
        text = self.value_at(header)
        cells = tuple(record.get(name) for record in self._records)
        return Column(header, text if isinstance(text, str) else "", "", cells, self.sheets)

    def with_names(self, named: Mapping[str, Column]) -> FormTable:  # noqa: D102
        records: list[dict[str, Address]] = [{} for _ in range(self.records)]
        for name, column in named.items():
            for record, cell in zip(records, column.cells, strict=True):
                if cell is not None:
                    record[name] = cell
        labels = {
            name: column.header for name, column in named.items() if column.header is not None
        }
        known = set(map(id, named.values()))
        more = [column for column in self.columns if id(column) not in known]
        table = FormTable(self._all_blocks, records, labels, self._label_cells, more)
        table.sheets, table.given_sheets = self.sheets, self.given_sheets
        table.repeats = self.repeats
        return table

    def column(self, name: str) -> Column:  # noqa: D102
        return self._columns[name]

    def cell(self, name: str, record: int) -> Address | None:  # noqa: D102
        if not 0 <= record < self.records:
            return None
        return self._records[record].get(name)

    def locate(self, address: Address) -> tuple[str, int] | None:  # noqa: D102
        return self._found.get(self.repeats.get(address, address))

    def is_helper(self, address: Address) -> bool:  # noqa: D102
        return (
            self.locate(address) is None
            and address not in self._label_cells
            and any(block.contains(address) for block in self._blocks.get(address.sheet, ()))
        )

    def header(self, name: str) -> Address:  # noqa: D102
        return self._labels[name]

    def covers(self, address: Address) -> bool:  # noqa: D102
        return self.locate(address) is not None or address in self._label_cells
