"""The functions that expressions may call: value, derivative, Excel, LaTeX and JavaScript.

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
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    ZERO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    add_up,
    substitute,
    transform,
)
from backprop_sheet.symbolic.expressions import Operation as Op
from backprop_sheet.symbolic.simplification import negative, product

CLIP = 1e6  # of relu and linear
SMALLEST_ARGUMENT = 1e-300  # of ln
MAX_EXPONENT = 700.0  # of the sigmoid

_X = Name("x")


@dataclass(frozen=True)
class Function:
    """A function that expressions may call.

    Attributes:
        name: its name in expressions and in text.
        value: its value for NumPy arrays; None if it has a ``definition``.
        definition: the function of ``x`` by simpler functions, with its bounds.
        spelled_out: for a function of several arguments, returns a call by simpler functions.
        slope: returns the derivative of a call by its argument; None if it has none here.
        derivative: for a function of several names, returns the derivative of a call by a name.
        written: returns the expression that text and LaTeX show instead of a call.
        typed: returns the expression that a person types into a cell instead of a call, without the
            bounds; None if that is the call.
        excel: its name in Excel, if it is not the name in capitals.
        excel_call: a call in Excel, with {} for the argument, if it is not the name and arguments.
        latex: its name in LaTeX.
        latex_arguments: the arguments in LaTeX, with {} for those of the call.
        javascript: its name in JavaScript, if it has no definition.
        numpy: its name in NumPy, if it has no definition.
        tensors: its name in ``torch`` and in ``keras.ops``, if they have it.
    """

    name: str
    value: Callable[..., Any] | None = None
    definition: Expression | None = None
    spelled_out: Callable[[Call], Expression] | None = None
    slope: Callable[[Call], Expression] | None = None
    derivative: Callable[[Call, Name], Expression] | None = None
    written: Callable[[Call], Expression] | None = None
    typed: Callable[[Call], Expression] | None = None
    excel: str = ""
    excel_call: str = ""
    latex: str = ""
    latex_arguments: str = "{}"
    javascript: str = ""
    numpy: str = ""
    tensors: str = ""


def _fold(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: reduce(function, values)


def _sum_over_samples(x: Any) -> Any:
    """Reduce the last axis of an array, the samples of an iteration."""
    # np.sum gives the same, but spends more time on small arrays.
    return np.add.reduce(x, axis=-1, keepdims=True) if np.ndim(x) else x


def _mean_over_samples(x: Any) -> Any:
    return _sum_over_samples(x) / np.shape(x)[-1] if np.ndim(x) else x


def _sigmoid_slope(call: Call) -> Expression:
    return Op("*", call, Op("-", ONE, call))


def _softmax_in_cells(call: Call) -> Expression:
    x, *sums = call.arguments
    largest = Call("max", tuple(sums))
    exponentials = [Call("exp", (Op("-", each, largest),)) for each in (x, *sums)]
    return Op("/", exponentials[0], add_up(exponentials[1:]))


def _softmax_written(call: Call) -> Expression:
    own, *exponentials = [Call("exp", (each,)) for each in call.arguments]
    return Op("/", own, add_up(exponentials))


def _softmax_derivative(call: Call, by: Name) -> Expression:
    x, *sums = call.arguments
    if not all(isinstance(each, Name) for each in call.arguments):
        raise ValueError(f"no derivative of {call!r}: its arguments must be names")
    if by == x:
        return product(call, Op("-", ONE, call))
    return negative(product(call, Call("softmax", (by, *sums))))


_ALL = (
    Function("exp", np.exp, javascript="Math.exp", numpy="np.exp", tensors="exp"),
    Function(
        "log",
        np.log,
        excel="LN",
        latex=r"\ln",
        javascript="Math.log",
        numpy="np.log",
        tensors="log",
    ),
    Function("sqrt", np.sqrt, javascript="Math.sqrt", numpy="np.sqrt", tensors="sqrt"),
    Function("abs", np.abs, javascript="Math.abs", numpy="np.abs", tensors="abs"),
    Function("sign", np.sign, javascript="Math.sign", numpy="np.sign", tensors="sign"),
    Function("min", _fold(np.minimum), latex=r"\min", javascript="Math.min", numpy="np.minimum"),
    Function("max", _fold(np.maximum), latex=r"\max", javascript="Math.max", numpy="np.maximum"),
    Function(
        "step",
        lambda x: np.where(np.asarray(x) > 0, 1.0, 0.0),
        excel_call="IF({}>0,1,0)",
        javascript="step",
        numpy="step",
    ),
    Function("mean", _mean_over_samples, excel="AVERAGE", numpy="np.mean"),
    Function("sum", _sum_over_samples, numpy="np.sum"),
    Function(
        "σ",
        definition=Op(
            "/",
            ONE,
            Op("+", ONE, Call("exp", (Call("min", (Negative(_X), Number(MAX_EXPONENT))),))),
        ),
        slope=_sigmoid_slope,
        typed=lambda call: Op("/", ONE, Op("+", ONE, Call("exp", (negative(call.arguments[0]),)))),
        latex=r"\sigma",
        tensors="sigmoid",
    ),
    Function(
        "tanh",
        np.tanh,
        slope=lambda call: Op("-", ONE, Op("^", call, TWO)),
        latex=r"\tanh",
        javascript="Math.tanh",
        numpy="np.tanh",
        tensors="tanh",
    ),
    Function(
        "relu",
        definition=Call("min", (Call("max", (ZERO, _X)), Number(CLIP))),
        slope=lambda call: Call("step", call.arguments),
        typed=lambda call: Call("max", (ZERO, *call.arguments)),
        latex=r"\max",
        latex_arguments="0, {}",
        tensors="relu",
    ),
    Function(
        "linear",
        definition=Call("max", (Call("min", (_X, Number(CLIP))), Number(-CLIP))),
        slope=lambda call: ONE,
        written=lambda call: call.arguments[0],
        typed=lambda call: call.arguments[0],
    ),
    Function(
        "ln",
        definition=Call("log", (Call("max", (_X, Number(SMALLEST_ARGUMENT))),)),
        slope=lambda call: Op("/", ONE, call.arguments[0]),
        typed=lambda call: Call("log", call.arguments),
        latex=r"\ln",
        tensors="log",
    ),
    Function(
        "iferror",
        lambda value, other: np.where(np.isfinite(value), value, other),
        javascript="iferror",
    ),
    Function(
        "softmax",
        spelled_out=_softmax_in_cells,
        derivative=_softmax_derivative,
        written=_softmax_written,
        typed=_softmax_written,
        tensors="softmax",
    ),
)
FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}


def function_named(name: str) -> Function:
    """Return a function.

    Raises:
        ValueError: there is no such function.
    """
    if name not in FUNCTIONS:
        raise ValueError(f"unknown function {name!r}")
    return FUNCTIONS[name]


def excel_name(name: str) -> str:
    """Return the name of a function in Excel."""
    return function_named(name).excel or name.upper()


def without_bounds(expression: Expression) -> Expression:
    """Write calls as a person types them into cells: the sigmoid as 1/(1 + exp(-x))."""

    def typed(node: Expression) -> Expression:
        if not isinstance(node, Call) or (function := FUNCTIONS.get(node.function)) is None:
            return node
        return node if function.typed is None else function.typed(node)

    return transform(expression, typed)


def spell_out(call: Call) -> Expression | None:
    """Return a call written with simpler functions, or None if it has no such definition."""
    function = function_named(call.function)
    if function.spelled_out is not None:
        return function.spelled_out(call)
    if function.definition is None:
        return None
    return substitute(function.definition, {"x": call.arguments[0]})
