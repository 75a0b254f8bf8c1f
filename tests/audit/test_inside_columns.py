"""Tables that compute a quantity inside another column, without a column for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import COURSE_ORDER, GRADIENTS, PLAIN, WEIGHTS, Table, book_of

from backprop_sheet.audit.results import TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.marking.points import PointRules, points_of

CHAIN = {
    w: f"[{w}@-1]-[η]*({PLAIN[g].replace(']', '@-1]')})"
    for w, g in zip(WEIGHTS, GRADIENTS, strict=True)
}
SUMS = ("h1", "h2", "o1", "o2")
ACTIVATIONS = {
    f"a_{name}": PLAIN[f"a_{name}"].replace(f"[{name}]", f"({PLAIN[name]})") for name in SUMS
}
TOTAL = {"E_total": "1/2*([t1]-[a_o1])^2+1/2*([t2]-[a_o2])^2"}
KINDS = {
    "errors": (("E1", "E2"), TOTAL),
    "gradients": (tuple(GRADIENTS), CHAIN),
    "sums": (SUMS, ACTIVATIONS),
}


def judged(folder: Path, left_out: tuple[str, ...], changes: dict[str, str]) -> TableResult:
    """The table without some columns."""
    order = [name for name in COURSE_ORDER if name not in left_out]
    (result,) = audit_workbook(
        book_of(Table(order=order, changes=changes)).write(folder / "x.xlsx")
    ).tables
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_what_right_columns_contain_is_right(kind: str, tmp_path: Path) -> None:
    left_out, changes = KINDS[kind]
    result = judged(tmp_path, left_out, changes)
    assert (result.verdict, result.findings) == ("right", ())
    assert any("inside others" in note for note in result.warnings)
    assert points_of(result, PointRules()).total == 10


def test_a_mistake_inside_is_found_and_costs_its_share(tmp_path: Path) -> None:
    left_out, changes = KINDS["gradients"]
    wrong = changes["w6"].replace("[a_h2@-1]", "[a_h1@-1]")
    assert wrong != changes["w6"]
    result = judged(tmp_path, left_out, {**changes, "w6": wrong})
    assert [finding.column for finding in result.findings] == ["w6"]
    by_group = points_of(result, PointRules()).by_group
    full = points_of(judged(tmp_path, left_out, changes), PointRules()).by_group
    gradients = by_group[ColumnGroup.GRADIENTS] / full[ColumnGroup.GRADIENTS]
    assert gradients == pytest.approx(7 / 8, abs=0.01)


def test_what_nothing_shows_is_missing(tmp_path: Path) -> None:
    """No column is computed from the total error."""
    result = judged(tmp_path, ("E_total",), {})
    assert result.verdict == "incomplete"
    assert "missing column: E_total" in result.warnings


@pytest.mark.parametrize("update", ["[w6@-1]", "[w6@-1]-[η]*[∂E/∂w5@-1]", "0.45"])
def test_a_wrong_column_without_any_part_of_it_contains_nothing(
    update: str, tmp_path: Path
) -> None:
    result = judged(tmp_path, ("∂E/∂w6",), {"w6": update})
    assert [finding.column for finding in result.findings] == ["w6"]
    assert [note for note in result.warnings if "∂E" in note] == ["missing column: ∂E/∂w6"]


def test_a_column_that_nothing_uses_may_be_what_is_missing(tmp_path: Path) -> None:
    """The chain rule is in the update, and a column that may be its gradient was not compared."""
    changes = {"w6": CHAIN["w6"], "∂E/∂w6": "2*[a_h2]+[i1]"}
    names = {"∂E/∂w6": "something"}
    table = Table(changes=changes, header=lambda name: names.get(name, Table().header(name)))
    (result,) = audit_workbook(book_of(table).write(tmp_path / "x.xlsx")).tables
    assert result.verdict != "right"
