"""Signs of a whole table: gradients with t - a, which the updates add, and δ of either sign."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.generated_equations import equations
from fixtures.generated_judgement import judge_result, judged
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import Rounding, build
from fixtures.student_workbooks import (
    COURSE_ORDER,
    DELTA_ORDER,
    GRADIENTS,
    PLAIN,
    WEIGHTS,
    WITH_DELTAS,
    Table,
    book_of,
    delta,
)

from backprop_sheet.audit.results import RIGHT, WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

OPPOSITE = {name: f"-({PLAIN[name]})" for name in GRADIENTS}
ADDED = {name: f"[{name}@-1]+[η]*[∂E/∂{name}@-1]" for name in WEIGHTS}
# δ with t - a; the gradients, headed ∂E/∂w, are computed from it.
OPPOSITE_DELTAS = {f"δ_o{output}": f"-{delta(output)}" for output in (1, 2)}


def checked(changes: dict[str, str], folder: Path) -> TableResult:
    path = folder / "book.xlsx"
    book_of(Table(changes=changes)).write(path)
    [table] = audit_workbook(path).tables
    return table


def checked_deltas(changes: dict[str, str], folder: Path) -> TableResult:
    path = folder / "book.xlsx"
    book_of(Table(order=DELTA_ORDER, formulas=WITH_DELTAS, changes=changes)).write(path)
    [table] = audit_workbook(path).tables
    return table


def test_updates_that_add_the_opposite_are_right_with_one_sentence(tmp_path):
    table = checked({**OPPOSITE, **ADDED}, tmp_path)
    assert (table.verdict, table.findings) == (RIGHT, ())
    [note] = [text for text in table.warnings if "opposite sign" in text]
    assert "∂E/∂w1 … ∂E/∂w8" in note


def test_one_update_that_subtracts_among_those_that_add_has_a_wrong_sign(tmp_path):
    table = checked({**OPPOSITE, **ADDED, "w5": "[w5@-1]-[η]*[∂E/∂w5@-1]"}, tmp_path)
    [finding] = table.findings
    assert finding.expected_formula == "w5[n-1] + η*−∂E/∂w5[n-1]"
    assert finding.cause == "a wrong sign: - instead of + before η*−∂E/∂w5[n-1]"


@pytest.mark.parametrize("name", ["∂E/∂w3", "∂E/∂w5"])
def test_a_mistake_among_them_is_found_alone(name, tmp_path):
    table = checked({**OPPOSITE, **ADDED, name: f"2*{OPPOSITE[name]}"}, tmp_path)
    assert [finding.column.lstrip("−-") for finding in table.findings] == [name]


@pytest.mark.parametrize(("changes", "columns"), [(OPPOSITE, GRADIENTS), (ADDED, WEIGHTS)])
def test_half_of_it_is_wrong(changes, columns, tmp_path):
    table = checked(changes, tmp_path)
    assert table.verdict == WRONG
    assert {finding.column for finding in table.findings} == set(columns)


def test_the_opposite_of_columns_of_delta_is_right_where_it_is_added(tmp_path: Path) -> None:
    table = checked_deltas({**OPPOSITE_DELTAS, **ADDED}, tmp_path)
    assert (table.verdict, table.findings) == (RIGHT, ())


@pytest.mark.parametrize("name", ["δ_h2", "∂E/∂w5"])
def test_a_mistake_beside_opposite_deltas_is_found_alone(name: str, tmp_path: Path) -> None:
    doubled = f"2*{WITH_DELTAS[name]}"
    table = checked_deltas({**OPPOSITE_DELTAS, **ADDED, name: doubled}, tmp_path)
    [finding] = table.findings
    assert finding.column == {"δ_h2": "−∂E/∂h2", "∂E/∂w5": "−∂E/∂w5"}[name]


@pytest.mark.parametrize(
    ("changes", "columns"), [(OPPOSITE_DELTAS, {"∂E/∂o1", "∂E/∂o2"}), (ADDED, set(WEIGHTS))]
)
def test_half_of_opposite_deltas_is_wrong(
    changes: dict[str, str], columns: set[str], tmp_path: Path
) -> None:
    table = checked_deltas(changes, tmp_path)
    assert {finding.column for finding in table.findings} == columns


STEPS = {name: f"Δ{name}" for name in WEIGHTS}


@pytest.mark.parametrize("name", ["δ_h1", "δ_h2"])
def test_a_delta_of_another_sign_among_steps_is_found_alone(name: str, tmp_path: Path) -> None:
    """η*i2 is i1 here, so that the step of w2 has the numbers of ∂E/∂w1."""
    order = [*DELTA_ORDER[:27], *STEPS.values()]
    steps = {STEPS[one]: f"[η]*{WITH_DELTAS[f'∂E/∂{one}']}" for one in WEIGHTS}
    added = {one: f"[{one}@-1]+[{STEPS[one]}@-1]" for one in WEIGHTS}
    formulas = {**WITH_DELTAS, **OPPOSITE_DELTAS, **steps, **added}
    path = tmp_path / "book.xlsx"
    book_of(Table(order=order, formulas=formulas)).write(path)
    [right] = audit_workbook(path).tables
    assert (right.verdict, right.findings) == (RIGHT, ())
    book_of(Table(order=order, formulas={**formulas, name: f"-{formulas[name]}"})).write(path)
    [table] = audit_workbook(path).tables
    assert [finding.column for finding in table.findings] == [f"−∂E/∂{name[2:]}"]


def test_all_error_terms_of_a_form_have_one_sign(tmp_path: Path) -> None:
    """Of few digits, each one alone seems to be right with the other sign."""
    description = plain(1, backward="negative delta")
    given = (*GIVEN, "eta")
    computed = [name for name in description.layout.order if name not in (*GIVEN, "iteration")]
    layout = replace(
        description.layout,
        kind="form", given_place="cells", given=given, order=(*given, *computed),
    )  # fmt: skip
    right = equations(description.style)["d_o1"]
    doubled = Mistake("doubled factor", "d_o1", f"({right})*{{ao1}}", "a_o1")
    numbers = {**dict(description.numbers), "t1": 0.5, "t2": 0.5}
    workbook = build(
        replace(
            description, numbers=tuple(numbers.items()), iterations=1, layout=layout,
            rounding=Rounding("typed", 4), mistakes=(doubled,),
        )
    )  # fmt: skip
    assert workbook is not None
    result = audit_workbook(workbook.write(tmp_path / "book.xlsx"))
    assert judge_result(workbook, result).fits


def test_a_wrong_typed_delta_has_the_sign_of_the_others(tmp_path: Path) -> None:
    """Neither sign fits its own numbers, and weights in another numbering seemed exchanged."""
    description = plain(1, backward="negative delta")
    mistakes = (
        Mistake("no a", "d_o1", "({t1}-{ao1})*(1-{ao1})", "missing"),
        Mistake("ah of another", "g7", "-1*{d_o2}*{ah2}", "another|exchanged"),
    )
    changed = replace(
        description,
        layout=replace(description.layout, numbering="nodes"),
        rounding=Rounding("typed", 6, significant=True),
        mistakes=mistakes,
    )
    assert judged(changed, tmp_path).fits


@pytest.mark.parametrize(("sign", "right", "wrong"), [("", "-", "+"), ("−", "+", "-")])
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            "[w4@-1]{wrong}[η]*[δ_h2@-1]*[i2@-1]",
            "a wrong sign: {wrong} instead of {right} before η*({sign}(∂E/∂h2[n-1])*i2[n-1])",
        ),
        (
            "[w4@-1]{right}[η]*[δ_h1@-1]*[i2@-1]",
            "another quantity: {sign}∂E/∂h1 where {sign}∂E/∂h2 belongs",
        ),
    ],
    ids=["sign", "delta"],
)
def test_updates_are_explained_with_the_table_s_own_deltas(
    change: str, cause: str, sign: str, right: str, wrong: str, tmp_path: Path
) -> None:
    order = [name for name in DELTA_ORDER if name not in GRADIENTS]
    updates = {
        name: f"[{name}@-1]{right}[η]*({WITH_DELTAS[f'∂E/∂{name}'].replace(']', '@-1]')})"
        for name in WEIGHTS
    }
    signs = {"sign": sign, "right": right, "wrong": wrong}
    updates["w4"] = change.format(**signs)
    deltas = OPPOSITE_DELTAS if sign else {}
    table = Table(order=order, formulas=WITH_DELTAS, changes={**deltas, **updates})
    [result] = audit_workbook(book_of(table).write(tmp_path / "book.xlsx")).tables
    (finding,) = result.findings
    assert (finding.column, finding.cause) == ("w4", cause.format(**signs))
    assert str(finding.expected_formula).startswith(f"w4[n-1] {right} η*")
    assert "a_o1" not in str(finding.expected_formula)


# The differences of outputs and targets in columns of one's own, which all gradients use.
DIFFERENCES = {f"diff{n}": f"[a_o{n}]-[t{n}]" for n in (1, 2)}
BY_DIFFERENCES = {
    **DIFFERENCES,
    **{name: PLAIN[name].replace("([a_o1]-[t1])", "[diff1]") for name in GRADIENTS},
}
BY_DIFFERENCES |= {
    name: BY_DIFFERENCES[name].replace("([a_o2]-[t2])", "[diff2]") for name in GRADIENTS
}


@pytest.mark.parametrize("turned", [(), (1,), (2,)])
def test_a_difference_of_the_wrong_sign_is_accused_and_not_what_uses_it(turned, tmp_path):
    changes = {**BY_DIFFERENCES, **{f"diff{n}": f"[t{n}]-[a_o{n}]" for n in turned}}
    order = [name for name in COURSE_ORDER if name not in GRADIENTS]
    table = Table(order=[*order, *DIFFERENCES, *GRADIENTS], changes=changes)
    [result] = audit_workbook(book_of(table).write(tmp_path / "book.xlsx")).tables
    assert [finding.column for finding in result.findings] == [f"∂E/∂a_o{n}" for n in turned]
    assert result.verdict == (WRONG if turned else RIGHT)
