"""Derivatives of expressions."""

from __future__ import annotations

from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    ZERO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    names,
)
from backprop_sheet.symbolic.functions import function_named
from backprop_sheet.symbolic.simplification import negative, product, total


def derivative(expression: Expression, by: Name) -> Expression:
    """Differentiate an expression.

    The derivatives of σ, tanh and softmax are written with the functions themselves:
    ``∂σ(x)/∂x = σ(x)*(1 - σ(x))``.

    Raises:
        ValueError: the expression has a function whose derivative is not defined here.
    """
    match expression:
        # Sums first: searching each part of a sum of n terms for the name would take n² steps.
        case Operation("+", left, right):
            return total([derivative(left, by), derivative(right, by)])
        case Operation("-", left, right):
            return total([derivative(left, by), negative(derivative(right, by))])
        case _ if by not in names(expression):
            return ZERO
        case Name():
            return ONE
        case Negative(operand):
            return negative(derivative(operand, by))
        case Operation("*", left, right):
            return total(
                [product(derivative(left, by), right), product(left, derivative(right, by))]
            )
        case Operation("/", left, right) if by not in names(right):
            return product(derivative(left, by), Operation("/", ONE, right))
        case Operation("^", left, Number(2.0)):
            return product(TWO, left, derivative(left, by))
        case Call(name, _) if (own := function_named(name).derivative) is not None:
            return own(expression, by)
        case Call(_, (argument,)):
            return product(_derivative_of_function(expression), derivative(argument, by))
    raise ValueError(f"no derivative of {expression!r}")


def _derivative_of_function(call: Call) -> Expression:
    slope = function_named(call.function).slope
    if slope is None:
        raise ValueError(f"no derivative of the function {call.function}")
    return slope(call)
