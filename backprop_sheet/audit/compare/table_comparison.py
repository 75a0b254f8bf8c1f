"""Compare a table with the equations of an exercise.

Each cell is compared with the value that follows from the other cells as they are, so that a
mistake is reported where it was made. Cells that correctly use a wrong value are not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison, are_cut_off, compare
from backprop_sheet.audit.compare.given_columns import (
    GivenComparison,
    compare_first,
    compare_given,
)
from backprop_sheet.audit.compare.learning_rate import LearningRate, resolve_learning_rate
from backprop_sheet.audit.compare.rate_schedules import typed_over_schedule
from backprop_sheet.audit.compare.record_values import TOLERANCE, Mask, RecordValues
from backprop_sheet.audit.compare.table_data import TableData, read_table
from backprop_sheet.audit.compare.translation import Formulas, Translator
from backprop_sheet.audit.compare.typed_slips import without_consequences
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.audit.compare.used_derivatives import by_used_derivatives
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.references import Address
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem, without_columns
from backprop_sheet.exercise.choices import activation_named

DEFAULT_TOLERANCE = TOLERANCE

# The values that the sheets have outside a table, by name and cell.
Labels = Mapping[str, Mapping[Address, float]]


@dataclass(frozen=True)
class Comparison:
    """The comparison of a table with one equation system, before the diagnosis.

    Attributes:
        values: the numbers of the table, and the learning rate if it is known.
        uncertainty: how exact the numbers are.
        translator: the formulas of the table.
        given: the columns whose values change although they should not, or whose first ones are
            read from other labels.
        columns: the comparisons of the computed columns.
    """

    data: TableData
    values: RecordValues
    uncertainty: Uncertainty
    translator: Translator
    rate: LearningRate
    given: tuple[GivenComparison, ...]
    columns: tuple[ColumnComparison, ...]

    @cached_property
    def by_column(self) -> Mapping[str, ColumnComparison]:
        """The comparison of each computed column that could be compared."""
        return {one.column: one for one in self.columns}

    @cached_property
    def wrong_names(self) -> frozenset[str]:
        """The computed columns with a wrong cell."""
        return frozenset(one.column for one in self.columns if one.wrong.any())

    @property
    def wrong_columns(self) -> int:
        """The number of columns with a wrong cell, given ones and η included."""
        return len(self.wrong_names) + len(self.given) + self.rate.is_wrong


def compare_table(
    table: Table,
    system: EquationSystem,
    labels: Labels,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Comparison:
    """Compare a table with an equation system.

    Args:
        labels: the values that the sheets have outside the table, by name and cell.
        tolerance: the largest relative difference that counts as right.
    """
    system = _with_one_column_for_linear(system, table)
    constants = {
        name: next(iter(cells.values()))
        for name, cells in labels.items()
        if name != LEARNING_RATE and _is_constant(table, system, name, cells)
    }
    data = read_table(table, system, constants)
    addresses = {
        cell: name for name, cells in labels.items() if name in constants for cell in cells
    }
    known = {*system.hyperparameters, *system.quantities}
    formulas = Formulas(
        table,
        system,
        {cell: name for cell, name in addresses.items() if name in known},
        {float(data.values[symbol][0]): symbol for symbol in system.hyperparameters},
    )
    uncertainty = Uncertainty(data, formulas)
    rate = resolve_learning_rate(data, formulas, uncertainty, labels.get(LEARNING_RATE, {}))
    translator = Translator(formulas, rate.source)
    values = data.values.with_column(LEARNING_RATE, rate.values)

    def compare_with(numbers: RecordValues) -> tuple[ColumnComparison, ...]:
        read = translator.read
        columns = tuple(compare(data, numbers, uncertainty, tolerance, read))
        return by_used_derivatives(data, numbers, uncertainty, columns, tolerance, read)

    columns = compare_with(values)
    if are_cut_off(data, values, columns, uncertainty):
        uncertainty = Uncertainty(data, formulas, is_cut_off=True)
        columns = compare_with(values)
    columns = without_consequences(data, values, columns, compare_with)
    given = [*compare_given(data, tolerance), *compare_first(data, labels, tolerance)]
    typed_over = _typed_over_schedule(data, columns)
    if typed_over is not None:
        rate = replace(rate, is_scheduled=True)
        given = list(_of_schedule(given, typed_over))
    return Comparison(data, values, uncertainty, translator, rate, tuple(given), columns)


def _typed_over_schedule(data: TableData, columns: Iterable[ColumnComparison]) -> Mask | None:
    """Return the typed rates of a schedule that most updates use; None if there is none."""
    updates = [bool(one.wrong.any()) for one in columns if one.column in data.system.trained]
    if LEARNING_RATE not in data.table.names or 2 * sum(updates) >= len(updates):
        return None
    return typed_over_schedule(data.table)


def _of_schedule(given: Iterable[GivenComparison], typed_over: Mask) -> Iterator[GivenComparison]:
    """Yield the comparisons of given columns; of a schedule, only the cells typed over it."""
    for one in given:
        if one.column != LEARNING_RATE:
            yield one
        elif typed_over.any():
            unknown = np.full(len(one.found), np.nan)
            yield replace(one, expected=unknown, wrong=typed_over, is_typed_over=True)


def _with_one_column_for_linear(system: EquationSystem, table: Table) -> EquationSystem:
    """Return a system that needs only one of sum and activation where both are the same number.

    People write a linear output as one column, ``y = w*x + b``.
    """
    missing = {
        absent
        for neurons, kind in zip(system.layers, system.network.activations, strict=True)
        if activation_named(kind).is_identity
        for pair in neurons
        for absent, present in (pair, pair[::-1])
        if absent in system.columns and absent not in table.names and present in table.names
    }
    return without_columns(system, frozenset(missing)) if missing else system


def _is_constant(table: Table, system: EquationSystem, name: str, cells: Iterable[Address]) -> bool:
    """Whether the whole table has the value of a label, because it has no values of its own.

    The value of a trained parameter on a sheet of given values is only its first one.
    """
    is_empty = name in table.names and all(value is None for value in table.values_of(name))
    if name not in system.trained:
        return name not in table.names or is_empty
    return name not in table.names and any(one.sheet not in table.given_sheets for one in cells)
