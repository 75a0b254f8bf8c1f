"""The numbers of a table, column by column, and the computed numbers of missing columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from zlib import crc32

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, TOTAL_ERROR, Kind
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names

_SHIFTED = re.compile(r"(.+)\[n([+-]\d+)\]")


class RecordValues(dict[str, np.ndarray]):
    """One number per record for each name; ``w1[n-1]`` is w1 of the row above.

    Raises:
        KeyError: the table does not have the name, and it does not follow from other columns.
    """

    def __missing__(self, key: str) -> np.ndarray:
        match = _SHIFTED.fullmatch(key)
        if match is None:
            raise KeyError(key)
        self[key] = value = shifted(self[match[1]], int(match[2]))
        return value

    def has(self, key: str) -> bool:
        """Whether there are numbers for a name, shifted or not."""
        return key.partition("[n")[0] in self


def shifted(column: np.ndarray, shift: int) -> np.ndarray:
    """Shift a column by some rows; nan if there is no such row."""
    result = np.full(column.shape, np.nan)
    if shift < 0:
        result[-shift:] = column[:shift]
    elif shift:
        result[:-shift] = column[shift:]
    else:
        result = column
    return result


@dataclass(frozen=True)
class TableData:
    """The numbers of one table, read as a table of one equation system.

    Attributes:
        columns: the columns of the table that can be audited.
        missing: the columns that a complete table needs and this table does not have.
        values: the numbers of all known names: from the table, from labeled cells outside it, and
            computed from these.
        position: each record's position within its iteration.
        text_columns: columns with numbers that are stored as text.
        empty: which cells of the table's columns are empty, or inputs or targets that are no
            numbers; only columns with such cells.
        replaced: which ``values`` stand for empty cells: computed from the other cells of the row,
            or of columns that are computed from such values.
        invented: which of the replaced values are arbitrary, because they follow from nothing.
    """

    table: Table
    system: EquationSystem
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    values: RecordValues
    position: np.ndarray
    text_columns: tuple[str, ...]
    empty: Mapping[str, np.ndarray] = field(default_factory=dict)
    replaced: Mapping[str, np.ndarray] = field(default_factory=dict)
    invented: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """The number of records."""
        return self.table.records

    def is_typed(self, name: str, record: int) -> bool:
        """Whether a cell holds a number and no formula."""
        return self.table.formula(name, int(record)) is None

    def is_filled(self, name: str, record: int) -> bool:
        """Whether a cell is not empty."""
        return self.table.value(name, int(record)) is not None

    def any_of(self, cells: Mapping[str, np.ndarray], used: Iterable[Name]) -> np.ndarray:
        """Return in which records one of the names that a formula uses is among some cells.

        Args:
            cells: a mask per name, as :attr:`empty`.
        """
        result = np.zeros(self.records, dtype=bool)
        for name in used:
            if name.name in cells:
                result |= _shifted_mask(cells[name.name], name.shift)
        return result


def _shifted_mask(mask: np.ndarray, shift: int) -> np.ndarray:
    return shifted(mask.astype(float), shift) == 1.0


def auditable(system: EquationSystem) -> tuple[str, ...]:
    """Return the columns that can be audited: the system's, and derivatives without a column."""
    more = (name for name in system.definitions if name not in system.columns)
    return (*system.columns, *more)


def column_numbers(table: Table, name: str) -> tuple[np.ndarray, bool]:
    """Return a column's numbers (nan if there is none), and whether some are stored as text."""
    numbers = np.full(table.records, np.nan)
    as_text = False
    for record, value in enumerate(table.values_of(name)):
        if type(value) is float:  # the usual case, first for speed
            numbers[record] = value
        elif value is not None and (known := number(value)) is not None:
            numbers[record] = known
            as_text |= isinstance(value, str)
    return numbers, as_text


