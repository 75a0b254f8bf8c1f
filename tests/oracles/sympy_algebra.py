"""Expressions in SymPy, an independent algebra system: exact numbers and derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)

_FUNCTIONS = {
    "σ": lambda x: 1 / (1 + sympy.exp(-x)),
    "tanh": sympy.tanh,
    "exp": sympy.exp,
    "ln": sympy.log,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "linear": lambda x: x,  # without its bounds
    "softmax": lambda x, *sums: sympy.exp(x) / sum(map(sympy.exp, sums)),
}


def symbol(name: str) -> sympy.Symbol:
    """Return the symbol of a name's key."""
    return sympy.Symbol(name, real=True)


def to_sympy(expression: Expression, definitions: Mapping[str, Any] | None = None) -> Any:
    """Translate an expression; names with a definition are replaced by it."""
    match expression:
        case Number(value):
            return sympy.Rational(*value.as_integer_ratio())
        case Name() if definitions is not None and expression.key in definitions:
            return definitions[expression.key]
        case Name():
            return symbol(expression.key)
        case Negative(operand):
            return -to_sympy(operand, definitions)
        case Operation(operator, left, right):
            one, other = to_sympy(left, definitions), to_sympy(right, definitions)
            match operator:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case "/":
                    return one / other
                case "^":
                    return one**other
        case Call(function, arguments):
            return _FUNCTIONS[function](*(to_sympy(one, definitions) for one in arguments))
    raise ValueError(f"{expression!r} has no translation")
