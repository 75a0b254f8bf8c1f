"""What a network says of digits: probabilities, the likeliest digit, the runner-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_model.mnist import normalised

if TYPE_CHECKING:
    import keras


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Reading:
    """What was read of one digit; ``probabilities`` are of 0 to 9."""

    digit: int
    runner_up: int
    probabilities: tuple[float, ...]

    @property
    def probability(self) -> float:
        """How sure the network is of the digit."""
        return self.probabilities[self.digit]


def read_digits(network: keras.Model, images: Sequence[np.ndarray]) -> list[Reading]:
    """Read digits, each (28, 28) uint8 in MNIST's form; at least one."""
    logits = network.predict(normalised(np.stack(images)), verbose=0)
    logits = np.asarray(logits, np.float64)
    readings = []
    for shares in probabilities(logits):
        first, second = (int(one) for one in np.argsort(-shares, kind="stable")[:2])
        readings.append(Reading(first, second, tuple(shares.tolist())))
    return readings
