"""A table of an exercise in a workbook: the cell of each named quantity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from backprop_sheet.audit.read.spellings import visible
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
        sheets: the sheets of the table, by title, and those with given values.
        given_sheets: the titles of the sheets that only have given values.
    """

    sheet: str
    layout: Layout
    records: int
    names: tuple[str, ...]
    sheets: Mapping[str, Sheet]
    given_sheets: tuple[str, ...] = ()

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


class LineTable(Table):
    """A table whose records are rows, or columns, of one sheet.

    The addresses of its cells are computed and not stored, as there may be hundreds of thousands.
    """

    def __init__(
        self, sheet: Sheet, layout: Layout, header_line: int, lines: Mapping[str, int], first: int,
        last: int,
    ) -> None:  # fmt: skip
        """Place the table.

        Args:
            header_line: the row (in :attr:`Layout.COLUMNS`: the column) of the names.
            lines: the column (row) of each name.
            first: the row (column) of the first record.
            last: the row (column) of the last record.
        """
        self.sheet = sheet.title
        self.layout = layout
        self.records = last - first + 1
        self.names = tuple(lines)
        self.sheets = {sheet.title: sheet}
        self._header_line, self._first, self._last = header_line, first, last
        self._lines = dict(lines)
        self._name_of = {line: name for name, line in lines.items()}
        self._is_transposed = layout is Layout.COLUMNS

    @property
    def first_cells(self) -> dict[str, Cell]:
        """The cells of the first record."""
        return {name: self._address(self._first, line)[1:] for name, line in self._lines.items()}

    def _address(self, along: int, across: int) -> Address:
        """Return the cell in the record's line ``along`` and the name's line ``across``."""
        if self._is_transposed:
            return Address(self.sheet, across, along)
        return Address(self.sheet, along, across)

    def _position(self, address: Address) -> Cell:
        """Return ``along`` and ``across`` of a cell, the inverse of :meth:`_address`."""
        if self._is_transposed:
            return address.column, address.row
        return address.row, address.column

    def cell(self, name: str, record: int) -> Address | None:  # noqa: D102
        line = self._lines.get(name)
        if line is None or not 0 <= record < self.records:
            return None
        return self._address(self._first + record, line)

    def values_of(self, name: str) -> list[Any]:  # noqa: D102
        return self._line_of(self.sheets[self.sheet].values, name)

    def formulas_of(self, name: str) -> list[str | None]:  # noqa: D102
        return self._line_of(self.sheets[self.sheet].formulas, name)

    def _line_of(self, cells: Mapping[Cell, Any], name: str) -> list[Any]:
        """Return the cells of a quantity, without computing an address for each."""
        line = self._lines[name]
        places = range(self._first, self._last + 1)
        if self._is_transposed:
            return [cells.get((line, place)) for place in places]
        return [cells.get((place, line)) for place in places]

    def locate(self, address: Address) -> tuple[str, int] | None:  # noqa: D102
        if address.sheet != self.sheet:
            return None
        along, across = self._position(address)
        name = self._name_of.get(across)
        if name is None or not self._first <= along <= self._last:
            return None
        return name, along - self._first

    def is_helper(self, address: Address) -> bool:  # noqa: D102
        if address.sheet != self.sheet:
            return False
        along, across = self._position(address)
        return self._first <= along <= self._last and across not in self._name_of

    def in_first_record(self, address: Address) -> Address:  # noqa: D102
        return self._address(self._first, self._position(address)[1])

    def header(self, name: str) -> Address:  # noqa: D102
        return self._address(self._header_line, self._lines[name])

    def covers(self, address: Address) -> bool:  # noqa: D102
        if address.sheet != self.sheet:
            return False
        along, across = self._position(address)
        return across in self._name_of and self._header_line <= along <= self._last


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
    """A table whose records are blocks of labeled cells, on one sheet or several."""

    layout = Layout.FORM

    def __init__(
        self,
        blocks: Sequence[Block],
        records: Sequence[Mapping[str, Address]],
        labels: Mapping[str, Address],
        label_cells: Iterable[Address],
    ) -> None:
        """Place the table.

        Args:
            blocks: the blocks that the records were read from.
            records: the cell of each quantity, per record.
            labels: the first label of each quantity, in their order in the sheet.
            label_cells: all labels.
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
        self._blocks: dict[str, list[Block]] = {}
        for block in blocks:
            self._blocks.setdefault(block.sheet.title, []).append(block)

    def cell(self, name: str, record: int) -> Address | None:  # noqa: D102
        if not 0 <= record < self.records:
            return None
        return self._records[record].get(name)

    def locate(self, address: Address) -> tuple[str, int] | None:  # noqa: D102
        return self._found.get(address)

    def is_helper(self, address: Address) -> bool:  # noqa: D102
        return (
            address not in self._found
            and address not in self._label_cells
            and any(block.contains(address) for block in self._blocks.get(address.sheet, ()))
        )

    def header(self, name: str) -> Address:  # noqa: D102
        return self._labels[name]

    def covers(self, address: Address) -> bool:  # noqa: D102
        return address in self._found or address in self._label_cells
