"""Inputs and targets as numbers in the formulas, or as cells of another table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge, judge_one
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, PLAIN, Table

WITHOUT_GIVEN = [name for name in COURSE_ORDER if name not in GIVEN]


def typed(formula: str, given: Mapping[str, float] = GIVEN) -> str:
    return re.sub(r"\[([it]\d)\]", lambda match: f"{given[match[1]]:g}", formula)


def without_columns(
    changes: Mapping[str, str] | None = None, given: Mapping[str, float] = GIVEN
) -> Table:
    return Table(
        order=WITHOUT_GIVEN,
        given={},
        formulas={name: typed(formula, given) for name, formula in PLAIN.items()},
        changes=changes or {},
    )


@pytest.mark.parametrize("targets", [(0.01, 0.99), (0.5, 0.5), (1, 0)])
def test_numbers_in_formulas_are_the_given_ones(
    targets: tuple[float, float], saved: Callable[..., Path]
) -> None:
    given = {**GIVEN, "t1": targets[0], "t2": targets[1]}
    assert_right(judge_one(saved(without_columns(given=given))))


@pytest.mark.parametrize(
    ("column", "wrong", "cause"),
    [
        ("h2", "[w3]*0.05+[w4]*0.01", "a wrong constant: 0.01 where i2 belongs"),
        ("E2", "0.5*(0.01-[a_o2])^2", "a wrong constant: 0.01 where t2 belongs"),
        ("∂E/∂w4", typed(PLAIN["∂E/∂w3"]), "a wrong constant: 0.05 where i2 belongs"),
        ("a_h1", "1/(1+EXP([h1]))", "a wrong sign"),
    ],
)
def test_a_mistake_beside_numbers_is_found(
    column: str, wrong: str, cause: str, saved: Callable[..., Path]
) -> None:
    table = without_columns({column: wrong})
    (fault,) = judge_one(saved(table))["faults"]
    assert fault["first_cell"] == table.cell(column, 0)
    assert fault["cause"].startswith(cause)


def test_a_cause_beside_inputs_of_another_table(saved: Callable[..., Path]) -> None:
    """The second table uses the inputs and targets of the first one, row by row."""
    first = Table(rows=8)

    class WithInputsOfFirst(Table):
        def reference(self, name: str, row: int, home: str, *, fixed: bool = False) -> str:
            if name in GIVEN:
                return first.reference(name, row, home, fixed=fixed)
            return super().reference(name, row, home, fixed=fixed)

    second = WithInputsOfFirst(
        left=first.right_edge() + 2,
        rows=8,
        order=WITHOUT_GIVEN,
        given={},
        changes={"∂E/∂w3": PLAIN["∂E/∂w4"]},
    )
    _, (right, wrong) = judge(saved(first, second))
    assert_right(right)
    (fault,) = wrong["faults"]
    assert fault["first_cell"] == second.cell("∂E/∂w3", 0)
    assert fault["cause"] == "the other input: i2 where i1 belongs"
