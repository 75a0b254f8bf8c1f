"""A learning rate that is too large is no mistake, however large the numbers become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fixtures.textbook_networks import LINE, TextbookNetwork

from backprop_sheet.audit.workbook_audit import audit_workbook

DIVERGING = TextbookNetwork(
    LINE.format(a="=a@1-lr*ga@1", b="=b@1-lr*gb@1", more=""),
    (1, 1),
    cells="lr = learning rate; 0.3",
    mistakes={"p": "=a*x-b"},
    records=40,
)


def test_numbers_beyond_the_bounds_of_functions_are_right(tmp_path: Path) -> None:
    """The exercise's own workbooks clip a linear output at a million; people do not."""
    [table] = audit_workbook(DIVERGING.write(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.findings) == ("right", ())


def test_a_mistake_beside_such_numbers_is_found(tmp_path: Path) -> None:
    wrong = DIVERGING.with_mistake("p")
    [table] = audit_workbook(wrong.write(tmp_path / "book.xlsx")).tables
    [finding] = table.findings
    assert (finding.column, finding.first_cell) == ("a_o1", DIVERGING.first_wrong("p"))


def test_numbers_that_no_cell_can_show_are_not_wrong(tmp_path: Path) -> None:
    faster = replace(DIVERGING, cells="lr = learning rate; 1000000", records=60)
    [table] = audit_workbook(faster.write(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.findings) == ("incomplete", ())
    assert any(note.endswith("what depends on them was not checked") for note in table.warnings)
