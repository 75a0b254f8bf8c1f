"""Points of tables that are not laid out as the exercise: the sums are in comments."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.dialect_tables import DialectTable
from fixtures.handing_out import COURSE_NUMBERS
from fixtures.student_workbooks import COURSE_ORDER, book_of

from backprop_sheet.audit.results import ColumnScore, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.class_options import Marks
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.marking.points import PointRules, points_of

ONE_EACH = Marks(tuple((group, 1.0) for group in ColumnGroup))
DELTAS = {
    "∂E/∂o1": "(a_o1 - t1)*a_o1*(1 - a_o1)",
    "∂E/∂o2": "(a_o2 - t2)*a_o2*(1 - a_o2)",
}
BY_DELTAS = {
    "∂E/∂w5": "(∂E/∂o1)*a_h1",
    "∂E/∂w6": "(∂E/∂o1)*a_h2",
    "∂E/∂w7": "(∂E/∂o2)*a_h1",
    "∂E/∂w8": "(∂E/∂o2)*a_h2",
}


def test_right_deltas_are_no_columns_of_their_own() -> None:
    right = points_of(
        DialectTable(changed=BY_DELTAS, more=DELTAS).audit(), PointRules(20, ONE_EACH)
    )
    assert right.by_group == dict.fromkeys(ColumnGroup, 5.0)


def test_a_wrong_delta_costs_one_column() -> None:
    """The gradients that follow from it are right: 8 of 9 columns, 5·8/9."""
    more = {**DELTAS, "∂E/∂o1": "(t1 - a_o1)*a_o1*(1 - a_o1)"}
    table = DialectTable(changed=BY_DELTAS, more=more).audit()
    assert points_of(table, PointRules(20, ONE_EACH)).by_group[ColumnGroup.GRADIENTS] == 4.44


@pytest.mark.parametrize(("factor", "points"), [("1/2*", 5.0), ("", 0.0)])
def test_the_total_error_stands_for_those_of_the_outputs(
    factor: str, points: float, tmp_path: Path
) -> None:
    order = [name for name in COURSE_ORDER if name not in ("E1", "E2")]
    total = f"{factor}([t1]-[a_o1])^2+{factor}([t2]-[a_o2])^2"
    table = COURSE_NUMBERS.table(order=order, changes={"E_total": total})
    book_of(table).write(tmp_path / "x.xlsx")
    (result,) = audit_workbook(tmp_path / "x.xlsx").tables
    assert points_of(result, PointRules(20, ONE_EACH)).by_group[ColumnGroup.ERROR] == points


def result(*scores: tuple[ColumnGroup, int, int], rows: int = 1) -> TableResult:
    found = (ColumnScore(f"c{n}", *score) for n, score in enumerate(scores))
    return TableResult("x", "S", "e", "right", 3, 1.0, scores=tuple(found), rows_per_iteration=rows)


def test_one_wrong_cell_costs_its_share() -> None:
    table = result((ColumnGroup.FORWARD, 3, 4), (ColumnGroup.FORWARD, 4, 4))
    assert points_of(table, PointRules()).total == 8.75  # 10·(3/4 + 1)/2


def test_required_iterations_of_samples() -> None:
    """2 of 4 iterations of 3 samples: 6 of 12 cells, and the updates of 2 of 4."""
    table = result((ColumnGroup.FORWARD, 6, 6), (ColumnGroup.UPDATES, 2, 2), rows=3)
    assert points_of(table, PointRules(iterations=4)).total == 5


def test_only_blank_groups_earn_points() -> None:
    table = result((ColumnGroup.FORWARD, 4, 4), (ColumnGroup.GRADIENTS, 1, 4))
    rules = PointRules(blank=(ColumnGroup.GRADIENTS,))
    assert points_of(table, rules).by_group == {ColumnGroup.GRADIENTS: 2.5}


def test_a_table_without_columns_has_no_points() -> None:
    assert points_of(result(), PointRules()).total == 0
