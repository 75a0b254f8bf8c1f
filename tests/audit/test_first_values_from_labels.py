"""A table whose first values are read from labeled cells, such as those of a drawn network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures import student_workbooks
from fixtures.check_command import judge_one
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, PLAIN, WEIGHTS, Book, Table

PLACES = {name: (row, 1) for row, name in enumerate({**GIVEN, **WEIGHTS}, 1)}
BY_SOURCE = {"w2": "w3", "w3": "w2", "w6": "w7", "w7": "w6"}


def book(sources: Mapping[str, str], header: Callable[[str], str] = str) -> Book:
    """A table below a list of labels, whose first values are read from others where told."""
    cells = {name: f"$B${row + 1}" for name, (row, _) in PLACES.items()}
    table = Table(
        top=20,
        header=header,
        repeat="above",
        given={name: cells[sources.get(name, name)] for name in GIVEN},  # type: ignore[misc]
        weights={name: cells[sources.get(name, name)] for name in WEIGHTS},  # type: ignore[misc]
    )
    result = student_workbooks.book_of(table)
    for name, (row, column) in PLACES.items():
        result.put(table.sheet, row, 0, name)
        result.put(table.sheet, row, column, {**GIVEN, **WEIGHTS}[name])
    return result


@pytest.mark.parametrize(
    "sources",
    [{"w4": "w3"}, {"w2": "w3", "w3": "w2"}, {"i1": "i2"}, {"t1": "t2"}, {"w8": "i1"}],
    ids=str,
)
def test_a_first_value_of_another_label_is_found(
    sources: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(book(sources)))
    found = {fault["column"]: fault["cause"] for fault in result["faults"]}
    assert found.keys() == sources.keys()
    for name, other in sources.items():
        cause = f"another quantity's given value: {other} (B{PLACES[other][0] + 1}) where {name}"
        assert found[name].startswith(cause)


def test_labels_in_another_numbering_are_right(saved: Callable[..., Path]) -> None:
    assert judge_one(saved(book(BY_SOURCE)))["verdict"] == "right"


def test_headers_in_another_numbering_are_right(saved: Callable[..., Path]) -> None:
    other = book({}, header=lambda name: BY_SOURCE.get(name, name))
    assert all("given value" not in fault["cause"] for fault in judge_one(saved(other))["faults"])


def test_right_first_values_are_right(saved: Callable[..., Path]) -> None:
    assert judge_one(saved(book({})))["verdict"] == "right"


def test_given_values_in_a_title(saved: Callable[..., Path]) -> None:
    formulas = dict(PLAIN)
    for name, value in GIVEN.items():
        formulas = {of: text.replace(f"[{name}]", f"{value:g}") for of, text in formulas.items()}
    order = [name for name in COURSE_ORDER if name not in GIVEN]
    result = student_workbooks.book_of(Table(order=order, formulas=formulas, given={}))
    title = "Backpropagation mit i1=0,05; i2=0,1; t1=0,01; t2=0,99; Lernrate=0,5"
    result.put("Sheet1", 0, 0, title)
    assert judge_one(saved(result))["verdict"] == "right"


@pytest.mark.parametrize("sources", [{}, {"w3": "w4"}], ids=["right", "wrong"])
def test_weights_from_a_list_of_them_on_another_sheet(
    sources: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    rows = {name: row for row, name in enumerate(WEIGHTS, 3)}
    cells = {name: f"init!C{rows[sources.get(name, name)]}" for name in WEIGHTS}
    result = student_workbooks.book_of(Table(weights=cells))  # type: ignore[arg-type]
    for name, row in rows.items():
        result.put("init", row - 1, 1, name)
        result.put("init", row - 1, 2, WEIGHTS[name])
    faults = judge_one(saved(result))["faults"]
    assert [fault["column"] for fault in faults] == [*sources]
    assert all("w4 (init!C6) where w3 (init!C5)" in fault["cause"] for fault in faults)
