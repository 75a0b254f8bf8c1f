"""A digit's ink in MNIST's format.

MNIST's digits (Y. LeCun, C. Cortes, C. Burges, "The MNIST database") are bright ink on a background
of 0. They are scaled to fit 20×20 pixels without distortion, and placed in 28×28 pixels with their
center of mass in the middle.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from keras_model.data.mnist import SIDE
from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.resizing import resized
from keras_model.handwriting.strokes import stroke_width


def in_mnist_format(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a digit (28, 28) uint8.

    Args:
        ink: of its box (h, w), 0 to 255.
        mask: where its strokes are, (h, w).
    """
    full = max(1.0, float(np.quantile(ink[mask], PREPARATION.digit_full_ink)))
    near = ndimage.maximum_filter(mask.astype(np.uint8), 3)  # with the soft edge of the strokes
    values = np.clip(np.where(near > 0, ink, 0) * (255 / full), 0, 255)
    return _center(_scale(values, mask))


def _scale(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the digit with a longer side of 20 pixels, its strokes about as thick as MNIST's."""
    longer = max(values.shape)
    missing = PREPARATION.stroke_width * longer - stroke_width(mask)
    if missing > 1:
        reach = missing / 2
        border = int(np.ceil(reach)) + 1
        values, mask = np.pad(values, border), np.pad(mask, border)
        distance = ndimage.distance_transform_edt(~mask)
        values = np.maximum(values, 255 * np.clip(reach + 0.5 - distance, 0, 1))
    height, width = values.shape
    scale = PREPARATION.digit_size / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(np.uint8(np.round(values)))
    small = np.asarray(resized(picture, size, Image.Resampling.LANCZOS), float)
    scaled: np.ndarray = np.clip(small * (255 / max(small.max(), 1)), 0, 255)
    return scaled


def _center(digit: np.ndarray) -> np.ndarray:
    """Return the digit in 28×28 pixels, its center of mass on pixel 14 as in MNIST."""
    height, width = digit.shape
    weight = digit.sum()
    y = (digit.sum(axis=1) @ np.arange(height)) / weight
    x = (digit.sum(axis=0) @ np.arange(width)) / weight
    top = int(np.clip(round(SIDE / 2 - y), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - x), 0, SIDE - width))
    centered = np.zeros((SIDE, SIDE), np.uint8)
    centered[top : top + height, left : left + width] = np.round(digit)
    return centered
