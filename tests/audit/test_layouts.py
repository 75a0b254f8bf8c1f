"""Which cells of a workbook are which quantities, in every layout that people use.

The workbooks and the positions of their cells are those of ``student_workbooks``.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from fixtures import student_workbooks
from fixtures.sampling import some_named
from fixtures.student_workbooks import (
    COURSE_ORDER,
    DELTA_ORDER,
    DELTAS,
    DIALECTS,
    EQUATIONS,
    GIVEN,
    PLAIN,
    WEIGHTS,
    WITH_DELTAS,
    Book,
    Form,
    Table,
    Transposed,
    book_of,
    mazur_columns,
    mazur_labels,
    xor,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backprop_sheet.audit.find.given_values import labeled_values
from backprop_sheet.audit.find.layouts import find_tables
from backprop_sheet.audit.find.tables import Layout
from backprop_sheet.audit.find.tables import Table as FoundTable
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.spellings import meaning_of, quantity_name
from backprop_sheet.audit.read.workbook import (
    Address,
    Sheet,
    UnreadableWorkbookError,
    number,
    read_sheets,
)
from backprop_sheet.equations.names import kind_of
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook.writer import write_workbook

# ---------------------------------------------------------------------------------------------
# Headers

CANONICAL = re.compile(
    r"(?:∂E/∂|v_|m_|s_)?[wb]\d+|(?:∂E/∂)?(?:a_)?(?:h\d+(?:_\d+)?|o\d+)|δ_(?:h\d+(?:_\d+)?|o\d+)"
    r"|[it]\d+|E\d+|E_total|E_mean|iteration|sample|[ημρελ]|β[12]"
    r"|∂(?:E\d+|(?:a_)?(?:h\d+(?:_\d+)?|o\d+))/∂(?:[wb]\d+|i\d+|(?:a_)?(?:h\d+(?:_\d+)?|o\d+))"
)


def dialect_cases() -> Iterator[tuple[str, str]]:
    for name, header in DIALECTS.items():
        for quantity in COURSE_ORDER:
            yield pytest.param(header(quantity), quantity, id=f"{name} {quantity}")


@pytest.mark.parametrize(("header", "quantity"), list(dialect_cases()))
def test_dialects(header: str, quantity: str) -> None:
    assert quantity_name(header) == quantity


@given(
    st.sampled_from(list(DIALECTS)),
    st.sampled_from(["w{}", "t{}", "i{}", "E{}", "h{}", "a_h{}", "o{}", "a_o{}", "∂E/∂w{}"]),
    st.integers(1, 200),
)
@settings(deadline=None)
def test_dialects_with_any_number(dialect: str, quantity: str, index: int) -> None:
    # h11 with no h1 beside it is the first neuron of the first layer.
    assume(index != 11 or quantity not in ("h{}", "a_h{}"))
    name = quantity.format(index)
    header = DIALECTS[dialect](name)
    if dialect in ("subscripts", "a with a small h"):
        header = header.replace("0", "₀").replace("9", "₉")
    assert quantity_name(header) == name


@pytest.mark.parametrize("exercise", packaged_exercises())
def test_our_own_headers_are_their_own_meaning(exercise: str) -> None:
    system = system_of(load_exercise(exercise))
    for name in ("iteration", "sample", *system.columns, *system.constants, *system.quantities):
        assert quantity_name(name) == name


MEANINGS = {
    "h12": "h12",
    **dict.fromkeys(("w0", "W[0]", "weight 0"), "w0"),
    **dict.fromkeys(("out_h0", "hidden 0 output", "σ(h₀)"), "a_h0"),
    **dict.fromkeys(("h1_2", "h1,2", "h(1,2)", "h^(1)_2", "h_2^(1)", "h¹₂", "h_{1,2}"), "h1_2"),
    **dict.fromkeys(("a_h1_2", "out h(1,2)", "σ(h_2^(1))"), "a_h1_2"),
    **dict.fromkeys(("net(h1)", "net_h1", "z_h1", "H1", "h_in1", "net h1", "h₁"), "h1"),
    **dict.fromkeys(("out(h1)", "out_{h1}", "σ(h1)", "a_h₁", "h1 out", "act h1"), "a_h1"),
    **dict.fromkeys(("b1", "bias1", "bias 1", "b_1", "B₁", "b", "bias"), "b1"),
    **dict.fromkeys(("out", "ŷ", "y_hat", "prediction", "Output", "a_o1"), "a_o1"),
    **dict.fromkeys(("E", "error", "Loss", "MSE", "cost", "E_tot", "Total error"), "E_total"),
    **dict.fromkeys(("Sum of errors", "toplam hata", "Summe Fehler"), "E_total"),
    **dict.fromkeys(("t", "target", "Target:", "y", "t_1"), "t1"),
    **dict.fromkeys(("mean error", "E_mean", "average loss"), "E_mean"),
    **dict.fromkeys(("∂E/∂w12", "dEtot/dw12", "∂E_total/∂W12", "dw12", "w12 grad"), "∂E/∂w12"),
    **dict.fromkeys((r"$\frac{\partial E}{\partial w_{12}}$", "dC/dw12"), "∂E/∂w12"),
    **dict.fromkeys(("∂E1/∂w5", "∂E_o1/∂w5"), "∂E/∂w5"),
    **dict.fromkeys(("∂E/∂b3", "db3", "dE/db_3"), "∂E/∂b3"),
    **dict.fromkeys(("∂E/∂a_h1", "∂E_total/∂out_h1", "dE/da_h1"), "∂E/∂a_h1"),
    **dict.fromkeys(("∂E/∂a_h2_1", "∂E/∂out_h(2,1)"), "∂E/∂a_h2_1"),
    **dict.fromkeys(("∂E/∂o1", "∂E/∂net_o1"), "∂E/∂o1"),
    **dict.fromkeys(("δ_h1", "δh1", "delta_h1", "δ(h1)"), "δ_h1"),
    **dict.fromkeys(("delta output 2", "Delta Ausgabe 2"), "δ_o2"),
    **dict.fromkeys(("output 2 sum", "Ausgabe 2 netto"), "o2"),
    **dict.fromkeys(("v_w1", "v_dw1", "velocity w1"), "v_w1"),
    "m_w3": "m_w3",
    "s_b2": "s_b2",
    **dict.fromkeys(("Iteration No.", "Epoch", "#", "step", "iter"), "iteration"),
    **dict.fromkeys(("sample", "Sample no.", "pattern"), "sample"),
    **dict.fromkeys(("Learning Rate (η)", "lr =", "LR", "alpha", "η:"), "η"),
    **dict.fromkeys(("rychlost učení", "współczynnik uczenia", "öğrenme oranı", "rate"), "η"),
    "μ": "μ",
    "momentum": "μ",
    "ρ": "ρ",
    "β1": "β1",
    "beta_2": "β2",
    "ϵ": "ε",
    "λ": "λ",
    **{header: name for name, header in EQUATIONS.items()},
    "h1\nw1*i1 + w2*i2": "h1",
    "a_h1 := 1/(1+exp(-h1))": "a_h1",
}
NO_HEADERS = (
    *("η = 0.5", "LR = 0.5", "w1 = 0.15", "w1 = −0.15", "b1=.35", "E_total = 24 %"),
    *("new w1", "w1 new", "w1+", "w₁⁺", "w1'", "w1′", "updated w1", "w1(t+1)", "w1_new", "next b2"),
    *("δ1", "Δw1", "delta w1", "w1000", "total", "name", "A", "h1 + h2"),
    *("Hidden layer", "Outputs of the network", "t1 is the first target", "", " ", "w1" * 60),
)


@pytest.mark.parametrize(("header", "name"), MEANINGS.items())
def test_meanings(header: str, name: str) -> None:
    assert quantity_name(header) == name


@pytest.mark.parametrize("header", NO_HEADERS)
def test_no_headers(header: str) -> None:
    assert quantity_name(header) is None


@given(st.text(max_size=200) | st.text("∂Ewhoaitb_(){}[]^=:,+'012 δση\n", max_size=90))
@settings(deadline=None)
def test_no_header_is_a_crash(header: str) -> None:
    name = quantity_name(header)
    assert name is None or CANONICAL.fullmatch(name)
    if name is not None:
        assert kind_of(name)
        assert quantity_name(name) == name


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.binary())
def test_only_text_is_a_header(value: Any) -> None:
    assert quantity_name(value) is None


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (["y1", "t1"], ["a_o1", "t1"]),
        (["y1", "a_o1"], ["t1", "a_o1"]),
        (["out", "a_o1"], [None, "a_o1"]),
        (["w1", "w1"], ["w1", None]),
        (["∂E1/∂w1", "∂E2/∂w1", "∂E1/∂w5"], [None, None, "∂E/∂w5"]),
        (["∂E1/∂w1", "∂E/∂w1"], [None, "∂E/∂w1"]),
        (["∂E1/∂a_o1", "∂E2/∂a_o2"], ["∂E/∂a_o1", "∂E/∂a_o2"]),
        (["h11", "h12", "h21", "a_h11"], ["h1_1", "h1_2", "h2_1", "a_h1_1"]),
        (["h1", "h2", "h11"], ["h1", "h2", "h11"]),
        (["h1", "h2", "o1", "b_o1", "b_h2", "b_h1"], ["h1", "h2", "o1", "b3", "b2", "b1"]),
        (["h1", "h2", "o1", "o2", "b_h", "∂E/∂b_o"], ["h1", "h2", "o1", "o2", "b1", "∂E/∂b2"]),
    ],
)
def test_headers_that_stand_together(headers: list[str], names: list[str | None]) -> None:
    meanings = [meaning_of(header) for header in headers]
    assert all(isinstance(meaning, Meaning) for meaning in meanings)
    assert resolve(meanings) == names


# ---------------------------------------------------------------------------------------------
# One table, in any layout


def tables_in(book: Book, folder: Path) -> list[FoundTable]:
    tables = find_tables(read_sheets(book.write(folder / "book.xlsx")))
    return [table for table in tables if not table.is_presumed]  # which its numbers must confirm


def address(table: Table, name: str, row: int) -> Address:
    """Where the student's table has a quantity."""
    sheet, at, column = table.position(name, row)
    return Address(sheet, at + 1, column + 1)


