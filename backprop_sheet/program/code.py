"""Lines of Python: names, assignments and calls that fit into a line or are wrapped."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from backprop_sheet.equations.names import ITERATION
from backprop_sheet.symbolic.expressions import Name

WIDTH = 96
INDENT = "    "


def identifier(name: str) -> str:
    """Return the variable of a quantity: ``dE_dw1`` for ∂E/∂w1."""
    return name.replace("/", "_").replace("∂", "d")


def variable(name: Name) -> str:
    """Return the Python of a name: the old values of an update are those of the same variables."""
    return "(n + 1)" if name.name == ITERATION else identifier(name.name)


def assignment(left: str, right: str) -> list[str]:
    """Return ``left = right``, in parentheses and several lines if it is long."""
    line = f"{left} = {right}"
    if len(line) <= WIDTH:
        return [line]
    wrapped = textwrap.wrap(
        right, WIDTH - len(INDENT), break_long_words=False, break_on_hyphens=False
    )
    return [f"{left} = (", *(INDENT + each for each in wrapped), ")"]


def sequence(start: str, items: Sequence[str], end: str) -> list[str]:
    """Return ``start``, the items with commas between them, and ``end``."""
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= WIDTH:
        return [line]
    text = ", ".join(items) + ","
    wrapped = textwrap.wrap(text, WIDTH - len(INDENT), break_long_words=False)
    return [start, *(INDENT + each for each in wrapped), end]


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


def indented(lines: Sequence[str]) -> list[str]:
    """Indent lines by one level."""
    return [INDENT + line if line else "" for line in lines]
