"""A network with its weights, and what it computes, with NumPy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from keras_model.data.mnist import CLASSES
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import shown
from keras_model.layers.layer import Layer, Reads, Shape, Weights
from keras_model.networks.architecture import (
    Architecture,
    NetworkError,
    keeps_numbers,
    layer_words,
    without_activation,
)
from keras_model.softmax import softmax

_MAX_BATCH_NUMBERS = 2**23  # in the windows of a batch: 32 MB in single precision
_MAX_BATCH = 250
MAX_MEANS = 128  # of maps, for :class:`Outputs`


@dataclass(frozen=True)
class Step:
    """One of the simplest layers that a network consists of, which a sheet or a page can show.

    ``weights`` are float32, by Keras' names.
    """

    layer: Layer
    weights: Weights
    input_shape: Shape
    output_shape: Shape

    @property
    def gives_active_maps(self) -> bool:
        """Whether its numbers are maps of more than one position after an activation function."""
        is_active = (
            self.layer.is_rectifier or getattr(self.layer, "activation", "linear") != "linear"
        )
        return is_active and len(self.output_shape) == 3 and math.prod(self.output_shape[:2]) > 1


@dataclass(frozen=True)
class Outputs:
    """What a network computes for n digits.

    Attributes:
        logits: (n, 10), float64. Where the network's outputs are probabilities, these are the
            numbers before the softmax or the sigmoid.
        means: (n, k), float64, of the maps after each activation function, over their positions.
            Of more than MAX_MEANS maps, evenly chosen ones; none if the network has no maps.
    """

    logits: np.ndarray
    means: np.ndarray


@dataclass(frozen=True)
class TrainedNetwork:
    """An architecture and the weights of each of its layers, float32, by Keras' names.

    ``source`` says in messages where it comes from: the path of its file.

    Raises:
        NetworkError: a weight has another shape than its layer needs, or is not a finite number.
    """

    architecture: Architecture
    weights: tuple[Weights, ...]
    source: str = "the network"

    def __post_init__(self) -> None:
        for place, weights in zip(self.architecture.places, self.weights, strict=True):
            words = layer_words(place.number, place.layer.kind, shown(place.layer.name))
            for name, spec in place.weights.items():
                values = weights.get(name)
                if values is None or values.shape != spec.shape:
                    held = "no" if values is None else f"a {shown(values.shape)} array as"
                    raise NetworkError(
                        f"is damaged: {words} has {held} {name}; its shape must be {spec.shape}"
                    )
                if not np.isfinite(values).all():
                    raise NetworkError(
                        f"cannot be used: the {name} of {words} has weights that are infinite or "
                        "not numbers (NaN)"
                    )

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The simplest layers that compute the same, without those that only act in training."""
        steps: list[Step] = []
        shape = self.architecture.input_shape
        for layer, weights in zip(self.architecture.layers, self.weights, strict=True):
            for primitive, of_primitive in layer.primitives(weights):
                output = primitive.output_shape(shape)
                if primitive.reads == Reads.PLACE and output == shape:
                    continue  # nothing moves
                steps.append(Step(primitive, of_primitive, shape, output))
                shape = output
        return tuple(steps)

    @cached_property
    def steps_to_logits(self) -> tuple[Step, ...]:
        """The steps without what makes probabilities of the logits, if the network does that."""
        if not self.ends_with_probabilities:
            return self.steps
        index, step = next(
            (index, step)
            for index, step in reversed(list(enumerate(self.steps)))
            if not keeps_numbers(step.layer, step.input_shape, step.output_shape)
        )
        rest = (replace(step, layer=layer) for layer in without_activation(step.layer))
        return *self.steps[:index], *rest, *self.steps[index + 1 :]

    @property
    def ends_with_probabilities(self) -> bool:
        """Whether the network's own outputs are probabilities, not logits."""
        return self.architecture.output_activation != "linear"

    def with_maps(self) -> TrainedNetwork:
        """Return the same network for digits (28, 28, 1)."""
        architecture = self.architecture.with_maps(self.architecture.name)
        added: list[Weights] = [{}] * (len(architecture.layers) - len(self.architecture.layers))
        return replace(self, architecture=architecture, weights=(*added, *self.weights))

    def logits(self, digits: np.ndarray) -> np.ndarray:
        """Classify scaled digits (n, 28, 28): float64 logits (n, 10), as in :class:`Outputs`.

        Raises:
            NetworkError: a layer gives numbers that are infinite or not numbers.
        """
        return self.outputs(digits).logits

    def outputs(self, digits: np.ndarray) -> Outputs:
        """Compute the logits of scaled digits (n, 28, 28), and the means of their maps.

        Raises:
            NetworkError: a layer gives numbers that are infinite or not numbers.
        """
        batch_size = max(1, min(_MAX_BATCH, _MAX_BATCH_NUMBERS // self._numbers_per_digit))
        parts = [
            self._outputs(digits[start : start + batch_size])
            for start in range(0, len(digits), batch_size)
        ]
        if not parts:
            return Outputs(np.empty((0, CLASSES)), np.empty((0, 0)))
        logits, means = zip(*parts, strict=True)
        return Outputs(np.concatenate(logits).astype(np.float64), np.concatenate(means))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of logits (n, 10), as the network itself makes them."""
        if self.architecture.output_activation == "sigmoid":
            return ACTIVATIONS["sigmoid"].compute(logits)
        return softmax(logits)

    @cached_property
    def mean_stride(self) -> int:
        """Of all maps after activation functions, the first and each so many further are chosen."""
        maps = sum(step.output_shape[-1] for step in self.steps_to_logits if step.gives_active_maps)
        return max(1, math.ceil(maps / MAX_MEANS))

    @cached_property
    def operations_per_digit(self) -> int:
        """How many products with a weight it computes for a digit, and how many numbers."""
        return sum(
            math.prod(step.output_shape)
            + math.prod(step.output_shape[:-1]) * getattr(step.weights.get("kernel"), "size", 0)
            for step in self.steps
        )

    def _outputs(self, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = digits.astype(np.float32).reshape(len(digits), *self.architecture.input_shape)
        means = [np.empty((len(digits), 0))]
        maps = 0
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for step in self.steps_to_logits:
                x = step.layer.compute(x, step.weights)
                if not np.isfinite(x).all():
                    raise NetworkError(
                        f"{self.source} cannot be used: its layer "
                        f"{shown(step.layer.name or step.layer.kind)!r} gives numbers "
                        "that are infinite or not numbers (NaN)"
                    )
                if step.gives_active_maps:
                    chosen = slice(-maps % self.mean_stride, None, self.mean_stride)
                    means.append(_means_of_maps(x)[:, chosen])
                    maps += x.shape[-1]
        return x, np.concatenate(means, axis=1)

    @cached_property
    def _numbers_per_digit(self) -> int:
        """The largest number of numbers that a layer handles for one digit, in its windows."""
        numbers = [math.prod(self.architecture.input_shape)]
        for step in self.steps:
            windows = step.layer.windows(step.input_shape)
            reach = windows[0].size * windows[1].size if windows else 1
            pixels = math.prod(step.output_shape[:-1]) * step.input_shape[-1]
            numbers.append(max(pixels * reach, math.prod(step.output_shape)))
        return max(numbers)


def _means_of_maps(x: np.ndarray) -> np.ndarray:
    """Return the means (n, channels) of maps (n, height, width, channels)."""
    size = x.shape[1] * x.shape[2]
    # A product takes a twentieth of the time of numpy.mean.
    means: np.ndarray = np.full(size, 1 / size, x.dtype) @ x.reshape(len(x), size, x.shape[3])
    return means
