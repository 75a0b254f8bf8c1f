"""Showing text of unknown origin in a terminal."""

from __future__ import annotations


def printable(line: str) -> str:
    """Escape characters that control a terminal or the direction of text, and line ends.

    File names, names in a model and texts in a workbook may contain them.
    """
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
