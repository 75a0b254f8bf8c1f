"""Small random affine movements of digits, a batch at a time."""

from __future__ import annotations

import math
from typing import Any

from keras_model.data.mnist import SIDE
from keras_model.recipe import Recipe

AMOUNTS = 6  # random numbers for each digit


def random_affine(images: Any, noise: Any, recipe: Recipe) -> Any:
    """Turn, scale, shear and shift each digit about the middle of its picture.

    Args:
        images: (n, 28, 28, 1) float, 0 for the background, which also comes in at the edges.
        noise: (n, 6) uniform random numbers in -1 … 1.

    Returns:
        (n, 28, 28, 1), by bilinear interpolation, in the range of the images.
    """
    from keras import ops

    angle = noise[:, 0] * math.radians(recipe.rotation)
    wide, high = 1 + noise[:, 1] * recipe.scale, 1 + noise[:, 2] * recipe.scale
    shear = noise[:, 3] * recipe.shear
    right, down = noise[:, 4] * recipe.shift, noise[:, 5] * recipe.shift
    cos, sin = ops.cos(angle), ops.sin(angle)
    # Where a pixel of the result comes from: (a b; d e)·(x, y) + (c, f), about the middle.
    a, b = cos / wide, (sin + shear * cos) / wide
    d, e = -sin / high, (cos - shear * sin) / high
    middle = (SIDE - 1) / 2
    c = middle - a * middle - b * middle + right
    f = middle - d * middle - e * middle + down
    zero = ops.zeros_like(a)
    transforms = ops.stack([a, b, c, d, e, f, zero, zero], axis=1)
    return ops.image.affine_transform(
        images,
        transforms,
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=0.0,
        data_format="channels_last",
    )
