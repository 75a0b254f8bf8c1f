"""``check`` of tables with empty cells: what was not checked is not right."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fixtures import student_workbooks
from fixtures.sampling import some_of
from fixtures.student_workbooks import (
    COURSE_ORDER,
    DELTA_ORDER,
    GRADIENTS,
    HELPER_ORDER,
    HELPERS,
    PLAIN,
    STYLES,
    WEIGHTS,
    WITH_DELTAS,
    Book,
    Form,
    Table,
    Transposed,
)

from cli import main

ROWS = 6
COMPUTED = COURSE_ORDER[8:12] + COURSE_ORDER[16:]
WRONG_W3 = {"∂E/∂w3": PLAIN["∂E/∂w3"].replace("a_h2", "a_h1")}
LAYOUTS: dict[str, Table] = {
    "rows": Table(rows=ROWS),
    "columns": Transposed(rows=ROWS),
    "form": Form(rows=ROWS),
    "forms on sheets": Form(rows=ROWS, blocks="sheets"),
    "typed": Table(rows=ROWS, digits=99),
}


def emptied(table: Table, columns: Any, rows: Any, *, is_recalculated: bool = False) -> Book:
    """A book with the table, without some cells.

    A spreadsheet computes what depends on these with 0, unless nothing is recalculated.
    """
    book = student_workbooks.book_of(table)
    if not is_recalculated:
        stored = {
            (sheet, *cell): book.shown(sheet, *cell)
            for sheet, cells in book.sheets.items()
            for cell in cells
        }
        book.shown = lambda *cell: stored[cell]  # type: ignore[method-assign]
    for name in columns:
        for row in rows:
            sheet, *cell = table.position(name, row)
            del book.sheets[sheet][tuple(cell)]
    return book


def judged(book: Book, folder: Path) -> dict[str, Any]:
    path = book.write(folder / "book.xlsx")
    done = CliRunner().invoke(main, ["check", "--json", str(path)])
    (table,) = json.loads(done.stdout)
    assert done.exit_code == (0 if table["verdict"] == "right" else 1)
    return table


def words(table: dict[str, Any]) -> str:
    return "\n".join(table["warnings"])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("first", some_of([0, 1, 3], 1))
@pytest.mark.parametrize("stored", ["stale", "recalculated"])
@pytest.mark.parametrize(
    "columns",
    some_of([GRADIENTS, ("h1",), ("E_total",), ("∂E/∂w3",), ("a_o2", "E1")], 3),
    ids=str,
)
def test_an_empty_column_is_incomplete(
    columns: tuple[str, ...], stored: str, first: int, layout: str, tmp_path: Path
) -> None:
    if layout == "typed" and stored == "recalculated":
        pytest.skip("there is nothing to recalculate")
    rows = range(first, ROWS)
    book = emptied(LAYOUTS[layout], columns, rows, is_recalculated=stored == "recalculated")
    table = judged(book, tmp_path)
    assert table["faults"] == []
    assert table["verdict"] == "incomplete"
    assert table["rows"] <= first
    for name in (columns[0], columns[-1]):
        assert name in words(table)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", some_of(range(6), 2))
def test_an_empty_cell_in_the_middle_is_incomplete(seed: int, layout: str, tmp_path: Path) -> None:
    choice = random.Random(seed)
    name, row = choice.choice((*COMPUTED, *WEIGHTS)), choice.randrange(1, ROWS - 1)
    table = judged(emptied(LAYOUTS[layout], [name], [row]), tmp_path)
    assert table["faults"] == []
    assert table["verdict"] == "incomplete"
    assert name in words(table)
    assert table["rows"] < ROWS


@pytest.mark.parametrize("stored", ["stale", "recalculated"])
@pytest.mark.parametrize("name", some_of(["a_h2", "a_o1", "w6", "i1", "t1", "h2", "o2"], 2))
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("layout", ["rows", "columns", "form"])
def test_a_wrong_column_stays_wrong(
    layout: str, first: int, name: str, stored: str, tmp_path: Path
) -> None:
    wrong = replace(LAYOUTS[layout], changes=WRONG_W3)
    rows = range(first, ROWS)
    table = judged(emptied(wrong, [name], rows, is_recalculated=stored != "stale"), tmp_path)
    if layout == "form" and first == 0 and name not in COMPUTED:
        # The label of an empty cell is not read: the table has no such quantity.
        assert table["verdict"] != "right"
        return
    faults = {fault["column"]: fault["cause"] for fault in table["faults"]}
    assert "a_h1" in faults["∂E/∂w3"]
    if first == 1 and name in ("i1", "t1"):
        return  # The input is written once, and formulas without $ refer to the cells below it.
    assert list(faults) == ["∂E/∂w3"]


@pytest.mark.parametrize("name", ["w6", "t1", "i1"])
def test_typed_numbers_that_nothing_explains_are_not_checked(name: str, tmp_path: Path) -> None:
    table = judged(emptied(LAYOUTS["typed"], [name], range(ROWS)), tmp_path)
    assert table["faults"] == []
    assert table["verdict"] == "incomplete"
    assert name in words(table)


LAST_ROW: dict[str, tuple[str, ...]] = {
    "without gradients": GRADIENTS,
    "only weights": tuple(name for name in COMPUTED),
    "forward alone": COURSE_ORDER[16:],
    "one hole": ("E_total",),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("columns", LAST_ROW.values(), ids=LAST_ROW)
def test_the_last_row_may_be_unfinished(
    columns: tuple[str, ...], layout: str, tmp_path: Path
) -> None:
    book = emptied(LAYOUTS[layout], columns, [ROWS - 1], is_recalculated=layout != "typed")
    table = judged(book, tmp_path)
    assert table["verdict"] == "right", words(table)
    assert table["rows"] == ROWS - 1


@pytest.mark.parametrize("columns", LAST_ROW.values(), ids=LAST_ROW)
def test_the_only_row_must_be_finished(columns: tuple[str, ...], tmp_path: Path) -> None:
    table = judged(emptied(Table(rows=1), columns, [0]), tmp_path)
    assert (table["verdict"], table["rows"]) == ("incomplete", 0)


def test_a_wrong_last_row_is_wrong_where_it_is_unfinished(tmp_path: Path) -> None:
    wrong = Table(rows=ROWS, changes={"o1": "[w5]*[a_h1]+[w7]*[a_h2]"}, only=(ROWS - 1,))
    table = judged(emptied(wrong, GRADIENTS, [ROWS - 1]), tmp_path)
    assert [fault["column"] for fault in table["faults"]] == ["o1"]


def test_inputs_need_not_be_repeated(tmp_path: Path) -> None:
    first = {name: PLAIN[name] for name in PLAIN}
    for name in COMPUTED:
        for given in ("t1", "t2", "i1", "i2"):
            first[name] = first[name].replace(f"[{given}]", f"[{given}@$]")
    once = Table(rows=ROWS, formulas=first)
    columns = ("t1", "t2", "i1", "i2")
    assert judged(emptied(once, columns, range(3, ROWS)), tmp_path)["verdict"] == "right"
    # Formulas that refer to the empty cells get 0.
    book = emptied(Table(rows=ROWS), columns, range(3, ROWS), is_recalculated=True)
    table = judged(book, tmp_path)
    assert (table["verdict"], table["rows"]) == ("incomplete", 3)
    assert "i1" in words(table)


def test_stored_values_do_not_hide_that_inputs_are_empty(tmp_path: Path) -> None:
    table = judged(emptied(Table(rows=ROWS, repeat="typed"), ["t1"], [1, 2]), tmp_path)
    assert (table["verdict"], table["faults"]) == ("incomplete", [])
    assert "t1" in words(table)


def test_columns_that_are_not_needed_may_be_empty(tmp_path: Path) -> None:
    table = Table(rows=ROWS, order=HELPER_ORDER, formulas=STYLES["plain"] | STYLES["helpers"])
    plain = replace(table, formulas={**STYLES["helpers"], **PLAIN})
    assert judged(emptied(plain, HELPERS, range(ROWS)), tmp_path)["verdict"] == "right"
    # Unless the formulas of others use them.
    found = judged(emptied(table, HELPERS, range(2, ROWS), is_recalculated=True), tmp_path)
    assert (found["verdict"], found["faults"], found["rows"]) == ("incomplete", [], 2)
    assert "∂E/∂a_h1" in words(found)


def test_deltas_that_are_empty(tmp_path: Path) -> None:
    table = Table(rows=ROWS, order=DELTA_ORDER, formulas=WITH_DELTAS)
    found = judged(emptied(table, ["δ_o1"], range(ROWS), is_recalculated=True), tmp_path)
    assert (found["verdict"], found["faults"]) == ("incomplete", [])
    # ∂E/∂w1 … ∂E/∂w4 follow from δ_h1 and δ_h2.
    assert "∂E/∂w5, ∂E/∂w6, ∂E/∂h1 and ∂E/∂h2" in words(found)


# --- several samples ---


def xor(**options: Any) -> Table:
    return Table(**(student_workbooks.xor() | options))


def test_parameters_once_per_iteration_are_complete(tmp_path: Path) -> None:
    table = xor()
    rows = [row for row in range(table.rows) if row % 4]
    book = emptied(table, student_workbooks.XOR_PARAMETERS, rows)
    found = judged(book, tmp_path)
    assert (found["verdict"], found["rows"]) == ("right", table.rows)


def test_the_last_iteration_of_several_samples_may_be_unfinished(tmp_path: Path) -> None:
    table = xor()
    gradients = [name for name in table.order if name.startswith("∂")]
    found = judged(emptied(table, gradients, range(8, 12)), tmp_path)
    assert (found["verdict"], found["rows"]) == ("right", 8)
    for rows in (range(4, 12), range(3, 4), range(6, 12)):
        found = judged(emptied(table, gradients, rows), tmp_path)
        assert (found["verdict"], found["faults"]) == ("incomplete", [])
        assert "∂E/∂w1 … ∂E/∂w6" in words(found)


# --- words ---


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [
        (GRADIENTS, range(2, ROWS), "2 of 6 rows are complete: ∂E/∂w1 … ∂E/∂w8 are empty from row"),
        (("h1",), [2], "5 of 6 rows are complete: h1 is empty in row"),
        (("E1", "E2"), [1, 2], "4 of 6 rows are complete: E1 and E2 are empty in rows"),
        (("E_total",), range(ROWS), "none of the 6 rows is complete: E_total is empty"),
    ],
)
def test_the_words(columns: Any, rows: Any, said: str, tmp_path: Path) -> None:
    table = judged(emptied(Table(rows=ROWS), columns, rows), tmp_path)
    assert said in words(table)


def test_the_text_says_how_much_was_checked(tmp_path: Path) -> None:
    path = emptied(Table(rows=ROWS), GRADIENTS, range(1, ROWS)).write(tmp_path / "book.xlsx")
    printed = CliRunner().invoke(main, ["check", str(path)]).output
    assert printed.startswith("INCOMPLETE") and "course, 1 of 6 rows, η" in printed


def test_the_share_counts_empty_columns_as_not_right(tmp_path: Path) -> None:
    path = emptied(Table(rows=ROWS), GRADIENTS, range(1, ROWS)).write(tmp_path / "book.xlsx")
    report = tmp_path / "marks.csv"
    CliRunner().invoke(main, ["check", str(path), "--report", str(report)])
    header, line = report.read_text(encoding="utf-8-sig").splitlines()
    share = float(line.split(",")[header.split(",").index("right_columns")])
    assert share == pytest.approx(1 - 16 / 27, abs=0.006)  # the updates refer to empty cells


@pytest.mark.parametrize(
    "form",
    [Form(rows=1, new="new {}"), Form(rows=2), Form(rows=3)],
    ids=lambda form: f"{form.rows} rows",
)
def test_a_form_has_no_unfinished_row(form: Form, tmp_path: Path) -> None:
    table = judged(student_workbooks.book_of(form), tmp_path)
    assert table["verdict"] == "right"
    assert table["rows"] == form.rows
    assert "row 2" not in words(table) and "unfinished" not in words(table)


def test_places_in_other_layouts(tmp_path: Path) -> None:
    form = judged(emptied(Form(rows=4), ["h1"], [1]), tmp_path)
    assert "h1 is empty in iteration 2" in words(form)
    columns = Transposed(rows=4)
    across = judged(emptied(columns, ["h1"], [1]), tmp_path)
    letters = columns.cell("h1", 1).rstrip("0123456789")
    assert f"h1 is empty in column {letters}" in words(across)


def test_an_unfilled_table_is_incomplete(tmp_path: Path) -> None:
    table = judged(emptied(Table(rows=ROWS), COMPUTED, range(ROWS)), tmp_path)
    assert (table["verdict"], table["rows"]) == ("incomplete", 0)
