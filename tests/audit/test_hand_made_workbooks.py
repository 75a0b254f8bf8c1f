"""``check`` of workbooks as students of courses and readers of blogs make them by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge, judge_one, words_of
from fixtures.student_workbooks import (
    COURSE_ORDER,
    PLAIN,
    WEIGHTS,
    XOR_PARAMETERS,
    Book,
    Form,
    Table,
    book_of,
    is_formula,
    xor,
)
from xlsxwriter.utility import xl_rowcol_to_cell

EQUATIONS = {
    "h1": "h1 = w1*i1 + w2*i2",
    "a_h1": "a_h1 = σ(h1)",
    "E_total": "E_total = E1 + E2",
    "∂E/∂w5": "∂E_t/∂w5 = (a_o1 - t1)*a_o1*(1 - a_o1)*a_h1",
    **{f"new {name}": f"{name} = {name} - η*∂E_t/∂{name}" for name in WEIGHTS},
}


def causes(table: Mapping[str, object]) -> dict[str, str]:
    return {fault["column"]: fault["cause"] for fault in table["faults"]}  # type: ignore[attr-defined]


def copied_sheets(rate_of_last: str) -> Book:
    """A sheet for each learning rate; the last one's updates use ``rate_of_last``."""
    book = Book()
    for rate in (0.1, 0.5, 0.8):
        sheet = f"LR {rate}"
        table = Table(rows=6, sheet=sheet, eta=rate, rate="right")
        if rate == 0.8:
            table.formulas = {
                name: formula.replace("[η]", rate_of_last) for name, formula in PLAIN.items()
            }
        table.place(book)
    return book


def test_copied_sheet_whose_updates_use_the_rate_of_another_sheet(tmp_path: Path) -> None:
    code, tables = judge(copied_sheets("'LR 0.5'!$C$2").write(tmp_path / "rates.xlsx"))
    assert code == 1
    assert [table["verdict"] for table in tables] == ["right", "right", "wrong"]
    [finding] = tables[2]["faults"]
    assert (finding["column"], finding["first_cell"]) == ("η", "C2")
    assert "0.8" in finding["cause"] and "'LR 0.5'!C2" in finding["cause"]


def test_copied_sheets_with_rates_of_their_own(tmp_path: Path) -> None:
    code, tables = judge(copied_sheets("[η]").write(tmp_path / "rates.xlsx"))
    assert code == 0 and [table["lr"] for table in tables] == [0.1, 0.5, 0.8]


@pytest.mark.parametrize("target", ["t2", "t1"])
def test_form_with_headings_and_equations_as_labels(target: str, tmp_path: Path) -> None:
    formulas = {**PLAIN, "∂E/∂w7": PLAIN["∂E/∂w7"].replace("[t2]", f"[{target}]")}
    formulas |= {"w3": "[w3@-1]-[η]*[∂E/∂w3@-1]"}
    form = Form(
        rows=1, counter="", formulas=formulas, new="{}", rate="right", label="learning rate",
        header=lambda name: EQUATIONS.get(name, name),
    )  # fmt: skip
    book = book_of(form)
    first = form.label_position("new w1", 0)
    for name in reversed(WEIGHTS):  # the equations of the updates, below a heading
        sheet, row, column = form.label_position(f"new {name}", 0)
        content = book.sheets[sheet].pop((row, column + 1))
        book.forget(sheet, row, column)
        book.put(sheet, row + 2, column, EQUATIONS[f"new {name}"])
        book.put(sheet, row + 2, column + 1, content)
    book.put(first[0], first[1] + 1, first[2], "New weights")
    table = judge_one(book.write(tmp_path / "form.xlsx"))
    if target == "t2":
        assert_right(table)
    else:
        assert causes(table) == {"∂E/∂w7": "the other target: t1 where t2 belongs"}
    assert table["not_checked"] == []


class FormWithRates(Form):
    """Each iteration has η among its given values."""

    def _rate(self, book: Book) -> Callable[[int], str]:
        return lambda row: self.cell("η", row)


