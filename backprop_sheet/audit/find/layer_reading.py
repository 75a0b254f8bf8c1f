"""Put the neurons that were read from formulas into layers, and find the place of each parameter.

The layers follow from most of the formulas, so that a wrong reference in one of them does not
change the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers, mostly_agree
from backprop_sheet.audit.find.activation_by_numbers import is_leaky
from backprop_sheet.audit.find.forward_reading import Forward, Neuron, Term
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.symbolic.expressions import Name, Number, names, walk
from backprop_sheet.symbolic.polynomial import polynomial

MAX_DEPTH = 8


class UnreadNetworkError(Exception):
    """The formulas describe no network; the message says why.

    Attributes:
        is_like_network: whether they look like one.
    """

    def __init__(self, message: str, *, is_like_network: bool = True) -> None:
        super().__init__(message)
        self.is_like_network = is_like_network


@dataclass
class Layer:
    """A layer after the inputs.

    Attributes:
        sources: the columns of the inputs, or of the outputs of the layer before.
        weights: for each neuron, the column of the weight of each source; "" if there is none.
        biases: for each neuron, the column of its bias; "" if there is none.
        constants: for each neuron, the number that its formula adds.
    """

    neurons: list[Neuron]
    sources: list[str]
    weights: list[list[str]] = field(default_factory=list)
    biases: list[str] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)


def read_layers(forward: Forward) -> list[Layer]:
    """Order the neurons in layers.

    Raises:
        UnreadNetworkError: the neurons make no network.
    """
    if not forward.neurons:
        raise UnreadNetworkError("no formula is a weighted sum of inputs", is_like_network=False)
    _orient(forward)
    _refuse_side_by_side(forward.neurons)
    _refuse_blocks(forward)
    depths = _depths(forward)
    layers: list[Layer] = []
    for depth in range(1, max(depths.values(), default=0) + 1):
        group = [one for one in forward.neurons if depths[one.output] == depth]
        if not group:
            raise UnreadNetworkError("the weighted sums do not follow each other in layers")
        group = in_order(forward, group)
        sources = [one.output for one in layers[-1].neurons] if layers else _inputs(forward, group)
        layers.append(Layer(group, sources))
    _refuse_thresholds(forward, layers)
    _refuse_leaky(forward)
    _place_parameters(forward, layers)
    return layers


def in_order(forward: Forward, neurons: Iterable[Neuron]) -> list[Neuron]:
    """Order neurons as their headers number them, else as their columns stand."""
    neurons = list(neurons)
    order = ordered(forward, [one.columns[0] for one in neurons])
    return sorted(neurons, key=lambda one: order.index(one.columns[0]))


def ordered(forward: Forward, columns: Sequence[str]) -> list[str]:
    """Order columns as their headers number them, else as they stand."""
    known = forward.columns.columns
    numbers = {name: _number_of(known[name].header) for name in columns}
    if None not in numbers.values() and len(set(numbers.values())) == len(columns):
        return sorted(columns, key=lambda name: numbers[name] or 0)
    return sorted(columns, key=lambda name: known[name].position)


def _number_of(header: str) -> int | None:
    meaning = meaning_of(header)
    text = meaning.name if meaning and not meaning.is_weak else header
    number = split_at_number(text)[1]
    return int(number) if number else None


# --- layers ---------------------------------------------------------------------------------------


def _orient(forward: Forward) -> None:
    """Decide which factors are inputs where neither is updated: an input occurs in several sums."""
    uses: Counter[str] = Counter()
    for neuron in forward.neurons:
        uses.update({part for term in neuron.sum.terms for part in (term.weight, term.source)})
    columns = forward.columns
    for neuron in forward.neurons:
        for index, term in enumerate(neuron.sum.terms):
            if term.weight not in columns.given or term.source not in columns.given:
                continue
            if columns.updated and term.weight in columns.updated:
                continue
            by_use = uses[term.weight] - uses[term.source]
            if by_use > 0 or (
                by_use == 0
                and _is_input_like(forward, term.weight)
                and not _is_input_like(forward, term.source)
            ):
                neuron.sum.terms[index] = Term(term.source, term.weight)


def _is_input_like(forward: Forward, name: str) -> bool:
    column = forward.columns.columns[name]
    meaning = meaning_of(column.header)
    if meaning is not None:
        return meaning.name[0] in "ixt"
    return not column.is_constant


def _depths(forward: Forward) -> dict[str, int]:
    """Return the layer of each neuron: one more than the layer of most of its sources."""
    outputs = forward.outputs
    depths: dict[str, int] = {}
    for _ in range(MAX_DEPTH):
        before = dict(depths)
        for neuron in forward.neurons:
            known: list[int] = []
            for term in neuron.sum.terms:
                source = outputs.get(term.source)
                if source is None or source is neuron:
                    known.append(0)
                elif source.output in before:
                    known.append(before[source.output])
            if known:
                times = Counter(known)
                depths[neuron.output] = 1 + max(times, key=lambda one: (times[one], one))
        if depths == before:
            break
    if len(depths) < len(forward.neurons):
        raise UnreadNetworkError("its formulas refer to each other in a circle")
    return depths


def _inputs(forward: Forward, neurons: Sequence[Neuron]) -> list[str]:
    """Return the sources of the first layer, without a column of ones for the biases."""
    times = Counter(term.source for neuron in neurons for term in neuron.sum.terms)
    given = [name for name in times if name in forward.columns.given]
    elsewhere = {
        term.source
        for neuron in forward.neurons
        if neuron not in neurons
        for term in neuron.sum.terms
    }
    inputs = [
        name
        for name in given
        if 2 * times[name] >= len(neurons)
        and not (name in elsewhere and forward.columns.columns[name].is_one)
    ]
    if not inputs:
        raise UnreadNetworkError("no inputs were found", is_like_network=False)
    return ordered(forward, inputs)


def _refuse_side_by_side(neurons: Sequence[Neuron]) -> None:
    """Refuse tables whose weighted sums share their weights: each is of another sample."""
    times = Counter(
        weight for neuron in neurons for weight in {term.weight for term in neuron.sum.terms}
    )
    if 2 * sum(count > 1 for count in times.values()) > len(times):
        raise UnreadNetworkError(
            "several samples are side by side in a row: put each sample in a row of its own"
        )


def _refuse_blocks(forward: Forward) -> None:
    """Refuse rows that are computed from the rows of another block, as matrices step by step."""
    columns = forward.columns
    for neuron in forward.neurons:
        for name in (part for term in neuron.sum.terms for part in (term.source, term.weight)):
            address = columns.columns[name].address
            if name in columns.moving and address is not None:
                raise UnreadNetworkError(
                    "its rows are computed from those of another block, from "
                    f"{address.text('')} on: put all that belongs to a sample into one row"
                )


def _refuse_thresholds(forward: Forward, layers: Sequence[Layer]) -> None:
    """Refuse thresholds: they are subtracted, and their updates have the other sign."""
    columns = forward.columns
    thresholds: set[str] = set()
    others: set[str] = set()
    for neuron in (neuron for layer in layers for neuron in layer.neurons):
        thresholds.update(neuron.sum.thresholds)
        others.update(term.weight for term in neuron.sum.terms)
    signs = Counter(_sign_of_step(columns, name) for name in others if name in columns.updated)
    usual = max((1, -1), key=lambda sign: signs[sign])
    opposite = [name for name in thresholds if _sign_of_step(columns, name) == -usual]
    opposite += [
        threshold
        for layer in layers
        for neuron in layer.neurons
        for threshold in neuron.sum.thresholds
        if threshold not in opposite
        and any(_are_opposite(columns, threshold, term) for term in neuron.sum.terms)
    ]
    if 2 * len(opposite) > len(thresholds):
        raise UnreadNetworkError(
            "its thresholds are subtracted from the weighted sums: write them as biases that are "
            "added, b = -θ"
        )


def _are_opposite(columns: ColumnSet, threshold: str, term: Term) -> bool:
    """Whether the steps of a threshold are those of a weight, divided by -x."""
    steps, others = (_steps(columns, name) for name in (threshold, term.weight))
    source = columns.columns.get(term.source)
    if steps is None or others is None or source is None:
        return False
    with np.errstate(all="ignore"):
        expected = np.where(source.values == 0, np.nan, -others / source.values)
    return mostly_agree(steps, expected)


def _steps(columns: ColumnSet, parameter: str) -> Numbers | None:
    """Return what a parameter changes by after each record."""
    values = columns.columns[parameter].values if parameter in columns.updated else None
    return None if values is None else np.append(np.diff(values), np.nan)


def _refuse_leaky(forward: Forward) -> None:
    """Refuse a leaky ReLU, which no exercise can have."""
    for neuron in forward.neurons:
        column = forward.columns.columns.get(neuron.activation)
        if column is not None and column.main and is_leaky(column.main, neuron.sum.column):
            raise UnreadNetworkError(
                f"the activation {column.header!r} is a leaky ReLU: use relu, sigmoid, tanh, "
                "linear or softmax"
            )


def _sign_of_step(columns: ColumnSet, parameter: str) -> int:
    """Return the sign of what an update adds to a parameter, as it is written; 0 for several."""
    terms = polynomial(columns.updated[parameter]) or {}
    signs = {
        1 if value > 0 else -1 for term, value in terms.items() if term != (Name(parameter, -1),)
    }
    return signs.pop() if len(signs) == 1 else 0


# --- parameters -----------------------------------------------------------------------------------


def _place_parameters(forward: Forward, layers: Sequence[Layer]) -> None:
    claims: dict[str, list[tuple[int, int, int]]] = {}  # of each weight: layer, neuron, source
    for depth, layer in enumerate(layers):
        for row, neuron in enumerate(layer.neurons):
            layer.weights.append([""] * len(layer.sources))
            for term in neuron.sum.terms:
                place = _place(forward, layer, term)
                if place is not None:
                    claims.setdefault(term.weight, []).append((depth, row, place))
    slots: dict[tuple[int, int, int], list[str]] = {}
    for weight, places in claims.items():
        for slot in places:
            slots.setdefault(slot, []).append(weight)
    for (depth, row, column), weights in slots.items():
        if len(weights) == 1 and len(claims[weights[0]]) == 1:
            layers[depth].weights[row][column] = weights[0]
    _fill_weights(forward, layers)
    for layer in layers:
        _place_biases(forward, layer)
    _fill_biases(forward, layers)


def _place(forward: Forward, layer: Layer, term: Term) -> int | None:
    """Return the index of a term's source; a sum stands for its activation."""
    neuron = forward.outputs.get(term.source)
    source = neuron.output if neuron else term.source
    return layer.sources.index(source) if source in layer.sources else None


