"""Convert what a cell stores to its value; number formats and other styles do not matter."""

from __future__ import annotations

import math
import re
from typing import Any

ERROR_VALUES = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def plain_number(text: str) -> float | str:
    """Return a number. Anything else, also NaN and an infinite number, stays a text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) and "_" not in text else text


def plain_text(text: str) -> str:
    """Return a text with its escapes decoded: ``_x000D_`` is a carriage return."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain_value(text: str, kind: str) -> Any:
    """Return the value of a cell of any type other than a shared string.

    Args:
        text: what is stored; not empty.
        kind: the attribute ``t``, ``""`` if there is none.
    """
    if kind in ("", "n"):
        return plain_number(text)
    if kind == "b":
        return text.strip() in ("1", "true")
    if kind == "d":
        from openpyxl.utils.datetime import from_ISO8601, to_excel

        try:
            return float(to_excel(from_ISO8601(text)))
        except (ValueError, TypeError, AttributeError, OverflowError):
            return text
    return plain_text(text)
