"""Text of others, such as file names, made harmless to a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str, keep: str = "") -> str:
    r"""Escape characters that control a terminal or the direction of text, and line ends.

    File names, names in a model and texts in a workbook may contain them. They become escapes as
    in Python: ``\x1b``, ``\u202e``.

    Args:
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign in keep or _is_harmless(sign) else _escaped(sign) for sign in text)


def _is_harmless(sign: str) -> bool:
    # isprintable() counts no space but " ": "Bildschirmfoto 9.41 AM.png" of macOS has another one.
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _escaped(sign: str) -> str:
    number = ord(sign)
    width, letter = (2, "x") if number < 0x100 else (4, "u") if number < 0x10000 else (8, "U")
    return f"\\{letter}{number:0{width}x}"
