"""Cells whose formulas use wrong cells of other derivatives.

Such a cell is right if it follows from these as they stand. That it has the value that it should
have, perhaps because two mistakes cancel out, tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison, tolerated
from backprop_sheet.audit.compare.derivative_rules import right_with
from backprop_sheet.audit.compare.empty_cells import MAX_FORMULAS, ReadFormula
from backprop_sheet.audit.compare.record_values import Mask, Numbers, RecordValues, shifted_mask
from backprop_sheet.audit.compare.row_values import evaluated
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.symbolic.expressions import Expression, names


def by_used_derivatives(
    data: TableData,
    values: RecordValues,
    uncertainty: Uncertainty,
    columns: Sequence[ColumnComparison],
    tolerance: float,
    read_formula: ReadFormula,
) -> tuple[ColumnComparison, ...]:
    """Compare the cells that use wrong derivatives with what follows from these.

    Args:
        columns: the comparison of each cell with the other cells of its row, whatever it uses.
    """
    system = data.system
    wrong = {
        one.column: one.wrong
        for one in columns
        if one.column in system.intermediates and one.wrong.any()
    }
    if not wrong:
        return tuple(columns)
    using = _Using(data, values, uncertainty, tolerance, read_formula, wrong)
    return tuple(
        using.compared(one)
        if one.column.removeprefix(NEGATIVE) in system.chain_rules or one.column in system.updates
        else one
        for one in columns
    )


class _Using:
    def __init__(
        self,
        data: TableData,
        values: RecordValues,
        uncertainty: Uncertainty,
        tolerance: float,
        read_formula: ReadFormula,
        wrong: Mapping[str, Mask],
    ) -> None:
        self.data, self.values, self.uncertainty = data, values, uncertainty
        self.tolerance, self.read_formula, self.wrong = tolerance, read_formula, wrong

    def compared(self, column: ColumnComparison) -> ColumnComparison:
        """Return a comparison in which the cells that use wrong derivatives follow from these."""
        found = self.data.values[column.column]
        expected, wrong = column.expected, column.wrong
        for rule, uses in self._rules(column):
            follows = self._following(rule)
            if follows is None:
                continue
            right, terms = follows
            allowed = tolerated(found, right, terms, self.tolerance)
            allowed = allowed + self.uncertainty.own(column.column)
            allowed = allowed + self.uncertainty.carried(rule, self.values, {})
            uses = uses & np.isfinite(right)
            expected = np.where(uses, right, expected)
            wrong = np.where(uses, np.abs(found - right) > allowed * (1 + 1e-9), wrong)
        if wrong is column.wrong:
            return column
        return replace(column, expected=expected, wrong=wrong, by_derivatives=True)

    def _following(self, rule: Expression) -> tuple[Numbers, Numbers] | None:
        """Return what follows from a rule, and the magnitudes of its terms."""
        right = evaluated(rule, self.values, self.data.records)
        terms = evaluated(rule, self.values, self.data.records, magnitudes=True)
        return None if right is None or terms is None else (right, terms)

    def _rules(self, column: ColumnComparison) -> Iterator[tuple[Expression, Mask]]:
        """Yield the right formulas in terms of the derivatives that a column's formulas use.

        Each comes with the records whose formulas use wrong ones.
        """
        records: dict[Expression, list[int]] = {}
        near = column.checked & np.isfinite(self.data.values[column.column])
        near &= self._any_wrong(column.column in self.data.system.updates)
        for record in np.flatnonzero(near)[:MAX_FORMULAS].tolist():
            formula = self.read_formula(column.column, record)
            if formula is not None:
                records.setdefault(formula[0], []).append(record)
        for expression, places in records.items():
            rule = right_with(self.data.system, column.column, expression)
            if rule is None:
                continue
            uses = np.zeros(self.data.records, dtype=bool)
            uses[places] = True
            uses &= self.data.any_of(self.wrong, names(rule))
            if uses.any():
                yield rule, uses

    def _any_wrong(self, is_update: bool) -> Mask:
        """Return the records in which some derivative is wrong, or below them."""
        somewhere: Mask = np.any(list(self.wrong.values()), axis=0)
        return somewhere | shifted_mask(somewhere, -1) if is_update else somewhere
