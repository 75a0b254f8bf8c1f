"""Exercise files: what is read from them, and how every invalid one is refused in one line."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.random_exercises import parse, to_toml
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.exercise.packaged import DEFAULT_EXERCISE, packaged_exercises, packaged_file
from gradsheet.errors import GradsheetError, InvalidInputError

VALID: dict[str, Any] = {
    "title": "An exercise",
    "source": "Somebody, 2020",
    "network": {
        "neurons": [2, 3, 2],
        "activations": ["tanh", "sigmoid"],
        "bias": "neuron",
        "train_bias": True,
    },
    "parameters": {
        "weights": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2],
        "biases": [0.1, 0.2, 0.3, 0.4, 0.5],
    },
    "samples": [
        {"inputs": [0.05, 0.1], "targets": [0.01, 0.99]},
        {"inputs": [1, -1], "targets": [0, 1]},
    ],
    "training": {
        "loss": "half_squared_error",
        "update": "batch_sum",
        "optimizer": "sgd",
        "momentum": 0.5,
        "nesterov": False,
        "learning_rates": [0.1, 1],
        "iterations": 20,
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The valid data with another value at ``network.neurons`` or ``samples.0.inputs``."""
    data = copy.deepcopy(VALID)
    *parents, last = path.split(".")
    table: Any = data
    for parent in parents:
        table = table[int(parent)] if isinstance(table, list) else table.setdefault(parent, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return data


def refusal(read: Callable[[], object]) -> str:
    """The message of the refusal, which must be fit for a terminal."""
    with pytest.raises(InvalidInputError) as caught:
        read()
    message = str(caught.value)
    assert message.isprintable(), repr(message)
    assert len(message) < 400, message
    assert caught.value.exit_code == 2
    return message


# --- valid files ---


def test_everything_in_a_file_is_read():
    exercise = parse(VALID)
    assert (exercise.title, exercise.source) == ("An exercise", "Somebody, 2020")
    network, training = exercise.network, exercise.training
    assert network.neurons == (2, 3, 2)
    assert network.activations == ("tanh", "sigmoid")
    assert (network.bias, network.train_bias) == ("neuron", True)
    assert (network.weight_count, network.bias_count) == (12, 5)
    assert exercise.weights == tuple(VALID["parameters"]["weights"])
    assert exercise.biases == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert exercise.samples == (Sample((0.05, 0.1), (0.01, 0.99)), Sample((1, -1), (0, 1)))
    assert (training.loss, training.update) == ("half_squared_error", "batch_sum")
    assert (training.optimizer, training.nesterov) == ("sgd", False)
    assert training.hyperparameters == {"μ": 0.5}
    assert training.learning_rates == (0.1, 1.0)
    assert training.iterations == 20


def test_what_a_file_leaves_out_has_its_default():
    data = {
        "title": "Short",
        "network": {"neurons": [1, 1], "activations": ["linear"]},
        "parameters": {"weights": [1]},
        "samples": [{"inputs": [1], "targets": [1]}],
    }
    exercise = parse(data)
    assert exercise.source == ""
    assert exercise.biases == ()
    assert (exercise.network.bias, exercise.network.train_bias) == ("none", True)
    training = exercise.training
    assert (training.loss, training.update) == ("half_squared_error", "batch_mean")
    assert (training.optimizer, training.hyperparameters) == ("sgd", {})
    assert training.learning_rates == (0.1, 0.2, 0.5, 0.8, 1, 2)
    assert training.iterations == 100


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("sgd", {}),
        ("rmsprop", {"ρ": 0.9, "ε": 1e-8}),
        ("adam", {"β1": 0.9, "β2": 0.999, "ε": 1e-8}),
        ("adamw", {"β1": 0.9, "β2": 0.999, "ε": 1e-8, "λ": 0.01}),
    ],
)
def test_optimizers_have_the_defaults_of_their_papers(optimizer: str, expected: dict[str, float]):
    assert parse(changed("training", {"optimizer": optimizer})).training.hyperparameters == expected


def test_repeated_rates_are_merged_in_order():
    exercise = parse(changed("training.learning_rates", [2, 1.0, 2.0, 1]))
    assert exercise.training.learning_rates == (2, 1)


