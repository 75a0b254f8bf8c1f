"""Find the cells of a table that differ from the value that follows from their row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.by_chain_rule import ByChainRule
from backprop_sheet.audit.compare.empty_cells import NearEmptyCells, ReadFormula
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import Mask, Numbers, RecordValues
from backprop_sheet.audit.compare.row_values import evaluated, evaluated_by_position
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.equations.names import MEAN_ERROR
from backprop_sheet.symbolic.expressions import Name
from backprop_sheet.symbolic.functions import without_bounds

# The rounding error of a sum, relative to its terms: it depends on how a formula is written.
ROUNDING = 1e-15
# That of stored numbers, of which programs write 15 digits.
STORED = 1e-13
# Of numbers whose further digits were left out: at least as many, which lack at most so many units
# of their last digit, and on average at least so many. Rounded numbers lack 0 on average.
MIN_CUT_OFF, MAX_CUT_OFF, MIN_MEAN_CUT_OFF = 8, 1.5, 0.25
MIN_TYPED_WRONG = 2  # typed numbers of a column that are no slip of the pen
MIN_OF_FEW_DIGITS = 3  # that are wrong by the digits of the others, one of them by its own


@dataclass(frozen=True)
class ColumnComparison:
    """The comparison of one column with its expected values.

    Attributes:
        expected: the right values, computed from the other cells as they are; nan if unknown.
        wrong: which cells differ by more than the tolerance.
        checked: which cells were found to be right or wrong. The others are empty, or depend on
            cells without a number.
        uses_empty: which of the cells that were not checked depend on empty cells.
        rounded: whether some cells agree only within the uncertainty of the numbers.
        by_derivatives: whether some cells use wrong derivatives, from which they have to follow.
    """

    column: str
    expected: Numbers
    wrong: Mask
    checked: Mask
    uses_empty: Mask
    rounded: bool = False
    by_derivatives: bool = False


def compare(
    data: TableData,
    values: RecordValues,
    uncertainty: Uncertainty,
    tolerance: float,
    read_formula: ReadFormula,
) -> Iterator[ColumnComparison]:
    """Compare every computed column whose expected values are known.

    Args:
        values: the numbers of the table, and the learning rate if it is known.
        read_formula: returns the formula of a column in a record, for cells near empty ones.
    """
    table = _Comparing(data, values, uncertainty, tolerance, read_formula)
    with np.errstate(all="ignore"):
        for column in data.columns:
            if column != MEAN_ERROR and (
                column in data.system.updates or column in data.system.definitions
            ):
                comparison = table.column(column)
                if comparison is not None:
                    yield comparison


@dataclass(frozen=True)
class _Comparing:
    data: TableData
    values: RecordValues
    uncertainty: Uncertainty
    tolerance: float
    read_formula: ReadFormula

    def column(self, column: str) -> ColumnComparison | None:
        """Compare one column; None if its expected values are not known."""
        data = self.data
        rhs = row_rhs(data.system, column)
        expected = evaluated_by_position(data, column, rhs, self.values)
        terms = evaluated_by_position(data, column, rhs, self.values, magnitudes=True)
        if expected is None and column in data.system.updates:
            expected = terms = self._by_chain_rule.expected(column)
        if expected is None or terms is None:
            return None
        found = data.values[column]
        if column in data.empty:
            found = np.where(data.empty[column], np.nan, found)
        known = ~np.isnan(expected)
        allowed = tolerated(found, expected, terms, self.tolerance)
        wrong = known & ~(np.abs(found - expected) <= allowed) & (found != expected)
        if wrong.any() or (known & np.isnan(found)).any():
            expected = self._nearer_without_bounds(column, found, expected)
            allowed = tolerated(found, expected, terms, self.tolerance)
            wrong &= ~(np.abs(found - expected) <= allowed)
        wrong |= known & self._has_other_step(column, found, expected, terms)
        for record in np.flatnonzero(known & np.isnan(found)):
            # Empty cells are unfinished, but not wrong. Texts and error values are wrong, but for
            # what is larger than any number of a workbook.
            wrong[record] = data.is_filled(column, record) and np.isfinite(expected[record])
        if wrong.any() and (by_chain := self._by_chain_rule.expected(column)) is not None:
            # If the column of another derivative is wrong, only that column is to blame.
            wrong &= ~(np.abs(found - by_chain) <= allowed)
        agrees = self._agrees_when_rounded(column, expected, wrong)
        wrong &= ~agrees
        checked = known & (wrong | ~np.isnan(found))
        uses_empty = np.zeros(data.records, dtype=bool)
        near = NearEmptyCells(data, self.values, column, expected, self.read_formula)
        if data.empty or near.starts_at_empty_helper(wrong):
            near.decide(wrong, checked, uses_empty, found)
            expected = np.where(near.invented, np.nan, expected)
        return ColumnComparison(column, expected, wrong, checked, uses_empty, bool(agrees.any()))

    def _nearer_without_bounds(self, column: str, found: Numbers, expected: Numbers) -> Numbers:
        """Return expected values without the bounds of functions, where they are then nearer.

        The exercise's own workbooks clip a ReLU at a million; people's formulas do not.
        """
        rhs = row_rhs(self.data.system, column)
        plain = without_bounds(rhs)
        free = None if plain == rhs else evaluated(plain, self.values, self.data.records)
        if free is None:
            return expected
        differs = ~np.isclose(free, expected, rtol=1e-9, atol=0)
        is_nearer = np.abs(found - free) < np.abs(found - expected)
        is_nearer |= np.isnan(found) & ~np.isfinite(free)
        return np.where(differs & is_nearer, free, expected)

    def _has_other_step(
        self, column: str, found: Numbers, expected: Numbers, terms: Numbers
    ) -> Mask:
        """Return where a parameter's formula changes it by another step than expected.

        The step may be so much smaller than the parameter that hardly any digit of it differs.
        """
        above = (
            self.values.get(Name(column, -1).key) if column in self.data.system.trained else None
        )
        if above is None:
            return np.zeros(self.data.records, dtype=bool)
        allowed = np.maximum(self.tolerance * np.abs(expected - above), STORED * np.abs(terms))
        other = np.abs(found - expected) > allowed
        return other & ~self.data.typed_cells(column, other)

    @cached_property
    def _by_chain_rule(self) -> ByChainRule:
        return ByChainRule(self.data, self.values, self.uncertainty)

    def _agrees_when_rounded(self, column: str, expected: Numbers, wrong: Mask) -> Mask:
        """Return which cells agree with their row within the uncertainty of the numbers."""
        data, uncertainty = self.data, self.uncertainty
        nowhere = np.zeros(data.records, dtype=bool)
        if not wrong.any():
            return nowhere
        typed = data.typed_cells(column, wrong)
        if is_never_updated(data, column, typed):
            return nowhere
        own = uncertainty.own(column)
        rhs = row_rhs(data.system, column)
        if data.system.rows_per_iteration > 1 and column in data.system.updates:
            above = uncertainty.carried(Name(column, -1), self.values, {})
            carried = uncertainty.carried(rhs, self.values, {})
            carried = np.where(data.position == 0, carried, above)
        else:
            carried = uncertainty.carried(rhs, self.values, {})
            if typed.any():
                inherited = uncertainty.inherited(rhs, self.values)
                elsewhere = uncertainty.carried(rhs, self.values, inherited)
                carried = np.where(typed, elsewhere, carried)
        found = data.values[column]
        distance = np.abs(found - expected)
        agrees: Mask = wrong & (distance <= (own + carried) * (1 + 1e-9))
        like_others = np.where(typed, np.minimum(own, uncertainty.of_source(column)), own)
        agree_like_others = agrees & (distance <= (like_others + carried) * (1 + 1e-9))
        surely_wrong = np.count_nonzero(typed & ~agrees)
        if surely_wrong >= MIN_TYPED_WRONG or (
            surely_wrong and np.count_nonzero(typed & ~agree_like_others) >= MIN_OF_FEW_DIGITS
        ):
            # Beside typed numbers that are wrong, 0.1 is not right because of its one digit: it is
            # 0.100 as the others are.
            own, agrees = like_others, agree_like_others
        by_chain = self._by_chain_rule.expected(column)
        if by_chain is not None:
            allowed = own + self._by_chain_rule.uncertainty(column)
            agrees |= wrong & (np.abs(found - by_chain) <= allowed * (1 + 1e-9))
        return agrees


def tolerated(found: Numbers, expected: Numbers, terms: Numbers, tolerance: float) -> Numbers:
    """Return the differences that count as right.

    Args:
        terms: the sums of the magnitudes of the terms of the expected values.
        tolerance: the largest relative difference.
    """
    allowed = tolerance * np.maximum(np.abs(found), np.abs(expected))
    rounding = ROUNDING * np.where(np.isfinite(terms), np.abs(terms), 0.0)
    allowed = np.maximum(allowed, rounding) + 1e-300
    return np.where(np.isfinite(allowed), allowed, 0.0)  # nothing is close to infinity


def are_cut_off(
    data: TableData,
    values: RecordValues,
    columns: Sequence[ColumnComparison],
    uncertainty: Uncertainty,
) -> bool:
    """Whether further digits of the typed numbers were left out, not rounded.

    The right values are then up to one unit of the last digit away from 0, half a unit on average.
    """
    if not any(one.wrong.any() for one in columns):
        return False
    missing: list[Numbers] = []
    for one in columns:
        found, half = data.values[one.column], uncertainty.own(one.column)
        if not half.any():
            continue
        with np.errstate(all="ignore"):
            carried = uncertainty.carried(row_rhs(data.system, one.column), values, {})
            units = (np.abs(one.expected) - np.abs(found)) / (2 * half)
        tells = (half > 0) & (carried <= half) & (np.abs(units) < MAX_CUT_OFF)
        missing.append(units[tells])
    units = np.concatenate([*missing, np.zeros(0)])
    return len(units) >= MIN_CUT_OFF and bool(units.mean() > MIN_MEAN_CUT_OFF)


def is_never_updated(data: TableData, column: str, typed: Mask) -> bool:
    """Whether a parameter has the same typed number in every row while others are computed."""
    if column not in data.system.trained:
        return False
    known = data.values[column][data.has_numbers(column)]
    if not len(known) or np.ptp(known) > 0:
        return False
    others = [name for name in data.system.trained if name != column and name in data.columns]
    last = data.records - 1
    return bool(typed.any()) and any(not data.is_typed(name, last) for name in others)
