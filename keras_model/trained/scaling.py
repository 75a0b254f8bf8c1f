"""Which scaling of pixels a network was trained with."""

from __future__ import annotations

from dataclasses import dataclass

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS, Scaling
from keras_model.evaluation import evaluation_of
from keras_model.trained.network import TrainedNetwork

TRIED_DIGITS = 200  # training digits of the package's sample


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

    Without a name: 0 to 255 if the network scales them itself; else the scaling with which it
    reads some training digits best.

    Raises:
        TrainingError: the network gives numbers that are not finite with every scaling.
    """
    if name is not None:
        return ChosenScaling(SCALINGS[name], "")
    if network.architecture.scales_itself:
        return ChosenScaling(SCALINGS["raw"], ", because the network scales them itself")
    digits = sample()
    step = len(digits.x_train) // TRIED_DIGITS
    images, labels = digits.x_train[::step], digits.y_train[::step]
    activation = network.architecture.output_activation
    tried = {
        name: evaluation_of(network.logits(scaling(images)), labels, activation)
        for name, scaling in SCALINGS.items()
    }
    best = max(tried, key=lambda name: (tried[name].correct, -tried[name].loss))
    shares = ", ".join(f"{name} {result.accuracy:.0%}" for name, result in tried.items())
    return ChosenScaling(SCALINGS[best], f", as the network reads training digits best ({shares})")