def assert_found(
    found: FoundTable, table: Table, *, layout: Layout, without: Iterable[str] = (), more: int = 0
) -> None:
    """Every quantity is found where it is, and nothing else.

    A weight that a form's block only repeats is where the block before computes it.

    Args:
        without: quantities whose only cell is beside the table.
        more: records after the table's own.
    """
    computes_new = isinstance(table, Form) and table.new
    names = [name for name in table.order if name and name not in without]
    assert found.layout == layout
    assert found.records == table.rows + more
    counters = {"iteration"} if table.counter else set()
    assert set(found.names) - counters == set(names)
    assert found.sheet == table.sheet
    for name in names:
        for row in range(table.rows):
            cell = address(table, name, row)
            if computes_new and name in WEIGHTS and row:
                # Nothing refers to a number that is typed again.
                assert table.digits is not None or found.locate(cell) == (name, row)
                cell = address(table, f"new {name}", row - 1)
            assert found.cell(name, row) == cell, (name, row)
            assert found.locate(cell) == (name, row)
            assert found.covers(cell)
            assert not found.is_helper(cell)
        assert quantity_name(found.value_at(found.header(name))) == name
        assert found.covers(found.header(name))
        assert found.locate(found.header(name)) is None
        assert found.cell(name, found.records) is None
        assert found.cell(name, -1) is None
        assert found.name_of_header(f" {found.value_at(found.header(name))} ".upper()) == name
    assert found.cell("w77", 0) is None


