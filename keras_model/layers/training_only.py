"""Layers that leave a digit as it is at prediction: random movements, noise and penalties.

Their arguments do not matter for what a trained network computes, so they are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keras_model.layers.layer import Layer, Shape, Weights


@dataclass(frozen=True)
class TrainingOnly(Layer):
    """A layer that does nothing at prediction."""

    is_inactive: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Return the input."""
        return x

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return nothing."""
        return []

    def description(self) -> str:
        """Return for example ``RandomRotation, in training``."""
        return f"{self.kind}, in training"


_NAMES = (
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear",
    "RandomBrightness", "RandomContrast", "RandomErasing", "GaussianNoise", "GaussianDropout",
    "AlphaDropout", "ActivityRegularization", "Identity",
)  # fmt: skip
TRAINING_ONLY: dict[str, type[TrainingOnly]] = {
    name: dataclass(frozen=True)(type(name, (TrainingOnly,), {"kind": name})) for name in _NAMES
}
