"""One mistyped number is the only wrong one if the others follow from the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.student_workbooks import Table, book_of

from backprop_sheet.audit.results import WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook


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
