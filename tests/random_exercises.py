"""Random exercises for tests: the data of an exercise file, and its text.

Everything comes from a generator that the test seeds, so that a failure can be repeated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from backprop_sheet.network.exercise import Exercise, parse_exercise

HIDDEN = ("sigmoid", "tanh", "relu", "linear")
SQUARED_LOSSES = ("half_squared_error", "squared_error", "mean_squared_error")
LOSSES = {
    "sigmoid": (*SQUARED_LOSSES, "binary_cross_entropy", "cross_entropy"),
    "softmax": (*SQUARED_LOSSES, "cross_entropy"),
}
UPDATES = ("batch_mean", "batch_sum", "online")
# With such a large ε it matters where a formula adds it, and no step amplifies rounding.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.8},
    "nesterov": {"optimizer": "sgd", "momentum": 0.8, "nesterov": True},
    "rmsprop": {"optimizer": "rmsprop", "rho": 0.8, "epsilon": 0.1},
    "adam": {"optimizer": "adam", "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.1},
    "adamw": {"optimizer": "adamw", "epsilon": 0.1, "weight_decay": 0.05},
}

# The most neurons of a layer by the number of weight layers: at most 200 parameters in all.
_WIDEST = {1: 12, 2: 9, 3: 6, 4: 5, 5: 5}


def random_network(
    generator: random.Random, hidden: tuple[str, ...] = HIDDEN, widest: int = 12
) -> dict[str, Any]:
    """The table [network]: 1 to 5 weight layers, any activations and biases."""
    depth = generator.randint(1, 5)
    widest = min(widest, _WIDEST[depth])
    neurons = [generator.randint(1, widest) for _ in range(depth + 1)]
    last = (*HIDDEN, "softmax", "softmax", "sigmoid") if neurons[-1] > 1 else HIDDEN
    return {
        "neurons": neurons,
        "activations": [*generator.choices(hidden, k=depth - 1), generator.choice(last)],
        "bias": generator.choice(("none", "layer", "neuron")),
        "train_bias": generator.random() < 0.8,
    }


def counts(network: Mapping[str, Any]) -> tuple[int, int]:
    """The numbers of weights and biases."""
    sizes = network["neurons"]
    weights = sum(before * after for before, after in pairwise(sizes))
    return weights, {"none": 0, "layer": len(sizes) - 1, "neuron": sum(sizes[1:])}[network["bias"]]


def random_data(
    generator: random.Random, network: Mapping[str, Any] | None = None, **training: Any
) -> dict[str, Any]:
    """The data of an exercise file, its values of moderate size.

    The weighted sums stay small, so that correct computations differ by little more than
    rounding, and no sum is at the kink of relu except where all of its sources are 0.
    """
    network = network or random_network(generator)
    sizes, output = network["neurons"], network["activations"][-1]
    loss = generator.choice(LOSSES.get(output, SQUARED_LOSSES))
    weights: list[float] = []
    for before, after in pairwise(sizes):
        bound = 1.5 / before**0.5
        weights += [generator.uniform(-bound, bound) for _ in range(before * after)]
    lowest = 0.0 if "cross_entropy" in loss else -1.0
    samples = []
    for _ in range(generator.randint(1, 4)):
        targets: list[float] = [generator.uniform(lowest, 1) for _ in range(sizes[-1])]
        if output == "softmax" and generator.random() < 0.5:
            hot = generator.randrange(sizes[-1])
            targets = [int(at == hot) for at in range(sizes[-1])]
        inputs = [generator.uniform(-1.5, 1.5) for _ in range(sizes[0])]
        samples.append({"inputs": inputs, "targets": targets})
    biases = [generator.uniform(-0.5, 0.5) for _ in range(counts(network)[1])]
    return {
        "title": "random",
        "network": dict(network),
        "parameters": {"weights": weights, "biases": biases},
        "samples": samples,
        "training": {"loss": loss, "update": generator.choice(UPDATES), **training},
    }


def to_toml(data: Mapping[str, Any]) -> str:
    """Write nested mappings, lists, strings, booleans and numbers as TOML, tables inline."""
    return "".join(f"{_written(key)} = {_written(value)}\n" for key, value in data.items())


def _written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case Mapping():
            pairs = (f"{_written(key)} = {_written(one)}" for key, one in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)


def parse(data: Mapping[str, Any]) -> Exercise:
    """Pass the data through the text of an exercise file."""
    return parse_exercise(to_toml(data))
