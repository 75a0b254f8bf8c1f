"""Several tables on a sheet whose headers say nothing, or that are of another network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge
from fixtures.sampling import some_of
from fixtures.student_workbooks import COURSE_ORDER, GRADIENTS, PLAIN, Book, Table

RATES = (0.1, 0.5, 1.0)
ROWS = 6
PLACES: dict[str, Callable[[int], dict[str, int]]] = {
    "below": lambda index: {"top": 3 + (ROWS + 3) * index},
    "directly below": lambda index: {"top": 3 + (ROWS + 1) * index},
    "beside": lambda index: {"left": 1 + (len(COURSE_ORDER) + 2) * index},
    "directly beside": lambda index: {"left": 1 + len(COURSE_ORDER) * index},
    "beside, of other lengths": lambda index: {"left": 1 + 33 * index, "rows": 4 + 3 * index},
}
# The error without its half, and its own derivative.
SQUARED = (
    PLAIN
    | {name: PLAIN[name].removeprefix("0.5*") for name in ("E1", "E2")}
    | {name: f"2*{PLAIN[name]}" for name in GRADIENTS}
)
KINDS: dict[str, dict[str, object]] = {
    "headers that say nothing": {
        "formulas": PLAIN,
        "header": lambda name: f"column {COURSE_ORDER.index(name)}",
    },
    "another loss": {"formulas": SQUARED},
}


def tables(kind: str, place: str, changes: Mapping[str, str] | None = None) -> list[Table]:
    """Three tables; the second one has the changes."""
    return [
        Table(
            **{  # type: ignore[arg-type]
                "rows": ROWS,
                "counter": "",
                "eta": rate,
                "rate": "literal",
                "changes": (index == 1 and changes) or {},
                **KINDS[kind],
                **PLACES[place](index),
            }
        )
        for index, rate in enumerate(RATES)
    ]


@pytest.mark.parametrize("place", some_of(PLACES, 2))
@pytest.mark.parametrize("kind", some_of(KINDS, 1))
def test_each_table_is_judged(kind: str, place: str, saved: Callable[..., Path]) -> None:
    _, judged = judge(saved(*tables(kind, place)))
    assert [table["lr"] for table in judged] == list(RATES)
    for table in judged:
        assert_right(table)


@pytest.mark.parametrize("place", ["directly below", "directly beside"])
@pytest.mark.parametrize("kind", some_of(KINDS, 1))
def test_a_mistake_is_found_in_its_table(kind: str, place: str, saved: Callable[..., Path]) -> None:
    formulas = KINDS[kind]["formulas"]
    assert isinstance(formulas, dict)
    made = tables(kind, place, {"∂E/∂w4": formulas["∂E/∂w3"]})
    _, (first, wrong, last) = judge(saved(*made))
    assert_right(first)
    assert_right(last)
    (fault,) = wrong["faults"]
    assert fault["first_cell"] == made[1].cell("∂E/∂w4", 0)
    assert fault["cause"].startswith("the other input")


@pytest.mark.parametrize("has_text", [True, False])
def test_parts_that_go_on_are_one_table(has_text: bool, saved: Callable[..., Path]) -> None:
    """An empty row or a comment is between them, and the updates go on across it."""
    (table, *_) = tables("headers that say nothing", "below")

    class Divided(Table):
        def position(self, name: str, row: int) -> tuple[str, int, int]:
            sheet, at, column = super().position(name, row)
            return sheet, at + (row >= 3), column

    divided = Divided(**vars(table))
    book = Book()
    divided.place(book)
    if has_text:
        book.put("Sheet1", divided.top + 4, divided.left, "from here on slowly")
    _, (judged,) = judge(saved(book))
    assert_right(judged)
    assert judged["rows"] == ROWS
