"""How exact the numbers of a table are.

A typed number is exact to half a unit of its last digit, and so are the numbers that ROUND gives,
and those that a program stores with the option "precision as displayed". The numbers of other
formulas are exact: they follow from the cells as they stand. Only beside a typed number that was
computed elsewhere, with all digits, they are as exact as what they follow from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from statistics import median_low

import numpy as np

from backprop_sheet.audit.compare.computed_cells import MIN_DIGITS, ComputedCells
from backprop_sheet.audit.compare.record_values import (
    Mask,
    Numbers,
    RecordValues,
    finite,
    median,
    shifted,
)
from backprop_sheet.audit.compare.rounding_formulas import (
    ROUNDING_CALL,
    left_open,
    rounding_words,
)
from backprop_sheet.audit.compare.shown_digits import digits_of, digits_words, half_units
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.compare.translation import Formulas
from backprop_sheet.equations.names import kind_of
from backprop_sheet.symbolic.evaluation import compiled
from backprop_sheet.symbolic.expressions import Expression, Name, names
from gradsheet.words import count

MAX_DIGITS = 11  # more significant digits are those of a number that is not rounded
SAMPLE = 24  # formulas of a column that are read to find out how they round
MIN_COARSER = 100  # times the last digit of a column, which no number has by chance
MIN_RECORDS = 3  # in which the same number may be typed everywhere by mistake


class Uncertainty:
    """The uncertainty of each number of a table."""

    def __init__(self, data: TableData, formulas: Formulas, *, is_cut_off: bool = False) -> None:
        """Prepare the uncertainties.

        Args:
            is_cut_off: whether further digits of typed numbers were left out, not rounded.
        """
        self._data, self._formulas = data, formulas
        self._typed_factor = 2.0 if is_cut_off else 1.0
        self._columns: dict[str, _Column] = {}
        self._inherited: dict[str, Numbers] = {}

    def own(self, name: str) -> Numbers:
        """Return the uncertainty of each cell of a column, by its own last digit."""
        return self._column(name).own

    def of_source(self, name: str) -> Numbers:
        """Return the uncertainty of each cell of a column as a source of other cells.

        It is that of the column's other numbers: next to 0.1498, 0.15 means 0.1500. The numbers
        of a missing column are as exact as what they were computed from.
        """
        if name not in self._columns and self._is_filled_in(name):
            self._columns[name] = _Column(*2 * (np.zeros(self._data.records),))
            carried = self.carried(self._data.system.definitions[name], self._data.values, {})
            self._columns[name] = _Column(carried, carried)
        return self._column(name).as_source

    def _is_filled_in(self, name: str) -> bool:
        """Whether the table has no such column, and its numbers were computed from others."""
        data = self._data
        rhs = data.system.definitions.get(name)
        return (
            rhs is not None
            and name not in data.columns
            and name in data.system.within_row
            and all(data.values.has(used.key) for used in names(rhs))
        )

    def rounding(self, name: str) -> str:
        """Say how the formulas of a column are rounded: ``ROUND(…, 4)``; "" if they are not."""
        return self._column(name).words

    def carried(
        self, rhs: Expression, values: Mapping[str, Numbers], known: Mapping[str, Numbers]
    ) -> Numbers:
        """Return the uncertainty of an expression's values because of its sources, to first order.

        Args:
            known: uncertainties of names that have no column.
        """
        result = np.zeros(self._data.records)
        changes: _Changes | None = None
        for used in dict.fromkeys(names(rhs)):
            half = known.get(used.name)
            if half is None:
                half = self.of_source(used.name)
            if not half.any():
                continue
            if used.shift:
                half = finite(shifted(half, used.shift))
            changes = changes or _Changes(rhs, values)
            result = result + changes.by(used, half)
        return result

    def inherited(self, rhs: Expression, values: RecordValues) -> dict[str, Numbers]:
        """Return the uncertainties of an expression's names in the row, through formulas, too.

        Typed weights with six digits leave a forward pass by formulas uncertain in the seventh.
        Numbers with fewer digits count as they stand: others are computed from what is typed.
        """
        return {
            used.name: np.maximum(self.of_source(used.name), self._inherited_by(used.name, values))
            for used in dict.fromkeys(names(rhs))
            if not used.shift
        }

    def _inherited_by(self, name: str, values: RecordValues) -> Numbers:
        if name not in self._inherited:
            own, cells = self.of_source(name), ComputedCells(self._data, name)
            self._inherited[name] = own  # where definitions refer to each other in a circle
            if own.any():
                shown = np.abs(np.nan_to_num(self._data.values[name]))
                own = np.where(own > 0.5 * 10.0 ** (1 - MIN_DIGITS) * shown, 0.0, own)
            rhs = self._data.system.definitions.get(name)
            if (
                rhs is not None
                and cells.has_formulas.any()
                and all(values.has(used.key) for used in names(rhs))
            ):
                known = {used.name: self._inherited_by(used.name, values) for used in names(rhs)}
                own = np.where(cells.has_formulas, own + self.carried(rhs, values, known), own)
            self._inherited[name] = own
        return self._inherited[name]

    def _column(self, name: str) -> _Column:
        if name not in self._columns:
            self._columns[name] = self._examined(name)
        return self._columns[name]

    def _examined(self, name: str) -> _Column:
        data = self._data
        cells = ComputedCells(data, name)
        if not cells.is_computed:
            return _Column(np.zeros(data.records), np.zeros(data.records))
        own, as_source, words = np.zeros(data.records), np.zeros(data.records), ""
        if cells.has_formulas.any():
            rounded, words = self._by_formulas(name, cells)
            if not words and name in self._displayed:
                rounded, words = self._displayed[name]
            own = np.where(cells.has_formulas, rounded, own)
            as_source = own.copy()
        if cells.is_typed.any():
            if self._is_typed_everywhere(name, cells):
                # It is right where the formula, rounded as those like it are, gives that number.
                own = np.where(cells.is_typed, self._rounding_alike(name), own)
                return _Column(own, own)
            begins_with_formulas = cells.has_formulas.any() and self.has_formulas
            is_of_formulas = cells.is_column_of_formulas or begins_with_formulas
            if is_of_formulas or self._is_typed_among_formulas(name, cells):
                # A number that is typed among formulas must be what they give.
                typical = median(own[cells.has_formulas]) if cells.has_formulas.any() else 0.0
                own = np.where(cells.is_typed, np.maximum(typical, cells.exact_digits()), own)
                as_source = own.copy()
            else:
                typed = self._typed_factor * self._half_units(name, cells.is_typed)
                exact = self._typed_factor * self._half_unit_of_others(name, cells.is_typed)
                own = np.where(cells.is_typed, self._typed_factor * cells.last_digits(), own)
                own, typed = np.minimum(own, exact), np.minimum(typed, exact)
                own = np.where(self._stays(name, own, typed), typed, own)
                as_source = np.where(cells.is_typed, typed, as_source)
                zeros = cells.is_typed & (data.values[name] == 0)
                own = np.where(zeros, typed, own)
        return _Column(own, as_source, words)

    def _is_typed_everywhere(self, name: str, cells: ComputedCells) -> bool:
        """Whether the same number is typed in all cells, while other columns have formulas."""
        typed = self._data.values[name][cells.is_typed]
        if cells.has_formulas.any() or len(typed) < MIN_RECORDS or np.ptp(typed) > 0:
            return False
        return self.has_formulas

    def _rounding_alike(self, name: str) -> float:
        """Return half a unit of the last digit of the columns of the same kind, usually.

        These are formulas, with what ROUND gives, or different typed numbers.
        """
        alike = []
        for other, is_formula in self._are_formulas.items():
            cells = ComputedCells(self._data, other)
            where = cells.has_formulas if is_formula else cells.is_typed
            if kind_of(other) is not kind_of(name) or not where.any():
                continue
            if is_formula or np.ptp(self._data.values[other][where]) > 0:
                alike.append(median(self.own(other)[where]))
        return median(np.array(alike)) if alike else 0.0

    @cached_property
    def has_formulas(self) -> bool:
        """Whether most computed columns have formulas."""
        computed = self._are_formulas
        return 2 * sum(computed.values()) > len(computed)

    @cached_property
    def _are_formulas(self) -> dict[str, bool]:
        """Whether each computed column has formulas."""
        columns = ((name, ComputedCells(self._data, name)) for name in self._data.columns)
        return {name: one.is_column_of_formulas for name, one in columns if one.is_computed}

    def _is_typed_among_formulas(self, name: str, cells: ComputedCells) -> bool:
        """Whether a column's only computed number is typed, and those like it have formulas.

        In a form, the parameters are updated once.
        """
        if cells.is_typed.sum() != 1 or cells.has_formulas.any() or not self.has_formulas:
            return False
        kind = kind_of(name)
        alike = [
            is_formula for other, is_formula in self._are_formulas.items()
            if other != name and kind_of(other) is kind
        ]  # fmt: skip
        return 2 * sum(alike) >= len(alike)

    def _by_formulas(self, name: str, cells: ComputedCells) -> tuple[Numbers, str]:
        """Return what ROUND and the like in a column's formulas leave unknown."""
        data = self._data
        half = np.zeros(data.records)
        words = ""
        where = [
            record for record in np.flatnonzero(cells.has_formulas).tolist()
            if ROUNDING_CALL.search(cells.formulas[record] or "")
        ]  # fmt: skip
        step = max(1, len(where) // SAMPLE)
        seen: set[Expression] = set()
        for record in where[::step]:
            formula = self._formulas.read(name, record)
            if formula is None or formula.rounded is None or formula.rounded in seen:
                continue
            seen.add(formula.rounded)
            half = np.maximum(half, left_open(formula.rounded, data))
            words = words or rounding_words(cells.formulas[record] or "", formula.rounded)
        is_rounded = np.zeros(data.records, dtype=bool)
        is_rounded[where] = True
        return np.where(is_rounded, half, 0.0), words

    @cached_property
    def _displayed(self) -> dict[str, tuple[Numbers, str]]:
        """The columns of formulas whose stored values are rounded, if that is many columns."""
        data = self._data
        rounded: dict[str, tuple[Numbers, str]] = {}
        exact = telling = 0
        for name in data.columns:
            cells = ComputedCells(data, name)
            if not (cells.is_computed and cells.is_column_of_formulas):
                continue
            shown = data.values[name][cells.has_formulas]
            digits = digits_of(shown)
            if digits is not None and digits[0] > MAX_DIGITS:
                exact += 1
                continue
            # The same number in all rows may be exact: 0.15.
            telling += len(np.unique(shown)) >= min(3, len(shown)) and digits is not None
            half = self._half_units(name, cells.has_formulas)
            rounded[name] = half, self._words(digits)
        return rounded if telling > 1 and 2 * telling >= exact else {}

    def _words(self, digits: tuple[int, int] | None) -> str:
        """Say how the numbers of a column are rounded, by the table's decimals if they fit."""
        usual = self._usual_decimals
        if usual is not None and (digits is None or digits[1] <= usual):
            return count(max(usual, 0), "decimal")
        return digits_words(*(digits or (1, 0)))

    def _half_units(self, name: str, where: Mask) -> Numbers:
        """Return :func:`half_units` of a column; one of zeros has the table's usual decimals.

        So has one of few digits beside others of twice as many: -0.001 below 0.0009 is -0.0010.
        """
        values, usual = self._data.values[name], self._usual_decimals
        significant, decimals = digits_of(values[where]) or (0, usual)
        most = median_low([digits for digits, _ in self._computed_digits] or [0])
        if usual is not None and decimals == usual and 2 * significant <= most:
            return np.where(where, 0.5 * 10.0**-usual, 0.0)
        return half_units(values, where)

    def _half_unit_of_others(self, name: str, where: Mask) -> float:
        """Return the digits that the other parameters show, if one has the same number everywhere.

        Beside 0.40, 0.37 and 0.35, a column of 0.3 is one of 0.30. In a form, which updates the
        parameters once, 0.3 that stays 0.3 has the digits of all others together.
        """
        data = self._data
        trained = [one for one in data.system.trained if one in data.columns]
        if name not in trained or not where.any() or np.ptp(data.values[name][where]) > 0:
            return math.inf
        others = [data.values[one] for one in trained if one != name]
        if where.sum() == 1:
            if np.ptp(data.values[name][data.has_numbers(name)]) > 0:
                return math.inf
            shown = np.array([data.values[name][where], *(one[where] for one in others)]).ravel()
            return float(half_units(shown, np.isfinite(shown))[0]) or math.inf
        varying = [
            one for one in others if not where[~np.isfinite(one)].any() and np.ptp(one[where]) > 0
        ]
        return max((float(half_units(one, where).max()) for one in varying), default=math.inf)

    def _stays(self, name: str, own: Numbers, typed: Numbers) -> Mask:
        """Return where a parameter is as above, with far fewer digits than the column has.

        0.25 below 0.25 and above 0.24937031 is one that was not updated, and none that is rounded.

        Args:
            own: half a unit of the last digit of each number; typed: of the column's digits.
        """
        if name not in self._data.system.trained:
            return np.zeros(own.shape, dtype=bool)
        numbers = self._data.values[name]
        stays: Mask = (numbers == shifted(numbers, -1)) & (own >= MIN_COARSER * typed)
        return stays

    @cached_property
    def _computed_digits(self) -> list[tuple[int, int]]:
        """The most significant digits, and decimals, of each column of computed numbers."""
        data = self._data
        found = []
        for name in data.columns:
            cells = ComputedCells(data, name)
            digits = digits_of(data.values[name][cells.has_formulas | cells.is_typed])
            if cells.is_computed and digits is not None:
                found.append(digits)
        return found

    @cached_property
    def _usual_decimals(self) -> int | None:
        """The decimals of most columns of computed numbers; None if there are none."""
        decimals = Counter(decimals for _, decimals in self._computed_digits)
        usual, times = max(decimals.items(), key=lambda item: item[1], default=(0, 0))
        return usual if 2 * times > decimals.total() and usual <= MAX_DIGITS else None


class _Column:
    """The uncertainties of one column."""

    def __init__(self, own: Numbers, as_source: Numbers, words: str = "") -> None:
        self.own, self.as_source, self.words = own, as_source, words


class _Changes:
    """How much an expression changes with its names."""

    def __init__(self, rhs: Expression, values: Mapping[str, Numbers]) -> None:
        self._value = compiled(rhs)
        self._sources = {name.key: values[name.key] for name in names(rhs)}
        self._before = self._value(self._sources)

    def by(self, used: Name, half: Numbers) -> Numbers:
        """Return how much it changes if one of its names changes by up to ``half``."""
        own = self._sources[used.key]
        up, down = (self._value({**self._sources, used.key: own + sign * half}) for sign in (1, -1))
        return finite(np.maximum(np.abs(up - self._before), np.abs(down - self._before)))
