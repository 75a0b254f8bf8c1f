"""The headers of numbers that are no table of an exercise."""

from __future__ import annotations

from collections.abc import Iterable

from backprop_sheet.audit.read.workbook import Sheet, number

MIN_HEADERS = 3
MAX_TEXT = 30  # characters of a header; longer texts are sentences


def unknown_headers(sheets: Iterable[Sheet]) -> tuple[str, ...]:
    """Return the longest line of texts that stand above or left of numbers; () if there is none."""
    longest: list[str] = []
    for sheet in sheets:
        lines: dict[tuple[str, int], list[str]] = {}
        for (row, column), text in sheet.values.items():
            if not isinstance(text, str) or number(text) is not None or len(text) > MAX_TEXT:
                continue
            if number(sheet.values.get((row + 1, column))) is not None:
                lines.setdefault(("row", row), []).append(text)
            if number(sheet.values.get((row, column + 1))) is not None:
                lines.setdefault(("column", column), []).append(text)
        longest = max((longest, *lines.values()), key=len)
    return tuple(longest) if len(longest) >= MIN_HEADERS else ()