def shuffled() -> tuple[str, ...]:
    return (*COURSE_ORDER[12:], *COURSE_ORDER[:12])


LINES: dict[str, Table] = {
    "rows": Table(),
    "rows far away": Table(top=60, left=90),
    "headers with equations": Table(header=lambda name: EQUATIONS.get(name, name)),
    "headers net and out": Table(header=DIALECTS["net and out"]),
    "with δ": Table(order=DELTA_ORDER, formulas=WITH_DELTAS),
    "with ∂E/∂a_h": Table(
        order=(*COURSE_ORDER[:23], "∂E/∂a_h1", "∂E/∂a_h2", *COURSE_ORDER[23:]),
        formulas=student_workbooks.STYLES["helpers"],
    ),
    "mazur": Table(**mazur_columns()),
    "xor": Table(**xor()),
    "xor without sample numbers": Table(**xor(has_sample=False)),
    "columns": Transposed(),
    "columns at the corner": Transposed(top=0, left=0, rate="none"),
    "columns in another order": Transposed(order=shuffled(), counter="Epoch"),
    "columns with free lines": Transposed(order=(*COURSE_ORDER[:8], "", *COURSE_ORDER[8:])),
    "columns with free columns": Transposed(gap=2),
    "columns with equals signs": Transposed(gap=1, notes=dict.fromkeys(COURSE_ORDER, "=")),
    "columns with equations": Transposed(header=lambda name: EQUATIONS.get(name, name)),
    "columns of mazur": Transposed(**mazur_columns()),
    "columns of xor": Transposed(**xor()),
    "columns, two only": Transposed(rows=2),
}


@pytest.mark.parametrize("table", LINES.values(), ids=LINES)
def test_rows_and_columns(table: Table, tmp_path: Path) -> None:
    (found,) = tables_in(book_of(table), tmp_path)
    layout = Layout.COLUMNS if isinstance(table, Transposed) else Layout.ROWS
    assert_found(found, table, layout=layout)


FORMS: dict[str, Form] = {
    " ".join((labels, blocks, new, *(["own"] if own else []), *(["once"] if once else []))): Form(
        labels=labels, blocks=blocks, new=new, own=own, once=once, rows=4, top=4, counter=""
    )
    for labels, blocks, new, own, once in product(
        ("beside", "above"),
        ("stacked", "side by side", "sheets"),
        ("", "new {}", "{}+", "{}'"),
        (True, False),
        (True, False),
    )
    if own or new
}
FORMS |= {
    "with headings": Form(rows=3, heading="Iteration {}"),
    "with headings side by side": Form(rows=3, heading="Step {}", blocks="side by side", top=5),
    "with signs": Form(rows=3, sign="="),
    "a row of labels per block": Form(rows=3, labels="above", wrap=40),
    "a row of labels per sheet": Form(rows=3, labels="above", wrap=40, blocks="sheets"),
    "net and out": Form(rows=3, header=DIALECTS["net and out"], labels="above"),
    "equations": Form(rows=3, header=lambda name: EQUATIONS.get(name, name)),
    "with δ": Form(rows=3, order=DELTA_ORDER, formulas=WITH_DELTAS),
    "mazur": Form(rows=3, top=6, **mazur_labels()),
    "mazur with biases": Form(rows=3, top=6, blocks="sheets", **mazur_columns()),
    "xor": Form(**xor(8)),
    "xor on sheets": Form(blocks="sheets", **xor(8)),
    "one block": Form(rows=1),
    "one block above": Form(rows=1, labels="above"),
    "typed": Form(rows=4, digits=99),
    "typed on sheets": Form(rows=4, digits=99, blocks="sheets"),
    "typed on sheets without numbers": Form(
        rows=2, digits=99, blocks="sheets", sheet_names="{}. part", rate="none"
    ),
    "typed and rounded, new weights": Form(
        rows=3, digits=6, blocks="sheets", sheet_names="{}. part", new="new {}"
    ),
    "by hand on sheets": Form(rows=3, blocks="sheets", sheet_names="Nr. {}"),
}


@pytest.mark.parametrize("form", some_named(FORMS, 52))
def test_forms(form: Form, tmp_path: Path) -> None:
    (found,) = tables_in(book_of(form), tmp_path)
    without = form.given if form.once and form.rows > 1 else ()
    more = int(bool(form.new))  # the last block's updates
    assert_found(found, form, layout=Layout.FORM, without=without, more=more)
    assert set(found.sheets) == {form.block(row)[0] for row in range(form.rows)}
    if form.once:
        labels = labeled_values(found)
        for name, value in form.given.items():
            assert labels[name] == {address(form, name, 0): value}
    if form.new and form.digits is None:  # the last block has the next record's weights
        assert found.locate(address(form, "new w1", form.rows - 1)) == ("w1", form.rows)


def test_new_weights_of_a_single_block_are_the_next_record(tmp_path: Path) -> None:
    form = Form(rows=1, new="{} new")
    (found,) = tables_in(book_of(form), tmp_path)
    assert found.records == 2
    for name in COURSE_ORDER:
        assert found.cell(name, 0) == address(form, name, 0)
        new = address(form, f"new {name}", 0) if name in WEIGHTS else None
        assert found.cell(name, 1) == new
    assert found.locate(address(form, "new w3", 0)) == ("w3", 1)


def test_weights_updated_in_their_own_equation(tmp_path: Path) -> None:
    """A label ``w1 = w1 - η*…`` beside another w1 is the next iteration's."""
    form = Form(rows=1, new="{0} = {0} - η*∂E/∂{0}")
    (found,) = tables_in(book_of(form), tmp_path)
    assert found.records == 2
    assert found.cell("w5", 1) == address(form, "new w5", 0)


