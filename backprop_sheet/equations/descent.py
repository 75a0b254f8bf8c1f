"""Gradient descent on an exercise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR, SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.symbolic.evaluation import compiled

Rows = dict[str, np.ndarray]


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
    constants = {LEARNING_RATE: rates, **system.hyperparameters}
    given = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    fixed = [name for name in system.parameters if name not in system.trained]
    rows: Rows = {name: np.full(shape, value) for name, value in given.items()}
    rows |= {name: np.zeros(shape) for name in system.states}
    history: list[np.ndarray] = []
    updates = {name: compiled(rhs) for name, rhs in system.updates.items()}
    within_row = {name: compiled(rhs) for name, rhs in system.within_row.items()}
    for iteration in range(iterations + 1):
        before = rows
        rows = _sample_rows(exercise, system, iteration, shape)
        with np.errstate(under="ignore"):
            if iteration == 0:
                rows |= before
            else:
                rows |= {name: before[name] for name in fixed}
                values = {f"{name}[n-1]": value for name, value in before.items()}
                values |= constants
                values[ITERATION] = float(iteration)
                for name, value in updates.items():
                    values[name] = value(values)
                    rows[name] = _of_shape(values[name], shape)
            values = {**rows, **constants}
            for name, value in within_row.items():
                rows[name] = values[name] = _of_shape(value(values), shape)
        if system.has_sample_column:
            rows[MEAN_ERROR] = _mean_error(system, rows[TOTAL_ERROR], history)
        yield rows


def _of_shape(value: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return value if value.shape == shape else np.broadcast_to(value, shape)


def _sample_rows(
    exercise: Exercise, system: EquationSystem, iteration: int, shape: tuple[int, int]
) -> Rows:
    """Return the given columns of all samples, or of the sample that an online update uses."""
    samples = exercise.samples
    numbers = list(range(len(samples)))
    if not system.is_batch:
        numbers = [iteration % len(samples)]
    rows: Rows = {
        ITERATION: np.full(shape, float(iteration)),
        SAMPLE: np.broadcast_to(np.array(numbers, dtype=float) + 1, shape),
    }
    for at, name in enumerate(system.inputs):
        rows[name] = np.broadcast_to([samples[n].inputs[at] for n in numbers], shape)
    for at, name in enumerate(system.targets):
        rows[name] = np.broadcast_to([samples[n].targets[at] for n in numbers], shape)
    return rows


def _mean_error(
    system: EquationSystem, errors: np.ndarray, history: list[np.ndarray]
) -> np.ndarray:
    """Return the mean over an iteration's samples; with online updates, over the latest of each."""
    if system.is_batch:
        return np.broadcast_to(errors.mean(axis=1, keepdims=True), errors.shape)
    history.append(errors)
    del history[: -system.sample_count]
    return np.mean(history, axis=0)
