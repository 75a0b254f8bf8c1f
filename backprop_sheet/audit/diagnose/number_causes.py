"""Causes of typed numbers that are wrong."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison, is_never_updated
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.uncertainty import is_column_of_formulas
from backprop_sheet.audit.diagnose.mistakes import mistakes
from backprop_sheet.symbolic.evaluation import evaluate

ROWS_TO_EXPLAIN = 8  # wrong rows of a typed column that a mistake must reproduce


def cause_of_numbers(table: Comparison, comparison: ColumnComparison) -> str:
    """Find the mistake that gives all typed numbers of a column, if there is one."""
    data, column = table.data, comparison.column
    rows = np.flatnonzero(comparison.wrong)
    if is_column_of_formulas(data, column):
        return "a number typed over the column's formula"
    if len(rows) == 1:
        return "a typed number that does not follow from the other cells of its row"
    if is_never_updated(data, column, comparison.wrong):
        return "the parameter is never updated: the same number is typed in every row"
    unexplained = "typed numbers that do not follow from the other cells of their rows"
    position = data.position_in(column, int(rows[0]))
    some = [row for row in rows.tolist() if data.position_in(column, row) == position]
    some = some[:ROWS_TO_EXPLAIN]
    found = data.values[column][some]
    allowed = np.maximum(1e-6 * np.abs(found), table.uncertainty.of_source(column)[some] * 2)
    if np.any(allowed > 1e-3 * np.abs(found)):
        return unexplained  # the numbers are rounded too much to find a mistake
    values = table.values.of_records(some)
    with np.errstate(all="ignore"):
        for mistake in mistakes(data.system, column, position):
            try:
                value = evaluate(mistake.expression, values)
            except KeyError:
                continue
            if np.all(np.abs(value - found) <= allowed):
                return mistake.cause
    return unexplained
