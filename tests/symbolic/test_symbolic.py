"""Expressions: read, written, computed, differentiated, simplified, and as Excel formulas."""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from fixtures.student_workbooks import Book
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from oracles.libreoffice import convert, needs_libreoffice

from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    names,
    rename,
    size,
    substitute,
    walk,
)
from backprop_sheet.symbolic.functions import CLIP, FUNCTIONS
from backprop_sheet.symbolic.parsing import parse
from backprop_sheet.symbolic.rendering import plain_number, to_excel, to_text
from backprop_sheet.symbolic.simplification import negative, product, total

VALUES = {"x": 0.75, "y": -1.25, "w1": 2.5, "∂E/∂w1": 0.5, "w1[n-1]": 1.5}
CELLS = {"x": "A1", "y": "B1", "w1": "C1", "∂E/∂w1": "D1", "w1[n-1]": "E1"}
NAMES = [Name("x"), Name("y"), Name("w1"), Name("∂E/∂w1"), Name("w1", -1)]
NUMBERS = [Number(0.0), Number(1.0), Number(2.0), Number(0.25), Number(0.5, "½")]


def expressions(
    one_argument: str = "σ relu abs", numbers: Sequence[Number] = NUMBERS
) -> st.SearchStrategy[Expression]:
    """Expressions over all names, with functions of one argument and of several."""

    def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        return st.one_of(
            st.builds(Operation, st.sampled_from("+-*/^"), inner, inner),
            st.builds(Negative, inner),
            st.builds(Call, st.sampled_from(one_argument.split()), st.tuples(inner)),
            st.builds(
                Call,
                st.sampled_from(["min", "max"]),
                st.lists(inner, min_size=1, max_size=3).map(tuple),
            ),
        )

    return st.recursive(st.sampled_from([*NAMES, *numbers]), larger, max_leaves=8)


def value(expression: Expression) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(expression, VALUES))


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


# --- text ---


@example(Negative(Negative(Operation("*", Name("x"), Name("x")))))
@given(expressions("σ relu abs tanh ln exp sqrt sign step"))
def test_text_reads_back_as_the_same_expression(expression: Expression):
    written = to_text(expression)
    assert to_text(parse(written)) == written
    assert same(value(parse(written)), value(expression))
    assert [name.key for name in names(parse(written))] == [name.key for name in names(expression)]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=4))
def test_text_of_softmax_and_linear_reads_back_with_the_same_value(sums: list[float]):
    """Text writes softmax out, and leaves linear away."""
    values = {f"o{number}": one for number, one in enumerate(sums, 1)}
    softmax = Call("softmax", (Name("o2"), *map(Name, values)))
    expression = Operation("/", Call("linear", (parse("o1 - o2"),)), softmax)
    written = to_text(expression)
    assert "softmax" not in written
    assert "linear" not in written
    assert evaluate(parse(written), values) == pytest.approx(evaluate(expression, values))


def test_text_is_as_people_write_it():
    assert to_text(parse("1/2*(t1-a_o1)^2")) == "1/2*(t1 - a_o1)²"
    assert to_text(Call("softmax", (Name("o1"), Name("o1"), Name("o2")))) == (
        "exp(o1)/(exp(o1) + exp(o2))"
    )
    assert to_text(parse("w1[n-1]-η*∂E/∂w1[n-1]")) == "w1[n-1] - η*∂E/∂w1[n-1]"
    assert to_text(Negative(parse("a*b/c²"))) == "-a*b/c²"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("∂E/∂a_h1*a_h1*i1", "(∂E/∂a_h1)*a_h1*i1"),
        ("∂E/∂w1[n-1]^2", "(∂E/∂w1[n-1])²"),
        ("η*∂E/∂w1[n-4]/x", "η*(∂E/∂w1[n-4])/x"),
    ],
)
def test_a_derivative_before_an_operator_is_in_parentheses(written: str, shown: str):
    """Otherwise it would look like a quotient with a product below the line."""
    assert to_text(parse(written)) == shown
    assert parse(shown) == parse(written)


def test_the_products_of_a_chain_rule_have_spaces():
    rule = Operation("*", Name("∂E1/∂a_o1"), Name("∂a_o1/∂o1"))
    assert to_text(rule) == "(∂E1/∂a_o1)*∂a_o1/∂o1"
    assert to_text(rule, spaced_products=True) == "∂E1/∂a_o1 * ∂a_o1/∂o1"
    assert to_text(Operation("*", Name("x"), Call("linear", (parse("a + b"),)))) == "x*(a + b)"


