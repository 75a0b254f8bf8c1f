"""Layers that an exporter wrote as several operators with means, recognized by what they compute.

A layer normalization may be means, differences, a square root and a quotient, and an average over
whole maps two means. What they compute together is evaluated with numbers in the place of the last
layer's output, until only one tensor is left, and compared with the layers that it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_model.layers.arguments import LayerError
from keras_model.networks.architecture import MAX_OUTPUT
from keras_model.trained.onnx_model.constants import axes_of, fold
from keras_model.trained.onnx_model.elementwise import FUNCTIONS
from keras_model.trained.onnx_model.graph import Node, shortest
from keras_model.trained.onnx_model.line import Line, Tensor

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMean": np.mean, "ReduceMax": np.max, "ReduceSum": np.sum,
}  # fmt: skip
MAX_OPERATORS = 40  # in one computation

# The numbers in the place of the output: 0, which leaves β; large ones, beside which ε vanishes;
# small ones, beside which it does not; and others to compare with.
_SCALES = (0.0, 1e4, 0.05, 1.0)
_ZERO, _LARGE, _SMALL, _ = range(len(_SCALES))


@dataclass(frozen=True)
class Computed:
    """A tensor within a computation.

    Attributes:
        values: for each of the outputs that are tried, in the tensor's shape.
        positions: where each number belongs in the flattened output, if the tensor has its numbers.
    """

    values: tuple[np.ndarray, ...]
    positions: np.ndarray | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.values[0].shape


class Computation:
    """Operators that are evaluated until they are one layer; ``start`` is the first."""

    def __init__(self, line: Line, start: Node) -> None:
        self.line, self.start, self.operators = line, start, 0
        rng = np.random.default_rng(0)
        size = math.prod(line.shape)
        self.outputs = tuple(scale * rng.normal(size=size) for scale in _SCALES)

    def evaluate(self, node: Node, inputs: Sequence[Any]) -> Computed:
        """Return what an operator computes.

        Raises:
            LayerError: it is another operator than those that can be evaluated.
        """
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise LayerError("follows too many operators that are not a layer")
        given = [self._computed(value) if isinstance(value, Tensor) else value for value in inputs]
        if any(isinstance(value, Tensor) for value in given):
            raise LayerError("follows an unknown activation function")
        values = tuple(
            _result(node, [each.values[index] if isinstance(each, Computed) else each
                           for each in given])
            for index in range(len(_SCALES))
        )  # fmt: skip
        return Computed(values, _positions(node, given, values[0].shape))

    def _computed(self, tensor: Tensor) -> Computed | Tensor:
        if tensor.values is not None:
            return tensor
        values = tuple(output[tensor.positions] for output in self.outputs)
        return Computed(values, tensor.positions)

    def layer(self, result: Computed) -> Tensor | None:
        """Append the layer that computes a result, and return its tensor; None if none does."""
        return self._pooling(result) or self._layer_normalization(result)

    def _pooling(self, result: Computed) -> Tensor | None:
        channels = self.line.shape[-1]
        if len(self.line.shape) != 3 or result.values[0].size != channels:
            return None
        for kind, function in (
            ("GlobalAveragePooling2D", np.mean), ("GlobalMaxPooling2D", np.max)
        ):  # fmt: skip
            expected = [function(each.reshape(-1, channels), axis=0) for each in self.outputs]
            distances = np.abs(result.values[_LARGE].reshape(-1, 1) - expected[_LARGE])
            order = distances.argmin(axis=1)
            if all(
                np.allclose(values.ravel(), wanted[order], rtol=1e-6, atol=1e-9)
                for values, wanted in zip(result.values, expected, strict=True)
            ):
                self.line.add(kind, {"keepdims": True}, name=self.start.name)
                return Tensor(order.reshape(result.shape))
        return None

    def _layer_normalization(self, result: Computed) -> Tensor | None:
        positions = result.positions
        if positions is None or positions.size != self.outputs[0].size:
            return None
        outputs = [np.empty(positions.size) for _ in _SCALES]
        for output, values in zip(outputs, result.values, strict=True):
            output[positions.ravel()] = values.ravel()
        for channels in (self.line.shape[-1], positions.size):
            found = _layer_normalization(
                [each.reshape(-1, channels) for each in self.outputs],
                [each.reshape(-1, channels) for each in outputs],
            )
            if found is not None:
                if channels != self.line.shape[-1]:
                    self.line.flatten()
                arguments, weights = found
                self.line.add("LayerNormalization", arguments, weights, self.start.name)
                return Tensor(positions)
        return None


def _result(node: Node, inputs: Sequence[Any]) -> np.ndarray:
    """Return what an operator computes of arrays."""
    shapes = [np.shape(value) for value in inputs if value is not None]
    if node.kind in FUNCTIONS:
        if math.prod(np.broadcast_shapes(*shapes)) > MAX_OUTPUT:
            raise LayerError("makes more numbers of one")
        return np.asarray(FUNCTIONS[node.kind](inputs, node.attributes), np.float64)
    if node.kind in REDUCTIONS:
        axes = axes_of(inputs, node.attributes)
        keepdims = bool(node.attributes.get("keepdims", 1))
        return np.asarray(REDUCTIONS[node.kind](inputs[0], axis=axes, keepdims=keepdims))
    result = inputs[0] if node.kind == "Cast" else fold(node.kind, inputs, node.attributes)
    if result is None:
        raise LayerError("does not belong to a layer that is known")
    return np.asarray(result)


def _positions(node: Node, inputs: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """Return where the numbers of an operator's result belong in the flattened output."""
    known = [
        value.positions
        for value in inputs
        if isinstance(value, Computed) and value.positions is not None
    ]
    if node.kind in FUNCTIONS:
        same = [positions for positions in known if positions.shape == shape]
        is_one = all(np.array_equal(positions, same[0]) for positions in same[1:])
        return same[0] if same and is_one else None
    if node.kind in ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity") and known:
        return fold(node.kind, [known[0], *inputs[1:]], node.attributes)
    return known[0] if node.kind in ("Cast", "Sqrt", "Reciprocal") and known else None


