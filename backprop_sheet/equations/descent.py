"""Gradient descent on an exercise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR, SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.symbolic.evaluation import Compiled, compiled_in_order

Rows = dict[str, np.ndarray]
Values = dict[str, np.ndarray | float]


def descend(
    exercise: Exercise,
    system: EquationSystem,
    learning_rates: Sequence[float],
    iterations: int,
) -> Iterator[Rows]:
    """Train at several learning rates at the same time.

    Yields:
        The table's rows of each iteration, from iteration 0 with the initial parameters to
        ``iterations``. For ``iteration``, ``sample`` and each column they have an array of shape
        (learning rates, rows). An iteration has one row per sample with batch updates, else one.
    """
    rates = np.asarray(learning_rates, dtype=float)[:, np.newaxis]
    shape = (len(rates), system.rows_per_iteration)
    constants: Values = {LEARNING_RATE: rates, **system.hyperparameters}
    given = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    fixed = [name for name in system.parameters if name not in system.trained]
    start: Rows = {name: np.full(shape, value) for name, value in given.items()}
    start |= {name: np.zeros(shape) for name in system.states}
    updates, within_row = _compiled(system)
    samples = _sample_rows(exercise, system, shape)
    history: list[np.ndarray] = []
    before: Rows = start
    for iteration in range(iterations + 1):
        rows: Rows = {
            ITERATION: np.full(shape, float(iteration)), **samples[iteration % len(samples)],
        }  # fmt: skip
        with np.errstate(under="ignore"):
            if iteration == 0:
                rows |= start
            else:
                rows |= {name: before[name] for name in fixed}
                previous: Values = {f"{name}[n-1]": value for name, value in before.items()}
                values = {**previous, **constants, ITERATION: float(iteration)}
                for name, value in updates.items():
                    values[name] = value(values)
                rows |= {name: _of_shape(values[name], shape) for name in system.updates}
            values = {**rows, **constants}
            for name, value in within_row.items():
                values[name] = value(values)
            rows |= {name: _of_shape(values[name], shape) for name in system.within_row}
        if system.has_sample_column:
            rows[MEAN_ERROR] = _mean_error(system, rows[TOTAL_ERROR], history)
        yield rows
        before = rows


@lru_cache(maxsize=128)
def _compiled(system: EquationSystem) -> tuple[dict[str, Compiled], dict[str, Compiled]]:
    """Return how the updates and the columns of a row are computed."""
    return compiled_in_order(system.updates), compiled_in_order(system.within_row)


def _of_shape(value: np.ndarray | float, shape: tuple[int, int]) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.shape == shape:
        return value
    return np.broadcast_to(value, shape)


def _sample_rows(exercise: Exercise, system: EquationSystem, shape: tuple[int, int]) -> list[Rows]:
    """Return the given columns of all samples, or with online updates of each sample in turn."""
    count = len(exercise.samples)
    turns = [list(range(count))] if system.is_batch else [[number] for number in range(count)]
    return [_rows_of_samples(exercise, system, numbers, shape) for numbers in turns]


def _rows_of_samples(
    exercise: Exercise, system: EquationSystem, numbers: Sequence[int], shape: tuple[int, int]
) -> Rows:
    samples = [exercise.samples[number] for number in numbers]
    rows: Rows = {SAMPLE: np.broadcast_to(np.array(numbers, dtype=float) + 1, shape)}
    for index, name in enumerate(system.inputs):
        rows[name] = np.broadcast_to([sample.inputs[index] for sample in samples], shape)
    for index, name in enumerate(system.targets):
        rows[name] = np.broadcast_to([sample.targets[index] for sample in samples], shape)
    return rows


def _mean_error(
    system: EquationSystem, errors: np.ndarray, history: list[np.ndarray]
) -> np.ndarray:
    """Return the mean over an iteration's samples; with online updates, over the latest of each."""
    if system.is_batch:
        return np.broadcast_to(errors.mean(axis=1, keepdims=True), errors.shape)
    history.append(errors)
    del history[: -system.sample_count]
    mean: np.ndarray = np.mean(history, axis=0)
    return mean
