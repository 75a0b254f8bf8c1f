"""Evaluate expressions numerically."""

from __future__ import annotations

import operator
from collections import Counter
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
    children,
    transform,
    with_children,
)
from backprop_sheet.symbolic.functions import function_named, spell_out

SHARED = "shared "  # before the number of a subexpression that occurs several times

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
    # In the order of how often they occur; a match statement takes twice as long.
    if isinstance(expression, Operation):
        operate = _OPERATORS[expression.operator]
        first, second = compiled(expression.left), compiled(expression.right)
        return lambda values: operate(first(values), second(values))
    if isinstance(expression, Name | CellReference):
        return operator.itemgetter(expression.key)
    if isinstance(expression, Number):
        value = expression.value
        return lambda values: value
    if isinstance(expression, Negative):
        inner = compiled(expression.operand)
        return lambda values: -inner(values)
    if isinstance(expression, Call):
        return _compiled_call(expression)
    raise TypeError(f"not an expression: {expression!r}")


def _compiled_call(call: Call) -> Compiled:
    if (definition := spell_out(call)) is not None:
        return compiled(definition)
    function = function_named(call.function).value
    if function is None:
        raise ValueError(f"the function {call.function} has no value")
    parts = [compiled(argument) for argument in call.arguments]
    if len(parts) == 1:
        [part] = parts
        return lambda values: function(part(values))
    return lambda values: function(*[part(values) for part in parts])


def compiled_in_order(definitions: Mapping[str, Expression]) -> dict[str, Compiled]:
    """Return :func:`compiled` for several definitions that are evaluated one after the other.

    Args:
        definitions: the values of earlier names may occur in later definitions. No value may
            change while the definitions are evaluated.
    """
    return {name: compiled(rhs) for name, rhs in without_repetition(definitions).items()}


def without_repetition(definitions: Mapping[str, Expression]) -> dict[str, Expression]:
    """Return definitions by simple functions, in which no subexpression occurs twice.

    A subexpression that occurs several times has an entry of its own, before the first definition
    that contains it. The values are the same, to the last bit.
    """
    spelled = {name: transform(rhs, _spelled_out) for name, rhs in definitions.items()}
    counts: Counter[Expression] = Counter()

    def count(node: Expression) -> None:
        counts[node] += 1
        if counts[node] == 1:
            for child in children(node):
                count(child)

    for rhs in spelled.values():
        count(rhs)
    shared: dict[Expression, Name] = {}
    steps: dict[str, Expression] = {}

    def use_shared(node: Expression) -> Expression:
        if not children(node) or node in shared:
            return shared.get(node, node)
        parts = tuple(map(use_shared, children(node)))
        changed = with_children(node, parts)
        if counts[node] == 1:
            return changed
        shared[node] = Name(f"{SHARED}{len(shared) + 1}")
        steps[shared[node].name] = changed
        return shared[node]

    for name, rhs in spelled.items():
        simple = use_shared(rhs)
        steps[name] = simple
    return steps


def _spelled_out(node: Expression) -> Expression:
    definition = spell_out(node) if isinstance(node, Call) else None
    return node if definition is None else definition
