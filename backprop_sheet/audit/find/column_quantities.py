"""Which quantity each column of a table is, by the network that its formulas describe."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers, mostly_agree
from backprop_sheet.audit.find.derivatives_by_use import sum_of
from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.audit.find.update_reading import read_updates, state_columns
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.equations.intermediates import NEGATIVE, is_slope
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, SAMPLE, gradient_name
from backprop_sheet.equations.system import EquationSystem, equation_system
from backprop_sheet.exercise.choices import update_rule
from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import names


class ColumnQuantities:
    """The quantities of a table's columns, for each training that it may be of."""

    def __init__(self, columns: ColumnSet, reading: NetworkReading, samples: int) -> None:
        """Read what the updates refer to."""
        self.columns, self.reading, self.samples = columns, reading, samples
        self.updates = read_updates(columns, reading)
        self.sign_of_gradients = lru_cache(maxsize=None)(self._sign_by_numbers)
        self._differentiated = lru_cache(maxsize=None)(self._differentiated_by)

    def system(self, training: Training) -> EquationSystem:
        """Return the equations of the network and a training."""
        return equation_system(self.reading.network, training, self.samples)

    def of(self, training: Training, sign: str, *, with_states: bool) -> dict[str, str]:
        """Return the quantities of the table's columns and of cells outside.

        Args:
            sign: before the names of the gradients.
        """
        found = dict(self.reading.quantities)
        taken = set(found.values())
        for column, parameter in self.updates.gradients.items():
            name = sign + gradient_name(self._differentiated(column, parameter))
            if column not in found and name not in taken:
                found[column] = name
        if with_states:
            states = update_rule(training).states
            for column, name in state_columns(self.columns, self.updates, states).items():
                found.setdefault(column, name)
        rate = self._rate(training)
        if rate is not None:
            found.setdefault(rate, LEARNING_RATE)
        for known in self.columns.columns.values():
            if known.name not in found and known.address is None:
                meaning = quantity_name(known.header)
                is_counter = meaning in (ITERATION, SAMPLE)
                # An η that no update uses, wrongly; in a few records only, it is of results.
                is_rate = meaning == LEARNING_RATE and not np.isnan(known.values).any()
                if (
                    (is_counter or is_rate)
                    and meaning is not None
                    and meaning not in found.values()
                ):
                    found[known.name] = meaning
        return found

    def by_numbers(self, system: EquationSystem, assigned: Mapping[str, str]) -> dict[str, str]:
        """Return further columns whose numbers are those of a derivative."""
        found: dict[str, str] = {}
        values = self._values(system, assigned)
        for name in system.definitions:
            if name in values and name not in assigned.values():
                columns = self._agreeing(values[name], {*assigned, *found})
                # Of two equal columns of a slope, one is that of another neuron, by a mistake.
                if columns and (len(columns) == 1 or not is_slope(name)):
                    found[columns[0]] = name
        return found

    def _sign_by_numbers(self, training: Training) -> str:
        """Return the sign before the name of the gradients: some textbooks use the other one."""
        values = self._values(self.system(training), self.reading.quantities)
        balance = 0
        for column, parameter in self.updates.gradients.items():
            expected = values.get(gradient_name(parameter))
            if expected is not None:
                found = self.columns.columns[column].values
                balance += _agree(found, expected) - _agree(found, -expected)
        return NEGATIVE if balance < 0 else ""

    def _differentiated_by(self, column: str, parameter: str) -> str:
        """Return what a gradient is the derivative by: for a δ that serves as one, the sum."""
        target = sum_of(self.reading, parameter)
        is_bias = parameter in self.reading.names.bias_targets
        is_used = any(
            part.name == column
            for name in self.columns.computed
            if (main := self.columns.columns[name].main) is not None
            for part in names(main)
        )
        return target if is_bias and target and is_used else parameter

    def _rate(self, training: Training) -> str | None:
        """Return the column or the cell with η: what most updates refer to."""
        known = set(training.hyperparameters.values())
        for name, count in self.updates.cells.most_common():
            values = self.columns.columns[name].values
            is_other = len(values) > 0 and float(values[0]) in known
            if not is_other and (count > 1 or len(self.updates.cells) == 1):
                return name
        return None

    def _values(self, system: EquationSystem, assigned: Mapping[str, str]) -> dict[str, Numbers]:
        """Return the numbers of all quantities that follow from assigned columns in a record."""
        shape = (self.columns.records,)
        values: dict[str, Numbers] = {
            quantity: self.columns.columns[column].values for column, quantity in assigned.items()
        }
        for name, number in self.reading.numbers.items():
            values.setdefault(name, np.full(shape, number))
        with np.errstate(all="ignore"):
            for name, rhs in system.definitions.items():
                if name not in values and all(part.name in values for part in names(rhs)):
                    values[name] = np.broadcast_to(
                        np.asarray(evaluate(rhs, values), dtype=float), shape
                    )
        return values

    def _agreeing(self, expected: Numbers, taken: set[str]) -> list[str]:
        return [
            name
            for name in self.columns.computed
            if name not in taken
            and self.columns.columns[name].address is None
            and _agree(self.columns.columns[name].values, expected)
        ]


def _agree(found: Numbers, expected: Numbers) -> bool:
    """Whether most numbers of a column are those of a quantity that is not always 0."""
    known = ~np.isnan(found) & ~np.isnan(expected)
    return bool(np.any(expected[known])) and mostly_agree(found, expected)
