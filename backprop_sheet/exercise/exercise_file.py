"""An exercise: a small network, its samples and how it is trained, read from a TOML file.

This is the only module that knows the file format. Exercise files are untrusted, so their size and
all their values are limited.
"""

from __future__ import annotations

import math
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backprop_sheet.exercise.limits import largest_learning_rate, largest_value
from backprop_sheet.symbolic.functions import CLIP
from gradsheet.errors import InvalidInputError
from gradsheet.files import reason_of
from gradsheet.input_files import problem_with_file
from gradsheet.printable import printable

ACTIVATIONS = ("sigmoid", "tanh", "relu", "linear", "softmax")
LOSSES = (
    "half_squared_error",
    "squared_error",
    "mean_squared_error",
    "binary_cross_entropy",
    "cross_entropy",
)
BIASES = ("none", "layer", "neuron")
UPDATES = ("batch_mean", "batch_sum", "online")


@dataclass(frozen=True)
class Hyperparameter:
    """A number that an optimizer needs in addition to the learning rate.

    Attributes:
        key: its name in the file.
        symbol: its name in formulas.
        low: the smallest allowed value.
        high: the upper limit, which is not itself allowed.
    """

    key: str
    symbol: str
    default: float
    low: float
    high: float


# The defaults are from the papers: Kingma and Ba (2015) for Adam, Hinton's lecture 6e (2012) for
# RMSprop, Loshchilov and Hutter (2019) for AdamW.
_SHARE = (0.0, 1.0)
MOMENTUM = Hyperparameter("momentum", "μ", 0.0, *_SHARE)
RHO = Hyperparameter("rho", "ρ", 0.9, *_SHARE)
BETA_1 = Hyperparameter("beta_1", "β1", 0.9, *_SHARE)
BETA_2 = Hyperparameter("beta_2", "β2", 0.999, *_SHARE)
EPSILON = Hyperparameter("epsilon", "ε", 1e-8, 1e-12, 1.0)
WEIGHT_DECAY = Hyperparameter("weight_decay", "λ", 0.01, *_SHARE)

OPTIMIZERS: dict[str, tuple[Hyperparameter, ...]] = {
    "sgd": (MOMENTUM,),
    "rmsprop": (RHO, EPSILON),
    "adam": (BETA_1, BETA_2, EPSILON),
    "adamw": (BETA_1, BETA_2, EPSILON, WEIGHT_DECAY),
}

MAX_HIDDEN_LAYERS = 4
MAX_PARAMETERS = 200
MAX_SAMPLES = 64
MAX_NEURONS = 64  # of one layer
MAX_SOFTMAX = 16  # outputs; each softmax formula has every sum twice
MAX_RATES = 255  # the number of lines in one chart in Excel
MAX_FILE_BYTES = 256 * 1024
MAX_TITLE = 200
MAX_ITERATIONS = 1_000_000

_WOULD_OVERFLOW = "with a larger number, a cell could overflow"

# The time and memory that tomllib needs grow with the square of the length of a dotted key.
_LONG_DOTTED_KEY = re.compile(r"""\.(?:[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.){50}""")


class InvalidValueError(InvalidInputError):
    """A value of an exercise is not allowed. ``key`` is its key in the exercise file."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


EXERCISES_FOLDER = Path(__file__).parent / "exercises"
DEFAULT_EXERCISE = "course"


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
        return tuple({"none": 0, "layer": 1, "neuron": n}[self.bias] for n in self.neurons[1:])

    @property
    def bias_count(self) -> int:
        """The number of biases."""
        return sum(self.bias_counts)

    def describe(self) -> str:
        """Describe the network in a few words: ``2-2-1, sigmoid, one bias per neuron``."""
        kinds = list(dict.fromkeys(self.activations))
        activations = kinds[0] if len(kinds) == 1 else ", ".join(self.activations)
        biases = {
            "none": "no biases", "layer": "one bias per layer", "neuron": "one bias per neuron",
        }  # fmt: skip
        return f"{'-'.join(map(str, self.neurons))}, {activations}, {biases[self.bias]}"


@dataclass(frozen=True)
class Sample:
    """One input vector and its target vector."""

    inputs: tuple[float, ...]
    targets: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """How the parameters are trained. ``hyperparameters`` are the optimizer's, by symbol."""

    loss: str = "half_squared_error"
    update: str = "batch_mean"
    optimizer: str = "sgd"
    nesterov: bool = False
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    learning_rates: tuple[float, ...] = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    iterations: int = 100

    @property
    def reduction(self) -> str:
        """The function that combines the gradients of a batch: ``mean`` or ``sum``."""
        return "mean" if self.update == "batch_mean" else "sum"


