"""English lists and plurals in messages and documents."""

from __future__ import annotations

from collections.abc import Iterable


def join(words: Iterable[str], last: str = "and") -> str:
    """Join words: ``a``, ``a and b``, ``a, b and c``.

    Args:
        last: the word before the last one: ``and`` or ``or``.
    """
    *most, final = list(words) or [""]
    return f"{', '.join(most)} {last} {final}" if most else final


def one_of(words: Iterable[str]) -> str:
    """Join words as a choice: ``a, b or c``."""
    return join(words, "or")


def plural(number: float, noun: str, many: str = "") -> str:
    """Return the noun for a number: ``row`` for 1, else ``rows``, or ``many`` if that is given."""
    return noun if number == 1 else many or f"{noun}s"


def count(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {plural(number, noun, many)}"
