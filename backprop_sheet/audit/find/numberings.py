"""The orders in which people number the weights of a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from backprop_sheet.audit.find.structure import Structure
from backprop_sheet.equations.system import EquationSystem


def usual_numberings(system: EquationSystem) -> Iterator[dict[str, str]]:
    """Yield the exercise's names of weights by those in another usual order.

    The exercise counts by receiving neuron, then by source. Others count by source, then by
    receiving neuron, or begin with the last layer.
    """
    names = [name for layer in system.layer_weights for name in layer]
    by_source = [
        _by_source(layer, len(neurons))
        for layer, neurons in zip(system.layer_weights, system.layers, strict=True)
    ]
    for layers in (by_source, list(system.layer_weights)[::-1], by_source[::-1]):
        order = [name for layer in layers for name in layer]
        if order != names:
            yield dict(zip(names, order, strict=True))


def by_connections(system: EquationSystem) -> dict[str, str]:
    """Return the exercise's names of weights by those that say what they connect: w_i1→h1."""
    sums = {activation: sum_name for layer in system.layers for sum_name, activation in layer}
    return {
        f"w_{sums.get(one.source, one.source)}→{one.target}": name
        for name, one in system.connections.items()
    }


def left_numbers(
    system: EquationSystem, numbering: Mapping[str, str], structure: Structure
) -> dict[str, str]:
    """Return the exercise's name, by the number that is left, of an only weight without a number.

    It is the only one of all, or of its layer, whose others say which numbers this layer has.

    Args:
        numbering: the exercise's names by those in the headers.
        structure: the columns of the weights.
    """
    found: dict[str, str] = {}
    layers = _numbers_of_layers(system, numbering)
    for mine, others in ((system.weights, system.weights), *layers):
        known = {**numbering, **found}
        left = [name for name in mine if name not in known.values()]
        without = [name for name in others if name not in known]
        if len(left) == len(without) == 1 and left[0] in structure.columns:
            found[without[0]] = left[0]
    return found


def _numbers_of_layers(
    system: EquationSystem, numbering: Mapping[str, str]
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the weights of each layer, and those with the numbers of its headers."""
    for layer in system.layer_weights:
        headed = {old for old, new in numbering.items() if new in layer}
        numbered = [other for other in system.layer_weights if not headed.isdisjoint(other)]
        if len(numbered) == 1 and len(numbered[0]) == len(layer):
            yield layer, numbered[0]


def as_headed(
    system: EquationSystem, headed: Mapping[str, int], likely: Structure
) -> Iterator[Structure]:
    """Yield the weights as their headers name them, where the sums say otherwise.

    A sum with two weights exchanged shows a numbering in which all gradients are wrong.

    Args:
        headed: the columns that the headers propose.
        likely: where the rest is.
    """
    weights = {name: headed[name] for name in system.weights if name in headed}
    differ = any(likely.columns.get(name, index) != index for name, index in weights.items())
    if differ and len(weights) == len(system.weights):
        yield Structure({**likely.columns, **weights}, likely.constants)


def in_one_order(system: EquationSystem, likely: Structure) -> Iterator[Structure]:
    """Yield the weights of all neurons of a layer in the same order, where one neuron's differ.

    Two activations exchanged in a sum show a numbering in which the neuron's gradients are wrong,
    whatever the headers are.

    Args:
        likely: what the sums say.
    """
    for weights, neurons in zip(system.layer_weights, system.layers, strict=True):
        sources = len(weights) // len(neurons)
        rows = [weights[start : start + sources] for start in range(0, len(weights), sources)]
        if not all(name in likely.columns for name in weights):
            continue
        places = [[likely.columns[name] for name in row] for row in rows]
        orders = Counter(tuple(np.argsort(row).tolist()) for row in places)
        for order, count in orders.most_common(2):
            if count < len(rows):
                ordered = {
                    row[source]: index
                    for row, indices in zip(rows, places, strict=True)
                    for source, index in zip(order, sorted(indices), strict=True)
                }
                yield Structure({**likely.columns, **ordered}, likely.constants)


def _by_source(weights: Sequence[str], receivers: int) -> list[str]:
    sources = len(weights) // receivers
    return [weights[place * sources + source] for source in range(sources)
            for place in range(receivers)]  # fmt: skip
