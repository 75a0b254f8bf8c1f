"""Mistakes in networks that no packaged exercise has: found in the cell in which they were made."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.damaged_packages import parts_of, write_parts
from fixtures.sampling import some_of
from fixtures.student_workbooks import Book
from fixtures.textbook_networks import NETWORKS, SHEET, TextbookNetwork

from backprop_sheet.audit.results import RIGHT, WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook


def checked(network: TextbookNetwork, path: Path) -> TableResult:
    result = audit_workbook(network.write(path / "book.xlsx"))
    assert not result.problems
    [table] = result.tables
    return table


def wrong(network: TextbookNetwork, key: str, formula: str, path: Path) -> TableResult:
    """The result for a workbook with one wrong formula, which is the only finding."""
    changed = replace(network, mistakes={key: formula})
    table = checked(changed.with_mistake(key), path)
    assert table.verdict == WRONG
    assert [each.first_cell for each in table.findings] == [changed.first_wrong(key)]
    return table


def test_a_weight_that_no_sum_has_any_more(tmp_path: Path) -> None:
    """Only δ of the hidden layer, and what follows from it, still use it."""
    network = NETWORKS["Mazur, biases updated"]
    table = wrong(network, "no2", "=w7*oh1+w6*oh2+b2*1", tmp_path)
    assert table.findings[0].cause == "another weight: w6 where w8 belongs"


def test_a_loss_that_only_repeats_the_difference(tmp_path: Path) -> None:
    table = wrong(NETWORKS["line with momentum"], "L", "=e", tmp_path)
    assert table.findings[0].cause == "this is the formula of ∂E/∂b1"


TWO_INPUTS = TextbookNetwork(
    """
    x1 | size | 1, 2, 3, 4, 5
    x2 | rooms | 2, 1, 3, 2, 4
    y | price | 3.1, 4.2, 7.3, 8.1, 11.2
    b0 | b0 | 0 ; =b0@1-alpha*g0@1
    b1 | b1 | 0.5 ; =b1@1-alpha*g1@1
    b2 | b2 | 0.1 ; =b2@1-alpha*g2@1
    p | y_pred | =b0+b1*x1+b2*x2
    e | residual | =p-y
    l | loss | =e^2
    g0 | d/db0 | =2*e
    g1 | d/db1 | =2*e*x1
    g2 | d/db2 | =2*e*x2
    """,
    (2, 1),
    cells="alpha = alpha; 0.01",
    records=15,
    mistakes={"g2": "=2*e*x1", "l": "=e", "g0": "=e", "p": "=b0+b1*x1-b2*x2"},
)


@pytest.mark.parametrize("key", some_of(TWO_INPUTS.mistakes, 2))
def test_a_difference_is_no_error(key: str, tmp_path: Path) -> None:
    """Gradients are computed from it: without and with a file, the mistake is in its own cell."""
    right = audit_workbook(TWO_INPUTS.write(tmp_path / "right.xlsx"))
    assert right.tables[0].verdict == RIGHT
    path = TWO_INPUTS.with_mistake(key).write(tmp_path / "wrong.xlsx")
    for exercise in (None, right.networks[0]):
        [table] = audit_workbook(path, exercise).tables
        assert [each.first_cell for each in table.findings] == [TWO_INPUTS.first_wrong(key)]


def with_bias_gradients(network: TextbookNetwork, *, has_short_headers: bool) -> TextbookNetwork:
    """The batch of XOR with a column for each ∂E/∂b, which repeats δ."""
    columns = network.columns
    for n in (1, 2, 3):
        columns = columns.replace(
            f"(d{n}@1+d{n}@2+d{n}@3+d{n}@4)", f"(c{n}@1+c{n}@2+c{n}@3+c{n}@4)"
        )
        columns += f"c{n} | db{n} | =d{n}\n"
    for n, neuron in enumerate(("h1", "h2", "o"), 1):
        columns = columns.replace(f"delta {neuron}", f"d{n}")
    if not has_short_headers:
        return replace(network, columns=columns)
    for n, neuron in enumerate(("h1", "h2", "o"), 1):
        columns = columns.replace(f"net {neuron}", f"z{n}").replace(f"out {neuron}", f"a{n}")
    for n in range(1, 7):
        columns = columns.replace(f"dE/dw{n}", f"dw{n}")
    for old, new in (("A XOR B", "t"), ("| A |", "| x1 |"), ("| B |", "| x2 |")):
        columns = columns.replace(old, new)
    return replace(network, columns=columns)


@pytest.mark.parametrize("has_short_headers", [True, False])
def test_of_equal_columns_the_update_tells_which_is_the_gradient(
    has_short_headers: bool, tmp_path: Path
) -> None:
    """δ_h2 has the numbers of ∂E/∂b2, but the update uses the wrong column under that header."""
    network = with_bias_gradients(NETWORKS["XOR batch"], has_short_headers=has_short_headers)
    assert checked(network, tmp_path).verdict == RIGHT
    table = wrong(network, "c2", "=d1", tmp_path)
    assert table.findings[0].column == "∂E/∂b2"


FORMS = {  # of steps Δ and of the updates, with the wrong sign of the step and its words
    "plain": ("=alpha*g@1", "-v", "=-alpha*g@1", ""),
    "subtracted": ("=mu*v@1+alpha*g@1", "-v", "=mu*v@1-alpha*g@1", "- instead of +"),
    "added": ("=mu*v@1-alpha*g@1", "+v", "=mu*v@1+alpha*g@1", "+ instead of -"),
}


def with_steps(form: str) -> TextbookNetwork:
    """A line whose steps, η included, are columns."""
    step, update, _, _ = FORMS[form]
    lines = [
        "x | x | 1, 2, 3",
        "y | y | 2.5, 4.1, 6.2",
        *(
            line.format(n=n, start=start)
            for n, start in (("a", 0.3), ("b", 0.1))
            for line in (
                f"{{n}} | {{n}} | {{start}} ; ={{n}}@1{update}{{n}}",
                f"v{{n}} | Δ{{n}} | 0 ; {step.replace('v@', 'v{n}@').replace('g@', 'g{n}@')}",
            )
        ),
        "p | prediction | =a*x+b",
        "L | loss | =0.5*(p-y)^2",
        "ga | grad a | =(p-y)*x",
        "gb | grad b | =p-y",
    ]
    return TextbookNetwork("\n".join(lines), (1, 1), cells="alpha = η; 0.05\nmu = μ; 0.9")


@pytest.mark.parametrize("form", some_of(FORMS, 1))
def test_a_wrong_step_is_found_where_it_was_made(form: str, tmp_path: Path) -> None:
    """And not in the parameter, whose update adds the step or subtracts it, rightly."""
    network = with_steps(form)
    assert checked(network, tmp_path).verdict == RIGHT
    _, update, sign, words = FORMS[form]
    formula = sign.replace("v@", "vb@").replace("g@", "gb@")
    [finding] = wrong(network, "vb", formula, tmp_path).findings
    if words:
        assert finding.cause.startswith(f"a wrong sign: {words} before")
        assert str(finding.expected_formula).startswith("μ*Δb1[n-1]")
    formula = sign.replace("v@", "vb@").replace("g@", "ga@").replace("-alpha", "+alpha")
    if words == "+ instead of -":
        formula = formula.replace("+alpha", "-alpha")
    [finding] = wrong(network, "vb", formula.replace("=+", "="), tmp_path).findings
    assert "∂E/∂w1" in finding.cause
    other = {"+": "-", "-": "+"}[update[0]]
    [finding] = wrong(network, "b", f"=b@1{other}vb", tmp_path).findings
    assert finding.cause.startswith("a wrong sign")


def test_one_wrong_step_is_wrong_in_its_row_alone(tmp_path: Path) -> None:
    """The steps below it are computed from it."""
    network = with_steps("added")
    book = network.book()
    row, column = 8, 6  # of vb
    book.put(SHEET, row, column, "=0.9*G8+0.05*K8")
    result = audit_workbook(book.write(tmp_path / "book.xlsx"))
    [finding] = result.tables[0].findings
    assert [cell.local for cell in finding.cells] == ["G9"]


@pytest.mark.thorough
def test_a_wrong_delta_with_momentum_accuses_no_weight(tmp_path: Path) -> None:
    """Neither the gradients nor the velocities have columns: Δw = 0.3*δ*x + 0.7*Δw."""
    columns = """
        x1 | x1 | 0, 0, 1, 1
        x2 | x2 | 0, 1, 0, 1
        d | desired | 0, 1, 1, 1
        w1 | w1 | 0.1 ; =w1@1+D1@1
        w2 | w2 | -0.2 ; =w2@1+D2@1
        b | b | 0.05 ; =b@1+D0@1
        v | v | =w1*x1+w2*x2+b
        y | y | =1/(1+EXP(-v))
        e | E | =0.5*(d-y)^2
        del | δ | =(d-y)*y*(1-y)
        D1 | Δw1 | =0.3*del*x1 ; =0.3*del*x1+0.7*D1@1
        D2 | Δw2 | =0.3*del*x2 ; =0.3*del*x2+0.7*D2@1
        D0 | Δb | =0.3*del ; =0.3*del+0.7*D0@1
    """
    network = TextbookNetwork(columns, (2, 1), records=16)
    assert checked(network, tmp_path).verdict == RIGHT
    [finding] = wrong(network, "del", "=(d-y)*y", tmp_path).findings
    assert (finding.column, finding.cause) == (
        "−∂E/∂o1", "a missing factor: (1 - a_o1) is left out",
    )  # fmt: skip
    [finding] = wrong(network, "D2", "=0.3*del*x1+0.7*D2@1", tmp_path).findings
    assert finding.cause == "the other input: i1 where i2 belongs"


def test_the_number_of_an_update_by_the_row(tmp_path: Path) -> None:
    """Adam's correction with ROW() - 6 instead of a column that counts."""
    written = NETWORKS["line with Adam"].write(tmp_path / "counted.xlsx")
    parts = parts_of(written)
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet], count = re.subn(rb"\^B\d+", b"^(ROW()-6)", parts[sheet])
    assert count > 20
    path = write_parts(tmp_path / "book.xlsx", parts)
    [table] = audit_workbook(path).tables
    assert (table.verdict, table.findings) == (RIGHT, ())


