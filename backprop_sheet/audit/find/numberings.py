"""The orders in which people number the weights of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


def _by_source(weights: Sequence[str], receivers: int) -> list[str]:
    sources = len(weights) // receivers
    return [weights[place * sources + source] for source in range(sources)
            for place in range(receivers)]  # fmt: skip
