"""Rows of text that continue like the ones before them, written once: as a spreadsheet fills down.

Most rows of an exercise differ in their numbers only: ``w1 i1 h1``, ``w2 i2 h1``, ``w3 i3 h1``. The
page writes the first two and how many follow; ``filledDown`` in ``parts/rows.js`` makes the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Filled = list[str | list[int]]

_NUMBER = re.compile(r"\d+")
_MAX_DIGITS = 9  # of a number that is continued
_MAX_PERIOD = 6  # rows that take turns
_LEAST_SAVED = 12  # bytes that ``[1,62],`` and the rows around it need


@dataclass(frozen=True)
class _Row:
    """A row as its text between the numbers, and the numbers; None if these cannot continue."""

    text: str
    words: tuple[str, ...]
    numbers: tuple[int, ...] | None

    @classmethod
    def of(cls, text: str) -> _Row:
        digits = _NUMBER.findall(text)
        plain = all(len(each) <= _MAX_DIGITS and str(int(each)) == each for each in digits)
        numbers = tuple(map(int, digits)) if plain else None
        return cls(text, tuple(_NUMBER.split(text)), numbers)

    def continues(self, first: _Row, second: _Row) -> bool:
        """Return whether this is the row after two rows: the same text, each number continued."""
        if not self.words == first.words == second.words:
            return False
        if self.numbers is None or first.numbers is None or second.numbers is None:
            return False
        numbers = zip(self.numbers, first.numbers, second.numbers, strict=True)
        return all(third == 2 * middle - start for third, start, middle in numbers)


def filled_down(texts: Iterable[str]) -> Filled:
    """Return rows without those that continue others.

    ``[p, n]`` stands for n rows, each of which continues the rows p and 2*p before it.
    """
    rows = [_Row.of(text) for text in texts]
    written: Filled = []
    at = 0
    while at < len(rows):
        period, count = _longest_run(rows, at)
        first = at + 2 * period
        if _size(rows[first : first + count]) > _LEAST_SAVED:
            written += [row.text for row in rows[at:first]]
            written.append([period, count])
            at = first + count
        else:
            written.append(rows[at].text)
            at += 1
    return written


def _longest_run(rows: Sequence[_Row], start: int) -> tuple[int, int]:
    """Return the period, and the number of rows that can be left out after two of it."""
    best = (1, 0)
    for period in range(1, _MAX_PERIOD + 1):
        at = start + 2 * period
        while at < len(rows) and rows[at].continues(rows[at - 2 * period], rows[at - period]):
            at += 1
        count = at - start - 2 * period
        if count > best[1] + period:
            best = (period, count)
    return best


def _size(rows: Sequence[_Row]) -> int:
    return sum(len(row.text) + 3 for row in rows)
