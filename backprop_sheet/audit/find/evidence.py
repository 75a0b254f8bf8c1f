"""What the numbers of a few records say about the quantities of a table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE, median
from backprop_sheet.audit.find.column_numbers import Array, Numbers, T, Values, only_column
from backprop_sheet.audit.find.compiled_rules import Rules, compiled_updates, rules_within_row
from backprop_sheet.equations.intermediates import NEGATIVE
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
        constants: values outside the table, by name.
        rates: the learning rates that the sheet states.
    """

    system: EquationSystem
    numbers: Numbers
    constants: Mapping[str, float]
    rates: Sequence[float] = ()
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        self._size = self.numbers.values.shape[1]

    @cached_property
    def is_rounded(self) -> bool:
        """Whether a computed column has rounded numbers."""
        return any(self.is_rounded_column)

    @cached_property
    def is_rounded_column(self) -> Sequence[bool]:
        """Whether each column has rounded numbers."""
        return [bool(row.any()) for row in self.numbers.half_units]

    def judge(self, assignment: Mapping[str, int]) -> Judgement:
        """Compare the columns with what follows from the others.

        Args:
            assignment: the index of the column of each quantity.
        """
        with np.errstate(all="ignore"):
            walk = Walk(self, assignment)
            for name in self.order if self._has_intermediates(assignment) else self._plain_order:
                walk.step(name, assignment.get(name))
            return walk.finish()

    def _has_intermediates(self, assignment: Mapping[str, int]) -> bool:
        """Whether a derivative has a column that the exercise's own table does not have."""
        return any(
            name.removeprefix(NEGATIVE)[0] == "∂" and name not in self.system.columns
            for name in assignment
        )

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
        return fitting(self.numbers, predicted, slack)


def fitting(numbers: Numbers, predicted: Array, slack: Array | None = None) -> Array:
    """Return for each column the share of the records in which it has the predicted values."""
    with np.errstate(all="ignore"):
        values = numbers.values
        allowed = TOLERANCE * np.maximum(np.abs(values), np.abs(predicted)) + 1e-15
        allowed = allowed + numbers.half_units * (1 + 1e-9)
        if slack is not None:
            allowed = allowed + slack
        known = ~np.isnan(values) & ~np.isnan(predicted)
        agrees = known & (np.abs(values - predicted) <= allowed)
        counts = known.sum(axis=1)
        return np.where(counts > 0, agrees.sum(axis=1) / np.maximum(counts, 1), 0.0)