def test_iterations_side_by_side_with_a_rate_each_are_no_circle(tmp_path: Path) -> None:
    form = FormWithRates(
        rows=3, order=("η", *COURSE_ORDER), blocks="side by side", new="{} new",
        changes={
            "∂E/∂w2": lambda row: PLAIN["∂E/∂w2"].replace("[i2]", "[i1]" if row == 2 else "[i2]"),
            "η": lambda row: 0.5 if row == 0 else f"{form.cell('η', row - 1)}",
        },
    )  # fmt: skip
    table = judge_one(book_of(form).write(tmp_path / "form.xlsx"))
    assert causes(table) == {"∂E/∂w2": "the other input: i1 where i2 belongs"}


def updated_columns(changes: Mapping[str, str]) -> Table:
    """The output layer's weights are updated within the row, before the hidden gradients."""
    updated = {f"{name}+": f"[{name}]-[η]*[∂E/∂{name}]" for name in WEIGHTS}
    order = (
        *COURSE_ORDER[:-8], *(f"∂E/∂w{number}" for number in range(5, 9)),
        *(f"w{number}+" for number in range(5, 9)), *(f"∂E/∂w{number}" for number in range(1, 5)),
        *(f"w{number}+" for number in range(1, 5)),
    )  # fmt: skip
    weights = {name: f"[{name}+@-1]" for name in WEIGHTS}
    formulas = {**PLAIN, **updated, **weights, **changes}
    return Table(rows=8, order=order, formulas=formulas, header=str, rate="right")


def test_hidden_gradients_with_weights_that_are_already_updated(tmp_path: Path) -> None:
    assert_right(judge_one(book_of(updated_columns({})).write(tmp_path / "right.xlsx")))
    early = {
        f"∂E/∂w{number}": PLAIN[f"∂E/∂w{number}"].replace(f"[{weight}]", f"[{weight}+]")
        for number, weight in {1: "w5", 2: "w7"}.items()
    }
    table = judge_one(book_of(updated_columns(early)).write(tmp_path / "early.xlsx"))
    assert causes(table) == {
        "∂E/∂w1": "w5 after its update instead of before it",
        "∂E/∂w2": "w7 after its update instead of before it",
    }
    assert "not checked" not in words_of(table)


def test_sums_written_out_in_activations(tmp_path: Path) -> None:
    order = [name for name in COURSE_ORDER if name not in ("h1", "h2", "o1", "o2")]
    sums = {name: PLAIN[name] for name in ("h1", "h2", "o1", "o2")}
    sums["o2"] = "[w7]*[a_h1]+[w8]*[a_h1]"
    activations = {f"a_{name}": f"1/(1+EXP(-({text})))" for name, text in sums.items()}
    table = judge_one(
        book_of(Table(rows=6, order=order, formulas={**PLAIN, **activations})).write(
            tmp_path / "sums.xlsx"
        )
    )
    assert causes(table) == {"a_o2": "another neuron's activation: a_h1 where a_h2 belongs"}


@pytest.mark.parametrize(
    ("column", "formula", "cause"),
    [
        ("w1", "[w1@-1]-[η]*[η]*[∂E/∂w1@-1]", "an extra factor: η"),
        ("w5", "[w5@-1]-[∂E/∂w5@-1]/[η]", "divided by η instead of multiplied by it"),
        ("E_total", "(([t1]-[a_o1])^2+([t2]-[a_o2])^2)/4", "an extra factor: ½"),
        ("E_total", "SQRT([E1]+[E2])", "the square root of the right formula"),
        ("E_total", "[E1]+[E2]+[E1]", "an extra term: E1"),
        (
            "∂E/∂w5", "[E1]*[a_o1]*(1-[a_o1])*[a_h1]",
            "the error instead of its derivative: E1 where a_o1 - t1 belongs",
        ),
        (
            "∂E/∂w8", "[E_total]*[a_o2]*(1-[a_o2])*[a_h2]",
            "the error instead of its derivative: E_total where a_o2 - t2 belongs",
        ),
        (
            "E2", "SQRT(([t2]-[a_o2])^2)",
            "the absolute value of t2 - a_o2 instead of half its square",
        ),
        (
            "a_h2", "1/(1-EXP(-[h2]))",
            "a wrong sign in the sigmoid: 1 - exp(-h2) instead of 1 + exp(-h2)",
        ),
    ],
    ids=["rate twice", "divided", "half", "root", "term", "error", "total", "absolute", "minus"],
)  # fmt: skip
def test_cause_of_errors_and_updates(column: str, formula: str, cause: str, tmp_path: Path) -> None:
    table = Table(rows=6, changes={column: formula}, rate="right")
    result = judge_one(book_of(table).write(tmp_path / "factor.xlsx"))
    assert causes(result) == {column: cause}


