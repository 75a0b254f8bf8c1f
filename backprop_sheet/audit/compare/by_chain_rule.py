"""What follows from a table's columns of other derivatives, by the chain rule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache

import numpy as np

from backprop_sheet.audit.compare.expected import over_rows
from backprop_sheet.audit.compare.record_values import Numbers, RecordValues
from backprop_sheet.audit.compare.row_values import evaluated_by_position
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names, plain_names


class ByChainRule:
    """The derivatives and updates that the columns of other derivatives give."""

    def __init__(self, data: TableData, values: RecordValues, uncertainty: Uncertainty) -> None:
        self._data, self._values, self._uncertainty = data, values, uncertainty
        self._values_for = lru_cache(maxsize=None)(self._with_derivatives)

    def expected(self, column: str) -> Numbers | None:
        """Return the numbers of a derivative or an update.

        None if the table has no columns of other derivatives from which they follow.
        """
        if column not in self._data.system.updates:
            return self._derivatives.get(column)
        values = self._values_for(column)
        if values is self._values:
            return None
        return evaluated_by_position(self._data, column, self._update(column), values)

    def uncertainty(self, column: str) -> Numbers:
        """Return the uncertainty of :meth:`expected`, which must not be None."""
        known = self._uncertainties
        if column not in self._data.system.updates:
            return known[column]
        lacking = {name: half for name, half in known.items() if name not in self._data.columns}
        return self._uncertainty.carried(self._update(column), self._values_for(column), lacking)

    @cached_property
    def _derivatives(self) -> Mapping[str, Numbers]:
        """The derivatives of either sign; empty if the table has no columns of others."""
        system, columns = self._data.system, self._data.columns
        if not any(name in system.intermediates or name in system.inlined for name in columns):
            return {}
        expected: dict[str, Numbers] = {}
        values: dict[str, Numbers] = {name: self._values[name] for name in self._values}
        for name, rule in system.chain_rules.items():
            if all(used.name in values for used in names(rule)):
                expected[name] = np.broadcast_to(evaluate(rule, values), (self._data.records,))
                expected[NEGATIVE + name] = -expected[name]
            if name in columns:
                continue
            if NEGATIVE + name in columns:
                values[name] = -self._values[NEGATIVE + name]
            elif name in expected:
                values[name] = expected[name]
        return expected

    @cached_property
    def _uncertainties(self) -> Mapping[str, Numbers]:
        """The uncertainties of :attr:`_derivatives`."""
        system, columns = self._data.system, self._data.columns
        values = {name: self._values[name] for name in self._values}
        for name, expected in self._derivatives.items():
            if NEGATIVE + name in columns:
                values[name] = -self._values[NEGATIVE + name]
            elif name not in columns:
                values[name] = expected
        carried: dict[str, Numbers] = {}
        known: dict[str, Numbers] = {}
        for name, rule in system.chain_rules.items():
            if name not in self._derivatives:
                continue
            half = self._uncertainty.carried(rule, values, known)
            carried[name] = carried[NEGATIVE + name] = half
            if NEGATIVE + name in columns:
                known[name] = self._uncertainty.of_source(NEGATIVE + name)
            elif name not in columns:
                known[name] = half
        return carried

    def _update(self, column: str) -> Expression:
        """Return the right-hand side of an update in terms of its gradient, over rows."""
        rows = self._data.system.rows_per_iteration
        rhs = self._equation(column)
        return over_rows(rhs, rows) if rows > 1 else rhs

    def _equation(self, name: str) -> Expression:
        return next(one.rhs for one in self._data.system.equations if one.name == name)

    def _with_derivatives(self, column: str) -> RecordValues:
        """Return values in which the columns that an update lacks follow from derivatives."""
        system, columns = self._data.system, self._data.columns
        values = self._values
        for name in plain_names(self._update(column)):
            if name in columns:
                continue
            if name in self._derivatives:
                values = values.with_column(name, self._derivatives[name])
            elif name in system.states and system.rows_per_iteration == 1:
                values = values.with_column(name, self._state(name))
        return values

    def _state(self, name: str) -> Numbers | None:
        """Return an optimizer state without a column, from gradients that follow from others."""
        rhs = self._equation(name)
        gradient = next((used for used in names(rhs) if used.name in self._derivatives), None)
        others = {used for used in names(rhs) if used not in (gradient, Name(name, -1))}
        if gradient is None or not all(self._values.has(used.key) for used in others):
            return None
        state = np.zeros(self._data.records)
        for record in range(1, self._data.records):
            row = {used.key: float(self._values[used.key][record]) for used in others}
            row[gradient.key] = float(self._derivatives[gradient.name][record + gradient.shift])
            row[Name(name, -1).key] = float(state[record - 1])
            state[record] = float(evaluate(rhs, row))
        return state
