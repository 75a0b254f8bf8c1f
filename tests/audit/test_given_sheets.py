"""``check`` of tables whose inputs, targets and learning rate are on another sheet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from fixtures import student_workbooks
from fixtures.sampling import some_of
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, WEIGHTS, Book, Form, Table, Transposed

from backprop_sheet.audit.workbook_audit import audit_workbook
from cli import main

GIVEN = {**student_workbooks.GIVEN, "η": 0.5}
ORDER = tuple(name for name in COURSE_ORDER if name not in GIVEN)
CELLS = {name: f"$B${row}" for row, name in enumerate(GIVEN, 2)}
MISTAKES = {
    "another activation": {"∂E/∂w3": PLAIN["∂E/∂w3"].replace("a_h2", "a_h1")},
    "another input": {"h1": "[w1]*[i2]+[w2]*[i2]"},
    "another target": {"∂E/∂w5": PLAIN["∂E/∂w5"].replace("t1", "t2")},
    "another rate": {"w6": "[w6@-1]-0.1*[∂E/∂w6@-1]"},
    "an input left out": {"∂E/∂w2": PLAIN["∂E/∂w2"].removesuffix("*[i2]")},
    "the wrong sign": {"w1": "[w1@-1]+[η]*[∂E/∂w1@-1]"},
}


def referring(formulas: Mapping[str, str], sheet: str) -> dict[str, str]:
    """The formulas, with cells of another sheet for given values; "" for the table's own."""
    where = f"{sheet}!" if sheet else ""

    def cell(match: re.Match[str]) -> str:
        return where + CELLS[match[1]] if match[1] in CELLS else match[0]

    return {name: re.sub(r"\[([^\]@]+)\]", cell, text) for name, text in formulas.items()}


def put_given(book: Book, sheet: str, values: Mapping[str, float], column: int = 0) -> None:
    book.put(sheet, 0, column, "Given values")
    for row, (name, value) in enumerate(values.items(), 1):
        book.put(sheet, row, column, name)
        book.put(sheet, row, column + 1, value)


def table_of(kind: type[Table], sheet: str, changes: Mapping[str, str] | None = None) -> Table:
    return kind(
        rows=5, order=ORDER, given={}, rate="none", top=9, sheet="Training",
        formulas=referring(PLAIN, sheet), changes=referring(changes or {}, sheet),
    )  # fmt: skip


def judged(book: Book, folder: Path, title: str = "Training") -> dict[str, Any]:
    path = book.write(folder / "book.xlsx")
    done = CliRunner().invoke(main, ["check", "--json", str(path)])
    tables = [table for table in json.loads(done.stdout) if table["sheet"] == title]
    assert len(tables) == 1
    return tables[0]


def book_with(
    table: Table, given: Mapping[str, Mapping[str, float]], *, first: bool = True
) -> Book:
    book = Book()
    if not first:
        table.place(book)
    for sheet, values in given.items():
        put_given(book, sheet, values)
    if first:
        table.place(book)
    return book


@pytest.mark.parametrize("kind", [Table, Transposed, Form])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_right(first: bool, kind: type[Table], tmp_path: Path) -> None:
    book = book_with(table_of(kind, "Given"), {"Given": GIVEN}, first=first)
    table = judged(book, tmp_path)
    assert (table["verdict"], table["rows"], table["lr"]) == ("right", 5, 0.5), table["warnings"]


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("changes", MISTAKES.values(), ids=MISTAKES)
def test_wrong_for_the_same_cause_as_on_the_same_sheet(
    changes: Mapping[str, str], first: bool, tmp_path: Path
) -> None:
    same = book_with(table_of(Table, "", changes), {"Training": GIVEN})
    other = book_with(table_of(Table, "Given", changes), {"Given": GIVEN}, first=first)
    expected, table = judged(same, tmp_path), judged(other, tmp_path)
    assert expected["verdict"] == table["verdict"] == "wrong"

    def said(result: dict[str, Any]) -> list[tuple[str, str]]:
        return [(fault["column"], fault["cause"]) for fault in result["faults"]]

    assert said(table) == said(expected)


def test_values_on_both_sheets(tmp_path: Path) -> None:
    other = {name: value + 0.3 for name, value in GIVEN.items()}
    for values in (GIVEN, other):
        book = book_with(table_of(Table, "Given"), {"Training": values, "Given": GIVEN})
        assert judged(book, tmp_path)["verdict"] == "right"


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_another_exercise_does_not_matter(first: bool, tmp_path: Path) -> None:
    other = {name: value + 0.3 for name, value in GIVEN.items()}
    for changes in ({}, MISTAKES["another activation"]):
        table = table_of(Table, "Given", changes)
        alone = judged(book_with(table, {"Given": GIVEN}), tmp_path)
        sheets = {"Exercise 1": other, "Given": GIVEN, "Exercise 3": other}
        beside = judged(book_with(table, sheets, first=first), tmp_path)
        assert {**alone, "file": ""} == {**beside, "file": ""}
    # Values of an unrelated sheet are not taken for one that is a number in the formulas.
    order = tuple(name for name in COURSE_ORDER if name != "t1")
    given = {name: value for name, value in student_workbooks.GIVEN.items() if name != "t1"}
    formulas = {name: text.replace("[t1]", "0.01") for name, text in PLAIN.items()}
    missing = Table(rows=5, order=order, given=given, formulas=formulas, sheet="Training")
    table = judged(book_with(missing, {"Exercise 1": other}, first=first), tmp_path)
    assert table["verdict"] == "right"


