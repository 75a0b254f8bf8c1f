"""The equations of the forward pass and of the error."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.names import TOTAL_ERROR, NetworkNames
from backprop_sheet.exercise.choices import activation_named, loss_named
from backprop_sheet.exercise.model import Network, Training
from backprop_sheet.symbolic.expressions import Expression, Name, Operation, add_up


def forward_equations(network: Network, training: Training, names: NetworkNames) -> list[Equation]:
    """Return the equations from the inputs to the total error, in the order of computation."""
    return [*_layer_equations(network, names), *_error_equations(training, names)]


def _layer_equations(network: Network, names: NetworkNames) -> Iterator[Equation]:
    for neurons, kind in zip(names.layers, network.activations, strict=True):
        activation = activation_named(kind)
        sums = tuple(Name(sum_name) for sum_name, _ in neurons)
        of_layer = []  # equations that need all sums of the layer
        for x, (sum_name, activation_name) in zip(sums, neurons, strict=True):
            quantity = names.quantities[sum_name]
            yield Equation(Step.FORWARD, quantity, add_up(_terms(names, sum_name)))
            rhs = activation.call(x, sums)
            equation = Equation(Step.FORWARD, names.quantities[activation_name], rhs)
            if activation.takes_layer:
                of_layer.append(equation)
            else:
                yield equation
        yield from of_layer


def _terms(names: NetworkNames, sum_name: str) -> list[Expression]:
    terms: list[Expression] = [
        Operation("*", Name(connection.weight), Name(connection.source))
        for connection in names.connections.values()
        if connection.target == sum_name
    ]
    return terms + [Name(bias) for bias, sums in names.bias_targets.items() if sum_name in sums]


def _error_equations(training: Training, names: NetworkNames) -> Iterator[Equation]:
    loss, count = loss_named(training.loss), len(names.outputs)
    for error, target, (_, output) in zip(names.errors, names.targets, names.outputs, strict=True):
        rhs = loss.error(Name(target), Name(output), count)
        yield Equation(Step.ERROR, names.quantities[error], rhs)
    total = add_up([Name(error) for error in names.errors])
    yield Equation(Step.ERROR, names.quantities[TOTAL_ERROR], total)
