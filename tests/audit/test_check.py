"""``check``, from outside: workbooks in, verdicts out."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from fixtures import student_workbooks
from fixtures.check_command import assert_right, judge, judge_one, run, words_of
from fixtures.course_mistakes import B2, D1, D2, H1, MISTAKES, RATE, TYPED, Mistake, assert_faults
from fixtures.sampling import some_named, some_of
from fixtures.student_workbooks import (
    COURSE_ORDER,
    GRADIENTS,
    HELPER_ORDER,
    PLAIN,
    WEIGHTS,
    Book,
    Table,
)
from oracles.libreoffice import convert, needs_libreoffice

from backprop_sheet.audit.compare.completeness import column_words
from cli import main

ROOT = Path(__file__).resolve().parent.parent.parent


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


@pytest.mark.parametrize("table", some_named(RIGHT, 33))
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


@pytest.mark.parametrize("mistake", some_named(MISTAKES, 44))
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


@pytest.mark.parametrize(("name", "table"), some_named(ELSEWHERE, 4))
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
    """Among formulas, a number must have all the digits that they give."""
    mistake = Mistake({"E_total": lambda _: typed}, (TYPED,), only=(6,))
    book = student_workbooks.book_of(mistake.made())
    assert_faults(judge_one(saved(book)), mistake, book)


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
        assert "is a pipe" in run(tmp_path / "pipe.xlsx").output


def test_two_mistakes_at_once(saved: Callable[..., Path]) -> None:
    both = {**MISTAKES["w6 with a_h1"].changes, **MISTAKES["a_h1 without parenthesis"].changes}
    mistake = Mistake(both, ())
    book = student_workbooks.book_of(mistake.made())
    assert_faults(judge_one(saved(book)), mistake, book)


def test_all_gradients_and_all_updates_of_the_other_sign(saved: Callable[..., Path]) -> None:
    flipped = {g: f"-({PLAIN[g]})" for g in GRADIENTS}
    uphill = {w: f"[{w}@-1]+[η]*[∂E/∂{w}@-1]" for w in WEIGHTS}
    result = judge_one(saved(Table(changes={**flipped, **uphill})))
    assert (result["verdict"], result["faults"]) == ("right", [])
    assert any("opposite sign" in warning for warning in result["warnings"])


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
# Without some columns


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


LEFT_OUT: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "no sums": (("h1", "h2"), {**PLAIN, **INLINED}),
    "no single errors": (("E1", "E2"), {**PLAIN, **INLINED}),
    "no total": (("E_total",), PLAIN),
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


@pytest.mark.parametrize(("missing", "formulas"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_only_what_no_other_column_contains_is_missing(
    missing: tuple[str, ...], formulas: dict[str, str], saved: Callable[..., Path]
) -> None:
    given = {name: value for name, value in student_workbooks.GIVEN.items() if name not in missing}
    book = Book()
    for column, value in enumerate(student_workbooks.GIVEN.values()):
        book.put("Sheet1", 0, 25 + column, value)
    Table(order=without(*missing), formulas=formulas, given=given).place(book)
    result = judge_one(saved(book))
    assert result["faults"] == []
    assert result["verdict"] == ("incomplete" if "E_total" in missing else "right")
    expected = "missing column" if "E_total" in missing else "checked inside others"
    assert f"{expected}: {column_words(missing)}" in words_of(result)


def test_inputs_in_cells_without_labels(saved: Callable[..., Path]) -> None:
    """The formulas show where they are."""
    book = Book()
    for column, value in enumerate(student_workbooks.GIVEN.values()):
        book.put("Sheet1", 0, 25 + column, value)
    formulas = {name: from_above(PLAIN[name]) for name in PLAIN}
    Table(order=without(*student_workbooks.GIVEN), formulas=formulas, given={}).place(book)
    assert_right(judge_one(saved(book)))


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
    assert "gradsheet check" in help_text and "--json" in help_text


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
@pytest.mark.parametrize("name", some_of(RESAVED, 3))
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


@pytest.mark.thorough
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
    assert "it fits the exercise course, not mazur" in result.stderr
    assert "leave out --exercise" in result.stderr
    assert run(path).exit_code == 0


def test_rows_with_error_values_are_named(saved: Callable[..., Path]) -> None:
    """An error value spreads to all later rows, where a second mistake cannot be seen."""
    table = Table(top=3, rows=10, changes={"a_h1": "1/0"}, only=(4,))
    result = judge_one(saved(table))
    assert [fault["column"] for fault in result["faults"]] == ["a_h1"]
    assert any(note.startswith("rows 9 to 14 have error values") for note in result["warnings"])