def test_one_row_is_a_table_in_rows(tmp_path: Path) -> None:
    (found,) = tables_in(book_of(Table(rows=1)), tmp_path)
    assert found.layout == Layout.ROWS
    assert found.records == 1


def test_an_unfinished_last_block(tmp_path: Path) -> None:
    form = Form(rows=4)
    book = book_of(form)
    kept = {address(form, name, 3)[1] for name in ("iteration", "t1", "t2", "i1", "i2", *WEIGHTS)}
    first = form.block(3)[1]
    for row, column in list(book.sheets["Sheet1"]):
        if row >= first and row + 1 not in kept:
            del book.sheets["Sheet1"][row, column]
    (found,) = tables_in(book, tmp_path)
    assert found.records == 4
    assert found.cell("w8", 3) == address(form, "w8", 3)
    assert found.cell("h1", 3) is None
    assert found.cell("h1", 2) == address(form, "h1", 2)


def test_sheets_from_right_to_left(tmp_path: Path) -> None:
    """Each new sheet was put before the others: the formulas say which follows which."""
    form = Form(rows=3, blocks="sheets", sheet_names="No {}")
    book = book_of(form)
    book.sheets = dict(reversed(book.sheets.items()))
    (found,) = tables_in(book, tmp_path)
    assert_found(found, form, layout=Layout.FORM)


def test_unfinished_rows_and_units(tmp_path: Path) -> None:
    table = Table(rows=5, extra={("w1", 5): PLAIN["w1"], ("w2", 5): PLAIN["w2"]})
    book = book_of(table)
    (found,) = tables_in(book, tmp_path)
    assert found.records == 6
    assert found.value("h1", 5) is None

    table = Table(rows=5, top=3)
    book = Book()
    table.place(book)
    for name in COURSE_ORDER:
        sheet, row, column = table.position(name, -1)
        book.put(sheet, row - 1, column, table.header(name))
        book.put(sheet, row, column, "[–]")
    (found,) = tables_in(book, tmp_path)
    assert_records_start_at(found, table)


def assert_records_start_at(found: FoundTable, table: Table) -> None:
    assert found.records == table.rows
    assert all(found.cell(name, 0) == address(table, name, 0) for name in COURSE_ORDER)


def test_two_header_lines_are_one_table(tmp_path: Path) -> None:
    table = Table(rows=5)
    book = book_of(table)
    for name in COURSE_ORDER:
        sheet, row, column = table.position(name, -1)
        book.put(sheet, row - 1, column, EQUATIONS.get(name))
    (found,) = tables_in(book, tmp_path)
    assert_records_start_at(found, table)
    assert found.header("w1") == address(table, "w1", -1)


def test_tables_stacked_and_side_by_side(tmp_path: Path) -> None:
    first = Table(rows=4)
    beside = Table(rows=4, left=first.right_edge(), eta=1.0, header=DIALECTS["net and out"])
    below = Table(rows=3, top=9, eta=2.0)
    columns = Transposed(rows=5, top=20)
    right_of_it = Transposed(rows=6, top=20, left=columns.right_edge() + 2, eta=1.0)
    under_it = Transposed(rows=2, top=60, eta=2.0)
    tables = (first, beside, below, columns, right_of_it, under_it)
    found = tables_in(book_of(*tables), tmp_path)
    assert [table.layout for table in found] == [Layout.ROWS] * 3 + [Layout.COLUMNS] * 3
    assert [table.records for table in found] == [4, 4, 3, 5, 6, 2]
    for table, there in zip(tables, found, strict=True):
        assert there.cell("∂E/∂w8", 1) == address(table, "∂E/∂w8", 1)


def test_runs_of_other_learning_rates_do_not_continue_each_other(tmp_path: Path) -> None:
    """Two forms that start with the same weights are two tables, on one sheet and on several."""
    one, other = Form(rows=3), Form(rows=3, top=110, eta=2.0)
    found = tables_in(book_of(one, other), tmp_path)
    assert [table.records for table in found] == [3, 3]
    book = Book()
    for number_, eta in enumerate((0.1, 0.5, 2.0)):
        Form(rows=1 + number_ % 2, eta=eta, sheet=f"LR {eta:g}").place(book)
    found = tables_in(book, tmp_path)
    assert [table.sheet for table in found] == ["LR 0.1", "LR 0.5", "LR 2"]
    assert [table.records for table in found] == [1, 2, 1]


def test_forms_come_before_the_tables_of_later_sheets(tmp_path: Path) -> None:
    book = book_of(Form(rows=2, sheet="A"), Table(rows=3, sheet="B"), Table(rows=1, sheet="C"))
    found = tables_in(book, tmp_path)
    assert [(table.sheet, table.layout) for table in found] == [
        ("A", Layout.FORM),
        ("B", Layout.ROWS),
        ("C", Layout.ROWS),
    ]


class Worksheet(Form):
    """Given values under their labels, then lists of labeled values side by side."""

    LISTS = (
        ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"),
        ("h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total"),
        tuple(f"∂E/∂w{n}" for n in range(1, 9)),
        tuple(f"new w{n}" for n in range(1, 9)),
    )

    def block(self, row: int) -> tuple[str, int, int]:
        sheet = self.sheet_names.format(row + 1) if self.blocks == "sheets" else self.sheet
        return sheet, self.top + (0 if self.blocks == "sheets" else 16 * row), self.left

    def label_position(self, name: str, row: int) -> tuple[str, int, int]:
        sheet, top, left = self.block(row)
        if name in GIVEN:
            return sheet, top, left + list(GIVEN).index(name)
        column = next(at for at, names in enumerate(self.LISTS) if name in names)
        return sheet, top + 3 + self.LISTS[column].index(name), left + 3 * column

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        sheet, at, column = super().position(name, row)
        if row >= 0 and name in GIVEN:
            return sheet, at + 1, column - 1
        return sheet, at, column


