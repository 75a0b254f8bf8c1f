"""Causes of typed numbers that are wrong."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison, is_never_updated
from backprop_sheet.audit.compare.computed_cells import is_column_of_formulas
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import shifted
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.diagnose.typing_mistakes import typing_mistake
from backprop_sheet.audit.diagnose.value_causes import (
    MAX_UNCERTAINTY,
    cause_by_value,
    only_cause_by_value,
)
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.expressions import names

MAX_STEP = 10  # half units; so small steps of another formula may be rounded away, too


def cause_of_numbers(table: Comparison, comparison: ColumnComparison, *, pairs: bool) -> str:
    """Find the mistake that gives all typed numbers of a column, if there is one.

    Args:
        pairs: as of :func:`cause_by_value`.
    """
    data, column = table.data, comparison.column
    rows = np.flatnonzero(comparison.wrong)
    if is_column_of_formulas(data, column):
        return "a number typed over the column's formula"
    if is_never_updated(data, column, comparison.wrong) or _stays_as_given(data, column):
        return "the parameter is never updated: the same number is typed in every row"
    if len(rows) == 1:
        return _cause_of_one_number(table, comparison, int(rows[0]))
    found = data.values[column][rows]
    if _is_one_number(table, comparison):
        return f"the same number, {found[0]:g}, is typed in every row"
    if table.uncertainty.has_formulas and np.ptp(found) == 0:
        return f"the same number, {found[0]:g}, is typed in {len(rows)} rows"
    return (
        cause_by_value(table, comparison, pairs=pairs)
        or "typed numbers that do not follow from the other cells of their rows"
    )


def _stays_as_given(data: TableData, column: str) -> bool:
    """Whether a trained parameter has its first number in every row."""
    known = data.values[column][data.has_numbers(column)]
    return column in data.system.trained and bool(np.ptp(known) == 0)


def _is_one_number(table: Comparison, comparison: ColumnComparison) -> bool:
    """Whether the same number is typed in every row; not if rounding may have made it the same.

    Where the right numbers of a typed table differ by less than a digit, so do those of another
    formula. Beside formulas, there was none.
    """
    column, data = comparison.column, table.data
    filled = data.has_numbers(column)
    if column in data.system.updates:
        filled[: data.system.rows_per_iteration] = False
    numbers = data.values[column][filled]
    if not len(numbers) or np.ptp(numbers) > 0:
        return False
    if table.uncertainty.has_formulas:
        return True
    half = table.uncertainty.own(column).max()
    right = comparison.expected[filled & np.isfinite(comparison.expected)]
    may_be_rounded = half > 0 and (len(right) == 0 or np.ptp(right) <= 2 * half)
    if column in data.system.updates:  # right numbers begin with the one above: the steps tell
        steps = np.abs(comparison.expected - shifted(data.values[column], -1))[filled]
        may_be_rounded = half > 0 and float(np.nanmedian(steps)) <= MAX_STEP * half
    return bool(half <= MAX_UNCERTAINTY * abs(numbers[0]) and not may_be_rounded)


def _cause_of_one_number(table: Comparison, comparison: ColumnComparison, row: int) -> str:
    """Find out what is wrong with the only wrong number of a typed column."""
    numbers = table.data.values[comparison.column]
    half = float(table.uncertainty.own(comparison.column)[row])
    right = float(comparison.expected[row])
    others = np.delete(numbers, row)
    return (
        typing_mistake(
            float(numbers[row]),
            right,
            others[np.isfinite(others)],
            half,
            _given_of(table, comparison, row),
        )
        or (only_cause_by_value(table, comparison, row) if _is_alone(comparison) else "")
        or "a typed number that does not follow from the other cells of its row"
    )


def _given_of(table: Comparison, comparison: ColumnComparison, row: int) -> dict[str, float]:
    """Return the inputs, targets and η that an equation uses, with their values in a row."""
    data, values = table.data, table.values
    return {
        name.name: float(values[name.key][row])
        for name in names(row_rhs(data.system, comparison.column, 0))
        if name.name == LEARNING_RATE or data.system.columns.get(name.name) is Role.GIVEN
        if values.has(name.key)
    }


def _is_alone(comparison: ColumnComparison) -> bool:
    """Whether no other number of a column was found to be right."""
    return int(comparison.checked.sum()) == 1
