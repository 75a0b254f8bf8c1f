"""Conditions that a trained network must meet: its size, its accuracy, and what it consists of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gradsheet.words import count, join
from keras_model.evaluation import Evaluation
from keras_model.networks.architecture import Architecture, Place


@dataclass(frozen=True)
class Feature:
    """Something that a network may have, and how a layer is recognized that brings it."""

    words: str
    is_in: Callable[[Place], bool]


def _is_dropout(place: Place) -> bool:
    return place.layer.kind in ("Dropout", "SpatialDropout2D") and (
        getattr(place.layer, "rate", 0.0) > 0
    )


def _averages_whole_maps(place: Place) -> bool:
    """Whether a layer is global average pooling, also written as a window of the maps' size."""
    if place.layer.kind == "GlobalAveragePooling2D":
        return True
    if place.layer.kind != "AveragePooling2D" or place.output_shape[:2] != (1, 1):
        return False
    windows = place.layer.windows(place.input_shape)
    return windows is not None and all(
        window.size >= side for window, side in zip(windows, place.input_shape, strict=False)
    )


def _is(*kinds: str) -> Callable[[Place], bool]:
    return lambda place: place.layer.kind in kinds


FEATURES = {
    "batchnorm": Feature("batch normalization", _is("BatchNormalization")),
    "layernorm": Feature("layer normalization", _is("LayerNormalization")),
    "dropout": Feature("dropout", _is_dropout),
    "gap": Feature("global average pooling", _averages_whole_maps),
    "maxpool": Feature("max pooling", _is("MaxPooling2D")),
    "dense": Feature("a dense layer", _is("Dense")),
}
_OTHER_NAMES = {"bn": "batchnorm", "ln": "layernorm", "fc": "dense"}
# For prediction, exporters drop the one and compute the other in the convolution before it.
_LOST_IN_ONNX = ("batchnorm", "dropout")


@dataclass(frozen=True)
class Outcome:
    """A condition, what was found instead, and whether it is met.

    ``name`` is a short one: ``parameters``, ``accuracy``, or that of a feature.
    """

    name: str
    condition: str
    found: str
    is_met: bool

    def line(self) -> str:
        """Return the outcome in one line."""
        return f"{'met' if self.is_met else 'MISSED':<8}{self.condition}: {self.found}"


@dataclass(frozen=True)
class Conditions:
    """What a model must have; None and an empty tuple ask for nothing.

    Attributes:
        max_parameters: of trainable parameters.
        min_accuracy: in percent.
        required: names of :data:`FEATURES`.
    """

    max_parameters: int | None = None
    min_accuracy: float | None = None
    required: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The short names of the conditions."""
        sizes = ("parameters",) if self.max_parameters is not None else ()
        accuracies = ("accuracy",) if self.min_accuracy is not None else ()
        return (*sizes, *accuracies, *self.required)

    def outcomes(
        self, architecture: Architecture, evaluation: Evaluation, *, is_onnx: bool = False
    ) -> tuple[Outcome, ...]:
        """Compare a network and its evaluation with the conditions.

        Args:
            is_onnx: whether the network was read from an ONNX file.
        """
        found = []
        if self.max_parameters is not None:
            condition = f"at most {count(self.max_parameters, 'trainable parameter')}"
            size = architecture.trainable
            found.append(Outcome("parameters", condition, f"{size:,}", size <= self.max_parameters))
        if self.min_accuracy is not None:
            found.append(_accuracy_outcome(self.min_accuracy, evaluation))
        for name in self.required:
            found.append(_feature_outcome(name, architecture, is_onnx))
        return tuple(found)


def _accuracy_outcome(limit: float, evaluation: Evaluation) -> Outcome:
    # A limit such as 99.4 % of 10,000 is a whole number, which floats miss by a little.
    is_met = evaluation.correct >= math.ceil(limit * evaluation.total / 100 - 1e-6)
    return Outcome(
        "accuracy",
        f"an accuracy of at least {limit:g}%",
        f"{evaluation.accuracy:.2%} ({evaluation.correct:,} of {evaluation.total:,})",
        is_met,
    )


def _feature_outcome(name: str, architecture: Architecture, is_onnx: bool) -> Outcome:
    feature = FEATURES[name]
    numbers = [place.number for place in architecture.places if feature.is_in(place)]
    if numbers:
        words = "layer" if len(numbers) == 1 else "layers"
        found = f"{words} {join(map(str, numbers))}"
    else:
        found = "none"
        if is_onnx and name in _LOST_IN_ONNX:
            found += " in the file, from which exporters may have removed it"
    return Outcome(name, feature.words, found, bool(numbers))


def check_max_parameters(limit: int) -> None:
    """Check a limit of parameters.

    Raises:
        ValueError: it is below 1.
    """
    if limit < 1:
        raise ValueError(f"must be 1 or more, got {limit}")


def check_min_accuracy(limit: float) -> None:
    """Check a limit of the accuracy, in percent.

    Raises:
        ValueError: it is not a number of percent above 1, or looks like a share.
    """
    if 0 < limit <= 1:
        raise ValueError(f"is in percent: {100 * limit:g} instead of {limit:g}")
    if not 0 < limit <= 100:
        raise ValueError(f"must be a percentage of at most 100, got {limit:g}")


def features_of(text: str) -> tuple[str, ...]:
    """Return the names of the features in a list such as ``batchnorm,dropout``.

    Raises:
        ValueError: there is none of a name.
    """
    names = []
    for part in text.split(","):
        name = part.strip().lower()
        name = _OTHER_NAMES.get(name, name)
        if name not in FEATURES:
            raise ValueError(f"must consist of {', '.join(FEATURES)}; got {part.strip()!r}")
        names.append(name)
    return tuple(dict.fromkeys(names))
