"""An operator that reads a tensor, with its attributes and the line that it continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_model.layers.arguments import LayerError
from keras_model.trained.onnx_model.graph import Node
from keras_model.trained.onnx_model.line import CHANNELS_FIRST, Line, Tensor


@dataclass(frozen=True)
class Operation:
    """An operator whose first input is a tensor.

    Attributes:
        inputs: all inputs; None where one is left out.
        version: that of the operators.
        batch: the number of digits that the graph takes at a time, if it is fixed.
    """

    node: Node
    inputs: Sequence[Any]
    line: Line
    version: int
    batch: int | None

    @property
    def tensor(self) -> Tensor:
        """The first input."""
        tensor: Tensor = self.inputs[0]
        return tensor

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.node.attributes.get(name, default)

    def constant(self, position: int, dimensions: int | None = None) -> np.ndarray:
        """Return an input that must be a constant, with a number of dimensions."""
        value = self.optional(position)
        if value is None or dimensions not in (None, value.ndim):
            raise LayerError(f"needs a constant as input {position + 1}")
        return value

    def optional(self, position: int) -> np.ndarray | None:
        """Return an input that must be a constant, or None where it is left out."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if isinstance(value, Tensor):
            raise LayerError(f"needs a constant as input {position + 1}")
        return value

    def add(self, kind: str, arguments: dict[str, Any], **weights: np.ndarray) -> None:
        """Append a layer with the operator's name."""
        self.line.add(kind, arguments, weights, self.node.name)

    def moved(self, positions: np.ndarray) -> Tensor:
        """Return the tensor with its numbers in another order or shape."""
        return Tensor(positions, self.tensor.values)

    def need_maps(self) -> None:
        """Refuse a tensor that is not maps with their channels first."""
        if not self.line.has_maps(self.tensor, CHANNELS_FIRST):
            raise LayerError("needs maps (channels, height, width) of the layer before")
