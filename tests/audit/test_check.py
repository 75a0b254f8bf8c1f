"""``check``, from outside: workbooks in, verdicts out."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from fixtures import student_workbooks
from fixtures.student_workbooks import (
    COURSE_ORDER,
    GRADIENTS,
    HELPERS,
    PLAIN,
    WEIGHTS,
    Book,
    Table,
    delta,
)
from oracles.libreoffice import convert, needs_libreoffice

from cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
FIELDS = {"file", "sheet", "exercise", "verdict", "rows", "lr", "faults", "warnings"}
FAULT_FIELDS = {
    *("column", "first_cell", "count", "found", "expected"),
    *("formula", "expected_formula", "cause"),
}
HELPER_ORDER = (*COURSE_ORDER[:23], *HELPERS, *GRADIENTS)


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2)
    return result


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def judge(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the list that ``--json`` prints."""
    result = run(*arguments, "--json")
    tables = json.loads(result.stdout, parse_constant=refuse)
    for table in tables:
        assert set(table) == FIELDS
        assert table["verdict"] in ("right", "wrong", "incomplete")
        assert (table["verdict"] == "wrong") == bool(table["faults"])
        assert all(isinstance(warning, str) for warning in table["warnings"])
        for fault in table["faults"]:
            assert set(fault) == FAULT_FIELDS
            assert fault["count"] >= 1
    return result.exit_code, tables


def judge_one(path: Path, *arguments: str) -> dict[str, Any]:
    """The only table of a workbook; the exit code fits its verdict."""
    code, tables = judge(path, *arguments)
    assert len(tables) == 1, [table["sheet"] for table in tables]
    if tables[0]["verdict"] != "incomplete":
        assert code == (tables[0]["verdict"] == "wrong")
    return tables[0]


def assert_right(table: Mapping[str, Any]) -> None:
    assert table["faults"] == []
    assert table["verdict"] == "right", table["warnings"]