def test_a_file_may_have_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "mine.TOML"
    path.write_bytes(b"\xef\xbb\xbf" + to_toml(VALID).replace("\n", "\r\n").encode())
    assert load_exercise(str(path)).title == "An exercise"


# --- packaged files ---


def test_the_packaged_exercises_are_those_of_the_readme():
    found = packaged_exercises()
    assert found[0] == DEFAULT_EXERCISE == "course"
    assert {
        "course",
        "mazur",
        "xor",
        "relu",
        "softmax",
        "deep",
        "momentum",
        "adam",
        "linear",
    } <= set(found)


@pytest.mark.parametrize("name", packaged_exercises())
def test_a_packaged_exercise_loads_by_name_and_as_a_file(name: str):
    exercise = load_exercise(name)
    assert exercise.name == name
    assert exercise.title
    copied = load_exercise(str(packaged_file(name)))
    assert copied.name == ""  # a file of the user's, even if it is the same
    assert with_values(copied) == copied
    assert (copied.network, copied.samples) == (exercise.network, exercise.samples)


def test_titles_of_packaged_exercises_differ():
    titles = [load_exercise(name).title for name in packaged_exercises()]
    assert len(set(titles)) == len(titles)


def test_the_default_exercise_is_the_courses():
    exercise = load_exercise()
    assert exercise.network.neurons == (2, 2, 2)
    assert exercise.weights == (0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55)
    assert exercise.samples == (Sample((0.05, 0.1), (0.01, 0.99)),)
    assert exercise.training.learning_rates == (0.1, 0.2, 0.5, 0.8, 1, 2)


# --- seeds ---


def seeded(seed: int, neurons: list[int], bias: str = "neuron") -> Exercise:
    data = changed("parameters", {"seed": seed})
    activations = ["tanh"] * (len(neurons) - 1)
    data["network"] = {"neurons": neurons, "activations": activations, "bias": bias}
    sample = {"inputs": [1] * neurons[0], "targets": [0] * neurons[-1]}
    return parse({**data, "samples": [sample]})


def test_a_seed_gives_the_same_parameters_every_time():
    one, again, other = seeded(7, [2, 3, 1]), seeded(7, [2, 3, 1]), seeded(8, [2, 3, 1])
    assert (one.weights, one.biases) == (again.weights, again.biases)
    assert one.weights != other.weights
    assert len(set(one.weights)) > 6
    # Exercises that people have handed out must not change: these are written down.
    assert seeded(7, [1, 2], "none").weights == (-0.3523, -0.6983)


def test_seeded_parameters_are_uniform_within_one_over_the_root_of_fan_in():
    neurons = [16, 4, 9]
    found: dict[int, list[float]] = {16: [], 4: []}
    for seed in range(60):
        exercise = seeded(seed, neurons)
        assert len(exercise.biases) == 13
        found[16] += [*exercise.weights[:64], *exercise.biases[:4]]
        found[4] += [*exercise.weights[64:], *exercise.biases[4:]]
    for fan_in, values in found.items():
        bound = 1 / math.sqrt(fan_in)
        assert max(map(abs, values)) <= bound
        # Each tenth of the range has about a tenth of the values: five standard deviations.
        counts, _ = np.histogram(values, bins=10, range=(-bound, bound))
        share = len(values) / 10
        assert np.abs(counts - share).max() < 5 * math.sqrt(share * 0.9)


# --- refusals: each names the key and what is allowed ---

NAN, INF = math.nan, math.inf
ACTIVATION_NAMES = "sigmoid, tanh, relu, linear"

