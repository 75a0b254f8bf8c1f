"""Layers without arithmetic: Flatten, Reshape, ZeroPadding2D, and Dropout, for training only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.arguments import LayerError, Sides, argument
from keras_model.layers.layer import (
    Cells,
    Layer,
    Reads,
    Shape,
    Weights,
    Window,
    check_is_map,
    shape_text,
    size_text,
)
from keras_model.layers.training_only import TrainingOnly


@dataclass(frozen=True)
class Flatten(Layer):
    """All numbers in one row: row by row, and the channels of a pixel together."""

    kind: ClassVar[str] = "Flatten"
    reads: ClassVar[Reads] = Reads.PLACE

    def output_shape(self, shape: Shape) -> Shape:
        """Return (numbers,)."""
        return (math.prod(shape),)

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …) to (n, numbers)."""
        return x.reshape(len(x), -1)

    def formula(self, cells: Cells) -> str:
        """Return the cell."""
        return cells.inputs

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the name."""
        return {"kind": "flatten"}

    def windows(self, shape: Shape) -> tuple[Window, Window] | None:
        """Return None: there are no rows and columns any more, unless there was one of each."""
        return (Window(1), Window(1)) if shape[:-1] == (1, 1) else None

    def description(self) -> str:
        """Return ``Flatten``."""
        return "Flatten"


@dataclass(frozen=True)
class Reshape(Layer):
    """The same numbers, in the order of Flatten, as maps or as one row."""

    kind: ClassVar[str] = "Reshape"
    reads: ClassVar[Reads] = Reads.PLACE

    target_shape: Shape = argument(read.sizes)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the target, in which -1 stands for what is left."""
        if len(self.target_shape) not in (1, 3):
            raise LayerError("must give maps (height, width, channels) or one row of numbers")
        count, known = math.prod(shape), math.prod(size for size in self.target_shape if size > 0)
        target = tuple(count // known if size < 0 else size for size in self.target_shape)
        if math.prod(target) != count:
            given = ", ".join(map(str, self.target_shape))
            raise LayerError(f"cannot give ({given}), because its input is {shape_text(shape)}")
        return target

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …) to (n, *target_shape)."""
        return x.reshape(len(x), *self.output_shape(x.shape[1:]))

    def formula(self, cells: Cells) -> str:
        """Return the cell."""
        return cells.inputs

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the name of Flatten, which keeps the order, too."""
        return Flatten().operation(weights, shape)

    def windows(self, shape: Shape) -> tuple[Window, Window] | None:
        """Return windows of one position if rows and columns stay, and None if not."""
        target = self.output_shape(shape)
        stays = shape[:2] == target[:2] if len(target) == 3 else shape[:-1] == (1, 1)
        return (Window(1), Window(1)) if stays else None

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return Flatten if it gives one row."""
        return [(Flatten(name=self.name) if len(self.target_shape) == 1 else self, weights)]

    def description(self) -> str:
        """Return for example ``Reshape 28×28×1``."""
        return f"Reshape {shape_text(self.target_shape)}"


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Rows and columns of zeros around each map."""

    kind: ClassVar[str] = "ZeroPadding2D"
    reads: ClassVar[Reads] = Reads.PLACE

    padding: Sides = argument(read.sides, default=((1, 1), (1, 1)))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels)."""
        check_is_map(shape)
        height, width = (shape[axis] + sum(self.padding[axis]) for axis in range(2))
        return height, width, shape[-1]

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', channels)."""
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))

    def formula(self, cells: Cells) -> str:
        """Return the cell."""
        return cells.inputs

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the rows above and the columns to the left."""
        return {"kind": "padding", "before": [axis[0] for axis in self.padding]}

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return windows of one position that begin before the map."""
        return Window(1, 1, self.padding[0][0]), Window(1, 1, self.padding[1][0])

    def description(self) -> str:
        """Return for example ``Zero padding 1``."""
        amounts = {amount for axis in self.padding for amount in axis}
        if len(amounts) == 1:
            return f"Zero padding {amounts.pop()}"
        return "Zero padding " + ", ".join(size_text(axis) for axis in self.padding)


@dataclass(frozen=True)
class Dropout(TrainingOnly):
    """Nothing at prediction; in training, set a share of the numbers to 0."""

    kind: ClassVar[str] = "Dropout"

    rate: float = argument(read.share)

    def description(self) -> str:
        """Return for example ``Dropout 5 %``."""
        return f"Dropout {100 * self.rate:g}%"


@dataclass(frozen=True)
class SpatialDropout2D(Dropout):
    """Nothing at prediction; in training, set a share of the maps to 0."""

    kind: ClassVar[str] = "SpatialDropout2D"

    def description(self) -> str:
        """Return for example ``Spatial dropout 5 %``."""
        return f"Spatial dropout {100 * self.rate:g}%"
