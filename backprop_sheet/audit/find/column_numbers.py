"""The numbers of a table's columns in a few records, and how far they are rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from backprop_sheet.audit.compare import uncertainty
from backprop_sheet.audit.compare.record_values import TOLERANCE, shifted
from backprop_sheet.audit.compare.shown_digits import digits_of, half_units_of
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.labels import is_reference
from backprop_sheet.audit.read.workbook import number

FIRST, LAST = 16, 6  # records that are looked at, from both ends of a long table
MIN_TYPED = 5  # times as many columns as are computed, in a table that is typed
MIN_DIGITS = 3  # of a number that is the same in all records, and rounded
MAX_REMEMBERED = 20_000  # arrays
MAX_DIGITS = 7  # of numbers that are rounded

_CUTTING = ("ROUNDUP", "ROUNDDOWN", "TRUNC", "INT(", "CEILING", "FLOOR")
_ROUNDING = ("ROUND", "FIXED(", "TEXT(", *_CUTTING)

T = TypeVar("T")
Array = np.ndarray[Any, np.dtype[np.float64]]


class Values(dict[str, Array]):
    """Numbers by name, to which others are added; ``w1[n-1]`` is w1 of the record above."""

    def __missing__(self, key: str) -> Array:
        name, bracket, shift = key.partition("[n")
        if not bracket:
            raise KeyError(key)
        return shifted(self[name], int(shift.rstrip("]")))


def sample_records(records: int, rows_per_iteration: int) -> list[int | None]:
    """Return the records to look at: the first ones and the last ones, with None in between."""
    first = -(-FIRST // rows_per_iteration) * rows_per_iteration
    if records <= first + LAST + rows_per_iteration:
        return list(range(records))
    start = (records - LAST) // rows_per_iteration * rows_per_iteration
    gap: list[int | None] = [None] * rows_per_iteration
    return [*range(first), *gap, *range(start, records)]


class Memory:
    """What was computed from arrays, as most assignments that are tried are alike."""

    def __init__(self) -> None:
        self._entries: dict[tuple[object, ...], tuple[Sequence[Array | None], Any]] = {}

    def value(
        self, what: tuple[object, ...], sources: Sequence[Array | None], compute: Callable[[], T]
    ) -> T:
        """Return what was computed from the same arrays, or compute it."""
        key = (*what, *map(id, sources))
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= MAX_REMEMBERED:
                self._entries.clear()
            entry = self._entries[key] = sources, compute()  # which keeps the identities taken
        result: T = entry[1]
        return result


@dataclass(frozen=True)
class ColumnNumbers:
    """The numbers of some columns in some records.

    Attributes:
        values: one row per column, one entry per record; nan without a number.
        computed: which columns have formulas (in one of the records after the first).
        half_units: half a unit of the last digit of each number, in columns of rounded numbers.
    """

    values: Array
    computed: np.ndarray[Any, np.dtype[np.bool_]]
    half_units: Array
    first_of_iteration: np.ndarray[Any, np.dtype[np.bool_]]

    @cached_property
    def columns(self) -> Sequence[Array]:
        """The numbers of each column."""
        return list(self.values)

    @cached_property
    def half_units_of_columns(self) -> Sequence[Array]:
        """Half a unit of the last digit of each number of each column."""
        return list(self.half_units)

    @cached_property
    def is_rounded(self) -> Sequence[bool]:
        """Whether each column has rounded numbers."""
        return [bool(row.any()) for row in self.half_units]

    @cached_property
    def is_varied(self) -> Sequence[bool]:
        """Whether each column has different numbers."""
        known = [column[~np.isnan(column)] for column in self.columns]
        return [len(numbers) > 1 and bool(np.ptp(numbers) > 0) for numbers in known]

    def fitting(self, predicted: Array, slack: Array | None = None) -> Array:
        """Return for each column the share of the records in which it has the predicted values.

        Args:
            slack: the uncertainty of the predicted values.
        """
        known = self._is_known
        if np.isnan(predicted).any():
            known = known & ~np.isnan(predicted)
        counts = known.sum(axis=1)
        agrees = _agrees(self.values, self._magnitudes, self._allowed, predicted, slack)
        return np.where(counts > 0, agrees.sum(axis=1) / np.maximum(counts, 1), 0.0)

    def fitting_of(self, column: int, predicted: Array, slack: Array | None = None) -> float:
        """Return :meth:`fitting` of one column."""
        own = self.columns[column]
        agrees = _agrees(own, self._magnitudes[column], self._allowed[column], predicted, slack)
        count = np.count_nonzero(self._is_known[column] & ~np.isnan(predicted))
        return np.count_nonzero(agrees) / count if count else 0.0

    @cached_property
    def _is_known(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return ~np.isnan(self.values)

    @cached_property
    def _magnitudes(self) -> Array:
        return np.abs(self.values)

    @cached_property
    def _allowed(self) -> Array:
        return self.half_units * (1 + 1e-9)


def _agrees(
    values: Array, magnitudes: Array, allowed: Array, predicted: Array, slack: Array | None
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where numbers are the predicted ones, but for how far both are rounded."""
    with np.errstate(all="ignore"):
        limit = TOLERANCE * np.maximum(magnitudes, np.abs(predicted)) + 1e-15 + allowed
        if slack is not None:
            limit += slack
        agrees: np.ndarray[Any, np.dtype[np.bool_]] = np.abs(values - predicted) <= limit
    return agrees


