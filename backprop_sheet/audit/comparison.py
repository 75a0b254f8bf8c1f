"""Find the cells of a table that differ from the value that follows from their row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.expected import row_rhs
from backprop_sheet.audit.table_data import TableData, half_units, half_units_as_typed, shifted
from backprop_sheet.network.equations import LEARNING_RATE, MEAN_ERROR
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


@dataclass(frozen=True)
class ColumnComparison:
    """The comparison of one column with its expected values.

    Attributes:
        expected: the right values, computed from the other cells as they are; nan if unknown.
        wrong: which cells differ by more than the tolerance.
        rounded: whether some typed numbers agree only after rounding to the typed digits.
    """

    column: str
    expected: np.ndarray
    wrong: np.ndarray
    rounded: bool = False


def compare(
    data: TableData, rate: np.ndarray | None, tolerance: float
) -> Iterator[ColumnComparison]:
    """Compare every computed column whose expected values are known.

    Args:
        rate: the learning rate per record, or None if it is not known.
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
            comparison = _compare_column(data, column, tolerance)
            if comparison is not None:
                yield comparison


def _compare_column(data: TableData, column: str, tolerance: float) -> ColumnComparison | None:
    rhs = row_rhs(data.system, column)
    expected = _by_position(data, column, rhs)
    if expected is None:
        return None
    found = data.values[column]
    terms = _by_position(data, column, rhs, magnitudes=True)
    known = ~np.isnan(expected)
    allowed = tolerance * np.maximum(np.abs(found), np.abs(expected))
    allowed = np.maximum(allowed, ROUNDING * np.nan_to_num(np.abs(terms), posinf=0.0)) + 1e-300
    allowed = np.where(np.isfinite(allowed), allowed, 0.0)  # nothing is close to infinity
    wrong = known & ~(np.abs(found - expected) <= allowed) & (found != expected)
    for record in np.flatnonzero(known & np.isnan(found)):
        # Blank cells are unfinished, but not wrong. Texts and error values are wrong.
        wrong[record] = data.is_filled(column, record)
    agrees = _agrees_when_rounded(data, column, expected, wrong)
    return ColumnComparison(column, expected, wrong & ~agrees, bool(agrees.any()))


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
