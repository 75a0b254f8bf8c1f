"""Whole runs: against an implementation in matrices, published figures, and Excel's limits."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fixtures.random_exercises import (
    HIDDEN,
    OPTIMIZERS,
    UPDATES,
    counts,
    parse,
    random_data,
    random_network,
)
from fixtures.sampling import some_of
from oracles.jax_process import call

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import equation_system, system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.limits import largest_learning_rate, largest_value
from backprop_sheet.exercise.model import Exercise, Network, Sample, Training
from backprop_sheet.exercise.packaged import packaged_exercises

ITERATIONS = 50


def run(exercise: Exercise, rates: list[float], iterations: int) -> list[dict[str, np.ndarray]]:
    return list(descend(exercise, system_of(exercise), rates, iterations))


# --- the same in matrices: backpropagation as textbooks write it, optimizers as papers do ---


def activate(kind: str, z: np.ndarray) -> tuple[np.ndarray, Any]:
    """The activations of a layer, and how to take a gradient back through them."""
    match kind:
        case "sigmoid":
            a = 1 / (1 + np.exp(-z))
            return a, lambda g: g * a * (1 - a)
        case "tanh":
            a = np.tanh(z)
            return a, lambda g: g * (1 - a * a)
        case "relu":
            return np.maximum(z, 0), lambda g: g * (z > 0)
        case "softmax":
            a = np.exp(z) / np.exp(z).sum()
            return a, lambda g: (np.diag(a) - np.outer(a, a)) @ g
    return z, lambda g: g


def loss(kind: str, t: np.ndarray, a: np.ndarray) -> tuple[float, np.ndarray]:
    """The error of a sample, and its gradient by the outputs."""
    match kind:
        case "half_squared_error":
            return ((t - a) ** 2).sum() / 2, a - t
        case "squared_error":
            return ((t - a) ** 2).sum(), 2 * (a - t)
        case "mean_squared_error":
            return ((t - a) ** 2).mean(), 2 * (a - t) / t.size
        case "cross_entropy":
            return -(t * np.log(a)).sum(), -t / a
    assert kind == "binary_cross_entropy"
    return -(t * np.log(a) + (1 - t) * np.log(1 - a)).sum(), (a - t) / (a * (1 - a))


class Trainer:
    """Trains the network of an exercise file's data; all parameters are one vector."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.network, self.training = data["network"], data["training"]
        self.x, self.t = (
            np.array([one[key] for one in data["samples"]], dtype=float)
            for key in ("inputs", "targets")
        )
        given = data["parameters"]
        self.parameters = np.array([*given["weights"], *given["biases"]], dtype=float)
        self.weight_count = len(given["weights"])
        self.m, self.v = np.zeros_like(self.parameters), np.zeros_like(self.parameters)

    def layers(self, vector: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Views of each layer's weights (to, from) and biases in a vector of all parameters."""
        weights, biases = vector[: self.weight_count], vector[self.weight_count :]
        for before, after in pairwise(self.network["neurons"]):
            biases_here = {"none": 0, "layer": 1, "neuron": after}[self.network["bias"]]
            yield weights[: before * after].reshape(after, before), biases[:biases_here]
            weights, biases = weights[before * after :], biases[biases_here:]

    def gradient(self, x: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
        """The error of a sample, and its gradient by all parameters."""
        a, passed = x, []
        for (w, b), kind in zip(
            self.layers(self.parameters), self.network["activations"], strict=True
        ):
            source = a
            a, back = activate(kind, w @ source + (b if b.size else 0))
            passed.append((source, w, back))
        error, g = loss(self.training["loss"], t, a)
        result = np.zeros_like(self.parameters)
        places = list(self.layers(result))
        for (source, w, back), (w_place, b_place) in zip(passed[::-1], places[::-1], strict=True):
            delta = back(g)
            w_place[:] = np.outer(delta, source)
            if self.network["bias"] == "neuron":
                b_place[:] = delta
            elif self.network["bias"] == "layer":
                b_place[:] = delta.sum()
            g = w.T @ delta
        if not self.network["train_bias"]:
            result[self.weight_count :] = 0
        return error, result

    def step(self, g: np.ndarray, rate: float, n: int) -> None:
        """One update with the gradient g, the n-th from 1."""
        p, options = self.parameters, self.training
        match options.get("optimizer", "sgd"):
            case "sgd":
                mu = options.get("momentum", 0.0)
                share = 1 - mu if options.get("momentum_form") == "average" else 1.0
                self.v = mu * self.v + share * g
                p -= rate * (g + mu * self.v if options.get("nesterov") else self.v)
            case "rmsprop":
                rho = options["rho"]
                self.v = rho * self.v + (1 - rho) * g * g
                p -= rate * g / (np.sqrt(self.v) + options["epsilon"])
            case "adam" | "adamw" as name:
                beta_1, beta_2 = options.get("beta_1", 0.9), options.get("beta_2", 0.999)
                if name == "adamw":
                    trained = self.weight_count if not self.network["train_bias"] else p.size
                    p[:trained] *= 1 - rate * options["weight_decay"]
                self.m = beta_1 * self.m + (1 - beta_1) * g
                self.v = beta_2 * self.v + (1 - beta_2) * g * g
                m_hat, v_hat = self.m / (1 - beta_1**n), self.v / (1 - beta_2**n)
                p -= rate * m_hat / (np.sqrt(v_hat) + options.get("epsilon", 1e-8))

    def train(self, rate: float, iterations: int) -> Iterator[tuple[np.ndarray, dict[int, float]]]:
        """Yield the parameters, and the error of each sample that takes part in the update."""
        count = len(self.x)
        for n in range(iterations + 1):
            chosen = [n % count] if self.training["update"] == "online" else range(count)
            found = {sample: self.gradient(self.x[sample], self.t[sample]) for sample in chosen}
            yield self.parameters.copy(), {sample: error for sample, (error, _) in found.items()}
            g = np.sum([g for _, g in found.values()], axis=0)
            self.step(g / count if self.training["update"] == "batch_mean" else g, rate, n + 1)


def assert_runs_agree(data: Mapping[str, Any], rates: list[float], what: str) -> None:
    exercise = parse(data)
    table = run(exercise, rates, ITERATIONS)
    names = system_of(exercise).parameters
    for at, rate in enumerate(rates):
        latest: dict[int, float] = {}
        parameters, errors, means = [], [], []
        for vector, of_samples in Trainer(data).train(rate, ITERATIONS):
            latest |= of_samples
            parameters.append(vector)
            errors.append(list(of_samples.values()))
            means.append(np.mean(list(latest.values())))
        compared = {
            "parameters": ([[rows[name][at, 0] for name in names] for rows in table], parameters),
            "E_total": ([rows["E_total"][at] for rows in table], errors),
        }
        if len(exercise.samples) > 1:
            compared["E_mean"] = ([rows["E_mean"][at, 0] for rows in table], means)
        for quantity, (ours, theirs) in compared.items():
            where = f"{quantity}, rate {rate}, {what}"
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=where)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("optimizer", some_of(OPTIMIZERS, 4))
def test_runs_agree_with_an_implementation_in_matrices(optimizer: str, update: str):
    for seed in range(3):
        generator = random.Random(f"{optimizer} {update} {seed}")
        # Without relu: where a dead network's gradients are rounding, Adam makes steps of it.
        hidden = ("sigmoid", "tanh", "linear")
        data = random_data(
            generator, random_network(generator, hidden, widest=4), **OPTIMIZERS[optimizer]
        )
        data["training"]["update"] = update
        assert_runs_agree(data, [0.01, 0.05], f"seed {seed}")


def test_runs_of_relu_networks_agree_too():
    for seed in range(12):
        generator = random.Random(f"relu {seed}")
        data = random_data(generator, random_network(generator, ("relu", "linear"), widest=5))
        assert_runs_agree(data, [0.02], f"seed {seed}")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sgd", (0.3,)),
        ("momentum", (0.3, 0.8)),
        ("nesterov", (0.3, 0.8)),
        ("adam", (0.3, 0.8, 0.95, 0.1)),
    ],
)
def test_updates_agree_with_jax(name: str, arguments: tuple[float, ...]):
    """JAX's optimizers, given the gradients of the table, take the table's parameters."""
    data = random_data(
        random.Random(1), {"neurons": [2, 2, 2], "activations": ["sigmoid"] * 2, "bias": "none"}
    )
    data["samples"] = data["samples"][:1]
    data["training"] = {"loss": "half_squared_error", **OPTIMIZERS[name]}
    exercise = parse(data)
    weights = system_of(exercise).weights
    table = run(exercise, [0.3], 20)
    gradients = [[rows[f"∂E/∂{weight}"][0, 0] for weight in weights] for rows in table[:-1]]
    ours = [[rows[weight][0, 0] for weight in weights] for rows in table[1:]]
    theirs = call("optimized", name, arguments, np.array(exercise.weights), np.array(gradients))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


