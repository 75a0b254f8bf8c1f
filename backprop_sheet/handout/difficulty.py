"""Whether given numbers make an exercise as hard as it is with its own.

No neuron is saturated, no gradient is so small that rounding hides it, and every mistake of the
catalogue changes a number by more than the tolerance with which workbooks are checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import Numbers, RecordValues
from backprop_sheet.audit.diagnose.mistakes import mistakes
from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.handout.random_stream import RandomStream
from backprop_sheet.symbolic.evaluation import compiled
from backprop_sheet.symbolic.expressions import Expression

ITERATIONS = 3  # after the first row, that the numbers are judged by
# A neuron is saturated if its slope is below this share of the activation's largest: for the
# sigmoid, if its weighted sum is beyond ±2.9.
MIN_SLOPE = 0.2
MIN_GRADIENT = 1e-4  # 5e-7 is the rounding of six decimals
MIN_DIFFERENCE = 1e-5  # relative, that a mistake makes; ten times the tolerance of the check
_LENIENCY = 0.5  # where the exercise's own numbers are beyond a limit, how far others may be
# Which mistakes can be seen is known from other numbers: those that change one in most of these
# draws. Others never change one, as the input of another row, or only by a coincidence.
_DRAWS, _MOST = 10, 8
_MAX_TRIED_DRAWS = 200
MAX_MISTAKES = 20_000  # that are tried; in large networks, an equal share of each column's

Draw = Callable[[RandomStream], Exercise | None]


@dataclass(frozen=True)
class Difficulty:
    """The limits, and the mistakes that must change a number.

    Attributes:
        min_slopes: the smallest allowed slope of each layer's neurons.
        min_gradient: the smallest allowed magnitude of a gradient in the first iteration.
        is_off: which slopes are 0 in the first iteration, as those of ReLU neurons with a negative
            sum, by neuron and sample.
        mistakes: pairs of a right formula and a wrong one, by column.
    """

    system: EquationSystem
    min_slopes: tuple[float, ...]
    min_gradient: float
    is_off: npt.NDArray[np.bool_]
    mistakes: tuple[tuple[Expression, tuple[Expression, ...]], ...]

    @classmethod
    def of(cls, exercise: Exercise, draw: Draw) -> Difficulty:
        """Take the limits from an exercise whose own numbers set the standard.

        Args:
            draw: returns the exercise with other numbers.
        """
        system = system_of(exercise)
        slopes, gradient = _slopes(system, exercise), _smallest_gradient(system, exercise)
        limits = [
            MIN_SLOPE * activation_named(kind).largest_slope
            for kind in exercise.network.activations
        ]
        smallest = (_LENIENCY * float(layer.max(axis=1).min()) for layer in slopes)
        without_mistakes = cls(
            system,
            tuple(map(min, limits, smallest)),
            min(MIN_GRADIENT, _LENIENCY * gradient),
            _is_off(slopes),
            (),
        )
        return replace(without_mistakes, mistakes=tuple(_visible_mistakes(without_mistakes, draw)))

    def is_even(self, exercise: Exercise) -> bool:
        """Whether no neuron is saturated, none is off that was on, and no gradient is too small."""
        slopes = _slopes(self.system, exercise)
        return (
            all(
                bool(layer.max(axis=1).min() >= least)
                for layer, least in zip(slopes, self.min_slopes, strict=True)
            )
            and np.array_equal(_is_off(slopes), self.is_off)
            and _smallest_gradient(self.system, exercise) >= self.min_gradient
        )

    def shows_every_mistake(self, exercises: Sequence[Exercise]) -> list[bool]:
        """Whether every mistake changes a number, for each of several exercises."""
        if not exercises:
            return []
        values = table_values(self.system, exercises)
        is_shown = np.ones(len(exercises), dtype=bool)
        with np.errstate(all="ignore"):
            for right, wrong in self.mistakes:
                expected = _numbers(right, values)
                for expression in wrong:
                    is_shown &= _differs(expected, _numbers(expression, values))
        shown: list[bool] = is_shown.tolist()
        return shown


def table_values(system: EquationSystem, exercises: Sequence[Exercise]) -> RecordValues:
    """Return the numbers of the first iterations, in arrays of shape (records, exercises)."""
    tables = []
    for exercise in exercises:
        rates = exercise.training.learning_rates[:1]
        iterations = list(descend(exercise, system, rates, ITERATIONS))
        tables.append(
            {name: np.concatenate([rows[name][0] for rows in iterations]) for name in iterations[0]}
        )
    columns = {name: np.stack([table[name] for table in tables], axis=1) for name in tables[0]}
    shape = next(iter(columns.values())).shape
    first_rates = [exercise.training.learning_rates[0] for exercise in exercises]
    columns[LEARNING_RATE] = np.broadcast_to(first_rates, shape)
    for symbol, value in system.hyperparameters.items():
        columns[symbol] = np.full(shape, value)
    return RecordValues(columns)


def _numbers(expression: Expression, values: RecordValues) -> Numbers:
    shape = values[LEARNING_RATE].shape
    try:
        numbers: Numbers = np.broadcast_to(compiled(expression)(values), shape)
    except KeyError:  # a quantity without a column
        return np.full(shape, np.nan)
    return numbers


def _differs(expected: Numbers, found: Numbers) -> npt.NDArray[np.bool_]:
    """Whether a mistake changes a number of each exercise by more than a check allows."""
    allowed = MIN_DIFFERENCE * np.abs(expected)
    differs: npt.NDArray[np.bool_] = ~np.less_equal(np.abs(found - expected), allowed)
    differs &= ~np.isnan(expected)
    of_exercises: npt.NDArray[np.bool_] = np.logical_or.reduce(differs, axis=0)
    return of_exercises


def _slopes(system: EquationSystem, exercise: Exercise) -> list[Numbers]:
    """Return each layer's slopes in the first iteration, in arrays of shape (neurons, samples).

    Layers whose activation takes all sums, as softmax, count as never saturated.
    """
    first = next(descend(exercise, system, exercise.training.learning_rates[:1], 1))
    values = {name: rows[0] for name, rows in first.items()}
    result = []
    for layer in system.layers:
        slopes = [
            np.broadcast_to(compiled(system.definitions[slope])(values), values[s].shape)
            for s, a in layer
            if (slope := f"∂{a}/∂{s}") in system.definitions
        ]
        result.append(np.abs(slopes) if slopes else np.ones((1, system.rows_per_iteration)))
    return result


def _is_off(slopes: Sequence[Numbers]) -> npt.NDArray[np.bool_]:
    is_off: npt.NDArray[np.bool_] = np.concatenate([layer.ravel() for layer in slopes]) == 0
    return is_off


def _smallest_gradient(system: EquationSystem, exercise: Exercise) -> float:
    """Return the smallest magnitude of a gradient, that of each being its largest over samples.

    In later iterations, where a gradient may change its sign, ten times the magnitude counts.
    """
    rates = exercise.training.learning_rates[:1]
    found = []
    for iteration, rows in enumerate(descend(exercise, system, rates, ITERATIONS)):
        least = min(float(np.abs(rows[system.gradient(name)]).max()) for name in system.trained)
        found.append(10 * least if iteration else least)
    return min(found)


def _visible_mistakes(
    difficulty: Difficulty, draw: Draw
) -> Iterator[tuple[Expression, tuple[Expression, ...]]]:
    """Yield the mistakes that change a number in most draws of other numbers."""
    system = difficulty.system
    drawn = (draw(RandomStream("other numbers", number)) for number in range(_MAX_TRIED_DRAWS))
    even = (one for one in drawn if one is not None and difficulty.is_even(one))
    others = list(itertools.islice(even, _DRAWS))
    if not others:
        return
    least = len(others) * _MOST / _DRAWS
    values = table_values(system, others)
    columns = list(system.correct)
    share = max(1, MAX_MISTAKES // len(columns))
    with np.errstate(all="ignore"):
        for column in columns:
            right = row_rhs(system, column)
            expected = _numbers(right, values)
            wrong = tuple(
                expression
                for expression in _different_mistakes(system, column, share)
                if _differs(expected, _numbers(expression, values)).sum() >= least
            )
            if wrong:
                yield right, wrong


@lru_cache(maxsize=256)
def _different_mistakes(system: EquationSystem, column: str, number: int) -> tuple[Expression, ...]:
    """Return the formulas of the first mistakes of the catalogue in a column, each once."""
    first = itertools.islice(mistakes(system, column), number)
    return tuple(dict.fromkeys(mistake.expression for mistake in first))
