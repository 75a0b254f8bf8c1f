"""The options that give an exercise other values, as lists of numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradsheet.commands.messages import Refused
from gradsheet.commands.number_lists import parse_numbers, with_decimal_points
from gradsheet.errors import InvalidInputError

if TYPE_CHECKING:
    from backprop_sheet.exercise.model import Exercise


def numbers_of(option: str, text: str) -> tuple[float, ...]:
    """Read the value of an option that takes a list of numbers such as ``0.1,0.2``.

    Raises:
        Refused: it is not such a list.
    """
    try:
        return parse_numbers(text)
    except InvalidInputError as error:
        raise Refused(_list_message(option, text, str(error), parse_numbers)) from error


def with_options(
    exercise: Exercise, lists: dict[str, tuple[str, str | None]], iterations: int | None
) -> Exercise:
    """Return the exercise with the values of options.

    Args:
        lists: for each key of a list of numbers, the option and its text.

    Raises:
        Refused: a list cannot be read, or its values do not fit the exercise.
    """
    from backprop_sheet.exercise.checks import InvalidValueError

    given = {
        key: numbers_of(option, text) for key, (option, text) in lists.items() if text is not None
    }
    try:
        from backprop_sheet.exercise.given_values import with_values

        return with_values(exercise, **given, iterations=iterations)
    except InvalidValueError as error:
        if error.key not in given:
            raise
        key = error.key
        option, text = lists[key]

        def use(other: str) -> None:
            with_values(exercise, **given | {key: parse_numbers(other)}, iterations=iterations)

        message = str(error).removeprefix(f"{key}: ").replace("_", " ")
        raise Refused(_list_message(option, text or "", message, use)) from error


def _list_message(option: str, text: str, message: str, use: Callable[[str], Any]) -> str:
    """Return what is wrong with a list of numbers, and whether points instead of commas help.

    Args:
        use: raises an InvalidInputError if it cannot use a list's text.
    """
    shown = f" {text}" if text.isprintable() and len(text) <= 40 else ""
    pointed = with_decimal_points(text)
    hint = ""
    if pointed is not None:
        with contextlib.suppress(InvalidInputError):
            use(pointed)
            hint = f"; if you meant {pointed}, write decimal points"
    return f"{option}{shown}: {message}{hint}"