REFUSED: list[tuple[str, Any, tuple[str, ...]]] = [
    # unknown keys, at every level
    ("titel", "x", ("unknown key titel", "title, source, network")),
    ("network.layers", [2, 2], ("unknown key network.layers", "neurons, activations, bias")),
    ("parameters.weight", [1], ("unknown key parameters.weight", "weights, biases, seed")),
    ("samples.1.input", [1], ("unknown key samples[2].input", "inputs, targets")),
    ("training.lr", 0.1, ("unknown key training.lr", "learning_rates")),
    ("training.beta_1", 0.9, ("unknown key training.beta_1", "momentum")),  # Adam's only
    # what is missing
    ("title", None, ("title is missing",)),
    ("network", None, ("[network] is missing",)),
    ("network.neurons", None, ("network.neurons is missing",)),
    ("network.activations", None, ("network.activations is missing",)),
    ("parameters", None, ("[parameters] is missing",)),
    ("parameters.weights", None, ("parameters.weights is missing", "seed")),
    ("parameters.biases", None, ("parameters.biases is missing", "'neuron'", "5")),
    ("samples", None, ("[[samples]]", "is missing")),
    ("samples.1.inputs", None, ("samples[2].inputs is missing",)),
    ("samples.0.targets", None, ("samples[1].targets is missing",)),
    # wrong types
    ("title", 3, ("title must be one line of text", "200")),
    ("title", "two\nlines", ("title must be one line of text",)),
    ("title", "\x1b[31mred", ("title must be one line of text",)),
    ("title", "x" * 201, ("title must be one line of text", "200")),
    ("source", ["a"], ("source must be one line of text",)),
    ("network", "2-2-2", ("network must be a table", "[network]")),
    ("network", [{}], ("network must be a table",)),
    ("network.neurons", 3, ("network.neurons must be a list of whole numbers",)),
    ("network.neurons", [2, 2.0, 2], ("network.neurons must be a list of whole numbers",)),
    ("network.neurons", [2, True, 2], ("network.neurons must be a list of whole numbers",)),
    ("network.neurons", [2, "2", 2], ("network.neurons must be a list of whole numbers",)),
    ("network.neurons", [[2, 2, 2]], ("network.neurons must be a list of whole numbers",)),
    ("network.activations", "tanh", ("network.activations must be a list",)),
    ("network.activations", [1, 2], ("network.activations must be a list",)),
    ("network.bias", True, ("network.bias must be none, layer or neuron", "got true")),
    ("network.bias", ["layer"], ("network.bias must be none, layer or neuron", "got a list")),
    ("network.bias", {"a": 1}, ("network.bias must be none, layer or neuron", "got a table")),
    ("network.bias", "yes", ("network.bias must be none, layer or neuron", "got 'yes'")),
    ("network.bias", "\x07\n", ("network.bias must be", r"'\x07\n'")),
    ("network.train_bias", 1, ("network.train_bias must be true or false", "got 1")),
    ("network.train_bias", "no", ("network.train_bias must be true or false",)),
    ("parameters", [1, 2], ("parameters must be a table",)),
    ("parameters.weights", 1, ("parameters.weights must be a list of numbers", "got 1")),
    ("parameters.weights", [[1] * 12], ("parameters.weights[1] must be a number", "a list")),
    ("parameters.weights", ["0.1"] * 12, ("parameters.weights[1] must be a number", "'0.1'")),
    ("parameters.weights", [0.1, True], ("parameters.weights[2] must be a number", "true")),
    ("parameters.seed", 1, ("either seed, or weights and biases",)),
    ("parameters", {"seed": 1.5}, ("parameters.seed must be a whole number", "1.5")),
    ("parameters", {"seed": True}, ("parameters.seed must be a whole number",)),
    ("parameters", {"seed": 1, "scale": 2}, ("unknown key parameters.scale",)),
    ("samples", {"inputs": [1, 1]}, ("samples must be tables", "[[samples]]")),
    ("samples", [1, 2], ("samples must be tables", "[[samples]]")),
    ("samples.1.inputs", 1, ("samples[2].inputs must be a list of numbers",)),
    ("samples.1.inputs", [1, "a"], ("samples[2].inputs[2] must be a number",)),
    ("training", 1, ("training must be a table",)),
    ("training.loss", "mse", ("training.loss must be", "mean_squared_error", "'mse'")),
    ("training.update", "batch", ("training.update must be batch_mean, batch_sum or online",)),
    ("training.optimizer", "Adam", ("training.optimizer must be sgd, rmsprop, adam or adamw",)),
    ("training.iterations", 1.5, ("training.iterations must be a whole number", "1.5")),
    ("training.iterations", True, ("training.iterations must be a whole number",)),
    ("training.learning_rates", 0.1, ("training.learning_rates must be a list of numbers",)),
    ("training.learning_rates", ["0.1"], ("training.learning_rates[1] must be a number",)),
    ("training.momentum", "0.9", ("training.momentum must be a number",)),
    ("training.nesterov", 1, ("training.nesterov must be true or false",)),
    # wrong counts
    ("network.neurons", [2], ("network.neurons must have 2 to 6 layers", "got 1")),
    ("network.neurons", [1] * 7, ("network.neurons must have 2 to 6 layers", "got 7")),
    ("network.neurons", [2, 0, 2], ("network.neurons[2] must be 1 to 64", "got 0")),
    ("network.neurons", [-1, 3, 2], ("network.neurons[1] must be 1 to 64", "got -1")),
    ("network.neurons", [2, 65, 2], ("network.neurons[2] must be 1 to 64", "got 65")),
    ("network.neurons", [2, 2**70, 2], ("network.neurons[2] must be 1 to 64",)),
    ("network.neurons", [14, 13, 2], ("gives 223 parameters", "the limit is 200")),
    ("network.activations", ["tanh"], ("network.activations must have 2 entries", "got 1")),
    ("network.activations", ["tanh"] * 3, ("network.activations must have 2 entries", "got 3")),
    ("parameters.weights", [1] * 11, ("weights", "needs 12 numbers (w1 to w12)", "got 11")),
    ("parameters.biases", [1] * 6, ("biases", "needs 5 numbers (b1 to b5)", "got 6")),
    ("network.bias", "none", ("biases", "network.bias is 'none'", "got 5")),
    ("network.bias", "layer", ("biases", "needs 2 numbers (b1 to b2)", "got 5")),
    ("samples", [], ("samples must be 1 to 64 tables", "got 0")),
    ("samples", [VALID["samples"][0]] * 65, ("samples must be 1 to 64 tables", "got 65")),
    ("samples.1.inputs", [1, 2, 3], ("samples[2].inputs", "needs 2 numbers", "got 3")),
    ("samples.0.targets", [1], ("samples[1].targets", "needs 2 numbers", "got 1")),
    ("training.learning_rates", [], ("learning_rates must be 1 to 255 numbers", "got 0")),
    (
        "training.learning_rates",
        [n / 1000 for n in range(1, 257)],
        ("learning_rates must be 1 to 255 numbers", "got 256"),
    ),
    # numbers that are not allowed
    ("parameters.weights", [NAN] * 12, ("weights: w1 must be a finite number", "nan")),
    ("parameters.biases", [0, 0, INF, 0, 0], ("biases: b3 must be a finite number", "inf")),
    ("samples.1.inputs", [1, -INF], ("samples[2].inputs: i2 must be a finite number", "-inf")),
    ("samples.1.targets", [NAN, 1], ("samples[2].targets: t1 must be a finite number",)),
    ("parameters.weights", [0] * 11 + [1e41], ("weights: w12 must be within ±1e+40",)),
    ("samples.0.inputs", [1, -1e41], ("samples[1].inputs: i2 must be within ±1e+40",)),
    ("samples.0.inputs", [10**400, 1], ("samples[1].inputs: i1 must be a finite number",)),
    ("training.learning_rates", [0.1, 0], ("learning_rates must be finite numbers above 0",)),
    ("training.learning_rates", [-1], ("learning_rates must be finite numbers above 0", "-1")),
    ("training.learning_rates", [NAN], ("learning_rates must be finite numbers above 0",)),
    ("training.learning_rates", [INF], ("learning_rates must be finite numbers above 0",)),
    ("training.learning_rates", [1e41], ("learning_rates must be at most 1e+40",)),
    ("training.iterations", 0, ("iterations must be 1 to 1,000,000", "got 0")),
    ("training.iterations", -5, ("iterations must be 1 to 1,000,000", "got -5")),
    ("training.iterations", 1_000_001, ("iterations must be 1 to 1,000,000", "1000001")),
    ("training.iterations", 10**4000, ("iterations must be 1 to 1,000,000",)),
    ("training.momentum", 1, ("training.momentum must be at least 0 and below 1", "got 1")),
    ("training.momentum", -0.1, ("training.momentum must be at least 0 and below 1",)),
    ("training.momentum", NAN, ("training.momentum must be at least 0 and below 1",)),
    ("training.momentum", 10**400, ("training.momentum must be at least 0 and below 1",)),
    ("training", {"optimizer": "adam", "epsilon": 0}, ("training.epsilon must be at least 1e-12",)),
    ("training", {"optimizer": "adam", "beta_2": 1}, ("training.beta_2", "below 1")),
    ("training", {"optimizer": "adamw", "weight_decay": -1}, ("training.weight_decay",)),
    (
        "training",
        {"optimizer": "adamw", "weight_decay": 0.5, "learning_rates": [3]},
        ("learning_rates must be at most 2", "weight decay"),
    ),
    # what does not fit together
    (
        "network.activations",
        ["softmax", "sigmoid"],
        (
            "network.activations[1]",
            ACTIVATION_NAMES.replace(", linear", " or linear"),
            "last layer",
        ),
    ),
    (
        "network.activations",
        ["tanh", "Sigmoid"],
        ("network.activations[2]", f"{ACTIVATION_NAMES} or softmax", "'Sigmoid'"),
    ),
    ("training", {"nesterov": True}, ("training.nesterov needs training.momentum",)),
    ("training.momentum_form", "mean", ("training.momentum_form must be sum or average", "'mean'")),
    (
        "training",
        {"momentum": 0.5, "momentum_form": "average", "nesterov": True},
        ("training.nesterov needs training.momentum_form",),
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), REFUSED)
def test_invalid_values_are_refused(path: str, value: Any, expected: tuple[str, ...]):
    message = refusal(lambda: parse(changed(path, value)))
    for part in expected:
        assert part in message, message


