"""A form on a sheet per iteration, whose weights are labelled as old and new ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import WEIGHTS, Form, book_of

from backprop_sheet.audit.results import RIGHT
from backprop_sheet.audit.workbook_audit import audit_workbook


@pytest.mark.parametrize(("old", "new"), [("alt", "neu"), ("old", "new")])
def test_old_weights_are_those_of_the_iteration(old: str, new: str, tmp_path: Path) -> None:
    form = Form(rows=3, new="{}", blocks="sheets")
    book = book_of(form)
    for row in range(form.rows):
        for name in WEIGHTS:
            book.put(*form.label_position(name, row), f"{name} {old}")
            book.put(*form.label_position(f"new {name}", row), f"{name} {new}")
    [table] = audit_workbook(book.write(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.findings, table.rows) == (RIGHT, (), 3)
