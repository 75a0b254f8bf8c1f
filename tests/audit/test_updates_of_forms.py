"""The updates of a form of one iteration: each one is compared, and earns its points."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import WEIGHTS, Form, book_of

from backprop_sheet.audit.results import TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.marking.points import PointRules, points_of


class HeadedForm(Form):
    """A form with a line for a heading above the updated weights."""

    def label_position(self, name: str, row: int) -> tuple[str, int, int]:
        sheet, at, column = super().label_position(name, row)
        return sheet, at + name.startswith("new "), column


def judged(folder: Path, new: str, heading: str, wrong: str = "") -> TableResult:
    """A form of one iteration; the update of one weight may be wrong."""
    form = HeadedForm(rows=1, new=new)
    book = book_of(form)
    sheet, row, column = form.label_position("new w1", 0)
    if heading:
        book.put(sheet, row - 1, column, heading)
    if wrong:
        book.put(*form.position(f"new {wrong}", 0), f"={form.cell(wrong, 0)}*2")
    [table] = audit_workbook(book.write(folder / "book.xlsx")).tables
    return table


HEADINGS = [("{}", "Updated weights"), ("{}", ""), ("{} new", "New weights"), ("{}'", "")]


@pytest.mark.parametrize(("new", "heading"), HEADINGS)
def test_right_updates_earn_all_points(new: str, heading: str, tmp_path: Path) -> None:
    result = judged(tmp_path, new, heading)
    assert (result.verdict, result.findings) == ("right", ())
    assert points_of(result, PointRules()).total == 10


@pytest.mark.parametrize("wrong", ["w1", "w2", "w8"])
@pytest.mark.parametrize(("new", "heading"), HEADINGS)
def test_a_wrong_update_costs_its_points(
    new: str, heading: str, wrong: str, tmp_path: Path
) -> None:
    result = judged(tmp_path, new, heading, wrong)
    assert [finding.column for finding in result.findings] == [wrong]
    right = points_of(judged(tmp_path, new, heading), PointRules()).by_group
    earned = points_of(result, PointRules()).by_group[ColumnGroup.UPDATES]
    share = 1 - 1 / len(WEIGHTS)
    assert earned / right[ColumnGroup.UPDATES] == pytest.approx(share, abs=0.01)
