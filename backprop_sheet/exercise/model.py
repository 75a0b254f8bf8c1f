"""What an exercise is: a small network, its samples, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from backprop_sheet.exercise.class_options import Individual, Marks


class Hyperparameters(Mapping[str, float]):
    """The values of an optimizer's hyperparameters by symbol; unlike a dict, hashable."""

    __slots__ = ("_items",)

    def __init__(self, values: Mapping[str, float]) -> None:
        self._items = tuple(values.items())

    def __getitem__(self, symbol: str) -> float:
        return dict(self._items)[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(dict(self._items))


@dataclass(frozen=True)
class Bias:
    """A kind of biases.

    Attributes:
        words: how many there are.
        count: returns the number of biases of a layer from its number of neurons. Each of the
            first neurons has one; the others share the last one.
    """

    words: str
    count: Callable[[int], int]


BIASES = {
    "none": Bias("no biases", lambda neurons: 0),
    "layer": Bias("one bias per layer", lambda neurons: 1),
    "neuron": Bias("one bias per neuron", lambda neurons: neurons),
}
# The kinds of updates, each with the function that combines the gradients of a batch; an update
# without one uses a single sample.
UPDATES = {"batch_mean": "mean", "batch_sum": "sum", "online": ""}


@dataclass(frozen=True)
class Network:
    """The layers of a network.

    Attributes:
        neurons: the number of neurons per layer, the inputs first.
        activations: one per layer after the inputs.
        bias: one of :data:`BIASES`.
        train_bias: whether the biases are updated.
    """

    neurons: tuple[int, ...]
    activations: tuple[str, ...]
    bias: str = "none"
    train_bias: bool = True

    @property
    def weight_count(self) -> int:
        """The number of weights."""
        return sum(a * b for a, b in zip(self.neurons, self.neurons[1:], strict=False))

    @property
    def bias_counts(self) -> tuple[int, ...]:
        """The number of biases of each layer after the inputs."""
        return tuple(map(BIASES[self.bias].count, self.neurons[1:]))

    @property
    def bias_count(self) -> int:
        """The number of biases."""
        return sum(self.bias_counts)

    def describe(self) -> str:
        """Describe the network in a few words: ``2-2-1, sigmoid, one bias per neuron``."""
        kinds = list(dict.fromkeys(self.activations))
        activations = kinds[0] if len(kinds) == 1 else ", ".join(self.activations)
        return f"{'-'.join(map(str, self.neurons))}, {activations}, {BIASES[self.bias].words}"


@dataclass(frozen=True)
class Sample:
    """One input vector and its target vector."""

    inputs: tuple[float, ...]
    targets: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """How the parameters are trained.

    Attributes:
        nesterov: whether momentum is Nesterov's.
        hyperparameters: the optimizer's, by symbol.
        momentum_form: what the velocity of momentum is, one of
            :data:`~backprop_sheet.exercise.choices.MOMENTUM_FORMS`.
    """

    loss: str = "half_squared_error"
    update: str = "batch_mean"
    optimizer: str = "sgd"
    nesterov: bool = False
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    learning_rates: tuple[float, ...] = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    iterations: int = 100
    momentum_form: str = "sum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", Hyperparameters(self.hyperparameters))

    def is_batch(self, sample_count: int) -> bool:
        """Whether an update uses the gradients of all samples."""
        return sample_count > 1 and bool(self.reduction)

    @property
    def reduction(self) -> str:
        """The function that combines the gradients of a batch: ``mean``, ``sum`` or none."""
        return UPDATES[self.update]


@dataclass(frozen=True)
class Exercise:
    """A network, the initial values of its parameters, its samples and its training.

    Attributes:
        marks: the points of each group of columns; None for points in proportion to the number of
            columns.
        individual: what differs from student to student; None for the usual choice.
    """

    title: str
    network: Network
    weights: tuple[float, ...]
    biases: tuple[float, ...]
    samples: tuple[Sample, ...]
    training: Training
    source: str = ""
    name: str = ""
    marks: Marks | None = None
    individual: Individual | None = None