def words_of(table: Mapping[str, Any]) -> str:
    """All that is said about a table."""
    return " ".join([*table["warnings"], *(str(fault["cause"]) for fault in table["faults"])])


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes a book, or the book that holds just these tables."""

    def save(*parts: Table | Book, name: str = "book.xlsx", shared: bool = False) -> Path:
        book = parts[0] if isinstance(parts[0], Book) else student_workbooks.book_of(*parts)
        return book.write(tmp_path / name, shared=shared)

    return save


# ---------------------------------------------------------------------------------------------
# Right ones, however they look


def shuffled(seed: int) -> tuple[str, ...]:
    return tuple(random.Random(seed).sample(COURSE_ORDER, len(COURSE_ORDER)))


def spaced() -> tuple[str, ...]:
    groups = [COURSE_ORDER[a:b] for a, b in ((0, 4), (4, 8), (8, 12), (12, 16), (16, 23), (23, 31))]
    return tuple(name for group in groups for name in (*group, ""))


DARK = {"w1": -3.0, "w2": 2.5, "w3": 0.0, "w4": 4.0, "w5": -1.5, "w6": 0.7, "w7": 2.0, "w8": -0.1}
NUMBERS_IN_FORMULAS = {
    name: text.replace("[i1]", "0.05").replace("[i2]", "0.1") for name, text in PLAIN.items()
}

RIGHT: dict[str, Table] = {
    **{
        f"headers {name}": Table(header=header)
        for name, header in student_workbooks.DIALECTS.items()
    },
    **{
        f"spelled {name}": Table(formulas=formulas)
        for name, formulas in student_workbooks.STYLES.items()
        if name != "helpers"
    },
    "spelled with helper columns": Table(
        formulas=student_workbooks.STYLES["helpers"], order=HELPER_ORDER
    ),
    **{
        f"rate {rate}": Table(rate=rate, label="LR")
        for rate in (
            *("right", "below", "beside", "literal", "column"),
            *("sheet", "name", "text", "none"),
        )
    },
    **{
        f"label {label}": Table(label=label)
        for label in ("η", "LR", "lr =", "Learning rate:", "Learning Rate (η)", "learning_rate")
    },
    **{
        f"counter {counter}": Table(counter=counter)
        for counter in ("Step", "Epoch", "Iteration No.", "#", "Iterations", "")
    },
    **{f"order {seed}": Table(order=shuffled(seed), rate="literal") for seed in range(4)},
    "order reversed": Table(order=COURSE_ORDER[::-1]),
    "order with free columns": Table(order=spaced(), counter="Step"),
    "at the corner": Table(top=0, left=0, rate="beside"),
    "far from the corner": Table(top=60, left=90),
    **{f"eta {eta}": Table(eta=eta) for eta in (0.1, 0.2, 0.8, 1.0, 2.0, 10.0)},
    **{f"inputs {repeat}": Table(repeat=repeat) for repeat in ("typed", "first")},
    "inputs as numbers in the formulas": Table(formulas=NUMBERS_IN_FORMULAS),
    "later targets": Table(given={"t1": 0.5, "t2": 0.5, "i1": 0.05, "i2": 0.1}),
    "other weights": Table(weights=DARK, given={"t1": 1.0, "t2": 0.0, "i1": -2.0, "i2": 7.0}),
    "an input of zero": Table(given={"t1": 0.01, "t2": 0.99, "i1": 0.0, "i2": 0.1}),
    "two rows": Table(rows=2, rate="none"),
    "many rows": Table(rows=250, eta=2.0),
}


@pytest.mark.parametrize("table", RIGHT.values(), ids=RIGHT)
def test_right(table: Table, saved: Callable[..., Path]) -> None:
    book = student_workbooks.book_of(table)
    assert student_workbooks.mistakes_in(book, table) == {}
    result = judge_one(saved(book))
    assert_right(result)
    assert result["rows"] == table.rows
    assert result["sheet"] == table.sheet
    assert Path(result["file"]).name == "book.xlsx"
    if table.rows > 1:
        assert result["lr"] == pytest.approx(table.eta, rel=1e-6)


def test_only_the_start(saved: Callable[..., Path]) -> None:
    """One row has no update that could be judged: nothing is wrong."""
    result = judge_one(saved(Table(rows=1)))
    assert result["verdict"] in ("right", "incomplete")
    assert result["rows"] == 1


@pytest.mark.parametrize("name", ["plain", "minus", "exp over", "power"])
def test_right_with_formulas_kept_once(name: str, saved: Callable[..., Path]) -> None:
    path = saved(Table(formulas=student_workbooks.STYLES[name]), shared=True)
    with zipfile.ZipFile(path) as archive:
        assert b't="shared"' in archive.read("xl/worksheets/sheet1.xml")
    assert_right(judge_one(path))


TEN = range(10, 14)
UNFINISHED: dict[str, dict[tuple[str, int], Any]] = {
    "the next weights": {(weight, 10): PLAIN[weight] for weight in WEIGHTS},
    "weights dragged on": {(weight, row): PLAIN[weight] for weight in WEIGHTS for row in TEN},
    "a counter that runs on": {("iteration", row): "[iteration@-1]+1" for row in TEN},
    "inputs typed ahead": {(n, row): v for n, v in student_workbooks.GIVEN.items() for row in TEN},
    "half a row": {
        **{(weight, 10): PLAIN[weight] for weight in WEIGHTS},
        **{(name, 10): student_workbooks.GIVEN[name] for name in student_workbooks.GIVEN},
        ("h1", 10): PLAIN["h1"],
        ("a_h1", 10): PLAIN["a_h1"],
    },
}


@pytest.mark.parametrize("extra", UNFINISHED.values(), ids=UNFINISHED)
def test_unfinished_rows(extra: Mapping[Any, Any], saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(extra=extra)))
    assert_right(result)
    assert result["rows"] in range(10, 15)


def test_things_around_the_table(saved: Callable[..., Path]) -> None:
    table = Table(top=4, left=2, rows=12)
    book = student_workbooks.book_of(table)
    student_workbooks.decorate(book, table)
    for row, eta in enumerate((0.1, 0.2, 0.5, 0.8, 1, 2)):  # captions of pictures
        book.put("Sheet1", 8 * row + 3, table.right_edge() + 12, f"LR = {eta}")
    book.put("Sheet1", 40, 1, "=AVERAGE(A100:A120)")  # #DIV/0!, beneath the table
    book.put("Summary", 0, 0, "Loss for each learning rate")
    for column, eta in enumerate((0.1, 0.2, 0.5)):
        book.put("Summary", 1, column, f"LR {eta}")
        for row in range(5):
            book.put("Summary", 2 + row, column, 0.24 / (1 + eta * row))
    result = judge_one(saved(book))
    assert_right(result)
    assert result["lr"] == 0.5
    assert result["rows"] == 12


def test_numbers_stored_as_text(saved: Callable[..., Path]) -> None:
    assert_right(judge_one(saved(Table(text=("i1", "t2"), repeat="typed"))))


# ---------------------------------------------------------------------------------------------
# Wrong ones


@dataclass(frozen=True)
class Mistake:
    """What is wrong in which columns, and what the cause must say (each pattern must be found)."""

    changes: dict[str, Any]
    words: tuple[str, ...]
    misused: str = ""  # stands in the translated formula of the first fault
    since: dict[str, int] = field(default_factory=dict)
    only: tuple[int, ...] = ()
    table: Table = field(default_factory=Table)
    columns: tuple[str, ...] = ()  # where they are not those of ``changes``

    def made(self) -> Table:
        return replace(self.table, changes=self.changes, since=self.since, only=self.only)

    def wrong_columns(self) -> set[str]:
        return set(self.columns or self.changes)


D1, D2 = delta(1), delta(2)
H1, H2 = "[a_h1]*(1-[a_h1])", "[a_h2]*(1-[a_h2])"
ROW = r"row|above|below|first|\$|anchor"
FILL = r"fill|drag|series|constant|chang"
LEFT_OUT = r"missing|left out|without|lack|not there|forgot|omit"
TYPED = r"typed|number|overwrit|constant|paste"
RATE = r"η|learning rate"


def update(weight: str, template: str) -> dict[str, str]:
    return {weight: template.replace("{}", weight)}


def first_layer(one: str, two: str, h1: str = H1, h2: str = H2) -> dict[str, str]:
    """The four gradients of the first layer, the same slip in each."""
    return {
        "∂E/∂w1": f"({one}*[w5]+{two}*[w7])*{h1}*[i1]",
        "∂E/∂w2": f"({one}*[w5]+{two}*[w7])*{h1}*[i2]",
        "∂E/∂w3": f"({one}*[w6]+{two}*[w8])*{h2}*[i1]",
        "∂E/∂w4": f"({one}*[w6]+{two}*[w8])*{h2}*[i2]",
    }


UNCOMPENSATED = {
    **first_layer(*(d.replace("[a_o1]-[t1]", "[t1]-[a_o1]") for d in (D1, D2))),
    "∂E/∂w5": "([t1]-[a_o1])*[a_o1]*(1-[a_o1])*[a_h1]",
}
B1, B2 = f"({D1}*[w5]+{D2}*[w7])", f"({D1}*[w6]+{D2}*[w8])"
SIGMOID = r"sigmoid|σ|activation"

MISTAKES: dict[str, Mistake] = {
    # another neuron's activation
    "w3 with h1's slope": Mistake({"∂E/∂w3": f"{B2}*{H1}*[i1]"}, ("a_h1", "a_h2"), "a_h1"),
    "w3 and w4 with h1's slope": Mistake(
        {"∂E/∂w3": f"{B2}*{H1}*[i1]", "∂E/∂w4": f"{B2}*{H1}*[i2]"}, ("a_h1", "a_h2"), "a_h1"
    ),
    "w1 with h2's slope": Mistake({"∂E/∂w1": f"{B1}*{H2}*[i1]"}, ("a_h1", "a_h2"), "a_h2"),
    "w4 with half of h1's slope": Mistake(
        {"∂E/∂w4": f"{B2}*[a_h2]*(1-[a_h1])*[i2]"}, ("a_h1", "a_h2"), "a_h1"
    ),
    "w6 with a_h1": Mistake({"∂E/∂w6": f"{D1}*[a_h1]"}, ("a_h1", "a_h2"), "a_h1"),
    "w8 with a_h1": Mistake({"∂E/∂w8": f"{D2}*[a_h1]"}, ("a_h1", "a_h2"), "a_h1"),
    "w5 with a_h2": Mistake({"∂E/∂w5": f"{D1}*[a_h2]"}, ("a_h1", "a_h2"), "a_h2"),
    "w7 with o1's slope": Mistake(
        {"∂E/∂w7": "([a_o2]-[t2])*[a_o1]*(1-[a_o1])*[a_h1]"}, ("a_o1", "a_o2"), "a_o1"
    ),
    "a_h2 of h1": Mistake({"a_h2": "1/(1+EXP(-[h1]))"}, ("h1", "h2"), "h1"),
    # before the sigmoid instead of after
    "w5 with o1": Mistake(
        {"∂E/∂w5": "([o1]-[t1])*[a_o1]*(1-[a_o1])*[a_h1]"}, (r"\bo1\b", "a_o1", SIGMOID), "o1"
    ),
    "w7 with o2's slope of o2": Mistake(
        {"∂E/∂w7": "([a_o2]-[t2])*[o2]*(1-[o2])*[a_h1]"}, (r"\bo2\b", "a_o2", SIGMOID), "o2"
    ),
    "w1 with h1's slope of h1": Mistake(
        {"∂E/∂w1": f"{B1}*[h1]*(1-[h1])*[i1]"}, (r"\bh1\b", "a_h1", SIGMOID), "h1"
    ),
    "the first layer with slopes of sums": Mistake(
        first_layer(D1, D2, "[h1]*(1-[h1])", "[h2]*(1-[h2])"), (r"\bh[12]\b", SIGMOID), "h1"
    ),
    "o1 from h1 and h2": Mistake(
        {"o1": "[w5]*[h1]+[w6]*[h2]"}, (r"\bh1\b|\bh2\b", "a_h1|a_h2", SIGMOID), "h1"
    ),
    "o2 from h1": Mistake({"o2": "[w7]*[h1]+[w8]*[a_h2]"}, (r"\bh1\b", "a_h1", SIGMOID), "h1"),
    "E1 from o1": Mistake({"E1": "0.5*([t1]-[o1])^2"}, (r"\bo1\b", "a_o1", SIGMOID), "o1"),
    "w5 with h1": Mistake({"∂E/∂w5": f"{D1}*[h1]"}, (r"\bh1\b", "a_h1", SIGMOID), "h1"),
    "a_o1 of a_h1": Mistake({"a_o1": "1/(1+EXP(-[a_h1]))"}, ("a_h1", r"\bo1\b"), "a_h1"),
    # another weight
    "w1 with w6 for w5": Mistake({"∂E/∂w1": f"({D1}*[w6]+{D2}*[w7])*{H1}*[i1]"}, ("w5", "w6")),
    "w1 with w6 for w7": Mistake({"∂E/∂w1": f"({D1}*[w5]+{D2}*[w6])*{H1}*[i1]"}, ("w6", "w7")),
    "w1 with w8 for w7": Mistake(
        {"∂E/∂w1": f"({D1}*[w5]+{D2}*[w8])*{H1}*[i1]"}, ("w7", "w8"), "w8"
    ),
    "w3 with h1's weights": Mistake({"∂E/∂w3": f"{B1}*{H2}*[i1]"}, ("w5|w7", "w6|w8"), "w5"),
    "o1 with w5 twice": Mistake({"o1": "[w5]*[a_h1]+[w5]*[a_h2]"}, ("w5", "w6"), "w5"),
    "h1 with w3": Mistake({"h1": "[w1]*[i1]+[w3]*[i2]"}, ("w2", "w3"), "w3"),
    # a parenthesis
    "a_h1 without parenthesis": Mistake({"a_h1": "1/1+EXP(-[h1])"}, ("parenthes",), "h1"),
    "all activations without": Mistake(
        {f"a_{n}": f"1/1+EXP(-[{n}])" for n in ("h1", "h2", "o1", "o2")}, ("parenthes",), "h1"
    ),
    "w1 without the outer one": Mistake(
        {"∂E/∂w1": f"{D1}*[w5]+{D2}*[w7]*{H1}*[i1]"}, ("parenthes",), "w7"
    ),
    "w5 with a bare 1 - a": Mistake(
        {"∂E/∂w5": "([a_o1]-[t1])*[a_o1]*1-[a_o1]*[a_h1]"}, ("parenthes",), "a_o1"
    ),
    "w6 with a bare a - t": Mistake(
        {"∂E/∂w6": "[a_o1]-[t1]*[a_o1]*(1-[a_o1])*[a_h2]"}, ("parenthes",), "t1"
    ),
    "E2 with a bare t - a": Mistake({"E2": "0.5*[t2]-[a_o2]^2"}, ("parenthes",), "a_o2"),
    # a sign
    "w5 with t - a": Mistake(
        {"∂E/∂w5": "([t1]-[a_o1])*[a_o1]*(1-[a_o1])*[a_h1]"}, ("sign",), "t1 - a_o1"
    ),
    "the second layer with t - a": Mistake(
        {
            f"∂E/∂w{w}": f"([t{o}]-[a_o{o}])*[a_o{o}]*(1-[a_o{o}])*[a_h{h}]"
            for w, o, h in ((5, 1, 1), (6, 1, 2), (7, 2, 1), (8, 2, 2))
        },
        ("sign",),
        "t1 - a_o1",
    ),
    "uphill everywhere": Mistake(
        {w: f"[{w}@-1]+[η]*[∂E/∂{w}@-1]" for w in WEIGHTS}, (r"sign|\+|added|plus",), "w1"
    ),
    "w5 uphill": Mistake(
        update("w5", "[{}@-1]+[η]*[∂E/∂{}@-1]"), (r"sign|\+|added|plus",), "∂E/∂w5"
    ),
    "a_h1 with exp(h1)": Mistake({"a_h1": "1/(1+EXP([h1]))"}, ("sign|minus",), "h1"),
    "w1 with a minus between the ways": Mistake(
        {"∂E/∂w1": f"({D1}*[w5]-{D2}*[w7])*{H1}*[i1]"}, (r"sign|operator|[-−]",), "w7"
    ),
    # an operator
    "o1 multiplied": Mistake(
        {"o1": "[w5]*[a_h1]*[w6]*[a_h2]"}, (r"operator|\*|multipl|\+|add",), "a_h1"
    ),
    "h1 turned round": Mistake(
        {"h1": "([w1]+[i1])*([w2]+[i2])"}, (r"operator|multipl|together in another way",), "i1"
    ),
    "E_total multiplied": Mistake({"E_total": "[E1]*[E2]"}, (r"operator|\*|multipl|\+|add",), "E2"),
    "w1's ways multiplied": Mistake(
        {"∂E/∂w1": f"({D1}*[w5]*{D2}*[w7])*{H1}*[i1]"}, (r"operator|\*|multipl|\+|add",), "w7"
    ),
    # something left out
    "w5 without 1 - a": Mistake(
        {"∂E/∂w5": "([a_o1]-[t1])*[a_o1]*[a_h1]"}, (r"1\s*[-−]\s*a_o1", LEFT_OUT), "a_h1"
    ),
    "w8 without a": Mistake(
        {"∂E/∂w8": "([a_o2]-[t2])*(1-[a_o2])*[a_h2]"}, ("a_o2", LEFT_OUT), "a_h2"
    ),
    "w5 without slope": Mistake({"∂E/∂w5": "([a_o1]-[t1])*[a_h1]"}, ("a_o1", LEFT_OUT), "a_h1"),
    "E1 without the half": Mistake(
        {"E1": "([t1]-[a_o1])^2"}, (r"½|half|0\.5|1/2", LEFT_OUT), "a_o1"
    ),
    "E2 without the square": Mistake({"E2": "0.5*([t2]-[a_o2])"}, (r"square|²|\^|power",), "a_o2"),
    "w1 without i1": Mistake({"∂E/∂w1": f"{B1}*{H1}"}, ("i1", LEFT_OUT), "a_h1"),
    "w3 without the second way": Mistake(
        {"∂E/∂w3": f"({D1}*[w6])*{H2}*[i1]"}, (r"w8|a_o2|E2|second|way|path",), "w6"
    ),
    "w5 stepped by the whole gradient": Mistake(
        update("w5", "[{}@-1]-[∂E/∂{}@-1]"), (RATE, LEFT_OUT), "∂E/∂w5"
    ),
    "E_total of one error": Mistake({"E_total": "[E1]"}, ("E2",), "E1"),
    "h2 of one input": Mistake({"h2": "[w3]*[i1]"}, ("w4|i2",), "i1"),
    # another input, another target
    "w1 with i2": Mistake({"∂E/∂w1": f"{B1}*{H1}*[i2]"}, ("i1", "i2"), "i2"),
    "w4 with i1": Mistake({"∂E/∂w4": f"{B2}*{H2}*[i1]"}, ("i1", "i2"), "i1"),
    "h2 with i1 twice": Mistake({"h2": "[w3]*[i1]+[w4]*[i1]"}, ("i1", "i2"), "i1"),
    "h1 with inputs swapped": Mistake(
        {"h1": "[w1]*[i2]+[w2]*[i1]"}, (r"i1|i2|in another way",), "i2"
    ),
    "w5 with t2": Mistake({"∂E/∂w5": D1.replace("t1", "t2") + "*[a_h1]"}, ("t1", "t2"), "t2"),
    "E2 with t1": Mistake({"E2": "0.5*([t1]-[a_o2])^2"}, ("t1", "t2"), "t1"),
    # another row
    "w5 with a_h1 of the row above": Mistake(
        {"∂E/∂w5": f"{D1}*[a_h1@-1]"}, (ROW, "a_h1"), "a_h1", since={"∂E/∂w5": 1}
    ),
    "w6 with a_h2 of the row below": Mistake({"∂E/∂w6": f"{D1}*[a_h2@+1]"}, (ROW, "a_h2"), "a_h2"),
    "E_total with E2 of the row above": Mistake(
        {"E_total": "[E1]+[E2@-1]"}, (ROW, "E2"), "E2", since={"E_total": 1}
    ),
    "o1 with the first w5": Mistake({"o1": "[w5@$]*[a_h1]+[w6]*[a_h2]"}, (ROW, "w5"), "w5"),
    "w5 by the first gradient": Mistake(
        update("w5", "[{}@-1]-[η]*[∂E/∂{}@$]"), (ROW, "∂E/∂w5"), "∂E/∂w5"
    ),
    "w5 from the first w5": Mistake(
        update("w5", "[{}@$]-[η]*[∂E/∂{}@-1]"), (ROW, "w5"), "∂E/∂w5", since={"w5": 1}
    ),
    "w7 by the gradient two rows above": Mistake(
        update("w7", "[{}@-1]-[η]*[∂E/∂{}@-2]"), (ROW, "∂E/∂w7"), "∂E/∂w7", since={"w7": 2}
    ),
    # what drag-filling did
    "i1 counted up by 0.01": Mistake({"i1": lambda row: 0.05 + row / 100}, (FILL,)),
    "i1 counted up by 1": Mistake({"i1": lambda row: 0.05 + row}, (FILL,)),
    "t1 and t2 counted up": Mistake(
        {"t1": lambda row: 0.01 + row / 100, "t2": lambda row: 0.99 + row}, (FILL,)
    ),
    "η without dollars": Mistake(
        {},
        (RATE, r"fill|drag|\$|row|blank|empty|anchor|slid|below"),
        "∂E/∂w",
        table=Table(rate="sliding"),
        columns=tuple(WEIGHTS),
    ),
    "0.01 for 0.1 in h1": Mistake({"h1": "[w1]*[i1]+[w2]*0.01"}, (r"0\.01|i2",), "0.01"),
    "w6 filled from w5": Mistake(
        {"∂E/∂w6": "([o2]-[t2])*[o2]*(1-[o2])*[h2]"}, (r"o2|h2|∂E/∂w5",), "o2"
    ),
    "w8 pasted from w7": Mistake({"∂E/∂w8": f"{D2}*[a_h1]"}, ("a_h1", "a_h2"), "a_h1"),
    "w7 pasted from w5": Mistake({"∂E/∂w7": f"{D1}*[a_h1]"}, (r"o1|t1|w5",), "a_o1"),
    "w4 is w3": Mistake({"∂E/∂w4": "[∂E/∂w3]"}, (r"∂E/∂w3|i1",), ""),
    # updates
    "w4 never updated": Mistake(
        update("w4", "[{}@-1]"), (r"∂E/∂w4|never|updat|gradient|constant|same|step",)
    ),
    "w4 typed on": Mistake({"w4": lambda _: 0.3}, (r"typed|never|constant|number|same|updat",)),
    "the first layer never updated": Mistake(
        {weight: f"[{weight}@-1]" for weight in ("w1", "w2", "w3", "w4")},
        (r"∂E/∂w|never|updat|gradient|constant|same|step",),
    ),
    "w5 by w6's gradient": Mistake(update("w5", "[{}@-1]-[η]*[∂E/∂w6@-1]"), ("w5", "w6"), "∂E/∂w6"),
    "w6 from w5": Mistake(update("w6", "[w5@-1]-[η]*[∂E/∂{}@-1]"), ("w5", "w6"), "w5"),
    "w1 at another rate": Mistake(update("w1", "[{}@-1]-0.05*[∂E/∂{}@-1]"), (RATE + r"|0\.05",)),
    # one cell
    "one a_h2 typed": Mistake({"a_h2": lambda _: 0.6}, (TYPED,), only=(6,)),
    "one w6 typed": Mistake({"w6": lambda _: 0.51}, (TYPED,), only=(5,)),
    "one gradient typed": Mistake({"∂E/∂w2": lambda _: 0}, (TYPED,), only=(4,)),
    "the last E_total typed": Mistake({"E_total": lambda _: 0.1}, (TYPED,), only=(9,)),
    "one o1 of another formula": Mistake({"o1": "[w5]*[a_h1]"}, ("w6|a_h2",), "w5", only=(7,)),
    "one input typed": Mistake(
        {"i2": lambda _: 0.2}, (FILL + "|" + TYPED,), only=(5,), table=Table(repeat="typed")
    ),
    # error values
    "#REF!": Mistake({"o1": "#REF!*[a_h1]+[w6]*[a_h2]"}, ("REF",)),
    "#DIV/0!": Mistake({"a_h1": "1/0"}, (r"DIV|error",), only=(4,)),
    "#NUM!": Mistake(
        {"a_h1": "EXP([h1])/(1+EXP([h1]))"},
        (r"NUM|large|overflow|error",),
        "h1",
        table=Table(weights={**WEIGHTS, "w1": 900.0}, given={**student_workbooks.GIVEN, "i1": 1.0}),
    ),
}


def assert_faults(result: Mapping[str, Any], mistake: Mistake, book: Book) -> None:
    wrong = student_workbooks.mistakes_in(book, mistake.made())
    assert set(wrong) == mistake.wrong_columns(), "the test's own case"
    assert result["verdict"] == "wrong"
    faults = {fault["column"]: fault for fault in result["faults"]}
    assert len(faults) == len(result["faults"])
    assert set(faults) == set(wrong)
    for column, cells in wrong.items():
        fault = faults[column]
        assert fault["first_cell"] == cells[0].cell
        near = sum(cell.distance < 4e-6 for cell in cells)  # so near that a rounding decides
        assert len(cells) - near <= fault["count"] <= len(cells)
        if isinstance(cells[0].found, str):
            assert fault["found"] == cells[0].found
        else:
            assert fault["found"] == pytest.approx(cells[0].found, rel=1e-9)
        assert fault["expected"] == pytest.approx(cells[0].expected, rel=1e-9, abs=1e-300)
        for word in mistake.words:
            assert re.search(word, fault["cause"], re.IGNORECASE), fault
    first = next(iter(wrong))
    assert mistake.misused in (faults[first]["formula"] or ""), faults[first]
    table = mistake.made()
    own = {table.cell(name, row) for name in filter(None, table.columns()) for row in range(10)}
    used = re.findall(r"(?<![\w∂])\$?([A-Z]+)\$?(\d+)", faults[first]["formula"] or "")
    assert own.isdisjoint(map("".join, used)), "not translated"
    assert faults[first]["expected_formula"]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_wrong(mistake: Mistake, saved: Callable[..., Path]) -> None:
    book = student_workbooks.book_of(mistake.made())
    assert_faults(judge_one(saved(book)), mistake, book)


@pytest.mark.parametrize("name", ["w3 with h1's slope", "w1 without the outer one", "w5 uphill"])
@pytest.mark.parametrize(
    "table",
    [
        Table(
            header=student_workbooks.DIALECTS["capitals"],
            order=shuffled(9),
            rate="literal",
            counter="",
        ),
        Table(header=student_workbooks.DIALECTS["subscripts"], top=30, left=20, rate="name"),
        Table(
            formulas=student_workbooks.STYLES["minus"],
            rate="sheet",
            header=student_workbooks.DIALECTS["delta"],
        ),
        Table(
            formulas=student_workbooks.STYLES["helpers"], order=HELPER_ORDER, rate="none", eta=2.0
        ),
    ],
    ids=["capitals", "subscripts", "minus", "helpers"],
)
def test_wrong_in_other_surroundings(name: str, table: Table, saved: Callable[..., Path]) -> None:
    mistake = replace(MISTAKES[name], table=table)
    book = student_workbooks.book_of(mistake.made())
    assert_faults(judge_one(saved(book, shared=True)), mistake, book)


# Where the learning rate must be told from the updates although some of them are wrong, or where
# it is a plain number in the formulas.
ELSEWHERE: dict[str, tuple[str, Table]] = {
    "one weight of another rate": ("w1 at another rate", Table(rate="literal", eta=1.0)),
    "half of the weights standing": (
        "the first layer never updated",
        Table(
            rate="sheet",
            rows=4,
            given={"t1": 1.55, "t2": -0.8, "i1": -0.33, "i2": 1.05},
            weights=dict(
                zip(WEIGHTS, (0.91, -0.56, -0.31, -0.83, -0.67, 0.66, -1.28, -1.49), strict=True)
            ),
        ),
    ),
    "one weight from another": ("w6 from w5", Table(rate="sheet")),
    "one weight from another, a text": ("w6 from w5", Table(rate="text", label="LR", eta=1.0)),
    "uphill by a number": ("uphill everywhere", Table(rate="text", label="LR", eta=1.0)),
    "uphill by a column": ("uphill everywhere", Table(rate="column", eta=2.0)),
    "uphill by another sheet": ("uphill everywhere", Table(rate="sheet")),
    "first gradient, a number": ("w5 by the first gradient", Table(rate="literal", eta=1.0)),
}


@pytest.mark.parametrize(("name", "table"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_wrong_updates_with_the_rate_elsewhere(
    name: str, table: Table, saved: Callable[..., Path]
) -> None:
    mistake = replace(MISTAKES[name], table=table)
    book = student_workbooks.book_of(mistake.made())
    result = judge_one(saved(book))
    assert result["lr"] == pytest.approx(table.eta)
    assert_faults(result, mistake, book)


@pytest.mark.parametrize("typed", [0.2, 0.203])
def test_a_short_number_over_a_formula(typed: float, saved: Callable[..., Path]) -> None:
    """0.203 for 0.2027 is rounded, and named; the one digit of 0.2 is another number."""
    mistake = Mistake({"E_total": lambda _: typed}, (TYPED,), only=(6,))
    book = student_workbooks.book_of(mistake.made())
    result = judge_one(saved(book))
    if typed == 0.2:
        assert_faults(result, mistake, book)
    else:
        assert_right(result)
        assert "rounded" in words_of(result)
        assert mistake.made().cell("E_total", 6) in words_of(result)


def test_a_gradient_taken_from_a_wrong_one(saved: Callable[..., Path]) -> None:
    """w2's formula leans on w1's cell: what is wrong with w1 must not be said of w2."""
    table = Table(
        formulas=student_workbooks.STYLES["one from another"],
        changes={"∂E/∂w1": f"({D1}*[w5]+{D2}*[w6])*{H1}*[i1]"},
    )
    faults = {fault["column"]: fault for fault in judge_one(saved(table))["faults"]}
    assert set(faults) <= {"∂E/∂w1", "∂E/∂w2"}
    assert "w6" in faults["∂E/∂w1"]["cause"]
    if "∂E/∂w2" in faults:
        assert "∂E/∂w1" in faults["∂E/∂w2"]["cause"]
        assert "never uses" not in faults["∂E/∂w2"]["cause"]


def test_a_gradient_by_division_of_a_wrong_one(saved: Callable[..., Path]) -> None:
    table = Table(
        changes={
            "∂E/∂w5": student_workbooks.delta(1) + "*[a_o1]*(1-[a_o1])*[h1]",
            "∂E/∂w6": "[∂E/∂w5]*[a_h2]/[a_h1]",
        }
    )
    assert [fault["column"] for fault in judge_one(saved(table))["faults"]] == ["∂E/∂w5"]


def test_a_device_is_not_read(tmp_path: Path) -> None:
    assert run("/dev/null").exit_code == 2
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.xlsx")
        assert "not a file" in run(tmp_path / "pipe.xlsx").output


def test_two_mistakes_at_once(saved: Callable[..., Path]) -> None:
    both = {**MISTAKES["w6 with a_h1"].changes, **MISTAKES["a_h1 without parenthesis"].changes}
    mistake = Mistake(both, ())
    book = student_workbooks.book_of(mistake.made())
    assert_faults(judge_one(saved(book)), mistake, book)


def test_all_gradients_and_all_updates_of_the_other_sign(saved: Callable[..., Path]) -> None:
    flipped = {g: f"-({PLAIN[g]})" for g in GRADIENTS}
    uphill = {w: f"[{w}@-1]+[η]*[∂E/∂{w}@-1]" for w in WEIGHTS}
    result = judge_one(saved(Table(changes={**flipped, **uphill})))
    assert result["verdict"] == "wrong"
    assert set(GRADIENTS) <= {fault["column"] for fault in result["faults"]}


def test_mistake_in_a_helper_column(saved: Callable[..., Path]) -> None:
    table = Table(
        formulas=student_workbooks.STYLES["helpers"],
        order=HELPER_ORDER,
        changes={"∂E/∂a_h1": f"{D1}*[w6]+{D2}*[w7]"},
    )
    result = judge_one(saved(table))
    columns = {fault["column"] for fault in result["faults"]}
    assert columns in ({"∂E/∂a_h1"}, {"∂E/∂w1", "∂E/∂w2"}, {"∂E/∂a_h1", "∂E/∂w1", "∂E/∂w2"})
    assert "w5" in words_of(result) and "w6" in words_of(result)


def test_a_learning_rate_that_is_not_the_one_said(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(said=0.5, eta=0.8)))
    assert result["verdict"] == "wrong"
    assert {fault["column"] for fault in result["faults"]} <= {*WEIGHTS, "η"}
    assert "0.5" in words_of(result) and "0.8" in words_of(result)


def test_a_column_of_learning_rates_that_counts_up(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(rate="column", changes={"η": lambda row: 0.5 + row})))
    assert result["verdict"] == "wrong"
    assert re.search(RATE, words_of(result))


# ---------------------------------------------------------------------------------------------
# Typed tables


@pytest.mark.parametrize("rate", ["right", "none"])
@pytest.mark.parametrize("eta", [0.5, 2.0])
@pytest.mark.parametrize("digits", [4, 6, 9])
def test_rounded(digits: int, eta: float, rate: str, saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(digits=digits, eta=eta, rate=rate, rows=30)))
    assert_right(result)
    assert "rounded" in words_of(result)
    if rate == "right" or digits > 4:
        assert result["lr"] == pytest.approx(eta, rel=0.02)


def test_typed(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(Table(digits=99)))
    assert_right(result)
    assert "typed" in words_of(result)
    assert "rounded" not in words_of(result)


def test_one_typed_column(saved: Callable[..., Path]) -> None:
    table = Table()
    book = student_workbooks.book_of(table)
    for row in range(table.rows):
        cell = student_workbooks.xl_cell_to_rowcol(table.cell("E_total", row))
        book.put("Sheet1", *cell, round(book.value("Sheet1", *cell), 6))
    result = judge_one(saved(book))
    assert_right(result)
    assert "E_total" in words_of(result)
    assert "rounded" in words_of(result)


@pytest.mark.parametrize("name", ["w6 with a_h1", "w5 with t - a", "a_h1 without parenthesis"])
@pytest.mark.parametrize("digits", [6, 99])
def test_typed_and_wrong(name: str, digits: int, saved: Callable[..., Path]) -> None:
    mistake = MISTAKES[name]
    table = replace(mistake.made(), digits=digits)
    result = judge_one(saved(table))
    faults = {fault["column"]: fault for fault in result["faults"]}
    assert set(faults) == mistake.wrong_columns()
    for column, fault in faults.items():
        assert fault["count"] == table.rows
        assert fault["first_cell"] == table.cell(column, 0)
        assert not fault["formula"]


# ---------------------------------------------------------------------------------------------
# Incomplete ones


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in COURSE_ORDER if name not in names)


INLINED = {
    "a_h1": "1/(1+EXP(-([w1]*[i1]+[w2]*[i2])))",
    "a_h2": "1/(1+EXP(-([w3]*[i1]+[w4]*[i2])))",
    "E_total": "0.5*([t1]-[a_o1])^2+0.5*([t2]-[a_o2])^2",
}
ABOVE = {"[t1]": "$Z$1", "[t2]": "$AA$1", "[i1]": "$AB$1", "[i2]": "$AC$1"}


def from_above(template: str) -> str:
    for name, cell in ABOVE.items():
        template = template.replace(name, cell)
    return template


INCOMPLETE: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "no sums": (("h1", "h2"), {**PLAIN, **INLINED}),
    "no single errors": (("E1", "E2"), {**PLAIN, **INLINED}),
    "no total": (("E_total",), PLAIN),
    "no iteration's inputs": (("t1", "t2", "i1", "i2"), {n: from_above(PLAIN[n]) for n in PLAIN}),
    "the second layer's gradients alone": (
        GRADIENTS[:4],
        {
            **PLAIN,
            **{
                f"w{n}": f"[w{n}@-1]-[η]*("
                + re.sub(r"\[(\w+)\]", r"[\1@-1]", PLAIN[f"∂E/∂w{n}"])
                + ")"
                for n in range(1, 5)
            },
        },
    ),
}


@pytest.mark.parametrize(("missing", "formulas"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_incomplete(
    missing: tuple[str, ...], formulas: dict[str, str], saved: Callable[..., Path]
) -> None:
    given = {name: value for name, value in student_workbooks.GIVEN.items() if name not in missing}
    book = Book()
    for column, value in enumerate(student_workbooks.GIVEN.values()):
        book.put("Sheet1", 0, 25 + column, value)
    Table(order=without(*missing), formulas=formulas, given=given).place(book)
    result = judge_one(saved(book))
    assert result["faults"] == []
    assert result["verdict"] == "incomplete"
    for name in missing:
        assert name in words_of(result)


def test_incomplete_and_wrong(saved: Callable[..., Path]) -> None:
    mistake = Mistake(
        {"∂E/∂w6": f"{D1}*[a_h1]"},
        ("a_h1", "a_h2"),
        table=Table(order=without("E1", "E2"), formulas={**PLAIN, **INLINED}),
    )
    book = student_workbooks.book_of(mistake.made())
    result = judge_one(saved(book))
    assert_faults(result, mistake, book)
    assert "E1" in words_of(result)


# ---------------------------------------------------------------------------------------------
# Several tables, several files


def test_tables_stacked_and_side_by_side(saved: Callable[..., Path]) -> None:
    wrong = {"∂E/∂w3": f"{B2}*{H1}*[i1]"}
    first = Table(rows=6, eta=0.1)
    beside = Table(rows=6, eta=0.2, left=first.right_edge() + 1, changes=wrong)
    below = Table(rows=7, eta=0.5, top=13)
    last = Table(rows=5, eta=2.0, top=24, rate="text", label="LR")
    other = Table(rows=4, eta=0.8, sheet="LR 0.8")
    code, tables = judge(saved(first, beside, below, last, other))
    assert code == 1
    assert [table["sheet"] for table in tables] == ["Sheet1"] * 4 + ["LR 0.8"]
    assert [table["lr"] for table in tables] == pytest.approx([0.1, 0.2, 0.5, 2.0, 0.8])
    assert [table["rows"] for table in tables] == [6, 6, 7, 5, 4]
    assert [table["verdict"] for table in tables] == ["right", "wrong", "right", "right", "right"]
    assert tables[1]["faults"][0]["first_cell"] == beside.cell("∂E/∂w3", 0)


def test_tables_that_touch(saved: Callable[..., Path]) -> None:
    first = Table(rows=5, rate="literal", counter="")
    beside = Table(rows=5, rate="literal", counter="", eta=1.0, left=first.right_edge())
    below = Table(rows=4, rate="literal", counter="", eta=2.0, top=first.top + 6)
    _, tables = judge(saved(first, beside, below))
    assert [table["verdict"] for table in tables] == ["right"] * 3
    assert [table["rows"] for table in tables] == [5, 5, 4]
    assert [table["lr"] for table in tables] == pytest.approx([0.5, 1.0, 2.0])


def broken(path: Path) -> Path:
    path.write_bytes(b"not a workbook")
    return path


def test_several_files_keep_their_order(tmp_path: Path, saved: Callable[..., Path]) -> None:
    wrong = saved(Table(changes={"∂E/∂w6": f"{D1}*[a_h1]"}, rows=120), name="z.xlsx")
    right = saved(Table(rows=3), name="a.xlsx")
    third = saved(Table(rows=4, eta=2.0), name="m.xlsx")
    for jobs in ("1", "2"):
        result = run(wrong, broken(tmp_path / "b.xlsx"), right, third, "--json", "--jobs", jobs)
        tables = json.loads(result.stdout)
        assert result.exit_code == 2
        assert [Path(table["file"]).name for table in tables] == ["z.xlsx", "a.xlsx", "m.xlsx"]
        assert [table["verdict"] for table in tables] == ["wrong", "right", "right"]
        assert "b.xlsx" in result.stderr
    assert judge(right, third)[0] == 0
    assert judge(right, wrong)[0] == 1


def test_a_folder_means_its_workbooks(tmp_path: Path, saved: Callable[..., Path]) -> None:
    path = saved(Table(rows=3), name="b.xlsx")
    pile = tmp_path / "pile"
    pile.mkdir()
    for name in ("c.xlsx", "a.xlsx", "b.XLSX", "d.xlsm"):
        shutil.copy(path, pile / name)
    broken(pile / "~$a.xlsx")
    broken(pile / "notes.txt")
    code, tables = judge(pile)
    assert code == 0
    names = [Path(table["file"]).name for table in tables]
    assert names in (["a.xlsx", "b.XLSX", "c.xlsx", "d.xlsm"], ["b.XLSX", "a.xlsx", "c.xlsx",
                                                               "d.xlsm"])  # fmt: skip
    assert [Path(t["file"]).name for t in judge(path, pile)[1]] == ["b.xlsx", *names]


def test_an_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    result = run(folder)
    assert result.exit_code == 2
    assert "empty" in result.stderr


def test_the_tolerance(saved: Callable[..., Path]) -> None:
    exact = student_workbooks.book_of(Table()).value(
        "Sheet1", *student_workbooks.xl_cell_to_rowcol("L7")
    )
    assert Table().cell("a_h1", 2) == "L7"
    path = saved(Table(changes={"a_h1": lambda _: exact * 1.0001}, only=(2,)))
    assert judge(path)[1][0]["verdict"] == "wrong"
    assert judge(path, "--tolerance", "0.001")[1][0]["verdict"] == "right"
    for nonsense in ("nan", "-1", "inf", "x"):
        assert run(path, "--tolerance", nonsense).exit_code == 2


def test_usage(saved: Callable[..., Path]) -> None:
    assert run().exit_code == 2
    assert run(saved(Table(rows=2)), "--jobs", "0").exit_code == 2
    help_text = run("--help").stdout
    assert "cli.py check" in help_text and "--json" in help_text


def test_the_readable_table(saved: Callable[..., Path]) -> None:
    path = saved(Table(), name="a.xlsx")
    result = run(path)
    assert result.exit_code == 0
    assert result.stdout == f"RIGHT       {path}  [Sheet1]  course, 10 rows, η = 0.5\n"
    table = Table(changes={"∂E/∂w6": f"{D1}*[a_h1]"})
    path = saved(table, name="b.xlsx")
    result = run(path)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"WRONG       {path}  [Sheet1]  course, 10 rows, η = 0.5"
    first = table.cell("∂E/∂w6", 0)
    assert lines[1] == f"  ∂E/∂w6: 10 cells wrong, the first is {first}"
    labels = [line.split()[0] for line in lines[2:]]
    assert labels == ["found", "expected", "formula", "correct", "cause"]
    assert lines[-1].endswith("another neuron's activation: a_h1 where a_h2 belongs")


# ---------------------------------------------------------------------------------------------
# Files that cannot be judged


def text_file(path: Path) -> None:
    path.write_text("t1,t2,i1,i2\n0.01,0.99,0.05,0.1\n")


def zip_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")


def truncated(path: Path) -> None:
    student_workbooks.book_of(Table()).write(path)
    path.write_bytes(path.read_bytes()[:-2000])


def without_table(path: Path) -> None:
    book = Book()
    for row in range(5):
        book.put("Sheet1", row, 0, f"item {row}")
        book.put("Sheet1", row, 1, row)
    for column, weight in enumerate(WEIGHTS):  # a legend, not a table
        book.put("Sheet1", 10, column, weight)
        book.put("Sheet1", 11, column, WEIGHTS[weight])
    book.write(path)


def without_values(path: Path) -> None:
    student_workbooks.book_of(Table()).write(path)
    book = openpyxl.load_workbook(path)
    book.save(path)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
UNJUDGED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (text_file, r"not .*(workbook|xlsx|zip)"),
    "old or encrypted": (lambda path: path.write_bytes(OLE), r"encrypted.*(old|\.xls)|old.*encry"),
    "truncated": (truncated, r"truncated|damaged"),
    "empty": (lambda path: path.write_bytes(b""), r"empty"),
    "another zip": (zip_of_something_else, r"not .*workbook"),
    "no table": (without_table, r"no .*table|table"),
    "no values": (without_values, r"open and save it once in Excel or LibreOffice"),
    "nothing there": (lambda path: None, r"not exist|no such file|not found"),
}


@pytest.mark.parametrize(("make", "says"), UNJUDGED.values(), ids=UNJUDGED)
def test_unjudged(
    make: Callable[[Path], Any], says: str, tmp_path: Path, saved: Callable[..., Path]
) -> None:
    path = tmp_path / "handed-in.xlsx"
    make(path)
    result = run(path, "--json")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert re.search(says, said, re.IGNORECASE), said
    assert "handed-in.xlsx" in said
    result = run(path, saved(Table(rows=3)), "--json")
    assert result.exit_code == 2
    assert [table["verdict"] for table in json.loads(result.stdout)] == ["right"]


# ---------------------------------------------------------------------------------------------
# Hostile files

SHEET = "xl/worksheets/sheet1.xml"


def edited(part: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        student_workbooks.rewrite(path, lambda name, data: change(data) if name == part else data)

    return make


def substituted(part: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(data: bytes) -> bytes:
        assert old in data, "the test's own case"
        return data.replace(old, new, 1)

    return edited(part, change)


def in_cell(cell: str, new: bytes) -> Callable[[Path], None]:
    """Another <c> for a cell."""

    def change(data: bytes) -> bytes:
        result, count = re.subn(rb'<c r="%s"[^>]*>.*?</c>' % cell.encode(), lambda _: new, data)
        assert count == 1, "the test's own case"
        return result

    return edited(SHEET, change)


def laughs(part: str) -> Callable[[Path], None]:
    entities = b'<!ENTITY l0 "lol">' + b"".join(
        b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10)
    )

    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b"?>")
        name = re.match(rb"\s*<([\w:]+)", rest)[1]
        rest = re.sub(rb"(<(?:t|v)>)[^<]*", rb"\g<1>&l9;", rest, count=1)
        rest = rest.replace(b'name="Sheet1"', b'name="&l9;"')
        return head + b"?><!DOCTYPE " + name + b" [" + entities + b"]>" + rest

    return edited(part, change)


def with_formula(formula: str) -> Callable[[Path], None]:
    """One cell's formula, its value kept."""

    def change(data: bytes) -> bytes:
        cell = Table().cell("∂E/∂w5", 0).encode()
        return re.sub(
            rb'(<c r="%s"[^>]*>)<f>[^<]*</f>' % cell,
            lambda match: match[1] + b"<f>" + formula.encode() + b"</f>",
            data,
        )

    return edited(SHEET, change)