def _fill_weights(forward: Forward, layers: Sequence[Layer]) -> None:
    """Give the weights that are in no place, or in several, the places that are left, in order."""
    placed = {weight for layer in layers for row in layer.weights for weight in row if weight}
    for layer in layers:
        open_places = [
            (row, column)
            for row, weights in enumerate(layer.weights)
            for column, weight in enumerate(weights)
            if not weight
        ]
        mentioned = [
            term.weight
            for neuron in layer.neurons
            for term in neuron.sum.terms
            if term.weight not in placed and not _is_unit(forward, layer, term)
        ]
        # Of two biases of a neuron, one is a weight whose source is missing.
        for neuron in layer.neurons:
            if len(neuron.sum.biases) > 1:
                known = forward.columns.columns
                mentioned += sorted(neuron.sum.biases, key=lambda name: known[name].position)[:-1]
        spare = list(dict.fromkeys(mentioned))
        if len(spare) < len(open_places):
            spare += [name for name in _unused_parameters(forward, layers) if name not in spare]
        spare = sorted(
            spare[: len(open_places)], key=lambda name: forward.columns.columns[name].position
        )
        for (row, column), weight in zip(open_places, spare, strict=False):
            layer.weights[row][column] = weight
            placed.add(weight)


def _is_unit(forward: Forward, layer: Layer, term: Term) -> bool:
    """Whether a term is a bias that is written as its product with a column of ones."""
    if term.source in layer.sources or term.source not in forward.columns.given:
        return False
    return forward.columns.columns[term.source].is_one


