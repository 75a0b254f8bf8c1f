"""How many digits the numbers of a column show."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np

from backprop_sheet.audit.compare.record_values import Mask, Numbers
from backprop_sheet.audit.read.cell_values import decimal_in_text
from backprop_sheet.audit.read.workbook import number
from gradsheet.words import count

MAX_VALUES = 500  # of a column, from which its digits are counted


def half_of_last_digit(value: Any) -> float:
    """Return half a unit of the last digit of a number or of a number that is a text."""
    if isinstance(value, str):
        written = decimal_in_text(value)
        exponent = None if written is None else Decimal(written).as_tuple().exponent
        return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0
    known = number(value)
    if known is None or not math.isfinite(known) or not known:
        return 0.0
    exponent = Decimal(repr(known)).normalize().as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0


def digits_of(numbers: Numbers) -> tuple[int, int] | None:
    """Return the most significant digits, and the most decimals, of numbers; None if all are 0."""
    known = numbers[np.isfinite(numbers) & (numbers != 0)]
    if not len(known):
        return None
    significant, decimals = 0, -400
    step = max(1, len(known) // MAX_VALUES)
    for value in known[::step].tolist():
        written = Decimal(repr(value)).normalize().as_tuple()
        significant = max(significant, len(written.digits))
        if isinstance(written.exponent, int):
            decimals = max(decimals, -written.exponent)
    return significant, decimals


def half_units(numbers: Numbers, where: Mask) -> Numbers:
    """Return half a unit of the last digit of the numbers of a column, where there are such.

    They are rounded to the decimals, or to the significant digits, that the column has.
    """
    digits = digits_of(numbers[where])
    if digits is None:
        return np.zeros(numbers.shape)
    return np.where(where, half_units_of(numbers, digits), 0.0)


def half_units_of(numbers: Numbers, digits: tuple[int, int]) -> Numbers:
    """Return half a unit of the last digit of numbers with some significant digits, and decimals.

    A number that is 0 or unknown has the decimals.
    """
    significant, decimals = digits
    with np.errstate(all="ignore"):
        magnitude = np.floor(np.log10(np.abs(numbers)))
        last = np.where(np.isfinite(magnitude), 10.0 ** (magnitude - significant + 1), 0.0)
    half: Numbers = 0.5 * np.maximum(last, 10.0**-decimals)
    return half


def digits_words(significant: int, decimals: int) -> str:
    """Say how numbers are rounded."""
    if decimals > significant + 2:
        return count(significant, "significant digit")
    return count(max(decimals, 0), "decimal")