@pytest.mark.parametrize("blocks", ["stacked", "sheets"])
@pytest.mark.parametrize("new", ["{}+", "new {}"])
def test_a_worksheet_of_lists(new: str, blocks: str, tmp_path: Path) -> None:
    form = Worksheet(
        rows=3, counter="", new=new, blocks=blocks, header=DIALECTS["net and out"],
        sheet_names="Step {}",
    )  # fmt: skip
    (found,) = tables_in(book_of(form), tmp_path)
    assert_found(found, form, layout=Layout.FORM, more=1)


def test_a_list_of_given_values_above_a_form(tmp_path: Path) -> None:
    form = Form(rows=3, top=20)
    book = book_of(form)
    for row, (name, value) in enumerate({**WEIGHTS, **GIVEN}.items()):
        book.put("Sheet1", row, 0, name)
        book.put("Sheet1", row, 1, value)
    (found,) = tables_in(book, tmp_path)
    assert_found(found, form, layout=Layout.FORM)
    assert labeled_values(found)["w1"] == {Address("Sheet1", 1, 2): 0.15}


def test_a_summary_below_a_form(tmp_path: Path) -> None:
    form = Form(rows=3)
    book = book_of(form)
    bottom = form.block(3)[1] + 5
    for row, name in enumerate((*WEIGHTS, "E_total")):
        book.put("Sheet1", bottom + row, 1, name)
        book.put("Sheet1", bottom + row, 2, f"={form.cell(name, 2)}")
    (found,) = tables_in(book, tmp_path)
    assert_found(found, form, layout=Layout.FORM)


@pytest.mark.parametrize(
    "summary", ["={last}-{first}", "=({last}-{first})/{first}", "=AVERAGE({first}:{last})"]
)
@pytest.mark.parametrize("kind", [Table, Transposed])
def test_a_summary_is_no_iteration(kind: type[Table], summary: str, tmp_path: Path) -> None:
    table = kind(rows=4)
    book = book_of(table)
    for name in COURSE_ORDER:
        cells = {"first": table.cell(name, 0), "last": table.cell(name, 3)}
        book.put(*table.position(name, 4), summary.format(**cells))
    (found,) = tables_in(book, tmp_path)
    assert found.records == 4


def test_helper_cells(tmp_path: Path) -> None:
    order = (*COURSE_ORDER[:23], *DELTAS, *COURSE_ORDER[23:])
    for kind in (Table, Transposed, Form):
        table = kind(
            rows=3,
            order=order,
            formulas=WITH_DELTAS,
            header=lambda name: f"step {ord(name[-1])}" if name in DELTAS else name,
        )
        (found,) = tables_in(book_of(table), tmp_path)
        helper = address(table, "δ_h1", 1)
        assert found.is_helper(helper)
        assert found.locate(helper) is None
        assert found.formula_at(helper).startswith("=")
        assert not found.is_helper(Address("Other", helper.row, helper.column))
        assert not found.is_helper(address(table, "h1", 1))
        assert found.formula_at(Address("Other", 1, 1)) is None


def test_values_and_formulas(tmp_path: Path) -> None:
    for table in (Table(rows=3), Transposed(rows=3), Form(rows=3, blocks="sheets")):
        book = book_of(table)
        (found,) = tables_in(book, tmp_path)
        for name in COURSE_ORDER:
            sheet, row, column = table.position(name, 1)
            assert number(found.value(name, 1)) == pytest.approx(book.value(sheet, row, column))
            assert found.formula(name, 1) == book.sheets[sheet][row, column]
        assert found.formula("w1", 0) is None
        assert found.value("w1", 99) is None


# ---------------------------------------------------------------------------------------------
# What is no table


def gradebook(book: Book) -> None:
    head = ("No", "Name", *(f"W{n}" for n in range(1, 9)), "H1", "H2", "H3", "T1", "T2", "Total")
    for column, text in enumerate(head):
        book.put("Sheet1", 0, column, text)
        for row in range(1, 20):
            book.put("Sheet1", row, column, f"Student {row}" if column == 1 else 10 + row + column)


def targets_of_weeks(book: Book) -> None:
    for column, text in enumerate(("W1", "W2", "W3", "W4", "W5", "Target", "Output", "Error")):
        book.put("Sheet1", 0, column, text)
        for row in range(1, 20):
            book.put("Sheet1", row, column, row + column)


def legend(book: Book) -> None:
    for row, (name, text) in enumerate(EQUATIONS.items()):
        book.put("Sheet1", row, 0, name)
        book.put("Sheet1", row, 1, text.partition("= ")[2])
        book.put("Sheet1", row, 3, text)


def overview(book: Book) -> None:
    for row, (name, value) in enumerate({**GIVEN, **WEIGHTS, "η": 0.5}.items()):
        book.put("Sheet1", row, 0, name)
        book.put("Sheet1", row, 1, value)


def weights_alone(book: Book) -> None:
    for column, (name, value) in enumerate(WEIGHTS.items()):
        book.put("Sheet1", 3, column, name)
        for row in range(5):
            book.put("Sheet1", 4 + row, column, value + row)


def losses(book: Book) -> None:
    for column, eta in enumerate((0.1, 0.2, 0.5, 0.8, 1, 2)):
        book.put("Sheet1", 0, column + 1, f"LR = {eta}")
        book.put("Sheet1", 1, column + 1, "E_total")
        for row in range(30):
            book.put("Sheet1", 2 + row, column + 1, 0.2 / (1 + eta * row))


def final_values(book: Book) -> None:
    """One row per learning rate."""
    names = ("LR", "E_total", "a_o1", "a_o2", *WEIGHTS)
    for column, name in enumerate(names):
        book.put("Sheet1", 0, column, name)
        for row in range(1, 7):
            book.put("Sheet1", row, column, 0.1 * row + column)


