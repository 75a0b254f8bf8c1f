"""The names of the sheets of an exercise's workbook that have no table of an exercise.

They are defined here so that the audit, which leaves these sheets out, does not need XlsxWriter.
"""

from __future__ import annotations

OVERVIEW = "Overview"
EQUATIONS = "Equations"
SAMPLES = "Samples"
GRADIENT_CHECK = "Gradient check"
HINTS = "Hints"
DIFFERENCES = "Differences"  # of the only learning rate's table, or followed by its name

_NAMES = {OVERVIEW, EQUATIONS, SAMPLES, GRADIENT_CHECK, HINTS, DIFFERENCES}


def differences_name(rate_sheet: str, rates: int) -> str:
    """Return the name of the sheet of differences that belongs to a learning rate's sheet.

    Args:
        rates: the number of learning rates.
    """
    return DIFFERENCES if rates == 1 else f"{DIFFERENCES}, {rate_sheet}"


def is_auxiliary(name: str) -> bool:
    """Whether a sheet of this project's workbook has no table of an exercise."""
    return name in _NAMES or name.startswith(f"{DIFFERENCES}, ")
