"""The names of a network's quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from backprop_sheet.exercise.model import Network

LEARNING_RATE = "η"
ITERATION = "iteration"
SAMPLE = "sample"
TOTAL_ERROR = "E_total"
MEAN_ERROR = "E_mean"


class Kind(StrEnum):
    """The kind of a quantity."""

    COUNTER = "counter"  # iteration, sample
    CONSTANT = "constant"  # η and hyperparameters
    INPUT = "input"
    TARGET = "target"
    WEIGHT = "weight"
    BIAS = "bias"
    SUM = "weighted sum"
    ACTIVATION = "activation"
    ERROR = "error"
    TOTAL = "total error"
    ADJOINT = "derivative"
    GRADIENT = "gradient"
    STATE = "optimizer state"
    MEAN = "mean error"


NEUTRAL_KINDS = frozenset({Kind.COUNTER, Kind.CONSTANT})  # they occur with any network
GIVEN_KINDS = frozenset({Kind.INPUT, Kind.TARGET})
PARAMETER_KINDS = frozenset({Kind.WEIGHT, Kind.BIAS})
ERROR_KINDS = frozenset({Kind.ERROR, Kind.TOTAL, Kind.MEAN})
COMPUTED_KINDS = frozenset(Kind) - NEUTRAL_KINDS - GIVEN_KINDS - PARAMETER_KINDS

_BY_LETTER = {
    "i": Kind.INPUT,
    "t": Kind.TARGET,
    "w": Kind.WEIGHT,
    "b": Kind.BIAS,
    **dict.fromkeys("ho", Kind.SUM),
    "a": Kind.ACTIVATION,
    "E": Kind.ERROR,
    "δ": Kind.ADJOINT,
    **dict.fromkeys("vms", Kind.STATE),
}


_WORDS = {
    ITERATION: Kind.COUNTER,
    SAMPLE: Kind.COUNTER,
    TOTAL_ERROR: Kind.TOTAL,
    MEAN_ERROR: Kind.MEAN,
}


@lru_cache(maxsize=8192)
def kind_of(name: str) -> Kind:
    """Return the kind of quantity that a name stands for, in any network."""
    if name in _WORDS:
        return _WORDS[name]
    name = name.removeprefix("−")  # a derivative with the other sign
    if name.startswith("∂"):
        by = name.rpartition("∂")[2]
        return Kind.GRADIENT if kind_of(by) in PARAMETER_KINDS else Kind.ADJOINT
    return _BY_LETTER.get(name[:1], Kind.CONSTANT)


@dataclass(frozen=True)
class Quantity:
    """A named quantity of the network.

    Attributes:
        layer: the layer of its neuron, 1 for the first layer after the inputs; 0 for inputs.
        index: its number within the layer, from 1; for parameters the number in the network.
        of: for a derivative or an optimizer state, the name of the quantity it belongs to.
    """

    name: str
    kind: Kind
    layer: int = 0
    index: int = 0
    of: str = ""


@dataclass(frozen=True)
class Connection:
    """A weight: it leads from the quantity ``source`` to the weighted sum ``target``."""

    weight: str
    source: str
    target: str


Neuron = tuple[str, str]  # the names of its weighted sum and its activation


@dataclass(frozen=True)
class NetworkNames:
    """The names of a network's quantities.

    Attributes:
        inputs, targets, errors: in order.
        layers: the neurons of each layer after the inputs.
        layer_weights, layer_biases: the parameters of each of these layers.
        connections: one :class:`Connection` per weight, by the weight's name.
        bias_targets: for each bias, the weighted sums that it is added to.
        trained: the parameters that are updated.
        quantities: one :class:`Quantity` per name.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    errors: tuple[str, ...]
    layers: tuple[tuple[Neuron, ...], ...]
    layer_weights: tuple[tuple[str, ...], ...]
    layer_biases: tuple[tuple[str, ...], ...]
    connections: Mapping[str, Connection]
    bias_targets: Mapping[str, tuple[str, ...]]
    trained: tuple[str, ...]
    quantities: Mapping[str, Quantity]

    @property
    def hidden(self) -> tuple[tuple[Neuron, ...], ...]:
        """The neurons of each hidden layer."""
        return self.layers[:-1]

    @property
    def outputs(self) -> tuple[Neuron, ...]:
        """The neurons of the output layer."""
        return self.layers[-1]

    @property
    def weights(self) -> tuple[str, ...]:
        """The weights, in order."""
        return tuple(self.connections)

    @property
    def biases(self) -> tuple[str, ...]:
        """The biases, in order."""
        return tuple(self.bias_targets)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The weights, then the biases."""
        return (*self.weights, *self.biases)


def gradient_name(quantity: str) -> str:
    """Return the name of the derivative of the error by a quantity: ``∂E/∂w1``."""
    return f"∂E/∂{quantity}"


def name_quantities(network: Network) -> NetworkNames:
    """Name the quantities of a network. Parameters are numbered layer by layer, neuron by neuron.

    With several hidden layers, the names of hidden neurons have the number of their layer:
    ``h2_1`` is neuron 1 of hidden layer 2.
    """
    last = len(network.neurons) - 1
    named: list[Quantity] = []

    def add(name: str, kind: Kind, layer: int = 0, index: int = 0) -> str:
        named.append(Quantity(name, kind, layer, index))
        return name

    inputs = tuple(add(f"i{n}", Kind.INPUT, 0, n) for n in _from_1(network.neurons[0]))
    targets = tuple(add(f"t{n}", Kind.TARGET, last, n) for n in _from_1(network.neurons[-1]))
    layers = tuple(
        tuple(
            (
                add(f"{_prefix(layer, last)}{n}", Kind.SUM, layer, n),
                add(f"a_{_prefix(layer, last)}{n}", Kind.ACTIVATION, layer, n),
            )
            for n in _from_1(count)
        )
        for layer, count in enumerate(network.neurons[1:], 1)
    )
    connections: dict[str, Connection] = {}
    bias_targets: dict[str, tuple[str, ...]] = {}
    layer_weights, layer_biases = [], []
    sources = inputs
    for layer, neurons in enumerate(layers, 1):
        weights, biases = [], []
        for index, (sum_name, _) in enumerate(neurons):
            for source in sources:
                number = len(connections) + 1
                weights.append(add(f"w{number}", Kind.WEIGHT, layer, number))
                connections[weights[-1]] = Connection(weights[-1], source, sum_name)
            if index < network.bias_counts[layer - 1]:
                number = len(bias_targets) + 1
                biases.append(add(f"b{number}", Kind.BIAS, layer, number))
            if biases:
                bias_targets[biases[-1]] = (*bias_targets.get(biases[-1], ()), sum_name)
        layer_weights.append(tuple(weights))
        layer_biases.append(tuple(biases))
        sources = tuple(activation for _, activation in neurons)
    trained = (*connections, *bias_targets) if network.train_bias else tuple(connections)
    errors = tuple(add(f"E{n}", Kind.ERROR, last, n) for n in _from_1(network.neurons[-1]))
    add(TOTAL_ERROR, Kind.TOTAL)
    return NetworkNames(
        inputs,
        targets,
        errors,
        layers,
        tuple(layer_weights),
        tuple(layer_biases),
        MappingProxyType(connections),
        MappingProxyType(bias_targets),
        trained,
        MappingProxyType({quantity.name: quantity for quantity in named}),
    )


def _prefix(layer: int, last: int) -> str:
    if layer == last:
        return "o"
    return f"h{layer}_" if last > 2 else "h"


def _from_1(count: int) -> range:
    return range(1, count + 1)