def samples(book: Book) -> None:
    for column, name in enumerate(("sample", "i1", "i2", "i3", "i4", "t1", "t2")):
        book.put("Sheet1", 0, column, name)
        for row in range(1, 9):
            book.put("Sheet1", row, column, row % 2)


def text(book: Book) -> None:
    for row in range(60):
        book.put("Sheet1", row, row % 7, f"a_h1 and w{row % 8 + 1} lead to the output")


def empty(book: Book) -> None:
    book.sheets["Sheet1"] = {}


NO_TABLES = (
    *(gradebook, targets_of_weeks, legend, overview, weights_alone, losses, final_values),
    *(samples, text, empty),
)


@pytest.mark.parametrize("fill", NO_TABLES)
def test_no_table(fill: Callable[[Book], None], tmp_path: Path) -> None:
    book = Book()
    fill(book)
    assert tables_in(book, tmp_path) == []
    for sheet in book.sheets.values():  # the same the other way round
        turned = {(column, row): content for (row, column), content in sheet.items()}
        book.sheets["Sheet1"] = turned
    assert tables_in(book, tmp_path) == []


@pytest.mark.parametrize("fill", NO_TABLES)
@pytest.mark.parametrize("kind", [Table, Transposed, Form])
def test_a_table_among_other_sheets(
    kind: type[Table], fill: Callable[[Book], None], tmp_path: Path
) -> None:
    book = Book()
    fill(book)
    table = kind(rows=3, sheet="Table")
    table.place(book)
    book.put("Last", 3, 3, "the end")
    (found,) = tables_in(book, tmp_path)
    assert found.sheet == "Table"
    assert found.records == 3


def test_a_table_among_many_things(tmp_path: Path) -> None:
    table = Table(top=4, left=2, rows=12)
    book = book_of(table)
    student_workbooks.decorate(book, table)
    edge = table.right_edge() + 8
    summary = {"a_h1": 0.6, "h1": 0.4, "a_o1": 0.1, "E_total": 0.2, **WEIGHTS}
    for row, (name, value) in enumerate(summary.items()):  # first and last values
        book.put("Sheet1", 6 + row, edge, name)
        book.put("Sheet1", 6 + row, edge + 1, value)
        book.put("Sheet1", 6 + row, edge + 2, value + 0.01)
    (found,) = tables_in(book, tmp_path)
    assert_found(found, table, layout=Layout.ROWS)


@pytest.mark.parametrize("kind", [Table, Transposed])
def test_copies_of_final_values_are_no_table(kind: type[Table], tmp_path: Path) -> None:
    """A sheet that collects the last row of each learning rate by references."""
    book = Book()
    summary = kind(rows=3, sheet="Summary", rate="none", counter="")
    for row, eta in enumerate((0.1, 0.5, 2.0)):
        table = Table(rows=4, eta=eta, sheet=f"LR {eta:g}")
        table.place(book)
        for name in COURSE_ORDER:
            book.put(*summary.position(name, -1), name)
            book.put(*summary.position(name, row), f"='LR {eta:g}'!{table.cell(name, 3)}")
    assert [table.sheet for table in tables_in(book, tmp_path)] == ["LR 0.1", "LR 0.5", "LR 2"]


@pytest.mark.parametrize("given_again", [True, False])
def test_a_gradient_check_is_no_table(given_again: bool, tmp_path: Path) -> None:
    """Forward passes with one weight changed, a row per weight that is named at the left."""
    forward = COURSE_ORDER[:23]
    table = Table(
        rows=9, top=15, order=forward, counter="", rate="none", repeat="typed", sheet="Check",
        changes={
            name: lambda row, at=at, value=value: value + 1e-4 * (at == row)
            for at, (name, value) in enumerate(WEIGHTS.items())
        },
        since=dict.fromkeys(WEIGHTS, 0),
    )  # fmt: skip
    book = book_of(Table(rows=3), table)
    book.put("Check", 15, 0, "parameter")
    for row, name in enumerate(WEIGHTS):
        book.put("Check", 16 + row, 0, name)
        book.put("Check", 2 + row, 0, name)
        for column in range(1, 5):
            book.put("Check", 2 + row, column, 0.01 * column)
        if not given_again:
            for given_name in GIVEN:
                del book.sheets["Check"][table.position(given_name, row)[1:]]
    book._values.clear()
    if not given_again:
        book.sheets["Check"] = {
            place: 0.5 if isinstance(content, str) and content.startswith("=") else content
            for place, content in book.sheets["Check"].items()
        }
    assert [found.sheet for found in tables_in(book, tmp_path)] == ["Sheet1"]


# ---------------------------------------------------------------------------------------------
# Our own workbooks

SMALL = """
title = "1-1-1"
[network]
neurons = [1, 1, 1]
activations = ["sigmoid", "sigmoid"]
[parameters]
weights = [0.5, 0.6]
[[samples]]
inputs = [0.5]
targets = [0.1]
[training]
learning_rates = [0.1, 1]
"""
WIDE = """
title = "12 hidden neurons"
[network]
neurons = [3, 12, 3]
activations = ["tanh", "softmax"]
bias = "neuron"
[parameters]
seed = 7
[[samples]]
inputs = [1, 0, 0.5]
targets = [1, 0, 0]
[[samples]]
inputs = [0, 1, 0.5]
targets = [0, 0, 1]
[training]
loss = "cross_entropy"
optimizer = "adamw"
learning_rates = [0.1]
"""


