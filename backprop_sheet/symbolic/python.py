"""Write expressions as Python, for numbers, NumPy's arrays or a framework's tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Number,
    Operation,
    substitute,
)
from backprop_sheet.symbolic.functions import Function, function_named
from backprop_sheet.symbolic.rendering import ATOM, NEGATIVE, PRECEDENCE, Writer, infix


def to_python(
    expression: Expression, name: Callable[[Name], str], called: Callable[[Function], str]
) -> str:
    """Return a Python expression.

    Args:
        name: gives the Python of a name.
        called: gives what calls a function; functions without it are written with simpler ones.

    Raises:
        ValueError: the expression has a function or a reference that has no Python.
    """

    def call(node: Call, write: Writer) -> tuple[str, int]:
        function = function_named(node.function)
        if known := called(function):
            return _called(known, [write(argument, 0) for argument in node.arguments]), ATOM
        if function.written is not None:
            return write.with_precedence(function.written(node))
        if function.definition is None:
            raise ValueError(f"the function {function.name} has no Python")
        return write.with_precedence(substitute(function.definition, {"x": node.arguments[0]}))

    def operation(node: Operation, write: Writer) -> tuple[str, int]:
        if node.operator == "^":
            power = PRECEDENCE["^"]
            return f"{write(node.left, power + 1)}**{write(node.right, power)}", power
        return infix(node, write, space=" ")

    writer = Writer(
        number=_number, name=name, operation=operation, call=call, cell=_refused,
        after_minus=NEGATIVE, negated_by_first="*/",
    )  # fmt: skip
    return writer(expression, 0)


def _called(function: str, arguments: list[str]) -> str:
    """Write a call; of functions of two arguments, one within the other."""
    if function in ("np.minimum", "np.maximum"):
        return reduce(lambda left, right: f"{function}({left}, {right})", arguments)
    return f"{function}({', '.join(arguments)})"


def _number(node: Number) -> str:
    return str(int(node.value)) if node.value == int(node.value) < 1e15 else repr(node.value)


def _refused(reference: CellReference) -> str:
    raise ValueError(f"no Python for the cell {reference.key}")
