"""The form of a formula relative to its cell: equal for a formula that is filled down or right."""

from __future__ import annotations

import re

from backprop_sheet.audit.read.references import Cell
from gradsheet.excel.column_letters import number_of_column

_OFFSET = re.compile(
    r"OFFSET\(\$?([A-Z]{1,3})\$?([0-9]{1,7}),(-?[0-9]{1,7}),(-?[0-9]{1,4})\)", re.IGNORECASE
)
# To a cell without a sheet: $, letters, $, digits.
REFERENCE = re.compile(r"(?<![\w.])(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})(?![\w(!])", re.IGNORECASE)


def relative_formula(formula: str, cell: Cell) -> str:
    """Return a formula with its relative references as distances, those of OFFSET, too."""
    row, column = cell

    def moved(match: re.Match[str]) -> str:
        letters, digits, down, over = match.groups()
        across = number_of_column(letters.upper()) + int(over)
        return f"{{{int(digits) + int(down) - row},{across - column}}}"

    if "OFFSET" in formula:
        formula = _OFFSET.sub(moved, formula)

    def distance(match: re.Match[str]) -> str:
        fixed_column, letters, fixed_row, digits = match.groups()
        over = 0 if fixed_column else column
        down = 0 if fixed_row else row
        across = number_of_column(letters.upper()) - over
        return f"{fixed_row}R{int(digits) - down}{fixed_column}C{across}"

    return REFERENCE.sub(distance, formula)
