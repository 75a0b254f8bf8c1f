"""Replace the given values of an exercise, as command options do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from backprop_sheet.exercise.checks import check_exercise
from backprop_sheet.exercise.model import Exercise, Sample
from gradsheet.errors import InvalidInputError


class GivenValues(TypedDict, total=False):
    """The values of an exercise that can be replaced; None keeps a value as it is."""

    inputs: Sequence[float] | None
    targets: Sequence[float] | None
    weights: Sequence[float] | None
    biases: Sequence[float] | None
    learning_rates: Sequence[float] | None
    iterations: int | None


def with_values(exercise: Exercise, **values: Unpack[GivenValues]) -> Exercise:
    """Return the exercise with other values.

    Raises:
        InvalidInputError: wrong values, or inputs or targets for more than one sample.
    """
    exercise = _with_sample(exercise, values.get("inputs"), values.get("targets"))
    weights, biases = values.get("weights"), values.get("biases")
    if weights is not None:
        exercise = replace(exercise, weights=tuple(weights))
    if biases is not None:
        exercise = replace(exercise, biases=tuple(biases))
    training = exercise.training
    learning_rates, iterations = values.get("learning_rates"), values.get("iterations")
    if learning_rates is not None:
        training = replace(training, learning_rates=tuple(dict.fromkeys(learning_rates)))
    if iterations is not None:
        training = replace(training, iterations=iterations)
    exercise = replace(exercise, training=training)
    check_exercise(exercise)
    return exercise


def _with_sample(
    exercise: Exercise, inputs: Sequence[float] | None, targets: Sequence[float] | None
) -> Exercise:
    if inputs is None and targets is None:
        return exercise
    if len(exercise.samples) > 1:
        raise InvalidInputError(
            f"inputs and targets cannot be replaced: the exercise has "
            f"{len(exercise.samples)} samples; change them in its file"
        )
    [sample] = exercise.samples
    replaced = Sample(
        sample.inputs if inputs is None else tuple(inputs),
        sample.targets if targets is None else tuple(targets),
    )
    return replace(exercise, samples=(replaced,))
