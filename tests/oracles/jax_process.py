"""JAX in a process of its own, with any network as one function of it.

JAX starts threads, and a process with threads must not fork, as ``check`` does: it may wait
forever for a lock that a thread held.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from fixtures.random_exercises import counts

# Any network of design.md as one function of JAX, compiled once: it has 5 layers of 12 neurons, of
# which a network uses the last ones; masks hide the rest.
LAYERS, WIDTH, SAMPLES, PARAMETERS = 5, 12, 4, 200
ACTIVATIONS = ("sigmoid", "tanh", "relu", "linear", "softmax")
LOSSES = (
    "half_squared_error",
    "squared_error",
    "mean_squared_error",
    "binary_cross_entropy",
    "cross_entropy",
)


class Layout(NamedTuple):
    """Which parameter belongs where: numbers in the vector (0, 1, w1, w2, …, b1, b2, …)."""

    weights: np.ndarray  # (layer, to, from)
    biases: np.ndarray  # (layer, to)
    used: np.ndarray  # (layer, neuron), bool
    activations: np.ndarray  # (layer,)
    loss: int


def layout(data: Mapping[str, Any]) -> Layout:
    network = data["network"]
    sizes, depth = network["neurons"], len(network["activations"])
    weights = np.tile(np.eye(WIDTH, dtype=int), (LAYERS, 1, 1))  # unused layers copy the inputs
    biases = np.zeros((LAYERS, WIDTH), dtype=int)
    used = np.ones((LAYERS, WIDTH), dtype=bool)
    activations = np.full(LAYERS, ACTIVATIONS.index("linear"))
    weight, bias = 2, 2 + counts(network)[0]
    for at in range(depth):
        layer, before, after = LAYERS - depth + at, sizes[at], sizes[at + 1]
        weights[layer] = 0
        weights[layer, :after, :before] = np.arange(weight, weight + after * before).reshape(
            after, before
        )
        weight += after * before
        if network["bias"] == "layer":
            biases[layer, :after], bias = bias, bias + 1
        elif network["bias"] == "neuron":
            biases[layer, :after], bias = np.arange(bias, bias + after), bias + after
        used[layer] = np.arange(WIDTH) < after
        activations[layer] = ACTIVATIONS.index(network["activations"][at])
    return Layout(weights, biases, used, activations, LOSSES.index(data["training"]["loss"]))


def reference(data: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The errors of the samples, and each parameter's gradient for each of them."""
    given, samples = data["parameters"], data["samples"]
    parameters = np.zeros(2 + PARAMETERS)
    values = [0, 1, *given["weights"], *given["biases"]]
    parameters[: len(values)] = values
    inputs, targets = np.zeros((SAMPLES, WIDTH)), np.zeros((SAMPLES, WIDTH))
    for at, sample in enumerate(samples):
        inputs[at, : len(sample["inputs"])] = sample["inputs"]
        targets[at, : len(sample["targets"])] = sample["targets"]
    errors, gradients = call("errors_and_gradients", parameters, layout(data), inputs, targets)
    named = [f"∂E/∂w{number}" for number, _ in enumerate(given["weights"], 1)]
    named += [f"∂E/∂b{number}" for number, _ in enumerate(given["biases"], 1)]
    gradients = gradients.T[2:]
    used = {name: gradients[at, : len(samples)] for at, name in enumerate(named)}
    return errors[: len(samples)], used


def call(name: str, *arguments: Any) -> Any:
    """Call a function of :mod:`oracles.jax_functions` there."""
    return _process().submit(_call, name, *arguments).result()


def _call(name: str, *arguments: Any) -> Any:
    from oracles import jax_functions

    return getattr(jax_functions, name)(*arguments)


@functools.cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
