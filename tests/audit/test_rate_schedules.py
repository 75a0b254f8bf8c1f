"""A learning rate that changes from row to row: on purpose, or through a typing error."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import judge_one
from fixtures.student_workbooks import Book, Content, Table, Transposed

Change = Callable[[int], Content]
CELL = Table(rate="column").cell
UPHILL = "[w3@-1]+[η]*[∂E/∂w3@-1]"


class OwnRow(Table):
    """A table whose updates use η of the row in which the new weight stands."""

    def _rate(self, book: Book) -> Callable[[int], str]:
        return lambda row: self.cell("η", row)


def from_above(factor: float) -> Change:
    """Each rate is the one above times a factor."""
    return lambda row: f"{CELL('η', row - 1)}*{factor}" if row else 0.5


SCHEDULES: dict[str, Change] = {
    "times 0.9": from_above(0.9),
    "closed form": lambda _: "0.5/(1+0.1*[iteration@+0])",
    "of the first": lambda row: f"{CELL('η', 0, fixed=True)}*0.9^[iteration@+0]" if row else 0.5,
    "by IF": lambda _: "IF([iteration@+0]<4,0.5,0.1)",
    "growing by a formula": from_above(1.1),
    "typed steps": lambda row: 0.5 if row < 5 else 0.1,
    "typed steps up": lambda row: 0.1 if row < 5 else 0.5,
    "typed decay": lambda row: round(0.5 * 0.9**row, 3),
}
TYPING_ERRORS: dict[str, Change] = {
    "one row": lambda row: 0.05 if row == 5 else 0.5,
    "the last row": lambda row: 0.05 if row == 9 else 0.5,
    "two rows in the middle": lambda row: 0.05 if row in (5, 6) else 0.5,
    "counted up": lambda row: 0.5 + row,
    "0": lambda row: 0.5 if row < 5 else 0,
}


def with_rates(
    rates: Change, more: Mapping[str, str] | None = None, kind: type[Table] = Table
) -> Table:
    """A table with a column η."""
    return kind(rate="column", changes={"η": rates, **(more or {})})


@pytest.fixture
def judged(saved: Callable[..., Path]) -> Callable[..., dict[str, Any]]:
    return lambda *arguments, **options: judge_one(saved(with_rates(*arguments, **options)))


@pytest.mark.parametrize("kind", [Table, OwnRow], ids=["the row above", "its own row"])
@pytest.mark.parametrize("rates", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_is_one_note(
    judged: Callable[..., dict[str, Any]], rates: Change, kind: type[Table]
) -> None:
    result = judged(rates, kind=kind)
    assert (result["verdict"], result["faults"]) == ("right", [])
    (note,) = result["warnings"]
    assert note.startswith("η changes from row to row, from ")


def test_a_schedule_in_a_table_across(saved: Callable[..., Path]) -> None:
    table = Transposed(rate="column", changes={"η": lambda row: 0.5 if row < 5 else 0.1})
    assert judge_one(saved(table))["verdict"] == "right"


@pytest.mark.parametrize("kind", [Table, OwnRow], ids=["the row above", "its own row"])
@pytest.mark.parametrize("rates", TYPING_ERRORS.values(), ids=TYPING_ERRORS)
def test_a_typing_error_is_one_finding(
    judged: Callable[..., dict[str, Any]], rates: Change, kind: type[Table]
) -> None:
    result = judged(rates, kind=kind)
    assert [fault["column"] for fault in result["faults"]] == ["η"]


def test_a_number_typed_over_a_schedule(judged: Callable[..., dict[str, Any]]) -> None:
    decay = SCHEDULES["times 0.9"]
    result = judged(lambda row: 0.07 if row == 5 else decay(row))
    (fault,) = result["faults"]
    assert (fault["column"], fault["first_cell"], fault["count"]) == ("η", CELL("η", 5), 1)
    assert fault["cause"] == "a number typed over the column's formula"


def test_an_update_that_does_not_use_it_is_the_only_finding(
    judged: Callable[..., dict[str, Any]],
) -> None:
    for update in ("[w3@-1]-0.5*[∂E/∂w3@-1]", UPHILL):
        result = judged(SCHEDULES["times 0.9"], {"w3": update})
        assert [fault["column"] for fault in result["faults"]] == ["w3"]


def test_of_a_column_that_no_update_uses_nothing_is_said(
    judged: Callable[..., dict[str, Any]],
) -> None:
    constant = {f"w{n}": f"[w{n}@-1]-0.5*[∂E/∂w{n}@-1]" for n in range(1, 9)}
    notes = judged(SCHEDULES["times 0.9"], constant)["warnings"]
    assert not [note for note in notes if note.startswith("η changes")]


def test_a_schedule_by_the_row_alone(saved: Callable[..., Path], tmp_path: Path) -> None:
    path = saved(with_rates(lambda row: f"{0.5 if row < 5 else 0.1}+0"))
    by_row = tmp_path / "by row.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(by_row, "w") as new:
        for part in old.namelist():
            text = old.read(part)
            formula = b"<f>IF(ROW()&lt;9,0.5,0.1)</f>"
            new.writestr(part, re.sub(rb"<f>0\.[15]\+0</f>", formula, text))
    table = judge_one(by_row)
    assert (table["verdict"], table["faults"]) == ("right", [])
