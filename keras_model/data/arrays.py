"""The same batches from NumPy, for a backend without TensorFlow (``KERAS_BACKEND=jax``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_model.data.augmentation import AMOUNTS, random_affine
from keras_model.data.mnist import CLASSES, normalized
from keras_model.recipe import Recipe


def batches(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, *, seed: int, first_epoch: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of (digits, one-hot labels), epoch after epoch; see :func:`pipeline.batches`."""
    one_hot = np.eye(CLASSES, dtype=np.float32)
    for epoch in range(first_epoch, recipe.epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(images))
        augmented = epoch < recipe.augmented_epochs
        for start in range(0, len(order), recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            digits = normalized(images[chosen])
            if augmented:
                noise = rng.uniform(-1, 1, (len(chosen), AMOUNTS)).astype(np.float32)
                # The background is 0 before normalization, and comes in at the edges.
                background = digits.min(initial=0.0)
                digits = np.asarray(random_affine(digits - background, noise, recipe)) + background
            digits = digits[:, : recipe.input_size, : recipe.input_size]
            yield digits.astype(np.float32), one_hot[labels[chosen]]
