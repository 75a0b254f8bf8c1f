"""Tables of which a part stands in a second region of the same sheet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import xlsxwriter
from fixtures.generated_judgement import judge_result
from fixtures.generated_relations import plain
from fixtures.generated_workbooks import build, describe
from fixtures.sampling import some_of
from openpyxl import load_workbook
from openpyxl.formula.translate import Translator

from backprop_sheet.audit.workbook_audit import audit_workbook


def check_of(description, folder):
    workbook = build(description)
    result = audit_workbook(workbook.write(folder / "book.xlsx"))
    return judge_result(workbook, result), result


@pytest.mark.parametrize("kind", ["columns", "rows"])
@pytest.mark.parametrize("apart", ["below", "backward below"])
@pytest.mark.parametrize("backward", ["delta", "adjoint", "full"])
@pytest.mark.parametrize("mistakes", [0, 2])
def test_derivatives_may_stand_in_a_second_table_below(kind, apart, backward, mistakes, tmp_path):
    description = plain(5, mistakes, backward)
    layout = replace(description.layout, kind=kind, gradients=apart)
    judgement, result = check_of(replace(description, layout=layout), tmp_path)
    assert judgement.fits, judgement
    assert [table.rows for table in result.tables] == [description.iterations]


@pytest.mark.parametrize("seed", some_of([22022, 22031, 22060], 1))
@pytest.mark.parametrize("apart", ["table", "below", "backward below"])
def test_a_table_of_which_few_headers_are_known_is_no_form(seed, apart, tmp_path):
    description = describe(seed)
    layout = replace(description.layout, gradients=apart)
    judgement, _ = check_of(replace(description, layout=layout), tmp_path)
    assert judgement.fits, judgement


def test_a_second_training_below_is_a_table_of_its_own(tmp_path):
    """Its given values are links to the first one's, row by row, which lacks its errors."""
    description = plain(3, 0, "full")
    order = tuple(name for name in description.layout.order if name[0] != "E")
    layout = replace(description.layout, order=order)
    path = build(replace(description, layout=layout)).write(tmp_path / "book.xlsx")
    sheet, values = (load_workbook(path, data_only=read).active for read in (False, True))
    twice = tmp_path / "twice.xlsx"
    with xlsxwriter.Workbook(twice) as book:
        target = book.add_worksheet(sheet.title)
        for down in (0, sheet.max_row + 3):
            for row in sheet.iter_rows():
                for cell in row:
                    to = f"{cell.column_letter}{cell.row + down}"
                    if cell.data_type == "f":
                        formula = Translator(cell.value, cell.coordinate).translate_formula(to)
                        target.write_formula(to, formula, None, values[cell.coordinate].value)
                    elif down and cell.data_type == "n" and cell.value is not None:
                        target.write_formula(to, f"={cell.coordinate}", None, cell.value)
                    elif cell.value is not None:
                        target.write(to, cell.value)
    result = audit_workbook(twice)
    assert [table.rows for table in result.tables] == [description.iterations] * 2


def test_a_repeated_header_ends_nothing_where_only_a_fixed_bias_is_known(tmp_path):
    """The weights' headers mean nothing, but a column of zeros is headed b."""
    judgement, result = check_of(describe(20188), tmp_path)
    assert [table.rows for table in result.tables] == [11]
    assert judgement.found == {("w1", row) for row in range(1, 11)}
    assert not judgement.false
