"""The equations of an exercise: their order and columns, and gradients that JAX confirms."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.random_exercises import OPTIMIZERS, parse, random_data
from fixtures.sampling import some_of
from oracles.jax_process import reference
from xlsxwriter.utility import xl_cell_to_rowcol, xl_rowcol_to_cell

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import Kind
from backprop_sheet.equations.system import EquationSystem, equation_system, system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.model import Network, Training
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Name, names
from backprop_sheet.symbolic.rendering import to_excel

GOLDEN = json.loads(
    (Path(__file__).parent.parent / "data" / "course_golden.json").read_text("utf-8")
)


def first_rows(data: Mapping[str, Any]) -> tuple[EquationSystem, dict[str, np.ndarray]]:
    exercise = parse(data)
    system = system_of(exercise)
    return system, next(descend(exercise, system, [0.1], 0))


@pytest.mark.parametrize("group", some_of(range(6), 1))
def test_gradients_agree_with_automatic_differentiation(group: int):
    for seed in range(10 * group, 10 * group + 10):
        generator = random.Random(seed)
        data = random_data(generator, **generator.choice(list(OPTIMIZERS.values())))
        system, rows = first_rows(data)
        errors, gradients = reference(data)
        if data["training"]["update"] == "online":  # the first iteration is the first sample's
            errors, gradients = errors[:1], {name: one[:1] for name, one in gradients.items()}
        np.testing.assert_allclose(rows["E_total"][0], errors, rtol=1e-12, atol=1e-15)
        if not data["network"]["train_bias"]:
            gradients = {name: one for name, one in gradients.items() if "w" in name}
        kinds = {name: system.quantities[name].kind for name in system.columns}
        assert [name for name in kinds if kinds[name] is Kind.GRADIENT] == list(gradients), seed
        # Where all paths cancel, what is left is the rounding of the largest of them.
        floor = 1e-15 * max(np.abs(one).max() for one in gradients.values())
        for name, expected in gradients.items():
            np.testing.assert_allclose(
                rows[name][0], expected, rtol=1e-12, atol=floor, err_msg=f"{name}, seed {seed}"
            )


def test_the_random_exercises_are_of_every_kind():
    """Otherwise the test above would not prove much."""
    seen: dict[str, set[Any]] = {}
    for seed in range(90):
        generator = random.Random(seed)
        generator.choice(list(OPTIMIZERS.values()))
        data = random_data(generator)
        network, training = data["network"], data["training"]
        for key, values in {
            "layers": [len(network["neurons"]) - 1],
            "activations": network["activations"],
            "outputs": [(network["activations"][-1], training["loss"])],
            "biases": [(network["bias"], network["train_bias"])],
            "samples": [len(data["samples"])],
            "updates": [training["update"]],
        }.items():
            seen.setdefault(key, set()).update(values)
    assert {key: len(values) for key, values in seen.items()} == {
        "layers": 5,
        "activations": 5,
        "outputs": 5 + 4 + 3 * 3,  # sigmoid, softmax, the three others
        "biases": 6,
        "samples": 4,
        "updates": 3,
    }


def test_each_derivative_is_the_sum_over_its_paths():
    """The factors of the chain rule give the number that the simplified formula gives."""
    for seed in range(20):
        system, rows = first_rows(random_data(random.Random(f"paths {seed}")))
        values = {name: row[0, 0] for name, row in rows.items()}
        for equation in system.equations:
            if equation.step is not Step.BACKWARD:
                assert not equation.paths
                continue
            values[equation.name] = evaluate(equation.rhs, values)
            total = math.fsum(
                math.prod(
                    values[f"∂E/∂{factor.by}"]
                    if factor.derivative is None
                    else evaluate(factor.derivative, values)
                    for factor in path
                )
                for path in equation.paths
            )
            assert total == pytest.approx(values[equation.name], rel=1e-9, abs=1e-13), (
                f"{equation.name}, seed {seed}"
            )


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("sigmoid", "binary_cross_entropy"),
        ("sigmoid", "cross_entropy"),
        ("softmax", "cross_entropy"),
        ("softmax", "squared_error"),
    ],
)
@pytest.mark.parametrize("size", [50.0, 1e3, 1e30])
def test_saturated_outputs_have_finite_errors_and_exact_gradients(activation, loss, size):
    """Where an output is 0 or 1 to the last digit, no ln and no division may fail."""
    targets = [1.0, 0.0, 0.25]
    data = {
        "title": "saturated",
        "network": {"neurons": [1, 3], "activations": [activation]},
        "parameters": {"weights": [size, -size, 2 * size]},
        "samples": [{"inputs": [1.0], "targets": targets}],
        "training": {"loss": loss},
    }
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        system, rows = first_rows(data)
    assert all(np.isfinite(rows[name]).all() for name in system.columns)
    outputs = {"sigmoid": [1, 0, 1], "softmax": [0, 0, 1]}[activation]
    slopes = {
        "binary_cross_entropy": [a - t for a, t in zip(outputs, targets, strict=True)],
        "cross_entropy": [t * (a - 1) for a, t in zip(outputs, targets, strict=True)],
        "squared_error": [0, 0, 0],
    }[loss]
    if (activation, loss) == ("softmax", "cross_entropy"):
        slopes = [a * sum(targets) - t for a, t in zip(outputs, targets, strict=True)]
    for number, slope in enumerate(slopes, 1):
        assert rows[f"∂E/∂w{number}"][0, 0] == pytest.approx(slope, abs=1e-20), number


# --- columns and formulas ---


@pytest.mark.parametrize("seed", range(15))
def test_every_column_can_be_computed_from_columns_that_are_known_by_then(seed: int):
    generator = random.Random(f"order {seed}")
    data = random_data(generator, **generator.choice(list(OPTIMIZERS.values())))
    system = system_of(parse(data))
    known = {*system.inputs, *system.targets, *system.parameters}
    for name, rhs in system.within_row.items():
        assert {part.key for part in names(rhs)} <= known, name
        known.add(name)
    means = {"E_mean"} if len(data["samples"]) > 1 else set()
    assert known | {*system.states} | means == set(system.columns)
    before = {f"{name}[n-1]" for name in system.columns}
    known = {*system.constants, "iteration"}
    for name, rhs in system.updates.items():
        assert {part.key for part in names(rhs)} <= known | before, name
        known.add(name)
    assert list(system.updates) == [*system.states, *system.trained]


def test_columns_of_the_default_exercise():
    system = system_of(load_exercise())
    assert " ".join(system.columns) == (
        "t1 t2 i1 i2 w1 w2 w3 w4 h1 a_h1 h2 a_h2 w5 w6 w7 w8 o1 a_o1 o2 a_o2 E1 E2 E_total "
        "∂E/∂w1 ∂E/∂w2 ∂E/∂w3 ∂E/∂w4 ∂E/∂w5 ∂E/∂w6 ∂E/∂w7 ∂E/∂w8"
    )
    assert not system.states


def test_columns_of_a_network_with_everything():
    data = random_data(
        random.Random(1),
        {
            "neurons": [2, 1, 2, 1],
            "activations": ["tanh", "relu", "sigmoid"],
            "bias": "neuron",
            "train_bias": True,
        },
        optimizer="adam",
    )
    data["samples"] = data["samples"][:1] * 2
    assert " ".join(system_of(parse(data)).columns) == (
        "t1 i1 i2 w1 w2 b1 h1_1 a_h1_1 w3 w4 b2 b3 h2_1 a_h2_1 h2_2 a_h2_2 w5 w6 b4 o1 a_o1 "
        "E1 E_total ∂E/∂w1 ∂E/∂w2 ∂E/∂w3 ∂E/∂w4 ∂E/∂w5 ∂E/∂w6 ∂E/∂b1 ∂E/∂b2 ∂E/∂b3 ∂E/∂b4 "
        "m_w1 m_w2 m_w3 m_w4 m_w5 m_w6 m_b1 m_b2 m_b3 m_b4 "
        "v_w1 v_w2 v_w3 v_w4 v_w5 v_w6 v_b1 v_b2 v_b3 v_b4 E_mean"
    )


def test_formulas_of_the_default_exercise_are_the_frozen_ones():
    """Row 8 of the sheet "LR 0.5": the first row that is computed from another."""
    cells = GOLDEN["sheets"]["LR 0.5"]["cells"]
    header, row = 6, 8
    column_of = {
        content[0]: xl_cell_to_rowcol(cell)[1]
        for cell, content in cells.items()
        if xl_cell_to_rowcol(cell)[0] == header - 1
    }

    def cell(name: Name) -> str:
        if name.name == "η":
            return "$B$3"
        return xl_rowcol_to_cell(row - 1 + name.shift, column_of[name.name])

    system = system_of(load_exercise())
    for name, rhs in system.correct.items():
        assert "=" + to_excel(rhs, cell) == cells[cell(Name(name))][0], name
    assert set(column_of) == {"iteration", *system.columns}
    assert set(system.correct) == set(system.columns) - {*system.inputs, *system.targets}


def test_values_of_the_default_exercise_are_the_frozen_ones():
    cells = GOLDEN["sheets"]["LR 0.5"]["cells"]
    exercise = load_exercise()
    system = system_of(exercise)
    table = list(descend(exercise, system, [0.5], 100))
    for row, at in ((7, 0), (8, 1), (107, 100)):
        for column, name in enumerate(system.columns, 1):
            stored = cells[xl_rowcol_to_cell(row - 1, column)][1]
            assert table[at][name][0, 0] == pytest.approx(stored, rel=1e-13), (row, name)


LARGEST = [
    ([64, 3], ["sigmoid"]),
    ([1, 64, 2], ["tanh", "sigmoid"]),
    ([3, 2, 64], ["tanh", "sigmoid"]),
    ([1, 1, 1, 1, 1, 64], ["sigmoid"] * 4 + ["relu"]),
    ([2, 11, 16], ["sigmoid", "softmax"]),
    ([5, 5, 16, 5], ["sigmoid", "relu", "softmax"]),
]


@pytest.mark.parametrize(("neurons", "activations"), LARGEST)
def test_the_largest_networks_fit_into_excels_formulas(neurons, activations):
    symbols = dict.fromkeys(("β1", "β2", "ε", "λ"), 0.1)
    training = Training(loss="mean_squared_error", optimizer="adamw", hyperparameters=symbols)
    system = equation_system(Network(tuple(neurons), tuple(activations)), training, 64)
    assert len(system.columns) < 16_384 - 2
    for name, rhs in system.correct.items():
        formula = to_excel(rhs, lambda _: "$XFD1048576", lambda _: "$XFD1048513:$XFD1048576")
        assert len(formula) < 8192, name


def test_every_packaged_exercise_has_a_column_for_each_trained_parameter():
    for exercise in map(load_exercise, packaged_exercises()):
        system = system_of(exercise)
        roles = system.columns
        for name in system.trained:
            assert roles[system.gradient(name)] is Role.GRADIENT
        assert roles["E_total"] is Role.ERROR