def with_outputs(activation: str, loss: str, count: int = 2) -> dict[str, Any]:
    return {
        "title": "outputs",
        "network": {"neurons": [1, count], "activations": [activation]},
        "parameters": {"weights": [0.5] * count},
        "samples": [{"inputs": [1], "targets": [0.5] * count}],
        "training": {"loss": loss},
    }


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "linear", "softmax"])
@pytest.mark.parametrize(
    ("loss", "allowed"),
    [
        ("half_squared_error", {"sigmoid", "tanh", "relu", "linear", "softmax"}),
        ("squared_error", {"sigmoid", "tanh", "relu", "linear", "softmax"}),
        ("mean_squared_error", {"sigmoid", "tanh", "relu", "linear", "softmax"}),
        ("binary_cross_entropy", {"sigmoid"}),
        ("cross_entropy", {"sigmoid", "softmax"}),
    ],
)
def test_losses_need_outputs_that_fit(activation: str, loss: str, allowed: set[str]):
    data = with_outputs(activation, loss)
    if activation in allowed:
        assert parse(data).training.loss == loss
        return
    message = refusal(lambda: parse(data))
    assert f"training.loss {loss} needs" in message
    assert message.endswith(f"the last of network.activations is {activation}")
    assert all(one in message for one in allowed)


