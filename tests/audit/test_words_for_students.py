"""What a student reads about a table: in its own words, in the right number, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import WEIGHTS, Form, Table, Transposed, book_of

from backprop_sheet.audit.copies.annotate import note_text
from backprop_sheet.audit.report.text_report import as_text
from backprop_sheet.audit.results import TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook


def judged(table: Table, path: Path) -> TableResult:
    """Write a table and check it."""
    [result] = audit_workbook(book_of(table).write(path / "book.xlsx")).tables
    return result


def test_iterations_of_a_form_and_of_columns_are_no_rows(tmp_path: Path) -> None:
    assert judged(Table(rows=4), tmp_path).rows_text == "4 rows"
    assert judged(Transposed(rows=4), tmp_path).rows_text == "4 iterations"
    assert judged(Form(rows=1, new="new {}"), tmp_path).rows_text == "1 iteration"


def test_columns_with_error_values_are_named(tmp_path: Path) -> None:
    table = Transposed(rows=6, changes={"h1": "[i1]/0"}, only=(3,))
    [note] = judged(table, tmp_path).warnings
    first, last = (table.cell("h1", row).rstrip("0123456789") for row in (3, 5))
    assert note.startswith(f"columns {first} to {last} have error values")


def test_missing_columns_are_counted_and_written_as_a_range(tmp_path: Path) -> None:
    order = [name for name in Table().order if name != "E_total"]
    assert "missing column: E_total" in judged(Table(order=order), tmp_path).warnings
    order = [name for name in Table().order if "∂E" not in name]
    changes = {f"w{n}": f"[w{n}@-1]" for n in range(1, 9)}
    notes = judged(Table(order=order, rows=1, changes=changes), tmp_path).warnings
    assert "missing columns: ∂E/∂w1 … ∂E/∂w8" in notes


def test_one_cell_is_not_the_first_one(tmp_path: Path) -> None:
    table = Table(rows=4, changes={"o1": lambda row: 1.5}, only=(2,))
    result = judged(table, tmp_path)
    assert f"  o1: 1 cell wrong, {table.cell('o1', 2)}\n" in as_text(result)


@pytest.mark.parametrize(("weight", "exponent"), [(0.3, "-{}"), (-9e4, "MIN(-{},700)")])
def test_the_right_formula_is_as_people_type_it(
    weight: float, exponent: str, tmp_path: Path
) -> None:
    """Without what keeps EXP from overflowing, unless it would."""
    table = Table(rows=3, weights=WEIGHTS | {"w4": weight}, changes={"a_h2": "[h2]/9"})
    [finding] = [one for one in judged(table, tmp_path).findings if one.column == "a_h2"]
    assert finding.right_in_cells == f"=1/(1+EXP({exponent.format(table.cell('h2', 0))}))"


def test_a_right_formula_that_is_only_the_value_is_left_out(tmp_path: Path) -> None:
    result = judged(Table(rows=4, said=0.8), tmp_path)
    [finding] = result.findings
    assert (finding.column, finding.expected, finding.right_formula) == ("η", 0.5, "")
    for text in (as_text(result), note_text(finding)):
        assert "0.5" in text and "correct" not in text and "right formula" not in text