def read_table(table: Table, system: EquationSystem, constants: Mapping[str, float]) -> TableData:
    """Read the numbers of a table.

    Args:
        constants: numbers outside the table for names without a column.
    """
    columns = tuple(name for name in auditable(system) if name in table.names)
    position = np.arange(table.records) % system.rows_per_iteration
    values = RecordValues()
    text_columns = []
    for name in columns:
        values[name], as_text = column_numbers(table, name)
        if as_text:
            text_columns.append(name)
    for name in set(system.parameters) & set(columns):
        _fill_down(values[name], position)
    empty = {
        name: mask
        for name in columns
        if (mask := _empty_cells(table, system, name, values[name])).any()
    }
    for name, value in constants.items():
        if name in system.columns and (name not in columns or empty[name].all()):
            values[name] = np.full(table.records, value)
            empty.pop(name, None)
    values[ITERATION] = np.arange(table.records) // system.rows_per_iteration * 1.0
    for symbol, value in system.hyperparameters.items():
        values[symbol] = np.full(table.records, constants.get(symbol, value))
    missing = tuple(
        name for name in system.columns if name not in columns and _is_needed(system, name, values)
    )
    filling = _Filling(system, values, position, empty)
    with np.errstate(all="ignore"):
        filling.run()
    return TableData(
        table, system, columns, missing, values, position, tuple(text_columns),
        empty, filling.replaced, filling.invented,
    )  # fmt: skip


def _empty_cells(
    table: Table, system: EquationSystem, name: str, numbers: np.ndarray
) -> np.ndarray:
    """Return which cells of a column are empty; of an input or target, which have no number."""
    mask = np.isnan(numbers)
    if mask.any() and system.columns.get(name) is not Role.GIVEN:
        shown = table.values_of(name)
        for record in np.flatnonzero(mask):
            mask[record] = shown[record] is None
    return mask


def _fill_down(column: np.ndarray, position: np.ndarray) -> None:
    """Fill the other rows of an iteration if parameters are written once per iteration."""
    for record in np.flatnonzero(np.isnan(column) & (position > 0)):
        column[record] = column[record - 1]


def _is_needed(system: EquationSystem, name: str, values: RecordValues) -> bool:
    """Whether a table without this column is incomplete."""
    if name in values:
        return False
    kind = system.quantities[name].kind
    if kind in (Kind.ADJOINT, Kind.STATE, Kind.MEAN):
        return False
    # With one output, its error is the total error, so that one of the two is enough.
    if len(system.errors) == 1 and name in (system.errors[0], TOTAL_ERROR):
        other = TOTAL_ERROR if name == system.errors[0] else system.errors[0]
        return other not in values
    return True


