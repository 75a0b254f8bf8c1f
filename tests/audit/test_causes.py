"""Causes in words: of typed numbers, of η, of fixed rows, circles and two mistakes at once."""

from __future__ import annotations

import random

import pytest
from fixtures.dialect_tables import RATE_CELL, SYSTEM, DialectTable, to_decimals

from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.diagnose.mistakes import simple_mistakes
from backprop_sheet.symbolic.rendering import to_excel, to_text

OPAQUE = "=CHOOSE(1,{})"  # a function that is not read


def opaque(column, record, cell, rhs):
    return OPAQUE.format(to_excel(rhs, cell))


def causes(table: DialectTable) -> dict[str, str]:
    return {finding.column: finding.cause for finding in table.audit().findings}


SIGMOID = "1/(1 + {}^(-h1))"
UNREADABLE_OR_TYPED = [{"write": opaque}, {"typed": True}, {}]


@pytest.mark.parametrize("options", UNREADABLE_OR_TYPED)
@pytest.mark.parametrize(
    ("column", "formula", "cause"),
    [
        ("∂E/∂w5", "(t1 - a_o1)*a_o1*(1 - a_o1)*a_h1",
         "a wrong sign: t1 - a_o1 instead of a_o1 - t1"),
        ("a_h1", SIGMOID.format(2.718), "2.718 instead of e: use EXP"),
        ("a_h1", SIGMOID.format(2.7), "2.7 instead of e: use EXP"),
        ("E1", "3*½*(t1 - a_o1)²", "an extra factor: 3"),
        ("∂E/∂w5", "(a_o1 - t1)*a_o1*(1 - a_o1)*a_h1*a_o1*(1 - a_o1)",
         "an extra factor: a_o1*(1 - a_o1)"),
        ("E1", "½*(t1 - a_o1)^3", "the cube of t1 - a_o1 instead of its square"),
        ("E1", "½*abs(t1 - a_o1)", "the absolute value of t1 - a_o1 instead of its square"),
        ("∂E/∂w7", "(a_o2 - t2)²*a_o2*(1 - a_o2)*a_h1",
         "the square of a_o2 - t2 instead of the difference itself"),
        ("w1", "w1[n-1] - 0.3*η*∂E/∂w1[n-1]", "an extra factor: 0.3"),
        ("h1", "w1*i1 + w3*i2", "another weight: w3 where w2 belongs"),
        ("h1", "w1*i1 + w2*i2 + 1", "an extra term: 1"),
        ("o2", "w7*a_h1 + w8*a_h2 - 0.35", "an extra term: -0.35"),
    ],
)  # fmt: skip
def test_causes_do_not_depend_on_how_a_formula_is_written(column, formula, cause, options):
    assert causes(DialectTable(changed={column: formula}, **options)) == {column: cause}


OUTPUT, OTHER = "(a_o1 - t1)*a_o1*(1 - a_o1)", "(a_o2 - t2)*a_o2*(1 - a_o2)"
GRADIENTS = {
    **{f"∂E/∂w{4 + n}": f"{OUTPUT}*a_h{n}" for n in (1, 2)},
    **{f"∂E/∂w{6 + n}": f"{OTHER}*a_h{n}" for n in (1, 2)},
    **{
        f"∂E/∂w{2 * n + m - 2}": f"({OUTPUT}*w{4 + n} + {OTHER}*w{6 + n})*a_h{n}*(1 - a_h{n})*i{m}"
        for n in (1, 2)
        for m in (1, 2)
    },
}


@pytest.mark.parametrize("options", UNREADABLE_OR_TYPED)
@pytest.mark.parametrize("column", ["∂E/∂w4", "∂E/∂w5"])
def test_one_gradient_that_is_doubled_is_not_that_of_another_loss(column, options):
    changed = {column: f"2*{GRADIENTS[column]}"}
    assert causes(DialectTable(changed=changed, **options)) == {column: "an extra factor: 2"}


@pytest.mark.parametrize("options", UNREADABLE_OR_TYPED)
def test_all_gradients_that_are_doubled_are_those_of_another_loss(options):
    changed = {name: f"2*{formula}" for name, formula in GRADIENTS.items()}
    found = causes(DialectTable(changed=changed, **options))
    assert found.keys() == GRADIENTS.keys()
    twice = {"∂E/∂w1", "∂E/∂w3"}  # i2 is twice i1 there, so i2 may stand for it, too
    words = "the derivative of the squared error instead of that of half the squared error"
    assert {found[name] for name in GRADIENTS.keys() - twice} == {words}


