"""The limits of the values that the user may type into the workbook, so that no cell overflows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backprop_sheet.exercise.choices import WEIGHT_DECAY, optimizer_named
from backprop_sheet.exercise.limits import largest_value
from backprop_sheet.exercise.model import Exercise

_BELOW_1 = 0.999999  # the largest β, μ or ρ: nearer to 1, other values would have to be smaller


@dataclass(frozen=True)
class TypedLimits:
    """The limits of one workbook. Any combination of values within these limits is allowed.

    Attributes:
        value: the largest magnitude of an input, a target or a parameter.
        learning_rate: the largest learning rate.
        hyperparameters: the smallest and the largest value of each hyperparameter, by symbol.
    """

    value: float
    learning_rate: float
    hyperparameters: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, exercise: Exercise) -> TypedLimits:
        """Return the limits of an exercise's workbook; the exercise's values are within them."""
        training = exercise.training
        given = training.hyperparameters
        hyperparameters = [
            each
            for each in optimizer_named(training.optimizer).hyperparameters
            if each.symbol in given
        ]
        ranges = {
            each.symbol: (each.low, max(min(each.high, _BELOW_1), given[each.symbol]))
            for each in hyperparameters
        }
        learning_rate = largest_value(exercise.network, training, len(exercise.samples))
        decay = WEIGHT_DECAY.symbol
        if decay in ranges:  # with η·λ above 1, weight decay would let parameters grow
            low, high = ranges[decay]
            high = max(min(high, 1 / max(training.learning_rates)), given[decay])
            ranges[decay] = (low, high)
            learning_rate = min(learning_rate, 1 / high)
        # The hyperparameters with the largest results: the largest momentum, the smallest ε.
        extremes = {
            each.symbol: ranges[each.symbol][0 if each.is_divisor else 1]
            for each in hyperparameters
        }
        worst = replace(training, hyperparameters=extremes)
        value = largest_value(exercise.network, worst, len(exercise.samples))
        return cls(value, min(learning_rate, value), ranges)
