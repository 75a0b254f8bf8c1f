"""Where updates take η from: an input's cell, an empty cell, and a table of results beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.check_command import judge_one
from fixtures.dialect_tables import FIRST_ROW, HEADER_ROW, RATE_CELL, DialectTable
from fixtures.student_workbooks import COURSE_ORDER, GIVEN, Book, Table, Transposed, book_of
from xlsxwriter.utility import xl_rowcol_to_cell

from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.symbolic.rendering import to_excel

WEIGHTS = range(1, 9)
ETA_FROM_I1 = {f"w{n}": f"w{n}[n-1] - i1[n-1]*∂E/∂w{n}[n-1]" for n in WEIGHTS}
DIALECTS = {
    "plain": lambda text: f"={text}",
    "unreadable": lambda text: f"=CHOOSE(1,{text})",
    "let": lambda text: f"=LET(x,{text},x)",
}


def with_typed_rate(column, record, cell, rhs):
    """Write a formula with the number 0.5 for η."""
    return "=" + to_excel(rhs, cell).replace("$B$1", "0.5")


def with_rate_column(table: DialectTable) -> DialectTable:
    """Move η from its labelled cell to a column of the table."""
    column = 2 + len(table.columns)
    del table.sheet.values[RATE_CELL], table.sheet.values[RATE_CELL[0], RATE_CELL[1] - 1]
    table.sheet.values[HEADER_ROW, column] = "η"
    for record in range(table.rows):
        table.sheet.values[FIRST_ROW + record, column] = 0.5
    return table


@pytest.mark.parametrize("place", ["label", "column"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_eta_from_an_input_in_all_updates_is_said_once(dialect, place):
    def write(column, record, cell, rhs):
        return DIALECTS[dialect](to_excel(rhs, cell))

    table = DialectTable(changed=ETA_FROM_I1, write=write)
    if place == "column":
        table = with_rate_column(table)
    (finding,) = table.audit().findings
    assert (finding.column, {finding.found, finding.expected}) == ("η", {0.05, 0.5})
    if dialect != "unreadable":
        assert "all updates use i1 (D4) where η belongs; the sheet has η = 0.5" in finding.cause


def test_eta_from_an_empty_cell_is_said_once_if_a_column_states_it():
    def write(column, record, cell, rhs):
        return "=" + to_excel(rhs, cell).replace("$B$1", "$A$2")

    changed = {f"w{n}": f"w{n}[n-1] - 0*η*∂E/∂w{n}[n-1]" for n in WEIGHTS}
    table = with_rate_column(DialectTable(changed=changed, write=write))
    for place, formula in table.sheet.formulas.items():
        table.sheet.formulas[place] = formula.replace("0*$A$2", "$A$2")
    (finding,) = table.audit().findings
    assert (finding.column, finding.first_cell) == ("η", "A2")
    assert "A2, which is empty" in finding.cause


@pytest.mark.parametrize("rows", [3, 8])
@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize("is_across", [False, True])
def test_a_table_of_results_beside_states_no_rate(is_across, gap, rows):
    table = DialectTable(rows=rows, write=with_typed_rate)
    del table.sheet.values[RATE_CELL], table.sheet.values[RATE_CELL[0], RATE_CELL[1] - 1]
    start = HEADER_ROW, 2 + gap + len(table.columns)
    for line, (rate, error) in enumerate([("η", "E_total"), (0.1, 0.23), (0.8, 0.18), (2, 0.1)]):
        for across, value in enumerate((rate, error)):
            down, right = (across, line) if is_across else (line, across)
            table.sheet.values[start[0] + down, start[1] + right] = value
    result = table.audit()
    assert (result.verdict, result.findings, result.lr) == ("right", (), 0.5)


def test_a_label_that_contradicts_the_updates_is_still_found():
    table = DialectTable(write=with_typed_rate)
    table.sheet.values[RATE_CELL] = 0.1
    (finding,) = table.audit().findings
    assert finding.cause.startswith("the sheet says 0.1 at B1, but the updates use 0.5")


@pytest.mark.parametrize(
    "words",
    ["rychlost učení", "współczynnik uczenia", "öğrenme oranı", "tanulási ráta", "rate", "l"],
)
def test_a_typed_column_states_the_rate_in_any_language(words):
    """No formula tells that its numbers, which no update uses, are η."""
    table = with_rate_column(DialectTable(changed=ETA_FROM_I1, typed=True))
    table.sheet.values[HEADER_ROW, 2 + len(table.columns)] = words
    (finding,) = table.audit().findings
    assert (finding.column, finding.found, finding.expected) == ("η", 0.5, 0.05)


class BelowGiven(Table):
    """A table below a list of given values, of which η is the first."""

    def label_cell(self, name: str) -> tuple[int, int]:
        return 1 + list(self.beside).index(name), 1


@pytest.mark.parametrize(
    ("formula", "cause"),
    [
        ("B{row}", "because the formula was filled down (write $B$1)"),
        ("$B$2", "another quantity: t1 where η belongs"),
        ("$B$6", "η is read from B6, which is empty and counts as 0, instead of B1"),
        ("$B$7", "η is read from B7 instead of B1"),
    ],
    ids=["slides", "fixed", "empty", "another number"],
)
@pytest.mark.parametrize("others", ["$B$1", "0.5"])
def test_eta_from_the_given_values_below_it(
    formula: str, cause: str, others: str, tmp_path: Path
) -> None:
    def update(weight: str) -> Callable[[int], str]:
        def template(row: int) -> str:
            rate = formula.format(row=row) if weight == "w3" else others
            return f"[{weight}@-1]-{rate}*[∂E/∂{weight}@-1]"

        return template

    order = [name for name in COURSE_ORDER if name not in GIVEN]
    table = BelowGiven(
        top=8,
        rows=4,
        order=order,
        beside=GIVEN,
        rate="literal",
        changes={f"w{n}": update(f"w{n}") for n in WEIGHTS},
    )
    book = book_of(table)
    book.put(table.sheet, 0, 0, "η")
    book.put(table.sheet, 0, 1, table.eta)
    book.put(table.sheet, 6, 1, 0.2)
    [judged] = audit_workbook(book.write(tmp_path / "book.xlsx")).tables
    (finding,) = judged.findings
    wanted = cause if others == "$B$1" else "where η belongs"  # the others have no such cell
    assert (finding.column, finding.cause.endswith(wanted)) == ("w3", True), finding.cause


class RateAtTheLeft(Transposed):
    """The label of η beside the names of the lines, and its number below it."""

    def _rate(self, book: Book) -> Callable[[int], str]:
        row, column = self.top + 2, self.left - 1
        book.put(self.sheet, row, column, "LR")
        book.put(self.sheet, row + 1, column, self.eta)
        return lambda _: xl_rowcol_to_cell(row + 1, column, True, True)


def test_the_first_number_of_a_line_beside_the_label_is_no_rate(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(RateAtTheLeft(left=2, rows=5)))
    assert (result["verdict"], result["faults"], result["lr"]) == ("right", [], 0.5)


@pytest.mark.parametrize(("sign", "verdict"), [("-", "right"), ("+", "wrong")])
def test_a_negative_number_in_the_cell_of_the_rate_is_its_negative(sign, verdict):
    """w + (-η)*∂E/∂w descends, and w - (-η)*∂E/∂w ascends."""

    def write(column, record, cell, rhs):
        return "=" + to_excel(rhs, cell).replace(f"{sign}$B$1", f"{'-+'[sign == '-']}$B$1")

    changed = {f"w{n}": f"w{n}[n-1] {sign} η*∂E/∂w{n}[n-1]" for n in WEIGHTS}
    table = DialectTable(changed=changed, write=write)
    table.sheet.values[RATE_CELL] = -0.5
    table.sheet.values[RATE_CELL[0], RATE_CELL[1] - 1] = "-η"
    result = table.audit()
    assert (result.verdict, result.lr) == (verdict, 0.5)