def _unused_parameters(forward: Forward, layers: Sequence[Layer]) -> list[str]:
    """Return the parameters that no weighted sum has: those that no other update refers to."""
    columns = forward.columns
    used = {
        part
        for layer in layers
        for neuron in layer.neurons
        for part in (*(term.weight for term in neuron.sum.terms), *neuron.sum.biases)
    }
    forward_pass = used | {name for one in forward.neurons for name in (one.sum.column, one.output)}
    steps = {
        name
        for part in used
        if part in columns.updated
        for name in _used_by(forward, part, forward_pass)
    }
    shared = {name for part in used & set(columns.updated) for name in _step(forward, part)}
    return [
        name
        for name in columns.updated
        if name not in used and name not in steps and _step(forward, name) & shared
    ]


def _used_by(forward: Forward, parameter: str, forward_pass: set[str]) -> set[str]:
    """Return the columns with a memory that the update of a parameter refers to: its states.

    What is computed from the forward pass is a derivative: behind it are other parameters.
    """
    columns = forward.columns
    found: set[str] = set()
    ahead = [part.name for part in names(columns.updated[parameter])]
    while ahead:
        name = ahead.pop()
        if name == parameter or name in found or name not in columns.columns:
            continue
        main = columns.updated.get(name) or columns.columns[name].main
        inside = [part.name for part in names(main)] if main is not None else []
        if inside and name not in forward_pass and forward_pass.isdisjoint(inside):
            found.add(name)
            ahead += inside
    return {name for name in found if name in columns.updated}