def test_matrices_step_by_step_are_not_judged_as_a_table(tmp_path: Path) -> None:
    """The rows of Z are computed from those of X, further up: not all from X's first row."""
    book = Book()
    for column, text in enumerate(("X", "", "", "T", "", "W", "", "", "b", "", "V", "", "c")):
        if text:
            book.put(SHEET, 0, column, text)
    for row, numbers in enumerate(((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)), 1):
        for column, value in zip((0, 1, 3), numbers, strict=True):
            book.put(SHEET, row, column, value)
    for cell, value in (
        *zip(((1, 5), (1, 6), (2, 5), (2, 6)), (0.5, -0.3, 0.8, 0.2), strict=True),
        *zip(((1, 8), (1, 9), (1, 10), (2, 10), (1, 12)), (0.1, 0.2, -0.6, 0.7, 0.3), strict=True),
    ):
        book.put(SHEET, *cell, value)
    for column, text in enumerate(("Z", "", "A", "", "Z2", "A2", "dZ2")):
        if text:
            book.put(SHEET, 7, column, text)
    for n in range(2, 6):
        r = n + 7
        for column, formula in enumerate(
            (
                f"=A{n}*F$2+B{n}*F$3+I$2",
                f"=A{n}*G$2+B{n}*G$3+J$2",
                f"=1/(1+EXP(-A{r}))",
                f"=1/(1+EXP(-B{r}))",
                f"=C{r}*K$2+D{r}*K$3+M$2",
                f"=1/(1+EXP(-E{r}))",
                f"=(F{r}-D{n})*F{r}*(1-F{r})",
            )
        ):
            book.put(SHEET, r - 1, column, formula)
    result = audit_workbook(book.write(tmp_path / "book.xlsx"))
    assert not result.tables
    [problem] = result.problems
    assert "computed from those of another block, from Sheet1!A2 on" in problem.text
