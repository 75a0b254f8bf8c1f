"""The given numbers of an exercise and of a table, and where the two differ.

A student may number the inputs, the neurons or the outputs in another order, or the weights from
each neuron instead of to each neuron. If that is done consistently, it is the same network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE, Mask, Numbers
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.exercise.model import Exercise, Network

MIN_ROUNDED_DIGITS = 3  # of a number that stands for one with more digits
_EXACT_DIGITS = 15


@dataclass(frozen=True)
class GivenNumbers:
    """The given numbers of one network; those that are not known are nan.

    Attributes:
        inputs: of shape (samples, inputs).
        targets: of shape (samples, outputs).
        weights: of each layer after the inputs, of shape (neurons, neurons before).
        biases: of each layer after the inputs, of shape (neurons,), (1,) or (0,).
    """

    inputs: Numbers
    targets: Numbers
    weights: tuple[Numbers, ...]
    biases: tuple[Numbers, ...]

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self.inputs)

    @property
    def flat(self) -> Numbers:
        """All numbers, in the order of the attributes."""
        parts = (self.inputs, self.targets, *self.weights, *self.biases)
        return np.concatenate([part.ravel() for part in parts])

    def has_shape_of(self, other: GivenNumbers) -> bool:
        """Whether the networks have as many inputs, neurons and biases; samples may differ."""
        shapes, others = (
            [one.inputs.shape[1:], one.targets.shape[1:]]
            + [part.shape for part in (*one.weights, *one.biases)]
            for one in (self, other)
        )
        return shapes == others


def flat_numbers(exercise: Exercise) -> Numbers:
    """Return the given numbers of an exercise, in the order of :attr:`GivenNumbers.flat`."""
    samples = exercise.samples
    return np.array(
        [
            *(value for sample in samples for value in sample.inputs),
            *(value for sample in samples for value in sample.targets),
            *exercise.weights,
            *exercise.biases,
        ]
    )


def shaped(flat: Numbers, network: Network, samples: int) -> GivenNumbers:
    """Return the numbers of :func:`flat_numbers` by what they are."""
    neurons = network.neurons
    sizes = list(zip(neurons[1:], neurons, strict=False))
    shapes: list[tuple[int, ...]] = [(samples, neurons[0]), (samples, neurons[-1]), *sizes]
    shapes += [(count,) for count in network.bias_counts]
    parts: list[Numbers] = []
    start = 0
    for shape in shapes:
        end = start + math.prod(shape)
        parts.append(flat[start:end].reshape(shape))
        start = end
    layers = len(sizes)
    return GivenNumbers(
        parts[0], parts[1], tuple(parts[2 : 2 + layers]), tuple(parts[2 + layers :])
    )


def numbers_of_table(comparison: Comparison) -> GivenNumbers:
    """Return the given numbers of a table: those of its first rows, or outside of it."""
    data, system = comparison.data, comparison.data.system
    samples = min(system.sample_count, data.records)

    def first(name: str, record: int = 0) -> float:
        replaced = data.replaced.get(name)
        if name not in data.values or (replaced is not None and replaced[record]):
            return math.nan
        return float(data.values[name][record])

    def by_sample(names: Sequence[str]) -> Numbers:
        rows = [[first(name, sample) for name in names] for sample in range(samples)]
        return np.array(rows).reshape(samples, len(names))

    sources = [system.inputs, *([a for _, a in layer] for layer in system.layers)]
    weights = [
        np.array([first(name) for name in names]).reshape(-1, len(before))
        for names, before in zip(system.layer_weights, sources, strict=False)
    ]
    biases = [np.array([first(name) for name in names]) for names in system.layer_biases]
    return GivenNumbers(
        by_sample(system.inputs), by_sample(system.targets), tuple(weights), tuple(biases)
    )


@dataclass(frozen=True)
class GivenDifference:
    """A given number of a table that is another one than expected."""

    name: str
    sample: int
    found: float
    expected: float


def names_of(comparison: Comparison, samples: int) -> list[tuple[str, int]]:
    """Return the name and the sample of each number of :attr:`GivenNumbers.flat`."""
    system = comparison.data.system
    return [
        *((name, sample) for sample in range(samples) for name in system.inputs),
        *((name, sample) for sample in range(samples) for name in system.targets),
        *((name, 0) for name in (*system.weights, *system.biases)),
    ]


def differences(
    found: GivenNumbers, expected: GivenNumbers, names: Sequence[tuple[str, int]]
) -> list[GivenDifference]:
    """Return where a table's numbers differ, in the numbering with the fewest differences.

    Args:
        found: those of the table; its unknown numbers differ from nothing.
        expected: of the same network.
        names: of the table's numbers: see :func:`names_of`.
    """
    best: list[GivenDifference] | None = None
    for candidate in _numberings(found, expected):
        numbers = zip(names, found.flat.tolist(), candidate.flat.tolist(), strict=True)
        different = ~agree(found.flat, candidate.flat)
        listed = [
            GivenDifference(name, sample, value, given)
            for ((name, sample), value, given), differs in zip(numbers, different, strict=True)
            if differs
        ]
        if best is None or len(listed) < len(best):
            best = listed
        if not best:
            break
    return best or []


def agree(found: Numbers, expected: Numbers) -> Mask:
    """Return which numbers are the same, or rounded ones; an unknown number is."""
    largest = np.maximum(np.abs(found), np.abs(expected))
    near: Mask = ~(np.abs(found - expected) > TOLERANCE * largest)
    if not near.all():
        near = ~(np.abs(found - expected) > np.maximum(TOLERANCE * largest, _rounded_by(found)))
    return near


def _rounded_by(numbers: Numbers) -> Numbers:
    """Return half a unit of the last digit of numbers that may be rounded, else 0."""
    return np.array([_half_unit(value) for value in numbers.ravel().tolist()]).reshape(
        numbers.shape
    )


@lru_cache(maxsize=65_536)
def _half_unit(value: float) -> float:
    if not math.isfinite(value):
        return 0.0
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not MIN_ROUNDED_DIGITS <= len(digits) <= _EXACT_DIGITS or not isinstance(exponent, int):
        return 0.0
    return 0.5000001 * 10.0**exponent


def _numberings(found: GivenNumbers, expected: GivenNumbers) -> Iterator[GivenNumbers]:
    """Yield the expected numbers in the numberings that a table may have, for its samples."""
    from_each = [weights.ravel().reshape(weights.shape[::-1]).T for weights in expected.weights]
    by_source = replace(expected, weights=tuple(from_each))
    for numbered in (expected, by_source):
        if found.samples == expected.samples:
            yield numbered
            yield _reordered(found, numbered)
        if found.samples != expected.samples or found.samples > 1:
            rows = _order(
                np.hstack([found.inputs, found.targets]),
                np.hstack([numbered.inputs, numbered.targets]),
            )
            inputs, targets = numbered.inputs[rows], numbered.targets[rows]
            yield _reordered(found, replace(numbered, inputs=inputs, targets=targets))


def _reordered(found: GivenNumbers, expected: GivenNumbers) -> GivenNumbers:
    """Return the expected numbers with inputs, neurons and outputs in the order of the table's."""
    before = _order(found.inputs.T, expected.inputs.T)
    inputs = expected.inputs[:, before]
    weights: list[Numbers] = []
    biases: list[Numbers] = []
    for layer, own in enumerate(found.weights):
        given, bias = expected.weights[layer][:, before], expected.biases[layer]
        known, sought = [own], [given]
        has_bias_each = len(bias) == len(given)
        if has_bias_each:
            known, sought = [own, found.biases[layer][:, None]], [given, bias[:, None]]
        if layer == len(found.weights) - 1:
            known, sought = [*known, found.targets.T], [*sought, expected.targets.T]
        before = _order(np.hstack(known), np.hstack(sought))
        weights.append(given[before])
        biases.append(bias[before] if has_bias_each else bias)
    return GivenNumbers(inputs, expected.targets[:, before], tuple(weights), tuple(biases))


def _order(found: Numbers, expected: Numbers) -> list[int]:
    """Return which expected row belongs to each found one: those that agree most, first."""
    own, given = len(found), len(expected)
    if own > given:
        return [min(row, given - 1) for row in range(own)]
    wrong = [(~agree(row[None, :], expected)).sum(axis=1).tolist() for row in found]
    places = sorted((wrong[i][j], abs(i - j), i, j) for i in range(own) for j in range(given))
    order: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, row, other in places:
        if row not in order and other not in taken:
            order[row] = other
            taken.add(other)
    return [order[row] for row in range(own)]
