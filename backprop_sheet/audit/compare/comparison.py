"""Find the cells of a table that differ from the value that follows from their row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_data import (
    TableData,
    half_units,
    half_units_as_typed,
    shifted,
)
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import LEARNING_RATE, MEAN_ERROR
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    transform,
)

# Formulas of one column that are read to decide whether they are wrong or use an empty cell.
MAX_FORMULAS = 2_000

# The formula of a cell as an expression, and the cells that it refers to without a known quantity;
# None if the cell has no formula, or one that cannot be read.
ReadFormula = Callable[[str, int], tuple[Expression, Sequence[Address]] | None]

# The rounding error of a sum, relative to its terms: it depends on how a formula is written.
ROUNDING = 1e-15


@dataclass(frozen=True)
class ColumnComparison:
    """The comparison of one column with its expected values.

    Attributes:
        expected: the right values, computed from the other cells as they are; nan if unknown.
        wrong: which cells differ by more than the tolerance.
        checked: which cells were found to be right or wrong. The others are empty, or depend on
            cells without a number.
        uses_empty: which of the cells that were not checked depend on empty cells.
        rounded: whether some typed numbers agree only after rounding to the typed digits.
    """

    column: str
    expected: np.ndarray
    wrong: np.ndarray
    checked: np.ndarray
    uses_empty: np.ndarray
    rounded: bool = False


def compare(
    data: TableData, rate: np.ndarray | None, tolerance: float, read_formula: ReadFormula
) -> Iterator[ColumnComparison]:
    """Compare every computed column whose expected values are known.

    Args:
        rate: the learning rate per record, or None if it is not known.
        read_formula: returns the formula of a column in a record, for cells near empty ones.
    """
    values = data.values
    if rate is not None:
        values[LEARNING_RATE] = rate
    with np.errstate(all="ignore"):
        for column in data.columns:
            is_update = column in data.system.updates
            if column == MEAN_ERROR or not (is_update or column in data.system.definitions):
                continue
            if (
                is_update
                and rate is None
                and LEARNING_RATE
                in map(str, (name.name for name in names(row_rhs(data.system, column))))
            ):
                continue
            comparison = _compare_column(data, column, tolerance, read_formula)
            if comparison is not None:
                yield comparison


def _compare_column(
    data: TableData, column: str, tolerance: float, read_formula: ReadFormula
) -> ColumnComparison | None:
    rhs = row_rhs(data.system, column)
    expected = _by_position(data, column, rhs)
    if expected is None:
        return None
    found = data.values[column]
    if column in data.empty:
        found = np.where(data.empty[column], np.nan, found)
    terms = _by_position(data, column, rhs, magnitudes=True)
    known = ~np.isnan(expected)
    allowed = tolerance * np.maximum(np.abs(found), np.abs(expected))
    allowed = np.maximum(allowed, ROUNDING * np.nan_to_num(np.abs(terms), posinf=0.0)) + 1e-300
    allowed = np.where(np.isfinite(allowed), allowed, 0.0)  # nothing is close to infinity
    wrong = known & ~(np.abs(found - expected) <= allowed) & (found != expected)
    for record in np.flatnonzero(known & np.isnan(found)):
        # Empty cells are unfinished, but not wrong. Texts and error values are wrong.
        wrong[record] = data.is_filled(column, record)
    agrees = _agrees_when_rounded(data, column, expected, wrong)
    wrong &= ~agrees
    checked = known & (wrong | ~np.isnan(found))
    uses_empty = np.zeros(data.records, dtype=bool)
    near = _NearEmpty(data, column, rhs, expected, read_formula)
    if data.empty or near.starts_at_empty_helper(wrong):
        near.decide(wrong, checked, uses_empty, found)
        expected = np.where(near.invented, np.nan, expected)
    return ColumnComparison(column, expected, wrong, checked, uses_empty, bool(agrees.any()))


class _NearEmpty:
    """Decides about the cells of a column that depend on empty cells.

    A spreadsheet takes an empty cell as 0, so that the value of such a formula says nothing. The
    formula does: it is right if it agrees where the empty cells have numbers.
    """

    def __init__(
        self,
        data: TableData,
        column: str,
        rhs: Expression,
        expected: np.ndarray,
        read_formula: ReadFormula,
    ) -> None:
        self.data, self.column, self.expected = data, column, expected
        self.read_formula = read_formula
        self.needed = tuple(dict.fromkeys(names(rhs)))
        self.above = (Name(column, -1),)
        self.repeats = np.zeros(data.records, dtype=bool)  # which cells only repeat the one above
        if column in data.system.updates and data.system.rows_per_iteration > 1:
            self.repeats = data.position > 0
        self.replaced = self._any_needed(data.replaced)
        self.invented = self._any_needed(data.invented)
        self._agreements: dict[Expression, tuple[np.ndarray, np.ndarray] | None] = {}

    def _any_needed(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        above = self.data.any_of(cells, self.above)
        return np.where(self.repeats, above, self.data.any_of(cells, self.needed))

    def decide(
        self, wrong: np.ndarray, checked: np.ndarray, uses_empty: np.ndarray, found: np.ndarray
    ) -> None:
        """Correct the masks in place."""
        is_filled = wrong | ~np.isnan(found)
        for count, record in enumerate(
            np.flatnonzero((wrong | self.invented) & is_filled).tolist()
        ):
            formula = self.read_formula(self.column, record) if count < MAX_FORMULAS else None
            if formula is not None and self._uses_empty_helper(formula[1]):
                verdict: bool | None = False
            else:
                verdict = self._verdict(formula and formula[0], record, found[record])
            if verdict is not None:
                wrong[record], checked[record] = verdict, verdict
                uses_empty[record] = not verdict
        # A value may be from before the cells were emptied, which its formula refers to.
        stale = self._refers_to_empty() & checked & ~wrong
        checked &= ~stale
        uses_empty |= stale

    def _refers_to_empty(self) -> np.ndarray:
        """Return where the column's formulas refer to empty cells; a few of them are read."""
        near = np.zeros(self.data.records, dtype=bool)
        for mask in self.data.empty.values():
            near |= mask
        if self.column in self.data.system.updates:
            near = near | np.append(False, near[:-1])
        result = np.zeros(self.data.records, dtype=bool)
        records = np.flatnonzero(near & ~self.data.empty.get(self.column, result)).tolist()
        for record in dict.fromkeys([*records[:2], *records[-2:]]):
            formula = self.read_formula(self.column, record)
            if formula is not None:
                used = self.data.any_of(self.data.empty, names(formula[0]))
                if used[record]:
                    result |= used
        return result

    def starts_at_empty_helper(self, wrong: np.ndarray) -> bool:
        """Whether the first wrong cell uses an empty cell of one of the student's own columns."""
        records = np.flatnonzero(wrong)[:1].tolist()
        formulas = (self.read_formula(self.column, record) for record in records)
        return any(formula and self._uses_empty_helper(formula[1]) for formula in formulas)

    def _uses_empty_helper(self, addresses: Sequence[Address]) -> bool:
        return any(self._is_empty_helper(address) for address in addresses)

    def _is_empty_helper(self, address: Address) -> bool:
        """Whether a cell is empty and belongs to a column that the student should have filled.

        Below a number that is typed once, as η, a cell is empty because the reference moved.
        """
        table = self.data.table
        if table.value_at(address) is not None:
            return False
        if table.locate(address) is not None:
            return True
        first = table.in_first_record(address)
        is_constant = table.value_at(first) is not None and table.formula_at(first) is None
        return table.is_helper(address) and not is_constant

    def _verdict(self, expression: Expression | None, record: int, found: float) -> bool | None:
        """Return whether a cell is wrong; None if its value decides."""
        if expression is not None and (known := self._agreement(expression)) is not None:
            agrees, refers_to_empty = known
            if refers_to_empty[record]:
                if agrees[record]:
                    return False
                if not self.invented[record] or self._uses_all_invented(expression, record):
                    return True
        if self.invented[record]:
            return False
        if self.replaced[record] and not self.data.is_typed(self.column, record):
            return False if self._follows_from_zeros(record, found) else None
        return None

    def _needed_in(self, record: int) -> tuple[Name, ...]:
        return self.above if self.repeats[record] else self.needed

    def _is_among(self, cells: Mapping[str, np.ndarray], name: Name, record: int) -> bool:
        row = record + name.shift
        return name.name in cells and row >= 0 and bool(cells[name.name][row])

    def _uses_all_invented(self, expression: Expression, record: int) -> bool:
        """Whether a formula refers to all the cells whose values nobody knows.

        Otherwise, it may have their values as typed numbers.
        """
        used = set(names(expression))
        return all(
            name in used
            for name in self._needed_in(record)
            if self._is_among(self.data.invented, name, record)
        )

    def _agreement(self, expression: Expression) -> tuple[np.ndarray, np.ndarray] | None:
        """Return in which records a formula is right, and where it refers to empty cells.

        It is right if it has the expected value where empty cells have numbers. None if it uses a
        cell that is no known quantity.
        """
        if expression not in self._agreements:
            try:
                values = np.asarray(evaluate(expression, self.data.values), dtype=float)
                agrees = np.isclose(values, self.expected, rtol=1e-9, atol=1e-15)
                self._agreements[expression] = (
                    np.broadcast_to(agrees, (self.data.records,)),
                    self.data.any_of(self.data.empty, names(expression)),
                )
            except KeyError:
                self._agreements[expression] = None
        return self._agreements[expression]

    def _follows_from_zeros(self, record: int, found: float) -> bool:
        """Whether the cell has the value that the right formula has where empty cells are 0."""
        values = {
            name.key: 0.0
            if self._is_among(self.data.replaced, name, record)
            else self.data.values[name.key][record]
            for name in self._needed_in(record)
        }
        rhs = row_rhs(self.data.system, self.column, int(self.repeats[record]))
        value = float(np.asarray(evaluate(rhs, values), dtype=float))
        return bool(np.isclose(found, value, rtol=1e-9, atol=1e-15))


