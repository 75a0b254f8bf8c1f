"""Typed numbers that are wrong beside formulas, and what the numbers leave open of a cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.check_command import judge_one
from fixtures.generated_judgement import judge_result
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import plain
from fixtures.generated_workbooks import Rounding, build
from fixtures.student_workbooks import PLAIN, Form, Table

from backprop_sheet.audit.diagnose.typing_mistakes import typing_mistake
from backprop_sheet.audit.workbook_audit import audit_workbook

TYPED = (0.103, 0.1, 0.097, 0.095)  # ∂E/∂w5 is 0.071 … 0.069 there


def test_a_typed_number_of_few_digits_is_as_wrong_as_those_beside_it(
    saved: Callable[..., Path],
) -> None:
    changes = {"∂E/∂w5": lambda row: TYPED[row - 1]}
    result = judge_one(saved(Table(rows=5, changes=changes, only=(1, 2, 3, 4))))
    [fault] = result["faults"]
    assert (fault["column"], fault["count"]) == ("∂E/∂w5", len(TYPED))


def test_a_number_typed_in_every_row_but_the_unfinished_one(saved: Callable[..., Path]) -> None:
    rows = 4
    changes = {"a_o1": lambda _: 1.0}
    weights = {(name, rows): PLAIN[name] for name in PLAIN if name[0] == "w"}
    result = judge_one(saved(Table(rows=rows, changes=changes, extra=weights)))
    [fault] = result["faults"]
    assert fault["cause"] == "the same number, 1, is typed in every row"


def test_the_same_number_typed_below_formulas(saved: Callable[..., Path]) -> None:
    """½ is half of a_h1 without σ(h1), too."""
    changes = {"a_h1": lambda _: 0.5}
    result = judge_one(saved(Table(rows=9, changes=changes, since={"a_h1": 4})))
    [fault] = result["faults"]
    assert fault["cause"] == f"the same number, 0.5, is typed in {fault['count']} rows"


def test_a_number_that_is_twice_another_tells_two_causes(saved: Callable[..., Path]) -> None:
    changes = {"∂E/∂w2": f"2*({PLAIN['∂E/∂w2']})"}
    result = judge_one(saved(Table(rows=6, eta=0.2, digits=8, changes=changes)))
    [fault] = result["faults"]
    assert fault["cause"].startswith("an extra factor: 2, or ")


def test_twice_a_gradient_may_be_the_other_input(saved: Callable[..., Path]) -> None:
    """Where i2 is twice i1, numbers in two rows leave both open."""
    changes = {"∂E/∂w1": f"2*({PLAIN['∂E/∂w1']})"}
    result = judge_one(saved(Table(rows=6, digits=8, changes=changes, only=(3, 4))))
    [fault] = result["faults"]
    assert fault["cause"] == "an extra factor: 2, or the other input: i2 where i1 belongs"


@pytest.mark.parametrize("number", [0, 1])
def test_a_number_typed_in_every_row_beside_roundings(number: int, tmp_path: Path) -> None:
    """An activation of 0.507 in each row may be rounded; one without formulas is typed."""
    typed = Mistake("typed everywhere", "ah2", "", "typed", typed=True)
    description = replace(plain(1), seed=2 * number, iterations=6)  # which draws the number
    workbook = build(replace(description, rounding=Rounding("ROUND", 3), mistakes=(typed,)))
    assert workbook is not None
    result = audit_workbook(workbook.write(tmp_path / "book.xlsx"))
    assert judge_result(workbook, result).fits
    [finding] = result.tables[0].findings
    assert finding.cause == f"the same number, {number}, is typed in every row"


def test_what_is_left_of_a_formula_without_its_quantities_is_no_cause(
    saved: Callable[..., Path],
) -> None:
    """½ is an error without its squared difference, and a number that anybody types."""
    result = judge_one(saved(Form(rows=1, changes={"E1": lambda _: 0.5})))
    [fault] = result["faults"]
    assert fault["cause"].startswith("a typed number that does not follow")


@pytest.mark.parametrize("name", ["∂E/∂w5", "∂E/∂w8"])
def test_no_rounding_changes_a_sign(name: str, saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(rows=12, digits=4, changes={name: f"-({PLAIN[name]})"})))
    [fault] = result["faults"]
    assert fault["column"] == name
    output = {"∂E/∂w5": 1, "∂E/∂w8": 2}[name]
    assert (
        fault["cause"]
        == f"a wrong sign: t{output} - a_o{output} instead of a_o{output} - t{output}"
    )


def test_a_factor_of_a_tenth_also_moves_the_point() -> None:
    """0.1 times a number has its digits: the point may be wrong, or i2 = 0.1 be used twice."""
    others = np.array([0.00044963, 0.00032059])
    cause = typing_mistake(0.0000384825, 0.000384825, others, 5e-11, {"i1": 0.05, "i2": 0.1})
    assert cause.startswith("the decimal point is in the wrong place")
    assert cause.endswith(", or the factor i2 = 0.1 is once too often")
    cause = typing_mistake(0.00384825, 0.000384825, others, 5e-11, {"i1": 0.05, "i2": 0.1})
    assert cause.endswith(", or the factor i2 = 0.1 is missing")
    cause = typing_mistake(0.0000384825, 0.000384825, others, 5e-11, {"i1": 0.05})
    assert cause.endswith("instead of 0.000384825")


@pytest.mark.parametrize("digits", [9, 10])
def test_cause_where_the_terms_of_a_sum_almost_cancel(
    digits: int, saved: Callable[..., Path]
) -> None:
    """There, the rounding of what a gradient follows from is more than its own."""
    wrong = {"∂E/∂w3": PLAIN["∂E/∂w3"].replace("[w6]", "[w5]")}
    [fault] = judge_one(saved(Table(rows=8, digits=digits, changes=wrong)))["faults"]
    assert (fault["column"], fault["cause"]) == ("∂E/∂w3", "another weight: w5 where w6 belongs")
