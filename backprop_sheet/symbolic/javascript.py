"""Write expressions as JavaScript, whose numbers are those of NumPy: IEEE 754 doubles."""

from __future__ import annotations

import math
from collections.abc import Callable

from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Number,
    Operation,
)
from backprop_sheet.symbolic.functions import function_named, spell_out
from backprop_sheet.symbolic.rendering import ATOM, PRECEDENCE, Writer

# What expressions call and JavaScript's Math lacks. `rows` are the samples of an iteration.
PRELUDE = """\
const square = (x) => x * x;
const step = (x) => (x > 0 ? 1 : 0);
const iferror = (x, other) => (Number.isFinite(x) ? x : other);
const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);
const mean = (rows, name) => sum(rows, name) / rows.length;
"""

_OF_SAMPLES = ("mean", "sum")


def to_javascript(
    expression: Expression,
    name: Callable[[Name], str],
    samples: Callable[[Name], str] | None = None,
) -> str:
    """Return a JavaScript expression, which may call the functions of :data:`PRELUDE`.

    Args:
        name: gives the JavaScript of a name.
        samples: gives the arguments of ``mean`` and ``sum`` for a name whose values over the
            samples of an iteration these reduce: ``rows, "∂E/∂w1"``.

    Raises:
        ValueError: the expression has a function, a number or a reference that has no JavaScript.
    """

    def call(node: Call, write: Writer) -> tuple[str, int]:
        if node.function in _OF_SAMPLES:
            [argument] = node.arguments
            if samples is None or not isinstance(argument, Name):
                raise ValueError(f"{node.function} needs a name over the samples: {node!r}")
            return f"{node.function}({samples(argument)})", ATOM
        if (definition := spell_out(node)) is not None:
            return write.with_precedence(definition)
        function = function_named(node.function)
        if not function.javascript:
            raise ValueError(f"the function {function.name} has no JavaScript")
        arguments = ", ".join(write(argument, 0) for argument in node.arguments)
        return f"{function.javascript}({arguments})", ATOM

    writer = Writer(
        number=_number, name=name, operation=_operation, call=call, cell=_refused,
        after_minus=ATOM, negated_by_first="",
    )  # fmt: skip
    return writer(expression, 0)


def _operation(node: Operation, write: Writer) -> tuple[str, int]:
    match node:
        case Operation("^", left, Number(2.0)):
            return f"square({write(left, 0)})", ATOM
        case Operation("^", left, right):
            return f"Math.pow({write(left, 0)}, {write(right, 0)})", ATOM
    precedence = PRECEDENCE[node.operator]
    before, after = write(node.left, precedence), write(node.right, precedence + 1)
    return f"{before} {node.operator} {after}", precedence


def _number(node: Number) -> str:
    if not math.isfinite(node.value):
        raise ValueError(f"no JavaScript for the number {node.value}")
    return repr(node.value)


def _refused(reference: CellReference) -> str:
    raise ValueError(f"no JavaScript for the cell {reference.key}")
