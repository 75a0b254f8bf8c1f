"""When a digit that was read may be another one, or no digit at all."""

from __future__ import annotations

import numpy as np

from keras_model.data.mnist import sample_for_training
from keras_model.data.scaling import Scaling
from keras_model.trained.network import TrainedNetwork

CALIBRATION_DIGITS = 200  # training digits of the package's sample
# Of a network's own training digits, this share would be unsure. benchmarks/README.md has the share
# of digits in pictures, of letters and of doodles for several shares.
UNSURE = 0.02


def least_probability(network: TrainedNetwork, scaling: Scaling) -> float:
    """Return the probability below which a network's prediction is unsure.

    Networks differ: with label smoothing, clear digits have a probability of 0.9, without it nearly
    1. So it is the one that nearly all training digits reach.
    """
    images, _ = sample_for_training(CALIBRATION_DIGITS)
    probabilities = network.probabilities(network.logits(scaling(images)))
    return float(np.quantile(probabilities.max(axis=1), UNSURE))
