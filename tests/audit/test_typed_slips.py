"""One mistyped number is the only wrong one if the others follow from the right one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from fixtures.student_workbooks import Book, Table, book_of

from backprop_sheet.audit.results import WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.exercise_file import load_exercise

NEURON = """
title = "A neuron"
[network]
neurons = [1, 1]
activations = ["sigmoid"]
bias = "neuron"
[parameters]
weights = [0.2]
biases = [0.1]
[[samples]]
inputs = [0.6]
targets = [1]
[training]
learning_rates = [0.5]
iterations = 8
"""


def typed(folder: Path, slips: dict[tuple[str, int], float], digits: int = 7) -> TableResult:
    """A right table, typed with some digits, in which some numbers are others."""
    table = Table(rows=8)
    book = book_of(table)
    for name in table.columns():
        for row in range(table.rows):
            place = table.position(name, row)
            value = book.value(*place)
            if isinstance(value, float):
                book.put(*place, slips.get((name, row), round(value, digits)))
    [result] = audit_workbook(book.write(folder / "book.xlsx")).tables
    return result


@pytest.mark.parametrize("name", ["a_o1", "w7", "∂E/∂w6", "h2", "E1"])
def test_one_mistyped_number_is_the_only_wrong_one(name: str, tmp_path: Path) -> None:
    result = typed(tmp_path, {(name, 4): 0.6123456})
    assert (result.verdict, [(one.column, one.count) for one in result.findings]) == (
        WRONG,
        [(name, 1)],
    )


def test_two_mistyped_numbers_of_different_rows(tmp_path: Path) -> None:
    result = typed(tmp_path, {("a_h1", 2): 0.6, ("o2", 5): 0.7})
    assert [(one.column, one.count) for one in result.findings] == [("a_h1", 1), ("o2", 1)]


def test_a_mistyped_output_whose_error_is_the_total_one(tmp_path: Path) -> None:
    """With one output, E_total follows from a_o1 through E1, which has no column."""
    exercise = tmp_path / "neuron.toml"
    exercise.write_text(NEURON)
    rows, weight, bias = [], 0.2, 0.1
    for _ in range(8):
        net = weight * 0.6 + bias
        out = 1 / (1 + math.exp(-net))
        slope = (out - 1) * out * (1 - out)
        rows.append([0.6, 1, weight, bias, net, out, (1 - out) ** 2 / 2, slope * 0.6, slope])
        weight, bias = weight - 0.5 * slope * 0.6, bias - 0.5 * slope
    book = Book()
    header = ["i1", "t1", "w1", "b1", "o1", "a_o1", "E_total", "dE/dw1", "dE/db1"]
    for line, contents in enumerate([header, *rows]):
        for column, content in enumerate(contents):
            shown = round(content, 6) if isinstance(content, float) else content
            book.put("Sheet1", line + 3, column, 0.481234 if (line, column) == (4, 5) else shown)
    book.put("Sheet1", 0, 0, "learning rate")
    book.put("Sheet1", 0, 1, 0.5)
    path = book.write(tmp_path / "book.xlsx")
    [result] = audit_workbook(path, load_exercise(str(exercise))).tables
    assert [(one.column, one.first_cell) for one in result.findings] == [("a_o1", "F8")]


def test_a_gradient_typed_twice_is_wrong_and_not_its_updates(tmp_path: Path) -> None:
    right = typed(tmp_path, {})
    assert right.findings == ()
    table = Table(rows=8)
    book = book_of(table)
    copied = {
        ("∂E/∂w6", row): round(float(book.value(*table.position("∂E/∂w5", row))), 7)
        for row in range(table.rows)
    }
    result = typed(tmp_path, copied)
    assert [(one.column, one.count) for one in result.findings] == [("∂E/∂w6", 8)]
    assert "a_h1 where a_h2 belongs" in result.findings[0].cause
