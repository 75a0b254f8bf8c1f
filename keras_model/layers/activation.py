"""Layers that apply a function to each number: Activation, ReLU, LeakyReLU, Softmax."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import argument
from keras_model.layers.layer import Cells, Layer, Reads, Shape, Weights


@dataclass(frozen=True)
class Activation(Layer):
    """An activation function as a layer of its own."""

    kind: ClassVar[str] = "Activation"

    activation: str = argument(read.activation)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …) to the same shape."""
        return ACTIVATIONS[self.activation].compute(x)

    def formula(self, cells: Cells) -> str:
        """Return the function of the number."""
        return ACTIVATIONS[self.activation].formula.format(x=cells.inputs)

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the name of the function."""
        return {"kind": "activation", "activation": self.activation}

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return nothing for the linear function, and the layer Softmax for softmax."""
        match self.activation:
            case "linear":
                return []
            case "softmax":
                return [(Softmax(name=self.name), {})]
            case _:
                return [(self, weights)]

    def description(self) -> str:
        """Return the function's name."""
        return ACTIVATIONS[self.activation].words


@dataclass(frozen=True)
class ReLU(Layer):
    """A rectified linear unit, with Keras' maximum, slope and threshold."""

    kind: ClassVar[str] = "ReLU"
    is_rectifier: ClassVar[bool] = True

    max_value: float | None = argument(read.optional_number, default=None)
    negative_slope: float = argument(read.number(0), default=0.0)
    threshold: float = argument(read.number(0), default=0.0)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …) to the same shape."""
        if not self.negative_slope and not self.threshold:  # the same, in a third of the time
            clipped: np.ndarray = np.clip(x, 0, self.max_value)
            return clipped
        below = self.negative_slope * (x - self.threshold)
        above = x if self.max_value is None else np.minimum(x, self.max_value)
        return np.where(x > self.threshold, above, below)  # at the threshold 0, as in Keras

    def formula(self, cells: Cells) -> str:
        """Return ``MAX(0,x)``, within the maximum; a choice where there is a slope or threshold."""
        x = cells.inputs
        if self.negative_slope or self.threshold:
            above = x if self.max_value is None else f"MIN({x},{self.max_value!r})"
            below = f"{self.negative_slope!r}*({x}-{self.threshold!r})"
            return f"IF({x}>{self.threshold!r},{above},{below})"
        return f"MAX(0,{x})" if self.max_value is None else f"MIN({self.max_value!r},MAX(0,{x}))"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the arguments; a missing maximum is null."""
        return {
            "kind": "relu", "maximum": self.max_value, "slope": self.negative_slope,
            "threshold": self.threshold,
        }  # fmt: skip

    def description(self) -> str:
        """Return ``ReLU`` and the arguments that are not the usual ones."""
        details = [
            f"{words} {value:g}"
            for words, value in (
                ("maximum", self.max_value), ("slope", self.negative_slope or None),
                ("threshold", self.threshold or None),
            )
            if value is not None
        ]  # fmt: skip
        return ", ".join(["ReLU", *details])


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """A rectified linear unit with a slope below 0."""

    kind: ClassVar[str] = "LeakyReLU"
    is_rectifier: ClassVar[bool] = True

    negative_slope: float = argument(read.number(0), default=0.3)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …) to the same shape."""
        return np.where(x >= 0, x, self.negative_slope * x)

    def formula(self, cells: Cells) -> str:
        """Return a choice between the number and the slope times the number."""
        return f"IF({cells.inputs}>=0,{cells.inputs},{self.negative_slope!r}*{cells.inputs})"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the slope."""
        return ReLU(None, self.negative_slope).operation(weights, shape)

    def description(self) -> str:
        """Return ``Leaky ReLU`` with its slope."""
        return f"Leaky ReLU, slope {self.negative_slope:g}"


@dataclass(frozen=True)
class Softmax(Layer):
    """The softmax over the channels."""

    kind: ClassVar[str] = "Softmax"
    reads: ClassVar[Reads] = Reads.CHANNELS

    axis: int = argument(read.axis, default=-1)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        read.check_is_last_axis(self.axis, shape)
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, c) to the same shape; the numbers of the last axis add up to 1."""
        return ACTIVATIONS["softmax"].compute(x)

    def formula(self, cells: Cells) -> str:
        """Return 1 / Σ e^(other - number), which is e^number / Σ e^other."""
        if "," not in cells.inputs:
            return f"1/SUMPRODUCT(EXP({cells.inputs}-{cells.number}))"
        terms = "+".join(f"EXP({other}-{cells.number})" for other in cells.inputs.split(","))
        return f"1/({terms})"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the name."""
        return {"kind": "softmax"}

    def description(self) -> str:
        """Return ``Softmax``."""
        return "Softmax"


def weighted_sum(activation: str, cells: Cells) -> str:
    """Return the products of two ranges, plus the bias, in an activation function."""
    total = f"SUMPRODUCT({cells.inputs},{cells.weights['kernel']})"
    if "bias" in cells.weights:
        total += f"+{cells.weights['bias']}"
    return ACTIVATIONS[activation].formula.format(x=total)


def split_activation(layer: Any, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
    """Return a layer, with its activation as a layer of its own where a cell cannot do both.

    Args:
        layer: one with an argument ``activation``.
    """
    if ACTIVATIONS[layer.activation].needs_sum_once:
        return [(layer, weights)]
    name = layer.name and f"{layer.name}, {layer.activation}"
    activation = Activation(layer.activation, name=name)
    return [(dataclasses.replace(layer, activation="linear"), weights), *activation.primitives({})]
