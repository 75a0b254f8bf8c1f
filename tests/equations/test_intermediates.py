"""Intermediate derivatives, against central differences and against each other."""

from __future__ import annotations

import random

import pytest

from backprop_sheet.equations.intermediates import NEGATIVE, explain_intermediate
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.evaluation import evaluate

STEP = 1e-6


def values_of(
    system: EquationSystem, given: dict[str, float], shift: tuple[str, float] = ("", 0.0)
) -> dict[str, float]:
    """Compute a row; one of its quantities is shifted after it is computed."""
    values = dict(given)
    name, step = shift
    if name in values:
        values[name] += step
    for computed, rhs in system.within_row.items():
        values[computed] = float(evaluate(rhs, values)) + (step if computed == name else 0.0)
    return values


def given_values(system: EquationSystem) -> dict[str, float]:
    source = random.Random(1)
    values = {name: source.uniform(0.1, 0.9) for name in (*system.inputs, *system.parameters)}
    targets = {name: source.uniform(0.1, 0.9) for name in system.targets}
    share = sum(targets.values()) if system.training.loss == "categorical_cross_entropy" else 1.0
    return values | {name: value / share for name, value in targets.items()}


@pytest.mark.parametrize("exercise", packaged_exercises())
def test_every_intermediate_derivative_is_a_slope(exercise: str) -> None:
    system = system_of(load_exercise(exercise))
    given = given_values(system)
    row = values_of(system, given)
    for name in system.chain_rules:
        of, _, by = name.removeprefix("∂").partition("/∂")
        of = "E_total" if of == "E" else of
        high, low = (values_of(system, given, (by, step)) for step in (STEP, -STEP))
        slope = (high[of] - low[of]) / (2 * STEP)
        assert float(evaluate(system.definitions[name], row)) == pytest.approx(
            slope, rel=1e-5, abs=1e-8
        ), name


@pytest.mark.parametrize("exercise", packaged_exercises())
def test_the_chain_rule_agrees_with_the_definitions(exercise: str) -> None:
    system = system_of(load_exercise(exercise))
    row = values_of(system, given_values(system))
    chain = dict(row)
    for name, rule in system.chain_rules.items():
        chain[name] = float(evaluate(rule, chain))
        direct = float(evaluate(system.definitions[name], row))
        assert chain[name] == pytest.approx(direct, rel=1e-9, abs=1e-15), name
        if NEGATIVE + name in system.definitions:
            assert evaluate(system.definitions[NEGATIVE + name], row) == pytest.approx(-direct)


def test_a_derivative_is_explained() -> None:
    assert explain_intermediate("∂E/∂o1") == (
        "how fast the total error changes with o1 (δ_o1 in many textbooks)"
    )
    assert explain_intermediate("−∂E1/∂a_h1") == "the negative of how fast E1 changes with a_h1"
    assert explain_intermediate("∂a_o1/∂o1") == "how fast a_o1 changes with o1"