@dataclass(frozen=True)
class Exercise:
    """A network, the initial values of its parameters, its samples and its training."""

    title: str
    network: Network
    weights: tuple[float, ...]
    biases: tuple[float, ...]
    samples: tuple[Sample, ...]
    training: Training
    source: str = ""
    name: str = ""

    def with_values(
        self,
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
        exercise = self
        if inputs is not None or targets is not None:
            if len(self.samples) > 1:
                raise InvalidInputError(
                    f"inputs and targets cannot be replaced: the exercise has "
                    f"{len(self.samples)} samples; change them in its file"
                )
            sample = self.samples[0]
            sample = Sample(
                sample.inputs if inputs is None else tuple(inputs),
                sample.targets if targets is None else tuple(targets),
            )
            exercise = replace(exercise, samples=(sample,))
        if weights is not None:
            exercise = replace(exercise, weights=tuple(weights))
        if biases is not None:
            exercise = replace(exercise, biases=tuple(biases))
        training = self.training
        if learning_rates is not None:
            training = replace(training, learning_rates=tuple(dict.fromkeys(learning_rates)))
        if iterations is not None:
            training = replace(training, iterations=iterations)
        exercise = replace(exercise, training=training)
        _check_values(exercise)
        return exercise


def packaged_exercises() -> list[str]:
    """Return the names of the packaged exercises, the default one first."""
    found = sorted(path.stem for path in EXERCISES_FOLDER.glob("*.toml"))
    return sorted(found, key=lambda name: name != DEFAULT_EXERCISE)


def packaged_file(name: str) -> Path:
    """Return the file of a packaged exercise.

    Raises:
        InvalidInputError: there is no such exercise.
    """
    if name not in packaged_exercises():
        raise InvalidInputError(
            f"there is no exercise {name!r}: it must be one of "
            f"{', '.join(packaged_exercises())}, or a file ending in .toml"
        )
    return EXERCISES_FOLDER / f"{name}.toml"


def load_exercise(name_or_file: str = DEFAULT_EXERCISE) -> Exercise:
    """Load a packaged exercise by its name, or a TOML file by its path.

    Raises:
        InvalidInputError: no such exercise, or a file that cannot be read or is not valid; the
            message names the key and what is allowed.
    """
    is_file = name_or_file.lower().endswith(".toml") or any(sign in name_or_file for sign in "/\\")
    path = Path(name_or_file) if is_file else packaged_file(name_or_file)
    shown = printable(name_or_file if is_file else path.name)
    problem = problem_with_file(path)
    if problem == "does not exist":
        raise InvalidInputError(f"there is no exercise file {shown}")
    if problem is not None:
        what = ", not an exercise file" if problem.startswith("is ") else ""
        raise InvalidInputError(f"{shown} {problem}{what}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise InvalidInputError(
                f"{shown} is larger than {MAX_FILE_BYTES // 1024} KB, the limit for an exercise"
            )
        text = content.decode("utf-8-sig")  # some editors write a byte order mark
    except OSError as error:
        raise InvalidInputError(f"cannot read {shown}: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{shown} is not a text file in UTF-8: save it in the encoding UTF-8"
        ) from error
    try:
        # Only packaged exercises have a name, which results quote.
        return parse_exercise(text, name=path.stem if not is_file else "")
    except InvalidInputError as error:
        raise InvalidInputError(f"{shown}: {error}") from error


def parse_exercise(text: str, name: str = "") -> Exercise:
    """Parse the text of an exercise file.

    Raises:
        InvalidInputError: not TOML, an unknown key, or a value that is not allowed.
    """
    top = _Table(_read_toml(text), "")
    exercise_title = top.text("title", required=True)
    source = top.text("source")
    network = _read_network(top.table("network", required=True))
    training = _read_training(top.table("training"))
    weights, biases = _read_parameters(top.table("parameters", required=True), network)
    samples = _read_samples(top.tables("samples"), network)
    top.refuse_unknown()
    exercise = Exercise(exercise_title, network, weights, biases, samples, training, source, name)
    _check_values(exercise)
    return exercise


def _read_toml(text: str) -> dict[str, Any]:
    if _LONG_DOTTED_KEY.search(text):
        raise InvalidInputError("not valid for an exercise: a key has too many parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"not valid TOML: {' '.join(str(error).split())[:200]}") from error
    except RecursionError as error:
        raise InvalidInputError("not valid for an exercise: nested too deeply") from error
    except ValueError as error:  # Python does not convert integers of thousands of digits
        raise InvalidInputError("not valid TOML: a number has too many digits") from error


class _Table:
    """A TOML table. Keys are taken one by one; :meth:`refuse_unknown` refuses all others."""

    def __init__(self, data: Mapping[str, Any], path: str) -> None:
        self.data, self.path, self.known = data, path, []

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, required: bool = False, described: str = "") -> Any:
        self.known.append(key)
        if required and key not in self.data:
            raise InvalidInputError(f"{described or self.where(key)} is missing")
        return self.data.get(key)

    def text(self, key: str, required: bool = False) -> str:
        value = self.take(key, required)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_TITLE:
            raise InvalidInputError(
                f"{self.where(key)} must be one line of text, at most {MAX_TITLE} characters"
            )
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        value = self.take(key)
        if value is None:
            return default
        if value not in allowed or not isinstance(value, str):
            raise InvalidInputError(
                f"{self.where(key)} must be {_or(allowed)}, got {_shown(value)}"
            )
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidInputError(f"{self.where(key)} must be true or false, got {_shown(value)}")
        return value

    def integer(self, key: str, default: int) -> int:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidInputError(
                f"{self.where(key)} must be a whole number, got {_shown(value)}"
            )
        return value

    def number(self, key: str) -> float | None:
        value = self.take(key)
        return None if value is None else _number(value, self.where(key))

    def numbers(self, key: str, required: bool = False) -> tuple[float, ...] | None:
        value = self.take(key, required)
        if value is None:
            return None
        if not isinstance(value, list):
            raise InvalidInputError(
                f"{self.where(key)} must be a list of numbers, got {_shown(value)}"
            )
        return tuple(_number(item, f"{self.where(key)}[{at}]") for at, item in enumerate(value, 1))

    def list_of(self, key: str, kind: type, words: str) -> list[Any]:
        value = self.take(key, required=True)
        if not isinstance(value, list) or not all(
            isinstance(item, kind) and not isinstance(item, bool) for item in value
        ):
            raise InvalidInputError(f"{self.where(key)} must be a list of {words}")
        return value

    def table(self, key: str, required: bool = False) -> _Table:
        value = self.take(key, required, f"the table [{key}]")
        if value is None:
            return _Table({}, key)
        if not isinstance(value, dict):
            raise InvalidInputError(
                f"{key} must be a table that starts with [{key}], got {_shown(value)}"
            )
        return _Table(value, key)

    def tables(self, key: str) -> list[_Table]:
        value = self.take(key, True, f"[[{key}]], one table per {key.removesuffix('s')},")
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InvalidInputError(
                f"{key} must be tables that each start with [[{key}]], in double brackets, "
                f"got {_shown(value)}"
            )
        return [_Table(item, f"{key}[{at}]") for at, item in enumerate(value, 1)]

    def refuse_unknown(self) -> None:
        for key in self.data:
            if key not in self.known:
                where = self.where(key) if key.isprintable() else _shown(self.where(key))
                raise InvalidInputError(
                    f"unknown key {where[:80]}; allowed here: {', '.join(self.known)}"
                )


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(value: Any) -> str:
    """Show a value of a TOML file in a few printable characters."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**18:
            return "a number of more than 18 digits"
        case str():
            text = repr(value)
            return text if len(text) <= 40 else f"{text[:37]}..."
    return str(value)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInputError(f"{where} must be a number, got {_shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_network(table: _Table) -> Network:
    neurons = table.list_of("neurons", int, "whole numbers, one per layer: [2, 2, 2]")
    activations = table.list_of("activations", str, "activations, one per layer after the inputs")
    bias = table.choice("bias", BIASES, "none")
    train_bias = table.boolean("train_bias", True)
    table.refuse_unknown()
    if not 2 <= len(neurons) <= MAX_HIDDEN_LAYERS + 2:
        raise InvalidInputError(
            f"network.neurons must have 2 to {MAX_HIDDEN_LAYERS + 2} layers, the inputs first and "
            f"the outputs last, got {len(neurons)}"
        )
    for at, count in enumerate(neurons, 1):
        if not 1 <= count <= MAX_NEURONS:
            raise InvalidInputError(
                f"network.neurons[{at}] must be 1 to {MAX_NEURONS}, got {_shown(count)}"
            )
    if len(activations) != len(neurons) - 1:
        raise InvalidInputError(
            f"network.activations must have {len(neurons) - 1} entries, one per layer after the "
            f"inputs, got {len(activations)}"
        )
    for at, activation in enumerate(activations, 1):
        last = at == len(activations)
        allowed = ACTIVATIONS if last else ACTIVATIONS[:-1]
        if activation not in allowed:
            note = " (softmax is for the last layer only)" if activation == "softmax" else ""
            raise InvalidInputError(
                f"network.activations[{at}] must be {_or(allowed)}, got {_shown(activation)}{note}"
            )
    if activations[-1] == "softmax" and not 2 <= neurons[-1] <= MAX_SOFTMAX:
        raise InvalidInputError(
            f"network.neurons[{len(neurons)}] must be 2 to {MAX_SOFTMAX} for softmax outputs, "
            f"got {neurons[-1]}"
        )
    network = Network(tuple(neurons), tuple(activations), bias, train_bias)
    parameters = network.weight_count + network.bias_count
    if parameters > MAX_PARAMETERS:
        raise InvalidInputError(
            f"network.neurons gives {parameters} parameters; the limit is {MAX_PARAMETERS}"
        )
    return network


def _read_training(table: _Table) -> Training:
    defaults = Training()
    loss = table.choice("loss", LOSSES, defaults.loss)
    update = table.choice("update", UPDATES, defaults.update)
    optimizer = table.choice("optimizer", tuple(OPTIMIZERS), defaults.optimizer)
    learning_rates = table.numbers("learning_rates")
    iterations = table.integer("iterations", defaults.iterations)
    hyperparameters: dict[str, float] = {}
    for one in OPTIMIZERS[optimizer]:
        value = table.number(one.key)
        hyperparameters[one.symbol] = one.default if value is None else value
        if not one.low <= hyperparameters[one.symbol] < one.high:
            raise InvalidInputError(
                f"training.{one.key} must be at least {one.low:g} and below {one.high:g}, "
                f"got {value:g}"
            )
    nesterov = table.boolean("nesterov", False) if optimizer == "sgd" else False
    table.refuse_unknown()
    if optimizer == "sgd" and not hyperparameters["μ"]:
        if nesterov:
            raise InvalidInputError("training.nesterov needs training.momentum above 0")
        hyperparameters = {}  # plain gradient descent has no state
    return Training(
        loss,
        update,
        optimizer,
        nesterov,
        hyperparameters,
        defaults.learning_rates if learning_rates is None else tuple(dict.fromkeys(learning_rates)),
        iterations,
    )


def _read_parameters(
    table: _Table, network: Network
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if "seed" in table.data:
        seed = table.integer("seed", 0)
        table.known += ["weights", "biases"]
        if {"weights", "biases"} & set(table.data):
            raise InvalidInputError(
                "parameters must have either seed, or weights and biases, not both"
            )
        table.known = ["seed"]
        table.refuse_unknown()
        return _random_parameters(seed, network)
    weights = table.numbers("weights")
    biases = table.numbers("biases")
    table.known.append("seed")
    table.refuse_unknown()
    if weights is None:
        raise InvalidInputError(
            "parameters.weights is missing; give it, or seed for random parameters"
        )
    if biases is None and network.bias_count:
        raise InvalidInputError(
            f"parameters.biases is missing: with network.bias = {network.bias!r} the network "
            f"needs {network.bias_count}"
        )
    return weights, biases or ()


def _random_parameters(seed: int, network: Network) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Draw parameters uniformly within ±1/√fan_in, as PyTorch's Linear layer; 4 decimals."""
    generator = random.Random(seed)
    weights: list[float] = []
    biases: list[float] = []
    layers = zip(network.neurons, network.neurons[1:], network.bias_counts, strict=False)
    for fan_in, neurons, bias_count in layers:
        bound = 1 / math.sqrt(fan_in)

        def draw(count: int, bound: float = bound) -> list[float]:
            return [round(generator.uniform(-bound, bound), 4) for _ in range(count)]

        weights += draw(fan_in * neurons)
        biases += draw(bias_count)
    return tuple(weights), tuple(biases)


def _read_samples(tables: list[_Table], network: Network) -> tuple[Sample, ...]:
    if not 1 <= len(tables) <= MAX_SAMPLES:
        raise InvalidInputError(f"samples must be 1 to {MAX_SAMPLES} tables, got {len(tables)}")
    samples = []
    for table in tables:
        inputs = table.numbers("inputs", required=True)
        targets = table.numbers("targets", required=True)
        table.refuse_unknown()
        samples.append(Sample(inputs or (), targets or ()))
    return tuple(samples)


def _check_values(exercise: Exercise) -> None:
    """Check the number and the size of all values, and that the loss fits the outputs.

    Raises:
        InvalidInputError: the message says what is wrong and what is allowed.
    """
    network, training = exercise.network, exercise.training
    _check_training(network, training)
    count = len(exercise.samples)
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
                f"{what}: the network needs {needed} number{'s' * (needed != 1)}{names}, "
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
            if (
                letter == "t"
                and network.activations[-1] in ("relu", "linear")
                and (abs(value) > CLIP)
            ):
                raise InvalidValueError(
                    what,
                    f"{what}: {letter}{at} must be within ±{CLIP:g}, got {value:g}: "
                    f"{network.activations[-1]} outputs are limited to that",
                )
    _check_learning_rates(training, largest_learning_rate(network, training, count))


def _check_training(network: Network, training: Training) -> None:
    if not 1 <= training.iterations <= MAX_ITERATIONS:
        raise InvalidInputError(
            f"iterations must be 1 to {MAX_ITERATIONS:,}, got {_shown(training.iterations)}"
        )
    output = network.activations[-1]
    if training.loss == "binary_cross_entropy" and output != "sigmoid":
        raise InvalidInputError(
            "training.loss binary_cross_entropy needs sigmoid outputs, and the last of "
            f"network.activations is {output}"
        )
    if training.loss == "cross_entropy" and output not in ("softmax", "sigmoid"):
        raise InvalidInputError(
            "training.loss cross_entropy needs softmax or sigmoid outputs, and the last of "
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
            decay = training.hyperparameters.get("λ")
            reason = _WOULD_OVERFLOW
            if decay and largest == 1 / decay:
                reason = "with a larger one, weight decay would change the signs of the parameters"
            raise InvalidValueError(
                "learning_rates",
                f"learning_rates must be at most {largest:g} for this network and its training, "
                f"got {rate:g}: {reason}",
            )