def test_two_exercises_on_one_sheet_of_given_values(tmp_path: Path) -> None:
    book = Book()
    put_given(book, "Given", GIVEN)
    put_given(book, "Given", {name: value + 0.3 for name, value in GIVEN.items()}, column=4)
    table_of(Table, "Given").place(book)
    assert judged(book, tmp_path)["verdict"] == "right"


def test_labels_above_and_defined_names(tmp_path: Path) -> None:
    book = Book()
    for column, (name, value) in enumerate(GIVEN.items()):
        book.put("Given", 3, column, name)
        book.put("Given", 4, column, value)
        if name != "η":
            book.names[f"the_{name}"] = ("Given", f"${'ABCDE'[column]}$5")
    formulas = {
        name: re.sub(r"\[([ti]\d)\]", r"the_\1", text).replace("[η]", "Given!$E$5")
        for name, text in PLAIN.items()
    }
    table = replace(table_of(Table, "Given"), formulas=formulas)
    table.place(book)
    assert judged(book, tmp_path)["verdict"] == "right"


def test_the_values_of_another_table(tmp_path: Path) -> None:
    """The sheets of further learning rates refer to the first row of the first sheet."""
    first = Table(rows=5, sheet="LR 0.5")

    formulas = {
        name: re.sub(
            r"\[([ti]\d)\]", lambda match: f"'LR 0.5'!{first.cell(match[1], 0, fixed=True)}", text
        )
        for name, text in PLAIN.items()
    }
    wrong = {"h2": formulas["h2"].replace("w4", "w3")}
    for changes in ({}, wrong):
        second = Table(
            rows=5, order=ORDER, given={}, formulas=formulas, eta=1.0, sheet="LR 1",
            rate="literal", changes=changes,
        )  # fmt: skip
        both = Book()
        first.place(both)
        second.place(both)
        table = judged(both, tmp_path, "LR 1")
        assert table["verdict"] == ("wrong" if changes else "right"), table
        assert [fault["column"] for fault in table["faults"]] == list(changes)


def test_biases_on_another_sheet(tmp_path: Path) -> None:
    labels = student_workbooks.mazur_labels()
    formulas = {
        name: text.replace("[b1]", "Given!$B$2").replace("[b2]", "Given!$B$3")
        for name, text in student_workbooks.MAZUR.items()
    }
    table = Table(rows=5, order=labels["order"], formulas=formulas, sheet="Training")
    book = book_with(table, {"Given": student_workbooks.MAZUR_BIASES})
    result = judged(book, tmp_path)
    assert (result["verdict"], result["exercise"]) == ("right", "mazur")
    assert set(WEIGHTS) <= set(table.order)


def test_first_weights_on_another_sheet_are_no_constants(tmp_path: Path) -> None:
    """An empty column of a weight does not have its first value in every row."""
    table = table_of(Table, "Given")
    book = book_with(table, {"Given": {**GIVEN, "w6": 0.45}})
    for row in range(5):
        sheet, *cell = table.position("w6", row)
        del book.sheets[sheet][tuple(cell)]
    result = judged(book, tmp_path)
    assert (result["verdict"], result["faults"]) == ("incomplete", [])
    assert "w6" in " ".join(result["warnings"])


def typed_book(folder: Path, digits: int, lists: Mapping[str, Mapping[str, float]]) -> Path:
    """A table of numbers without formulas; its given values are on other sheets."""
    path = book_with(table_of(Table, "Given"), {"Given": GIVEN}).write(folder / "formulas.xlsx")
    book = openpyxl.load_workbook(path, data_only=True)
    for row in book["Training"].iter_rows():
        for cell in row:
            if isinstance(cell.value, float):
                cell.value = float(f"{cell.value:.{digits}g}")
    del book["Given"]
    for title, values in lists.items():
        sheet = book.create_sheet(title)
        for name, value in values.items():
            sheet.append([name, value])
    book.save(folder / "typed.xlsx")
    return folder / "typed.xlsx"


@pytest.mark.parametrize("digits", some_of([4, 8], 1))
def test_a_typed_table_refers_to_no_sheet(digits: int, tmp_path: Path) -> None:
    path = typed_book(tmp_path, digits, {"Data": GIVEN})
    [table] = audit_workbook(path).tables
    assert (table.verdict, table.findings) == ("right", ())
    wrong = openpyxl.load_workbook(path)
    wrong["Data"].cell(1 + list(GIVEN).index("i1"), 2, 0.3)
    wrong.save(path)
    [table] = audit_workbook(path).tables
    assert {"h1", "h2"} <= {finding.column for finding in table.findings}


def test_two_lists_of_given_values_tell_nothing_about_a_typed_table(tmp_path: Path) -> None:
    other = {name: value + 0.3 for name, value in GIVEN.items()}
    [table] = audit_workbook(typed_book(tmp_path, 6, {"1": other, "2": GIVEN})).tables
    assert (table.verdict, table.findings) == ("incomplete", ())
