"""The formulas that judge a typed cell: ``empty``, ``not yet`` or ``right``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from backprop_sheet.workbook.worksheet.differences import CHANGE

TOLERANCE = 1e-6  # relative, as a workbook is checked
# Central differences are as exact as this: their truncation, and the rounding of the error.
_RELATIVE, _ABSOLUTE = 5e-6, 5e-10
# A typed number may differ by half a unit of its last decimal, and by what the rounding of cells
# that it is computed from changes. It needs about three significant digits.
_FEWEST_DECIMALS, _MOST_DECIMALS = 3, 12
_LARGEST_ROUNDING = 5e-3  # relative
_EXACT = 1e-12  # relative
_LARGEST_SHARE = 0.5  # of the step of an update
# How much more than by its own rounding another cell changes a number, at most. The derivatives of
# sums, activations, errors and updates are mostly below 1; gradients are products.
_SENSITIVITY = 2
_FACTORS = 3

_REFERENCE = re.compile(r"(?<![!$A-Z0-9.])\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?(?![(\d])")


class Mark(StrEnum):
    """What is said about a cell that a student fills in."""

    EMPTY = "empty"
    NOT_YET = "not yet"
    RIGHT = "right"


def references(formula: str) -> list[str]:
    """Return the cells and ranges of the same sheet that a formula refers to, each once."""
    return list(dict.fromkeys(_REFERENCE.findall(formula)))


def all_filled(cells: list[str]) -> str:
    """Return a condition: all cells have numbers."""
    return f"COUNT({','.join(cells)})={sum(map(_size, cells))}"


def _size(reference: str) -> int:
    first, colon, last = reference.partition(":")
    if not colon:
        return 1
    row = re.compile(r"\d+")
    return int(row.search(last)[0]) - int(row.search(first)[0]) + 1  # type: ignore[index]


def mark_of_value(cell: str, expected: str, units: Sequence[str], before: str = "") -> str:
    """Return the formula of the mark of a cell whose right value is a formula of other cells.

    Args:
        units: the :func:`rounding_unit` of the cell, and of those that the formula refers to.
        before: for an update, the cell of the value before it. The digits must show the step.
    """
    filled = all_filled(references(expected))
    own, *others = units
    rounding = f"{own}+{_SENSITIVITY}*SUM({','.join(others)})" if others else own
    if before:
        rounding = f"MIN({rounding},{_LARGEST_SHARE:g}*ABS({expected}-{before}))"
    near = f"ABS({cell}-({expected}))<=MAX({TOLERANCE:g}*ABS({cell}),{_bounded(cell, rounding)})"
    return _mark(cell, f"AND({filled},{near})")


def mark_of_gradient(cell: str, errors: tuple[str, str], unit: str, relative: str) -> str:
    """Return the formula of the mark of a gradient.

    Args:
        errors: the cells of the error with the quantity increased and decreased by Δ.
        unit: the cell's :func:`rounding_unit`.
        relative: the range of the relative rounding of the values in the row.
    """
    step = f"{2 * CHANGE:g}"
    larger, smaller = errors
    rounding = _bounded(cell, f"{unit}+{_FACTORS}*ABS({cell})*SUM({relative})")
    allowed = f"MAX({_RELATIVE:g}*ABS({cell}),{_ABSOLUTE:g},{rounding})"
    near = f"ABS({cell}*{step}-({larger}-{smaller}))<={step}*{allowed}"
    return _mark(cell, near)


def _mark(cell: str, is_right: str) -> str:
    judged = f'IFERROR(IF(AND(ISNUMBER({cell}),{is_right}),"{Mark.RIGHT}","{Mark.NOT_YET}")'
    return f'IF(ISBLANK({cell}),"{Mark.EMPTY}",{judged},"{Mark.NOT_YET}"))'


def _bounded(cell: str, rounding: str) -> str:
    return f"MIN({_LARGEST_ROUNDING:g}*ABS({cell}),{rounding})"


def rounding_unit(cell: str, expected: str = "") -> str:
    """Return the formula of half a unit of the last decimal of a typed number.

    It is 0 for the number 0, for a number of many decimals, and for one that is exact.

    Args:
        expected: the formula of the right value, if other cells tell it.
    """
    unit = "0"
    for decimals in range(_MOST_DECIMALS, _FEWEST_DECIMALS - 1, -1):
        unit = f"IF(ROUND({cell},{decimals})={cell},5.001E-{decimals + 1},{unit})"
    exact = f"ABS({cell}-({expected}))<={_EXACT:g}*ABS({cell})" if expected else f"{cell}=0"
    return f"IFERROR(IF({exact},0,{unit}),0)"


def relative_rounding(cell: str, unit: str) -> str:
    """Return the formula of a cell's :func:`rounding_unit` as a share of its number."""
    return f"IFERROR({unit}/ABS({cell}),0)"
