"""When a digit that was read may be another one, or no digit at all.

A prediction is in doubt if its probability is low, or if the network's maps are unlike those of
digits. The second is the Mahalanobis distance of the means of the maps of all layers from the
nearest class, with one covariance for all classes, as in K. Lee, K. Lee, H. Lee and J. Shin, "A
simple unified framework for detecting out-of-distribution samples and adversarial attacks",
NeurIPS 2018. Networks differ: with label smoothing, clear digits have a probability of 0.9, without
it nearly 1. So both are measured on digits of the package, and nothing is stored in a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_model.data.mnist import CLASSES, sample
from keras_model.data.scaling import Scaling
from keras_model.trained.network import Outputs, TrainedNetwork
from keras_model.trained.scaling import FEW

# Of digits that the network was not trained on, this share is unsure. benchmarks/README.md has the
# shares of digits in pictures, of letters and of doodles, and what else was tried.
UNSURE = 0.02
FOLDS = 5
SHRINKAGE = 0.01  # added to the variances of standardized means
PROBABILITY_WEIGHT = 0.5  # beside the distance, each divided by its standard deviation
ROUNDING = 0.001  # probabilities that are nearer to 1 are alike
_LEAST_DEVIATION = 0.1  # of the logarithm; a network may be equally sure of all digits
_MAX_OPERATIONS = 10**10  # more would take seconds


@dataclass(frozen=True)
class DoubtMeasure:
    """How doubtful the predictions of a network are.

    Attributes:
        centers: (10, k), the classes' means of the k means of maps, times ``whitening``.
        whitening: (k, k), lower triangular. The distance of points that are multiplied by it is
            their Mahalanobis distance in standard deviations.
        probability_weight: of the logarithm of one minus the probability.
        limit: what is more doubtful is unsure.
    """

    centers: np.ndarray
    whitening: np.ndarray
    probability_weight: float
    limit: float

    def doubts(self, outputs: Outputs, probabilities: np.ndarray) -> np.ndarray:
        """Return the doubts (n,) of predictions with probabilities (n, 10)."""
        means = outputs.means if self.whitening.size else outputs.means[:, :0]
        distances = _distances(means @ self.whitening, self.centers)
        return distances + self.probability_weight * _logarithms(probabilities)

    def are_unsure(self, outputs: Outputs, probabilities: np.ndarray) -> np.ndarray:
        """Return for each prediction whether it is unsure, bool (n,)."""
        return self.doubts(outputs, probabilities) > self.limit


def measure_doubt(network: TrainedNetwork, scaling: Scaling) -> DoubtMeasure:
    """Measure what a network's predictions of digits are like.

    The digits are the package's test digits. A network that was trained on the package's digits
    has not seen them, and one that was trained on MNIST not oftener than others.

    A network without maps has only the probabilities. So has one that is large, or that can hardly
    read these digits, because its classes are others.
    """
    digits = sample()  # sorted by class, so that each fold has as many of each
    images, labels = digits.x_test, digits.y_test
    is_first = np.arange(len(images)) % FOLDS == 0
    first = network.outputs(scaling(images[is_first]))
    accuracy = float(np.mean(first.logits.argmax(axis=1) == labels[is_first]))
    is_large = network.operations_per_digit * len(images) > _MAX_OPERATIONS
    if is_large or accuracy < FEW or not first.means.size:
        probabilities = network.probabilities(first.logits)
        return _measured(first.means[:, :0], probabilities, labels[is_first])
    rest = network.outputs(scaling(images[~is_first]))
    means, logits = (np.empty((len(images), part.shape[1])) for part in (first.means, first.logits))
    means[is_first], logits[is_first] = first.means, first.logits
    means[~is_first], logits[~is_first] = rest.means, rest.logits
    return _measured(means, network.probabilities(logits), labels)


def _measured(means: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> DoubtMeasure:
    """Return the measure by cross-validation."""
    distances = np.empty(len(means))
    folds = np.arange(len(means)) % FOLDS
    for fold in range(FOLDS):
        is_left_out = folds == fold
        centers, whitening = _fit(means[~is_left_out], labels[~is_left_out])
        distances[is_left_out] = _distances(means[is_left_out] @ whitening, centers)
    deviation = float(distances.std()) or 1.0
    logarithms = _logarithms(probabilities)
    weight = PROBABILITY_WEIGHT / max(float(logarithms.std()), _LEAST_DEVIATION)
    limit = float(np.quantile(distances / deviation + weight * logarithms, 1 - UNSURE))
    centers, whitening = _fit(means, labels)
    return DoubtMeasure(centers / deviation, whitening / deviation, weight, limit)


def _fit(means: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the whitened centers of the classes, and what whitens, for means (n, k)."""
    centers = np.stack([means[labels == label].mean(axis=0) for label in range(CLASSES)])
    deviations = means.std(axis=0)
    varies = deviations > 1e-6 * deviations.max(initial=0.0)
    deviations = np.where(varies, deviations, 1.0)
    rest = (means - centers[labels]) / deviations
    covariance = rest.T @ rest / len(rest) + SHRINKAGE * np.eye(len(deviations))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)) / deviations[:, None]
    return centers @ whitening, whitening


def _distances(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the distance of each point (n, k) from the nearest center."""
    differences = points[:, None] - centers
    nearest: np.ndarray = np.sqrt((differences**2).sum(axis=2).min(axis=1))
    return nearest


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithm of one minus the highest probability."""
    logarithms: np.ndarray = np.log(1 - probabilities.max(axis=1) + ROUNDING)
    return logarithms