def far_cell(data: bytes) -> bytes:
    row = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return data.replace(b"</sheetData>", row + b"</sheetData>")


def circular_names(path: Path) -> None:
    names = (
        b"<definedNames><definedName name='aa'>bb</definedName>"
        b"<definedName name='bb'>aa</definedName></definedNames>"
    )
    substituted("xl/workbook.xml", b"</sheets>", b"</sheets>" + names)(path)
    edited(SHEET, lambda data: re.sub(rb"\$C\$2\*", b"aa*", data))(path)


CELL_E5 = b'<c r="C5"%s><v>%s</v></c>'
HOSTILE: dict[str, tuple[Callable[[Path], None], int]] = {
    **{f"laughs in {part}": (laughs(part), 2) for part in (SHEET, "xl/workbook.xml")},
    "laughs in the strings": (laughs("xl/sharedStrings.xml"), 2),
    "a cell in the last corner": (edited(SHEET, far_cell), 0),
    "a dimension too large": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:XFD1048576"', d, count=1)),
        0,
    ),
    "a dimension too small": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:B2"', d, count=1)),
        0,
    ),
    "a dimension of nonsense": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="?:!"', d, count=1)),
        0,
    ),
    "circular names": (circular_names, 0),
    "a string that is not there": (in_cell("C5", CELL_E5 % (b' t="s"', b"99999")), 2),
    "a string before the first": (in_cell("C5", CELL_E5 % (b' t="s"', b"-1")), 2),
    "a string of a huge number": (in_cell("C5", CELL_E5 % (b' t="s"', b"9" * 30)), 2),
    "an infinite number": (in_cell("L6", b'<c r="L6"><v>1e999</v></c>'), 1),
    "not a number": (in_cell("L6", b'<c r="L6"><v>nan</v></c>'), 1),
    "an endless number": (in_cell("L6", b'<c r="L6"><v>' + b"9" * 5000 + b"</v></c>"), 1),
    "a boolean": (in_cell("L6", b'<c r="L6" t="b"><v>1</v></c>'), 1),
    "a date": (in_cell("L6", b'<c r="L6" t="d"><v>2020-01-01</v></c>'), 1),
    "an unknown type": (in_cell("L6", b'<c r="L6" t="zz"><v>?</v></c>'), 1),
    "a row of number 0": (substituted(SHEET, b'<row r="4"', b'<row r="0"'), 2),
    "a row far below": (substituted(SHEET, b'<row r="6"', b'<row r="9999999999"'), 2),
    "a cell of no column": (substituted(SHEET, b'r="L6"', b'r="ZZZZZ6"'), 2),
    "a cell of no row": (substituted(SHEET, b'r="L6"', b'r="6"'), 2),
    "a shared formula of nobody": (
        in_cell("L6", b'<c r="L6"><f t="shared" si="77"/><v>0.6</v></c>'),
        1,
    ),
    "a shared formula without number": (
        in_cell("L6", b'<c r="L6"><f t="shared"/><v>0.6</v></c>'),
        1,
    ),
    "an array formula": (
        in_cell("L6", b'<c r="L6"><f t="array" ref="L6">1/(1+EXP(-K6))</f><v>0.6</v></c>'),
        1,
    ),
    "a data table": (
        in_cell("L6", b'<c r="L6"><f t="dataTable" ref="L6" r1="A1"/><v>0.6</v></c>'),
        1,
    ),
    "many signs": (with_formula("-" * 900 + "1"), 0),
    "many parentheses": (with_formula("(" * 480 + "1" + ")" * 480), 0),
    "many operators": (with_formula("1" + "+1" * 490), 0),
    "a very long formula": (with_formula("1" + "+1" * 20_000), 0),
    "a tower of powers": (with_formula("9^9^9^9^9^9^9^9"), 0),
    "a range of everything": (with_formula("SUM(A1:XFD1048576)"), 0),
    "an unfinished formula": (with_formula("(1+"), 0),
    "an unfinished text": (with_formula("&quot;"), 0),
    "a reference to nowhere": (with_formula("Nowhere!A1+#REF!+[1]Sheet9!Z1"), 0),
    "a reference beyond the sheet": (with_formula("ZZZ9999999+A0"), 0),
    "itself": (with_formula(Table().cell("∂E/∂w5", 0)), 0),
    "sheet of another kind": (
        edited(SHEET, lambda d: b"<worksheet/>"),
        2,
    ),
    "no sheet part": (
        lambda path: student_workbooks.rewrite(path, lambda n, d: None if n == SHEET else d),
        2,
    ),
    "no strings": (
        lambda path: student_workbooks.rewrite(path, lambda n, d: None if "shared" in n else d),
        2,
    ),
    "no relations": (
        lambda path: student_workbooks.rewrite(
            path, lambda n, d: None if n.endswith(".rels") else d
        ),
        2,
    ),
    "a deep nest": (
        edited(SHEET, lambda d: b"<worksheet>" + b"<a>" * 200_000 + b"</a>" * 200_000),
        2,
    ),
    "a deep nest of sheets": (
        edited("xl/workbook.xml", lambda d: d + b"<a>" * 200_000),
        2,
    ),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return student_workbooks.book_of(Table(rows=4)).write(
        tmp_path_factory.mktemp("small") / "small.xlsx"
    )


