"""The same batches from NumPy, for a backend without TensorFlow (``KERAS_BACKEND=jax``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_model.augmentation import AMOUNTS, moved
from keras_model.mnist import CLASSES, normalised
from keras_model.recipe import Recipe


def batches(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, *, seed: int, first_epoch: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of (digits, one-hot labels), epoch after epoch; see :func:`pipeline.batches`."""
    one_hot = np.eye(CLASSES, dtype=np.float32)
    for epoch in range(first_epoch, recipe.epochs):
        chance = np.random.default_rng([seed, epoch])
        order = chance.permutation(len(images))
        augmented = epoch < recipe.augmented_epochs
        for start in range(0, len(order), recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            digits = normalised(images[chosen])
            if augmented:
                amounts = chance.uniform(-1, 1, (len(chosen), AMOUNTS)).astype(np.float32)
                # The background is 0 before it is normalised, and comes in at the edges.
                background = digits.min(initial=0.0)
                digits = np.asarray(moved(digits - background, amounts, recipe)) + background
            digits = digits[:, : recipe.side, : recipe.side]
            yield digits.astype(np.float32), one_hot[labels[chosen]]
