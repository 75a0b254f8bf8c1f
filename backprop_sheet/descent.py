"""A problem (inputs, targets, first weights) and gradient descent on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_sheet.equations import (
    INPUTS,
    LEARNING_RATE,
    TARGETS,
    UPDATES,
    WEIGHTS,
    WITHIN_ROW,
)
from backprop_sheet.expression import Expression, evaluate

# No cell may overflow, whatever is given. Up to this size it cannot: σ and its slope are bounded,
# so in N steps w5…w8 stay below N·η·(t + 1), w1…w4 below N·η·t·w5·i; with all of them at 1e40
# and N at 1e6 the largest product in a row is below 1e300.
LARGEST = 1e40

COURSE_LEARNING_RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)


@dataclass(frozen=True)
class Problem:
    """What is given: two inputs, two targets, eight weights; the defaults are the course's.

    Raises:
        ValueError: a wrong count, or a value that is not finite or beyond ±1e40.
    """

    inputs: tuple[float, ...] = (0.05, 0.1)
    targets: tuple[float, ...] = (0.01, 0.99)
    weights: tuple[float, ...] = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)

    def __post_init__(self) -> None:
        for what, values, expected in (
            ("inputs", self.inputs, INPUTS),
            ("targets", self.targets, TARGETS),
            ("weights", self.weights, WEIGHTS),
        ):
            if len(values) != len(expected):
                raise ValueError(
                    f"{what}: {len(expected)} numbers are needed "
                    f"({', '.join(expected)}), {len(values)} given"
                )
            for name, value in zip(expected, values, strict=True):
                if not math.isfinite(value):
                    raise ValueError(f"{what}: {name} is {value}, not a finite number")
                if abs(value) > LARGEST:
                    raise ValueError(
                        f"{what}: {name} is {value:g}, beyond ±{LARGEST:g}, where a cell could "
                        "overflow what Excel can hold"
                    )

    @property
    def given(self) -> dict[str, float]:
        """Every given value under its name: t1, t2, i1, i2, w1 … w8."""
        return dict(
            zip(
                (*TARGETS, *INPUTS, *WEIGHTS),
                (*self.targets, *self.inputs, *self.weights),
                strict=True,
            )
        )


def checked_learning_rates(learning_rates: Sequence[float]) -> tuple[float, ...]:
    """The rates in the given order, each once.

    Raises:
        ValueError: no rate at all, or one that is not a finite positive number up to 1e40.
    """
    for rate in learning_rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"learning rates must be finite positive numbers, and {rate} is not")
        if rate > LARGEST:
            raise ValueError(
                f"learning rate {rate:g} is beyond {LARGEST:g}, where a cell could overflow what "
                "Excel can hold"
            )
    if not learning_rates:
        raise ValueError("at least one learning rate is needed")
    return tuple(dict.fromkeys(learning_rates))


def descend(
    problem: Problem, learning_rates: Sequence[float], iterations: int
) -> Iterator[dict[str, np.ndarray]]:
    """Gradient descent at several learning rates side by side.

    Yields:
        ``iterations + 1`` rows, the first with the given weights: for each column of the table,
        in the order of computation, an array with a value for each learning rate.
    """
    rates = np.asarray(checked_learning_rates(learning_rates), dtype=float)
    row = {name: np.full(rates.shape, value) for name, value in problem.given.items()}
    with np.errstate(under="ignore"):
        _fill(row, WITHIN_ROW, row)
    yield row
    for _ in range(iterations):
        above = {f"{name}[n-1]": value for name, value in row.items()}
        above[LEARNING_RATE] = rates
        row = {name: row[name] for name in (*TARGETS, *INPUTS)}
        with np.errstate(under="ignore"):
            _fill(row, UPDATES, above)
            _fill(row, WITHIN_ROW, row)
        yield row


def _fill(
    row: dict[str, np.ndarray],
    equations: dict[str, Expression],
    values: dict[str, np.ndarray],
) -> None:
    for name, right in equations.items():
        row[name] = evaluate(right, values)