@given(st.floats(0, allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(1e15)
@example(123456789012345680.0)
def test_numbers_keep_every_digit(number: float):
    written = plain_number(number)
    assert float(written) == number
    assert parse(written) == Number(number)


@pytest.mark.parametrize(
    "bad", ["", "1 +", "(a", "a b", "a + * b", "foo(x)", "a)", "#", "1 2", "σ()", "σ(a,)", "²"]
)
def test_nonsense_is_refused(bad: str):
    with pytest.raises(ValueError):
        parse(bad)


@given(st.lists(st.sampled_from([*"()+-*/^²,½.aσ1 #[]", "[n-1]", "∂E/∂w1"]), max_size=12))
def test_any_text_is_read_or_refused(parts: list[str]):
    try:
        expression = parse("".join(parts))
    except ValueError:
        return
    assert same(value_of_a(parse(to_text(expression))), value_of_a(expression))


def value_of_a(expression: Expression) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(rename(expression, lambda _: Number(0.75)), {}))


# --- trees ---


def test_substitute_leaves_other_iterations_alone():
    assert to_text(substitute(parse("w1 + w1[n-1]"), {"w1": parse("a*b")})) == "a*b + w1[n-1]"


def test_walk_is_in_reading_order():
    expression = parse("a*σ(b - c) + min(d, -e)/f^2")
    assert [name.name for name in names(expression)] == list("abcdef")
    assert next(walk(expression)) is expression
    assert size(expression) == 7
    long = parse(" + ".join(f"a{number}" for number in range(300)))
    assert size(long) == 300


def test_the_mean_and_total_are_over_the_samples():
    """The last axis is the samples, the one before it the learning rates."""
    values = {"x": np.array([[1.0, 2.0, 6.0], [0.0, 1.0, 2.0]])}
    assert evaluate(parse("mean(x)"), values).tolist() == [[3.0], [1.0]]
    assert evaluate(parse("sum(x)²"), values).tolist() == [[81.0], [9.0]]


# --- Excel ---


def excel(expression: Expression) -> str:
    return to_excel(expression, lambda name: CELLS[name.key])


def value_in_excel(formula: str) -> object:
    """The value by the evaluator of the students' workbooks, which shares no code with this."""
    book = Book()
    for column, number in enumerate(VALUES.values()):
        book.put("Sheet1", 0, column, number)
    book.put("Sheet1", 1, 0, f"={formula}")
    return book.shown("Sheet1", 1, 0)


@settings(max_examples=300)
@given(expressions(numbers=[*NUMBERS, Number(-3.0)]))
@example(parse("-x^2"))
@example(parse("-(x^2)^2"))
@example(parse("(-x)^2"))
@example(parse("2^-x^2"))
@example(Negative(parse("x²*y/w1²")))
@example(Operation("^", Negative(parse("x*y")), Number(2.0)))
@example(Operation("-", Name("x"), Negative(parse("x/y"))))
@example(parse("(-3)^2 - (-x)"))
def test_formulas_have_the_expressions_value(expression: Expression):
    here = value(expression)
    assume(math.isfinite(here) and abs(here) < 1e200)
    shown = value_in_excel(excel(expression))
    assume(shown not in ("#DIV/0!", "#NUM!"))  # a part of it is infinite
    assert shown == pytest.approx(here, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("written", "formula"),
    [
        ("½*(t1 - a_o1)²", "0.5*(t1-a_o1)^2"),
        ("-x^2", "-(x^2)"),
        ("(-x)^2", "(-x)^2"),
        ("-x*y", "-x*y"),
        ("a - (b - c)", "a-(b-c)"),
        ("a - b - c", "a-b-c"),
        ("a/(b*c)", "a/(b*c)"),
        ("a^(b^c)", "a^(b^c)"),
        ("(a^b)^c", "(a^b)^c"),
        ("σ(x)", "1/(1+EXP(MIN(-x,700)))"),
        ("σ(a - b)", "1/(1+EXP(MIN(-(a-b),700)))"),
        ("relu(x)", "MIN(MAX(0,x),1000000)"),
        ("linear(x)", "MAX(MIN(x,1000000),-1000000)"),
        ("step(x)*w", "IF(x>0,1,0)*w"),
        ("-t*ln(a)", "-t*LN(MAX(a,1E-300))"),
        ("softmax(a, a, b)", "EXP(a-MAX(a,b))/(EXP(a-MAX(a,b))+EXP(b-MAX(a,b)))"),
        ("v/(sqrt(s) + ε)", "v/(SQRT(s)+ε)"),
        ("m/(1 - β1^iteration)", "m/(1-β1^iteration)"),
        ("w1[n-1] - η*∂E/∂w1[n-1]", "w1[n-1]-η*∂E/∂w1[n-1]"),
    ],
)
def test_formulas_keep_the_parentheses_they_need(written: str, formula: str):
    assert to_excel(parse(written), lambda name: name.key) == formula


def test_means_over_samples_are_over_their_range():
    update = parse("w1[n-1] - η*mean(∂E/∂w1[n-1])")
    cells = {"w1[n-1]": "F7", "η": "$B$3"}
    assert to_excel(update, lambda name: cells[name.key], lambda name: "Y7:Y10") == (
        "F7-$B$3*AVERAGE(Y7:Y10)"
    )
    assert to_excel(parse("sum(x)²"), lambda _: "", lambda _: "Y7:Y10") == "SUM(Y7:Y10)^2"


PRECEDENCES = [
    "-x^2", "(-x)^2", "-(x^2)", "x - -y", "w1^x^2", "w1^(x^2)", "-x*y", "-(x*y)", "x/y/w1",
    "x/(y/w1)", "x - y - w1", "x - (y - w1)", "2*-x", "w1^-x", "σ(-x)", "σ(x^2 - y)", "½*(x - y)²",
    "-x² + 3", "3 - x²", "-(x + y)²", "min(-x², y)", "-σ(x)²", "softmax(x, y, x, w1)",
    "step(y)*w1", "step(x)*w1", "tanh(y)²", "-ln(x)", "relu(y) - linear(y)", "sqrt(x) + abs(y)",
]  # fmt: skip
EXTREMES = [-1e40, -1e3, -800.0, -1e-300, 0.0, 1e-300, 1e-30, 36.0, 800.0, 1e6, 1e40]


@needs_libreoffice
def test_a_spreadsheet_computes_our_formulas_as_we_do(tmp_path):
    """Every function and precedence, ordinary values and extreme ones: no error, same value."""
    generator = random.Random(7)
    given_rows = [list(VALUES.values())]
    given_rows += [[generator.choice(EXTREMES) for _ in CELLS] for _ in range(40)]
    bounded = ["σ(x)", "relu(x)", "linear(x)", "ln(x)", "tanh(x)", "softmax(x, x, y, w1)"]
    cases: list[tuple[int, Expression]] = [(0, parse(one)) for one in PRECEDENCES]
    cases += [(row, parse(one)) for row in range(1, len(given_rows)) for one in bounded]
    path = tmp_path / "formulas.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for row, values in enumerate(given_rows):
            sheet.write_row(row, 0, values)
        for at, (row, expression) in enumerate(cases):
            formula = to_excel(
                expression, lambda name, row=row: CELLS[name.key].replace("1", str(row + 1))
            )
            sheet.write_formula(at, 7, f"={formula}", None, 12345)
    [computed] = convert([path], tmp_path / "computed")
    sheet = openpyxl.load_workbook(computed, data_only=True).active
    for at, (row, expression) in enumerate(cases):
        values = dict(zip(VALUES, given_rows[row], strict=True))
        expected = float(evaluate(expression, values))
        shown = sheet.cell(at + 1, 8).value
        assert shown == pytest.approx(expected, rel=1e-12, abs=1e-290), (
            to_text(expression),
            values,
        )


# --- bounds ---


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_function_overflows(x: float):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        results = {
            name: float(evaluate(Call(name, (Name("x"),)), {"x": x}))
            for name in ("σ", "tanh", "relu", "linear", "ln", "step")
        }
    assert 0 < results["σ"] <= 1
    assert -1 <= results["tanh"] <= 1
    assert 0 <= results["relu"] <= CLIP
    assert -CLIP <= results["linear"] <= CLIP
    assert results["step"] == (1 if x > 0 else 0)
    assert abs(results["ln"]) < 710
    if abs(x) < CLIP:
        assert results["relu"] == max(x, 0)
        assert results["linear"] == x
    if x > 1e-300:
        assert results["ln"] == pytest.approx(math.log(x), rel=1e-15)
    if abs(x) < 700:
        assert results["σ"] == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-15)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6))