class Walk:
    """Goes through the quantities in the order of computation with the numbers of the columns."""

    def __init__(self, evidence: Evidence, assignment: Mapping[str, int]) -> None:
        """Begin with what is given: inputs, targets, parameters and constants."""
        self.evidence, self.assignment = evidence, dict(assignment)
        system = evidence.system
        self.scratch, self.chain = Values(), Values()
        self.off: dict[str, Array] = {}  # uncertainties of rounded numbers, none of them all zero
        self.predicted: dict[str, tuple[Array, ...]] = {}
        self.slack: dict[str, Array] = {}
        self.share: dict[str, float | None] = {}
        self._rules = rules_within_row(system)
        for name in (*system.targets, *system.inputs, *system.parameters, *system.states):
            if (column := assignment.get(name)) is not None:
                self._set(name, self._column(column))
                if name in system.trained or name in system.states:
                    self._round(name, column)
            elif name in evidence.constants:
                self._set(name, self._constant(evidence.constants[name]))
        for name, value in system.hyperparameters.items():
            self._set(name, self._constant(evidence.constants.get(name, value)))
        rows = system.rows_per_iteration
        iterations = np.arange(evidence.numbers.values.shape[1]) // rows * 1.0
        self._set(ITERATION, self._remembered(("iteration", rows), (), lambda: iterations))

    def _column(self, index: int) -> Array:
        return self.evidence.numbers.columns[index]

    def _constant(self, value: float) -> Array:
        size = self.evidence.numbers.values.shape[1]
        return self._remembered(("constant", value), (), lambda: np.full(size, value))

    def _remembered(
        self, what: tuple[object, ...], sources: Sequence[Array], compute: Callable[[], T]
    ) -> T:
        return self.evidence.numbers.memory.value(what, sources, compute)

    def _negative(self, values: Array) -> Array:
        """Return the negative values, or the same array as before for the same values."""
        return self._remembered(("negative",), (values,), lambda: -values)

    def _set(self, name: str, values: Array) -> None:
        self.scratch[name] = values
        self.chain[name] = values

    def _round(self, name: str, column: int) -> None:
        """Note how far a quantity's numbers are rounded."""
        if self.evidence.is_rounded_column[column]:
            self.off[name] = self.evidence.numbers.half_units_of_columns[column]

    def predict(self, name: str) -> tuple[Array, ...]:
        """Return the values that follow from the others: from scratch, and by the chain rule."""
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
        sources = [values[used] for used in rules.used(name) if used in values]
        return self._remembered(
            ("value", id(rules), name), sources, lambda: self._broadcast(rules[name](values))
        )

    def _broadcast(self, values: Any) -> Array:
        size = self.evidence.numbers.values.shape[1]
        array = np.asarray(values, dtype=float)
        return array if array.shape == (size,) else np.broadcast_to(array, (size,))

    def slack_of(self, name: str) -> Array | None:
        """Return the uncertainty of a predicted value because of rounded numbers (first order)."""
        if not self.evidence.is_rounded:
            return None
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
        none = np.zeros(self.evidence.numbers.values.shape[1])
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
            return np.nan_to_num(total)

        sources = [*(values[used] for used in names_used), *(self.off[used] for used in rounded)]
        key = "slack", id(rules), name, *(used in self.off for used in names_used)
        return self._remembered(key, sources, slack)

    def step(self, name: str, column: int | None) -> None:
        """Take a quantity from a column, or compute it if that is None."""
        predicted = self.predict(name)
        self.predicted[name] = predicted
        if column is None:
            negative = self.assignment.get(NEGATIVE + name)
            if negative is not None:
                column = negative
                sign, own = -1.0, NEGATIVE + name
                self.predicted[own] = tuple(map(self._negative, predicted))
            else:
                if predicted:
                    self._computed(name, predicted)
                return
        else:
            sign, own = 1.0, name
        values = self._column(column)
        if sign < 0:
            values = self._negative(values)
        self.share[own] = self.share_of(column, own)
        self.chain[name] = values
        is_derivative = name[0] == "∂"
        if not is_derivative or name in self.evidence.system.columns:
            self.scratch[name] = values
        elif predicted and name in self._rules[0]:
            self.scratch[name] = predicted[0]
        self._round(name, column)

    def _computed(self, name: str, predicted: tuple[Array, ...]) -> None:
        if name in self._rules[0]:
            self.scratch[name] = predicted[0]
        if name in self._rules[1] or name not in self.scratch or name[0] != "∂":
            self.chain[name] = predicted[-1]
        else:
            self.chain[name] = self.scratch[name]

    def share_of(self, column: int, name: str) -> float | None:
        """Return the share of the records in which a column agrees with a quantity."""
        predicted = self.predicted.get(name, ())
        if not predicted:
            return None
        own = self._column(column)
        if not any(np.any(~np.isnan(own) & ~np.isnan(values)) for values in predicted):
            return None
        slack = self.slack_of(name.removeprefix(NEGATIVE))
        return max(self._share(column, values, slack) for values in predicted)

    def _share(self, column: int, values: Array, slack: Array | None) -> float:
        return self._remembered(
            ("share", column),
            (values,) if slack is None else (values, slack),
            lambda: float(fitting(only_column(self.evidence.numbers, column), values, slack)[0]),
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
        if self.evidence.numbers.values.shape[1] <= system.rows_per_iteration:
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
        estimates = []
        for name in usable:
            rule, used = compiled_updates(self.evidence.system)[name]
            if LEARNING_RATE not in used:
                continue
            start = self._broadcast(rule(_with_rate(self.chain, 0.0)))
            step = start - self._broadcast(rule(_with_rate(self.chain, 1.0)))
            found = (start - self._column(self.assignment[name])) / step
            known = found[self.evidence.numbers.first_of_iteration & np.isfinite(found)]
            if len(known):
                estimates.append(median(known))
        inferred = sorted(estimates)
        more = inferred if len(inferred) <= 3 else [inferred[len(inferred) // 2], *inferred[::4]]
        plain = [float(f"{rate:.3g}") for rate in more if rate > 0]
        return [*self.evidence.rates, *dict.fromkeys([*more, *plain])] or [np.nan]

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
                    slack = slack + np.nan_to_num(np.abs(self._broadcast(rule(moved)) - predicted))
        known = ~np.isnan(own) & ~np.isnan(predicted)
        if not known.any():
            return predicted, None
        numbers = only_column(self.evidence.numbers, column)
        return predicted, float(fitting(numbers, predicted, slack)[0])


def _with_rate(values: Values, rate: float | Array) -> Values:
    result = Values(values)
    result[LEARNING_RATE] = rate if isinstance(rate, np.ndarray) else np.asarray(rate)
    return result
