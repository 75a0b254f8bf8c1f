"""Several trainings below each other under one header, one per learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, WEIGHTS, Book, Table

RATES = (0.1, 0.5, 1.0)
ROWS = 6
REUSED = {"∂E/∂w3": PLAIN["∂E/∂w3"].replace("[a_h2]*(1-[a_h2])", "[a_h1]*(1-[a_h1])")}
LAYOUTS = {
    "a blank row between": {"gap": 1},
    "two blank rows and a counter": {"gap": 2, "counter": "Epoch"},
    "directly below": {"gap": 0},
    "directly below, a counter": {"gap": 0, "counter": "Epoch"},
    "a column of rates": {"gap": 1, "has_column": True},
    "a column of rates, directly below": {"gap": 0, "has_column": True},
    "a title each": {"gap": 2, "title": "LR = {:g}"},
    "typed": {"gap": 1, "digits": 99},
    "typed, directly below": {"gap": 0, "digits": 99},
    "rounded, directly below": {"gap": 0, "digits": 6},
}


class WithoutHeader(Table):
    def _put_header(self, book: Book, name: str, text: str) -> None:
        pass


def trainings(
    changes: Mapping[str, str] | None = None,
    *,
    gap: int = 1,
    counter: str = "",
    has_column: bool = False,
    title: str = "",
    digits: int | None = None,
) -> tuple[Book, list[Table]]:
    """Three trainings; the second one has the changes."""
    book, tables = Book(), []
    order, formulas = list(COURSE_ORDER), dict(PLAIN)
    if has_column:
        order.insert(0, "LR")
        formulas |= {w: f"[{w}@-1]-[LR@-1]*[∂E/∂{w}@-1]" for w in WEIGHTS}
    for index, rate in enumerate(RATES):
        table = (WithoutHeader if index else Table)(
            top=3 + index * (ROWS + gap),
            order=order,
            counter=counter,
            rows=ROWS,
            eta=rate,
            rate="literal",
            formulas=formulas,
            digits=digits,
            changes={"LR": lambda _, rate=rate: rate} | dict((index == 1 and changes) or {}),
        )
        if title:
            book.put(table.sheet, table.top - (index == 0), table.left, title.format(rate))
        tables.append(table.place(book))
    return book, tables


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_training_is_a_table(layout: str, saved: Callable[..., Path]) -> None:
    book, _ = trainings(**LAYOUTS[layout])  # type: ignore[arg-type]
    _, judged = judge(saved(book))
    assert [(table["lr"], table["rows"]) for table in judged] == [(rate, ROWS) for rate in RATES]
    for table in judged:
        assert_right(table)


@pytest.mark.parametrize("layout", ["a blank row between", "directly below", "a title each"])
def test_a_mistake_of_one_training_is_found_in_it(layout: str, saved: Callable[..., Path]) -> None:
    book, (_, second, _) = trainings(REUSED, **LAYOUTS[layout])  # type: ignore[arg-type]
    _, (first, wrong, last) = judge(saved(book))
    assert_right(first)
    assert_right(last)
    (fault,) = wrong["faults"]
    assert (fault["first_cell"], fault["count"]) == (second.cell("∂E/∂w3", 0), ROWS)
    assert fault["cause"].startswith("another neuron's activation")


def test_parameters_typed_again_in_the_middle_are_no_new_training(
    saved: Callable[..., Path],
) -> None:
    """They are the start's, and nothing goes on from them."""
    table = Table(changes={w: lambda _, w=w: WEIGHTS[w] for w in WEIGHTS}, only=(9,))
    _, (judged,) = judge(saved(table))
    assert [fault["first_cell"] for fault in judged["faults"]] == [
        table.cell(w, 9) for w in WEIGHTS
    ]


def test_rows_of_changed_parameters_below_are_no_training(saved: Callable[..., Path]) -> None:
    """As in a gradient check: each row has other typed parameters."""
    table = Table(rows=5)
    check = WithoutHeader(
        top=table.top + 7,
        rows=4,
        rate="none",
        changes={w: lambda row, w=w: WEIGHTS[w] + 1e-4 * row for w in WEIGHTS},
        since=dict.fromkeys(WEIGHTS, 0),
    )
    _, (judged,) = judge(saved(table, check))
    assert_right(judged)
    assert judged["rows"] == 5
