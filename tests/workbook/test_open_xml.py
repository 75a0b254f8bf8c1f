"""The workbooks of exercises keep the rules of Office files."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from fixtures.damaged_packages import parts_of, write_parts
from fixtures.sampling import some_of
from oracles.open_xml import errors_of

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import write_workbook


@pytest.mark.parametrize("name", some_of(packaged_exercises(), 3))
def test_the_workbook_of_an_exercise_has_no_error(name: str, tmp_path: Path):
    path = tmp_path / "made.xlsx"
    write_workbook(with_values(load_exercise(name), iterations=3), path)
    assert not errors_of(path)


def test_an_error_would_be_found(tmp_path: Path):
    with xlsxwriter.Workbook(tmp_path / "right.xlsx") as book:
        book.add_worksheet().write(0, 0, 1)
    parts = parts_of(tmp_path / "right.xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<sheetData>", b"<sheetData><row r='x'/>")
    assert errors_of(write_parts(tmp_path / "wrong.xlsx", parts))
