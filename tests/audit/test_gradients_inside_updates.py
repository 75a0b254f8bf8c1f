"""Tables without columns of gradients, whose updates have them written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, WEIGHTS, Table

RIGHT = PLAIN["∂E/∂w3"]
MISTAKES = {
    "another neuron's activation: a_h1": RIGHT.replace("[a_h2]*(1-[a_h2])", "[a_h1]*(1-[a_h1])"),
    "another weight: w7 where w8": RIGHT.replace("[w8]", "[w7]"),
    "the other input: i2 where i1": PLAIN["∂E/∂w4"],
    "a wrong sign: - instead of +": RIGHT.replace("+([a_o2]", "-([a_o2]"),
}


def update(weight: str, gradient: str) -> str:
    above = re.sub(r"\[([^\]]+)\]", r"[\1@-1]", gradient)
    return f"[{weight}@-1]-[η]*({above})"


def table(changes: Mapping[str, str] | None = None, **others: float) -> Table:
    return Table(
        order=COURSE_ORDER[:23],
        formulas={**PLAIN, **{w: update(w, PLAIN[f"∂E/∂{w}"]) for w in WEIGHTS}},
        changes=changes or {},
        **others,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("rate", [0.01, 0.5, 20])
def test_right_updates(rate: float, saved: Callable[..., Path]) -> None:
    assert_right(judge_one(saved(table(eta=rate, rows=40))))


@pytest.mark.parametrize("digits", [6, 12, 99])
def test_right_typed_updates(digits: int, saved: Callable[..., Path]) -> None:
    assert_right(judge_one(saved(table(digits=digits))))


@pytest.mark.parametrize("rate", [0.01, 0.5])
@pytest.mark.parametrize("cause", MISTAKES)
def test_a_mistake_that_hardly_changes_the_weight_is_found(
    cause: str, rate: float, saved: Callable[..., Path]
) -> None:
    """Of 0.25, a step of 0.00001 with 0.03 % more changes nothing in the first six digits."""
    wrong = table({"w3": update("w3", MISTAKES[cause])}, eta=rate)
    (fault,) = judge_one(saved(wrong))["faults"]
    assert (fault["first_cell"], fault["count"]) == (wrong.cell("w3", 1), wrong.rows - 1)
    assert fault["cause"].startswith(cause)