def test_softmax_is_a_distribution_whatever_the_sums(sums: list[float]):
    values = {f"o{number}": one for number, one in enumerate(sums)}
    arguments = tuple(map(Name, values))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        shares = [evaluate(Call("softmax", (one, *arguments)), values) for one in arguments]
    assert math.fsum(shares) == pytest.approx(1, rel=1e-14)
    assert all(0 <= share <= 1 for share in shares)
    largest = max(sums)
    expected = [math.exp(max(one - largest, -1e3)) for one in sums]
    for share, own in zip(shares, expected, strict=True):
        assert share == pytest.approx(own / math.fsum(expected), rel=1e-13, abs=1e-300)


def test_every_function_that_text_can_name_has_a_value():
    for name in FUNCTIONS:
        arguments = (Name("x"),) * (2 if name in ("softmax", "min", "max", "iferror") else 1)
        assert np.isfinite(evaluate(Call(name, arguments), {"x": 0.5})), name


# --- derivatives ---


def complex_value(expression: Expression, values: dict[str, complex]) -> complex:
    """The value in complex numbers, where relu follows the real part."""
    functions: dict[str, Callable[..., complex]] = {
        "σ": lambda z: 1 / (1 + cmath.exp(-z)),
        "tanh": cmath.tanh,
        "relu": lambda z: z if z.real > 0 else 0j,
        "linear": lambda z: z,
        "ln": cmath.log,
        "softmax": lambda z, *of: cmath.exp(z) / sum(map(cmath.exp, of)),
    }
    match expression:
        case Number(number):
            return complex(number)
        case Name():
            return values[expression.name]
        case Negative(operand):
            return -complex_value(operand, values)
        case Operation(operator, left, right):
            a, b = complex_value(left, values), complex_value(right, values)
            match operator:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "/":
                    return a / b
            return a * a if right == Number(2.0) else a**b
        case Call(name, arguments):
            return functions[name](*(complex_value(one, values) for one in arguments))
    raise AssertionError(expression)


