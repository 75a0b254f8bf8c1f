"""Typed columns of which either could be the wrong one are not judged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import xlsxwriter
from fixtures.planted_tables import FIRST_COLUMN, HEADER_ROW, audit, planted_sheet

from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.audit.recognition import NotRecognizedError
from backprop_sheet.audit.results import Advice
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise

COURSE = load_exercise("course")
WRONG = 0.7  # as a_o1


def typed(headers: Mapping[str, str], *, records: int = 1, gradients: bool = False) -> Sheet:
    """A table of typed numbers with a wrong a_o1, from which the errors are computed."""
    planted = planted_sheet(COURSE, system_of(COURSE), iterations=max(records, 2))
    places = {
        str(planted.values[HEADER_ROW, column]): column
        for row, column in planted.values
        if row == HEADER_ROW
    }
    sheet = Sheet("Sheet1")
    names = [name for name in places if gradients or not name.startswith("∂")]
    for record in range(1, records + 1):
        row = HEADER_ROW + record
        values = {name: float(planted.values[row, places[name]]) for name in names}
        values["a_o1"] = WRONG + record / 100
        values["E1"] = 0.5 * (values["t1"] - values["a_o1"]) ** 2
        values["E_total"] = values["E1"] + values["E2"]
        for column, name in enumerate(names, FIRST_COLUMN):
            sheet.values[HEADER_ROW, column] = headers.get(name, name)
            sheet.values[row, column] = values[name]
    return sheet


@pytest.mark.parametrize(
    "headers",
    [
        {"t1": "y1", "a_o1": "y1"},
        {"t1": "y1", "a_o1": "Y1", "t2": "y2", "a_o2": "y2"},
        {"t1": "a_o1"},
    ],
)
def test_of_two_columns_that_could_be_the_output_none_is_called_wrong(headers):
    """The error is the same with target and output exchanged."""
    with pytest.raises(NotRecognizedError, match="neither the headers nor the numbers tell which"):
        audit(typed(headers), COURSE)


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({}, {}),
        ({"a_o1": "output"}, {}),
        ({"t1": "y1", "a_o1": "y1"}, {"records": 4}),  # the target is the same in each
        ({"t1": "y1", "a_o1": "y1"}, {"gradients": True}),  # which have a_o1*(1 - a_o1)
    ],
)
def test_where_headers_or_numbers_tell_the_output_is_wrong(headers, more):
    result = audit(typed(headers, **more), COURSE)
    assert result.verdict == "wrong"
    findings = {finding.column: finding.found for finding in result.findings}
    assert findings["a_o1"] == pytest.approx(WRONG + 0.01)


def test_the_message_names_both_columns_and_sends_nobody_to_an_exercise_file(tmp_path):
    sheet = typed({"t1": "y1", "a_o1": "y1"})
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        page = book.add_worksheet()
        for (row, column), value in sheet.values.items():
            page.write(row - 1, column - 1, value)
    (problem,) = audit_workbook(tmp_path / "book.xlsx").problems
    assert "which of 'y1' (D4) and 'y1' (U4) is t1 and which is a_o1" in problem.text
    assert problem.advice == (Advice.SHOW_COLUMNS,)
