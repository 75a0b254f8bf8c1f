"""The numbers of one iteration, which a derivation shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backprop_sheet.equations.descent import Rows, descend
from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR, SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.checks import MAX_ITERATIONS
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.symbolic.evaluation import evaluate
from gradsheet.errors import InvalidInputError


@dataclass(frozen=True)
class IterationValues:
    """The numbers of one iteration, and of the update after it.

    Attributes:
        sample: the number of the sample whose row is used, from 1.
        quantities: the values of all quantities of that row, and of all factors of chain rules.
        errors: E_total of every row of the iteration.
        gradients: for every trained parameter, the gradient of every row of the iteration.
        used_by_update: the values of the names in the right-hand sides of the updates.
        updated: the new values of optimizer state and parameters.
        mean_error: E_mean, if there are several samples.
    """

    iteration: int
    sample: int
    learning_rate: float
    quantities: Mapping[str, float]
    errors: np.ndarray
    gradients: Mapping[str, np.ndarray]
    used_by_update: Mapping[str, np.ndarray | float]
    updated: Mapping[str, float]
    mean_error: float | None = None


def iteration_values(
    exercise: Exercise,
    system: EquationSystem,
    iteration: int,
    sample: int | None = None,
    learning_rate: float | None = None,
    progress: Callable[[], None] = lambda: None,
) -> IterationValues:
    """Train up to an iteration and return its numbers.

    Args:
        sample: the number of a sample, from 1. None stands for the first sample, or with online
            updates for the sample of this iteration.
        learning_rate: None stands for the exercise's first learning rate.
        progress: called after every iteration.

    Raises:
        InvalidInputError: no such iteration, sample or learning rate.
    """
    count = len(exercise.samples)
    if not 0 <= iteration <= MAX_ITERATIONS:
        raise InvalidInputError(f"iteration must be 0 to {MAX_ITERATIONS:,}, got {iteration:,}")
    if sample is not None and not 1 <= sample <= count:
        allowed = "1, as the exercise has one sample" if count == 1 else f"1 to {count}"
        raise InvalidInputError(f"sample must be {allowed}, got {sample}")
    turn = iteration % count + 1
    if sample is not None and not system.is_batch and sample != turn:
        raise InvalidInputError(
            f"iteration {iteration} uses sample {turn}, not {sample}: with online updates the "
            "samples take turns"
        )
    if learning_rate is not None:
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise InvalidInputError(
                f"learning rate must be a finite number above 0, got {learning_rate:g}"
            )
        exercise = with_values(exercise, learning_rates=[learning_rate])
    rate = exercise.training.learning_rates[0]
    before: Rows = {}
    after: Rows = {}
    for rows in descend(exercise, system, [rate], iteration + 1):
        before, after = after, rows
        progress()
    return _collect(system, before, after, sample or 1, rate)


def _collect(
    system: EquationSystem, before: Rows, after: Rows, sample: int, rate: float
) -> IterationValues:
    """Collect an iteration's numbers from its rows and from those of the next iteration."""
    row = sample - 1 if system.is_batch else 0
    constants = {LEARNING_RATE: rate, **system.hyperparameters}
    of_row = {name: float(column[0, row]) for name, column in before.items()}
    quantities = {**of_row, **constants}
    with np.errstate(all="ignore"):
        for equation in system.equations:
            if equation.step is Step.UPDATE:
                continue
            if equation.name not in quantities:
                quantities[equation.name] = float(evaluate(equation.rhs, quantities))
            for factor in (factor for path in equation.paths for factor in path):
                if factor.derivative is not None:
                    quantities[factor.label] = float(evaluate(factor.derivative, quantities))
    iteration = int(of_row[ITERATION])
    used: dict[str, np.ndarray | float] = {
        f"{name}[n-1]": column[0] if name in map(system.gradient, system.trained) else column[0, 0]
        for name, column in before.items()
    }
    used |= {name: column[0, 0] for name, column in after.items()}
    used |= {**constants, ITERATION: float(iteration + 1)}
    return IterationValues(
        iteration=iteration,
        sample=int(of_row[SAMPLE]),
        learning_rate=rate,
        quantities=quantities,
        errors=before[TOTAL_ERROR][0],
        gradients={name: before[system.gradient(name)][0] for name in system.trained},
        used_by_update=used,
        updated={name: float(after[name][0, 0]) for name in system.updates},
        mean_error=of_row.get(MEAN_ERROR),
    )
