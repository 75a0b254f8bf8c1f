"""The optimizer and the learning rate schedule of a recipe."""

from __future__ import annotations

import keras

from keras_model.recipe import Recipe


def make_optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.Optimizer:
    """Return SGD or Adam, with a constant rate or with linear warm-up and cosine decay.

    Weight decay is that of Loshchilov and Hutter, 2019: it does not pass through the momentum.
    """
    decay = recipe.weight_decay or None
    rate: float | keras.optimizers.schedules.LearningRateSchedule = recipe.learning_rate
    if not recipe.has_constant_rate:
        steps = steps_per_epoch * recipe.epochs
        rising = max(1, round(steps * recipe.warm_up))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - rising), warmup_target=recipe.learning_rate, warmup_steps=rising
        )
    if recipe.adam_beta_2:
        return keras.optimizers.Adam(
            rate,
            beta_1=recipe.momentum,
            beta_2=recipe.adam_beta_2,
            epsilon=1e-8,
            weight_decay=decay,
        )
    return keras.optimizers.SGD(
        rate, momentum=recipe.momentum, nesterov=recipe.nesterov, weight_decay=decay
    )
