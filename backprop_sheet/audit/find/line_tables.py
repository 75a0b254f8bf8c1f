"""A table whose records are rows, or columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backprop_sheet.audit.find.tables import (
    MAX_LINES_BEFORE_DATA,
    Column,
    Layout,
    Places,
    Table,
)
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet


class LineCells(Sequence[Address]):
    """The cells of a column, computed and not stored: there may be hundreds of thousands."""

    def __init__(self, sheet: str, across: int, places: Places, *, is_transposed: bool) -> None:
        """Place the column in the line ``across`` of a sheet."""
        self.sheet, self.across, self.places = sheet, across, places
        self.is_transposed = is_transposed

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, cell: object) -> bool:  # Sequence would make all of them
        if not isinstance(cell, Address) or cell.sheet != self.sheet:
            return False
        along, across = (cell.row, cell.column)[:: -1 if self.is_transposed else 1]
        return across == self.across and self.places.record(along) is not None

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

    def record_of(self, address: Address) -> int | None:
        """Return the record that a cell is beside or in, or None."""
        places = self.region_of(address)
        return None if places is None else places.record(self._position(address)[0])

    def has_records_between(self, first: int, last: int) -> bool:
        """Whether a region of the table's own sheet shares some lines."""
        return any(
            places.low <= last and first <= places.high for places in self._places[self.sheet]
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
        along = self._header_line if is_first else max(cells.places.low - 1, 1)
        across, title = cells.across, cells.sheet
        return Address(title, *((across, along) if self._is_transposed else (along, across)))

    def top(self) -> Address:  # noqa: D102
        return self._top(self.names[0])

    def _top(self, name: str) -> Address:
        header, places = self.header(name), self._cells(self._named[name]).places
        is_near = places.low - self._position(header)[0] <= MAX_LINES_BEFORE_DATA + 1
        # Between a header and the records of a further training are those of other ones.
        first = 0 if places.lines[0] == places.low else -1
        return header if is_near else self._named[name].cells[first] or header

    def covers(self, address: Address) -> bool:  # noqa: D102
        along, across = self._position(address)
        for name in self._names_in.get((address.sheet, across), ()):
            high = self._cells(self._named[name]).places.high
            if self._position(self._top(name))[0] <= along <= high:
                return True
        return False
