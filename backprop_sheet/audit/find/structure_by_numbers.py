"""Which weight leads where, found by the numbers of the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, permutations

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.find.evidence import Array, Evidence
from backprop_sheet.audit.find.structure import Structure
from backprop_sheet.equations.system import EquationSystem

MAX_ORDERS = 20_000  # orders of weights that are tried for one sum


def structure_by_numbers(
    system: EquationSystem, evidence: Evidence, base: Mapping[str, int], weights: Sequence[int]
) -> Structure | None:
    """Find which weight leads where by trying the orders of the weights.

    Args:
        base: the columns as their headers say; inputs, sums and activations are taken from these.
        weights: the columns that may be weights.
    """
    result = Structure(dict(base))
    values = evidence.numbers.values
    taken: set[int] = set()
    sources: Sequence[str] = system.inputs
    for layer, neurons in enumerate(system.layers):
        names_of_weights = iter(system.layer_weights[layer])
        known = [_source(evidence, base, name) for name in sources]
        if any(column is None for column in known):
            return None
        for sum_name, _ in neurons:
            mine = [next(names_of_weights) for _ in sources]
            if sum_name not in base:
                return None
            free = [index for index in weights if index not in taken]
            target = values[base[sum_name]]
            order = _order(free, [base.get(name) for name in mine], known, target, evidence)
            if order is None:
                return None
            taken.update(order)
            result.columns |= dict(zip(mine, order, strict=True))
        sources = [activation for _, activation in neurons]
    return result


def _source(evidence: Evidence, base: Mapping[str, int], name: str) -> Array | None:
    if name in base:
        values: Array = evidence.numbers.values[base[name]]
        return values
    if name in evidence.constants:
        return np.full(evidence.numbers.values.shape[1], evidence.constants[name])
    return None


def _order(
    free: Sequence[int],
    first: Sequence[int | None],
    sources: Sequence[np.ndarray | None],
    target: np.ndarray,
    evidence: Evidence,
) -> tuple[int, ...] | None:
    """Return the weights whose products with the sources add up to a sum."""
    values = evidence.numbers.values
    orders: list[tuple[int, ...]] = [
        tuple(index for index in first if index is not None)  # as the headers say
    ]
    candidates = [*orders, *islice(permutations(free, len(sources)), MAX_ORDERS)]
    half = evidence.numbers.half_units
    for order in candidates:
        if len(order) != len(sources) or not set(order) <= set(free):
            continue
        total = np.zeros(len(target))
        slack = np.zeros(len(target))
        for index, source in zip(order, sources, strict=True):
            assert source is not None
            total = total + values[index] * source
            slack = slack + half[index] * np.abs(source)
        known = ~np.isnan(total) & ~np.isnan(target)
        if not known.any():
            continue
        allowed = TOLERANCE * np.maximum(np.abs(total), np.abs(target)) + 1e-15 + slack
        if np.mean(np.abs(total - target)[known] <= allowed[known]) >= 0.9:
            return order
    return None
