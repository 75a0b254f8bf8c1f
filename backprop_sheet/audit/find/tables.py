"""A table of an exercise in a workbook: the cell of each named quantity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backprop_sheet.audit.read.header_text import as_compared
from backprop_sheet.audit.read.workbook import Address, Sheet

MAX_LINES_BEFORE_DATA = 3  # below a header: units, a second header line, a blank line


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

    def top(self) -> Address:
        """Return the header of the first quantity, below which only this table's cells are.

        Of a further training under the same header, it is the cell of the first record.
        """
        return self.header(self.names[0])

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
        wanted = as_compared(text)
        for name in self.names:
            written = self.value_at(self.header(name))
            if isinstance(written, str) and as_compared(written) == wanted:
                return name
        return None

    def place_of_header(self, text: str, sheet: str) -> Address | None:
        """Return the header ``text`` of any column of this table on a sheet, or None."""
        wanted = as_compared(text)
        headers = {
            as_compared(column.text): column.header
            for column in reversed(self.columns)
            if column.header is not None and column.header.sheet == sheet
        }
        return headers.get(wanted)


class Places:
    """The lines of a table's records, in order: consecutive ones, or any others.

    Attributes:
        lines: the line of each record; falling where the newest iteration stands first.
        low: the first line in the sheet.
        high: the last one.
    """

    def __init__(self, lines: Sequence[int]) -> None:
        """Keep the lines; consecutive ones as a range, as there may be a million."""
        first, last = lines[0], lines[-1]
        self.lines: Sequence[int] = lines
        self.low, self.high = min(first, last), max(first, last)
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
