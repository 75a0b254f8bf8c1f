"""The functions that expressions may call, each defined once for values and Excel formulas.

For finite given values, no cell may overflow or show an error value. Excel has no infinities and no
numbers below 2.2e-308. Therefore the functions have bounds:

- ``σ``: Excel's EXP overflows above about 709.78, so the exponent is at most 700. There, the result
  (1e-304) is still a normal number, and its difference from the exact value is not visible.
- ``relu`` and ``linear`` are clipped at ±1e6, so that a diverging run stays finite. In a network of
  five such layers, gradients can be as large as the 32nd power of this bound.
- ``ln`` replaces an argument below 1e-300 by 1e-300.
- ``softmax(x, x1, …, xn)`` is the output for the sum x, where x1 to xn are all sums of the layer.
  The largest sum is subtracted from every exponent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from backprop_sheet.symbolic.expressions import (
    ONE,
    ZERO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    substitute,
)
from backprop_sheet.symbolic.expressions import Operation as Op

CLIP = 1e6  # of relu and linear
SMALLEST_ARGUMENT = 1e-300  # of ln
MAX_EXPONENT = 700.0  # of the sigmoid

_X = Name("x")

# Functions of one argument, defined by simpler functions.
_DEFINITIONS: dict[str, Expression] = {
    "σ": Op(
        "/",
        ONE,
        Op("+", ONE, Call("exp", (Call("min", (Negative(_X), Number(MAX_EXPONENT))),))),
    ),
    "relu": Call("min", (Call("max", (ZERO, _X)), Number(CLIP))),
    "linear": Call("max", (Call("min", (_X, Number(CLIP))), Number(-CLIP))),
    "ln": Call("log", (Call("max", (_X, Number(SMALLEST_ARGUMENT))),)),
}


def spell_out(call: Call) -> Expression | None:
    """Return a call written with simpler functions, or None if it has no such definition."""
    if call.function == "softmax":
        x, *sums = call.arguments
        largest = Call("max", tuple(sums))
        own, *others = (Call("exp", (Op("-", one, largest),)) for one in (x, *sums))
        return Op("/", own, reduce(lambda left, right: Op("+", left, right), others))
    definition = _DEFINITIONS.get(call.function)
    if definition is None:
        return None
    return substitute(definition, {"x": call.arguments[0]})


def _fold(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: reduce(function, values)


def _sum(x: np.ndarray) -> np.ndarray:
    # np.mean and np.sum give the same, but spend more time on small arrays.
    return np.add.reduce(x, axis=-1, keepdims=True)


# The values of the simplest functions. "mean" and "sum" reduce the last axis of an array, the
# samples of an iteration.
VALUES: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
    "min": _fold(np.minimum),
    "max": _fold(np.maximum),
    "step": lambda x: np.where(np.asarray(x) > 0, 1.0, 0.0),
    "mean": lambda x: _sum(x) / np.shape(x)[-1] if np.ndim(x) else x,
    "sum": lambda x: _sum(x) if np.ndim(x) else x,
}

FUNCTIONS = frozenset({*VALUES, *_DEFINITIONS, "softmax"})
