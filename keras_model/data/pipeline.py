"""The digits as a tf.data pipeline: shuffled, batched, augmented, normalized, prefetched.

Everything random is a function of the seed, the epoch and the step alone, so that a run that goes
on after a stop sees the digits that it would have seen.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_model.data.augmentation import AMOUNTS, random_affine
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.data.scaling import SCALINGS, Scaling
from keras_model.recipe import Recipe

PARALLEL = 2
AHEAD = 4  # batches prefetched


def batches(
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe,
    *,
    seed: int,
    first_epoch: int = 0,
    scaling: Scaling = SCALINGS["mnist"],
) -> tf.data.Dataset:
    """Batches of (digits, labels), epoch after epoch, each digit once an epoch.

    Args:
        images: (n, 28, 28) uint8. labels: (n,) uint8.
        first_epoch: the epoch, from 0, that the first batch belongs to.
        scaling: of the pixels, after the augmentation.

    Yields:
        float32 (b, side, side, 1), scaled, and labels one-hot float32 (b, 10).
    """
    count, size = len(images), recipe.batch_size
    # Constants of the graph would be copied into it; a captured tensor is not.
    all_images, all_labels = tf.constant(images), tf.constant(labels)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([tf.cast(seed, tf.int64), number])
        )
        steps = tf.data.Dataset.range(recipe.steps_per_epoch(count))
        return steps.map(lambda step: (number, step, order[step * size : (step + 1) * size]))

    def prepared(
        number: tf.Tensor, step: tf.Tensor, chosen: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        digits = tf.cast(tf.gather(all_images, chosen), tf.float32)[..., None] / scaling.divisor
        digits = tf.ensure_shape(digits, (None, SIDE, SIDE, 1))
        if recipe.augmented_epochs:
            noise = tf.random.stateless_uniform(
                (tf.shape(digits)[0], AMOUNTS),
                seed=tf.stack([tf.cast(seed, tf.int64) + 1_000_003 * (number + 1), step]),
                minval=-1.0,
                maxval=1.0,
            )
            digits = tf.cond(
                number < recipe.augmented_epochs,
                lambda: random_affine(digits, noise, recipe),
                lambda: digits,
            )
        digits = digits[:, : recipe.input_size, : recipe.input_size]
        digits = (digits - scaling.mean) / scaling.deviation
        return digits, tf.one_hot(tf.gather(all_labels, chosen), CLASSES)

    epochs = tf.data.Dataset.range(first_epoch, recipe.epochs)
    dataset = epochs.flat_map(epoch).map(prepared, num_parallel_calls=PARALLEL).prefetch(AHEAD)
    # With autotuning, an epoch that ends after more than 10.24 s waits for the tuner until 20.48 s.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = PARALLEL
    return dataset.with_options(options)


def be_deterministic() -> None:
    """Every operation gives the same result each time, at some cost of speed."""
    tf.config.experimental.enable_op_determinism()
