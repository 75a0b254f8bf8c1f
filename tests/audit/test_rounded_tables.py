"""Rounded numbers: compared within their rounding, and no further."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, trunc
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.dialect_tables import GIVEN, SYSTEM, DialectTable, to_decimals, to_significant
from fixtures.student_workbooks import PLAIN, Book, Table, book_of
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_sheet.equations.names import gradient_name
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.rendering import to_excel

WRONG = {"∂E/∂w5": "(t1 - a_o1)*a_o1*(1 - a_o1)*a_h1", "E1": "(t1 - a_o1)^2"}


def rounds(function: str, digits: str):
    def write(column, record, cell, rhs):
        return f"={function}({to_excel(rhs, cell)},{digits})"

    return write


@given(st.integers(3, 9), st.sampled_from([to_decimals, to_significant]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_table_with_few_digits_is_right(digits, rounding, typed):
    table = DialectTable(round=rounding(digits), typed=typed)
    result = table.audit()
    assert (result.verdict, result.findings) == ("right", ())
    assert sum("rounded numbers" in note or "stored with" in note for note in result.warnings) <= 1


@given(st.integers(4, 9), st.sampled_from([to_decimals, to_significant]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_mistake_beyond_the_rounding_is_wrong(digits, rounding, typed):
    table = DialectTable(changed=WRONG, round=rounding(digits), typed=typed)
    assert {finding.column for finding in table.audit().findings} == set(WRONG)


@pytest.mark.parametrize("digits", [3, 4, 6, 9])
def test_round_in_formulas_is_named_in_one_note(digits):
    table = DialectTable(round=to_decimals(digits), write=rounds("ROUND", str(digits)))
    result = table.audit()
    assert result.verdict == "right"
    (note,) = (note for note in result.warnings if "ROUND" in note)
    assert note.startswith(f"rounded by ROUND(…, {digits}), and right within this rounding: ")


@pytest.mark.parametrize(
    ("function", "digits", "rounding"),
    [
        ("ROUNDDOWN", "4", lambda value: int(value * 10**4) / 10**4),
        ("TRUNC", "5", lambda value: int(value * 10**5) / 10**5),
        ("MROUND", "0.001", lambda value: round(round(value / 0.001) * 0.001, 12)),
    ],
)
def test_other_functions_that_round_are_understood(function, digits, rounding):
    table = DialectTable(round=rounding, write=rounds(function, digits))
    result = table.audit()
    assert (result.verdict, result.findings) == ("right", ())


def test_the_cause_is_found_inside_round():
    table = DialectTable(changed=WRONG, round=to_decimals(6), write=rounds("ROUND", "6"))
    causes = {finding.column: finding.cause for finding in table.audit().findings}
    assert causes["∂E/∂w5"] == "a wrong sign: t1 - a_o1 instead of a_o1 - t1"


def test_precision_as_displayed_is_named():
    result = DialectTable(round=to_decimals(5)).audit()
    assert result.verdict == "right"
    assert any("stored with only 5 decimals" in note for note in result.warnings)


@pytest.mark.parametrize("digits", [1, 2, 4])
def test_a_rounded_number_typed_over_a_formula_is_a_finding(digits):
    (finding,) = DialectTable(overtyped={("a_h1", 4): to_significant(digits)}).audit().findings
    assert (finding.column, finding.count) == ("a_h1", 1)
    assert finding.cause == "a number typed over the column's formula"


def test_the_same_number_typed_over_a_formula_is_only_noted():
    result = DialectTable(overtyped={("a_h1", 4): lambda value: value}).audit()
    assert result.verdict == "right"
    assert any("a_h1" in note and "typed number" in note for note in result.warnings)


def test_one_wrong_number_of_a_typed_column_is_not_typed_over_a_formula():
    table = DialectTable(typed=True, overtyped={("a_h1", 4): lambda value: value + 0.123})
    (finding,) = table.audit().findings
    assert finding.cause == "a typed number that does not follow from the other cells of its row"


def test_numbers_as_text_have_the_digits_that_are_typed():
    table = DialectTable(round=to_decimals(4), typed=True)
    for name in ("h1", "a_h1", "E1"):
        for record in range(table.rows):
            place = table.cell(name, record)
            table.sheet.values[place] = f"{table.sheet.values[place]:.4f}".replace(".", ",")
    assert table.audit().verdict == "right"


def cut_off(digits):
    """Leave out further digits, as people do who copy from a calculator."""
    return lambda value: trunc(value * 10**digits + copysign(1e-9, value)) / 10**digits


WAYS = {"decimals": to_decimals, "significant": to_significant, "cut off": cut_off}
NUMBERS = st.floats(-1.5, 1.5).map(lambda value: round(value, 2) or 0.1)
MORE = {"∂E/∂o1": "(a_o1 - t1)*a_o1*(1 - a_o1)", "∂E/∂h1": "∂E/∂a_h1*a_h1*(1 - a_h1)"}


@given(st.data(), st.sampled_from(list(WAYS)), st.integers(4, 8), st.integers(3, 12))
@settings(max_examples=20, deadline=None)
def test_no_typed_table_that_is_rounded_in_any_way_has_a_finding(data, way, digits, rows):
    """Each number is the exact one, rounded, or it is computed from rounded ones."""
    given_values = {name: data.draw(NUMBERS, name) for name in GIVEN if name[0] in "wi"}
    rounding, is_exact = WAYS[way](digits), data.draw(st.booleans())
    table = DialectTable(
        rows=rows,
        more={**MORE, "∂E/∂a_h1": "(a_o1-t1)*a_o1*(1-a_o1)*w5 + (a_o2-t2)*a_o2*(1-a_o2)*w7"},
        given={**GIVEN, **given_values},
        typed=True,
        round=(lambda value: value) if is_exact else rounding,
    )
    for name in table.columns if is_exact else ():
        for record in range(1 if name in SYSTEM.updates else 0, rows):
            place = table.cell(name, record)
            table.sheet.values[place] = rounding(table.sheet.values[place])
    assert table.audit().findings == ()


@pytest.mark.parametrize("way", WAYS)
def test_a_mistake_is_found_in_a_table_that_is_rounded_in_any_way(way):
    table = DialectTable(changed=WRONG, round=WAYS[way](6), typed=True)
    assert {finding.column for finding in table.audit().findings} == set(WRONG)


def computed_elsewhere(digits: int, **options: Any) -> DialectTable:
    """Gradients and updates typed from a program that computes with all digits.

    The forward pass, by formulas, follows from the typed weights.
    """
    typed = [*SYSTEM.updates, *map(gradient_name, SYSTEM.updates)]
    table = DialectTable(typed=typed, **options)
    for record in range(table.rows):
        row: dict[str, float] = {}
        for name in table.columns:
            row[name] = table.sheet.values[table.cell(name, record)]
            if name in typed and not (name in SYSTEM.updates and record == 0):
                row[name] = to_significant(digits)(row[name])
        for name, rhs in SYSTEM.within_row.items():
            if name not in typed:
                row[name] = float(evaluate(rhs, row))
        table.sheet.values |= {table.cell(name, record): value for name, value in row.items()}
    return table


@given(st.data(), st.integers(6, 9))
@settings(max_examples=20, deadline=None)
def test_numbers_may_be_typed_from_a_program_beside_a_forward_pass_by_formulas(data, digits):
    """The typed weights are rounded, so the forward pass differs from the program's."""
    own = {name: data.draw(NUMBERS, name) for name in GIVEN if name[0] in "wi"}
    assert computed_elsewhere(digits, given={**GIVEN, **own}).audit().findings == ()


