"""Headers that are only numbers below the header of their group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Book, Table, Transposed

GROUPS = {
    "i": "input", "t": "target", "w": "w", "h": "net", "a": "out", "o": "net", "E": "Error",
    "∂": "∂E/∂w",
}  # fmt: skip
ORDER = (
    *("i1", "i2", "t1", "t2", *(f"w{n}" for n in range(1, 9)), "h1", "h2", "a_h1", "a_h2"),
    *("o1", "o2", "a_o1", "a_o2", *COURSE_ORDER[20:]),
)
NAMES_OF_UNITS = {"a_h": "h{}", "a_o": "o{}", "h": "h{}", "o": "o{}", "E": "o{}"}


def grouped(kind: type[Table], **options: object) -> Book:
    """A table with the names of groups in the line before the headers, as merged cells have them.

    Inputs, targets, weights and gradients have a number of type float as their header.
    """
    table = kind(order=ORDER, counter="", top=4, left=2, **options)  # type: ignore[arg-type]
    book = Book()
    table.place(book)
    before = ""
    for name in ORDER:
        sheet, row, column = table.position(name, -1)
        unit = NAMES_OF_UNITS.get(name[:-1])
        number = float(name[-1]) if name[-1].isdigit() else "total"
        book.put(sheet, row, column, unit.format(name[-1]) if unit else number)
        kind_of_name = name[:3] if name[0] == "a" else name[0]
        if kind_of_name != before:
            above = (row - 1, column) if kind is Table else (row, column - 1)
            book.put(sheet, *above, GROUPS[name[0]])
        before = kind_of_name
    return book


@pytest.mark.parametrize("kind", [Table, Transposed])
def test_numbers_below_groups_are_headers(kind: type[Table], saved: Callable[..., Path]) -> None:
    table = judge_one(saved(grouped(kind)))
    assert_right(table)
    assert not any("against" in warning for warning in table["warnings"])
    by_cell = {column["quantity"]: column["header"] for column in table["columns"]}
    assert [by_cell[name] for name in ("i2", "w8", "∂E/∂w3")] == ["input2", "w8", "∂E/∂w3"]
    wrong = {"∂E/∂w6": PLAIN["∂E/∂w5"]}
    [fault] = judge_one(saved(grouped(kind, changes=wrong)))["faults"]
    assert fault["column"] == "∂E/∂w6"


def test_typed_numbers_below_groups_are_headers(saved: Callable[..., Path]) -> None:
    assert_right(judge_one(saved(grouped(Table, digits=10))))
