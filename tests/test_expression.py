"""Expressions: read, written, computed, and what Excel's language makes of them."""

from __future__ import annotations

import math
import re

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backprop_sheet.expression import (
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    evaluate,
    formula,
    names,
    parse,
    substitute,
    text,
)
from tests.libreoffice import convert, needs_libreoffice

VALUES = {"x": 0.75, "y": -1.25, "w1": 2.5, "∂E/∂w1": 0.5, "w1[n-1]": 1.5}
CELLS = {"x": "A1", "y": "B1", "w1": "C1", "∂E/∂w1": "D1", "w1[n-1]": "E1"}

leaves = st.one_of(
    st.sampled_from([Number(0.0), Number(1.0), Number(2.0), Number(0.25), Number(0.5, "½")]),
    st.sampled_from([Name("x"), Name("y"), Name("w1"), Name("∂E/∂w1"), Name("w1", -1)]),
)


def _bigger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Operation, st.sampled_from("+-*/^"), inner, inner),
        st.builds(Negative, inner),
        inner.map(lambda part: Call("σ", (part,))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Call("min", tuple(parts))),
    )


expressions = st.recursive(leaves, _bigger, max_leaves=8)


def value(expression: Expression) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(expression, VALUES))


def excel_value(written: str) -> float:
    """A formula's value by Python's own reader, told Excel's one other precedence."""
    # In Excel a minus sign in front binds tighter than ^; parentheses say so to Python.
    assert not re.search(r"(?:^|[(,+*/^-])-[A-E]1\^", written), "ambiguous between Excel and us"
    scope = {CELLS[name]: np.float64(number) for name, number in VALUES.items()}
    functions = {"EXP": np.exp, "MIN": lambda *parts: np.float64(min(parts))}
    numbers = re.sub(r"(?<![\w.])(\d+\.?\d*)", r"float64(\1)", written)
    scope_all = {"__builtins__": {}, "float64": np.float64, **functions, **scope}
    with np.errstate(all="ignore"):
        return float(eval(numbers.replace("^", "**"), scope_all))


def excel(expression: Expression) -> str:
    return formula(expression, lambda name: CELLS[name.key])


@given(expressions)
def test_text_reads_back_as_the_same_expression(expression: Expression):
    written = text(expression)
    assert text(parse(written)) == written
    here, back = value(expression), value(parse(written))
    assert here == back or (math.isnan(here) and math.isnan(back))


@settings(max_examples=300)
@given(expressions)
def test_formula_has_the_expressions_value(expression: Expression):
    here = value(expression)
    assume(math.isfinite(here))
    assert excel_value(excel(expression)) == pytest.approx(here, rel=1e-9, abs=1e-12)


@given(expressions)
def test_names_are_those_that_the_text_holds(expression: Expression):
    assert [name.key for name in names(parse(text(expression)))] == [
        name.key for name in names(expression)
    ]


@pytest.mark.parametrize(
    ("written", "excel_formula"),
    [
        ("½*(t1 - a_o1)²", "0.5*(t1-a_o1)^2"),
        ("-x^2", "-(x^2)"),
        ("(-x)^2", "(-x)^2"),
        ("a - (b - c)", "a-(b-c)"),
        ("a - b - c", "a-b-c"),
        ("a/(b*c)", "a/(b*c)"),
        ("a^(b^c)", "a^(b^c)"),
        ("(a^b)^c", "(a^b)^c"),
        ("σ(x)", "1/(1+EXP(MIN(-x,700)))"),
        ("σ(a - b)", "1/(1+EXP(MIN(-(a-b),700)))"),
        ("w1[n-1] - η*∂E/∂w1[n-1]", "w1[n-1]-η*∂E/∂w1[n-1]"),
    ],
)
def test_formula_keeps_the_parentheses_it_needs(written: str, excel_formula: str):
    assert formula(parse(written), lambda name: name.key) == excel_formula


@pytest.mark.parametrize("bad", ["", "1 +", "(a", "a b", "a + * b", "foo(x)", "a)", "#", "1 2"])
def test_nonsense_is_refused(bad: str):
    with pytest.raises(ValueError):
        parse(bad)


def test_substitute_leaves_other_rows_alone():
    replaced = substitute(parse("w1 + w1[n-1]"), {"w1": parse("a*b")})
    assert text(replaced) == "a*b + w1[n-1]"


def test_sigmoid_is_finite_and_right_everywhere():
    x = np.array([-1e40, -750.0, -1.0, 0.0, 1.0, 36.0, 750.0, 1e40])
    with np.errstate(under="ignore"):
        sigmoid = evaluate(parse("σ(x)"), {"x": x})
    assert np.all(np.isfinite(sigmoid))
    assert sigmoid[[0, -1]] == pytest.approx([0, 1], abs=1e-300)
    assert sigmoid[2] == pytest.approx(0.2689414213699951, rel=1e-15)


PRECEDENCES = [
    "-x^2", "(-x)^2", "-(x^2)", "x - -y", "w1^x^2", "w1^(x^2)", "-x*y", "-(x*y)", "x/y/w1",
    "x/(y/w1)", "x - y - w1", "x - (y - w1)", "2*-x", "w1^-x", "σ(-x)", "σ(x^2 - y)", "½*(x - y)²",
    "-x² + 3", "3 - x²", "-(x + y)²", "min(-x², y)", "-σ(x)²",
]  # fmt: skip


@needs_libreoffice
def test_a_spreadsheet_reads_our_formulas_as_we_mean_them(tmp_path):
    path = tmp_path / "formulas.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, list(VALUES.values()))
        for row, written in enumerate(PRECEDENCES, 1):
            sheet.write_formula(row, 0, excel(parse(written)), None, 12345)
    [computed] = convert([path], tmp_path / "computed")
    sheet = openpyxl.load_workbook(computed, data_only=True).active
    for row, written in enumerate(PRECEDENCES, 2):
        expected = value(parse(written))
        assert sheet.cell(row, 1).value == pytest.approx(expected, rel=1e-14), written