def differentiable(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    call = st.sampled_from(["σ", "tanh", "relu", "linear"])
    return st.one_of(
        st.builds(Operation, st.sampled_from("+-*"), inner, inner),
        inner.map(lambda one: Operation("^", one, Number(2.0))),
        inner.map(lambda one: Operation("/", one, Operation("+", Name("z"), Number(2.0)))),
        inner.map(lambda one: Call("ln", (Call("σ", (one,)),))),
        st.builds(Negative, inner),
        st.builds(Call, call, st.tuples(inner)),
        st.just(Call("softmax", (Name("y"), Name("x"), Name("y"), Name("z")))),
        st.just(Call("softmax", (Name("x"), Name("x"), Name("y"), Name("z")))),
    )


X, Y, Z = Name("x"), Name("y"), Name("z")
POINTS = st.tuples(*[st.floats(0.1, 1.5), st.floats(-1.5, -0.1), st.floats(0.1, 1.5)])


@settings(max_examples=300)
@given(
    st.recursive(
        st.sampled_from([X, Y, Z, Number(1.0), Number(0.5, "½"), Number(3.0)]),
        differentiable,
        max_leaves=7,
    ),
    st.sampled_from([X, Y]),
    POINTS,
)
def test_derivatives_agree_with_the_complex_step(
    expression: Expression, by: Name, point: tuple[float, float, float]
):
    """Im f(x + ih)/h is exact to rounding, as nothing is subtracted (Squire and Trapp, 1998)."""
    values = dict(zip("xyz", map(complex, point), strict=True))
    for node in walk(expression):  # not at a kink, and nowhere near the bounds
        here = complex_value(node, values)
        assume(abs(here) < 1e4)
        if isinstance(node, Call) and node.function == "relu":
            assume(abs(complex_value(node.arguments[0], values)) > 1e-6)
    h = 1e-30
    step = complex_value(expression, {**values, by.name: values[by.name] + h * 1j})
    found = evaluate(derivative(expression, by), {key: one.real for key, one in values.items()})
    assert float(found) == pytest.approx(step.imag / h, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("written", "by", "expected"),
    [
        ("½*(t - a)²", "a", "a - t"),
        ("(t - a)²/3", "a", "2*(a - t)/3"),
        ("σ(x)", "x", "σ(x)*(1 - σ(x))"),
        ("tanh(x)", "x", "1 - tanh(x)²"),
        ("relu(x)", "x", "step(x)"),
        ("linear(x)", "x", "1"),
        ("-t*ln(a)", "a", "-t/a"),
        ("w1*i1 + w2*i2 + b1", "w2", "i2"),
        ("w1*i1 + w2*i2 + b1", "b1", "1"),
        ("w1*i1 + w2*i2 + b1", "w3", "0"),
        ("w1[n-1]*x", "w1", "0"),
    ],
)
def test_derivatives_are_short(written: str, by: str, expected: str):
    assert to_text(derivative(parse(written), Name(by))) == expected


@pytest.mark.parametrize("written", ["min(x, y)", "x^y", "x^3", "1/x", "sqrt(x)"])
def test_what_no_network_needs_has_no_derivative(written: str):
    with pytest.raises(ValueError, match="derivative"):
        derivative(parse(written), Name("x"))


# --- simplification ---

EXACT = {"x": Fraction(7, 10), "y": Fraction(-13, 10), "z": Fraction(21, 8)}


def exact(expression: Expression) -> Fraction:
    """The value as an exact fraction; σ stands for some function that is not simplified."""
    match expression:
        case Number(number):
            return Fraction(number)
        case Name(name):
            return EXACT[name]
        case Negative(operand):
            return -exact(operand)
        case Operation("^", left, Number(2.0)):
            return exact(left) ** 2
        case Operation(operator, left, right):
            a, b = exact(left), exact(right)
            return {"+": a + b, "-": a - b, "*": a * b}[operator] if operator != "/" else a / b
        case Call("σ", (argument,)):
            return exact(argument) ** 3 + 1
    raise AssertionError(expression)


def simplifiable(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
        st.builds(Operation, st.sampled_from("+-*"), inner, inner),
        inner.map(lambda one: Operation("^", one, Number(2.0))),
        st.builds(Negative, inner),
        inner.map(lambda one: Call("σ", (one,))),
    )


SIMPLIFIABLE = st.recursive(
    st.sampled_from([X, Y, Z, Number(1.0), Number(2.0), Number(0.5, "½"), Number(-1.0)]),
    simplifiable,
    max_leaves=9,
)


@settings(max_examples=400)
@given(st.lists(SIMPLIFIABLE, min_size=1, max_size=4))
@example([parse("x*(y + z/x)"), parse("x*y")])
@example([parse("-((½ + 2/z)*y)"), Number(2.0)])
def test_simplification_never_changes_the_value(parts: list[Expression]):
    try:
        values = [exact(part) for part in parts]
    except ZeroDivisionError:
        assume(False)
    assert exact(product(*parts)) == math.prod(values)
    assert exact(total(parts)) == sum(values)
    assert exact(negative(parts[0])) == -values[0]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["-t/a + (1 - t)/(1 - a)", "a", "1 - a"], "a - t"),
        (["-t/a", "a*(1 - a)"], "-t*(1 - a)"),
        (["-1", "t - a"], "a - t"),
        (["2", "½", "x"], "x"),
        (["2*(a - t)/3", "x"], "2*(a - t)*x/3"),
        (["x/y", "y/x"], "1"),
        (["0", "ln(x)"], "0"),
        (["a - t", "a", "1 - a", "w"], "(a - t)*a*(1 - a)*w"),
    ],
)
def test_products_are_short(parts: list[str], expected: str):
    assert to_text(product(*map(parse, parts))) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["x", "-x"], "0"),
        (["x", "x", "x"], "3*x"),
        (["-a", "b"], "b - a"),
        (["t1*a1", "t2*a1", "-t1"], "a1*(t1 + t2) - t1"),
        (["-t1*(1 - a1)", "t2*a1", "t3*a1"], "a1*(t1 + t2 + t3) - t1"),
        (["x*(y + z/x)", "x*y"], "x*(y + z/x + y)"),
    ],
)
def test_sums_are_short(parts: list[str], expected: str):
    assert to_text(total(map(parse, parts))) == expected
