"""A choice by its name in an exercise file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from gradsheet.errors import InvalidInputError

Choice = TypeVar("Choice")


def named_choice(choices: Mapping[str, Choice], name: str, kind: str) -> Choice:
    """Return a choice.

    Args:
        kind: the word for what is chosen.

    Raises:
        InvalidInputError: there is no such choice.
    """
    if name not in choices:
        raise InvalidInputError(f"unknown {kind} {name!r}: it must be one of {', '.join(choices)}")
    return choices[name]