def _layer_normalization(
    outputs: Sequence[np.ndarray], results: Sequence[np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return the arguments and weights of the layer normalization that gives results.

    Args:
        outputs, results: of the layer before and of the operators, each (positions, channels).
    """
    beta = results[_ZERO][0]
    differences = [each - each.mean(axis=1, keepdims=True) for each in outputs]
    variances = [(each**2).mean(axis=1, keepdims=True) for each in differences]
    normalized = differences[_LARGE] / np.sqrt(variances[_LARGE])
    best = np.abs(normalized).argmax(axis=0), np.arange(normalized.shape[1])
    gamma = (results[_LARGE] - beta)[best] / normalized[best]
    scaled = gamma * differences[_SMALL]
    factors = ((results[_SMALL] - beta) * scaled).sum(axis=1) / (scaled**2).sum(axis=1)
    epsilon = float(np.median(factors**-2 - variances[_SMALL].ravel()))
    if not 0 < epsilon < 1:  # NaN, too
        return None
    epsilon = shortest(epsilon)
    for difference, variance, result in zip(differences, variances, results, strict=True):
        expected = gamma * difference / np.sqrt(variance + epsilon) + beta
        if not np.allclose(result, expected, rtol=1e-5, atol=1e-6):
            return None
    arguments: dict[str, Any] = {"epsilon": epsilon}
    weights = {}
    for name, argument, values, without in (
        ("gamma", "scale", gamma, 1.0), ("beta", "center", beta, 0.0)
    ):  # fmt: skip
        if np.allclose(values, without, rtol=0, atol=1e-7):
            arguments[argument] = False
        else:
            weights[name] = values
    return arguments, weights
