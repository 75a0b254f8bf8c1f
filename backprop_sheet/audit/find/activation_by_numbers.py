"""Recognize an activation by its numbers: however its formula is written, they are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backprop_sheet.exercise.choices import ACTIVATIONS
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, plain_names

# Where functions are compared: on both sides of 0, and not symmetric.
_POINTS = np.array([-2.3, -1.1, -0.37, 0.21, 0.9, 1.7, 2.6])
_CLOSE = 1e-9


def kinds_of(formula: Expression, x: Name) -> tuple[str, ...]:
    """Return the activations that a formula of one sum is."""
    found = _numbers(formula, {x.key: _POINTS})
    return tuple(
        name
        for name, activation in ACTIVATIONS.items()
        if not activation.takes_layer
        and _agree(found, _numbers(activation.call(x, (x,)), {x.key: _POINTS}))
    )


def mistaken_kind(formula: Expression, used: str) -> str | None:
    """Return the activation of which a formula is a known mistake, or None."""
    x = Name(used)
    values = {x.key: _POINTS}
    found = _numbers(formula, values)
    for name, activation in ACTIVATIONS.items():
        if activation.takes_layer:
            continue
        for wrong, _ in activation.mistakes(activation.call(x, (x,))):
            if _agree(found, _numbers(wrong, values)):
                return name
    return None


def is_leaky(formula: Expression, used: str) -> bool:
    """Whether a formula of a sum is the sum, and a small multiple of it where it is negative."""
    if plain_names(formula) != {used}:
        return False
    slopes = _numbers(formula, {Name(used).key: _POINTS}) / _POINTS
    below, above = slopes[_POINTS < 0], slopes[_POINTS > 0]
    leak = float(below[0])
    return 0 < leak < 1 and _agree(below, np.full_like(below, leak)) and bool(np.all(above == 1))


def own_of_layer(formula: Expression, used: Sequence[str]) -> tuple[str, int] | None:
    """Return the activation of a whole layer that a formula is, and of which of its sums."""
    sums = tuple(map(Name, used))
    values = {x.key: np.roll(_POINTS, index) + 0.1 * index for index, x in enumerate(sums)}
    found = _numbers(formula, values)
    for name, activation in ACTIVATIONS.items():
        if activation.takes_layer:
            for index, x in enumerate(sums):
                if _agree(found, _numbers(activation.call(x, sums), values)):
                    return name, index
    return None


def _numbers(formula: Expression, values: Mapping[str, np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        try:
            result = np.asarray(evaluate(formula, values), dtype=float)
        except (ValueError, KeyError):
            return np.array(np.nan)
    return np.broadcast_to(result, _POINTS.shape)


def _agree(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(found, expected, rtol=_CLOSE, atol=_CLOSE))
