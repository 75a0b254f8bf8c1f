"""The quantities without a column of their own that a table computes inside other columns.

``E_total`` is the sum of the outputs' errors, with columns of theirs or without; an update may have
the whole chain rule in its formula. Where such a column is right, what it contains is right.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.symbolic.expressions import CellReference, plain_names, walk

# The compared columns that contain a missing quantity, by its name.
Inside = Mapping[str, tuple[str, ...]]


def computed_inside(comparison: Comparison) -> Inside:
    """Return the missing quantities that compared columns contain.

    A wrong column contains what its formula has a part of: w5 that never changes has no gradient.
    """
    data = comparison.data
    system = data.system
    inside: dict[str, list[str]] = {}
    for compared in comparison.columns:
        if not compared.checked.any():
            continue
        parts = _parts(comparison, compared)
        pending, seen = [compared.column], {compared.column}
        while pending:
            column = pending.pop()
            if column not in system.definitions and column not in system.updates:
                continue
            used = plain_names(row_rhs(system, column)) - seen
            absent = sorted(used - set(data.columns))
            seen.update(absent)
            pending += absent
            for name in absent:
                if name not in data.missing or name not in system.definitions:
                    continue
                if parts is None or not parts.isdisjoint(_needed(data, name)):
                    inside.setdefault(name, []).append(compared.column)
    return {name: tuple(columns) for name, columns in inside.items()}


def _parts(comparison: Comparison, compared: ColumnComparison) -> set[str] | None:
    """Return the names in the formula of a column without a right cell; None for any others."""
    if not (compared.wrong | ~compared.checked).all():
        return None
    first = int(np.flatnonzero(compared.wrong)[0])
    if comparison.data.table.formula(compared.column, first) is None:
        return set()
    _, formula = comparison.translator.text(compared.column, first)
    if formula is None or any(isinstance(node, CellReference) for node in walk(formula)):
        return None
    return plain_names(formula)


def _needed(data: TableData, name: str) -> set[str]:
    """Return the columns that a quantity without a column is computed from."""
    pending, needed = [name], {name}
    while pending:
        used = plain_names(row_rhs(data.system, pending.pop())) - needed
        needed |= used
        pending += [one for one in used - set(data.columns) if one in data.system.definitions]
    return needed
