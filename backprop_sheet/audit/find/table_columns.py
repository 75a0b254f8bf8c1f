"""The columns of a table, read once for all exercises that the table may be of."""

from __future__ import annotations

from functools import cached_property

from backprop_sheet.audit.find.column_formulas import ColumnFormulas
from backprop_sheet.audit.find.column_numbers import ColumnNumbers, read_numbers, sample_records
from backprop_sheet.audit.find.tables import Table

MAX_COLUMNS = 400  # of a table whose columns are assigned by numbers


class TableColumns:
    """The columns of a table, with the formulas and the numbers of a few records."""

    def __init__(self, table: Table) -> None:
        """Read nothing yet."""
        self.table = table
        self.columns = tuple(table.columns[:MAX_COLUMNS])
        self._numbers: dict[int, ColumnNumbers] = {}

    @cached_property
    def formulas(self) -> ColumnFormulas:
        """The formulas of one record, as expressions of the columns."""
        return ColumnFormulas(self.columns, self.table.records)

    def numbers(self, rows_per_iteration: int) -> ColumnNumbers:
        """Return the numbers of a few records."""
        numbers = self._numbers.get(rows_per_iteration)
        if numbers is None:
            records = sample_records(self.table.records, rows_per_iteration)
            numbers = read_numbers(self.columns, records, rows_per_iteration)
            self._numbers[rows_per_iteration] = numbers
        return numbers
