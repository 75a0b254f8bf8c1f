"""Lists of numbers as people type them: ``0.1,0.2``."""

from __future__ import annotations

import re

from gradsheet.errors import InvalidInputError

_SEPARATORS = re.compile(r"[;\s]+")
# Two whole numbers with a comma between them, which may be one number with a decimal comma.
_DECIMAL_COMMA = re.compile(r"(?<![\d.])(\d+),(\d+)(?![\d.])")


def parse_numbers(text: str) -> tuple[float, ...]:
    """Read a list of numbers separated by commas.

    Raises:
        InvalidInputError: the list is empty, or a part of it is not a number.
    """
    if not text.strip():
        raise InvalidInputError("the list is empty; write numbers separated by commas: 0.1,0.2")
    numbers = []
    for part in text.split(","):
        try:
            if "_" in part:  # float() reads 1_0 as 10
                raise ValueError
            numbers.append(float(part))
        except ValueError:
            raise InvalidInputError(
                f"{part.strip()!r} is not a number; write numbers separated by commas: 0.1,0.2"
            ) from None
    return tuple(numbers)


def with_decimal_points(text: str) -> str | None:
    """Return a list with points instead of decimal commas: ``0.5`` for ``0,5``.

    The list can be separated by commas, semicolons or spaces: ``0,5;0,8`` becomes ``0.5,0.8``.

    Returns:
        None if there is no comma that can be a decimal comma.
    """
    pointed = _DECIMAL_COMMA.sub(r"\1.\2", text.strip())
    return _SEPARATORS.sub(",", pointed) if pointed != text.strip() else None
