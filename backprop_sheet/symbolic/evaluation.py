"""Expressions as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop_sheet.symbolic.expressions import Call, Expression, Name, Negative, Number, Operation
from backprop_sheet.symbolic.functions import VALUES, spell_out


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Args:
        values: a number or an array for the ``key`` of each name; arrays must broadcast. The last
            axis of an array is over the samples of an iteration.

    Raises:
        KeyError: a name has no value.
    """
    match expression:
        case Number(value):
            return value
        case Name():
            return values[expression.key]
        case Negative(operand):
            return -evaluate(operand, values)
        case Operation(operator, left, right):
            a, b = evaluate(left, values), evaluate(right, values)
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/":
                    return np.divide(a, b)  # 1/0 is inf here, not an exception
            return np.power(np.asarray(a, dtype=float), b)
        case Call(function, arguments):
            if (definition := spell_out(expression)) is not None:
                return evaluate(definition, values)
            return VALUES[function](*(evaluate(argument, values) for argument in arguments))
    raise TypeError(f"not an expression: {expression!r}")
