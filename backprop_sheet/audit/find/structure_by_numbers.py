"""Which weight leads where, found by the numbers of the sums, as in a table that is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, permutations

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.find.evidence import MIN_FITTING, Array, Evidence, Walk
from backprop_sheet.audit.find.structure import Structure
from backprop_sheet.equations.names import GIVEN_KINDS, Kind, kind_of
from backprop_sheet.equations.system import EquationSystem

MAX_ORDERS = 2_000  # orders of all weights of a sum but the last
MAX_WRONG = 3  # weights of a wrong sum
MIN_SHARE = 0.9  # of the records, in which products with weights add up to their sum


def structure_by_numbers(
    system: EquationSystem, evidence: Evidence, base: Mapping[str, int], free: Sequence[int]
) -> Iterator[Structure]:
    """Find which weight leads where by trying the orders of the weights.

    If one sum is wrong, its weights are those that the other sums leave, in any order.

    Args:
        base: the columns as their headers say; inputs, sums and activations are taken from these.
        free: the columns that may be weights, or sums and activations that the base lacks, those
            first that come first in a table.
    """
    columns = _with_neurons(system, evidence, base, free)
    result = Structure({name: column for name, column in columns.items() if name[0] != "∂"})
    taken = set(columns.values()) - set(base.values())
    wrong: list[str] = []  # the weights of a wrong sum
    sources: Sequence[str] = system.inputs
    for names, neurons in zip(system.layer_weights, system.layers, strict=True):
        known = [found for name in sources if (found := _values(evidence, columns, name))]
        names_of_weights = iter(names)
        for sum_name, _ in neurons:
            mine = [next(names_of_weights) for _ in sources]
            if sum_name not in columns or len(known) < len(sources):
                return
            left = [index for index in free if index not in taken]
            biases = [name for name, sums in system.bias_targets.items() if sum_name in sums]
            addends = [found for name in biases if (found := _values(evidence, columns, name))]
            if len(addends) < len(biases):
                return
            orders = _Orders(evidence, columns[sum_name], known, addends)
            order = orders.fitting(left, [base.get(name) for name in mine])
            if order is None:
                if wrong:
                    return
                wrong = mine
                continue
            taken.update(order)
            result.columns |= dict(zip(mine, order, strict=True))
        sources = [activation for _, activation in neurons]
    parameters = {column for name, column in base.items() if kind_of(name) is Kind.WEIGHT}
    left = [index for index in free if index in parameters - taken]
    if len(left) == len(wrong) <= MAX_WRONG:
        for order in permutations(left):
            yield replace(result, columns=result.columns | dict(zip(wrong, order, strict=True)))


def _with_neurons(
    system: EquationSystem, evidence: Evidence, base: Mapping[str, int], free: Sequence[int]
) -> dict[str, int]:
    """Add the sums and activations that headers do not tell: one follows from the other."""
    columns = dict(base)
    for neurons in system.layers:
        for sum_name, activation in neurons:
            if sum_name in columns and activation in columns:
                continue
            taken = set(columns.values())
            left = [index for index in free if index not in taken]
            for index in [columns[sum_name]] if sum_name in columns else left:
                follows = _activation_of(evidence, sum_name, activation, index)
                fitting = [columns[activation]] if activation in columns else left
                found = next((one for one in fitting if one != index and one in follows), None)
                if found is not None:
                    columns |= {sum_name: index, activation: found}
                    break
    return columns


def _activation_of(evidence: Evidence, sum_name: str, activation: str, index: int) -> set[int]:
    """Return the columns that have the activation of a sum."""
    walk = Walk(evidence, {})
    with np.errstate(all="ignore"):
        walk.step(sum_name, index)
        return {
            column
            for values in walk.predict(activation)
            if len(set(values[~np.isnan(values)].tolist())) > 1
            for column in np.flatnonzero(
                evidence.fitting(values, walk.slack_of(activation)) >= MIN_FITTING
            ).tolist()
        }


Uncertain = tuple[Array, Array]  # numbers, and half a unit of the last digit of each


def _values(evidence: Evidence, columns: Mapping[str, int], name: str) -> Uncertain | None:
    numbers = evidence.numbers
    exact = np.zeros(numbers.values.shape[1])
    if name in columns:
        is_given = kind_of(name) in GIVEN_KINDS
        half = exact if is_given else numbers.half_units[columns[name]]
        return numbers.values[columns[name]], half
    if name in evidence.constants:
        return exact + evidence.constants[name], exact
    return None


class _Orders:
    """The orders of weights whose products with the sources, and biases, add up to a sum."""

    def __init__(
        self,
        evidence: Evidence,
        column: int,
        sources: Sequence[Uncertain],
        biases: Sequence[Uncertain],
    ) -> None:
        numbers = evidence.numbers
        self._values, self._half = numbers.values, numbers.half_units
        self._sources = sources
        self._sum, self._sum_half = numbers.values[column], numbers.half_units[column]
        for values, half in biases:
            self._sum, self._sum_half = self._sum - values, self._sum_half + half

    def fitting(
        self, free: Sequence[int], proposed: Sequence[int | None]
    ) -> tuple[int, ...] | None:
        """Return the first order that fits: as the headers say, or as the table has them."""
        first = [index for index in proposed if index is not None]
        for order in (first, *islice(permutations(free, len(self._sources) - 1), MAX_ORDERS)):
            is_whole = len(order) == len(self._sources)
            last = [order[-1]] if is_whole else [one for one in free if one not in order]
            others = tuple(order[:-1] if is_whole else order)
            if len(others) + 1 == len(self._sources):
                for index in self._last(others, last):
                    return (*others, index)
        return None

    def _last(self, others: Sequence[int], last: Sequence[int]) -> Iterator[int]:
        """Yield which of some columns the last weight may be, after the other ones."""
        rest, slack = self._sum, self._sum_half
        for index, source in zip(others, self._sources, strict=False):
            rest = rest - self._values[index] * source[0]
            slack = slack + self._slack(index, source)
        columns = np.array(last, dtype=int)
        with np.errstate(all="ignore"):
            products = self._values[columns] * self._sources[-1][0]
            allowed = slack + self._slack(columns, self._sources[-1])
            allowed = allowed + TOLERANCE * np.maximum(np.abs(self._sum), np.abs(products)) + 1e-15
            agrees = np.abs(products - rest) <= allowed
        known = ~np.isnan(products - rest)
        counts = known.sum(axis=1)
        shares = (agrees & known).sum(axis=1) / np.maximum(counts, 1)
        yield from columns[(counts > 0) & (shares >= MIN_SHARE)].tolist()

    def _slack(self, index: int | np.ndarray, source: Uncertain) -> Array:
        slack: Array = (
            self._half[index] * np.abs(source[0]) + np.abs(self._values[index]) * source[1]
        )
        return slack