@pytest.mark.parametrize(("make", "code"), HOSTILE.values(), ids=HOSTILE)
def test_hostile(make: Callable[[Path], None], code: int, small: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(small, tmp_path / "hostile.xlsx"))
    make(path)
    found, tables = judge(path)
    assert found == code, tables
    assert run(path).exit_code == code


def test_no_file_is_read_through_an_entity(small: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("xyzzy-0.123456789")
    for part in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"):
        path = Path(shutil.copy(small, tmp_path / "entity.xlsx"))

        def change(data: bytes) -> bytes:
            head, _, rest = data.partition(b"?>")
            name = re.match(rb"\s*<([\w:]+)", rest)[1].decode()
            kind = f'<!DOCTYPE {name} [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
            rest = re.sub(rb"(<(?:t|v)>)[^<]*", rb"\g<1>&x;", rest)
            rest = re.sub(rb"(</sheets>)", rb"\g<1>&x;", rest)
            return head + b"?>" + kind.encode() + rest

        edited(part, change)(path)
        for result in (run(path, "--json"), run(path)):
            assert result.exit_code == 2
            assert "xyzzy" not in result.output


def test_odd_names(tmp_path: Path, small: Path) -> None:
    names = ["two words.xlsx", "[red]{0}%s.xlsx", "naïve ∂.xlsx", "line\nbreak.xlsx"]
    if os.name == "posix":
        names.append(os.fsdecode(b"caf\xe9.xlsx"))
    paths = []
    for name in names:
        try:
            paths.append(Path(shutil.copy(small, tmp_path / name)))
        except OSError:  # a file system that does not have it
            continue
    code, tables = judge(*paths, tmp_path / "missing [/]\udce9.xlsx")
    assert code == 2
    assert len(tables) == len(paths)
    assert run(*paths).exit_code == 0


def test_no_control_characters_reach_the_terminal(small: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(small, tmp_path / "bell.xlsx"))
    evil = "\u009b2J\u202e".encode()
    substituted("xl/workbook.xml", b'name="Sheet1"', b'name="' + evil + b'"')(path)
    in_cell("L6", b'<c r="L6" t="str"><v>' + evil + b"</v></c>")(path)
    output = run(path).output
    assert "\u009b" not in output
    assert "\x1b[2J" not in output


def bomb(path: Path, small: Path, part: str, marker: bytes, filling: bytes, times: int) -> None:
    """A part that holds ``filling`` a million bytes at a time, which zip makes small."""
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            kind = zipfile.ZipInfo(name)
            kind.compress_type = zipfile.ZIP_DEFLATED
            kind._compresslevel = 1
            with archive.open(kind, "w", force_zip64=True) as out:
                if name != part:
                    out.write(data)
                    continue
                at = data.index(marker) + len(marker)
                out.write(data[:at])
                block = filling * (1_000_000 // len(filling))
                for _ in range(times):
                    out.write(block)
                out.write(data[at:])


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_bombs(small: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"bomb{number}.xlsx" for number in range(3)]
    bomb(paths[0], small, SHEET, b"<v>", b" ", 200)
    bomb(paths[1], small, "xl/sharedStrings.xml", b"<t>", b"0", 200)
    bomb(paths[2], small, SHEET, b"<sheetData>", b"<row/>", 300)
    limits = (
        "import resource, runpy, sys; gb = 2**30;"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * gb, 3 * gb)); sys.argv.pop(0);"
        "code = 0\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        # Not ru_maxrss: that counts the process that this one was forked from, too.
        "status = open('/proc/self/status').read()\n"
        "peak = int(status.split('VmHWM:')[1].split()[0]) // 1024\n"
        "print('peak', peak, file=sys.stderr); sys.exit(code)"
    )
    for path in paths:
        done = subprocess.run(
            [sys.executable, "-c", limits, str(ROOT / "cli.py"), "check", "--jobs", "1", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1, 2), done.stderr
        assert int(done.stderr.split("peak")[-1]) < 400, f"{path.name} {done.stderr}"


def mutations(small: Path, seed: int) -> Iterator[bytes]:
    """Damaged copies: bytes of the zip, and bytes and words of the XML inside it."""
    chance = random.Random(seed)
    whole = small.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        yield bytes(data)
    with zipfile.ZipFile(small) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    words = [b"<v>", b"</c>", b'"', b"<", b"&", b"=", b"-1", b"999999999999", b"A1", b"e", b"\x00"]
    for _ in range(90):
        weights = [8 if name == SHEET else 1 for name in parts]
        part = chance.choices(list(parts), weights)[0]
        data = bytearray(parts[part])
        for _ in range(chance.choice((1, 2, 8))):
            at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            match chance.randrange(4):
                case 0 if data:
                    data[min(at, len(data) - 1)] = chance.randrange(256)
                case 1:
                    data[at:at] = chance.choice(words)
                case 2:
                    del data[at : min(end, at + 30)]
                case _:
                    data[at:at] = data[at : min(end, at + 200)]
        new = dict(parts)
        new[part] = bytes(data)
        target = small.parent / "mutated.xlsx"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in new.items():
                archive.writestr(name, content)
        yield target.read_bytes()


def test_damaged_files_never_crash_it(small: Path, tmp_path: Path) -> None:
    for number, data in enumerate(mutations(small, seed=2)):
        path = tmp_path / f"{number}.xlsx"
        path.write_bytes(data)
        try:
            judge(path, "--jobs", "1")
        except Exception as error:
            error.add_note(f"the damaged file is {path}")
            raise


# ---------------------------------------------------------------------------------------------
# Saved by LibreOffice

RESAVED: dict[str, Table] = {
    **{f"headers {n}": RIGHT[f"headers {n}"] for n in ("capitals", "subscripts", "dE/dw")},
    **{name: RIGHT[name] for name in ("spelled power", "spelled exp over", "spelled minus")},
    **{name: RIGHT[name] for name in ("rate name", "rate sheet", "rate column", "many rows")},
    **{
        name: MISTAKES[name].made()
        for name in (
            *("w3 with h1's slope", "o1 from h1 and h2", "w1 without the outer one"),
            *("a_h1 without parenthesis", "uphill everywhere", "η without dollars", "#REF!"),
            *("w5 with a_h1 of the row above", "i1 counted up by 1", "one a_h2 typed"),
        )
    },
}


@pytest.fixture(scope="module")
def resaved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("resaved")
    before = [
        student_workbooks.book_of(table).write(folder / f"{number}.xlsx")
        for number, table in enumerate(RESAVED.values())
    ]
    after = convert(before, folder / "after")
    return dict(zip(RESAVED, zip(before, after, strict=True), strict=True))


@needs_libreoffice
@pytest.mark.parametrize("name", RESAVED)
def test_saved_by_libreoffice(name: str, resaved: dict[str, tuple[Path, Path]]) -> None:
    before, after = map(judge_one, resaved[name])
    assert after["verdict"] == before["verdict"]
    assert after["rows"] == before["rows"]
    assert after["lr"] == pytest.approx(before["lr"])
    same = ("column", "first_cell", "count", "formula", "expected_formula", "cause")
    assert [[fault[key] for key in same] for fault in after["faults"]] == [
        [fault[key] for key in same] for fault in before["faults"]
    ]


# ---------------------------------------------------------------------------------------------
# Our own workbooks

needs_sheet = pytest.mark.skipif("sheet" not in main.commands, reason="no sheet command here")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "backprop.xlsx"
    result = CliRunner().invoke(main, ["sheet", "--iterations", "40", "-o", str(path)])
    assert result.exit_code == 0, result.output
    return path


@needs_sheet
def test_our_own_workbook(own: Path) -> None:
    code, tables = judge(own)
    assert code == 0
    assert [table["verdict"] for table in tables] == ["right"] * 6
    assert [table["lr"] for table in tables] == pytest.approx([0.1, 0.2, 0.5, 0.8, 1, 2])
    assert [table["rows"] for table in tables] == [41] * 6
    assert [warning for table in tables for warning in table["warnings"]] == []


@needs_sheet
@needs_libreoffice
def test_our_own_workbook_saved_by_libreoffice(own: Path, tmp_path: Path) -> None:
    code, tables = judge(*convert([own], tmp_path / "after"))
    assert code == 0
    assert [table["verdict"] for table in tables] == ["right"] * 6


# ---------------------------------------------------------------------------------------------
# Whole submissions


def test_submission_with_the_common_slip(saved: Callable[..., Path]) -> None:
    """A hundred rows, the slope of h1 copied into w3 and w4, pictures of other learning rates."""
    mistake = replace(
        MISTAKES["w3 and w4 with h1's slope"],
        table=Table(
            top=22,
            left=2,
            rows=100,
            header=student_workbooks.DIALECTS["delta"],
            counter="",
            rate="beside",
            label="LR",
            formulas=student_workbooks.STYLES["minus"],
        ),
    )
    table = mistake.made()
    book = student_workbooks.book_of(table)
    student_workbooks.decorate(book, table)
    for number, eta in enumerate((0.1, 0.2, 0.5, 0.8, 1, 2)):
        book.put("Graphs", 16 * number, 0, f"Learning rate = {eta}")
        book.charts.append(("Graphs", 16 * number + 1, 0, (23, 122, 24)))
    path = saved(book, name="Session 6 (final).xlsx", shared=True)
    assert_faults(judge_one(path), mistake, book)


def test_submission_with_a_sheet_a_rate(saved: Callable[..., Path]) -> None:
    """Six sheets, all right but one, whose η slides down, and a summary of the losses."""
    book = Book()
    book.put("Equations", 0, 0, "E_total = E1 + E2 = ½ * (t1 - a_o1)² + ½ * (t2 - a_o2)²")
    etas = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    for eta in etas:
        table = Table(
            sheet=f"LR={eta:g}",
            eta=eta,
            rows=61,
            rate="sliding" if eta == 0.8 else "beside",
            header=student_workbooks.DIALECTS["net and out"],
            counter="Epoch",
            repeat="first",
            formulas=student_workbooks.STYLES["exp over"],
            extra={(weight, 61): PLAIN[weight] for weight in WEIGHTS},
        )
        table.place(book)
        student_workbooks.decorate(book, table)
    for row in range(61):
        for column, eta in enumerate(etas):
            book.put("Summary", 0, 1 + column, f"LR={eta:g}")
            cell = table.cell("E_total", row)
            book.put("Summary", 1 + row, 1 + column, f"='LR={eta:g}'!{cell}")
    code, tables = judge(saved(book))
    assert code == 1
    assert [table["verdict"] for table in tables] == ["right"] * 3 + ["wrong"] + ["right"] * 2
    assert [table["lr"] for table in tables] == pytest.approx(etas)
    assert {fault["column"] for fault in tables[3]["faults"]} == set(WEIGHTS)


def test_submission_typed_off_a_program(saved: Callable[..., Path]) -> None:
    """Numbers that a program printed with six decimals, in an order of its own, no rate said."""
    table = Table(
        top=0,
        left=0,
        rows=101,
        eta=1.0,
        rate="none",
        counter="epoch",
        digits=6,
        order=(*WEIGHTS, *without(*WEIGHTS)),
        header=student_workbooks.DIALECTS["dw"],
    )
    result = judge_one(saved(table))
    assert_right(result)
    assert result["rows"] == 101
    assert result["lr"] == pytest.approx(1.0, rel=0.02)
    assert "rounded" in words_of(result)


def test_a_typed_number_among_formulas_without_values(saved: Callable[..., Path]) -> None:
    """One value does not make a table that can be checked: it is not called right."""
    table = Table()
    path = saved(table)
    workbook = openpyxl.load_workbook(path)
    workbook["Sheet1"][table.cell("E_total", 3)] = 0.5
    workbook.save(path)  # without the values of formulas
    result = run(path)
    assert result.exit_code == 2
    assert "RIGHT" not in result.stdout
    assert "formulas without stored values" in result.stderr


def test_one_sheet_without_values_is_named(saved: Callable[..., Path]) -> None:
    """Values are dropped from one sheet of two: the other one is checked, this one is named."""

    def drop(name: str, data: bytes) -> bytes:
        return re.sub(rb"</f><v>[^<]*", b"</f><v>", data) if name.endswith("sheet2.xml") else data

    path = saved(Table(), Table(sheet="Second"))
    student_workbooks.rewrite(path, drop)
    result = run(path)
    assert result.exit_code == 2
    assert result.stdout.startswith("RIGHT")
    assert "[Sheet1]" in result.stdout
    assert re.search(
        r"Second\].* formulas without\s+stored values", " ".join(result.stderr.split())
    )


def test_an_exercise_that_does_not_fit_can_be_left_out(saved: Callable[..., Path]) -> None:
    path = saved(Table())
    result = run(path, "--exercise", "mazur")
    assert result.exit_code == 2
    assert "does not fit the exercise mazur" in result.stderr
    assert "leave out --exercise" in result.stderr
    assert run(path).exit_code == 0


def test_rows_with_error_values_are_named(saved: Callable[..., Path]) -> None:
    """An error value spreads to all later rows, where a second mistake cannot be seen."""
    table = Table(top=3, rows=10, changes={"a_h1": "1/0"}, only=(4,))
    result = judge_one(saved(table))
    assert [fault["column"] for fault in result["faults"]] == ["a_h1"]
    assert any(note.startswith("rows 9 to 14 have error values") for note in result["warnings"])
