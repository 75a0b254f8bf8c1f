"""Showing text of unknown origin in a terminal or a table."""

from __future__ import annotations

from unicodedata import category


def printable(line: str) -> str:
    """Escape characters that control a terminal or the direction of text, and line ends.

    File names, names in a model and texts in a workbook may contain them. Spaces of all widths
    stay.
    """
    return "".join(sign if _is_shown(sign) else f"\\x{ord(sign):02x}" for sign in line)


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or category(sign) == "Zs"
