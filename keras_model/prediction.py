"""Classifying digits and picture files; the results as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_model.data.pictures import PictureError, read_picture
from keras_model.data.scaling import Scaling
from keras_model.trained.network import TrainedNetwork


@dataclass(frozen=True)
class Prediction:
    """The predicted digit, the second most probable one, and the probabilities of 0 to 9."""

    digit: int
    runner_up: int
    probabilities: tuple[float, ...]

    @property
    def probability(self) -> float:
        """The probability of the predicted digit."""
        return self.probabilities[self.digit]


@dataclass(frozen=True)
class PicturePrediction:
    """A picture file, the network input (28, 28) uint8 made from it, and the prediction."""

    file: Path
    image: np.ndarray
    prediction: Prediction


def predict_digits(
    network: TrainedNetwork, scaling: Scaling, images: Sequence[np.ndarray]
) -> list[Prediction]:
    """Classify one or more images (28, 28) uint8 in MNIST's format.

    Raises:
        TrainingError: see :meth:`TrainedNetwork.logits`.
    """
    predictions = []
    logits = network.logits(scaling(np.stack(images)))
    for probabilities in network.probabilities(logits):
        digit, runner_up = map(int, np.argsort(-probabilities, kind="stable")[:2])
        predictions.append(Prediction(digit, runner_up, tuple(probabilities.tolist())))
    return predictions


def predict_files(
    network: TrainedNetwork, scaling: Scaling, files: Iterable[Path]
) -> tuple[list[PicturePrediction], list[tuple[Path, str]]]:
    """Classify picture files, one digit each.

    Returns:
        The predictions, and the files that could not be read, each with the reason.
    """
    readable: list[tuple[Path, np.ndarray]] = []
    problems: list[tuple[Path, str]] = []
    for file in files:
        try:
            readable.append((file, read_picture(file)))
        except PictureError as error:
            problems.append((file, str(error)))
    predictions = (
        predict_digits(network, scaling, [image for _, image in readable]) if readable else []
    )
    return [
        PicturePrediction(file, image, prediction)
        for (file, image), prediction in zip(readable, predictions, strict=True)
    ], problems


def as_json(results: Sequence[PicturePrediction]) -> list[dict[str, Any]]:
    """Return one JSON object per picture."""
    return [
        {
            "file": str(result.file),
            "digit": result.prediction.digit,
            "probability": result.prediction.probability,
            "probabilities": result.prediction.probabilities,
        }
        for result in results
    ]


def as_table(results: Sequence[PicturePrediction]) -> list[str]:
    """Return the lines of a table with one row per picture."""
    width = max(len("file"), *(len(str(result.file)) for result in results))
    lines = [f"{'file':<{width}}  digit  probability  runner-up"]
    for result in results:
        prediction = result.prediction
        second = f"{prediction.runner_up} ({prediction.probabilities[prediction.runner_up]:.1%})"
        lines.append(
            f"{result.file!s:<{width}}  {prediction.digit:>5}  {prediction.probability:>11.1%}"
            f"  {second}"
        )
    return lines
