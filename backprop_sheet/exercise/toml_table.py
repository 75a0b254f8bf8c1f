"""Read the values of an untrusted TOML file one by one, with messages that name the key."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from gradsheet.errors import InvalidInputError
from gradsheet.words import one_of

MAX_TEXT = 200  # characters

# The time and memory that tomllib needs grow with the square of the length of a dotted key.
_LONG_DOTTED_KEY = re.compile(r"""\.(?:[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.){50}""")


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        InvalidInputError: not TOML, or nested too deeply.
    """
    if _LONG_DOTTED_KEY.search(text):
        raise InvalidInputError("not valid for an exercise: a key has too many parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"not valid TOML: {' '.join(str(error).split())[:200]}") from error
    except RecursionError as error:
        raise InvalidInputError("not valid for an exercise: nested too deeply") from error
    except ValueError as error:  # Python does not convert integers of thousands of digits
        raise InvalidInputError("not valid TOML: a number has too many digits") from error


class TomlTable:
    """A TOML table. Keys are taken one by one; :meth:`refuse_unknown` refuses all others.

    Every method raises an InvalidInputError if the value is of another kind or missing.
    """

    def __init__(self, data: Mapping[str, Any], path: str) -> None:
        self.data, self.path = data, path
        self.known: list[str] = []

    def where(self, key: str) -> str:
        """Return the full name of a key, for messages."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, required: bool = False, described: str = "") -> Any:
        """Return a value as it is, or None; the key is then known."""
        self.known.append(key)
        if required and key not in self.data:
            raise InvalidInputError(f"{described or self.where(key)} is missing")
        return self.data.get(key)

    def text(self, key: str, required: bool = False) -> str:
        """Return one line of text; it is empty if the key is missing."""
        value = self.take(key, required)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_TEXT:
            raise InvalidInputError(
                f"{self.where(key)} must be one line of text, at most {MAX_TEXT} characters"
            )
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        """Return one of the allowed words."""
        value = self.take(key)
        if value is None:
            return default
        if value not in allowed or not isinstance(value, str):
            raise InvalidInputError(
                f"{self.where(key)} must be {one_of(allowed)}, got {shown(value)}"
            )
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidInputError(f"{self.where(key)} must be true or false, got {shown(value)}")
        return value

    def integer(self, key: str, default: int) -> int:
        """Return a whole number."""
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidInputError(f"{self.where(key)} must be a whole number, got {shown(value)}")
        return value

    def number(self, key: str) -> float | None:
        """Return a number, or None."""
        value = self.take(key)
        return None if value is None else _number(value, self.where(key))

    def numbers(self, key: str, required: bool = False) -> tuple[float, ...] | None:
        """Return a list of numbers, or None."""
        value = self.take(key, required)
        if value is None:
            return None
        if not isinstance(value, list):
            raise InvalidInputError(
                f"{self.where(key)} must be a list of numbers, got {shown(value)}"
            )
        return tuple(_number(item, f"{self.where(key)}[{at}]") for at, item in enumerate(value, 1))

    def list_of(self, key: str, kind: type, words: str) -> list[Any]:
        """Return a list whose entries are of a type; ``words`` name them."""
        value = self.take(key, required=True)
        if not isinstance(value, list) or not all(
            isinstance(item, kind) and not isinstance(item, bool) for item in value
        ):
            raise InvalidInputError(f"{self.where(key)} must be a list of {words}")
        return value

    def table(self, key: str, required: bool = False) -> TomlTable:
        """Return a table; if it is missing, an empty one."""
        value = self.take(key, required, f"the table [{key}]")
        if value is None:
            return TomlTable({}, key)
        if not isinstance(value, dict):
            raise InvalidInputError(
                f"{key} must be a table that starts with [{key}], got {shown(value)}"
            )
        return TomlTable(value, key)

    def tables(self, key: str) -> list[TomlTable]:
        """Return an array of tables."""
        value = self.take(key, True, f"[[{key}]], one table per {key.removesuffix('s')},")
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InvalidInputError(
                f"{key} must be tables that each start with [[{key}]], in double brackets, "
                f"got {shown(value)}"
            )
        return [TomlTable(item, f"{key}[{at}]") for at, item in enumerate(value, 1)]

    def refuse_unknown(self) -> None:
        """Refuse the keys that have not been taken."""
        for key in self.data:
            if key not in self.known:
                where = self.where(key) if key.isprintable() else shown(self.where(key))
                raise InvalidInputError(
                    f"unknown key {where[:80]}; allowed here: {', '.join(self.known)}"
                )


def shown(value: Any) -> str:
    """Show a value of a TOML file in a few printable characters."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**18:
            return "a number of more than 18 digits"
        case str():
            text = repr(value)
            return text if len(text) <= 40 else f"{text[:37]}..."
    return str(value)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInputError(f"{where} must be a number, got {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf
