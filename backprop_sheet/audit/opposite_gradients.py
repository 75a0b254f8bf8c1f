"""Gradients of the opposite sign, which the updates add: −∂E/∂w under the headers of ∂E/∂w."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.compare.table_comparison import Comparison, compare_table
from backprop_sheet.audit.find.reading import BY_NUMBERS, Reading
from backprop_sheet.equations.intermediates import NEGATIVE


def with_opposite_gradients(
    reading: Reading, comparison: Comparison, tolerance: float
) -> tuple[Reading, Comparison]:
    """Read the gradients as −∂E/∂w if that is what they are, and the updates add them.

    With t - a throughout, every gradient has the wrong sign; if the updates then add it, the
    parameters are right, and nothing is wrong but the headers.
    """
    gradients = _opposite(comparison)
    if not gradients:
        return reading, comparison
    table = reading.table
    changed = {name: NEGATIVE + name for name in gradients}
    table = table.with_names({changed.get(name, name): table.column(name) for name in table.names})
    again = compare_table(table, reading.system, reading.labels, tolerance)
    if 2 * again.wrong_columns > comparison.wrong_columns - len(gradients):
        return reading, comparison  # the updates subtract them
    columns = tuple(
        replace(column, quantity=changed[column.quantity], by=BY_NUMBERS, is_against_header=True)
        if column.quantity in changed
        else column
        for column in reading.columns
    )
    return replace(reading, table=table, columns=columns), again


def _opposite(comparison: Comparison) -> list[str]:
    """Return the gradients of the parameters if most have the opposite sign in all rows."""
    data = comparison.data
    gradients = [data.system.gradient(name) for name in data.system.trained]
    present = [name for name in gradients if name in data.columns]
    opposite = 0
    for column in comparison.columns:
        if column.column in present and column.wrong.any():
            found, right = data.values[column.column], column.expected
            known = np.isfinite(found) & np.isfinite(right)
            near = np.abs(found + right) <= TOLERANCE * np.abs(right)
            opposite += bool(near[known].all())
    return present if 2 * opposite > len(present) else []
