"""Values of a CSV file that a spreadsheet program must not take for formulas."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

# The first characters by which a spreadsheet program recognizes a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\N{MINUS SIGN}")


def csv_value(value: Any) -> Any:
    """Return a value for a CSV file, with an apostrophe before what would become a formula.

    Programs ignore spaces before a formula, and some read full-width signs as the usual ones, which
    NFKC makes of them.
    """
    if isinstance(value, str):
        starts = normalize("NFKC", value).lstrip().startswith(_FORMULA_SIGNS)
        return f"'{value}" if starts else value
    return "" if value is None else value
