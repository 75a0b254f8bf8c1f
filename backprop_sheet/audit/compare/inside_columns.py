"""The quantities without a column of their own that a table computes inside other columns.

``E_total`` is the sum of the outputs' errors, with columns of theirs or without; an update may have
the whole chain rule in its formula. Where such a column is right, what it contains is right.
"""

from __future__ import annotations

from collections.abc import Mapping

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.symbolic.expressions import names

# The compared columns that contain a missing quantity, by its name.
Inside = Mapping[str, tuple[str, ...]]


def computed_inside(comparison: Comparison) -> Inside:
    """Return the missing quantities that compared columns contain."""
    data = comparison.data
    system = data.system
    inside: dict[str, list[str]] = {}
    for compared in comparison.columns:
        if not compared.checked.any():
            continue
        pending, seen = [compared.column], {compared.column}
        while pending:
            column = pending.pop()
            if column not in system.definitions and column not in system.updates:
                continue
            used = {name.name for name in names(row_rhs(system, column))} - seen
            absent = sorted(used - set(data.columns))
            seen.update(absent)
            pending += absent
            for name in absent:
                if name in data.missing and name in system.definitions:
                    inside.setdefault(name, []).append(compared.column)
    return {name: tuple(columns) for name, columns in inside.items()}
