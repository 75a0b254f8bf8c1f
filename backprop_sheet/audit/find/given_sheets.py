"""Read the sheets with given values that the formulas of a table refer to.

The sheets of a workbook are read one at a time. Given values may be on an earlier or a later sheet
than the table, so that the workbook is read again, once, if a table's formulas refer to others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from itertools import islice

from backprop_sheet.audit.find.given_values import lists_given_values
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet
from backprop_sheet.equations.names import GIVEN_KINDS, NEUTRAL_KINDS, Kind, kind_of

MAX_CELLS = 10_000  # of one sheet; of a larger one, only the upper left part is used
MAX_CELLS_IN_ALL = 300_000
MAX_LINES = 200  # rows, and columns, of the upper left part
RECORDS = 12  # in which the first formulas of each column are looked for
FORMULAS = 3  # of each column; those below were filled down
_COMPUTED = (Kind.SUM, Kind.ACTIVATION, Kind.GRADIENT)
_BESIDE_WEIGHTS = (Kind.ERROR, Kind.TOTAL, Kind.ADJOINT)
_WITHOUT_FORMULAS = NEUTRAL_KINDS | GIVEN_KINDS


class GivenSheets:
    """The other sheets of a workbook, by title, read when they are needed first."""

    def __init__(self, read: Callable[[], Iterator[Sheet]]) -> None:
        """Prepare to read.

        Args:
            read: yields the sheets of the workbook.
        """
        self._read = read

    def add_to(self, table: Table) -> frozenset[Address]:
        """Add the sheets that a table's formulas refer to; return the cells that they refer to."""
        referred = frozenset(_referred(table))
        titles = {address.sheet for address in referred} - table.sheets.keys()
        if titles:
            others = {title: sheet for title, sheet in self._sheets.items() if title in titles}
            table.sheets = {**table.sheets, **others}
            table.given_sheets = (*table.given_sheets, *others)
        return referred

    def add_lists(self, table: Table, stated: Collection[str]) -> bool:
        """Add the only sheet that lists given values to a typed table that lacks these.

        No formula tells which sheet a typed table is computed from.

        Args:
            stated: the names of the values that are found without the sheet.

        Returns:
            Whether a sheet was added.
        """
        kinds = {kind_of(name) for name in (*table.names, *stated)}
        if kinds >= GIVEN_KINDS or not _is_typed(table):
            return False
        lists = {
            title: sheet
            for title, sheet in self.others(table).items()
            if title not in table.given_sheets and lists_given_values(sheet)
        }
        if len(lists) != 1:
            return False
        table.sheets = {**table.sheets, **lists}
        table.given_sheets = (*table.given_sheets, *lists)
        return True

    def others(self, table: Table) -> dict[str, Sheet]:
        """Return all sheets that have none of a table's records."""
        own = table.sheets.keys() - set(table.given_sheets)
        return {title: sheet for title, sheet in self._sheets.items() if title not in own}

    @cached_property
    def _sheets(self) -> dict[str, Sheet]:
        result: dict[str, Sheet] = {}
        cells = 0
        for sheet in self._read():
            if len(sheet.values) > MAX_CELLS:
                sheet = _upper_left(sheet)
            cells += len(sheet.values)
            if cells > MAX_CELLS_IN_ALL:
                break
            result[sheet.title] = sheet
        return result


def _is_typed(table: Table) -> bool:
    """Whether a table has sums, activations or gradients, and no formulas for them.

    Where their headers are not known, errors or δ beside weights tell that it has them.
    """
    kinds = {*_COMPUTED, *_BESIDE_WEIGHTS} if _has_weights(table) else set(_COMPUTED)
    computed = [name for name in table.names if kind_of(name) in kinds]
    records = range(min(table.records, FORMULAS))
    return bool(computed) and all(
        table.formula(name, record) is None for name in computed for record in records
    )


def _has_weights(table: Table) -> bool:
    return any(kind_of(name) is Kind.WEIGHT for name in table.names)


def _upper_left(sheet: Sheet) -> Sheet:
    def is_near(cell: Cell) -> bool:
        return max(cell) <= MAX_LINES

    return Sheet(
        sheet.title,
        {cell: value for cell, value in sheet.values.items() if is_near(cell)},
        {cell: formula for cell, formula in sheet.formulas.items() if is_near(cell)},
    )


def _referred(table: Table) -> Iterator[Address]:
    """Yield the cells that the formulas of the table's first records refer to."""
    given = {id(table.column(name)) for name in table.names if kind_of(name) in _WITHOUT_FORMULAS}
    for column in table.columns:
        if id(column) in given:
            continue
        cells = (column.cells[record] for record in range(min(table.records, RECORDS)))
        with_formulas = (cell for cell in cells if cell and table.formula_at(cell) is not None)
        for cell in islice(with_formulas, FORMULAS):
            yield from used_cells(table.sheets[cell.sheet], (cell.row, cell.column))
