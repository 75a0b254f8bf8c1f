"""Which weight leads where, found by the numbers of the sums, as in a table that is typed.

A neuron is a pair of columns: an activation, and the sum from which it follows. The first layer's
sums are made of weights and inputs, those of the next layer of weights and activations. Numbers
with few digits may fit in several ways, so that several structures are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise, permutations, zip_longest

import numpy as np

from backprop_sheet.audit.find.evidence import MIN_FITTING, Evidence, Walk
from backprop_sheet.audit.find.structure import MAX_STRUCTURES, Structure
from backprop_sheet.audit.find.weighted_sums import Order, Uncertain, orders_of
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.typing_errors import is_mistyped
from backprop_sheet.equations.names import GIVEN_KINDS, kind_of
from backprop_sheet.equations.system import EquationSystem

MAX_OPTIONS = 12  # orders of weights of one sum that are tried with those of the others
MAX_CHOICES = 2_000  # of orders of all sums, of which the likely ones are taken
MAX_WRONG = 2  # sums that are left out although an order fits
MAX_WRONG_ACTIVATIONS = 40  # columns that are tried as one
MAX_LEFT = 3  # weights of wrong sums that are tried in any order
# How little an order of weights is to be expected: the headers say more than the places.
UNHEADED, HEADED_OTHERWISE = 1.0, 0.5  # of each weight
BACKWARDS, APART = 0.25, 0.1  # of each weight that is not the column after the one before it
UNFIT = 2.0  # of all records that do not agree


@dataclass(frozen=True)
class Candidates:
    """The columns that may be of a structure, as their headers say; those first that come first.

    Attributes:
        weights: headed as a weight, or by an unknown word.
        headed: headed as a weight.
        neurons: headed as a sum or an activation, or by an unknown word.
        headers: of all columns.
    """

    weights: Sequence[int]
    headed: Sequence[int]
    neurons: Sequence[int]
    headers: Sequence[str]


@dataclass(frozen=True)
class _Neuron:
    """The columns of a neuron; None without one."""

    sum: int
    activation: int | None
    orders: tuple[Order, ...] = ()


def structures_by_numbers(
    system: EquationSystem, evidence: Evidence, base: Mapping[str, int], candidates: Candidates
) -> Iterator[Structure]:
    """Yield which column each sum, activation and weight is, the likely structures first.

    Args:
        base: the columns as their headers say; inputs and biases are taken from these, and names
            of neurons and weights where the numbers leave them open.
    """
    finder = _Finder(system, evidence, base, candidates)
    layers = finder.layers()
    if layers is not None:
        yield from finder.structures(layers)
    if layers is None or any(not neuron.orders for layer in layers for neuron in layer):
        other = finder.layers(with_wrong_activations=True)
        if other is not None and other != layers:
            yield from finder.structures(other)


class _Finder:
    def __init__(
        self,
        system: EquationSystem,
        evidence: Evidence,
        base: Mapping[str, int],
        candidates: Candidates,
    ) -> None:
        self.system, self.evidence = system, evidence
        self.base, self.candidates = base, candidates

    # --- neurons ---

    def layers(self, *, with_wrong_activations: bool = False) -> list[list[_Neuron]] | None:
        """Return the neurons of each layer, in the order of their names; None if they are open.

        Args:
            with_wrong_activations: whether there may be sums from which no activation follows.
        """
        sources: list[Uncertain] | None = self._known(self.system.inputs)
        left = self._neurons()
        layers: list[list[_Neuron]] = []
        for names, following in zip_longest(self.system.layers, self.system.layers[1:]):
            if sources is None:
                return None
            left = self._with_orders(names, sources, left)
            if with_wrong_activations:
                left += self._lone_sums(names, sources, left)
            layer = self._named(names, left)
            if layer is None:
                return None
            left = [neuron for neuron in left if neuron not in layer]
            if with_wrong_activations and following is not None:
                layer = self._with_used_activation(layer, following, left)
            layers.append(layer)
            sources = self._activations(layer)
        return layers

    def _with_orders(
        self,
        names: Sequence[tuple[str, str]],
        sources: Sequence[Uncertain],
        neurons: Sequence[_Neuron],
    ) -> list[_Neuron]:
        """Return neurons with the orders in which weights lead to them, if they are of a layer."""
        orders = self._orders(names, sources, [neuron.sum for neuron in neurons])
        return [replace(neuron, orders=orders[neuron.sum]) for neuron in neurons]

    def _free(self, neurons: Iterable[_Neuron]) -> list[int]:
        """Return the columns that may be a sum or an activation, and are none as yet."""
        taken = {column for one in neurons for column in (one.sum, one.activation)}
        return [column for column in self.candidates.neurons if column not in taken]

    def _lone_sums(
        self,
        names: Sequence[tuple[str, str]],
        sources: Sequence[Uncertain],
        neurons: Sequence[_Neuron],
    ) -> list[_Neuron]:
        """Return sums of a layer from which no activation follows, if it has too few others."""
        if sum(bool(neuron.orders) for neuron in neurons) >= len(names):
            return []
        known = self._neurons()
        pairs = {one.sum: one.activation for one in known if one.activation is not None}
        like_activations = self._words_of_activations(pairs)
        lone = [
            _Neuron(column, None)
            for column in self._free(known)
            if not any(is_mistyped(self._word(column), word) for word in like_activations)
        ]
        return [one for one in self._with_orders(names, sources, lone) if one.orders]

    def _words_of_activations(self, activations: Mapping[int, int]) -> set[str]:
        """Return the words that head activations, and no sums.

        Args:
            activations: the column of the activation of each sum.
        """
        words = {self._word(column) for column in activations.values()}
        return words - {self._word(column) for column in activations} - {""}

    def _word(self, column: int) -> str:
        """Return a header without its numbers: net_h of net_h1."""
        return "".join(sign for sign in self.candidates.headers[column] if not sign.isdigit())

    def _with_used_activation(
        self,
        layer: list[_Neuron],
        following: Sequence[tuple[str, str]],
        left: Sequence[_Neuron],
    ) -> list[_Neuron]:
        """Return a layer with the one wrong activation that the next sums are computed from."""
        lone = [place for place, neuron in enumerate(layer) if neuron.activation is None]
        if len(lone) != 1:
            return layer
        place = lone[0]

        def completed(column: int) -> list[_Neuron]:
            neuron = replace(layer[place], activation=column)
            return [*layer[:place], neuron, *layer[place + 1 :]]

        def fit(column: int) -> tuple[int, int, int]:
            sources = self._activations(completed(column))
            assert sources is not None
            sums = self._with_orders(following, sources, left)
            known = sum(bool(neuron.orders) for neuron in sums)
            own = layer[place].sum
            return -known, -self._common_end(column, own), abs(column - own)

        free = self._free((*layer, *left))[:MAX_WRONG_ACTIVATIONS]
        return completed(min(free, key=fit)) if free else layer

    def _neurons(self) -> list[_Neuron]:
        """Return sums with the activations that follow from them, as the table has them."""
        activations: dict[int, int] = {}
        for names in self.system.layers:
            for column in self.candidates.neurons:
                if column in activations:
                    continue
                following = self._following(*names[0], column)
                free = [one for one in following if one not in activations.values()]
                if free:
                    activations[column] = free[0]
        like_activations = self._words_of_activations(activations)
        for sum_name, activation in (name for names in self.system.layers for name in names):
            column = self.base.get(sum_name, -1)
            if column in activations or column in activations.values() or column < 0:
                continue
            if any(is_mistyped(self._word(column), word) for word in like_activations):
                continue  # H2 beside z_1 and H1
            own = self.base.get(activation)
            if own in activations or own in activations.values():
                own = None
            activations[column] = -1 if own is None else own
        return [
            _Neuron(column, None if activation < 0 else activation)
            for column, activation in sorted(activations.items())
        ]

    def _following(self, sum_name: str, activation: str, column: int) -> list[int]:
        """Return the columns that have the activation of a sum, the best ones first."""
        if not np.any(np.nan_to_num(self.evidence.numbers.columns[column])):
            return []  # no numbers, or only zeros
        walk = Walk(self.evidence, {})
        with np.errstate(all="ignore"):
            walk.step(sum_name, column)
            for values in walk.predict(activation):
                shares = self.evidence.fitting(values, walk.slack_of(activation))
                found = [
                    one
                    for one in self.candidates.neurons
                    if one != column and shares[one] >= MIN_FITTING
                ]
                return sorted(
                    found,
                    key=lambda one: (
                        -shares[one],
                        not self._is_headed_alike(one, column),
                        -self._common_end(one, column),
                        abs(one - column),
                    ),
                )
        return []

    def _common_end(self, column: int, other: int) -> int:
        """Return how much the ends of two headers have in common: y_h1 and v_h1."""
        headers = self.candidates.headers
        return common_end(headers[column], headers[other])

    def _is_headed_alike(self, activation: int, column: int) -> bool:
        """Whether headers name an activation and the sum of the same neuron: out_h1 and net_h1."""
        return any(
            self.base.get(name) == activation and self.base.get(sum_name) == column
            for names in self.system.layers
            for sum_name, name in names
        )

    def _orders(
        self,
        names: Sequence[tuple[str, str]],
        sources: Sequence[Uncertain],
        sums: Iterable[int],
    ) -> dict[int, tuple[Order, ...]]:
        """Return in which orders weights lead to each sum, if it is of this layer."""
        biases = {
            tuple(bias for bias, targets in self.system.bias_targets.items() if name in targets)
            for name, _ in names
        }
        addends = [known for of_sum in biases if (known := self._known(of_sum)) is not None]
        return {
            column: tuple(
                order
                for known in addends
                for order in orders_of(
                    self.evidence.numbers,
                    self._uncertain(column),
                    sources,
                    known,
                    self.candidates.weights,
                )
                if column not in order.columns
            )
            for column in sums
        }

    def _named(
        self, names: Sequence[tuple[str, str]], neurons: Sequence[_Neuron]
    ) -> list[_Neuron] | None:
        """Choose the neurons of a layer: those whose sums fit, then those with its names.

        Those of other layers' names come last.
        """
        hints = {neuron: self._hint(names, neuron) for neuron in neurons}
        every = [pair for layer in self.system.layers for pair in layer]

        def strangeness(neuron: _Neuron) -> tuple[bool, bool, bool, int]:
            is_of_other = hints[neuron] is None and self._hint(every, neuron) is not None
            return not neuron.orders, is_of_other, hints[neuron] is None, neuron.sum

        ranked = sorted(neurons, key=strangeness)
        chosen = sorted(ranked[: len(names)], key=lambda one: one.sum)
        if len(chosen) < len(names):
            return None
        slots: list[_Neuron | None] = [None] * len(names)
        for neuron in chosen:
            hint = hints[neuron]
            if hint is not None and slots[hint] is None:
                slots[hint] = neuron
        rest = iter([neuron for neuron in chosen if neuron not in slots])
        return [next(rest) if neuron is None else neuron for neuron in slots]

    def _hint(self, names: Sequence[tuple[str, str]], neuron: _Neuron) -> int | None:
        """Return which of a layer's neurons the headers name."""
        columns = (neuron.sum, neuron.activation)
        for place, name in enumerate(names):
            if any(self.base.get(one, -1) in columns for one in name):
                return place
        return None

    def _activations(self, layer: Sequence[_Neuron]) -> list[Uncertain] | None:
        columns = [neuron.activation for neuron in layer if neuron.activation is not None]
        return [self._uncertain(one) for one in columns] if len(columns) == len(layer) else None

    def _known(self, names: Sequence[str]) -> list[Uncertain] | None:
        """Return the numbers of inputs or biases; None if one of them is not known."""
        result = []
        for name in names:
            column = self.base.get(name)
            if column is not None:
                result.append(self._uncertain(column, is_exact=kind_of(name) in GIVEN_KINDS))
            elif name in self.evidence.constants:
                values = np.full(self.evidence.numbers.values.shape[1], 0.0)
                result.append((values + self.evidence.constants[name], values))
            else:
                return None
        return result

    def _uncertain(self, column: int, *, is_exact: bool = False) -> Uncertain:
        numbers = self.evidence.numbers
        half = numbers.half_units_of_columns[column]
        return numbers.columns[column], half * 0.0 if is_exact else half

    # --- weights ---

    def structures(self, layers: Sequence[Sequence[_Neuron]]) -> Iterator[Structure]:
        """Yield the neurons with their weights, several if numbers or wrong sums leave it open."""
        columns: dict[str, int] = {}
        for names, layer in zip(self.system.layers, layers, strict=True):
            for (sum_name, activation), neuron in zip(names, layer, strict=True):
                columns[sum_name] = neuron.sum
                if neuron.activation is not None:
                    columns[activation] = neuron.activation
        wanted = list(self._wanted(layers, set(columns.values())))
        choices = sorted(
            islice(self._choices(wanted, {}, 0.0), MAX_CHOICES), key=lambda one: one[1:]
        )
        for weights, _, _ in choices[:MAX_STRUCTURES]:
            yield from self._completed(columns | weights, [names for names, _ in wanted])

    def _wanted(
        self, layers: Sequence[Sequence[_Neuron]], taken: set[int]
    ) -> Iterator[tuple[tuple[str, ...], list[Order]]]:
        """Yield the names of the weights of each sum, and their likely orders."""
        for all_names, layer in zip(self.system.layer_weights, layers, strict=True):
            count = len(all_names) // len(layer)
            for place, neuron in enumerate(layer):
                names = tuple(all_names[place * count : (place + 1) * count])
                orders = [one for one in neuron.orders if taken.isdisjoint(one.columns)]
                orders.sort(key=partial(self._cost, names))
                yield names, orders[:MAX_OPTIONS]

    def _choices(
        self,
        wanted: Sequence[tuple[tuple[str, ...], list[Order]]],
        chosen: dict[str, int],
        cost: float,
        unknown: int = 0,
    ) -> Iterator[tuple[dict[str, int], int, float]]:
        """Yield weights of all sums that do not share any, how many sums lack them, and a cost."""
        if not wanted:
            yield chosen, unknown, cost
            return
        (names, orders), *others = wanted
        for order in orders:
            if set(order.columns).isdisjoint(chosen.values()):
                more = chosen | dict(zip(names, order.columns, strict=True))
                yield from self._choices(others, more, cost + self._cost(names, order), unknown)
        if not orders or unknown < MAX_WRONG:  # a wrong sum may fit by chance
            yield from self._choices(others, chosen, cost, unknown + 1)

    def _cost(self, names: Sequence[str], order: Order) -> float:
        """Return how little an order of weights is to be expected."""
        pairs = list(zip(names, order.columns, strict=True))
        steps = [after - before for before, after in pairwise(order.columns)]
        return (
            UNHEADED * sum(column not in self.candidates.headed for _, column in pairs)
            + HEADED_OTHERWISE * sum(self.base.get(name, at) != at for name, at in pairs)
            + BACKWARDS * sum(step < 0 for step in steps)
            + APART * sum(abs(step) > 1 for step in steps)
            + UNFIT * (1 - order.share)
        )

    def _completed(
        self, columns: Mapping[str, int], names_of_sums: Sequence[tuple[str, ...]]
    ) -> Iterator[Structure]:
        """Yield a structure with the weights of wrong sums: those that the other sums leave."""
        lacking = [name for names in names_of_sums for name in names if name not in columns]
        taken = set(columns.values())
        headed = [one for one in self.candidates.headed if one not in taken]
        left = headed
        if len(headed) < len(lacking):  # others have mistyped headers, or are one's own
            left = [one for one in self.candidates.weights if one not in taken]
        if len(left) < len(lacking) or not lacking:
            yield Structure(dict(columns))
            return
        if len(left) <= MAX_LEFT and len(headed) <= len(lacking):
            for order in permutations(left, len(lacking)):
                if set(headed).issubset(order):
                    yield Structure({**columns, **dict(zip(lacking, order, strict=True))})
            return
        proposed = [self.base.get(name, -1) for name in lacking]
        if set(proposed) <= set(left):
            yield Structure({**columns, **dict(zip(lacking, proposed, strict=True))})
        if len(left) == len(lacking):
            yield Structure({**columns, **dict(zip(lacking, left, strict=True))})
