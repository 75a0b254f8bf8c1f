"""Mistakes in typing one number: a sign, the decimal point, exchanged digits, a wrong digit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from backprop_sheet.audit.compare.record_values import Numbers

MIN_DIGITS = 3  # significant digits that a number must have to say what happened to it
MAX_DECIMALS = 12  # that are compared
MAX_MOVED = 3  # places by which a decimal point is moved


def typing_mistake(
    found: float, right: float, others: Numbers, half: float, factors: Mapping[str, float]
) -> str:
    """Describe what is wrong with a typed number; "" if that is not clear.

    Args:
        others: the other numbers of its column.
        half: half a unit of its last digit.
        factors: what its equation multiplies by, with the values: one of 0.1 also moves the point.
    """
    allowed = max(2 * half, 1e-9 * abs(right))
    if not found or not right or allowed > 10.0**-MIN_DIGITS * max(abs(found), abs(right)):
        return ""
    instead = f"{found:.10g} instead of {_rounded(right, half):.10g}"
    if abs(found + right) <= allowed:
        return f"a wrong sign: {instead}"
    for places in range(-MAX_MOVED, MAX_MOVED + 1):
        if places and abs(found - right * 10.0**places) <= allowed * 10.0 ** max(places, 0):
            also = _by_factor(10.0**places, factors)
            return f"the decimal point is in the wrong place: {instead}{also}"
    for near in (right, right - 2 * half, right + 2 * half):  # it follows from rounded numbers
        if kind := _wrong_digits(found, near, _decimals(half)):
            return f"{kind}: {found:.10g} instead of {_rounded(near, half):.10g}"
    if any(abs(found - other) <= 1e-12 * abs(found) for other in others.tolist()):
        return f"the number of another row: {instead}"
    return ""


def _by_factor(moved: float, factors: Mapping[str, float]) -> str:
    """Say which factor, missing or once too often, gives a number that many times too large."""
    for name, value in factors.items():
        for ratio, words in ((value, "once too often"), (value and 1 / value, "missing")):
            if math.isclose(ratio, moved, rel_tol=1e-9):
                return f", or the factor {name} = {value:g} is {words}"
    return ""


def _rounded(right: float, half: float) -> float:
    """Round a number to the digits that the typed number has."""
    return round(right, _decimals(half))


def _decimals(half: float) -> int:
    """Return the decimals of a number by half a unit of its last digit."""
    decimals = -math.floor(math.log10(2 * half) + 0.5) if half > 0 else MAX_DECIMALS
    return max(0, min(decimals, MAX_DECIMALS))


def _wrong_digits(found: float, right: float, decimals: int) -> str:
    """Say which digits of two numbers differ; "" if it is more than a slip."""
    digits, right_digits = (f"{abs(value):.{decimals}f}" for value in (found, right))
    if len(digits) != len(right_digits) or (found < 0) != (right < 0):
        return ""
    places = [i for i in range(len(digits)) if digits[i] != right_digits[i]]
    if len(places) == 1 and places[0] < len(digits) - 2:
        return "a wrong digit"
    if len(places) == 2 and places[1] == places[0] + 1:
        first, second = places
        if digits[first] == right_digits[second] and digits[second] == right_digits[first]:
            return "two digits are exchanged"
    return ""