# --- published figures ---


def test_the_courses_published_numbers():
    start, after = run(load_exercise("course"), [0.1, 0.5], 1)
    assert start["E_total"].tolist() == [[0.24251985734837728]] * 2
    assert after["w1"][1, 0] == pytest.approx(0.14990587216652995, rel=1e-15)
    assert after["w5"][1, 0] == pytest.approx(0.3639214635439319, rel=1e-15)
    assert after["E_total"][1, 0] == pytest.approx(0.23549537787349017, rel=1e-15)


def test_mazurs_published_numbers():
    exercise = load_exercise("mazur")
    assert exercise.training.learning_rates == (0.5,)
    table = {n: rows for n, rows in enumerate(run(exercise, [0.5], 10_000)) if n in (0, 1, 10_000)}
    assert table[0]["E_total"][0, 0] == pytest.approx(0.2983711087600027, rel=1e-14)
    assert table[0]["a_o1"][0, 0] == pytest.approx(0.75136507, abs=5e-9)
    assert table[0]["a_o2"][0, 0] == pytest.approx(0.772928465, abs=5e-10)
    assert table[0]["∂E/∂w5"][0, 0] == pytest.approx(0.082167041, abs=5e-10)
    assert table[0]["∂E/∂w1"][0, 0] == pytest.approx(0.000438568, abs=5e-10)
    assert table[1]["E_total"][0, 0] == pytest.approx(0.29102777369359933, rel=1e-14)
    published = {
        "w1": 0.149780716,
        "w2": 0.19956143,
        "w3": 0.24975114,
        "w4": 0.29950229,
        "w5": 0.35891648,
        "w6": 0.408666186,
        "w7": 0.511301270,
        "w8": 0.561370121,
    }
    for name, value in published.items():
        assert table[1][name][0, 0] == pytest.approx(value, abs=5e-9), name
    assert table[10_000]["E_total"][0, 0] == pytest.approx(3.510e-05, abs=5e-9)
    for rows in table.values():  # the biases are not trained
        assert (rows["b1"][0, 0], rows["b2"][0, 0]) == (0.35, 0.6)


