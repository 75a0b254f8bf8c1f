"""A form of two iterations whose labels only numbers and formulas tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fixtures.student_workbooks import Book

from backprop_sheet.audit.results import RIGHT
from backprop_sheet.audit.workbook_audit import audit_workbook

GIVEN = {"x1": 0.05, "x2": 0.1, "y1": 0.01, "y2": 0.99} | {
    f"w{n}": 0.1 + n / 20 for n in range(1, 9)
}
FORWARD = {
    "n1": "[w1]*[x1]+[w2]*[x2]", "f1": "1/(1+EXP(-[n1]))",
    "n2": "[w3]*[x1]+[w4]*[x2]", "f2": "1/(1+EXP(-[n2]))",
    "n3": "[w5]*[f1]+[w6]*[f2]", "f3": "1/(1+EXP(-[n3]))",
    "n4": "[w7]*[f1]+[w8]*[f2]", "f4": "1/(1+EXP(-[n4]))",
    "err": "([y1]-[f3])^2/2+([y2]-[f4])^2/2",
}  # fmt: skip
BACKWARD = {
    "d3": "([f3]-[y1])*[f3]*(1-[f3])", "d4": "([f4]-[y2])*[f4]*(1-[f4])",
    "d1": "([d3]*[w5]+[d4]*[w7])*[f1]*(1-[f1])", "d2": "([d3]*[w6]+[d4]*[w8])*[f2]*(1-[f2])",
    "dw1": "[d1]*[x1]", "dw2": "[d1]*[x2]", "dw3": "[d2]*[x1]", "dw4": "[d2]*[x2]",
    "dw5": "[d3]*[f1]", "dw6": "[d3]*[f2]", "dw7": "[d4]*[f1]", "dw8": "[d4]*[f2]",
}  # fmt: skip


def in_cells(formula: str, cells: Mapping[str, str]) -> str:
    """Write a formula with cells for the names in brackets."""
    return re.sub(r"\[(.*?)\]", lambda match: cells[match[1]], f"={formula}")


def form(path: Path) -> Path:
    """Write two blocks of three groups of labels, each with its value at the right."""
    book = Book()
    before: dict[str, str] = {}
    for top in (1, 16):
        cells = {
            name: f"{'BDF'[group]}{top + row}"
            for group, names in enumerate((GIVEN, FORWARD, BACKWARD))
            for row, name in enumerate(names, start=1)
        }
        updates = {
            name: f"{cell}-0.5*{before[f'd{name}']}"
            for name, cell in before.items()
            if name.startswith("w")
        }
        book.put("form", top - 1, 0, f"Iteration {1 + top // 16}")
        for name, cell in cells.items():
            row, column = int(cell[1:]) - 1, "ABCDEF".index(cell[0])
            formula = updates.get(name) or FORWARD.get(name) or BACKWARD.get(name)
            book.put("form", row, column - 1, name)
            book.put("form", row, column, GIVEN.get(name))
            if formula is not None:
                book.put("form", row, column, in_cells(formula, cells))
        before = cells
    return book.write(path)


def test_errors_inside_the_total_error_are_not_missing(tmp_path: Path) -> None:
    [table] = audit_workbook(form(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.findings, table.rows) == (RIGHT, (), 2)
    assert list(table.warnings) == ["without a column, checked inside others: E1 and E2"]


def test_columns_are_listed_in_the_order_of_their_labels(tmp_path: Path) -> None:
    [table] = audit_workbook(form(tmp_path / "book.xlsx")).tables
    assert [column.header for column in table.columns] == [*GIVEN, *FORWARD, *BACKWARD]