def test_softmax_needs_two_to_sixteen_outputs():
    assert parse(with_outputs("softmax", "cross_entropy", 16))
    for count in (1, 17):
        message = refusal(
            lambda count=count: parse(with_outputs("softmax", "cross_entropy", count))
        )
        assert "network.neurons[2] must be 2 to 16 for softmax" in message


def test_targets_beyond_what_outputs_can_reach_are_refused():
    data = with_outputs("linear", "squared_error")
    data["samples"][0]["targets"] = [1e6, -1e7]
    message = refusal(lambda: parse(data))
    assert "targets: t2 must be within ±1e+06" in message
    assert "linear outputs" in message


def test_rates_at_which_a_deep_network_would_overflow_are_refused():
    data = with_outputs("linear", "squared_error", 1)
    data["network"] = {"neurons": [5] * 6, "activations": ["linear"] * 5}
    data["parameters"] = {"seed": 1}
    data["samples"] = [{"inputs": [1] * 5, "targets": [1] * 5}]
    data["training"]["learning_rates"] = [1e3]
    message = refusal(lambda: parse(data))
    assert message.startswith("learning_rates must be at most ")
    assert "overflow" in message


# --- texts and files that are no exercise ---

VALID_TEXT = to_toml(VALID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "title = ",
        "title = 'a'\ntitle = 'b'\n",
        "[network\n",
        "title = \x00",
        '"\x1b[31m" = 1',
        "a = 1979-13-01",
        "weights = " + "9" * 5000,
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "{a=" * 2000 + "1" + "}" * 2000,
        "x" + ".a" * 100_000 + " = 1",
        "[" + "a . " * 50_000 + "a]",
        "title" + ".'b'" * 2000 + " = 1",
        'title."b"' * 100 + " = 1",
        "\n".join(f"[t{number}]" for number in range(20_000)),
        VALID_TEXT + "\n[[samples]]" * 10_000,
        VALID_TEXT.replace("[2, 3, 2]", f"[0x{'f' * 50_000}, 3, 2]"),
        VALID_TEXT.replace("iterations", "nesterov_").replace("20", f"0x{'f' * 50_000}"),
        '"\\u001b[31m\\n" = 3\n' + VALID_TEXT,
        '"' + "long" * 30_000 + '" = 3\n' + VALID_TEXT,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_texts_that_are_no_exercise_are_refused(text: str):
    assert refusal(lambda: parse_exercise(text))


def test_a_syntax_error_says_where():
    message = refusal(lambda: parse_exercise('title = "a"\nnetwork = [2, 2\nx = 1\n'))
    assert message.startswith("not valid TOML: ")
    assert "line 3" in message


def write(folder: Path, content: bytes, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    def said(name: str) -> str:
        message = refusal(lambda: load_exercise(name))
        assert str(tmp_path) in message or name in message or repr(name) in message
        return message

    latin = write(tmp_path, VALID_TEXT.encode() + "# ü".encode("latin-1"))
    assert "UTF-8" in said(latin)
    assert "UTF-8" in said(write(tmp_path, VALID_TEXT.encode("utf-16")))
    assert "256 KB" in said(write(tmp_path, VALID_TEXT.encode() + b"#" * 300_000))
    assert "not valid TOML" in said(write(tmp_path, b"\x00\x01\x02"))
    assert "title is missing" in said(write(tmp_path, b""))
    assert "there is no exercise file" in said(str(tmp_path / "missing.toml"))
    (tmp_path / "folder.toml").mkdir()
    assert "is a folder" in said(str(tmp_path / "folder.toml"))
    assert "is a folder" in said(f"{tmp_path}/")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    assert refusal(lambda: load_exercise(str(tmp_path / "pipe.toml")))


@pytest.mark.parametrize(
    "name", ["nothing", "", ".", "COURSE", "course\n", "\x1b[31m", "../course"]
)
def test_names_of_no_exercise_are_refused(name: str):
    message = refusal(lambda: load_exercise(name))
    assert "there is no exercise" in message
    if "/" not in name:
        assert "course, adam, deep, linear, mazur, momentum, relu, softmax, xor" in message
        assert ".toml" in message


@pytest.mark.parametrize("name", ["a\nb.toml", "a\x00.toml", "\x1b[31m.toml", "a/\r/b"])
def test_file_names_with_control_characters_are_shown_escaped(name: str):
    message = refusal(lambda: load_exercise(name))
    assert message.isprintable() and repr(name)[1:-1].replace(r"\n", r"\x0a").replace(
        r"\r", r"\x0d"
    ) in message  # fmt: skip


def test_a_refused_file_is_named(tmp_path):
    path = write(tmp_path, to_toml(changed("network.bias", "yes")).encode())
    assert refusal(lambda: load_exercise(path)).startswith(f"{path}: network.bias must be")


# --- any data at all ---

WORDS = st.sampled_from(
    [*"abc", "weights", "seed", "softmax", "online", "adam", "relu", "neuron", "cross_entropy"]
)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 70),
    st.integers(),
    st.floats(),
    WORDS,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in nested mappings and lists."""
    found = [path] if path else []
    keys = data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        found += places(data[key], (*path, key))
    return found


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_data_is_an_exercise_or_refused_in_one_line(data: st.DataObject):
    """One or two of the valid data's values are replaced by anything, taken out, or joined."""
    changed_data = copy.deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 2))):
        *parents, last = data.draw(st.sampled_from(places(changed_data)))
        table: Any = changed_data
        for parent in parents:
            table = table[parent]
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                table[last] = data.draw(ANYTHING)
            case "remove":
                del table[last]
            case "add" if isinstance(table, dict):
                table[data.draw(WORDS | st.text(max_size=3))] = data.draw(ANYTHING)
            case "add":
                table.insert(last, data.draw(ANYTHING))
        if not places(changed_data):
            break
    try:
        exercise = parse(changed_data)
    except InvalidInputError as error:
        message = str(error)
        assert message.isprintable(), repr(message)
        assert 5 < len(message) < 400
    else:
        assert isinstance(exercise, Exercise)
        assert len(exercise.weights) == exercise.network.weight_count
        assert all(map(math.isfinite, (*exercise.weights, *exercise.biases)))


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_is_refused(text: str):
    assert refusal(lambda: parse_exercise(text))