def read_numbers(
    columns: Sequence[Column], records: Sequence[int | None], rows: int
) -> ColumnNumbers:
    """Read the numbers of columns in some records."""
    values = np.full((len(columns), len(records)), np.nan)
    computed = np.zeros(len(columns), dtype=bool)
    for index, column in enumerate(columns):
        for place, record in enumerate(records):
            if record is None:
                continue
            found = column.value(record)
            if found is not None and (known := number(found)) is not None:
                values[index, place] = known
        computed[index] = any(
            column.formula(record) is not None
            for record in (*records[-2:], *records[:3])
            if record is not None
        )
    formulas = [_last_formula(column, records) for column in columns]
    repeated = [is_reference(formula) for formula in formulas]
    own = computed & ~np.array(repeated, dtype=bool)
    several = np.count_nonzero(~np.isnan(values), axis=1) > 1
    if MIN_TYPED * np.count_nonzero(own) < np.count_nonzero(several):
        own[:] = False  # a typed table beside which a few columns are computed from it
    is_exact = ~own & (own.any() | several)
    for index in np.flatnonzero(own & several).tolist():
        # =IF(X6<X5,1,0) does not round, although its numbers have one digit.
        is_exact[index] = not _has_any(_ROUNDING, formulas[index])
    most = MAX_DIGITS if own.any() else uncertainty.MAX_DIGITS  # typed numbers may have more
    half = values.copy()
    for index, exact in enumerate(is_exact.tolist()):
        half[index] = _rounding_of(values[index], exact, most)
    for index in np.flatnonzero(own).tolist():
        if _has_any(_CUTTING, formulas[index]):
            half[index] *= 2  # digits that are cut off may be up to a whole unit
    _round_fixed(half, values, own)
    first = np.array([record is not None and record % rows == 0 for record in records], dtype=bool)
    return ColumnNumbers(values, computed, half.reshape(values.shape), first)


def _last_formula(column: Column, records: Sequence[int | None]) -> str:
    """Return the formula of the last record that has one; the last one may have weights only."""
    known = (record for record in reversed(records) if record is not None)
    return next((formula for record in known if (formula := column.formula(record))), "")


def _round_fixed(half: Array, values: Array, is_computed: np.ndarray[Any, Any]) -> None:
    """Give columns that tell nothing of their rounding the decimals of most others, in place.

    Where all is rounded to 3 decimals, a gradient of 0.0003 is 0.000 in each row. In a table that
    is typed throughout, one of 0.0004 in each row has 4 decimals as all others.
    """
    are_asked = is_computed if is_computed.any() else np.ones(len(values), dtype=bool)
    rounded = half[are_asked].max(axis=1, initial=0.0)
    units, counts = np.unique(rounded.round(15), return_counts=True)
    if not len(units) or 2 * counts.max() <= counts.sum() or not units[counts.argmax()]:
        if not is_computed.any():
            _give_digits_of_others(half, values)
        return
    unit = 2 * units[counts.argmax()]
    known = np.nan_to_num(values)
    if is_computed.any():
        fitting = (known == 0).all(axis=1)
    else:
        fitting = (np.abs(known - unit * np.round(known / unit)) < 1e-6 * unit).all(axis=1)
    half[are_asked & fitting & ~half.any(axis=1)] = unit / 2
    is_known = ~np.isnan(values)
    if is_computed.any() or np.median(is_known.sum(axis=1)) <= 1:
        # A weight of 0.15 in each row has 3 decimals, too; so has one that a form begins with.
        is_fixed = [
            len(np.unique(row[mask])) == 1 for row, mask in zip(values, is_known, strict=True)
        ]
        half[are_asked & is_fixed & (half.min(axis=1) > unit)] = unit / 2


def _give_digits_of_others(half: Array, values: Array) -> None:
    """Give columns of a typed table that tell nothing of their rounding the digits of most others.

    Where all else has 4 significant digits, a weight of 0.15 in each row is 0.1500, and so is a
    target of 0.5 in a form 0.5000.
    """
    with np.errstate(all="ignore"):
        magnitude = np.floor(np.log10(np.abs(values)))
        digits = (magnitude + 1 - np.log10(2 * half)).max(axis=1, initial=0.0, where=half > 0)
    found, counts = np.unique(digits[digits > 0].round(), return_counts=True)
    if not len(found) or 2 * counts.max() <= counts.sum():
        return
    last = np.where(np.isfinite(magnitude), 10.0 ** (magnitude + 1 - found[counts.argmax()]), 0.0)
    with np.errstate(all="ignore"):
        has_more = np.abs(values - last * np.round(values / last)) >= 1e-6 * last
        has_less = (half > 0.6 * last) & (np.count_nonzero(~np.isnan(values), axis=1) == 1)[:, None]
    has_digits = half.any(axis=1) & ~has_less.any(axis=1)
    is_open = ~(has_digits | (has_more & (last > 0)).any(axis=1))
    half[is_open] = last[is_open] / 2


def _has_any(functions: Iterable[str], formula: str) -> bool:
    return any(function in formula.upper() for function in functions)


def _rounding_of(numbers: Array, is_exact: bool, most: int) -> Array:
    """Return half a unit of the last digit, if all numbers have few digits; else zeros.

    A number is rounded to the decimals, or to the significant digits, that its column has.

    Args:
        is_exact: whether the same few digits in each record are not rounded: those of a number that
            is given, typed or repeated, and of a formula that does not round.
        most: the most digits of numbers that are rounded.
    """
    known = numbers[np.isfinite(numbers) & (numbers != 0)]
    has_more = any(float(f"{value:.{most}g}") != value for value in known.tolist())
    digits = None if has_more else digits_of(known)
    if digits is None or (digits[0] < MIN_DIGITS and is_exact and not np.ptp(known) > 0):
        return np.zeros(numbers.shape)
    return half_units_of(numbers, digits)
