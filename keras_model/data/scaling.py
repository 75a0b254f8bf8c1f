"""How pixels of 0 to 255 are scaled before a network: as MNIST is normalized, 0 to 1, or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_model.data.mnist import DEVIATION, MEAN


@dataclass(frozen=True)
class Scaling:
    """A way to scale pixels: (p / 255 - mean) / deviation, or not at all where ``divisor`` is 1.

    ``words`` says what it does, for messages.
    """

    name: str
    words: str
    divisor: float = 255.0
    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Map images (n, 28, 28) of 0 to 255 to scaled ones of the same shape, float32."""
        scaled: np.ndarray = (images.astype(np.float32) / self.divisor - self.mean) / self.deviation
        return scaled

    def exactly(self, image: np.ndarray) -> np.ndarray:
        """Map an image of 0 to 255 to a scaled one, float64."""
        scaled: np.ndarray = (np.asarray(image, float) / self.divisor - self.mean) / self.deviation
        return scaled


SCALINGS = {
    scaling.name: scaling
    for scaling in (
        Scaling("mnist", "normalized as MNIST", mean=MEAN, deviation=DEVIATION),
        Scaling("unit", "scaled to 0 to 1"),
        Scaling("raw", "0 to 255", divisor=1.0),
    )
}
