"""Formulas that are alike but for the cells that they use, as those of two outputs are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backprop_sheet.audit.find.column_formulas import ColumnFormulas, shape_of
from backprop_sheet.symbolic.expressions import Expression, references


def alike(
    formulas: ColumnFormulas, column: int
) -> Iterator[tuple[int, dict[Expression, Expression]]]:
    """Yield the columns with a formula like that of one, and what stands for each of its names."""
    if formulas.expression(column) is None:
        return
    shapes, leaves = formulas.shapes, formulas.leaves[column]
    for other in range(len(formulas.columns)):
        if other == column or shapes[other] != shapes[column]:
            continue
        pairs = list(zip(leaves, formulas.leaves[other], strict=True))
        if len(set(pairs)) == len(set(leaves)):
            yield other, dict(pairs)


def has_counterpart(own: Expression | None, others: Iterable[Expression | None]) -> bool:
    """Whether one of some formulas is the same as one's own, but for all cells that they use."""
    return own is not None and any(
        other is not None and _are_counterparts(own, other) for other in others
    )


def _are_counterparts(one: Expression, other: Expression) -> bool:
    pairs = zip(references(one), references(other), strict=False)
    return shape_of(one) == shape_of(other) and all(left != right for left, right in pairs)
