"""Break long formulas into lines, first at equals signs and then at operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Start(Enum):
    """What a line begins with, which determines its indentation."""

    FORMULA = auto()
    RELATION = auto()
    OPERATOR = auto()


@dataclass(frozen=True)
class Line:
    """A line of a formula."""

    start: Start
    text: str


def break_formula(
    left: str,
    sides: Sequence[str],
    relations: Sequence[str],
    *,
    operators: re.Pattern[str],
    limit: Callable[[Start], float],
    width: Callable[[str], float] = len,
) -> list[Line]:
    """Break ``left = sides[0] = sides[1] …``.

    A line takes as many sides as fit. A side that is longer than a line is broken before
    operators: first at those in the fewest parentheses, and at ``+`` and ``-`` before others.

    Args:
        relations: the sign before each side, such as ``=``.
        operators: matches the operators where a side may be broken.
        limit: the maximum width of a line.
        width: returns the width of a text.
    """
    lines: list[Line] = []
    current, start = left, Start.FORMULA
    for at, (relation, side) in enumerate(zip(relations, sides, strict=True)):
        whole = f"{current} {relation} {side}"
        if start is not Start.OPERATOR and width(whole) <= limit(start):
            current = whole
            continue
        if at > 0:
            lines.append(Line(start, current))
            current, start = "", Start.RELATION
        current = f"{current} {relation} ".lstrip()
        max_width = limit(Start.OPERATOR)
        for piece in _pieces_that_fit(
            side,
            operators,
            lambda text: width(text) <= max_width,  # noqa: B023
        ):
            if current.endswith(f"{relation} ") or width(current + piece) <= limit(start):
                current += piece
            else:
                lines.append(Line(start, current))
                current, start = piece.strip(), Start.OPERATOR
    lines.append(Line(start, current))
    return lines


_ADDITIVE = re.compile(r" [+-] ")
_MAX_DEPTH = 4


def _pieces_that_fit(
    side: str, operators: re.Pattern[str], fits: Callable[[str], bool]
) -> list[str]:
    pieces = [side]
    for depth in range(_MAX_DEPTH + 1):
        for pattern in (_ADDITIVE, operators):
            pieces = [
                part
                for piece in pieces
                for part in ([piece] if fits(piece) else _split(piece, pattern, depth))
            ]
    return pieces


_CHANGES = {r"\left(": 100, r"\right)": -100, "(": 1, ")": -1, "{": 100, "}": -100}
_BRACKET = re.compile("|".join(map(re.escape, _CHANGES)))  # groups in braces cannot be broken


def _split(text: str, operators: re.Pattern[str], max_depth: int) -> list[str]:
    """Split before operators that are inside at most ``max_depth`` parentheses."""
    pieces, begin, depth, at = [], 0, 0, 0
    while at < len(text):
        if bracket := _BRACKET.match(text, at):
            depth += _CHANGES[bracket[0]]
            at = bracket.end()
        elif operator := operators.match(text, at):
            if begin < at and depth <= max_depth:
                pieces.append(text[begin:at])
                begin = at
            at = operator.end()
        else:
            at += 1
    return [*pieces, text[begin:]]
