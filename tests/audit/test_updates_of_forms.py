"""The updates of a form of one iteration: each one is compared, and earns its points."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, PLAIN, WEIGHTS, Form, book_of
from xlsxwriter.utility import xl_rowcol_to_cell

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


@pytest.mark.parametrize("new", ["{} new", "new {}", "{}'"])
def test_new_weights_are_listed_and_only_they_are_wrong(new: str, tmp_path: Path) -> None:
    read = [one for one in judged(tmp_path, new, "", wrong="w3").columns if one.quantity == "w3"]
    assert [(one.header, one.by, one.agrees) for one in read] == [
        ("w3", "header", True),
        (new.format("w3"), "header", False),
    ]


class FormByWeight(Form):
    """A form with the weights at its top, and each new weight below its gradient."""

    def columns(self) -> list[str]:
        names = [*self.weights, *(name for name in self.order if name not in self.weights)]
        for weight in self.weights:
            names.insert(names.index(f"∂E/∂{weight}") + 1, f"new {weight}")
        return names


@pytest.mark.parametrize("new", ["{}", "{}'"])
@pytest.mark.parametrize("rows", [1, 3])
def test_updates_below_their_gradients(new: str, rows: int, tmp_path: Path) -> None:
    form = FormByWeight(rows=rows, new=new)
    assert_right(judge_one(book_of(form).write(tmp_path / "right.xlsx")))
    book = book_of(form)
    sheet, row, column = form.position("new w6", rows - 1)
    book.put(sheet, row, column, str(book.sheets[sheet][row, column]).replace("-", "+"))
    [fault] = judge_one(book.write(tmp_path / "wrong.xlsx"))["faults"]
    assert fault["first_cell"] == form.cell("new w6", rows - 1)
    assert fault["cause"].startswith("a wrong sign")


def test_a_weight_after_its_update_is_named_so_in_a_form(tmp_path: Path) -> None:
    form = FormByWeight(rows=1, new="{}")
    early = PLAIN["∂E/∂w3"].replace("[w6]", "[new w6]")
    form.changes = {"∂E/∂w3": early}
    [fault] = judge_one(book_of(form).write(tmp_path / "early.xlsx"))["faults"]
    assert fault["first_cell"] == form.cell("∂E/∂w3", 0)
    assert fault["cause"] == "w6 after its update instead of before it"


FIRST = (*GIVEN, *WEIGHTS)
COMPUTED_LAST = (*FIRST, *(name for name in COURSE_ORDER if name not in FIRST))


@pytest.mark.parametrize("new", ["{} après", "{}(1)", "{} (t+1)", "después de {}"])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_updates_under_any_words_are_compared(rows: int, new: str, tmp_path: Path) -> None:
    """Their formulas say whose they are, also where the first weights are above all blocks."""
    form = Form(rows=rows, new=new, own=False, once=True, order=COMPUTED_LAST, counter="")
    table = judge_one(book_of(form).write(tmp_path / "right.xlsx"))
    assert_right(table)
    assert table["lr"] == 0.5 and "not checked" not in " ".join(table["warnings"])
    book = book_of(form)
    cell = form.position("new w6", rows - 1)
    book.put(*cell, f"={form.cell('w6', rows - 1)}+0.5*{form.cell('∂E/∂w6', rows - 1)}")
    [fault] = judge_one(book.write(tmp_path / "wrong.xlsx"))["faults"]
    assert fault["first_cell"] == xl_rowcol_to_cell(*cell[1:])
    assert fault["column"] == "w6"