def test_a_mistake_is_found_beside_a_forward_pass_by_formulas():
    wrong = {"∂E/∂w5": WRONG["∂E/∂w5"]}
    findings = computed_elsewhere(6, changed=wrong).audit().findings
    assert {finding.column for finding in findings} == set(wrong)


def with_typed(names: Sequence[str], digits: int, **changes: str) -> Book:
    """Type some columns, row by row, with the decimals that a calculator shows."""
    table = Table(formulas={**PLAIN, **changes})
    book = book_of(table)
    for row in range(table.rows):
        for name in names:
            place = table.position(name, row)
            shown = book.shown(*place)
            book.forget(*place)
            book.put(*place, round(float(shown or 0), digits))
    return book


FORWARD = ("h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2")


def test_a_typed_forward_pass_may_have_an_activation_that_seems_not_to_change(
    tmp_path: Path,
) -> None:
    """a_h1 is 0.5069 in all records: typed with four decimals, as the outputs are."""
    assert_right(judge_one(with_typed(FORWARD, 4).write(tmp_path / "typed.xlsx")))
    wrong = with_typed(FORWARD, 4, a_h1="1/(1+EXP(-[h2]))").write(tmp_path / "wrong.xlsx")
    assert [fault["column"] for fault in judge_one(wrong)["faults"]] == ["a_h1"]


@pytest.mark.parametrize("rate", [0.5, 0.513, 0.51, 1.25])
def test_a_rate_that_follows_from_four_digits_fits_all_parameters(rate: float, tmp_path: Path):
    """0.51 would do for some updates; it is not the rate if others are wrong by it."""
    table = Table(rate="none", digits=4, eta=rate, rows=6)
    judged = judge_one(book_of(table).write(tmp_path / "typed.xlsx"))
    assert (judged["verdict"], judged["lr"]) == ("right", rate)