@pytest.mark.parametrize(
    "exercise", [*packaged_exercises(), SMALL, WIDE], ids=lambda text: text[:9]
)
def test_our_own_workbooks(exercise: str, tmp_path: Path) -> None:
    """A table per learning rate, and nothing else is one."""
    known = exercise in packaged_exercises()
    described = load_exercise(exercise) if known else parse_exercise(exercise)
    path = tmp_path / "own.xlsx"
    write_workbook(with_values(described, iterations=4), path)
    system = system_of(described)
    columns = {*system.columns, "iteration", *(["sample"] if system.has_sample_column else [])}
    tables = list(find_tables(read_sheets(path)))
    rates = described.training.learning_rates
    assert [table.sheet for table in tables] == [f"LR {rate:g}" for rate in rates]
    for table, rate in zip(tables, rates, strict=True):
        assert table.layout == Layout.ROWS
        assert table.records == 5 * system.rows_per_iteration
        assert set(table.names) == columns
        assert list(labeled_values(table)["η"].values()) == [rate]


# ---------------------------------------------------------------------------------------------
# Labels


RATE_LABELS = ("η", "LR", "lr =", "Learning rate:", "Learning Rate (η)", "learning_rate", "alpha")


@pytest.mark.parametrize("label", RATE_LABELS)
@pytest.mark.parametrize("rate", ["right", "below", "beside", "text"])
def test_learning_rates(rate: str, label: str, tmp_path: Path) -> None:
    if rate == "text" and "=" in label:
        label = "LR"
    for table in (Table(rows=3, rate=rate, label=label), Form(rows=2, rate="right", label=label)):
        (found,) = tables_in(book_of(table), tmp_path)
        assert list(labeled_values(found)["η"].values()) == [0.5]


def test_labels_in_words(tmp_path: Path) -> None:
    book = book_of(Table(rows=3, top=12, rate="none"))
    texts = {
        (0, 0): "b1 = 0.35; b2: 0,60",
        (1, 0): "w1=0.15, w2 = -2e-1",
        (2, 0): "β1 = 0.9 and β2 = 0.999",
        (3, 0): "h1 = 3",  # computed, not given
        (4, 0): "momentum (μ)",
        (4, 1): 0.9,
        (5, 0): "ε",
        (6, 0): 1e-8,
        (0, 12): "i1",  # a column of numbers
        (1, 12): 0,
        (2, 12): 1,
        (0, 13): "new w3",
        (1, 13): 7,
        (8, 8): "t1",
        (8, 10): 0.01,
    }
    for (row, column), content in texts.items():
        book.put("Sheet1", row, column, content)
    (found,) = tables_in(book, tmp_path)
    home = "Sheet1"
    assert labeled_values(found) == {
        "b1": {Address(home, 1, 1): 0.35},
        "b2": {Address(home, 1, 1): 0.6},
        "w1": {Address(home, 2, 1): 0.15},
        "w2": {Address(home, 2, 1): -0.2},
        "β1": {Address(home, 3, 1): 0.9},
        "β2": {Address(home, 3, 1): 0.999},
        "μ": {Address(home, 5, 2): 0.9},
        "ε": {Address(home, 7, 1): 1e-8},
        "t1": {Address(home, 9, 11): 0.01},
    }


@pytest.mark.parametrize("kind", [Table, Transposed, Form])
def test_biases_beside_the_table(kind: type[Table], tmp_path: Path) -> None:
    table = kind(rows=3, top=6, **mazur_labels())
    (found,) = tables_in(book_of(table), tmp_path)
    labels = labeled_values(found)
    for name, value in table.beside.items():
        row, column = table.label_cell(name)
        assert labels[name] == {Address("Sheet1", row + 1, column + 1): value}


def test_biases_named_after_their_neurons(tmp_path: Path) -> None:
    book = book_of(Table(rows=3, top=8))
    for row, (name, value) in enumerate({"b_o2": 4.0, "b_h1": 1.0, "b_h2": 2.0}.items()):
        book.put("Sheet1", row, 8, name)
        book.put("Sheet1", row, 9, value)
    (found,) = tables_in(book, tmp_path)
    labels = labeled_values(found)
    assert [next(iter(labels[name].values())) for name in ("b1", "b2", "b4")] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("kind", [Table, Transposed])
def test_a_number_alone_under_its_header_is_a_label(kind: type[Table], tmp_path: Path) -> None:
    """b1 and b2 have a number in the first row only, and the formulas refer to it."""
    fixed = {
        name: re.sub(r"\[(b\d)\]", r"[\1@$]", formula)
        for name, formula in mazur_columns()["formulas"].items()
    }
    empty_below = dict.fromkeys(("b1", "b2"), lambda row: None)
    table = kind(rows=4, **{**mazur_columns(), "formulas": fixed}, changes=empty_below)
    (found,) = tables_in(book_of(table), tmp_path)
    assert not {"b1", "b2"} & set(found.names)
    labels = labeled_values(found)
    assert labels["b1"] == {address(table, "b1", 0): 0.35}
    assert labels["b2"] == {address(table, "b2", 0): 0.6}


# ---------------------------------------------------------------------------------------------
# Any sheet

WORDS = st.sampled_from(
    [
        *(*COURSE_ORDER, *DELTAS, *EQUATIONS.values(), "iteration", "η", "b1", "b", "y1", "out"),
        *("new w1", "w1+", "w2'", "Iteration 2", "η = 0.5", "h1_2", "h11", "∂E1/∂w1", "b_h1"),
    ]
)
CONTENTS = WORDS | st.floats(allow_nan=True) | st.integers() | st.text(max_size=8) | st.booleans()
CELLS = st.dictionaries(st.tuples(st.integers(1, 12), st.integers(1, 12)), CONTENTS, max_size=90)
FORMULAS = st.dictionaries(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.text("=+-*'!$()A1B2S ", max_size=20) | st.just("='S1'!B2+A1"),
    max_size=12,
)