PAIRS = [
    ("∂E/∂w5", "(t1 - a_o1)*a_o1*(1 - a_o1)*a_h2", ("a wrong sign", "a_h2 where a_h1 belongs")),
    ("∂E/∂w6", "(a_o1 - t2)*a_o1*a_h2", ("t2 where t1 belongs", "(1 - a_o1) is left out")),
    ("h1", "w1*i1 - w3*i2", ("a wrong sign", "w3 where w2 belongs")),
    ("w5", "w5[n-1] + η*∂E/∂w6[n-1]", ("a wrong sign", "∂E/∂w6 where ∂E/∂w5 belongs")),
]


@pytest.mark.parametrize("options", UNREADABLE_OR_TYPED)
@pytest.mark.parametrize(("column", "formula", "parts"), PAIRS)
def test_both_mistakes_of_a_formula_are_named(column, formula, parts, options):
    found = causes(DialectTable(changed={column: formula}, **options))
    assert set(found) == {column}
    assert all(part in found[column] for part in parts), found


def test_pairs_of_mistakes_in_formulas_are_two_mistakes():
    """What is named for two random mistakes is never more than two."""
    source = random.Random(5)
    diagnosis = diagnosis_of(SYSTEM)
    for column in ("h1", "∂E/∂w5", "w3", "E2"):
        first = source.choice(list(simple_mistakes(SYSTEM, SYSTEM.correct[column])))
        second = source.choice(list(simple_mistakes(SYSTEM, first.expression)))
        cause = diagnosis.cause(column, second.expression) or diagnosis.two_causes(
            column, second.expression
        )
        assert cause or diagnosis.is_right(column, second.expression), to_text(second.expression)


W1 = "(({}*a_o1*(1 - a_o1)*w5 + {}*a_o2*(1 - a_o2)*w7)*a_h1*{}*i1)"
BOTH = "a wrong sign: t1 - a_o1 instead of a_o1 - t1 and t2 - a_o2 instead of a_o2 - t2"


@pytest.mark.parametrize(
    ("formula", "cause"),
    [
        ("-" + W1.format("(a_o1 - t1)", "(a_o2 - t2)", "(1 - a_h1)"),
         "a wrong sign: the whole formula is negated"),
        (W1.format("(t1 - a_o1)", "(t2 - a_o2)", "(1 - a_h1)"), BOTH),
        (W1.format("(a_o1 - t1)", "(a_o2 - t2)", "(a_h1 - 1)"),
         "a wrong sign: a_h1 - 1 instead of 1 - a_h1"),
    ],
)  # fmt: skip
def test_a_wrong_sign_is_named_where_it_stands(formula, cause):
    """The three give the same numbers."""
    assert causes(DialectTable(changed={"∂E/∂w1": formula})) == {"∂E/∂w1": cause}


def test_eta_from_an_empty_cell_is_said_once():
    def write(column, record, cell, rhs):
        return "=" + to_excel(rhs, cell).replace("$B$1", "$G$1")

    changed = {f"w{n}": f"w{n}[n-1] - 0*η*∂E/∂w{n}[n-1]" for n in range(1, 9)}
    table = DialectTable(changed=changed, write=write)
    for place, formula in table.sheet.formulas.items():
        table.sheet.formulas[place] = formula.replace("0*$G$1", "$G$1")
    (finding,) = table.audit().findings
    assert (finding.column, finding.first_cell) == ("η", "G1")
    assert "G1, which is empty" in finding.cause
    assert "η = 0.5 at B1" in finding.cause


def test_eta_from_another_cell_than_the_label_says_is_said_once():
    def write(column, record, cell, rhs):
        return "=" + to_excel(rhs, cell).replace("$B$1", "$G$1")

    table = DialectTable(write=write)
    table.sheet.values[RATE_CELL] = 0.1
    table.sheet.values[1, 7] = 0.5
    (finding,) = table.audit().findings
    assert finding.column == "η"
    assert "the sheet says 0.1 at B1, but the updates use 0.5 (from G1)" in finding.cause


