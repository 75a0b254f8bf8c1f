"""Formulas that are alike but for the cells that they use, as those of two outputs are."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.audit.find.column_formulas import Formulas
from backprop_sheet.symbolic.expressions import CellReference, Expression, Name, transform, walk

_ANY = Name("#")


def alike(formulas: Formulas, column: int) -> Iterator[tuple[int, dict[Expression, Expression]]]:
    """Yield the columns with a formula like that of one, and what stands for each of its names."""
    expression = formulas.expression(column)
    if expression is None:
        return
    shape, leaves = _shape(expression), _leaves(expression)
    for other in range(len(formulas.columns)):
        found = formulas.expression(other)
        if other == column or found is None or _shape(found) != shape:
            continue
        pairs = list(zip(leaves, _leaves(found), strict=True))
        if len(set(pairs)) == len(set(leaves)):
            yield other, dict(pairs)


def _shape(expression: Expression) -> Expression:
    return transform(
        expression, lambda node: _ANY if isinstance(node, Name | CellReference) else node
    )


def _leaves(expression: Expression) -> list[Expression]:
    return [node for node in walk(expression) if isinstance(node, Name | CellReference)]
