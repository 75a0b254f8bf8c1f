"""`check` of tables with a line of something else between the headers and the first record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import DIALECTS, Book, Table, Transposed, book_of


def with_line(table: Table, content: Callable[[int], float | str]) -> Book:
    """Move the headers up by a line, and put something into theirs."""
    book = book_of(table)
    for number, name in enumerate(table.columns(), 1):
        sheet, row, column = table.position(name, -1)
        header = book.value(sheet, row, column)
        book.forget(sheet, row, column)
        back = (row, column - 1) if isinstance(table, Transposed) else (row - 1, column)
        book.put(sheet, *back, header)
        book.put(sheet, row, column, content(number))
    return book


@pytest.mark.parametrize("kind", [Table, Transposed])
@pytest.mark.parametrize("content", [float, "({})".format, lambda _: "[-]"])
def test_a_line_that_numbers_the_columns_is_no_record(
    kind: type[Table], content: Callable[[int], float | str], saved: Callable[..., Path]
) -> None:
    for changes, wrong in (({}, []), ({"E1": "0.5*([t2]-[a_o1])^2"}, ["E1"])):
        table = kind(top=4, left=3, changes=changes, header=DIALECTS["net and out"])
        judged = judge_one(saved(with_line(table, content)))
        assert [fault["column"] for fault in judged["faults"]] == wrong
        assert judged["rows"] == table.rows
        if not wrong:
            assert_right(judged)
