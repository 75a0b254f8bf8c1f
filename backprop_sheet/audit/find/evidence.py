"""What the numbers of a few records say about the quantities of a table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backprop_sheet.audit.compare.record_values import finite, median
from backprop_sheet.audit.find.column_numbers import Array, ColumnNumbers, Memory, T, Values
from backprop_sheet.audit.find.compiled_rules import (
    Rules,
    compiled_updates,
    rules_within_row,
    used_within_row,
)
from backprop_sheet.equations.intermediates import NEGATIVE, is_derivative
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem

MIN_FITTING = 0.6  # the share of the records in which an explained column agrees


@dataclass(frozen=True)
class Judgement:
    """What an assignment explains.

    Attributes:
        predicted: for each quantity the values that follow from the others; a derivative may
            follow from scratch, and from the columns of intermediate derivatives.
        share: for each assigned quantity the share of the records in which its column agrees; None
            if that cannot be known.
    """

    predicted: Mapping[str, tuple[Array, ...]]
    share: Mapping[str, float | None]
    rate: float | None


@dataclass
class Evidence:
    """Judges assignments of columns to the quantities of one equation system.

    Attributes:
        memory: of one system and one table, whatever the constants.
        constants: values outside the table, by name.
        rates: the learning rates that the sheet states.
    """

    system: EquationSystem
    numbers: ColumnNumbers
    memory: Memory
    constants: Mapping[str, float]
    rates: Sequence[float] = ()

    @cached_property
    def size(self) -> int:
        """The number of records."""
        return len(self.numbers.first_of_iteration)

    @cached_property
    def is_rounded(self) -> bool:
        """Whether a computed column has rounded numbers."""
        return any(self.numbers.is_rounded)

    def judge(self, assignment: Mapping[str, int]) -> Judgement:
        """Compare the columns with what follows from the others.

        Args:
            assignment: the index of the column of each quantity.
        """
        what = "judgement", tuple(assignment.items()), tuple(self.constants.items())
        return self.memory.value(what, (), lambda: self._judged(assignment))

    def _judged(self, assignment: Mapping[str, int]) -> Judgement:
        with np.errstate(all="ignore"):
            walk = Walk(self, assignment)
            for name in self.order if self._has_intermediates(assignment) else self._plain_order:
                walk.step(name, assignment.get(name))
            return walk.finish()

    @cached_property
    def given(self) -> Mapping[str, bool]:
        """What a record begins with, and whether it is updated after each record."""
        system = self.system
        updated = {*system.trained, *system.states}
        names = (*system.targets, *system.inputs, *system.parameters, *system.states)
        return {name: name in updated for name in names}

    @cached_property
    def outside(self) -> Mapping[str, Array]:
        """The numbers of what has no column: constants, hyperparameters, the iteration."""
        rows, size = self.system.rows_per_iteration, self.size
        constants = {name: self.constants[name] for name in self.given if name in self.constants}
        for name, value in self.system.hyperparameters.items():
            constants[name] = self.constants.get(name, value)

        def repeated(value: float) -> Array:
            return self.memory.value(("constant", value), (), lambda: np.full(size, value))

        numbers = {name: repeated(value) for name, value in constants.items()}
        iterations = self.memory.value(
            ("iteration",), (), lambda: np.arange(size, dtype=float) // rows
        )
        return {**numbers, ITERATION: iterations}

    def _has_intermediates(self, assignment: Mapping[str, int]) -> bool:
        """Whether a derivative has a column that the exercise's own table does not have."""
        return any(is_derivative(name) and name not in self.system.columns for name in assignment)

    @cached_property
    def _plain_order(self) -> tuple[str, ...]:
        """The quantities that follow from their row without intermediate derivatives."""
        return (*self.system.within_row, *self.system.inlined)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All quantities that follow from their row, in the order of computation."""
        plain, chain = self._plain_order, self.system.chain_rules
        forward = [name for name in plain if name[0] != "∂"]
        more = [name for name in plain if name[0] == "∂" and name not in chain]
        return (*forward, *chain, *more)

    def fitting(self, predicted: Array, slack: Array | None = None) -> Array:
        """Return for each column the share of the records in which it has the predicted values."""
        sources = (predicted,) if slack is None else (predicted, slack)
        return self.memory.value(
            ("fitting",), sources, lambda: self.numbers.fitting(predicted, slack)
        )


class Walk:
    """Goes through the quantities in the order of computation with the numbers of the columns."""

    def __init__(self, evidence: Evidence, assignment: Mapping[str, int]) -> None:
        """Begin with what is given: inputs, targets, parameters and constants."""
        self.evidence, self.assignment = evidence, dict(assignment)
        system = evidence.system
        self.scratch, self.chain = Values(evidence.outside), Values(evidence.outside)
        self.off: dict[str, Array] = {}  # uncertainties of rounded numbers, none of them all zero
        self.predicted: dict[str, tuple[Array, ...]] = {}
        self.share: dict[str, float | None] = {}
        self._rules = rules_within_row(system)
        self._used = used_within_row(system)
        for name, is_updated in evidence.given.items():
            if (column := assignment.get(name)) is not None:
                self.scratch[name] = self.chain[name] = self._column(column)
                if is_updated:
                    self._round(name, column)

    def _column(self, index: int) -> Array:
        return self.evidence.numbers.columns[index]

    def _remembered(
        self, what: tuple[object, ...], sources: Sequence[Array | None], compute: Callable[[], T]
    ) -> T:
        return self.evidence.memory.value(what, sources, compute)

    def negative(self, values: Array) -> Array:
        """Return the negative values, or the same array as before for the same values."""
        return self._remembered(("negative",), (values,), lambda: -values)

    def _round(self, name: str, column: int) -> None:
        """Note how far a quantity's numbers are rounded."""
        if self.evidence.numbers.is_rounded[column]:
            self.off[name] = self.evidence.numbers.half_units_of_columns[column]

    def predict(self, name: str) -> tuple[Array, ...]:
        """Return the values that follow from the others: from scratch, and by the chain rule."""
        return self._remembered(("predicted", name), self._sources(name), lambda: self._all(name))

    def _sources(self, name: str) -> list[Array | None]:
        """Return the values that a quantity may follow from; None for what is not known."""
        from_scratch, by_chain_rule = self._used[name]
        return [*map(self.scratch.get, from_scratch), *map(self.chain.get, by_chain_rule)]

    def _rounded_sources(self, name: str) -> list[Array | None]:
        """Return :meth:`_sources`, with their uncertainties if numbers are rounded."""
        sources = self._sources(name)
        if self.off:
            for used in self._used[name]:
                sources += map(self.off.get, used)
        return sources

    def _all(self, name: str) -> tuple[Array, ...]:
        results = []
        for rules, values in zip(self._rules, (self.scratch, self.chain), strict=True):
            if name in rules:
                try:
                    results.append(self._value(rules, values, name))
                except KeyError:
                    continue
        return tuple(results)

    def _value(self, rules: Rules, values: Values, name: str) -> Array:
        """Evaluate a rule, or return the same array as before for the same sources."""
        sources = [*map(values.get, rules.used(name))]
        return self._remembered(
            ("value", id(rules), name), sources, lambda: self._broadcast(rules[name](values))
        )

    def _broadcast(self, values: Any) -> Array:
        size = self.evidence.size
        array = np.asarray(values, dtype=float)
        return array if array.shape == (size,) else np.broadcast_to(array, (size,))

    def slack_of(self, name: str) -> Array | None:
        """Return the uncertainty of a predicted value because of rounded numbers (first order)."""
        if not self.evidence.is_rounded:
            return None
        return self._remembered(
            ("slack of", name), self._rounded_sources(name), lambda: self._largest_slack(name)
        )

    def _largest_slack(self, name: str) -> Array:
        parts = []
        for rules, values in zip(self._rules, (self.scratch, self.chain), strict=True):
            if name not in rules:
                continue
            try:
                parts.append(self._slack(rules, values, name))
            except KeyError:
                continue
        if len(parts) == 1:
            only: Array = parts[0]
            return only
        none = np.zeros(self.evidence.size)
        largest: Array = self._remembered(("slack",), parts, lambda: np.max([none, *parts], axis=0))
        return largest

    def _slack(self, rules: Rules, values: Values, name: str) -> Array:
        names_used = [used for used in rules.used(name) if used in values]
        rounded = [used for used in names_used if used in self.off]

        def slack() -> Array:
            base = self._value(rules, values, name)
            total = np.zeros(base.shape)
            for used in rounded:
                moved = Values(values)
                moved[used] = values[used] + self.off[used]
                total = total + np.abs(self._broadcast(rules[name](moved)) - base)
            return finite(total)

        sources = [*(values[used] for used in names_used), *(self.off[used] for used in rounded)]
        key = "slack", id(rules), name, *(used in self.off for used in names_used)
        return self._remembered(key, sources, slack)

    def step(self, name: str, column: int | None) -> None:
        """Take a quantity from a column, or compute it if that is None."""
        own = name
        if column is None:
            own = NEGATIVE + name
            column = self.assignment.get(own)
        if column is None:
            self.predicted[name] = predicted = self.predict(name)
            if predicted:
                self._computed(name, predicted)
            return
        values, predicted, predicted_of_own, self.share[own] = self._remembered(
            ("step", own, column),
            self._rounded_sources(name),
            lambda: self._taken(name, own, column),
        )
        self.predicted[name] = predicted
        self.predicted[own] = predicted_of_own
        self.chain[name] = values
        is_derivative = name[0] == "∂"
        if not is_derivative or name in self.evidence.system.columns:
            self.scratch[name] = values
        elif predicted and name in self._rules[0]:
            self.scratch[name] = predicted[0]
        self._round(name, column)

    def _taken(
        self, name: str, own: str, column: int
    ) -> tuple[Array, tuple[Array, ...], tuple[Array, ...], float | None]:
        """Return the values of a quantity from a column, what is predicted, and the share.

        Args:
            own: the name of the column's quantity, which may be a derivative of the other sign.
        """
        values, predicted = self._column(column), self.predict(name)
        if own == name:
            return values, predicted, predicted, self._share(column, name, predicted)
        negative = tuple(map(self.negative, predicted))
        return self.negative(values), predicted, negative, self._share(column, name, negative)

    def _computed(self, name: str, predicted: tuple[Array, ...]) -> None:
        if name in self._rules[0]:
            self.scratch[name] = predicted[0]
        if name in self._rules[1] or name not in self.scratch or name[0] != "∂":
            self.chain[name] = predicted[-1]
        else:
            self.chain[name] = self.scratch[name]

    def _share(self, column: int, name: str, predicted: Sequence[Array]) -> float | None:
        """Return the share of the records in which a column agrees with a quantity."""
        if not predicted:
            return None
        own = self._column(column)
        if not any(np.any(~np.isnan(own) & ~np.isnan(values)) for values in predicted):
            return None
        slack = self.slack_of(name)
        return max(self.fitting_of(column, values, slack) for values in predicted)

    def fitting_of(self, column: int, values: Array, slack: Array | None) -> float:
        """Return the share of the records in which a column has some values."""
        return self._remembered(
            ("fitting", column),
            (values,) if slack is None else (values, slack),
            lambda: self.evidence.numbers.fitting_of(column, values, slack),
        )

    def finish(self) -> Judgement:
        """Compare the updates, and return the judgement."""
        rate = self._updates()
        return Judgement(self.predicted, self.share, rate)

    def _updates(self) -> float | None:
        system = self.evidence.system
        rules = compiled_updates(system)
        usable = [
            name
            for name in system.updates
            if name in self.assignment
            and all(used in self.chain or used == LEARNING_RATE for used in rules[name][1])
        ]
        for name in usable:
            self.share.setdefault(name, None)
        if self.evidence.size <= system.rows_per_iteration:
            return None
        rates = self._rates(usable)
        best: tuple[float, float | Array, dict[str, tuple[Array, float | None]]]
        best = -1.0, np.nan, {}
        for rate in rates:
            updates = {name: self._update(name, rate) for name in usable}
            explained = sum(share or 0.0 for _, share in updates.values())
            if explained > best[0]:
                best = explained, rate, updates
        for name, (predicted, share) in best[2].items():
            self.predicted[name], self.share[name] = (predicted,), share
        return best[1] if isinstance(best[1], float) else None

    def _rates(self, usable: Sequence[str]) -> list[float | Array]:
        """Return the learning rates to try: of a column, of labels, and from the numbers."""
        column = self.assignment.get(LEARNING_RATE)
        if column is not None:
            values = self._column(column)
            above = np.append(values[:1], values[:-1])
            return [above, values]
        found = map(self._inferred_rate, usable)
        inferred = sorted(estimate for estimate in found if estimate is not None)
        more = inferred if len(inferred) <= 3 else [inferred[len(inferred) // 2], *inferred[::4]]
        plain = [float(f"{rate:.3g}") for rate in more if rate > 0]
        return [*self.evidence.rates, *dict.fromkeys([*more, *plain])] or [np.nan]

    def _inferred_rate(self, name: str) -> float | None:
        """Return the learning rate that the numbers of a parameter show, usually; or None."""
        rule, names_used = compiled_updates(self.evidence.system)[name]
        column = self.assignment[name]

        def estimate() -> float | None:
            start = self._broadcast(rule(_with_rate(self.chain, 0.0)))
            step = start - self._broadcast(rule(_with_rate(self.chain, 1.0)))
            found = (start - self._column(column)) / step
            known = found[self.evidence.numbers.first_of_iteration & np.isfinite(found)]
            return median(known) if len(known) else None

        if LEARNING_RATE not in names_used:
            return None
        sources = [*map(self.chain.get, names_used)]
        return self._remembered(("rate", name, column), sources, estimate)

    def _update(self, name: str, rate: float | Array) -> tuple[Array, float | None]:
        """Return what an update gives, and the share of the records in which its column agrees.

        The share is None without a number.
        """
        names_used = [
            used for used in compiled_updates(self.evidence.system)[name][1] if used in self.chain
        ]
        sources = [self.chain[used] for used in names_used]
        sources += [self.off[used] for used in names_used if used in self.off]
        is_constant = isinstance(rate, float)
        if not is_constant:
            sources.append(np.asarray(rate))
        what = "update", name, self.assignment[name], rate if is_constant else None
        is_rounded = (used in self.off for used in names_used)
        return self._remembered(
            (*what, *is_rounded), sources, lambda: self._compared_update(name, rate)
        )

    def _compared_update(self, name: str, rate: float | Array) -> tuple[Array, float | None]:
        rule, names_used = compiled_updates(self.evidence.system)[name]
        values = _with_rate(self.chain, rate)
        predicted = self._broadcast(rule(values)).copy()
        first = self.evidence.numbers.first_of_iteration
        column = self.assignment[name]
        own = self._column(column)
        above = np.append(np.nan, own[:-1])
        predicted = np.where(first, predicted, above)
        slack = None
        if self.evidence.is_rounded:
            slack = np.zeros(len(own))
            for used, half in self.off.items():
                if used in self.chain and used in names_used:
                    moved = _with_rate(self.chain, rate)
                    moved[used] = self.chain[used] + half
                    slack = slack + finite(np.abs(self._broadcast(rule(moved)) - predicted))
        known = ~np.isnan(own) & ~np.isnan(predicted)
        if not known.any():
            return predicted, None
        return predicted, self.evidence.numbers.fitting_of(column, predicted, slack)


def _with_rate(values: Values, rate: float | Array) -> Values:
    result = Values(values)
    result[LEARNING_RATE] = rate if isinstance(rate, np.ndarray) else np.asarray(rate)
    return result
