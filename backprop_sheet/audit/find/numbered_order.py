"""The order of columns by the numbers in their headers, of which some may be mistyped."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeVar

Item = TypeVar("Item")


def in_order_of(items: list[Item], numbers: list[tuple[int, ...] | None]) -> list[Item]:
    """Return the items in the order of their numbers.

    If some numbers are missing or mistyped, as in o11 beside o2, the others have their places.
    """
    known = [number for number in numbers if number is not None]
    if len(set(known)) < len(known):
        return items
    if len(known) == len(items) and not _has_gaps(known):
        return [item for _, item in sorted(zip(known, items, strict=True), key=itemgetter(0))]
    places = {
        number[0] - 1: item
        for item, number in zip(items, numbers, strict=True)
        if number is not None and len(number) == 1 and 0 < number[0] <= len(items)
    }
    left = iter([item for item in items if item not in places.values()])
    return [places[at] if at in places else next(left) for at in range(len(items))]


def _has_gaps(numbers: Sequence[tuple[int, ...]]) -> bool:
    """Whether plain numbers are not those of one run: 2, 11."""
    plain = {number[0] for number in numbers if len(number) == 1}
    return len(plain) == len(numbers) and max(plain) - min(plain) >= len(plain)