STEPS = {
    "Inputs & weights": ("i1", "i2", "t1", "t2", *WEIGHTS),
    "Forward": ("h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2"),
    "Error": ("E1", "E2", "E_total"),
    "Backward": tuple(f"∂E/∂{name}" for name in WEIGHTS),
}


class StepsOnSheets(Table):
    """Each step of the calculation has a sheet of its own."""

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        for sheet, names in STEPS.items():
            if name in names:
                return sheet, 1 + row, 1 + names.index(name)
        return super().position(name, row)


@pytest.mark.parametrize(
    ("changes", "first_cell", "cause"),
    [
        ({}, "", ""),
        (
            {"∂E/∂w8": PLAIN["∂E/∂w8"].replace("t2", "t1")},
            "Backward!I2", "the other target: t1 where t2 belongs",
        ),
        (
            {"E1": PLAIN["E1"].replace("a_o1", "a_o2")},
            "Error!B2", "another neuron's activation: a_o2 where a_o1 belongs",
        ),
        (
            {"w3": PLAIN["w3"].replace("∂E/∂w3", "∂E/∂w4")},
            "'Inputs & weights'!H3",
            "another parameter's gradient: ∂E/∂w4 where ∂E/∂w3 belongs",
        ),
    ],
    ids=["right", "gradient", "error", "update"],
)  # fmt: skip
def test_steps_on_four_sheets_and_the_rate_on_a_fifth(
    changes: Mapping[str, str], first_cell: str, cause: str, tmp_path: Path
) -> None:
    steps = StepsOnSheets(counter="", rate="sheet", changes=changes, header=str)
    book = Book()
    for sheet in STEPS:
        book.sheets[sheet] = {}
    steps.place(book)
    table = judge_one(book.write(tmp_path / "steps.xlsx"))
    assert (table["rows"], table["lr"]) == (10, 0.5)
    if not changes:
        assert_right(table)
        return
    [finding] = table["faults"]
    assert (finding["first_cell"], finding["cause"]) in (
        (first_cell, cause), (first_cell.rpartition("!")[2], cause),
    )  # fmt: skip


def test_references_to_other_sheets_are_written_as_in_formulas(tmp_path: Path) -> None:
    """A copied sheet with a column of the first one, and a rate that lacks its $."""
    book = Book()
    Table(rows=8, sheet="LR 0.1", eta=0.1, counter="").place(book)
    first = Table(rows=8, sheet="LR 0.1", counter="")
    table = Table(
        rows=8, sheet="LR 0.5", counter="", rate="none",
        formulas={name: text.replace("[η]", "'My rates'!$A$1") for name, text in PLAIN.items()},
        changes={"a_h1": lambda row: f"1/(1+EXP(-'LR 0.1'!{first.cell('h1', row)}))"},
    )  # fmt: skip
    table.place(book)
    for row, rate in enumerate((0.5, 0.8, 1)):
        book.put("My rates", row, 0, rate)
    for row in range(1, 8):
        sheet, line, column = table.position("w1", row)
        above = f"{table.cell('w1', row - 1)}-'My rates'!A{{}}*{table.cell('∂E/∂w1', row - 1)}"
        book.put(sheet, line, column, "=" + above.format(row if row < 4 else 1))
    _, tables = judge(book.write(tmp_path / "copied.xlsx"))
    assert [table["verdict"] for table in tables] == ["right", "wrong"]
    said = " ".join(causes(tables[1]).values())
    assert "'LR 0.1'!$" in said
    assert "η is read from 'My rates'!A2" in said and "(write 'My rates'!$A$1)" in said


