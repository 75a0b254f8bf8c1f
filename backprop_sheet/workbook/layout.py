"""The positions of tables and cells in the workbook, for the sheets that refer to each other.

Rows and columns count from 0, as in XlsxWriter.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from xlsxwriter.utility import xl_col_to_name, xl_range, xl_rowcol_to_cell

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, SAMPLE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.sheet_names import OVERVIEW, SAMPLES
from backprop_sheet.workbook.added_columns import AddedColumns
from gradsheet.excel.styles import COLORS, ColorPair

ROLE_COLORS: dict[Role, ColorPair] = {
    Role.GIVEN: COLORS["amber"],
    Role.WEIGHT: COLORS["blue"],
    Role.BIAS: COLORS["teal"],
    Role.HIDDEN: COLORS["violet"],
    Role.OUTPUT: COLORS["green"],
    Role.ERROR: COLORS["red"],
    Role.GRADIENT: COLORS["slate"],
    Role.STATE: COLORS["brown"],
    Role.MEAN: COLORS["red"],
}

# A learning rate's sheet: the cell of η, the titles of the groups of columns, the headers, and the
# first row of the table. The table of the sheet Samples is in the same rows.
RATE_CELL = (2, 1)
BAND_ROW, HEADER_ROW, FIRST_ROW = 4, 5, 6

# The Overview. Up to this many given values are listed above the table of learning rates; a longer
# list is below it, so that the table is visible without scrolling.
MAX_LIST_ABOVE = 20
OVERVIEW_FIRST_ROW = 6
GIVEN_COLUMN, RATES_COLUMN = 2, 1

SHEET_ROWS = 1_048_576
MAX_FORMULA = 8192
# Excel before 2010 draws at most so many points of one series.
CHART_ROWS = 32_000


class WorkbookLayout:
    """The positions in the workbook of one network.

    Attributes:
        header: the headers of a learning rate's table, left to right.
        added: further columns to the right of the table.
        all_columns: the headers of the table, and of the added columns.
        column_of: the column of each header.
        error: the error in charts and in the Overview: E_total, or E_mean if there are several
            samples.
        given: the names in the Overview's list of given values, top to bottom.
        given_row: the row of the first given value.
        rates_row: the header row of the Overview's table of learning rates.
    """

    def __init__(self, system: EquationSystem, rate_count: int, picture_rows: int = 0) -> None:
        self.system = system
        sample = (SAMPLE,) if system.has_sample_column else ()
        self.header: tuple[str, ...] = (ITERATION, *sample, *system.columns)
        self.added = AddedColumns(system)
        self.all_columns: tuple[str, ...] = (*self.header, *self.added.names)
        self.column_of = {name: index for index, name in enumerate(self.all_columns)}
        self.error = system.compared_error
        in_samples = system.has_sample_column
        data = () if in_samples else (*system.inputs, *system.targets)
        self.given: tuple[str, ...] = (*data, *system.parameters, *system.hyperparameters)
        length = max(len(self.given), picture_rows)
        self.list_is_above = len(self.given) <= MAX_LIST_ABOVE
        if self.list_is_above:
            self.given_row = OVERVIEW_FIRST_ROW
            self.rates_row = self.given_row + length + 3
            self.last_overview_row = self.rates_row + rate_count + 2
        else:
            self.rates_row = OVERVIEW_FIRST_ROW - 1
            self.given_row = self.rates_row + rate_count + 5
            self.last_overview_row = self.given_row + length
        self._given_index = {name: index for index, name in enumerate(self.given)}
        self._sample_columns = {
            name: column for column, name in enumerate((SAMPLE, *system.inputs, *system.targets))
        }

    def given_cell(self, name: str) -> tuple[int, int]:
        """Return the cell of a name in the Overview's list of given values."""
        return self.given_row + self._given_index[name], GIVEN_COLUMN

    def sample_cell(self, name: str, sample: int) -> tuple[int, int]:
        """Return the cell of an input, a target or ``sample`` on the sheet Samples.

        Args:
            sample: counts from 0.
        """
        return FIRST_ROW + sample, self._sample_columns[name]

    def given_reference(self, name: str, sample: int = 0) -> str:
        """Return an absolute reference to the cell of a given value: ``Overview!$C$7``."""
        if name in self._given_index:
            return on_sheet(OVERVIEW, *self.given_cell(name))
        return on_sheet(SAMPLES, *self.sample_cell(name, sample))

    def has_cell(self, name: str, block_row: int) -> bool:
        """Whether a column has a cell in a row of an iteration; ``block_row`` counts from 0."""
        return block_row == 0 or name not in self.added.of_iteration

    def letter(self, name: str) -> str:
        """Return the letter of a column of the table."""
        return str(xl_col_to_name(self.column_of[name]))

    def table_range(self, sheet: str, name: str, rows: int) -> list[str | int]:
        """Return the range of a column's first ``rows`` rows, as XlsxWriter's charts take it."""
        column = self.column_of[name]
        return [sheet, FIRST_ROW, column, FIRST_ROW + rows - 1, column]

    @property
    def groups(self) -> list[tuple[str, ColorPair, tuple[str, ...]]]:
        """The title, the colors and the names of each group of columns, left to right."""
        columns = self.system.columns
        table = [
            (str(role), ROLE_COLORS[role], tuple(names))
            for role, names in groupby(columns, lambda name: columns[name])
        ]
        return [*table, *self.added.groups]

    @property
    def first_computed_column(self) -> int:
        """The table's first column after its counters and given values."""
        return self.column_of[
            next(name for name, role in self.system.columns.items() if role is not Role.GIVEN)
        ]

    @property
    def charts_column(self) -> int:
        """The first column of the charts on a learning rate's sheet."""
        return len(self.all_columns) + 1

    @property
    def charts_cells(self) -> str:
        """The cells under the first chart; a link to all of them scrolls it into view."""
        column = self.charts_column
        return str(xl_range(FIRST_ROW, column, FIRST_ROW + 16, column + 8))


def shortest(rate: float) -> str:
    """Return the shortest decimal for a number: 0.1, 1, 1000000; for very large ones 1e40."""
    plain = np.format_float_positional(rate, trim="-")
    return plain if len(plain) <= 24 else np.format_float_scientific(rate, trim="-", exp_digits=1)


def sheet_name(rate: float) -> str:
    """Return the name of a learning rate's sheet: ``LR 0.1``."""
    return f"LR {shortest(rate)}"


def on_sheet(sheet: str, row: int, column: int) -> str:
    """Return an absolute reference to a cell of another sheet: ``'LR 0.1'!$B$3``."""
    cell = xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)
    return f"{quoted(sheet)}!{cell}"


def quoted(sheet: str) -> str:
    """Return the name of a sheet as in a formula, quoted if it has a space."""
    return f"'{sheet}'" if " " in sheet else sheet
