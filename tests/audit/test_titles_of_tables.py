"""A label in the title of one table is not the learning rate of another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge
from fixtures.student_workbooks import Book, Table

RATES = (0.1, 0.5, 1.0)


def tables(place: Callable[[int], dict[str, int]], title: str) -> Book:
    """Tables with other rates in their formulas, of which only the first has a title."""
    book = Book()
    for index, rate in enumerate(RATES):
        table = Table(rows=8, counter="", eta=rate, rate="literal", **place(index)).place(book)
        if not index:
            book.put(table.sheet, table.top - 1, table.left, title)
    return book


@pytest.mark.parametrize(
    "place",
    [lambda index: {"top": 3 + 12 * index}, lambda index: {"left": 1 + 33 * index}],
    ids=["below", "beside"],
)
def test_one_title_is_that_of_one_table(
    place: Callable[[int], dict[str, int]], saved: Callable[..., Path]
) -> None:
    _, judged = judge(saved(tables(place, "Learning rate 0.1")))
    assert [table["lr"] for table in judged] == list(RATES)
    for table in judged:
        assert_right(table)


def test_a_title_that_contradicts_its_own_table_is_found(saved: Callable[..., Path]) -> None:
    book = tables(lambda index: {"top": 3 + 12 * index}, "Learning rate 0.2")
    _, (first, *others) = judge(saved(book))
    (fault,) = first["faults"]
    assert (fault["first_cell"], fault["cause"][:21]) == ("B3", "the sheet says 0.2 at")
    for table in others:
        assert_right(table)
