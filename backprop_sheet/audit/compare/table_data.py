"""The numbers of a table, column by column, and the computed numbers of missing columns."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import index
from typing import Any, SupportsIndex

import numpy as np

from backprop_sheet.audit.compare.filling import Filling
from backprop_sheet.audit.compare.record_values import (
    Mask,
    Numbers,
    Positions,
    RecordValues,
    shifted_mask,
)
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import ITERATION, TOTAL_ERROR, Kind, gradient_name
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import Name


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
    position: Positions
    text_columns: tuple[str, ...]
    empty: Mapping[str, Mask] = field(default_factory=dict)
    replaced: Mapping[str, Mask] = field(default_factory=dict)
    invented: Mapping[str, Mask] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """The number of records."""
        return self.table.records

    @cached_property
    def iteration(self) -> Positions:
        """Each record's iteration, from 0."""
        iteration: Positions = np.arange(self.records) // self.system.rows_per_iteration
        return iteration

    @cached_property
    def begun(self) -> Mask:
        """The records up to the last one with a filled cell in a computed column."""
        filled = np.zeros(self.records, dtype=bool)
        for name in self.columns:
            if name in self.system.definitions:
                filled |= ~self.empty.get(name, np.zeros(self.records, dtype=bool))
        begun: Mask = np.arange(self.records) <= max(np.flatnonzero(filled), default=-1)
        return begun

    @property
    def last_iteration(self) -> int:
        """The last iteration that was begun."""
        return int(self.iteration[self.begun][-1]) if self.begun.any() else 0

    @property
    def required(self) -> Mask:
        """The records that must be complete: a run ends somewhere, often before its gradients."""
        required: Mask = (self.iteration < self.last_iteration) | (self.iteration == 0)
        return required

    def position_in(self, column: str, record: int) -> int:
        """Return a record's position within its iteration if the column depends on it, else 0."""
        return int(self.position[record]) if column in self.system.updates else 0

    def is_typed(self, name: str, record: SupportsIndex) -> bool:
        """Whether a cell has no formula; an empty one has none either."""
        return self.table.formula(name, index(record)) is None

    def typed_cells(self, name: str, records: Mask) -> Mask:
        """Return which cells of a column, among some records, have no formula."""
        typed = np.zeros(self.records, dtype=bool)
        for record in np.flatnonzero(records):
            typed[record] = self.is_typed(name, record)
        return typed

    def is_filled(self, name: str, record: SupportsIndex) -> bool:
        """Whether a cell is not empty."""
        return self.table.value(name, index(record)) is not None

    def has_numbers(self, column: str) -> Mask:
        """Return which cells of a column have numbers; an empty one has none, whatever follows."""
        known: Mask = np.isfinite(self.values[column])
        return known & ~self.empty[column] if column in self.empty else known

    def cells(self, column: str, records: Mask) -> tuple[Address, ...]:
        """Return the cells of a column in some records."""
        cells = (self.table.cell(column, record) for record in np.flatnonzero(records).tolist())
        return tuple(cell for cell in cells if cell is not None)

    def any_of(self, cells: Mapping[str, Mask], used: Iterable[Name]) -> Mask:
        """Return in which records one of the names that a formula uses is among some cells.

        Args:
            cells: a mask per name, as :attr:`empty`.
        """
        result = np.zeros(self.records, dtype=bool)
        for name in used:
            if name.name in cells:
                result |= shifted_mask(cells[name.name], name.shift)
        return result


def auditable(system: EquationSystem) -> tuple[str, ...]:
    """Return the columns that can be audited: the system's, and derivatives without a column."""
    more = (name for name in system.definitions if name not in system.columns)
    return (*system.columns, *more)


def column_numbers(table: Table, name: str) -> tuple[Numbers, bool]:
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


def numbers_at(table: Table, cells: Sequence[Address | None]) -> Numbers:
    """Return the numbers in some cells of a table's sheets; nan where there is none."""
    shown = (None if cell is None else number(table.value_at(cell)) for cell in cells)
    return np.array([np.nan if one is None else one for one in shown])


def read_table(table: Table, system: EquationSystem, constants: Mapping[str, float]) -> TableData:
    """Read the numbers of a table.

    Args:
        constants: numbers outside the table for names without a column.
    """
    columns = tuple(name for name in auditable(system) if name in table.names)
    position: Positions = np.arange(table.records) % system.rows_per_iteration
    values: dict[str, Numbers] = {}
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
    for name in system.columns:
        if name not in values and NEGATIVE + name in values:
            values[name] = -values[NEGATIVE + name]
    values[ITERATION] = (np.arange(table.records) // system.rows_per_iteration).astype(float)
    for symbol, value in system.hyperparameters.items():
        values[symbol] = np.full(table.records, constants.get(symbol, value))
    missing = tuple(
        name
        for name in missing_columns(system, values)
        if name not in columns and not _has_delta(system, name, columns)
    )
    filling = Filling(system, values, position, empty)
    with np.errstate(all="ignore"):
        filling.run()
    return TableData(
        table, system, columns, missing, RecordValues(values), position, tuple(text_columns),
        empty, filling.replaced, filling.invented,
    )  # fmt: skip


def _has_delta(system: EquationSystem, name: str, columns: Container[str]) -> bool:
    """Whether the δ that is the gradient of a bias has a column."""
    return any(delta in columns for delta in deltas_of_bias(system, name))


def deltas_of_bias(system: EquationSystem, name: str) -> tuple[str, ...]:
    """Return δ with either sign, if a name is the gradient of a bias that one sum has; else ().

    They are the same number.
    """
    quantity = system.quantities[name]
    sums = system.bias_targets.get(quantity.of, ()) if quantity.kind is Kind.GRADIENT else ()
    return tuple(sign + gradient_name(sums[0]) for sign in ("", NEGATIVE) if len(sums) == 1)


def same_error(system: EquationSystem, name: str) -> str | None:
    """Return the other name of the only error: E1 is E_total; None for all else."""
    pair = (*system.errors, TOTAL_ERROR)
    return pair[1 - pair.index(name)] if len(pair) == 2 and name in pair else None


def _empty_cells(table: Table, system: EquationSystem, name: str, numbers: Numbers) -> Mask:
    """Return which cells of a column are empty; of an input or target, which have no number."""
    mask = np.isnan(numbers)
    if mask.any() and system.columns.get(name) is not Role.GIVEN:
        shown = table.values_of(name)
        for record in np.flatnonzero(mask):
            mask[record] = shown[record] is None
    return mask


def _fill_down(column: Numbers, position: Positions) -> None:
    """Fill the other rows of an iteration if parameters are written once per iteration."""
    for record in np.flatnonzero(np.isnan(column) & (position > 0)):
        column[record] = column[record - 1]


def missing_columns(system: EquationSystem, values: Container[str]) -> tuple[str, ...]:
    """Return the columns that a complete table needs and that have no values."""
    return tuple(name for name in system.columns if _is_needed(system, name, values))


def _is_needed(system: EquationSystem, name: str, values: Container[str]) -> bool:
    """Whether a table without this column is incomplete."""
    if name in values:
        return False
    kind = system.quantities[name].kind
    if kind in (Kind.ADJOINT, Kind.STATE, Kind.MEAN):
        return False
    other = same_error(system, name)
    return other is None or other not in values  # one of the two is enough


def plain(value: Any) -> Any:
    """Return a value that JSON can represent."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)