class _Filling:
    """Computes missing columns, and numbers for empty cells, in the order of computation.

    The number for an empty cell is computed from its row as the exercise computes it. Inputs,
    targets and fixed biases have the first number of their sample. A parameter does not follow from
    its row: it is replaced by an arbitrary number, with which formulas can still be compared.
    """

    def __init__(
        self,
        system: EquationSystem,
        values: RecordValues,
        position: np.ndarray,
        empty: Mapping[str, np.ndarray],
    ) -> None:
        self.system, self.values, self.position, self.empty = system, values, position, empty
        self.replaced: dict[str, np.ndarray] = {}
        self.invented: dict[str, np.ndarray] = {}

    def run(self) -> None:
        """Add the numbers to the values."""
        system = self.system
        for name in self.empty:
            if name not in system.definitions and name not in system.states:
                self._fill_given(name)
        for name, rhs in system.definitions.items():
            if name in self.empty or (name not in self.values and name in system.within_row):
                self._compute(name, rhs)
        for name in system.states:
            if name not in self.values or name in self.empty:
                self._simulate(name)

    def _fill_given(self, name: str) -> None:
        column, mask = self.values[name], self.empty[name]
        self._note(name, mask, mask.copy())
        if name not in self.system.trained:
            is_given = self.system.columns.get(name) is Role.GIVEN
            first = first_of_sample(column, self.system.sample_count if is_given else 1)
            column[mask] = first[mask]
            self.invented[name] &= np.isnan(first)
        column[self.invented[name]] = _stand_in(name)

    def _compute(self, name: str, rhs: Expression) -> None:
        """Compute a missing column, or its empty cells, if all that it depends on is known."""
        used = dict.fromkeys(names(rhs))
        shape = self.values[ITERATION].shape
        mask = self.empty.get(name, np.ones(shape, dtype=bool))
        if all(one.name in self.values for one in used):
            result = np.broadcast_to(np.asarray(evaluate(rhs, self.values), dtype=float), shape)
            invented = self._any(self.invented, used)
        elif name in self.values:
            result, invented = np.full(shape, _stand_in(name)), np.ones(shape, dtype=bool)
        else:
            return
        if name in self.values:
            self.values[name][mask] = result[mask]
            self._note(name, mask, mask & invented)
        else:
            self.values[name] = result
            self._note(name, self._any(self.replaced, used), invented)

    def _simulate(self, name: str) -> None:
        """Compute an optimizer state, or its empty cells, row by row, starting at 0."""
        first = row_rhs(self.system, name)
        used = {one for one in names(first) if one.name != name}
        if not all(self.values.has(one.key) for one in used):
            return
        size = len(self.position)
        column = self.values.get(name, np.zeros(size))
        mask = self.empty.get(name, np.ones(size, dtype=bool))
        rows = self.system.rows_per_iteration
        for record in np.flatnonzero(mask):
            if record < rows:
                column[record] = 0.0
                continue
            if self.position[record]:
                column[record] = column[record - 1]
                continue
            row = {one.key: self.values[one.key][record] for one in used}
            row |= {one.key: column[record + one.shift] for one in names(first) if one.name == name}
            column[record] = float(evaluate(first, row))
        self.values[name] = column
        # A state depends on all rows above.
        replaced, invented = (
            np.logical_or.accumulate(self._any(cells, used))
            for cells in (self.replaced, self.invented)
        )
        self._note(name, self.empty.get(name, replaced), mask & invented)

    def _any(self, cells: Mapping[str, np.ndarray], used: Iterable[Name]) -> np.ndarray:
        result = np.zeros(len(self.position), dtype=bool)
        for one in used:
            if one.name in cells:
                result |= _shifted_mask(cells[one.name], one.shift)
        return result

    def _note(self, name: str, replaced: np.ndarray, invented: np.ndarray) -> None:
        if replaced.any():
            self.replaced[name] = replaced
            self.invented[name] = invented


def first_of_sample(column: np.ndarray, period: int) -> np.ndarray:
    """Return for each record the first number of its sample; nan if there is none."""
    first = np.full(column.shape, np.nan)
    for sample in range(period):
        known = column[sample::period]
        known = known[~np.isnan(known)]
        if len(known):
            first[sample::period] = known[0]
    return first


def _stand_in(name: str) -> float:
    """Return an arbitrary number for a name, always the same, and another one for other names."""
    return 0.3 + crc32(name.encode()) % 9973 / 25_000


def half_units(data: TableData, name: str) -> np.ndarray:
    """Return half a unit of the last digit of each typed cell of a computed column, else 0."""
    units = np.zeros(data.records)
    if name not in data.columns or data.system.columns.get(name) is Role.GIVEN:
        return units
    if name in data.system.parameters and name not in data.system.trained:
        return units
    first = data.system.rows_per_iteration if name in data.system.updates else 0
    for record in range(first, data.records):
        value = number(data.table.value(name, record))
        if value is not None and math.isfinite(value) and data.is_typed(name, record):
            units[record] = _half_unit(value)
    zeros = (data.values[name] == 0) & (units > 0)
    units[zeros] = min(units[~zeros & (units > 0)], default=0.0)  # as for the other numbers
    return units


def half_units_as_typed(data: TableData, name: str) -> np.ndarray:
    """Return :func:`half_units`, with the smallest for all: next to 0.1498, 0.15 means 0.1500."""
    units = half_units(data, name)
    if (typed := units > 0).any():
        units[typed] = units[typed].min()
    return units


def _half_unit(value: float) -> float:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) and value else 0.5


def plain(value: object) -> object:
    """Return a value that JSON can represent."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)
