"""Replace the given values of an exercise, as command options do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backprop_sheet.exercise.checks import check_exercise
from backprop_sheet.exercise.model import Exercise, Sample
from gradsheet.errors import InvalidInputError


def with_values(
    exercise: Exercise,
    *,
    inputs: Sequence[float] | None = None,
    targets: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    biases: Sequence[float] | None = None,
    learning_rates: Sequence[float] | None = None,
    iterations: int | None = None,
) -> Exercise:
    """Return the exercise with other values; None keeps a value as it is.

    Raises:
        InvalidInputError: wrong values, or inputs or targets for more than one sample.
    """
    if inputs is not None or targets is not None:
        if len(exercise.samples) > 1:
            raise InvalidInputError(
                f"inputs and targets cannot be replaced: the exercise has "
                f"{len(exercise.samples)} samples; change them in its file"
            )
        sample = exercise.samples[0]
        sample = Sample(
            sample.inputs if inputs is None else tuple(inputs),
            sample.targets if targets is None else tuple(targets),
        )
        exercise = replace(exercise, samples=(sample,))
    if weights is not None:
        exercise = replace(exercise, weights=tuple(weights))
    if biases is not None:
        exercise = replace(exercise, biases=tuple(biases))
    training = exercise.training
    if learning_rates is not None:
        training = replace(training, learning_rates=tuple(dict.fromkeys(learning_rates)))
    if iterations is not None:
        training = replace(training, iterations=iterations)
    exercise = replace(exercise, training=training)
    check_exercise(exercise)
    return exercise
