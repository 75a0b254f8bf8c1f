"""The usual special cases have the same cause in words in every dialect of formulas."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest
from fixtures.generated_layouts import DIALECTS
from fixtures.generated_mistakes import Mistake, rate_mistakes
from fixtures.generated_relations import plain
from fixtures.generated_workbooks import build, equations
from fixtures.sampling import some_of

from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.symbolic.expressions import Name, Operation

PLAIN = plain(0)
BASE = replace(PLAIN, numbers=(*PLAIN.numbers, ("empty", 0.0)))
RIGHT = equations(BASE.style)
FROM_INPUT, FROM_EMPTY = rate_mistakes(BASE.style, RIGHT)


def of(quantity: str, template: str, *, typed: bool = False) -> tuple[Mistake, ...]:
    return (Mistake("special", quantity, template, "", typed=typed),)


SPECIAL = {
    "2.718 for e": (of("ao1", "1/(1+2.718^(-{o1}))"), "2.718 instead of e: use EXP"),
    "an extra factor": (of("g6", f"3*({RIGHT['g6']})"), "an extra factor: 3"),
    "a number typed everywhere": (of("g3", "", typed=True), "is typed in every row"),
    "a fixed row": (of("w2", "{w2@0}-{eta}*{g2<}"), "a fixed row: $"),
    "η of another cell in one column": (of("w4", "{w4<}-{i2}*{g4<}"), "where η belongs"),
    "η from an empty cell in one column": (of("w4", "{w4<}-{empty}*{g4<}"), "which is empty"),
    "η from an input": (FROM_INPUT, "all updates use i1"),
    "η from an empty cell": (FROM_EMPTY, "which is empty and counts as 0"),
    "two mistakes": (
        of("g5", "({t1}-{ao1})*{ao1}*(1-{ao1})*{ah2}"),
        "another neuron's activation: a_h2 where a_h1 belongs and a wrong sign: t1 - a_o1",
    ),
}
CASES = [f"{case} in {dialect}" for case in SPECIAL for dialect in DIALECTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dialects")


def findings(folder, case: str, dialect: str) -> list[tuple[str, str]]:
    layout = replace(BASE.layout, dialect=dialect)
    workbook = build(replace(BASE, layout=layout, mistakes=SPECIAL[case][0], iterations=5))
    result = audit_workbook(workbook.write(folder / f"{case}.xlsx"))
    return [(one.column, one.cause) for table in result.tables for one in table.findings]


@lru_cache
def in_plain_formulas(folder, case: str) -> list[tuple[str, str]]:
    return findings(folder, case, "plain")


@pytest.mark.parametrize("case_in_dialect", some_of(CASES, quick=14))
def test_the_cause_does_not_depend_on_the_dialect(case_in_dialect, folder):
    case, _, dialect = case_in_dialect.rpartition(" in ")
    expected = in_plain_formulas(folder, case)
    (finding,) = expected
    assert SPECIAL[case][1] in finding[1]
    assert findings(folder, case, dialect) == expected


def test_the_same_quantity_of_another_row_is_named_by_its_row():
    diagnosis = diagnosis_of(system_of(load_exercise("course")))
    found = Operation("-", Name("w2", -1), Operation("*", Name("i1"), Name("∂E/∂w2", -2)))
    cause = diagnosis.cause("w2", found)
    assert "i1 where η belongs" in cause
    assert "∂E/∂w2 from 2 rows above instead of from the row above" in cause