def test_xor_is_learned():
    exercise = load_exercise("xor")
    rates = exercise.training.learning_rates
    last = run(exercise, list(rates), exercise.training.iterations)[-1]
    assert [sample.targets for sample in exercise.samples] == [(0,), (1,), (1,), (0,)]
    for at, rate in enumerate(rates):
        assert last["E_mean"][at, 0] < 0.01, rate
        assert (last["a_o1"][at] > 0.5).tolist() == [False, True, True, False], rate


@pytest.mark.parametrize("name", packaged_exercises())
def test_every_packaged_exercise_learns_at_each_of_its_rates(name: str):
    exercise = load_exercise(name)
    table = run(exercise, list(exercise.training.learning_rates), exercise.training.iterations)
    error = "E_mean" if len(exercise.samples) > 1 else "E_total"
    assert (table[-1][error][:, 0] < 0.7 * table[0][error][:, 0]).all()


# --- rows ---


def test_rates_do_not_influence_each_other():
    exercise = load_exercise("softmax")
    for both, one in zip(run(exercise, [0.5, 2.0], 20), run(exercise, [2.0], 20), strict=True):
        assert all((both[name][1] == one[name][0]).all() for name in both)


def test_rows_in_batches_hold_every_sample_and_the_same_parameters():
    exercise = load_exercise("xor")
    system = system_of(exercise)
    for n, rows in enumerate(run(exercise, [2.0, 5.0], 3)):
        assert set(rows) == {"iteration", "sample", *system.columns}
        assert all(values.shape == (2, 4) for values in rows.values())
        assert (rows["iteration"] == n).all()
        assert rows["sample"].tolist() == [[1, 2, 3, 4]] * 2
        assert rows["i1"].tolist() == [[0, 0, 1, 1]] * 2
        for name in system.parameters:
            assert (rows[name] == rows[name][:, :1]).all()


def test_rows_online_take_the_samples_in_turn():
    exercise = load_exercise("xor")
    exercise = dataclasses.replace(
        exercise, training=dataclasses.replace(exercise.training, update="online")
    )
    table = run(exercise, [2.0, 5.0], 9)
    assert [rows["sample"].tolist() for rows in table] == [[[n % 4 + 1]] * 2 for n in range(10)]
    assert [rows["i1"][0, 0] for rows in table] == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    assert all(values.shape == (2, 1) for rows in table for values in rows.values())


def test_optimizer_state_starts_at_0():
    exercise = load_exercise("adam")
    system = system_of(exercise)
    start, after = run(exercise, [0.1], 1)
    assert len(system.states) == 16
    assert all(start[name][0, 0] == 0 for name in system.states)
    assert all(after[name][0, 0] != 0 for name in system.states)


# --- Excel's limits ---

