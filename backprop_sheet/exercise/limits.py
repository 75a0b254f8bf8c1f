"""How large given values may be so that no cell overflows during training.

Excel's largest number is 1.8e308. Sigmoid, tanh and softmax are bounded, and relu and linear are
clipped. This bounds the gradients, from the last layer backward, by the parameters of the later
layers. A parameter is bounded by its initial value plus the sum of its steps. So every number in
the table has a bound that follows from the given values, the learning rate and the number of
iterations.
"""

from __future__ import annotations

from backprop_sheet.exercise.choices import WEIGHT_DECAY, activation_named, loss_named, update_rule
from backprop_sheet.exercise.model import Network, Training

MAX_EXPONENT = 40  # nobody needs more than 1e40
# Given values up to 1e3 are always allowed; if necessary, the learning rates are limited instead.
MIN_VALUE_EXPONENT = 3
MAX_CELL = 1e300


def largest_value(network: Network, training: Training, sample_count: int) -> float:
    """Return the largest magnitude of an input, a target or a parameter.

    It is a power of ten from 1e3 to 1e40. No number in the table then exceeds 1e300, at any
    learning rate up to :func:`largest_learning_rate`.
    """
    return _limits(network, training, sample_count)[0]


def largest_learning_rate(network: Network, training: Training, sample_count: int) -> float:
    """Return the largest learning rate, a power of ten up to 1e40.

    With weight decay, η·λ is at most 1.
    """
    largest = _limits(network, training, sample_count)[1]
    decay = training.hyperparameters.get(WEIGHT_DECAY.symbol, 0.0)
    return min(largest, 1 / decay) if decay else largest


def _limits(network: Network, training: Training, sample_count: int) -> tuple[float, float]:
    """Return the largest given value and the largest learning rate."""
    for exponent in range(MAX_EXPONENT, -400, -1):
        value, rate = float(f"1e{max(exponent, MIN_VALUE_EXPONENT)}"), float(f"1e{exponent}")
        if _largest_cell(network, training, sample_count, value, rate) <= MAX_CELL:
            break
    return value, rate


def _largest_cell(
    network: Network, training: Training, sample_count: int, value: float, rate: float
) -> float:
    sizes = network.neurons
    clips = [activation_named(kind).largest for kind in network.activations]
    sources = [max(value, 1.0), *clips[:-1]]
    distance = clips[-1] + value  # of an output from its target
    loss = loss_named(training.loss)
    rule, symbols, iterations = update_rule(training), training.hyperparameters, training.iterations
    # The errors and their sums over outputs and samples.
    cells = [loss.largest(distance) * sizes[-1] * sample_count]
    slopes = [activation_named(kind).largest_slope for kind in network.activations]
    adjoint = loss.largest_slope(distance) * sizes[-1] * slopes[-1]  # of the outputs' sums
    for layer in reversed(range(len(clips))):
        gradient = adjoint * sizes[layer + 1] * sources[layer]
        total = sample_count * gradient
        used = total if training.reduction == "sum" else gradient
        parameter = value + iterations * rate * rule.largest_step(symbols, iterations, used)
        cells += [total, rate * used, rule.largest_state(symbols, iterations, used)]
        cells += [parameter, 2 * (sizes[layer] + 1) * parameter * sources[layer]]
        adjoint *= sizes[layer + 1] * parameter * slopes[layer - 1]
    return max(cells)
