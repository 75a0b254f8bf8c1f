"""How high a row, and how wide a column, must be for texts: Excel does not adjust a new file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import ceil
from unicodedata import combining, east_asian_width

from xlsxwriter.utility import xl_pixel_width

LINE_HEIGHT = 13.5  # points, of 10-point text
MAX_LINES = 30  # Excel allows rows of up to 409 points

_PIXELS_PER_CHARACTER, _PADDING = 7, 5  # of a column's width, in the usual default fonts
_WIDE = 14  # pixels of a Chinese, Japanese or Korean character in 10 points
# Where Arial is missing, its substitutes are up to 15 % wider. Too high is better than cut off.
_SAFETY = 1.15


def row_height(texts: Iterable[tuple[str, float]]) -> float | None:
    """Return the height in points for the wrapped 10-point texts of a row; None for one line.

    Args:
        texts: each cell's text and the width of its column, in Excel's units (characters).
    """
    lines = max((wrapped_lines(text, width) for text, width in texts), default=1)
    return LINE_HEIGHT * min(lines, MAX_LINES) if lines > 1 else None


def column_width(texts: Iterable[str], least: int, most: int) -> int:
    """Return the width of a column, in Excel's units, in which each text of one line has one line.

    Args:
        least: the smallest width.
        most: the largest one, for texts that are wrapped.
    """
    pixels = max(map(_pixels, texts), default=0.0)
    return min(max(least, ceil((pixels + _PADDING) / _PIXELS_PER_CHARACTER) + 1), most)


def wrapped_lines(text: str, width: float) -> int:
    """Return the number of lines of a text that is wrapped at spaces, and within long words.

    Args:
        width: the width of the column, in Excel's units (characters).
    """
    room = width * _PIXELS_PER_CHARACTER - _PADDING
    space = _pixels(" ")
    lines = 0
    for paragraph in text.splitlines() or [""]:
        lines += 1
        used = 0.0
        for word in paragraph.split(" "):
            needed = _pixels(word)
            if used and used + space + needed > room:
                lines += 1
                used = 0.0
            used += needed + (space if used else 0)
            if used > room:
                broken = ceil(used / room) - 1
                lines += broken
                used -= broken * room
    return lines


@lru_cache(maxsize=10_000)
def _pixels(word: str) -> float:
    wide = sum(east_asian_width(sign) in "WF" for sign in word)
    narrow = "".join(
        sign for sign in word if east_asian_width(sign) not in "WF" and not combining(sign)
    )
    pixels: int = xl_pixel_width(narrow)
    return wide * _WIDE + pixels * _SAFETY
