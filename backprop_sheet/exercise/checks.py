"""Check the values of an exercise: their number, their size, and that the loss fits the outputs."""

from __future__ import annotations

import math

from backprop_sheet.exercise.choices import WEIGHT_DECAY, activation_named, loss_named
from backprop_sheet.exercise.limits import largest_learning_rate, largest_value
from backprop_sheet.exercise.model import Exercise, Network, Training
from backprop_sheet.exercise.toml_table import shown
from gradsheet.errors import InvalidInputError
from gradsheet.words import one_of, plural

MAX_RATES = 255  # the number of lines in one chart in Excel
MAX_ITERATIONS = 1_000_000


class InvalidValueError(InvalidInputError):
    """A value of an exercise is not allowed. ``key`` is its key in the exercise file."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


_WOULD_OVERFLOW = "with a larger number, a cell could overflow"


def check_exercise(exercise: Exercise) -> None:
    """Check the number and the size of all values, and that the loss fits the outputs.

    Raises:
        InvalidInputError: the message says what is wrong and what is allowed.
    """
    network, training = exercise.network, exercise.training
    _check_training(network, training)
    count = len(exercise.samples)
    output = activation_named(network.activations[-1])
    largest = largest_value(network, training, count)
    lists: list[tuple[str, str, tuple[float, ...], int]] = [
        ("weights", "w", exercise.weights, network.weight_count),
        ("biases", "b", exercise.biases, network.bias_count),
    ]
    for at, sample in enumerate(exercise.samples, 1):
        prefix = f"samples[{at}]." if count > 1 else ""
        lists.append((f"{prefix}inputs", "i", sample.inputs, network.neurons[0]))
        lists.append((f"{prefix}targets", "t", sample.targets, network.neurons[-1]))
    for what, letter, values, needed in lists:
        if values and not needed:
            raise InvalidValueError(
                what, f"{what}: the network has none (network.bias is 'none'), got {len(values)}"
            )
        if len(values) != needed:
            names = f" ({letter}1 to {letter}{needed})" if needed > 1 else ""
            raise InvalidValueError(
                what,
                f"{what}: the network needs {needed} {plural(needed, 'number')}{names}, "
                f"got {len(values)}",
            )
        for at, value in enumerate(values, 1):
            if not math.isfinite(value):
                raise InvalidValueError(
                    what, f"{what}: {letter}{at} must be a finite number, got {value}"
                )
            if abs(value) > largest:
                raise InvalidValueError(
                    what,
                    f"{what}: {letter}{at} must be within ±{largest:g}, got {value:g}: "
                    f"{_WOULD_OVERFLOW}",
                )
            if letter == "t" and output.clips and abs(value) > output.largest:
                raise InvalidValueError(
                    what,
                    f"{what}: {letter}{at} must be within ±{output.largest:g}, got {value:g}: "
                    f"{output.name} outputs are limited to that",
                )
    _check_learning_rates(training, largest_learning_rate(network, training, count))


def _check_training(network: Network, training: Training) -> None:
    if not 1 <= training.iterations <= MAX_ITERATIONS:
        raise InvalidInputError(
            f"iterations must be 1 to {MAX_ITERATIONS:,}, got {shown(training.iterations)}"
        )
    output, loss = network.activations[-1], loss_named(training.loss)
    if loss.outputs and output not in loss.outputs:
        raise InvalidInputError(
            f"training.loss {loss.name} needs {one_of(loss.outputs)} outputs, and the last of "
            f"network.activations is {output}"
        )


def _check_learning_rates(training: Training, largest: float) -> None:
    learning_rates = training.learning_rates
    if not 1 <= len(learning_rates) <= MAX_RATES:
        raise InvalidValueError(
            "learning_rates",
            f"learning_rates must be 1 to {MAX_RATES} numbers, got {len(learning_rates)}",
        )
    for rate in learning_rates:
        if not (math.isfinite(rate) and rate > 0):
            raise InvalidValueError(
                "learning_rates", f"learning_rates must be finite numbers above 0, got {rate:g}"
            )
        if rate > largest:
            decay = training.hyperparameters.get(WEIGHT_DECAY.symbol)
            reason = _WOULD_OVERFLOW
            if decay and largest == 1 / decay:
                reason = "with a larger one, weight decay would change the signs of the parameters"
            raise InvalidValueError(
                "learning_rates",
                f"learning_rates must be at most {largest:g} for this network and its training, "
                f"got {rate:g}: {reason}",
            )
