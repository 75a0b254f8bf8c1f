"""Where things stand in the workbook, for the sheets that refer to each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from backprop_sheet.equations import (
    COLUMNS,
    INPUTS,
    LEARNING_RATE,
    TARGETS,
    UPDATES,
    WEIGHTS,
    WITHIN_ROW,
    Role,
)
from backprop_sheet.expression import Name, formula
from common.look import SHADES, Shade

OVERVIEW = "Overview"
EQUATIONS_PAGE = "Equations"

ROLE_SHADES: dict[Role, Shade] = {
    Role.GIVEN: SHADES["amber"],
    Role.WEIGHT: SHADES["blue"],
    Role.HIDDEN: SHADES["violet"],
    Role.OUTPUT: SHADES["green"],
    Role.ERROR: SHADES["red"],
    Role.GRADIENT: SHADES["slate"],
}

# Rows and columns count from 0 here, as XlsxWriter counts them.

# The Overview's given values, and below them the table of the learning rates.
GIVEN_ROW, GIVEN_COLUMN = 6, 2
GIVEN = {
    name: (GIVEN_ROW + index, GIVEN_COLUMN)
    for index, name in enumerate((*INPUTS, *TARGETS, *WEIGHTS))
}
RATES_ROW, RATES_COLUMN = GIVEN_ROW + len(GIVEN) + 3, 1

# A learning rate's sheet: η, a band with the groups, the header, the table.
RATE_CELL = (2, 1)
BAND_ROW, HEADER_ROW, FIRST_ROW = 4, 5, 6
ITERATION = "iteration"
HEADER = (ITERATION, *COLUMNS)
COLUMN_OF = {name: index for index, name in enumerate(HEADER)}

SHEET_ROWS = 1_048_576
MOST_ITERATIONS = SHEET_ROWS - FIRST_ROW - 1
# Excel before 2010 draws no more points of one series, Excel of any year no more series.
CHART_ROWS = 32_000
MOST_RATES = 255


def shortest(rate: float) -> str:
    """The shortest decimal that is this number: 0.1, 1, 1000000; very long ones as 1e40."""
    plain = np.format_float_positional(rate, trim="-")
    return plain if len(plain) <= 24 else np.format_float_scientific(rate, trim="-", exp_digits=1)


def sheet_name(rate: float) -> str:
    """The name of a learning rate's sheet: ``LR 0.1``."""
    return f"LR {shortest(rate)}"


def on_sheet(sheet: str, row: int, column: int) -> str:
    """A fixed reference to a cell of another sheet: ``'LR 0.1'!$B$3``."""
    cell = xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)
    return f"'{sheet}'!{cell}" if " " in sheet else f"{sheet}!{cell}"


def table_range(sheet: str, name: str, rows: int) -> list[str | int]:
    """The first ``rows`` rows of a column of a learning rate's sheet, as charts take it."""
    column = COLUMN_OF[name]
    return [sheet, FIRST_ROW, column, FIRST_ROW + rows - 1, column]


def table_formula(name: str, row: str = "{row}", above: str = "{above}") -> str:
    """The formula of a column below the table's first row.

    Args:
        row: the number of the cell's own row, as text or as a placeholder.
        above: the number of the row above.
    """
    letter = xl_col_to_name(COLUMN_OF[name])
    if name == ITERATION:
        return f"{letter}{above}+1"
    expression = UPDATES.get(name) or WITHIN_ROW.get(name)
    return formula(expression, _cell(row, above)) if expression else f"{letter}{above}"


def first_row_formula(name: str) -> str:
    """The formula of a column in the table's first row, which takes the given values."""
    if name in GIVEN:
        return on_sheet(OVERVIEW, *GIVEN[name])
    return formula(WITHIN_ROW[name], _cell(str(FIRST_ROW + 1), ""))


def _cell(row: str, above: str) -> Callable[[Name], str]:
    def reference(name: Name) -> str:
        if name.name == LEARNING_RATE:
            return xl_rowcol_to_cell(*RATE_CELL, row_abs=True, col_abs=True)
        return xl_col_to_name(COLUMN_OF[name.name]) + (above if name.shift else row)

    return reference