def test_errors_are_the_projects():
    """So that the command line prints them in one line."""
    assert issubclass(InvalidInputError, GradsheetError)


# --- other values from the command line ---


def test_given_values_replace_the_exercises():
    exercise = load_exercise("mazur")
    other = with_values(
        exercise,
        inputs=[1, 2],
        targets=[0.5, 0.25],
        weights=range(8),
        biases=[3, 4],
        learning_rates=[0.3, 0.1, 0.3],
        iterations=7,
    )
    assert other.samples == (Sample((1, 2), (0.5, 0.25)),)
    assert other.weights == tuple(range(8))
    assert other.biases == (3, 4)
    assert (other.training.learning_rates, other.training.iterations) == ((0.3, 0.1), 7)
    assert (other.network, other.title, other.name) == (exercise.network, exercise.title, "mazur")
    assert exercise == load_exercise("mazur")  # unchanged
    assert with_values(exercise) == exercise
    assert with_values(exercise, targets=[0.5, 0.5]).samples[0].inputs == (0.05, 0.1)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("course", {"inputs": [1]}, ("inputs", "needs 2 numbers (i1 to i2)", "got 1")),
        ("course", {"targets": [1, 2, 3]}, ("targets", "needs 2 numbers (t1 to t2)", "got 3")),
        ("course", {"weights": [0] * 7}, ("weights", "needs 8 numbers (w1 to w8)", "got 7")),
        ("course", {"biases": [0.1]}, ("biases", "network.bias is 'none'")),
        ("mazur", {"biases": [0.1]}, ("biases", "needs 2 numbers", "got 1")),
        ("xor", {"inputs": [0, 1]}, ("inputs and targets", "4 samples", "its file")),
        ("xor", {"targets": [0]}, ("inputs and targets", "4 samples")),
        ("course", {"inputs": [math.nan, 0]}, ("inputs: i1 must be a finite number",)),
        ("course", {"targets": [0, math.inf]}, ("targets: t2 must be a finite number",)),
        ("course", {"weights": [0] * 7 + [1e41]}, ("weights: w8 must be within ±1e+40",)),
        ("course", {"learning_rates": []}, ("learning_rates must be 1 to 255",)),
        ("course", {"learning_rates": [0.0]}, ("learning_rates must be finite numbers above 0",)),
        ("course", {"learning_rates": [math.nan]}, ("learning_rates must be finite",)),
        ("course", {"learning_rates": [1e41]}, ("learning_rates must be at most 1e+40",)),
        ("course", {"iterations": 0}, ("iterations must be 1 to 1,000,000", "got 0")),
        ("course", {"iterations": 10**5000}, ("iterations must be 1 to 1,000,000",)),
    ],
)
def test_given_values_that_do_not_fit_are_refused(name, values, expected):
    message = refusal(lambda: with_values(load_exercise(name), **values))
    for part in expected:
        assert part in message, message


def test_parameters_of_several_samples_can_be_replaced():
    exercise = with_values(load_exercise("xor"), weights=[1] * 6, iterations=5)
    assert exercise.weights == (1,) * 6
    assert len(exercise.samples) == 4
