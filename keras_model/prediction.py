"""Classifying digits and the digits in picture files; the results as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_model.data.scaling import Scaling
from keras_model.handwriting.decoding import PictureError, read_picture
from keras_model.handwriting.digits import Box, FoundDigit, find_digits
from keras_model.handwriting.doubt import DoubtMeasure, measure_doubt
from keras_model.trained.network import TrainedNetwork

if TYPE_CHECKING:
    from PIL import Image

_KEPT_SIDE = 448  # of pictures that are kept to be drawn
_TWO = "two digits that touch?"
_NONE = "no digit?"


@dataclass(frozen=True)
class Prediction:
    """The predicted digit, the second most probable one, and the probabilities of 0 to 9.

    ``is_unsure`` says whether it may be another digit or none.
    """

    digit: int
    runner_up: int
    probabilities: tuple[float, ...]
    is_unsure: bool

    @property
    def probability(self) -> float:
        """The probability of the predicted digit."""
        return self.probabilities[self.digit]


@dataclass(frozen=True)
class DigitPrediction:
    """A digit of a picture.

    Attributes:
        image: the network's input (28, 28) uint8.
        box: left, top, right and bottom in pixels of the upright picture; the ends are exclusive.
        prediction: what the network reads.
        doubt: why this is unsure, as a question; empty if it is not.
    """

    image: np.ndarray
    box: Box
    prediction: Prediction
    doubt: str


@dataclass(frozen=True)
class PicturePrediction:
    """A picture file, its size, a small copy of it, and its digits in reading order."""

    file: Path
    size: tuple[int, int]
    small: Image.Image
    digits: tuple[DigitPrediction, ...]


def predict_digits(
    network: TrainedNetwork, scaling: Scaling, measure: DoubtMeasure, images: Sequence[np.ndarray]
) -> list[Prediction]:
    """Classify one or more images (28, 28) uint8 in MNIST's format.

    Raises:
        NetworkError: see :meth:`TrainedNetwork.outputs`.
    """
    outputs = network.outputs(scaling(np.stack(images)))
    probabilities = network.probabilities(outputs.logits)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return [
        Prediction(int(digit), int(runner_up), tuple(row.tolist()), bool(is_unsure))
        for (digit, runner_up), row, is_unsure in zip(
            order[:, :2], probabilities, measure.are_unsure(outputs, probabilities), strict=True
        )
    ]


def predict_files(
    network: TrainedNetwork, scaling: Scaling, files: Iterable[Path]
) -> tuple[list[PicturePrediction], list[tuple[Path, str]]]:
    """Classify the digits in picture files.

    Returns:
        The pictures with digits, and the files that have none or could not be read, each with the
        reason.
    """
    results: list[PicturePrediction] = []
    problems: list[tuple[Path, str]] = []
    measure = None
    for file in files:
        try:
            picture = read_picture(file)
            found = find_digits(picture.image)
            if not found:
                raise PictureError("has no digit")
        except PictureError as error:
            problems.append((file, str(error)))
            continue
        if measure is None:
            measure = measure_doubt(network, scaling)
        predictions = predict_digits(network, scaling, measure, [digit.image for digit in found])
        scale = picture.size[0] / picture.image.width, picture.size[1] / picture.image.height
        digits = tuple(
            DigitPrediction(
                digit.image,
                _scaled(digit.box, scale),
                prediction,
                _doubt(digit, prediction),
            )
            for digit, prediction in zip(found, predictions, strict=True)
        )
        small = picture.image
        small.thumbnail((_KEPT_SIDE, _KEPT_SIDE))
        results.append(PicturePrediction(file, picture.size, small, digits))
    return results, problems


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    left, top, right, bottom = (round(edge * scale[number % 2]) for number, edge in enumerate(box))
    return left, top, right, bottom


def _doubt(digit: FoundDigit, prediction: Prediction) -> str:
    if digit.may_touch:
        return _TWO
    may_be_none = digit.is_dash or digit.is_tiny or prediction.is_unsure
    return _NONE if may_be_none else ""


def as_json(results: Sequence[PicturePrediction]) -> list[dict[str, Any]]:
    """Return one JSON object per digit."""
    return [
        {
            "file": str(result.file),
            "digit": digit.prediction.digit,
            "probability": digit.prediction.probability,
            "probabilities": digit.prediction.probabilities,
            "unsure": bool(digit.doubt),
            "box": digit.box,
        }
        for result in results
        for digit in result.digits
    ]


def as_table(results: Sequence[PicturePrediction]) -> list[str]:
    """Return the lines of a table with one row per digit; a file is named in its first row."""
    width = max(len("file"), *(len(str(result.file)) for result in results))
    lines = [f"{'file':<{width}}  digit  probability  runner-up"]
    for result in results:
        for number, digit in enumerate(result.digits):
            prediction = digit.prediction
            name = str(result.file) if number == 0 else ""
            runner_up = prediction.runner_up
            second = f"{runner_up} ({prediction.probabilities[runner_up]:.1%})"
            unsure = f"  unsure: {digit.doubt}" if digit.doubt else ""
            lines.append(
                f"{name:<{width}}  {prediction.digit:>5}  {prediction.probability:>11.1%}"
                f"  {second:<9}{unsure}".rstrip()
            )
    return lines
