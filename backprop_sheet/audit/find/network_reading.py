"""Read a network from the formulas of a table, whatever its headers are.

The formulas are classified by what they compute: weighted sums and activations
(:mod:`~backprop_sheet.audit.find.forward_reading`), layers and parameters
(:mod:`~backprop_sheet.audit.find.layer_reading`), targets and errors
(:mod:`~backprop_sheet.audit.find.error_reading`). Most formulas decide, so that a mistake in one of
them is not read as part of the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backprop_sheet.audit.find.error_reading import Errors, read_errors
from backprop_sheet.audit.find.forward_reading import read_neurons
from backprop_sheet.audit.find.layer_reading import Layer, UnreadNetworkError, read_layers
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.equations.names import TOTAL_ERROR, NetworkNames, name_quantities
from backprop_sheet.exercise.choices import ACTIVATIONS
from backprop_sheet.exercise.exercise_file import MAX_HIDDEN_LAYERS, MAX_NEURONS, MAX_PARAMETERS
from backprop_sheet.exercise.model import Network


@dataclass(frozen=True)
class NetworkReading:
    """A network that was read from formulas.

    Attributes:
        quantities: the quantity of each column that has one.
        numbers: quantities that are numbers in the formulas.
        losses: the losses that it can have, the likeliest first.
    """

    network: Network
    names: NetworkNames
    quantities: Mapping[str, str]
    numbers: Mapping[str, float]
    losses: tuple[str, ...]

    @property
    def columns(self) -> Mapping[str, str]:
        """The column of each quantity that has one."""
        return {quantity: column for column, quantity in self.quantities.items()}


def read_network(columns: ColumnSet) -> NetworkReading:
    """Read the network and the quantity of each column of its forward pass and its errors.

    Raises:
        UnreadNetworkError: the formulas describe no network; the message says why.
    """
    forward = read_neurons(columns)
    layers = read_layers(forward)
    activations = tuple(
        _activation_of(layer, layers, is_last=layer is layers[-1]) for layer in layers
    )
    bias, train_bias = _biases(columns, layers)
    neurons = (len(layers[0].sources), *(len(layer.neurons) for layer in layers))
    network = Network(neurons, activations, bias, train_bias)
    _check_size(network)
    network_names = name_quantities(network)
    quantities = _quantities(network_names, layers)
    numbers = _number_biases(network_names, layers)
    outputs = [neuron.output for neuron in layers[-1].neurons]
    errors = read_errors(forward, outputs, set(quantities), activations[-1])
    quantities |= _error_quantities(network_names, errors)
    numbers |= {network_names.targets[k]: value for k, value in errors.target_numbers.items()}
    return NetworkReading(network, network_names, quantities, numbers, errors.losses)


def _check_size(network: Network) -> None:
    if (
        len(network.neurons) > MAX_HIDDEN_LAYERS + 2
        or max(network.neurons) > MAX_NEURONS
        or network.weight_count + network.bias_count > MAX_PARAMETERS
    ):
        shape = "-".join(map(str, network.neurons))
        raise UnreadNetworkError(f"its network ({shape}) is larger than an exercise can be")


def _activation_of(layer: Layer, layers: Sequence[Layer], *, is_last: bool) -> str:
    """Return the activation of most neurons of a layer; if no formula tells, of the others."""
    for group in ([layer], layers):
        votes = Counter(kind for each in group for neuron in each.neurons for kind in neuron.kinds)
        allowed = {
            name: count
            for name, count in votes.items()
            if not ACTIVATIONS[name].takes_layer or (is_last and len(layer.neurons) > 1)
        }
        if allowed:
            return max(allowed, key=lambda name: allowed[name])
    return "sigmoid"


def _biases(columns: ColumnSet, layers: Sequence[Layer]) -> tuple[str, bool]:
    """Return the kind of the biases, and whether they are updated."""
    have = [
        bool(bias) or constant != 0
        for layer in layers
        for bias, constant in zip(layer.biases, layer.constants, strict=True)
    ]
    if 2 * sum(have) < len(have) or not any(have):
        return "none", True
    biases = [bias for layer in layers for bias in layer.biases if bias]
    is_trained = any(bias in columns.updated for bias in biases)
    wide = [layer for layer in layers if len(layer.neurons) > 1]
    shared = [len(set(zip(layer.biases, layer.constants, strict=True))) == 1 for layer in wide]
    is_shared = any(shared) and all(
        known or _shared_constant(layer, layers) is not None
        for known, layer in zip(shared, wide, strict=True)
    )
    if not columns.updated:
        is_trained = bool(biases)
    return "layer" if is_shared else "neuron", is_trained


def _shared_constant(layer: Layer, layers: Sequence[Layer]) -> float | None:
    """Return the number that all neurons of a layer add, or all but those with another layer's.

    Another layer's number is one in the place of the own one, by a mistake.
    """
    if any(layer.biases):
        return None
    of_others = {number for other in layers if other is not layer for number in other.constants}
    constants = set(layer.constants)
    own = constants if len(constants) == 1 else constants - of_others
    return next(iter(own)) if len(own) == 1 else None


def _quantities(network_names: NetworkNames, layers: Sequence[Layer]) -> dict[str, str]:
    """Return the quantities of the columns of the forward pass."""
    found = dict(zip(layers[0].sources, network_names.inputs, strict=True))
    for layer, neurons in zip(layers, network_names.layers, strict=True):
        for neuron, (sum_name, activation) in zip(layer.neurons, neurons, strict=True):
            if neuron.sum.column:
                found[neuron.sum.column] = sum_name if neuron.activation else activation
            if neuron.activation:
                found[neuron.activation] = activation
    weights = [weight for layer in layers for row in layer.weights for weight in row]
    found |= {
        column: name for column, name in zip(weights, network_names.weights, strict=True) if column
    }
    found |= {column: name for name, column in _bias_columns(network_names, layers) if column}
    return found


def _bias_columns(network_names: NetworkNames, layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """Return each bias with its column, which may be ""."""
    by_sum = {
        sum_name: bias
        for layer, neurons in zip(layers, network_names.layers, strict=True)
        for bias, (sum_name, _) in zip(layer.biases, neurons, strict=True)
    }
    return [
        (bias, next((by_sum[one] for one in sums if by_sum[one]), ""))
        for bias, sums in network_names.bias_targets.items()
    ]


def _number_biases(network_names: NetworkNames, layers: Sequence[Layer]) -> dict[str, float]:
    """Return the biases that are numbers in the formulas; 0 for a neuron without one."""
    by_sum = {
        sum_name: constant
        for layer, neurons in zip(layers, network_names.layers, strict=True)
        for constant, (sum_name, _) in zip(layer.constants, neurons, strict=True)
    }
    for layer, neurons in zip(layers, network_names.layers, strict=True):
        sums = tuple(sum_name for sum_name, _ in neurons)
        if (
            len(sums) > 1
            and sums in network_names.bias_targets.values()
            and (shared := _shared_constant(layer, layers)) is not None
        ):
            by_sum |= dict.fromkeys(sums, shared)
    return {
        bias: by_sum[network_names.bias_targets[bias][0]]
        for bias, column in _bias_columns(network_names, layers)
        if not column
    }


def _error_quantities(network_names: NetworkNames, errors: Errors) -> dict[str, str]:
    found = {column: network_names.targets[index] for index, column in errors.targets.items()}
    found |= {column: network_names.errors[index] for index, column in errors.errors.items()}
    if errors.total:
        found[errors.total] = TOTAL_ERROR
    return found
