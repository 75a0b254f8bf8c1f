"""Read an exercise file. This is the only module that knows its keys.

Exercise files are untrusted, so their size and all their values are limited.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

from backprop_sheet.exercise.checks import check_exercise
from backprop_sheet.exercise.choices import (
    ACTIVATIONS,
    LOSSES,
    MOMENTUM,
    MOMENTUM_FORMS,
    OPTIMIZERS,
    activation_named,
    optimizer_named,
)
from backprop_sheet.exercise.class_options import read_individual, read_marks
from backprop_sheet.exercise.model import (
    BIASES,
    UPDATES,
    Exercise,
    Network,
    Sample,
    Training,
)
from backprop_sheet.exercise.packaged import DEFAULT_EXERCISE, packaged_file
from backprop_sheet.exercise.toml_table import TomlTable, read_toml, shown
from gradsheet.errors import InvalidInputError
from gradsheet.files import reason_of
from gradsheet.input_files import problem_with_file
from gradsheet.printable import printable
from gradsheet.words import one_of

MAX_HIDDEN_LAYERS = 4
MAX_PARAMETERS = 200
MAX_SAMPLES = 64
MAX_NEURONS = 64  # of one layer
MAX_SOFTMAX = 16  # outputs; each softmax formula has every sum twice
MAX_FILE_BYTES = 256 * 1024


def load_exercise(name_or_file: str = DEFAULT_EXERCISE) -> Exercise:
    """Load a packaged exercise by its name, or a TOML file by its path.

    Raises:
        InvalidInputError: no such exercise, or a file that cannot be read or is not valid; the
            message names the key and what is allowed.
    """
    is_file = name_or_file.lower().endswith(".toml") or any(sign in name_or_file for sign in "/\\")
    path = Path(name_or_file) if is_file else packaged_file(name_or_file)
    label = printable(name_or_file if is_file else path.name)
    text = read_text(path, label, MAX_FILE_BYTES, "an exercise")
    try:
        # Only packaged exercises have a name, which results quote.
        return parse_exercise(text, name=path.stem if not is_file else "")
    except InvalidInputError as error:
        raise InvalidInputError(f"{label}: {error}") from error


def read_text(path: Path, label: str, max_bytes: int, what: str) -> str:
    """Read a text file in UTF-8.

    Args:
        label: the file, for messages.
        what: what the file should be: ``an exercise``.

    Raises:
        InvalidInputError: it does not exist, cannot be read, is too large, or is not UTF-8.
    """
    problem = problem_with_file(path)
    if problem == "does not exist":
        raise InvalidInputError(f"there is no {what.partition(' ')[2]} file {label}")
    if problem is not None:
        kind = f", not {what} file" if problem.startswith("is ") else ""
        raise InvalidInputError(f"{label} {problem}{kind}")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise InvalidInputError(
                f"{label} is larger than {max_bytes // 1024:,} KB, the limit for {what}"
            )
        return content.decode("utf-8-sig")  # some editors write a byte order mark
    except OSError as error:
        raise InvalidInputError(f"cannot read {label}: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{label} is not a text file in UTF-8: save it in the encoding UTF-8"
        ) from error


def parse_exercise(text: str, name: str = "") -> Exercise:
    """Parse the text of an exercise file.

    Raises:
        InvalidInputError: not TOML, an unknown key, or a value that is not allowed.
    """
    top = TomlTable(read_toml(text), "")
    exercise = read_exercise(top, name)
    top.refuse_unknown()
    return exercise


def read_exercise(top: TomlTable, name: str = "") -> Exercise:
    """Read an exercise from a file that may hold other keys, too.

    Raises:
        InvalidInputError: a value that is not allowed.
    """
    exercise_title = top.text("title", required=True)
    source = top.text("source")
    network = _read_network(top.table("network", required=True))
    training = _read_training(top.table("training"))
    weights, biases = _read_parameters(top.table("parameters", required=True), network)
    samples = _read_samples(top.tables("samples"), network)
    marks, individual = read_marks(top), read_individual(top)
    exercise = Exercise(
        exercise_title, network, weights, biases, samples, training, source, name, marks, individual
    )
    check_exercise(exercise)
    return exercise


def _read_network(table: TomlTable) -> Network:
    neurons = table.list_of("neurons", int, "whole numbers, one per layer: [2, 2, 2]")
    activations = table.list_of("activations", str, "activations, one per layer after the inputs")
    bias = table.choice("bias", tuple(BIASES), "none")
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
                f"network.neurons[{at}] must be 1 to {MAX_NEURONS}, got {shown(count)}"
            )
    if len(activations) != len(neurons) - 1:
        raise InvalidInputError(
            f"network.activations must have {len(neurons) - 1} entries, one per layer after the "
            f"inputs, got {len(activations)}"
        )
    for at, activation in enumerate(activations, 1):
        last = at == len(activations)
        allowed = [name for name, one in ACTIVATIONS.items() if last or not one.takes_layer]
        if activation not in allowed:
            note = (
                f" ({activation} is for the last layer only)" if activation in ACTIVATIONS else ""
            )
            raise InvalidInputError(
                f"network.activations[{at}] must be {one_of(allowed)}, got {shown(activation)}"
                f"{note}"
            )
    if activation_named(activations[-1]).takes_layer and not 2 <= neurons[-1] <= MAX_SOFTMAX:
        raise InvalidInputError(
            f"network.neurons[{len(neurons)}] must be 2 to {MAX_SOFTMAX} for {activations[-1]} "
            f"outputs, got {neurons[-1]}"
        )
    network = Network(tuple(neurons), tuple(activations), bias, train_bias)
    parameters = network.weight_count + network.bias_count
    if parameters > MAX_PARAMETERS:
        raise InvalidInputError(
            f"network.neurons gives {parameters} parameters; the limit is {MAX_PARAMETERS}"
        )
    return network


def _read_training(table: TomlTable) -> Training:
    defaults = Training()
    loss = table.choice("loss", tuple(LOSSES), defaults.loss)
    update = table.choice("update", tuple(UPDATES), defaults.update)
    optimizer = table.choice("optimizer", tuple(OPTIMIZERS), defaults.optimizer)
    learning_rates = table.numbers("learning_rates")
    iterations = table.integer("iterations", defaults.iterations)
    hyperparameters: dict[str, float] = {}
    for one in optimizer_named(optimizer).hyperparameters:
        value = table.number(one.key)
        hyperparameters[one.symbol] = one.default if value is None else value
        if not one.low <= hyperparameters[one.symbol] < one.high:
            raise InvalidInputError(
                f"training.{one.key} must be at least {one.low:g} and below {one.high:g}, "
                f"got {value:g}"
            )
    has_momentum = MOMENTUM.symbol in hyperparameters
    nesterov = table.boolean("nesterov", False) if has_momentum else False
    form = defaults.momentum_form
    if has_momentum:
        form = table.choice("momentum_form", MOMENTUM_FORMS, form)
    table.refuse_unknown()
    if nesterov and form != "sum":
        raise InvalidInputError(
            "training.nesterov needs training.momentum_form 'sum': Nesterov momentum has no other"
        )
    if has_momentum and not hyperparameters[MOMENTUM.symbol]:
        if nesterov:
            raise InvalidInputError("training.nesterov needs training.momentum above 0")
        # Plain gradient descent has no state.
        hyperparameters, form = {}, defaults.momentum_form
    return Training(
        loss,
        update,
        optimizer,
        nesterov,
        hyperparameters,
        defaults.learning_rates if learning_rates is None else tuple(dict.fromkeys(learning_rates)),
        iterations,
        form,
    )


def _read_parameters(
    table: TomlTable, network: Network
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


def _read_samples(tables: list[TomlTable], network: Network) -> tuple[Sample, ...]:
    if not 1 <= len(tables) <= MAX_SAMPLES:
        raise InvalidInputError(f"samples must be 1 to {MAX_SAMPLES} tables, got {len(tables)}")
    samples = []
    for table in tables:
        inputs = table.numbers("inputs", required=True)
        targets = table.numbers("targets", required=True)
        table.refuse_unknown()
        samples.append(Sample(inputs or (), targets or ()))
    return tuple(samples)
