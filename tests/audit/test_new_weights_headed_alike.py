"""Weights, gradients and new weights that are all headed w1 … w8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, WEIGHTS, Table

NEW = {f"new {w}": f"[{w}]-[η]*[∂E/∂{w}]" for w in WEIGHTS}


def table(changes: Mapping[str, str] | None = None) -> Table:
    return Table(
        order=(*COURSE_ORDER, *NEW),
        header=lambda name: name.removeprefix("∂E/∂").removeprefix("new "),
        formulas={**PLAIN, **NEW, **{w: f"[new {w}@-1]" for w in WEIGHTS}},
        changes=changes or {},
    )


def test_a_right_table(saved: Callable[..., Path]) -> None:
    assert_right(judge_one(saved(table())))


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (PLAIN["∂E/∂w3"], "the other input: i1 where i2 belongs"),
        (PLAIN["∂E/∂w4"].replace("[w8]", "[w7]"), "another weight: w7 where w8 belongs"),
        (f"-({PLAIN['∂E/∂w4']})", "a wrong sign"),
    ],
)
def test_a_wrong_gradient_is_found_in_its_own_column(
    wrong: str, cause: str, saved: Callable[..., Path]
) -> None:
    """The new weight uses it, and the weight of the next row that one."""
    made = table({"∂E/∂w4": wrong})
    (fault,) = judge_one(saved(made))["faults"]
    assert (fault["first_cell"], fault["count"]) == (made.cell("∂E/∂w4", 0), made.rows)
    assert fault["cause"].startswith(cause)
