"""What the right-hand sides of a table's columns give in its records."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers, RecordValues
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    transform,
)


def evaluated(
    rhs: Expression, values: RecordValues, records: int, *, magnitudes: bool = False
) -> Numbers | None:
    """Evaluate a right-hand side, or the sum of the magnitudes of its terms.

    None if there are no numbers for one of its names.
    """
    used = list(dict.fromkeys(names(rhs)))
    if not all(values.has(name.key) for name in used):
        return None
    known: Mapping[str, Numbers] = values
    if magnitudes:
        rhs = transform(rhs, _without_signs)
        known = {name.key: np.abs(values[name.key]) for name in used}
    result = np.asarray(evaluate(rhs, known), dtype=float)
    return np.broadcast_to(result, (records,)).copy()


def evaluated_by_position(
    data: TableData,
    column: str,
    rhs: Expression,
    values: RecordValues,
    *,
    magnitudes: bool = False,
) -> Numbers | None:
    """Evaluate a right-hand side; the later rows of an iteration repeat the row above."""
    result = evaluated(rhs, values, data.records, magnitudes=magnitudes)
    if result is None or column not in data.system.updates:
        return result
    if data.system.rows_per_iteration > 1:
        above = evaluated(Name(column, -1), values, data.records, magnitudes=magnitudes)
        if above is not None:
            result = np.where(data.position == 0, result, above)
    return result


def _without_signs(node: Expression) -> Expression:
    """Turn subtractions into additions, for the sum of the magnitudes of all terms."""
    match node:
        case Negative(operand):
            return operand
        case Operation("-", left, right):
            return Operation("+", left, right)
    return node
