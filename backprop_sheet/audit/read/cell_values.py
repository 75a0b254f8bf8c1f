"""Convert what a cell stores to its value; number formats and other styles do not matter."""

from __future__ import annotations

import math
import re
from typing import Any

ERROR_VALUES = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")

_NUMBER_AS_TEXT = re.compile(
    r"\s*([-+−]?)\s*(\d{0,30}[.,]?\d{1,30})"
    r"(?:(?:[eE]|\s*[*·×xX]\s*10\s*\^?\s*)([-+−]?\d{1,3}))?\s*(%?)\s*"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def plain_number(text: str) -> float | str:
    """Return a number. Anything else, also NaN and an infinite number, stays a text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) and "_" not in text else text


def decimal_in_text(text: str) -> str | None:
    """Return the number that a text is as ``float`` and ``Decimal`` read it; None if it is none.

    People type ``0,05``, ``−0.05``, ``5 %`` and ``5·10⁻²``.
    """
    match = _NUMBER_AS_TEXT.fullmatch(text)
    if match is None and "10" in text:
        match = _NUMBER_AS_TEXT.fullmatch(text.translate(_SUPERSCRIPTS))
    if match is None:
        return None
    sign, digits, exponent, percent = match.groups()
    power = int((exponent or "0").replace("−", "-")) - (2 if percent else 0)
    return f"{sign.replace('−', '-')}{digits.replace(',', '.')}e{power}"


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