def _by_position(
    data: TableData, column: str, rhs: Expression, *, magnitudes: bool = False
) -> np.ndarray | None:
    """Evaluate a right-hand side; the later rows of an iteration repeat the row above."""
    result = _evaluate(data, rhs, magnitudes)
    if result is None or column not in data.system.updates:
        return result
    if data.system.rows_per_iteration > 1:
        above = _evaluate(data, Name(column, -1), magnitudes)
        result = np.where(data.position == 0, result, above)
    return result


def _evaluate(data: TableData, rhs: Expression, magnitudes: bool) -> np.ndarray | None:
    used = list(dict.fromkeys(names(rhs)))
    if not all(data.values.has(name.key) for name in used):
        return None
    values = {name.key: data.values[name.key] for name in used}
    if magnitudes:
        rhs = transform(rhs, _without_signs)
        values = {key: np.abs(value) for key, value in values.items()}
    result = np.asarray(evaluate(rhs, values), dtype=float)
    return np.broadcast_to(result, (data.records,)).copy()


def _without_signs(node: Expression) -> Expression:
    """Turn subtractions into additions, for the sum of the magnitudes of all terms."""
    match node:
        case Negative(operand):
            return operand
        case Operation("-", left, right):
            return Operation("+", left, right)
    return node


def _agrees_when_rounded(
    data: TableData, column: str, expected: np.ndarray, wrong: np.ndarray
) -> np.ndarray:
    """Return which typed numbers agree with their row after rounding to the typed digits."""
    typed = np.zeros(data.records, dtype=bool)
    for record in np.flatnonzero(wrong):
        typed[record] = data.is_typed(column, record)
    if not typed.any() or is_never_updated(data, column, typed):
        return np.zeros(data.records, dtype=bool)
    rhs = row_rhs(data.system, column)
    allowed = half_units(data, column)
    for used in dict.fromkeys(names(rhs)):
        half = half_units_as_typed(data, used.name)
        if used.shift:
            half = shifted(half, used.shift)
        if half.any():
            values = {name.key: data.values[name.key] for name in names(rhs)}
            values[used.key] = values[used.key] + half
            allowed = allowed + np.abs(evaluate(rhs, values) - expected)
    agrees = typed & (np.abs(data.values[column] - expected) <= allowed * (1 + 1e-9))
    if sum(data.is_typed(column, record) for record in range(data.records)) < data.records / 2:
        # A single digit typed over a formula, 0.1 for 0.142, does not count as rounded.
        agrees &= half_units(data, column) < 0.05 * np.abs(data.values[column])
    return agrees


def is_never_updated(data: TableData, column: str, typed: np.ndarray) -> bool:
    """Whether a parameter has the same typed number in every row while others are computed."""
    if column not in data.system.trained:
        return False
    known = data.values[column][~np.isnan(data.values[column])]
    if not len(known) or np.ptp(known) > 0:
        return False
    others = [name for name in data.system.trained if name != column and name in data.columns]
    last = data.records - 1
    return bool(typed.any()) and any(not data.is_typed(name, last) for name in others)
