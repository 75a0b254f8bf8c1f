"""The dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.activation import split_activation, weighted_sum
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import argument
from keras_model.layers.layer import Cells, Layer, Reads, Shape, Weights, WeightSpec, Window


@dataclass(frozen=True)
class Dense(Layer):
    """A weighted sum of all inputs per unit. Of maps, it is applied to the channels."""

    kind: ClassVar[str] = "Dense"
    reads: ClassVar[Reads] = Reads.ALL

    units: int = argument(read.whole(1, read.MAX_UNITS))
    activation: str = argument(read.activation, default="linear")
    use_bias: bool = argument(read.switch, default=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input with the units in place of the channels."""
        return (*shape[:-1], self.units)

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return the kernel (inputs, units) and the bias (units,)."""
        specs = {"kernel": WeightSpec((shape[-1], self.units))}
        return specs | ({"bias": WeightSpec((self.units,))} if self.use_bias else {})

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, inputs) to (n, …, units)."""
        sums: np.ndarray = x @ weights["kernel"]
        if "bias" in weights:
            sums = sums + weights["bias"]
        return ACTIVATIONS[self.activation].compute(sums)

    def windows(self, shape: Shape) -> tuple[Window, Window] | None:
        """Return None, unless it is applied to the channels of each pixel."""
        return (Window(1), Window(1)) if len(shape) == 3 else None

    def formula(self, cells: Cells) -> str:
        """Return the sum of products, plus the bias, in the activation function."""
        return weighted_sum(self.activation, cells)

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the kernel, the bias and the activation."""
        return {"kind": "dense", "activation": self.activation, **weights}

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return the layer, and its activation where a cell cannot compute both."""
        return split_activation(self, weights)

    def description(self) -> str:
        """Return for example ``Dense 10, softmax``."""
        words = [f"Dense {self.units}"]
        if self.activation != "linear":
            words.append(ACTIVATIONS[self.activation].words)
        if not self.use_bias:
            words.append("no bias")
        return ", ".join(words)
