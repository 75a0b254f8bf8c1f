"""The numbers of a table, column by column, and the computed numbers of missing columns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from backprop_sheet.audit.expected import row_rhs
from backprop_sheet.audit.reading import number
from backprop_sheet.audit.tables import Table
from backprop_sheet.network.equations import (
    ITERATION,
    TOTAL_ERROR,
    EquationSystem,
    Kind,
    Role,
)
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import names

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
    """

    table: Table
    system: EquationSystem
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    values: RecordValues
    position: np.ndarray
    text_columns: tuple[str, ...]

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
    for name, value in constants.items():
        if name in system.columns and name not in columns:
            values[name] = np.full(table.records, value)
    values[ITERATION] = np.arange(table.records) // system.rows_per_iteration * 1.0
    for symbol, value in system.hyperparameters.items():
        values[symbol] = np.full(table.records, constants.get(symbol, value))
    missing = tuple(
        name for name in system.columns if name not in columns and _is_needed(system, name, values)
    )
    with np.errstate(all="ignore"):
        for name in system.columns:
            _compute(system, name, values)
        for name in system.states:
            if name not in values:
                _simulate(system, name, values, position)
    return TableData(table, system, columns, missing, values, position, tuple(text_columns))


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


def _compute(system: EquationSystem, name: str, values: RecordValues) -> bool:
    """Compute a missing column from the others if possible; return whether its values are known."""
    if name in values:
        return True
    if name not in system.within_row:
        return False
    rhs = system.within_row[name]
    if not all(_compute(system, used.name, values) for used in names(rhs)):
        return False
    values[name] = np.broadcast_to(
        np.asarray(evaluate(rhs, values), dtype=float), values[ITERATION].shape
    )
    return True


def _simulate(
    system: EquationSystem, name: str, values: RecordValues, position: np.ndarray
) -> None:
    """Compute the missing column of an optimizer state row by row, starting at 0."""
    first = row_rhs(system, name)
    used = set(names(first)) - {used for used in names(first) if used.name == name}
    if not all(values.has(one.key) for one in used):
        return
    column = np.zeros(len(position))
    rows = system.rows_per_iteration
    for record in range(rows, len(position)):
        if position[record]:
            column[record] = column[record - 1]
            continue
        row = {one.key: values[one.key][record] for one in used}
        row |= {one.key: column[record + one.shift] for one in names(first) if one.name == name}
        column[record] = float(evaluate(first, row))
    values[name] = column


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
