"""A form of one iteration whose given values, steps and updates are on sheets of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import judge_one, run
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, GRADIENTS, PLAIN, WEIGHTS, Book

from backprop_sheet.audit.workbook_audit import audit_workbook

VALUES = {**GIVEN, **WEIGHTS, "η": 0.5}
UPDATED = {f"{name}+": f"[{name}]-[η]*[∂E/∂{name}]" for name in WEIGHTS}
FORWARD = [name for name in COURSE_ORDER if name not in {*VALUES, *GRADIENTS}]
SHEETS = {"Given": VALUES, "Forward": FORWARD, "Backward": GRADIENTS, "Update": UPDATED}
PLACES = {name: (sheet, row) for sheet, names in SHEETS.items() for row, name in enumerate(names)}
OWN_WORDS = {
    **{f"w{number}": f"Connection {number}" for number in range(1, 9)},
    **{f"w{number}+": f"Connection {number} afterwards" for number in range(1, 9)},
    **{f"∂E/∂w{number}": f"Slope {chr(64 + number)}" for number in range(1, 9)},
    "E1": "Upper", "E2": "Lower", "E_total": "Both",
}  # fmt: skip


def book_of(words: Mapping[str, str], changes: Mapping[str, str]) -> Book:
    book = Book()
    formulas = {**PLAIN, **UPDATED, **changes}
    for name, (sheet, row) in PLACES.items():

        def cell(match: re.Match[str], home: str = sheet) -> str:
            other, place = PLACES[match[1]]
            return f"B{place + 1}" if other == home else f"{other}!B{place + 1}"

        book.put(sheet, row, 0, words.get(name, name))
        formula = "=" + re.sub(r"\[([^\]@]+)\]", cell, formulas.get(name, ""))
        book.put(sheet, row, 1, VALUES.get(name, formula))
    return book


@pytest.mark.parametrize("words", [{}, OWN_WORDS], ids=["known labels", "own words"])
def test_a_right_form_over_sheets_is_right(
    words: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(book_of(words, {})))
    assert (result["verdict"], result["rows"], result["lr"]) == ("right", 1, 0.5)
    assert not result["not_checked"]


@pytest.mark.parametrize("words", [{}, OWN_WORDS], ids=["known labels", "own words"])
@pytest.mark.parametrize(
    ("column", "wrong", "cell"),
    [
        ("∂E/∂w7", PLAIN["∂E/∂w7"].replace("a_h1", "a_h2"), "Backward!B7"),
        ("w3", "[w3]+[η]*[∂E/∂w3]", "Update!B3"),
    ],
    ids=["gradient", "update"],
)
def test_a_mistake_on_one_of_the_sheets_is_found(
    column: str, wrong: str, cell: str, words: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    changed = column if column[0] == "∂" else f"{column}+"
    [fault] = judge_one(saved(book_of(words, {changed: wrong})))["faults"]
    assert (fault["column"], fault["first_cell"]) == (column, cell)


def test_the_right_formula_is_that_of_the_cells_own_sheet(saved: Callable[..., Path]) -> None:
    """It can be typed as it is: cells of the same sheet without its name, others with theirs."""
    book = book_of({}, {"a_o2": "[o2]"})
    [finding] = audit_workbook(saved(book)).tables[0].findings
    row, above = (PLACES[name][1] + 1 for name in ("a_o2", "o2"))
    assert finding.first_cell == f"Forward!B{row}"
    assert f"-B{above}" in finding.expected_in_cells
    assert "Forward!" not in finding.expected_in_cells


def test_sheets_that_no_formula_connects_are_no_form(saved: Callable[..., Path]) -> None:
    book = Book()
    for sheet, names in SHEETS.items():
        for row, name in enumerate(names):
            book.put(sheet, row, 0, name)
            book.put(sheet, row, 1, 0.1 + row)
    assert "labels are on several sheets" in run(saved(book)).stderr
