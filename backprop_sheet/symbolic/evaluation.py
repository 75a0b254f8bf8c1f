"""Evaluate expressions numerically."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)
from backprop_sheet.symbolic.functions import function_named, spell_out

Compiled = Callable[[Mapping[str, Any]], Any]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": np.divide,  # 1/0 is inf here, not an exception
    "^": lambda a, b: np.power(np.asarray(a, dtype=float), b),
}


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Args:
        values: a number or an array for the ``key`` of each name and cell; arrays must broadcast.
            The last axis of an array is over the samples of an iteration.

    Raises:
        KeyError: a name or a cell has no value.
    """
    return compiled(expression)(values)


def compiled(expression: Expression) -> Compiled:
    """Return :func:`evaluate` for one expression, which is faster for repeated evaluations."""
    match expression:
        case Number(value):
            return lambda values: value
        case Name() | CellReference():
            return operator.itemgetter(expression.key)
        case Negative(operand):
            inner = compiled(operand)
            return lambda values: -inner(values)
        case Operation(sign, left, right):
            operate, first, second = _OPERATORS[sign], compiled(left), compiled(right)
            return lambda values: operate(first(values), second(values))
        case Call(name, arguments):
            if (definition := spell_out(expression)) is not None:
                return compiled(definition)
            function = function_named(name).value
            if function is None:
                raise ValueError(f"the function {name} has no value")
            parts = [compiled(argument) for argument in arguments]
            if len(parts) == 1:
                [part] = parts
                return lambda values: function(part(values))
            return lambda values: function(*[part(values) for part in parts])
    raise TypeError(f"not an expression: {expression!r}")
