"""The functions that expressions may call, each defined once for values and Excel formulas.

No cell may overflow or show an error value for finite given values, and Excel has neither
infinities nor numbers below 2.2e-308. Hence the bounds:

- ``σ``: Excel's EXP overflows above about 709.78. At the bound of 700 the result (1e-304) is still
  a normal number, and no digit that a cell could show changes.
- ``relu`` and ``linear`` are clipped at ±1e6, so that a diverging run stays finite. In a network of
  five such layers the gradients reach the 32nd power of the bound: a larger one would not do.
- ``ln`` reads arguments below 1e-300 as 1e-300.
- ``softmax(x, x1, …, xn)``, the probability that belongs to the sum x among all sums of the layer,
  has the largest sum subtracted from every exponent.
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
LARGEST_EXPONENT = 700.0  # of the sigmoid

_X = Name("x")

# Functions of one argument that values and Excel formulas spell out.
_DEFINITIONS: dict[str, Expression] = {
    "σ": Op(
        "/",
        ONE,
        Op("+", ONE, Call("exp", (Call("min", (Negative(_X), Number(LARGEST_EXPONENT))),))),
    ),
    "relu": Call("min", (Call("max", (ZERO, _X)), Number(CLIP))),
    "linear": Call("max", (Call("min", (_X, Number(CLIP))), Number(-CLIP))),
    "ln": Call("log", (Call("max", (_X, Number(SMALLEST_ARGUMENT))),)),
}


def spell_out(call: Call) -> Expression | None:
    """Return the definition of a call in simpler functions, or None if it is one itself."""
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


# Values of the simplest functions. "mean" and "total" reduce over the samples of an iteration,
# which are the last axis of an array.
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
    "mean": lambda x: np.mean(x, axis=-1, keepdims=True) if np.ndim(x) else x,
    "total": lambda x: np.sum(x, axis=-1, keepdims=True) if np.ndim(x) else x,
}

FUNCTIONS = frozenset({*VALUES, *_DEFINITIONS, "softmax"})
