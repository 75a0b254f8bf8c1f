"""Wrong typed numbers whose right values the other typed numbers follow from.

Whoever copies numbers from paper or from a program into a table may mistype one. What was computed
from it has the right value, and only the mistyped number is wrong. In a cell with a formula, what
follows is computed from the number that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.record_values import Mask, RecordValues, shifted_mask
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import names

Compare = Callable[[RecordValues], tuple[ColumnComparison, ...]]
MAX_TRIED = 12  # columns in which there may be mistyped numbers


def without_consequences(
    data: TableData, values: RecordValues, columns: Sequence[ColumnComparison], compare: Compare
) -> tuple[ColumnComparison, ...]:
    """Return the comparison without typed numbers that are right if a mistyped one is.

    Args:
        columns: the comparison of the table as it is.
        compare: compares the table with what follows from other numbers.
    """
    current = tuple(columns)
    sources = [one.column for one in current if data.typed_cells(one.column, one.wrong).any()]
    if len(sources) < 2 and not any(int(one.wrong.sum()) > 1 for one in current):
        return current
    for name in sources[:MAX_TRIED]:
        [source] = (one for one in current if one.column == name)
        mask = data.typed_cells(name, source.wrong) & np.isfinite(source.expected)
        if name in data.system.updates:  # the next one is only wrong because of the first
            mask &= ~np.append(False, mask[:-1])
        wrong = np.count_nonzero(mask)
        # One of many that helps is right by chance: the others are wrong by the same mistake.
        while mask.any() and 2 * np.count_nonzero(mask) >= wrong:
            right = np.where(mask, source.expected, values[name])
            changed = _with_missing(data, values.with_column(name, right))
            trial = compare(changed)
            helped = mask & _helped(current, trial)
            if np.array_equal(helped, mask):
                current, values = trial, changed
                break
            mask = helped
    return current


def _with_missing(data: TableData, values: RecordValues) -> RecordValues:
    """Compute the numbers of columns that the table does not have again."""
    for name, rhs in data.system.definitions.items():
        is_known = values.has(name) and all(values.has(used.name) for used in names(rhs))
        if name not in data.columns and is_known:
            found = np.broadcast_to(np.asarray(evaluate(rhs, values), dtype=float), (data.records,))
            values = values.with_column(name, found)
    return values


def _helped(before: Sequence[ColumnComparison], after: Sequence[ColumnComparison]) -> Mask:
    """Return in which records fewer cells are wrong, and none that were right.

    What follows in the next record counts, too.
    """
    old = {one.column: one for one in before}
    fewer = np.zeros(before[0].wrong.shape, dtype=bool)
    newly = fewer.copy()
    for one in after:
        fewer |= old[one.column].wrong & ~one.wrong
        newly |= one.wrong & ~old[one.column].wrong
    fewer |= shifted_mask(fewer, 1)
    newly |= shifted_mask(newly, 1)
    helped: Mask = fewer & ~newly
    return helped
