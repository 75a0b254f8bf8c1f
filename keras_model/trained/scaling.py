"""Which scaling of pixels a network was trained with."""

from __future__ import annotations

from dataclasses import dataclass

from keras_model.data.mnist import sample_for_training
from keras_model.data.scaling import SCALINGS, Scaling
from keras_model.evaluation import Evaluation, evaluation_of
from keras_model.trained.network import TrainedNetwork

# Training digits of the package's sample: a few, then more, for scalings that are close.
TRIED_DIGITS = (50, 200)
CLOSE = 0.1  # in accuracy; with 50 digits, three standard errors of an accuracy of 95 %


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
    tried, contenders = _tried(network)
    best = max(contenders, key=lambda name: (tried[name].accuracy, -tried[name].loss))
    shares = ", ".join(f"{name} {result.accuracy:.0%}" for name, result in tried.items())
    return ChosenScaling(SCALINGS[best], f", as the network reads training digits best ({shares})")


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
        for name in contenders:
            logits = network.logits(SCALINGS[name](images))
            tried[name] = evaluation_of(logits, labels, activation)
        best = max(tried[name].accuracy for name in contenders)
        contenders = [name for name in contenders if tried[name].accuracy > best - CLOSE]
        if len(contenders) == 1:
            break
    return tried, contenders
