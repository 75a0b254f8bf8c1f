"""Gradients with t - a throughout, under the headers of ∂E/∂w, which the updates add."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import GRADIENTS, PLAIN, WEIGHTS, Table, book_of

from backprop_sheet.audit.results import RIGHT, WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

OPPOSITE = {name: f"-({PLAIN[name]})" for name in GRADIENTS}
ADDED = {name: f"[{name}@-1]+[η]*[∂E/∂{name}@-1]" for name in WEIGHTS}


def checked(changes: dict[str, str], folder: Path) -> TableResult:
    path = folder / "book.xlsx"
    book_of(Table(changes=changes)).write(path)
    [table] = audit_workbook(path).tables
    return table


def test_updates_that_add_the_opposite_are_right_with_one_sentence(tmp_path):
    table = checked({**OPPOSITE, **ADDED}, tmp_path)
    assert (table.verdict, table.findings) == (RIGHT, ())
    [note] = [text for text in table.warnings if "opposite sign" in text]
    assert "∂E/∂w1 … ∂E/∂w8" in note


@pytest.mark.parametrize("name", ["∂E/∂w3", "∂E/∂w5"])
def test_a_mistake_among_them_is_found_alone(name, tmp_path):
    table = checked({**OPPOSITE, **ADDED, name: f"2*{OPPOSITE[name]}"}, tmp_path)
    assert [finding.column.lstrip("−-") for finding in table.findings] == [name]


@pytest.mark.parametrize(("changes", "columns"), [(OPPOSITE, GRADIENTS), (ADDED, WEIGHTS)])
def test_half_of_it_is_wrong(changes, columns, tmp_path):
    table = checked(changes, tmp_path)
    assert table.verdict == WRONG
    assert {finding.column for finding in table.findings} == set(columns)