def _step(forward: Forward, parameter: str) -> set[str]:
    """Return what an update multiplies its step with: the learning rate, a cell or a number."""
    update = forward.columns.updated[parameter]
    cells = {
        part.name
        for part in names(update)
        if forward.columns.columns[part.name].address is not None
    }
    numbers = {f"{abs(node.value)}" for node in walk(update) if isinstance(node, Number)}
    return cells | numbers


def _place_biases(forward: Forward, layer: Layer) -> None:
    for neuron in layer.neurons:
        units = [term.weight for term in neuron.sum.terms if _is_unit(forward, layer, term)]
        candidates = [
            name
            for name in (*neuron.sum.biases, *units)
            if not any(name in row for row in layer.weights)
        ]
        layer.biases.append(candidates[0] if candidates else "")
        layer.constants.append(neuron.sum.constant)


def _fill_biases(forward: Forward, layers: Sequence[Layer]) -> None:
    """Give the neurons without a bias those that no formula has, if most neurons have one."""
    placed = {weight for layer in layers for row in layer.weights for weight in row}
    spare = [name for name in _unused_parameters(forward, layers) if name not in placed]
    lacking = sum(
        not bias and not constant
        for layer in layers
        for bias, constant in zip(layer.biases, layer.constants, strict=True)
    )
    for layer in layers:
        have = [bias for bias in layer.biases if bias]
        if (
            2 * len(have) <= len(layer.biases)
            and len(spare) != lacking
            and not any(2 * sum(map(bool, other.biases)) > len(other.biases) for other in layers)
        ):
            continue
        is_shared = len(have) > 1 and len(set(have)) == 1 and not spare
        for index, bias in enumerate(layer.biases):
            if bias or layer.constants[index]:
                continue
            if is_shared:
                layer.biases[index] = have[0]
            elif spare:
                layer.biases[index] = spare.pop(0)
        if not is_shared and spare:
            _separate_biases(forward, layer, spare)


def _separate_biases(forward: Forward, layer: Layer, spare: list[str]) -> None:
    """Give one of two neurons with the same bias another one, in the order of the columns."""
    repeated = [bias for bias, count in Counter(filter(None, layer.biases)).items() if count > 1]
    for bias in repeated:
        rows = [row for row, each in enumerate(layer.biases) if each == bias]
        mine = [bias, *spare[: len(rows) - 1]]
        if len(mine) == len(rows):
            del spare[: len(rows) - 1]
            for row, name in zip(rows, ordered(forward, mine), strict=True):
                layer.biases[row] = name
