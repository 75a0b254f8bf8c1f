"""Expressions as JavaScript: Chromium computes the numbers that NumPy computes."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from oracles.browser import chromium, needs_chromium

from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)
from backprop_sheet.symbolic.functions import FUNCTIONS, Function
from backprop_sheet.symbolic.javascript import PRELUDE, to_javascript

VALUES = {"x": 0.75, "y": -1.25, "∂E/∂w1": 0.5}
LEAVES = [*map(Name, VALUES), *map(Number, (1.0, 2.0, -3.0, 1e-300, 0.1))]
OF_SAMPLES = {"mean", "sum"}


def written(expression: Expression) -> str:
    return to_javascript(
        expression,
        lambda name: f"q[{json.dumps(name.key)}]",
        lambda name: f"rows, {json.dumps(name.key)}",
    )


def random_expression(generator: random.Random, depth: int) -> Expression:
    if depth == 0:
        return generator.choice(LEAVES)
    inner = [random_expression(generator, generator.randrange(depth)) for _ in range(3)]
    kind = generator.randrange(3)
    if kind == 0:
        return Negative(inner[0])
    if kind == 1:
        operator = generator.choice("+-*/^")
        # 1 to an undefined power is 1 for C and undefined for JavaScript.
        right = Number(generator.choice((2.0, 3.0, -1.0, 0.5))) if operator == "^" else inner[1]
        return Operation(operator, inner[0], right)
    name = generator.choice(sorted(FUNCTIONS.keys() - OF_SAMPLES))
    several = {"min": 2, "max": 3, "iferror": 2, "softmax": 3}
    return Call(name, tuple(inner[: several.get(name, 1)]))


@needs_chromium
def test_the_numbers_are_those_of_numpy():
    generator = random.Random(0)
    expressions = [random_expression(generator, 5) for _ in range(2000)]
    script = "\n".join([PRELUDE, f"const q = {json.dumps(VALUES)};", "return ["])
    script += ",\n".join(map(written, expressions)) + "].map(String);"
    with chromium() as browser:
        computed = [float(text.replace("Infinity", "inf")) for text in browser.run(script)]
    finite = 0
    for expression, result in zip(expressions, computed, strict=True):
        with np.errstate(all="ignore"):
            expected = float(evaluate(expression, VALUES))
        if not math.isfinite(expected):
            continue  # the sign of an infinity depends on that of a 0
        assert result == pytest.approx(expected, rel=1e-11, abs=1e-300), written(expression)
        finite += 1
    assert finite > 1000


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Operation("-", Name("x"), Negative(Name("y"))), 'q["x"] - -q["y"]'),
        (Negative(Negative(Name("x"))), '-(-q["x"])'),
        (Operation("^", Negative(Name("x")), Number(2.0)), 'square(-q["x"])'),
        (Call("mean", (Name("x"),)), 'mean(rows, "x")'),
        (Call("linear", (Name("x"),)), 'Math.max(Math.min(q["x"], 1000000.0), -1000000.0)'),
    ],
)
def test_what_is_written(expression: Expression, expected: str):
    assert written(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        CellReference("", 1, 1),
        Number(math.inf),
        Call("mean", (Operation("+", Name("x"), Name("y")),)),
        Call("unheard", (Name("x"),)),
    ],
)
def test_what_has_no_javascript_is_refused(expression: Expression):
    with pytest.raises(ValueError):
        written(expression)


def test_a_function_without_javascript_is_refused(monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "erf", Function("erf", math.erf))
    with pytest.raises(ValueError, match="the function erf has no JavaScript"):
        written(Call("erf", (Name("x"),)))
