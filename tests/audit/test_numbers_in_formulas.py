"""`check` of tables whose inputs, targets and biases are only numbers in the formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, PLAIN, Table

COMPUTED = COURSE_ORDER[4:]
BIASED = {
    **PLAIN,
    **{name: f"{PLAIN[name]}+0.35" for name in ("h1", "h2")},
    **{name: f"{PLAIN[name]}+0.6" for name in ("o1", "o2")},
}


def with_numbers(formulas: Mapping[str, str], given: Mapping[str, float] = GIVEN) -> dict[str, str]:
    return {
        name: re.sub(r"\[([it]\d)\]", lambda found: f"{given[found[1]]:g}", formula)
        for name, formula in formulas.items()
    }


def test_given_values_that_are_numbers_in_formulas(saved: Callable[..., Path]) -> None:
    for formulas, exercise in ((PLAIN, "course"), (BIASED, "mazur")):
        table = Table(order=COMPUTED, formulas=with_numbers(formulas))
        judged = judge_one(saved(table))
        assert_right(judged)
        assert judged["exercise"] == exercise


def test_equal_targets_in_formulas(saved: Callable[..., Path]) -> None:
    given = {**GIVEN, "t1": 1.0, "t2": 1.0}
    assert_right(judge_one(saved(Table(order=COMPUTED, formulas=with_numbers(PLAIN, given)))))


def test_a_wrong_number_in_one_formula(saved: Callable[..., Path]) -> None:
    right = with_numbers(PLAIN)
    for column, wrong in (
        ("∂E/∂w2", right["∂E/∂w2"].replace("*0.1", "*0.05")),
        ("h1", right["h1"].replace("*0.1", "*0.05")),
        ("E1", right["E1"].replace("0.01", "0.99")),
        ("∂E/∂w7", right["∂E/∂w7"].replace("0.99", "0.01")),
    ):
        judged = judge_one(saved(Table(order=COMPUTED, formulas={**right, column: wrong})))
        assert [fault["column"] for fault in judged["faults"]] == [column], wrong


def test_columns_that_only_the_numbers_tell(saved: Callable[..., Path]) -> None:
    """The outputs are known by their numbers, and the targets are in formulas with them."""
    formulas = with_numbers(PLAIN)
    words = {"a_o1": "answer 1", "a_o2": "answer 2"}
    table = Table(order=COMPUTED, formulas=formulas, header=lambda name: words.get(name, name))
    assert_right(judge_one(saved(table)))


def test_inputs_in_cells_and_targets_in_formulas(saved: Callable[..., Path]) -> None:
    formulas = {
        name: re.sub(r"\[(t\d)\]", lambda found: f"{GIVEN[found[1]]:g}", formula)
        for name, formula in PLAIN.items()
    }
    assert_right(judge_one(saved(Table(order=COURSE_ORDER[2:], formulas=formulas))))
