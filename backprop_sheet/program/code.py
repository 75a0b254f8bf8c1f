"""Names and numbers in Python, and its layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import black

from backprop_sheet.equations.names import ITERATION
from backprop_sheet.symbolic.expressions import Name

WIDTH = 100  # characters of a line
INDENT = "    "


def formatted(lines: Iterable[str]) -> str:
    """Return lines of code as Black, and so ``ruff format``, would write them."""
    code: str = black.format_str("\n".join(lines), mode=black.Mode(line_length=WIDTH))
    return code.rstrip("\n")


def identifier(name: str) -> str:
    """Return the variable of a quantity: ``dE_dw1`` for ∂E/∂w1."""
    return name.replace("/", "_").replace("∂", "d")


def variable(name: Name) -> str:
    """Return the Python of a name: the old values of an update are those of the same variables."""
    return "(n + 1)" if name.name == ITERATION else identifier(name.name)


def assignments(names: Sequence[str], values: Sequence[float]) -> list[str]:
    """Return one line that assigns all values, or one line each if that would be long."""
    left, right = map(identifier, names), map(number, values)
    line = f"{', '.join(left)} = {', '.join(right)}"
    if len(line) <= WIDTH:
        return [line]
    pairs = zip(names, values, strict=True)
    return [f"{identifier(name)} = {number(value)}" for name, value in pairs]


def number(value: float) -> str:
    """Return a number as Python writes it."""
    return repr(float(value))


def indented(lines: Iterable[str]) -> list[str]:
    """Indent lines by one level."""
    return [INDENT + line if line else "" for line in lines]
