"""Means and variances of batch normalization, computed anew from training digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 500


def recompute_statistics(network: keras.Model, digits: np.ndarray) -> None:
    """Replace the moving means and variances of a network by averages over all batches of digits.

    While a network is trained, its moving averages are of the last few batches, of weights that
    still changed, and of augmented digits. This is "precise BatchNorm": Wu and Johnson, "Rethinking
    'Batch' in BatchNorm", 2021, section 3 (https://arxiv.org/abs/2105.07576).

    Args:
        network: with layers that are built; those without batch normalization are not changed.
        digits: (n, height, width, 1), scaled, at least one.
    """
    import keras

    norms = [
        layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not norms:
        return
    momentums = [norm.momentum for norm in norms]
    try:
        for start in range(0, len(digits), BATCH_SIZE):
            batch = digits[start : start + BATCH_SIZE]
            for norm in norms:  # so that each digit counts as much as any other
                norm.momentum = start / (start + len(batch))
            network(batch, training=True)
    finally:
        for norm, momentum in zip(norms, momentums, strict=True):
            norm.momentum = momentum
