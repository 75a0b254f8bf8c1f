"""What every kind of layer has: arguments, shapes, weights, and what it computes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Self

import numpy as np

from keras_model.layers.arguments import LayerError, read_arguments

Shape = tuple[int, ...]  # without the batch: (height, width, channels) or (units,)
Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class WeightSpec:
    """The shape of a weight, and whether training changes it."""

    shape: Shape
    is_trainable: bool = True

    @property
    def count(self) -> int:
        """The number of parameters."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Window:
    """What a position of the output reads along one axis of the input.

    Attributes:
        size: the number of positions from the first to the last that it reads.
        stride: how far the next window is.
        before: the padding before the first position.
    """

    size: int
    stride: int = 1
    before: int = 0


class Reads(Enum):
    """What one number of a layer's output is computed from."""

    NUMBER = "the number at the same place"
    CHANNELS = "the numbers of all channels at the same place"
    WINDOW = "a window of one map"
    WINDOWS = "the same window of all maps"
    MAP = "one whole map"
    ALL = "all numbers"
    PLACE = "the number at another place, or 0"


@dataclass(frozen=True)
class Cells:
    """References to what a number is computed from, for its formula.

    Attributes:
        inputs: the cell, or the range of cells, that the layer reads.
        number: with :attr:`Reads.CHANNELS`, the cell at the same place, one of ``inputs``.
        weights: the cell or range of each weight, by its name.
    """

    inputs: str
    number: str
    weights: Mapping[str, str]


@dataclass(frozen=True)
class Layer:
    """A layer, with the arguments of the Keras class of its name.

    ``name`` is the layer's own name in its model; it may be empty.
    """

    name: str = dataclasses.field(default="", kw_only=True)

    kind: ClassVar[str]  # the name of the Keras class
    is_inactive: ClassVar[bool] = False  # whether it only acts during training
    is_rectifier: ClassVar[bool] = False  # whether it is an activation function without a name
    reads: ClassVar[Reads] = Reads.NUMBER

    @classmethod
    def from_arguments(cls, values: Mapping[str, Any], name: str = "") -> Self:
        """Return the layer with these arguments, which may come from anyone.

        Raises:
            LayerError: an argument is unknown, missing or impossible.
        """
        return cls(**read_arguments(cls, values), name=name)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that differ from Keras' defaults, by name."""
        return {
            field.name: value
            for field in dataclasses.fields(self)
            if "read" in field.metadata and (value := getattr(self, field.name)) != field.default
        }

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output for an input of a shape.

        Raises:
            LayerError: the layer cannot follow one with such an output.
        """
        raise NotImplementedError

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return the weights for an input of a shape, in the order in which Keras saves them."""
        return {}

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map a batch (n, …) to the layer's output (n, …), as at prediction, in x's precision."""
        raise NotImplementedError

    def formula(self, cells: Cells) -> str:
        """Return the Excel formula of a number of the output, without ``=``."""
        raise NotImplementedError

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return what the web page needs to compute the layer, for an input of a shape.

        Returns:
            A description for ``page/network.js``, whose ``kind`` says which of its functions to
            call; its values are JSON, or arrays of single-precision numbers.
        """
        raise NotImplementedError

    def windows(self, shape: Shape) -> tuple[Window, Window] | None:
        """Return the windows along rows and columns; None if there is no such thing any more."""
        return Window(1), Window(1)

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return the simplest layers that compute the same one after the other."""
        return [(self, weights)]

    def description(self) -> str:
        """Return the layer in a few words, for tables."""
        raise NotImplementedError


def operand(formula: str) -> str:
    """Return a formula in parentheses if it has an operator outside of parentheses."""
    depth = 0
    for sign in formula:
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign in "+-*/<>=":
            return f"({formula})"
    return formula


def check_is_map(shape: Shape) -> None:
    """Check that a shape is one of maps.

    Raises:
        LayerError: it is not.
    """
    if len(shape) != 3:
        raise LayerError(
            f"needs maps (height, width, channels), but its input is {shape_text(shape)}"
        )


def shape_text(shape: Shape) -> str:
    """Return a shape as ``28×28×1``."""
    return "×".join(str(size) for size in shape)


def size_text(size: Sequence[int]) -> str:
    """Return the size of a window as ``3×3``."""
    return "×".join(str(side) for side in size)
