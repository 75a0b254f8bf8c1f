"""What differs within a class: the points of each group of columns, and each student's numbers.

These are the tables ``[marks]`` and ``[individual]`` of an exercise file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.toml_table import TomlTable, shown
from gradsheet.errors import InvalidInputError
from gradsheet.words import one_of

MIN_DECIMALS, MAX_DECIMALS = 1, 6
_MAX_VALUE = 1000.0


class GivenKind(StrEnum):
    """A kind of given values; the value is its key in an exercise file."""

    WEIGHTS = "weights"
    BIASES = "biases"
    INPUTS = "inputs"
    TARGETS = "targets"
    LEARNING_RATE = "learning_rate"


@dataclass(frozen=True)
class Marks:
    """The points of each group of columns, in any unit: only their proportions count.

    A group that is left out has none.
    """

    points: tuple[tuple[ColumnGroup, float], ...]

    def of(self, group: ColumnGroup) -> float:
        """Return the points of a group."""
        return dict(self.points).get(group, 0.0)


@dataclass(frozen=True)
class Individual:
    """Which given values differ from student to student, and how they are drawn.

    Attributes:
        vary: the kinds of values that differ; None leaves the choice to the exercise.
        decimals: the number of decimals of the values.
        ranges: the lowest and highest value of a kind, for those that have a range.
    """

    vary: tuple[GivenKind, ...] | None = None
    decimals: int = 2
    ranges: tuple[tuple[GivenKind, tuple[float, float]], ...] = ()

    def range_of(self, kind: GivenKind) -> tuple[float, float] | None:
        """Return the lowest and highest value of a kind; None if the file gives none."""
        return dict(self.ranges).get(kind)


def read_marks(top: TomlTable) -> Marks | None:
    """Read the table ``[marks]``; None if there is none.

    Raises:
        InvalidInputError: an unknown group, a negative number, or no points at all.
    """
    table = top.table("marks")
    if "marks" not in top.data:
        return None
    points = {}
    for group in ColumnGroup:
        value = table.number(group)
        if value is not None:
            points[group] = _within(value, f"marks.{group}", 0.0, _MAX_VALUE)
    table.refuse_unknown()
    if not any(points.values()):
        raise InvalidInputError("marks must give points to at least one group of columns")
    return Marks(tuple(points.items()))


def read_individual(top: TomlTable) -> Individual | None:
    """Read the table ``[individual]``; None if there is none.

    Raises:
        InvalidInputError: an unknown kind of values, or numbers that are not allowed.
    """
    table = top.table("individual")
    if "individual" not in top.data:
        return None
    vary = None
    if "vary" in table.data:
        words = table.list_of("vary", str, "kinds of given values")
        vary = tuple(dict.fromkeys(_kind(word) for word in words))
        if not vary:
            raise InvalidInputError("individual.vary must name at least one kind of given values")
    table.known.append("vary")
    decimals = table.integer("decimals", Individual.decimals)
    if not MIN_DECIMALS <= decimals <= MAX_DECIMALS:
        raise InvalidInputError(
            f"individual.decimals must be {MIN_DECIMALS} to {MAX_DECIMALS}, got {shown(decimals)}"
        )
    ranges = {}
    for kind in GivenKind:
        bounds = table.numbers(kind)
        if bounds is not None:
            ranges[kind] = _range(bounds, f"individual.{kind}", kind)
    table.refuse_unknown()
    if vary is not None and (unused := ranges.keys() - set(vary)):
        kind = sorted(unused)[0]
        raise InvalidInputError(f"individual.{kind} has a range, but vary does not name {kind}")
    return Individual(vary, decimals, tuple(ranges.items()))


def marks_lines(marks: Marks) -> list[str]:
    """Return the lines of a table ``[marks]``."""
    return ["[marks]", *(f"{group} = {points!r}" for group, points in marks.points)]


def individual_lines(individual: Individual) -> list[str]:
    """Return the lines of a table ``[individual]``."""
    lines = ["[individual]"]
    if individual.vary is not None:
        lines.append(f"vary = {json.dumps(individual.vary)}")
    lines.append(f"decimals = {individual.decimals}")
    ranges: Mapping[GivenKind, tuple[float, float]] = dict(individual.ranges)
    lines += [f"{kind} = [{low!r}, {high!r}]" for kind, (low, high) in ranges.items()]
    return lines


def _kind(word: str) -> GivenKind:
    try:
        return GivenKind(word)
    except ValueError:
        allowed = one_of([kind.value for kind in GivenKind])
        raise InvalidInputError(f"individual.vary must name {allowed}, got {shown(word)}") from None


def _range(bounds: tuple[float, ...], where: str, kind: GivenKind) -> tuple[float, float]:
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise InvalidInputError(f"{where} must be the lowest and the highest value: [0.1, 0.9]")
    lowest = 0.0 if kind is GivenKind.LEARNING_RATE else -_MAX_VALUE
    return (
        _within(bounds[0], where, lowest, _MAX_VALUE),
        _within(bounds[1], where, lowest, _MAX_VALUE),
    )


def _within(value: float, where: str, low: float, high: float) -> float:
    if not low <= value <= high:  # also refuses nan
        raise InvalidInputError(f"{where} must be {low:g} to {high:g}, got {value:g}")
    return value
