"""Find the cells of a table that differ from the value that follows from their row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.empty_cells import NearEmptyCells, ReadFormula
from backprop_sheet.audit.compare.expected import over_rows, row_rhs
from backprop_sheet.audit.compare.record_values import Mask, Numbers, RecordValues
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import MEAN_ERROR
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    transform,
)

# The rounding error of a sum, relative to its terms: it depends on how a formula is written.
ROUNDING = 1e-15
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
        expected = self._by_position(column, rhs)
        terms = self._by_position(column, rhs, magnitudes=True)
        if expected is None and column in data.system.updates:
            expected = terms = self._updated_by_chain_rule(column)
        if expected is None or terms is None:
            return None
        found = data.values[column]
        if column in data.empty:
            found = np.where(data.empty[column], np.nan, found)
        known = ~np.isnan(expected)
        allowed = tolerated(found, expected, terms, self.tolerance)
        wrong = known & ~(np.abs(found - expected) <= allowed) & (found != expected)
        for record in np.flatnonzero(known & np.isnan(found)):
            # Empty cells are unfinished, but not wrong. Texts and error values are wrong.
            wrong[record] = data.is_filled(column, record)
        if wrong.any():
            wrong &= ~self._follows_from_intermediates(column, found, allowed)
        agrees = self._agrees_when_rounded(column, expected, wrong)
        wrong &= ~agrees
        checked = known & (wrong | ~np.isnan(found))
        uses_empty = np.zeros(data.records, dtype=bool)
        near = NearEmptyCells(data, self.values, column, expected, self.read_formula)
        if data.empty or near.starts_at_empty_helper(wrong):
            near.decide(wrong, checked, uses_empty, found)
            expected = np.where(near.invented, np.nan, expected)
        return ColumnComparison(column, expected, wrong, checked, uses_empty, bool(agrees.any()))

    def _follows_from_intermediates(self, column: str, found: Numbers, allowed: Numbers) -> Mask:
        """Return where a derivative follows from the columns of other derivatives.

        If such a column is wrong, only that column is to blame.
        """
        expected = self._from_intermediates(column)
        if expected is None:
            return np.zeros(self.data.records, dtype=bool)
        near: Mask = np.abs(found - expected) <= allowed
        return near

    def _from_intermediates(self, column: str) -> Numbers | None:
        """Return what the columns of other derivatives give for a derivative or an update."""
        if column in self.data.system.updates:
            return self._updated_by_chain_rule(column)
        return self._by_chain_rule.get(column)

    @cached_property
    def _by_chain_rule(self) -> Mapping[str, Numbers]:
        """The derivatives that follow from the table's columns of other derivatives.

        Empty if the table has no such columns.
        """
        system, columns = self.data.system, self.data.columns
        if not any(name in system.intermediates or name in system.inlined for name in columns):
            return {}
        expected: dict[str, Numbers] = {}
        values: dict[str, Numbers] = {name: self.values[name] for name in self.values}
        for name, rule in system.chain_rules.items():
            if all(used.name in values for used in names(rule)):
                expected[name] = np.broadcast_to(evaluate(rule, values), (self.data.records,))
                expected[NEGATIVE + name] = -expected[name]
            if name in columns:
                continue
            if NEGATIVE + name in columns:
                values[name] = -self.values[NEGATIVE + name]
            elif name in expected:
                values[name] = expected[name]
        return expected

    def _updated_by_chain_rule(self, column: str) -> Numbers | None:
        """Return what an update gives if gradients without a column follow from those of others."""
        rhs = self._update_over_rows(column)
        values = self._values_by_chain_rule(column, rhs)
        if values is self.values:
            return None
        return replace(self, values=values)._by_position(column, rhs)

    def _update_over_rows(self, column: str) -> Expression:
        """Return the right-hand side of an update in terms of its gradient."""
        system = self.data.system
        equation = next(one for one in system.equations if one.name == column)
        rows = system.rows_per_iteration
        return over_rows(equation.rhs, rows) if rows > 1 else equation.rhs

    @cached_property
    def _values_of_updates(self) -> dict[str, RecordValues]:
        return {}

    def _values_by_chain_rule(self, column: str, rhs: Expression) -> RecordValues:
        """Return values in which the columns that an update lacks follow from derivatives."""
        known = self._values_of_updates.get(column)
        if known is None:
            known = self._values_of_updates[column] = self._with_derivatives(rhs)
        return known

    def _with_derivatives(self, rhs: Expression) -> RecordValues:
        system, columns = self.data.system, self.data.columns
        rows = system.rows_per_iteration
        values = self.values
        for name in {used.name for used in names(rhs)}:
            if name not in columns and name in self._by_chain_rule:
                values = values.with_column(name, self._by_chain_rule[name])
            elif name in system.states and name not in columns and rows == 1:
                state = self._state_by_chain_rule(name)
                values = values if state is None else values.with_column(name, state)
        return values

    def _state_by_chain_rule(self, name: str) -> Numbers | None:
        """Return an optimizer state without a column, from gradients that follow from others."""
        rhs = next(one.rhs for one in self.data.system.equations if one.name == name)
        gradient = next((used for used in names(rhs) if used.name in self._by_chain_rule), None)
        others = {used for used in names(rhs) if used not in (gradient, Name(name, -1))}
        if gradient is None or not all(self.values.has(used.key) for used in others):
            return None
        state = np.zeros(self.data.records)
        for record in range(1, self.data.records):
            row = {used.key: float(self.values[used.key][record]) for used in others}
            row[gradient.key] = float(self._by_chain_rule[gradient.name][record + gradient.shift])
            row[Name(name, -1).key] = float(state[record - 1])
            state[record] = float(evaluate(rhs, row))
        return state

    def _by_position(
        self, column: str, rhs: Expression, *, magnitudes: bool = False
    ) -> Numbers | None:
        """Evaluate a right-hand side; the later rows of an iteration repeat the row above."""
        result = self._evaluate(rhs, magnitudes)
        if result is None or column not in self.data.system.updates:
            return result
        if self.data.system.rows_per_iteration > 1:
            above = self._evaluate(Name(column, -1), magnitudes)
            if above is not None:
                result = np.where(self.data.position == 0, result, above)
        return result

    def _evaluate(self, rhs: Expression, magnitudes: bool) -> Numbers | None:
        return evaluated(rhs, self.values, self.data.records, magnitudes=magnitudes)

    def _agrees_when_rounded(self, column: str, expected: Numbers, wrong: Mask) -> Mask:
        """Return which cells agree with their row within the uncertainty of the numbers."""
        data, uncertainty = self.data, self.uncertainty
        nowhere = np.zeros(data.records, dtype=bool)
        if not wrong.any():
            return nowhere
        typed = np.zeros(data.records, dtype=bool)
        for record in np.flatnonzero(wrong):
            typed[record] = data.is_typed(column, record)
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
        by_chain = self._from_intermediates(column)
        if by_chain is not None:
            allowed = own + self._carried_to(column)
            agrees |= wrong & (np.abs(found - by_chain) <= allowed * (1 + 1e-9))
        return agrees

    def _carried_to(self, column: str) -> Numbers:
        """Return the uncertainty of what the columns of other derivatives give for a column."""
        known = self._carried_by_chain_rule
        if column not in self.data.system.updates:
            return known[column]
        rhs = self._update_over_rows(column)
        values = self._values_by_chain_rule(column, rhs)
        lacking = {name: half for name, half in known.items() if name not in self.data.columns}
        return self.uncertainty.carried(rhs, values, lacking)

    @cached_property
    def _carried_by_chain_rule(self) -> Mapping[str, Numbers]:
        """The uncertainties of :attr:`_by_chain_rule`."""
        system, columns = self.data.system, self.data.columns
        values = {name: self.values[name] for name in self.values}
        for name, expected in self._by_chain_rule.items():
            if NEGATIVE + name in columns:
                values[name] = -self.values[NEGATIVE + name]
            elif name not in columns:
                values[name] = expected
        carried: dict[str, Numbers] = {}
        known: dict[str, Numbers] = {}
        for name, rule in system.chain_rules.items():
            if name not in self._by_chain_rule:
                continue
            carried[name] = carried[NEGATIVE + name] = self.uncertainty.carried(rule, values, known)
            if NEGATIVE + name in columns:
                known[name] = self.uncertainty.of_source(NEGATIVE + name)
            elif name not in columns:
                known[name] = carried[name]
        return carried


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


def _without_signs(node: Expression) -> Expression:
    """Turn subtractions into additions, for the sum of the magnitudes of all terms."""
    match node:
        case Negative(operand):
            return operand
        case Operation("-", left, right):
            return Operation("+", left, right)
    return node


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