@pytest.mark.parametrize("formula", ["=ROUND({},4)", "={}"])
def test_a_copy_for_printing_is_no_table(formula: str, tmp_path: Path) -> None:
    """A mistake stands in the table that it repeats, whichever sheet comes first."""
    changes = {**PLAIN, "∂E/∂w7": PLAIN["∂E/∂w7"].replace("[t2]", "[t1]")}
    book = book_of(Table(rows=6, sheet="Calculation", formulas=changes))
    cells = dict(book.sheets["Calculation"])
    copied = {
        (row, column): formula.format(f"Calculation!{xl_rowcol_to_cell(row, column)}")
        if isinstance(content, float) or is_formula(content)
        else content
        for (row, column), content in cells.items()
    }
    book.sheets = {"Print": copied, "Calculation": cells}
    _, [table] = judge(book.write(tmp_path / "print.xlsx"))
    assert table["sheet"] == "Calculation"
    assert causes(table) == {"∂E/∂w7": "the other target: t1 where t2 belongs"}


def test_sums_of_the_samples_in_every_update_are_another_exercise(tmp_path: Path) -> None:
    options = xor(rows=12)
    first = {name: change(0) for name, change in options["changes"].items()}
    for name in XOR_PARAMETERS:
        sums = first[name].removesuffix("/4")
        options["changes"][name] = lambda row, name=name, sums=sums: (
            sums if row % 4 == 0 else f"[{name}@-1]"
        )
    path = book_of(Table(**options)).write(tmp_path / "sums.xlsx")
    assert_right(judge_one(path))
    code, [table] = judge(path, "--exercise", "xor")
    assert code == 1
    assert {*causes(table).values()} == {"the sum over the samples instead of the mean"}


@pytest.mark.parametrize("formula", ["=Mine!{0}-Solution!{0}", "=ABS(Solution!{0}-Mine!{0})"])
def test_differences_from_a_solution_are_no_table(formula: str, tmp_path: Path) -> None:
    changes = {**PLAIN, "∂E/∂w7": PLAIN["∂E/∂w7"].replace("[t2]", "[t1]")}
    book = book_of(
        Table(rows=6, sheet="Mine", formulas=changes), Table(rows=6, sheet="Solution", digits=99)
    )
    for (row, column), content in list(book.sheets["Mine"].items()):
        is_number = isinstance(content, float) or is_formula(content)
        cell = formula.format(xl_rowcol_to_cell(row, column)) if is_number else content
        book.put("Differences", row, column, cell)
    code, tables = judge(book.write(tmp_path / "differences.xlsx"))
    assert code == 1
    assert [(table["sheet"], table["verdict"]) for table in tables] == [
        ("Mine", "wrong"), ("Solution", "right"),
    ]  # fmt: skip


@pytest.mark.parametrize("is_first", [False, True])
def test_a_copy_pasted_as_values_is_no_second_table(is_first: bool, tmp_path: Path) -> None:
    changes = {**PLAIN, "∂E/∂w7": PLAIN["∂E/∂w7"].replace("[t2]", "[t1]")}
    tables = [
        Table(rows=6, sheet="Calculation", formulas=changes),
        Table(rows=6, sheet="Values", formulas=changes, digits=99),
    ]
    path = book_of(*(tables[::-1] if is_first else tables)).write(tmp_path / "copy.xlsx")
    _, [table] = judge(path)
    assert (table["sheet"], len(table["faults"])) == ("Calculation", 1)
    assert "stand again on the sheet 'Values'" in " ".join(table["warnings"])


def test_other_numbers_on_another_sheet_are_a_second_table(tmp_path: Path) -> None:
    tables = [Table(rows=6, sheet="A"), Table(rows=6, sheet="B", eta=0.8, digits=99)]
    code, judged = judge(book_of(*tables).write(tmp_path / "two.xlsx"))
    assert (code, [table["sheet"] for table in judged]) == (0, ["A", "B"])
