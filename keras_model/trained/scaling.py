"""Which scaling of pixels a network was trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_model.data.mnist import sample_for_training
from keras_model.data.scaling import SCALINGS, Scaling
from keras_model.evaluation import Evaluation, evaluation_of
from keras_model.layers.layer import Weights
from keras_model.layers.normalization import Normalization
from keras_model.networks.architecture import Architecture, NetworkError
from keras_model.trained.network import TrainedNetwork

# Training digits of the package's sample: a few, then more, for scalings that are close.
TRIED_DIGITS = (50, 200)
CLOSE = 0.1  # in accuracy; with 50 digits, three standard errors of an accuracy of 95 %
# With 200 digits, two standard errors. A network of ReLU and small biases reads digits of any scale
# alike, but training fits the probabilities to one: there the loss is small.
EQUAL = 0.03
FEW = 0.5  # accuracy of a network that is hardly trained, or of digits in another form
_CLIPPED = 10  # deviations


@dataclass(frozen=True)
class ChosenScaling:
    """A scaling, and why it was chosen."""

    scaling: Scaling
    reason: str

    def words(self) -> str:
        """Return the choice as a sentence, without its period."""
        return f"pixels are {self.scaling.words}{self.reason}"


def choose_scaling(network: TrainedNetwork, name: str | None = None) -> ChosenScaling:
    """Return the scaling of a name, or else the one that the network was trained with.

    Without a name: the scaling with which it reads some training digits best; of those that are
    close, or if it reads few digits with any, the one that its own layer for scaling was made for,
    if it has one, and else the one with the smallest loss.

    Raises:
        NetworkError: the network gives numbers that are not finite with every scaling.
    """
    if name is not None:
        return ChosenScaling(SCALINGS[name], "")
    tried, contenders = _tried(network)
    most = max(tried[name].accuracy for name in contenders)
    expected = expected_scaling(network.architecture, network.weights)
    # The accuracy of a network that reads few digits tells nothing.
    if expected is not None and (expected in contenders or (most < FEW and expected in tried)):
        if network.architecture.scales_itself:
            return ChosenScaling(SCALINGS[expected], ", because the network scales them itself")
        return ChosenScaling(SCALINGS[expected], ", as the network's Normalization expects them")
    equal = [name for name in contenders if tried[name].accuracy > most - EQUAL]
    best = min(equal, key=lambda name: tried[name].loss)
    shares = ", ".join(f"{name} {result.accuracy:.0%}" for name, result in tried.items())
    reason = f", as the network reads training digits best ({shares})"
    if most < FEW:
        reason += "; if they were scaled otherwise in its training, give --scale"
    return ChosenScaling(SCALINGS[best], reason)


def expected_scaling(
    architecture: Architecture, weights: Sequence[Weights] | None = None
) -> str | None:
    """Return the name of the scaling that the network's own layer for scaling was made for.

    Digits in the scaling to which a Normalization was adapted leave it with a deviation near 1.

    Args:
        weights: of each layer; None if it is not trained yet.

    Returns:
        None if the network has no such layer, or one that is not adapted yet.
    """
    layer = architecture.first_scaling
    if architecture.scales_itself:
        return "raw"
    if not isinstance(layer, Normalization) or (weights is None and layer.mean is None):
        return None
    index = architecture.layers.index(layer)
    shape = architecture.places[index].input_shape
    images, _ = sample_for_training(TRIED_DIGITS[0])
    distances = {}
    for name, scaling in SCALINGS.items():
        pixels = scaling(images).reshape(len(images), *shape)
        values = layer.compute(pixels, weights[index] if weights is not None else {})
        # A pixel that never had ink in training has a variance of 0.
        deviation = float(np.clip(values, -_CLIPPED, _CLIPPED).std())
        distances[name] = abs(math.log(max(deviation, 1e-9)))
    return min(distances, key=distances.__getitem__)


def _tried(network: TrainedNetwork) -> tuple[dict[str, Evaluation], list[str]]:
    """Evaluate the network with each scaling, on more digits with those that are close.

    Returns:
        The evaluations, and the names of the scalings that are close to the best. These were
        evaluated on the same digits.
    """
    activation = network.architecture.output_activation
    tried: dict[str, Evaluation] = {}
    contenders = list(SCALINGS)
    for count in TRIED_DIGITS:
        images, labels = sample_for_training(count)
        problem = None
        for name in list(contenders):
            try:
                logits = network.logits(SCALINGS[name](images))
            except NetworkError as error:  # pixels of 0 to 255 may be too large for it
                problem = error
                contenders.remove(name)
                continue
            tried[name] = evaluation_of(logits, labels, activation)
        if not contenders and problem is not None:
            raise problem
        best = max(tried[name].accuracy for name in contenders)
        contenders = [name for name in contenders if tried[name].accuracy > best - CLOSE]
        if len(contenders) == 1:
            break
    return tried, contenders
