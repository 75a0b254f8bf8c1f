"""Derivatives and simplification are exact: SymPy finds the same functions."""

from __future__ import annotations

import random

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles.sympy_algebra import symbol, to_sympy

from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.expressions import Call, Expression, Name, Negative, Number, Operation
from backprop_sheet.symbolic.rendering import to_text
from backprop_sheet.symbolic.simplification import negative, product, total

NAMES = [Name("x"), Name("y"), Name("w1", -1)]
NUMBERS = [Number(0.0), Number(1.0), Number(2.0), Number(0.5, "½"), Number(-3.0)]
DIGITS = 50
# A derivative of relu is a step, which has no exact counterpart.
QUICK = ("course", "xor")
SMOOTH = [name for name in packaged_exercises() if name != "relu"]


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Operation, st.sampled_from("+-*"), inner, inner),
        st.builds(Operation, st.just("/"), inner, st.sampled_from([Number(2.0), Name("y")])),
        st.builds(Operation, st.just("^"), inner, st.just(Number(2.0))),
        st.builds(Negative, inner),
    )


rational = st.recursive(st.sampled_from([*NAMES, *NUMBERS]), larger, max_leaves=6)
smooth = st.recursive(
    st.sampled_from([*NAMES, *NUMBERS]),
    lambda inner: st.one_of(
        larger(inner),
        st.builds(Call, st.sampled_from(["σ", "tanh", "ln", "linear"]), st.tuples(inner)),
    ),
    max_leaves=5,
)


def assert_equal(ours: object, theirs: object, what: str) -> None:
    """Rational functions must have no difference at all."""
    assert sympy.cancel(sympy.together(ours - theirs)) == 0, what


def assert_same_digits(ours: sympy.Expr, theirs: sympy.Expr, what: str, chance: random.Random):
    """Compare with 50 digits at three points, which only equal functions stand."""
    names = sorted(ours.free_symbols | theirs.free_symbols, key=str)
    for _ in range(3):
        point = {name: sympy.Rational(chance.randint(1, 999), 500) for name in names}
        one, other = (sympy.N(side.subs(point), DIGITS) for side in (ours, theirs))
        if one.has(sympy.nan, sympy.zoo, sympy.oo):
            continue
        assert abs(one - other) <= sympy.Float(10) ** (10 - DIGITS) * max(1, abs(other)), what


@settings(max_examples=60)
@given(st.lists(rational, min_size=1, max_size=3))
def test_products_and_sums_are_simplified_exactly(parts: list[Expression]):
    exact = [to_sympy(part) for part in parts]
    assume(not any(one.has(sympy.nan, sympy.zoo) for one in exact))
    described = ", ".join(map(to_text, parts))
    assert_equal(to_sympy(product(*parts)), sympy.Mul(*exact), described)
    assert_equal(to_sympy(total(parts)), sympy.Add(*exact), described)
    assert_equal(to_sympy(negative(parts[0])), -exact[0], described)


@settings(max_examples=60)
@given(smooth, st.integers(0, 1000))
def test_derivatives_are_exact(expression: Expression, seed: int):
    try:
        ours = to_sympy(derivative(expression, Name("x")))
    except ValueError:  # a quotient by y is differentiated by x alone
        assume(False)
    theirs = sympy.diff(to_sympy(expression), symbol("x"))
    assume(not theirs.has(sympy.nan, sympy.zoo) and not ours.has(sympy.nan, sympy.zoo))
    assert_same_digits(ours, theirs, to_text(expression), random.Random(seed))


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in SMOOTH],
)
def test_gradients_of_an_exercise_are_exact(name: str):
    """Each gradient, with everything it is computed from, is the derivative of the whole error."""
    system = system_of(load_exercise(name))
    whole: dict[str, sympy.Expr] = {}
    for column, expression in system.within_row.items():
        whole[column] = to_sympy(expression, whole)
    chance = random.Random(name)
    # The targets of a class add up to 1, which its gradients rely on.
    if len(system.targets) > 1 and system.training.loss == "cross_entropy":
        *others, last = map(symbol, system.targets)
        whole = {key: one.subs(last, 1 - sum(others)) for key, one in whole.items()}
    for parameter in chance.sample(system.trained, min(4, len(system.trained))):
        theirs = sympy.diff(whole["E_total"], symbol(parameter))
        assert theirs != 0
        assert_same_digits(whole[system.gradient(parameter)], theirs, parameter, chance)
