"""Headers propose what a column is, and its numbers decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures import student_workbooks
from fixtures.check_command import judge_one, words_of
from fixtures.commands import click_run
from fixtures.dialect_tables import FIRST_ROW, HEADER_ROW, DialectTable
from fixtures.student_workbooks import PLAIN, Table

from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.symbolic.rendering import to_excel

SWAPPED = {"w2": "w3", "w3": "w2", "w6": "w7", "w7": "w6"}
HEADERS: dict[str, Mapping[str, str]] = {
    "words": {f"w{n}": f"Gewicht {n}" for n in range(1, 9)},
    "remarks": {"w1": "w1 (i1→h1)", "t1": "t1 (output of out_o1)"},
    "letters": {"w1": "ω1", "∂E/∂w1": "ӘE/Әw1", "h1": "Σ h1"},
    "capital for the activation": {"a_h1": "H1", "h1": "z_1", "a_h2": "H2", "h2": "z_2"},
    "without a meaning": {"a_h1": "foo", "E1": "bar", "∂E/∂w5": "baz"},
    "by what they connect": {"w1": "w11", "w2": "w12", "w3": "w21", "w4": "w22"},
    "twice": {"a_h2": "a_h1"},
    "three times": {"E1": "E_total", "E2": "E_total"},
    "l for the loss, not for η": {"E_total": "l"},
}


def with_headers(headers: Mapping[str, str], **options: object) -> Table:
    return Table(header=lambda name: headers.get(name, name), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_right_table_is_right_under_any_headers(
    headers: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(with_headers(headers)))
    assert (result["verdict"], result["faults"]) == ("right", []), result["warnings"]
    assert {column["quantity"] for column in result["columns"]} == {
        "iteration",
        *student_workbooks.COURSE_ORDER,
    }


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_mistake_is_found_under_any_headers(
    headers: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    wrong = {"∂E/∂w8": PLAIN["∂E/∂w8"].replace("[a_h2]", "[a_h1]")}
    result = judge_one(saved(with_headers(headers, changes=wrong)))
    assert [fault["column"] for fault in result["faults"]] == ["∂E/∂w8"]


def test_a_consistent_other_numbering_is_right(saved: Callable[..., Path]) -> None:
    headers = SWAPPED | {f"∂E/∂{old}": f"∂E/∂{new}" for old, new in SWAPPED.items()}
    result = judge_one(saved(with_headers(headers)))
    assert (result["verdict"], result["faults"]) == ("right", [])
    assert "numbering" in words_of(result)


def test_a_wrong_sign_beside_a_header_that_three_columns_have() -> None:
    slopes = {"∂E/∂a_o1": "t1 - a_o1", "∂E/∂o1": "(∂E/∂a_o1)*a_o1*(1 - a_o1)"}
    changed = {"∂E/∂w5": "(∂E/∂o1)*a_h1", "∂E/∂w6": "(∂E/∂o1)*a_h2"}
    table = DialectTable(changed=changed, more=slopes)
    for name in ("E1", "E2"):
        table.sheet.values[HEADER_ROW, table.place(name)] = "E_total"
    (finding,) = table.audit().findings
    assert finding.column == "∂E/∂a_o1"


def test_cut_digits_under_a_header_that_three_columns_have() -> None:
    table = DialectTable(
        round=lambda value: int(value * 10**4) / 10**4,
        write=lambda column, record, cell, rhs: f"=ROUNDDOWN({to_excel(rhs, cell)},4)",
    )
    for name in ("E1", "E2"):
        table.sheet.values[HEADER_ROW, table.place(name)] = "E_total"
    result = table.audit()
    assert (result.verdict, result.findings) == ("right", ())


@pytest.mark.parametrize(
    ("name", "typed"), [("a_h2", "a_h1"), ("E2", "E1"), ("w8", "w7"), ("∂E/∂w8", "∂E/∂w7")]
)
@pytest.mark.parametrize("counter", ["iteration", ""])
def test_tables_side_by_side_whose_headers_have_a_slip(
    name: str, typed: str, counter: str, tmp_path: Path
) -> None:
    tables = [
        Table(rows=4, left=left, counter=counter, header=lambda one: {name: typed}.get(one, one))
        for left in (1, 40)
    ]
    path = student_workbooks.book_of(*tables).write(tmp_path / "book.xlsx")
    judged = audit_workbook(path).tables
    assert [table.verdict for table in judged] == ["right", "right"]


def test_own_columns_are_named(saved: Callable[..., Path]) -> None:
    order = (*student_workbooks.COURSE_ORDER, "b1")
    table = Table(order=order, changes={"b1": lambda _: 0.0}, since={"b1": 0})
    result = judge_one(saved(table))
    assert (result["verdict"], result["exercise"]) == ("right", "course")
    assert result["not_checked"] == ["b1"]


def test_explain_prints_how_each_column_was_read(saved: Callable[..., Path]) -> None:
    path = saved(with_headers({"a_h1": "foo", "h1": "z_h1"}))
    told = click_run("check", path, "--explain").splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in told if line.startswith("  ")]
    assert rows[0] == ["cell", "header", "taken as", "because of"]
    by_header = {row[1]: row[2:] for row in rows[1:]}
    assert by_header["foo"][0] == "a_h1" and by_header["foo"][1].startswith("its ")
    assert by_header["foo"][1] != "its header"
    assert by_header["z_h1"] == ["h1", "its header"]
    assert len(by_header) == 1 + len(student_workbooks.COURSE_ORDER)


def test_explain_says_where_the_updates_of_the_next_row_are_checked(
    saved: Callable[..., Path],
) -> None:
    order = (*student_workbooks.COURSE_ORDER, "next")
    changes = {"next": "[w5]-[η]*[∂E/∂w5]", "w5": "[next@-1]"}
    table = with_headers({"next": "w5+"}, order=order, changes=changes, rows=4)
    [line] = [line for line in click_run("check", saved(table), "--explain").splitlines()
              if " w5+ " in line]  # fmt: skip
    assert line.split("  ")[-1] == "its header; checked in the next row"


def test_explain_and_json_are_one_or_the_other(saved: Callable[..., Path]) -> None:
    path = saved(with_headers({}))
    refusal = click_run("check", path, "--explain", "--json", code=2)
    assert "leave out --explain" in refusal


HIDDEN = {
    f"∂E/∂a_h{n}": f"(a_o1 - t1)*a_o1*(1 - a_o1)*w{n + 4} + (a_o2 - t2)*a_o2*(1 - a_o2)*w{n + 6}"
    for n in (1, 2)
}


def headed(table: DialectTable, headers: Mapping[str, str]) -> DialectTable:
    for name, header in headers.items():
        table.sheet.values[HEADER_ROW, table.place(name)] = header
    return table


def test_the_derivative_of_all_errors_under_the_header_of_the_first_alone() -> None:
    table = DialectTable(more=HIDDEN)
    result = headed(table, {f"∂E/∂a_h{n}": f"∂E1/∂a_h{n}" for n in (1, 2)}).audit()
    assert (result.verdict, result.findings) == ("right", ())


def test_beside_the_derivative_of_the_other_error_it_is_wrong() -> None:
    other = {"∂E2/∂a_h1": "(a_o2 - t2)*a_o2*(1 - a_o2)*w7"}
    table = DialectTable(more={"∂E/∂a_h1": HIDDEN["∂E/∂a_h1"], **other})
    (finding,) = headed(table, {"∂E/∂a_h1": "∂E1/∂a_h1"}).audit().findings
    assert finding.column == "∂E1/∂a_h1"


def test_derivatives_by_outputs_that_are_headed_as_sums() -> None:
    more = {f"∂E/∂a_o{n}": f"a_o{n} - t{n}" for n in (1, 2)}
    changed = {
        f"∂E/∂w{w}": f"(∂E/∂a_o{o})*a_o{o}*(1 - a_o{o})*a_h{h}"
        for w, o, h in ((5, 1, 1), (6, 1, 2), (7, 2, 1), (8, 2, 2))
    }
    headers = {f"a_o{n}": f"o_{n}" for n in (1, 2)} | {f"o{n}": f"z_{n + 2}" for n in (1, 2)}
    headers |= {f"a_h{n}": f"h_{n}" for n in (1, 2)} | {f"h{n}": f"z_{n}" for n in (1, 2)}
    headers |= {f"∂E/∂a_o{n}": f"∂E_total/∂o_{n}" for n in (1, 2)}
    result = headed(DialectTable(more=more, changed=changed), headers).audit()
    assert (result.verdict, result.findings) == ("right", ())


@pytest.mark.parametrize("delta", ["δ_o{}", "d_o{}"])
def test_differences_headed_as_errors_without_a_total_are_no_wrong_errors(delta: str) -> None:
    """δ is computed from them, and no E_total adds them."""
    more = {f"∂E/∂o{n}": f"E{n}*a_o{n}*(1 - a_o{n})" for n in (1, 2)}
    changed = {f"E{n}": f"a_o{n} - t{n}" for n in (1, 2)} | {
        f"∂E/∂w{w}": f"(∂E/∂o{o})*a_h{h}"
        for w, o, h in ((5, 1, 1), (6, 1, 2), (7, 2, 1), (8, 2, 2))
    }
    table = DialectTable(more=more, changed=changed)
    for cells in (table.sheet.values, table.sheet.formulas):
        for row in range(HEADER_ROW, FIRST_ROW + table.rows):
            cells.pop((row, table.place("E_total")), None)
    errors = {f"E{n}": f"error_o{n}" for n in (1, 2)}
    result = headed(table, errors | {f"∂E/∂o{n}": delta.format(n) for n in (1, 2)}).audit()
    assert (result.verdict, result.findings) == ("incomplete", ())


def test_the_derivative_of_all_errors_under_the_header_of_one_beside_a_right_one() -> None:
    result = headed(DialectTable(more=HIDDEN), {"∂E/∂a_h2": "∂E1/∂a_h2"}).audit()
    assert (result.verdict, result.findings) == ("right", ())
