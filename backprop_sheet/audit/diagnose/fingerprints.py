"""Recognize expressions that are the same function, even if they are written differently.

The fingerprint of an expression consists of its values at a few fixed random points. Expressions
with the same fingerprint are almost certainly the same function (the Schwartz-Zippel lemma). The
derivative of max(0, x) depends only on the sign of x, so there must be enough points for any two
names to have different signs at one of them.
"""

from __future__ import annotations

import random

import numpy as np

from backprop_sheet.audit.compare.record_values import median
from backprop_sheet.equations.names import ITERATION, Kind
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import loss_named
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression

POINTS = 24


class Fingerprints:
    """Fingerprints of expressions in the names of one equation system."""

    def __init__(self, system: EquationSystem) -> None:
        self._values = _RandomValues(system)

    def of(self, expression: Expression) -> str:
        """Return a text that is equal for expressions that are the same function."""
        with np.errstate(all="ignore"):
            values = np.broadcast_to(evaluate(expression, self._values), (POINTS,))
        return "|".join(f"{value:.8e}" for value in values.tolist())

    def ratio(self, one: Expression, other: Expression) -> float | None:
        """Return the number by which an expression is a multiple of another one, or None."""
        with np.errstate(all="ignore"):
            ratios = np.broadcast_to(
                evaluate(one, self._values) / evaluate(other, self._values), (POINTS,)
            )
            known = ratios[np.isfinite(ratios)]
        if len(known) < POINTS // 2 or np.ptp(known) > 1e-9 * np.abs(known).max():
            return None
        return float(f"{median(known):.9g}")

    def same(self, one: Expression, other: Expression) -> bool:
        """Whether two expressions are the same function."""
        return one == other or self.of(one) == self.of(other)


class _RandomValues(dict[str, np.ndarray]):
    """Fixed random values for every name; the first value is between 0 and 1."""

    def __init__(self, system: EquationSystem) -> None:
        super().__init__()
        self.positive = {ITERATION, *system.constants}
        self.positive |= {name for name, one in system.quantities.items() if one.kind is Kind.STATE}
        if loss_named(system.training.loss).is_of_class:
            # The targets of a sample add up to 1, and the formula a - t relies on this.
            *others, last = system.targets
            self[last] = 1.0 - sum((self[name] for name in others), np.zeros(POINTS))

    def __missing__(self, key: str) -> np.ndarray:
        source = random.Random(key)
        value = np.array(
            [
                source.uniform(0.1, 0.9),
                *(source.choice((-1, 1)) * source.uniform(0.2, 1.7) for _ in range(POINTS - 1)),
            ]
        )
        if key.partition("[")[0] in self.positive:
            value = np.abs(value)
        self[key] = value
        return value