EXTREME_OPTIMIZERS: list[dict[str, Any]] = [
    {},
    {"hyperparameters": {"μ": 0.9}},
    {"hyperparameters": {"μ": 1 - 2**-53}, "nesterov": True},
    {"hyperparameters": {"μ": 1 - 2**-53}, "momentum_form": "average"},
    {"optimizer": "rmsprop", "hyperparameters": {"ρ": 1 - 2**-53, "ε": 1e-12}},
    {"optimizer": "rmsprop", "hyperparameters": {"ρ": 0.0, "ε": 1e-12}},
    {"optimizer": "adam", "hyperparameters": {"β1": 0.9, "β2": 0.999, "ε": 1e-8}},
    {"optimizer": "adam", "hyperparameters": {"β1": 1 - 2**-53, "β2": 0.0, "ε": 1e-12}},
    {"optimizer": "adamw", "hyperparameters": {"β1": 0.9, "β2": 0.5, "ε": 1e-12, "λ": 0.9}},
]


def extreme_exercise(generator: random.Random) -> tuple[Exercise, float]:
    """An exercise with values at the limits, and its largest learning rate."""
    hidden = generator.choice((HIDDEN, ("relu", "linear")))
    data = random_data(generator, random_network(generator, hidden, widest=4))
    network = Network(
        tuple(data["network"]["neurons"]),
        tuple(data["network"]["activations"]),
        data["network"]["bias"],
    )
    training = Training(
        loss=data["training"]["loss"],
        update=data["training"]["update"],
        iterations=30,
        **generator.choice(EXTREME_OPTIMIZERS),
    )
    count = generator.choice((1, 3))
    largest = largest_value(network, training, count)
    mixed = generator.random() < 0.5

    def values(number: int) -> tuple[float, ...]:
        choices = [largest, -largest]
        if mixed:
            choices += [0.0, 1e-300, -1.0, largest**0.5, 1 / largest]
        return tuple(generator.choices(choices, k=number))

    weights, biases = counts(data["network"])
    samples = tuple(
        Sample(values(network.neurons[0]), values(network.neurons[-1])) for _ in range(count)
    )
    exercise = Exercise("extreme", network, values(weights), values(biases), samples, training)
    return exercise, largest_learning_rate(network, training, count)


@pytest.mark.parametrize("group", range(4))
def test_no_cell_overflows_at_the_limits(group: int):
    for seed in range(12 * group, 12 * group + 12):
        exercise, largest = extreme_exercise(random.Random(seed))
        rates = [largest, largest / 1e3, min(0.1, largest)]
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            for rows in run(exercise, rates, 30):
                for name, values in rows.items():
                    assert (np.abs(values) <= 1e300).all(), (name, seed)


def test_a_diverging_deep_network_stays_finite():
    """Each layer multiplies the gradients of the layers before it: without bounds, to 1e400."""
    network = Network((2, 2, 2, 2, 2, 2), ("linear", "relu", "linear", "relu", "linear"))
    training = Training(loss="squared_error", iterations=60)
    exercise = Exercise(
        "diverges", network, (0.9,) * 20, (), (Sample((30.0, 20.0), (1.0, -1.0)),), training
    )
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        table = run(exercise, [0.1, 1.0, largest_learning_rate(network, training, 1)], 60)
    assert all((np.abs(values) <= 1e300).all() for rows in table for values in rows.values())
    assert np.abs(table[-1]["w20"]).max() > 1e6  # it does diverge


def test_usual_learning_rates_are_within_the_limits():
    """A limit that refuses what people do would be worse than none."""
    for neurons, kinds in (
        ((5, 5, 5, 5, 5, 5), ("linear",) * 5),
        ((6, 6, 6, 6, 6), ("relu",) * 3 + ("linear",)),
        ((2, 2, 2), ("sigmoid", "sigmoid")),
    ):
        for optimizer in ({}, {"optimizer": "adam", "hyperparameters": DEFAULT_ADAM}):
            network = Network(neurons, kinds, "neuron")
            training = Training(iterations=1000, **optimizer)
            assert largest_learning_rate(network, training, 10) >= 1
            assert largest_value(network, training, 10) >= 1e3


DEFAULT_ADAM = {"β1": 0.9, "β2": 0.999, "ε": 1e-8}


def test_equations_are_derived_once_for_all_learning_rates():
    """A class has as many learning rates as students, and one network."""
    exercise = load_exercise()
    other = dataclasses.replace(exercise.training, learning_rates=(0.123,), iterations=7)
    system = system_of(exercise)
    for count in range(2, 150):  # others, more than are kept
        equation_system(exercise.network, exercise.training, count)
        assert system_of(exercise) is system
    assert system_of(dataclasses.replace(exercise, training=other)) is system
    other = dataclasses.replace(exercise.training, loss="squared_error")
    assert system_of(dataclasses.replace(exercise, training=other)) is not system
