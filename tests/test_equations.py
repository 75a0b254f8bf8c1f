"""The table of equations, against calculus done in other ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_sheet.equations import (
    COLUMNS,
    EQUATIONS,
    INPUTS,
    LEARNING_RATE,
    TARGETS,
    UPDATES,
    WEIGHTS,
    WITHIN_ROW,
    Role,
    Step,
)
from backprop_sheet.expression import evaluate, names

moderate = st.floats(-2, 2, allow_subnormal=False)
problems = st.fixed_dictionaries(dict.fromkeys((*INPUTS, *TARGETS, *WEIGHTS), moderate))


def error(given_values: dict) -> complex | float:
    """E_total from the definition, written out without the table; takes complex numbers too."""
    v = given_values

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h1 = sigmoid(v["w1"] * v["i1"] + v["w2"] * v["i2"])
    h2 = sigmoid(v["w3"] * v["i1"] + v["w4"] * v["i2"])
    o1, o2 = sigmoid(v["w5"] * h1 + v["w6"] * h2), sigmoid(v["w7"] * h1 + v["w8"] * h2)
    return 0.5 * (v["t1"] - o1) ** 2 + 0.5 * (v["t2"] - o2) ** 2


def row_of(given_values: dict[str, float]) -> dict[str, float]:
    row = dict(given_values)
    for name, right in WITHIN_ROW.items():
        row[name] = float(evaluate(right, row))
    return row


def test_every_column_can_be_computed_in_the_order_of_the_table():
    known = {*INPUTS, *TARGETS, *WEIGHTS}
    for name, right in WITHIN_ROW.items():
        assert {part.key for part in names(right)} <= known, name
        known.add(name)
    assert known == set(COLUMNS)


def test_updates_use_the_row_above_only():
    assert set(UPDATES) == set(WEIGHTS)
    for name, right in UPDATES.items():
        used = {part.key for part in names(right)}
        assert used == {f"{name}[n-1]", LEARNING_RATE, f"∂E/∂{name}[n-1]"}


def test_columns_stand_as_the_exercise_lays_them_out():
    assert " ".join(COLUMNS) == (
        "t1 t2 i1 i2 w1 w2 w3 w4 h1 a_h1 h2 a_h2 w5 w6 w7 w8 o1 a_o1 o2 a_o2 E1 E2 E_total "
        "∂E/∂w1 ∂E/∂w2 ∂E/∂w3 ∂E/∂w4 ∂E/∂w5 ∂E/∂w6 ∂E/∂w7 ∂E/∂w8"
    )
    assert set(COLUMNS.values()) == set(Role)


def test_every_equation_is_explained():
    for equation in EQUATIONS:
        assert equation.why.endswith("."), equation.name
        assert bool(equation.chain) == (equation.step is Step.BACKWARD), equation.name
        if equation.chain:
            product, _, factors = equation.chain.partition(" with ")
            assert product.startswith(f"{equation.name} = "), equation.name
            assert factors, equation.name


@given(problems)
def test_the_error_is_the_definitions(given_values):
    assert row_of(given_values)["E_total"] == pytest.approx(error(given_values), rel=1e-12)


@given(problems)
def test_gradients_agree_with_the_complex_step(given_values):
    """∂E/∂w = Im E(w + ih)/h: exact to rounding, as nothing is subtracted (Squire, Trapp 1998)."""
    row = row_of(given_values)
    for weight in WEIGHTS:
        stepped = given_values | {weight: given_values[weight] + 1e-30j}
        expected = np.imag(error(stepped)) / 1e-30
        assert row[f"∂E/∂{weight}"] == pytest.approx(expected, rel=1e-10, abs=1e-16), weight


@given(problems)
def test_gradients_agree_with_central_differences(given_values):
    row, h = row_of(given_values), 1e-5
    for weight in WEIGHTS:
        up = given_values | {weight: given_values[weight] + h}
        down = given_values | {weight: given_values[weight] - h}
        expected = (error(up) - error(down)) / (2 * h)
        assert row[f"∂E/∂{weight}"] == pytest.approx(expected, rel=1e-5, abs=1e-9), weight
