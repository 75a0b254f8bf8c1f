"""How many cells of each column of a table are right, which is what points are given for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.inside_columns import Inside
from backprop_sheet.audit.compare.record_values import Mask
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import deltas_of_bias, same_error
from backprop_sheet.audit.results import ColumnScore, Finding
from backprop_sheet.equations.columns import GROUPS
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import TOTAL_ERROR, Kind, kind_of
from backprop_sheet.exercise.column_groups import ColumnGroup

_OPTIONAL = (Kind.ADJOINT, Kind.STATE, Kind.MEAN)


def column_scores(
    comparison: Comparison, findings: Sequence[Finding], inside: Inside
) -> tuple[ColumnScore, ...]:
    """Count the right cells of the columns that a complete table needs.

    A column that no table needs, such as an intermediate derivative, is among them only if it has
    a finding. Cells that correctly use a wrong value are right, and so is what has no column but is
    a part of right cells.

    Args:
        inside: the columns that contain a missing one.
    """
    return tuple(_Scoring(comparison, findings, inside).scores())


@dataclass(frozen=True)
class _Rows:
    """In which records a column must be filled, and in which it may be."""

    required: Mask
    possible: Mask


class _Scoring:
    def __init__(self, comparison: Comparison, findings: Sequence[Finding], inside: Inside) -> None:
        self.inside = inside
        self.data, self.system = comparison.data, comparison.data.system
        self.compared = comparison.by_column
        self.findings = {one.column: one for one in findings}
        required = self.data.begun & self.data.required
        starts = (self.data.position == 0) & (self.data.iteration > 0)
        self.of_row = _Rows(required, self.data.begun)
        # The updates of the last iteration may stand alone below it, as in a form of one iteration.
        self.of_update = _Rows(required & starts, starts)

    def scores(self) -> Iterator[ColumnScore]:
        for name, role in self.system.columns.items():
            group = GROUPS.get(role)
            if group is None or name not in self.system.correct:
                continue
            if name in self.inside:
                yield self._score_inside(name, group)
            elif kind_of(name) not in _OPTIONAL:
                yield self._score(name, group, self._stand_in(name))
            elif name in self.findings:
                yield self._score(name, group, name)
        for name in self.findings:  # derivatives that the exercise's own table does not have
            if name not in self.system.columns and name in self.compared:
                stands_for = name.removeprefix(NEGATIVE)
                if kind_of(stands_for) is Kind.ADJOINT or stands_for not in self.system.columns:
                    yield self._score(name, ColumnGroup.GRADIENTS, name)

    def _stand_in(self, name: str) -> str:
        """Return the column that a table has for a needed one, which may be that itself."""
        if name in self.compared:
            return name
        others = [NEGATIVE + name, *deltas_of_bias(self.system, name)]
        if name in self.system.errors:  # the total error is the sum of the outputs' errors
            others.append(TOTAL_ERROR)
        elif (other := same_error(self.system, name)) is not None:
            others.append(other)
        return next((one for one in others if one in self.compared), name)

    def _score(self, name: str, group: ColumnGroup, column: str) -> ColumnScore:
        rows = self.of_update if name in self.system.updates else self.of_row
        comparison = self.compared.get(column)
        if comparison is None:
            return ColumnScore(name, group, 0, int(rows.required.sum()))
        wrong = self._wrong(comparison)
        filled = comparison.checked & rows.possible
        needed = rows.required | filled
        right = filled & ~wrong
        return ColumnScore(name, group, int(right.sum()), int(needed.sum()))

    def _score_inside(self, name: str, group: ColumnGroup) -> ColumnScore:
        """Count the rows whose value of a missing column is a part of some right cell."""
        filled, right = np.zeros((2, self.data.records), dtype=bool)
        for column in self.inside[name]:
            comparison = self.compared[column]
            is_right = comparison.checked & ~self._wrong(comparison)
            for mask, shown in ((filled, comparison.checked), (right, is_right)):
                mask |= self._rows_before(shown) if column in self.system.updates else shown
        needed = self.of_row.required | (filled & self.of_row.possible)
        right &= needed
        return ColumnScore(name, group, int(right.sum()), int(needed.sum()))

    def _rows_before(self, updates: Mask) -> Mask:
        """Return the rows of the iteration before each update."""
        rows = np.zeros(self.data.records, dtype=bool)
        for record in np.flatnonzero(updates & (self.data.position == 0)).tolist():
            rows[max(0, record - self.system.rows_per_iteration) : record] = True
        return rows

    def _wrong(self, comparison: ColumnComparison) -> Mask:
        """Return the wrong cells without those whose right formulas use other wrong cells."""
        finding = self.findings.get(comparison.column)
        if finding is None:
            return np.zeros(self.data.records, dtype=bool)
        blamed = set(finding.cells)
        mask = comparison.wrong.copy()
        for record in np.flatnonzero(mask).tolist():
            mask[record] = self.data.table.cell(comparison.column, record) in blamed
        # The finding may be about the student's own column from which this one is computed.
        return mask if mask.any() else comparison.wrong