@given(st.lists(st.tuples(CELLS, FORMULAS), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_no_sheet_is_a_crash(contents: list[tuple[dict[Any, Any], dict[Any, Any]]]) -> None:
    sheets = [Sheet(f"S{at}", *cells) for at, cells in enumerate(contents)]
    for table in find_tables(sheets):
        assert_consistent(table)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_labels_and_numbers_in_any_order(data: st.DataObject) -> None:
    """Sheets that nearly are forms or tables."""
    sheet = Sheet("S0")
    for row in range(1, 31):
        for column in range(1, 5):
            as_label = data.draw(st.integers(0, 3)) == 0 if column % 2 == 0 else True
            sheet.values[row, column] = data.draw(WORDS) if as_label else row + column / 10
    for table in find_tables([sheet]):
        assert_consistent(table)


def assert_consistent(table: FoundTable) -> None:
    assert table.records >= 1
    assert len(set(table.names)) == len(table.names)
    for name in table.names:
        assert CANONICAL.fullmatch(name)
        assert table.header(name).sheet in table.sheets
        for record in range(table.records):
            cell = table.cell(name, record)
            if cell is not None:
                assert table.locate(cell) == (name, record)
                assert not table.is_helper(cell)
                assert cell != table.header(name)
    for values in labeled_values(table).values():
        assert all(isinstance(value, float) for value in values.values())


# ---------------------------------------------------------------------------------------------
# Large sheets


def labels_down(size: int) -> Sheet:
    """Labels with a number right of them: blocks of a form that never end."""
    names = ("w1", "h1", "a_h1", "E1", "E_total", "∂E/∂w1", "i1", "t1", "w2", "a_o1")
    sheet = Sheet("S")
    for row in range(1, size + 1):
        sheet.values[row, 1], sheet.values[row, 2] = names[row % 10], float(row)
    return sheet


def labels_alone(size: int) -> Sheet:
    sheet = Sheet("S")
    for row in range(1, size + 1):
        sheet.values[row, 1] = f"w{row % 900 + 1}"
        sheet.values[row, 2] = "a_h1"
    return sheet


def labels_across(size: int) -> Sheet:
    sheet = Sheet("S")
    names = [f"w{n}" for n in range(1, 400)] + ["h1", "a_h1", "E_total", "∂E/∂w1"] * 30
    for row in range(1, max(size // 500, 1) + 1):
        for column in range(1, 501):
            sheet.values[row, column] = names[column % len(names)]
    return sheet


def headings(size: int) -> Sheet:
    sheet = labels_down(size)
    for row in range(1, size + 1):
        sheet.values[row, 4] = f"Iteration {row}"
    return sheet


def links(size: int) -> Sheet:
    sheet = labels_down(size)
    for row in range(1, size + 1):
        sheet.formulas[row, 2] = f"=B{max(row - 10, 1)}*2+" + "'" * 200
    return sheet


@pytest.mark.thorough
@pytest.mark.parametrize("make", [labels_down, labels_alone, labels_across, headings, links])
def test_the_work_grows_with_the_size_of_a_sheet(make: Callable[[int], Sheet]) -> None:
    def calls(size: int) -> int:
        sheet, count = make(size), 0

        def note(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            for table in find_tables([sheet]):
                labeled_values(table)
        finally:
            sys.setprofile(None)
        return count

    calls(500)  # fills the caches
    assert calls(8000) < 6 * calls(2000)


def test_too_many_tables() -> None:
    sheet = labels_down(6000)
    for row in range(1, 6001):
        sheet.values[row, 2] = float(row % 10)  # each block starts again
    with pytest.raises(UnreadableWorkbookError, match="too many tables"):
        list(find_tables([sheet]))


def test_a_sheet_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory: when the next sheet is read, those before the last are gone; small forms are kept."""
    monkeypatch.setattr("backprop_sheet.audit.find.layouts.MAX_HELD_CELLS", 1000)
    alive: list[weakref.ref[Sheet]] = []
    kept: list[int] = []

    def sheets() -> Iterator[Sheet]:
        for at, make in enumerate((classic, labels_alone, large_form, classic, small_form)):
            kept.append(sum(reference() is not None for reference in alive))
            sheet = make(1500)
            sheet.title = f"S{at}"
            alive.append(weakref.ref(sheet))
            yield sheet
            del sheet

    def classic(_: int) -> Sheet:
        sheet = Sheet("S")
        for column, name in enumerate(COURSE_ORDER, 1):
            sheet.values[1, column] = name
            for row in range(2, 40):
                sheet.values[row, column] = float(row)
        return sheet

    def large_form(size: int) -> Sheet:
        return labels_down(size)

    def small_form(_: int) -> Sheet:
        return labels_down(20)

    found = [table.sheet for table in find_tables(sheets())]
    assert found == ["S0", "S2", "S3", "S4"]
    assert max(kept) <= 1


def test_long_tables_have_no_cells_of_their_own() -> None:
    sheet = Sheet("S")
    for column, name in enumerate(COURSE_ORDER, 1):
        sheet.values[1, column] = name
    for row in range(2, 3002):
        sheet.values |= {(row, column): 0.5 for column in range(1, 32)}
    (table,) = find_tables([sheet])
    assert table.records == 3000
    own = [value for value in vars(table).values() if isinstance(value, Mapping | list | tuple)]
    assert max(map(len, own)) <= len(COURSE_ORDER)


def test_addresses() -> None:
    assert Address("Sheet1", 5, 28).local == "AB5"
    assert Address("Sheet1", 5, 2).text("Sheet1") == "B5"
    assert Address("Sheet1", 5, 2).text("Other") == "Sheet1!B5"
    assert Address("Iter 2", 5, 2).text("Other") == "'Iter 2'!B5"
    assert Address("It's", 5, 2).text("Other") == "'It''s'!B5"
    assert Address("LR1", 5, 2).text("Other") == "'LR1'!B5"
