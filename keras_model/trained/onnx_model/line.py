"""A line of layers that grows, and where the numbers of an ONNX tensor are in its output.

ONNX has its channels first; our layers have them last. An ONNX tensor is an array of positions in
the flattened output of the last layer, so that a Reshape or a Transpose only moves positions, and
whatever needs a certain order can see whether it has it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradsheet.printable import printable
from keras_model.layers.arguments import LayerError
from keras_model.layers.kinds import make_layer
from keras_model.layers.layer import Layer, Shape, Weights
from keras_model.layers.normalization import LayerNormalization
from keras_model.layers.pooling import GlobalPooling
from keras_model.layers.reshaping import Flatten
from keras_model.networks.architecture import (
    INPUT_SHAPES,
    MAX_LAYERS,
    MAX_PARAMETERS,
    NetworkError,
    place_of,
)
from keras_model.trained.onnx_model.graph import shortest

# Axes that bring maps (1, channels, rows, columns), or in our order, into our order.
CHANNELS_FIRST, CHANNELS_LAST = (0, 2, 3, 1), (0, 1, 2, 3)

_NEVER_NEGATIVE = {"relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "exponential", "softmax"}
_KEEP_SIGNS = (
    "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D", "Flatten",
    "Dropout", "ZeroPadding2D",
)  # fmt: skip
# Layers that are applied to each number, or to the channels, without changing a shape.
_APPLIED = (
    "Activation", "BatchNormalization", "Dropout", "LayerNormalization", "LeakyReLU", "ReLU",
    "Rescaling", "Softmax",
)  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """An ONNX tensor of one digit: the output of the last layer, or a function of its numbers.

    Attributes:
        positions: where each number is in the flattened output, in the tensor's shape.
        values: the function's values at ``elementwise.GRID``; None without a function.
    """

    positions: np.ndarray
    values: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.positions.shape


@dataclass
class Line:
    """Layers, their weights, and the shape of the last one's output."""

    layers: list[Layer] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    shape: Shape = INPUT_SHAPES[0]
    is_ended: bool = False  # by a logarithm of probabilities
    _parameters: int = 0

    def add(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        weights: Mapping[str, np.ndarray] | None = None,
        name: str = "",
    ) -> None:
        """Append a layer.

        Raises:
            LayerError: the layer is impossible here.
            NetworkError: the network becomes too large.
        """
        if self.is_ended:
            raise LayerError("follows a logarithm of probabilities, which must be the last")
        layer = make_layer(kind, arguments, printable(name)[:100])
        place = place_of(len(self.layers) + 1, layer, self.shape)
        self._parameters += place.trainable + place.not_trainable
        if self._parameters > MAX_PARAMETERS:
            raise NetworkError(f"has more than {MAX_PARAMETERS:,} parameters")
        if len(self.layers) == MAX_LAYERS:
            raise NetworkError(f"has more than {MAX_LAYERS:,} layers")
        self.layers.append(layer)
        with np.errstate(over="ignore"):
            self.weights.append(
                {key: np.asarray(value, np.float32) for key, value in (weights or {}).items()}
            )
        self.shape = place.output_shape

    def output(self, axes: Sequence[int] = CHANNELS_LAST) -> Tensor:
        """Return the last layer's output as maps (1, …) that ``axes`` bring into our order."""
        ours = np.arange(math.prod(self.shape)).reshape(1, *self.shape)
        return Tensor(ours.transpose(np.argsort(axes)) if ours.ndim == 4 else ours)

    def has_maps(self, tensor: Tensor, axes: Sequence[int]) -> bool:
        """Whether a tensor is all maps, which ``axes`` bring into our order."""
        positions = tensor.positions
        if len(self.shape) != 3 or positions.ndim != 4:
            return False
        ours = positions.transpose(axes)
        in_order = np.array_equal(ours.ravel(), np.arange(positions.size))
        return ours.shape == (1, *self.shape) and in_order

    def has_channels(self, tensor: Tensor, axis: int) -> bool:
        """Whether an axis of a tensor is our channels."""
        channels = tensor.positions.shape[axis]
        rows = np.moveaxis(tensor.positions, axis, -1).reshape(-1, channels)
        return channels == self.shape[-1] and bool(
            np.array_equal(rows, rows[:, :1] + np.arange(channels))
            and not (rows[:, 0] % channels).any()
        )

    def take_axis(self, tensor: Tensor, axis: int) -> None:
        """Make an axis our channels; of a tensor that is one row, all numbers become channels.

        Raises:
            LayerError: the axis is neither the channels nor all numbers.
        """
        if not self.has_channels(tensor, axis):
            if tensor.positions.shape[axis] != tensor.positions.size:
                raise LayerError("is not over the channels")
            self.flatten()

    def flatten(self) -> None:
        """Make the output one row, in the same order."""
        if len(self.shape) == 1:
            return
        last = self.layers[-1] if self.layers else None
        if isinstance(last, GlobalPooling):
            self.layers[-1] = dataclasses.replace(last, keepdims=False)
        else:
            self.layers.append(Flatten())
            self.weights.append({})
        self.shape = (math.prod(self.shape),)

    def end(self) -> None:
        """Make the output one row, before functions that are applied to it."""
        applied = []
        while self.layers and self.shape[:-1] == (1, 1) and self.layers[-1].kind in _APPLIED:
            applied.append((self.layers.pop(), self.weights.pop()))
        self.flatten()
        for layer, weights in reversed(applied):
            self.layers.append(layer)
            self.weights.append(weights)

    def per_channel(self, tensor: Tensor, *constants: np.ndarray) -> list[np.ndarray]:
        """Return constants as vectors of our channels, for a function of each number.

        Args:
            constants: arrays that broadcast to the tensor's shape.

        Raises:
            LayerError: they are not the same at all positions of a channel.
        """
        vectors = [self._vector(tensor, constant) for constant in constants]
        if any(vector is None for vector in vectors) and tensor.positions.ndim <= 2:
            self.flatten()
            vectors = [self._vector(tensor, constant) for constant in constants]
        known = [vector for vector in vectors if vector is not None]
        if len(known) < len(constants):
            raise LayerError("has a constant that is not one number per channel")
        return known

    def _vector(self, tensor: Tensor, constant: np.ndarray) -> np.ndarray | None:
        positions = tensor.positions
        try:
            full = np.broadcast_to(constant, positions.shape)
        except ValueError:
            return None
        ours = np.empty(positions.size, full.dtype)
        ours[positions.ravel()] = full.ravel()
        rows = ours.reshape(-1, self.shape[-1])
        return rows[0] if np.array_equal(rows, np.broadcast_to(rows[0], rows.shape)) else None

    def scale_and_shift(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Multiply each channel by a number and add one: a bias, or a Rescaling.

        Args:
            scale, shift: one number, or one per channel.
        """
        last = self.layers[-1] if self.layers else None
        is_shift = bool(np.all(scale == 1))
        if is_shift and not np.any(shift):
            return
        plain = getattr(last, "activation", "") == "linear" and not getattr(last, "use_bias", True)
        if last is not None and is_shift and plain and not self.is_ended:
            self.layers.pop()
            weights = self.weights.pop()
            bias = np.broadcast_to(np.asarray(shift, np.float32), self.shape[-1:])
            self.layers.append(dataclasses.replace(last, use_bias=True))  # type: ignore[call-arg]
            self.weights.append({**weights, "bias": bias})
            return
        if isinstance(last, LayerNormalization) and not self.is_ended:
            self._scale_normalization(last, scale, shift)
            return
        if last is not None and last.kind == "Rescaling" and not self.is_ended:
            arguments = last.arguments()
            before = np.asarray(arguments["scale"]), np.asarray(arguments.get("offset", 0.0))
            scale, shift = before[0] * scale, before[1] * scale + shift
            self.layers.pop()
            self.weights.pop()
        self.add("Rescaling", {"scale": _numbers(scale), "offset": _numbers(shift)})

    def _scale_normalization(
        self, last: LayerNormalization, scale: np.ndarray, shift: np.ndarray
    ) -> None:
        """Make a scale and a shift part of the layer normalization before them."""
        weights = self.weights.pop()
        self.layers.pop()
        gamma = np.asarray(weights.get("gamma", 1.0), np.float64) * scale
        beta = np.asarray(weights.get("beta", 0.0), np.float64) * scale + shift
        given = {"gamma": gamma} if last.scale or np.any(gamma != 1) else {}
        given |= {"beta": beta} if last.center or np.any(beta) else {}
        arguments = {"epsilon": last.epsilon, "scale": "gamma" in given, "center": "beta" in given}
        channels = self.shape[-1:]
        vectors = {name: np.broadcast_to(values, channels) for name, values in given.items()}
        self.add("LayerNormalization", arguments, vectors, last.name)

    def is_never_negative(self) -> bool:
        """Whether no number of the output can be negative."""
        for layer in reversed(self.layers):
            if layer.kind in ("ReLU", "Softmax"):
                return not getattr(layer, "negative_slope", 0)
            if layer.kind not in _KEEP_SIGNS:
                return getattr(layer, "activation", "linear") in _NEVER_NEGATIVE
        return False


def _numbers(values: np.ndarray) -> list[float]:
    """Return one number if all are the same; else all."""
    each = [shortest(value) for value in np.asarray(values, np.float64).ravel()]
    return each[:1] if len(set(each)) == 1 else each