def test_a_fixed_row_is_named():
    changed = {"h1": "w1*i1 + w2*i2"}
    table = DialectTable(changed=changed)
    first = table.reference("w1", 0)
    fixed = f"{first[0]}${first[1:]}"
    for record in range(table.rows):
        place = table.cell("h1", record)
        own = table.reference("w1", record)
        table.sheet.formulas[place] = table.sheet.formulas[place].replace(own, fixed, 1)
        w1, w2 = (table.sheet.values[table.cell(f"w{n}", 0 if n == 1 else record)] for n in (1, 2))
        table.sheet.values[place] = w1 * 0.05 + w2 * 0.1
    found = causes(table)
    assert found["h1"] == (
        f"a fixed row: ${fixed} is used in every row, where w1 of the same row belongs"
    )


def test_stale_values_of_a_circle_are_named():
    table = DialectTable()
    for record in range(1, table.rows):
        place = table.cell("w5", record)
        old = table.reference("∂E/∂w5", record - 1)
        new = table.reference("∂E/∂w5", record)
        table.sheet.formulas[place] = table.sheet.formulas[place].replace(old, new)
        table.sheet.values[place] = 0.0
    found = causes(table)
    assert "∂E/∂w5 from the same row instead of from the row above" in found["w5"]
    assert "the formulas form a circle (" in found["w5"]
    assert "its value is not up to date" in found["o1"]


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_number_typed_in_every_row_is_named(value):
    table = DialectTable(changed={"∂E/∂w1": f"{value}*1"}, typed=["∂E/∂w1"])
    assert causes(table) == {"∂E/∂w1": f"the same number, {value:g}, is typed in every row"}


def test_a_right_formula_that_follows_a_wrong_cell_does_not_hide_another_mistake():
    """The first cells of w2's gradient use w1's wrong one; a later cell is typed."""
    changed = {
        "∂E/∂w5": "(t1 - a_o1)*a_o1*(1 - a_o1)*a_h1",
        "∂E/∂w6": "(∂E/∂w5)/a_h1*a_h2",
    }
    table = DialectTable(changed=changed, overtyped={("∂E/∂w6", 5): lambda value: value + 0.01})
    findings = {finding.column: finding for finding in table.audit().findings}
    assert findings["∂E/∂w5"].cause.startswith("a wrong sign")
    assert findings["∂E/∂w6"].first_cell == table.reference("∂E/∂w6", 5)
    assert findings["∂E/∂w6"].cause == "a number typed over the column's formula"


DIGITS = to_decimals(6)
TYPED = [
    (lambda value: -value, "a wrong sign: -0."),
    (lambda value: DIGITS(value / 10), "the decimal point is in the wrong place: 0.0"),
    (lambda value: DIGITS(value * 100), "the decimal point is in the wrong place: "),
    (lambda value: float(f"{value:.6f}"[:3] + f"{value:.6f}"[4:2:-1] + f"{value:.6f}"[5:]),
     "two digits are exchanged: 0."),
    (lambda value: DIGITS(value + 0.01), "a wrong digit: 0."),
    (lambda value: DIGITS(value - 0.2345), "a typed number that does not follow from the other"),
]  # fmt: skip


@pytest.mark.parametrize(("slip", "cause"), TYPED)
@pytest.mark.parametrize("column", ["a_h1", "∂E/∂w6"])
def test_what_happened_to_one_typed_number_is_named(column, slip, cause):
    table = DialectTable(typed=True, round=DIGITS, overtyped={(column, 4): slip})
    assert set(found := causes(table)) == {column}
    assert found[column].startswith(cause)


def test_an_update_from_the_first_weight_is_not_another_quantity():
    """η and the first w7 are both 0.5: the numbers do not tell which of them was used."""
    table = DialectTable(typed=True, round=to_decimals(8))
    for record in range(2, table.rows):
        gradient = table.sheet.values[table.cell("∂E/∂w7", record - 1)]
        table.sheet.values[table.cell("w7", record)] = round(0.5 - 0.5 * gradient, 8)
    assert causes(table)["w7"].startswith("a fixed row: the first one is used in every row")


def test_another_neurons_derivative_is_named_as_the_formula_has_it():
    more = {f"∂E/∂o{k}": f"(a_o{k} - t{k})*a_o{k}*(1 - a_o{k})" for k in (1, 2)}
    changed = {"∂E/∂w4": "(∂E/∂o2*w6 + ∂E/∂o2*w8)*a_h2*(1 - a_h2)*i2"}
    for options in ({}, {"write": opaque}, {"typed": True}):
        found = causes(DialectTable(changed=changed, more=more, **options))
        assert found == {"∂E/∂w4": "another quantity: ∂E/∂o2 where ∂E/∂o1 belongs"}
