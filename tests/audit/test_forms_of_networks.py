"""Forms of networks that no packaged exercise has: the network is read from the formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import xlsxwriter
from fixtures.sampling import some_of

from backprop_sheet.audit.results import TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

LINE = {"x": 2.0, "target": 5.0, "w1": 0.5, "b1": 0.1, "η": 0.1}
LINE_FORMULAS = {
    "o1": "[w1]*[x]+[b1]", "E": "0.5*([target]-[o1])^2",
    "∂E/∂w1": "([o1]-[target])*[x]", "∂E/∂b1": "[o1]-[target]",
    "new w1": "[w1]-[η]*[∂E/∂w1]", "new b1": "[b1]-[η]*[∂E/∂b1]",
}  # fmt: skip
OWN_WORDS = {
    "target": "y", "w1": "slope a", "b1": "b", "η": "learning rate", "o1": "y_pred",
    "∂E/∂w1": "dE/da", "∂E/∂b1": "dE/db", "new w1": "new slope a", "new b1": "new b",
}  # fmt: skip
WIDE = {"i1": 0.5, "i2": 0.1, "t1": 0.7, "η": 0.5, **{f"w{n}": n / 10 for n in range(1, 10)}}
WIDE_FORMULAS = {
    **{f"h{n}": f"[w{2 * n - 1}]*[i1]+[w{2 * n}]*[i2]" for n in (1, 2, 3)},
    **{f"a_h{n}": f"1/(1+EXP(-[h{n}]))" for n in (1, 2, 3)},
    "o1": "[w7]*[a_h1]+[w8]*[a_h2]+[w9]*[a_h3]",
    "a_o1": "1/(1+EXP(-[o1]))",
    "E": "0.5*([t1]-[a_o1])^2",
    "δ_o1": "([a_o1]-[t1])*[a_o1]*(1-[a_o1])",
    **{f"δ_h{n}": f"[δ_o1]*[w{6 + n}]*[a_h{n}]*(1-[a_h{n}])" for n in (1, 2, 3)},
    **{f"∂E/∂w{n}": f"[δ_h{(n + 1) // 2}]*[i{2 - n % 2}]" for n in range(1, 7)},
    **{f"∂E/∂w{6 + n}": f"[δ_o1]*[a_h{n}]" for n in (1, 2, 3)},
    **{f"new w{n}": f"[w{n}]-[η]*[∂E/∂w{n}]" for n in range(1, 10)},
}


def check(
    path: Path,
    given: Mapping[str, float],
    formulas: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> TableResult:
    """Write labels with their values to the right, and return the only table's result."""
    rows = {name: row for row, name in enumerate([*given, *formulas])}
    values = dict(given)
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for name, row in rows.items():
            sheet.write(row, 0, (labels or {}).get(name, name))
            if name in given:
                sheet.write(row, 1, given[name])
                continue
            python = re.sub(r"\[(.*?)\]", lambda match: repr(values[match[1]]), formulas[name])
            values[name] = float(eval(python.replace("^", "**"), {"EXP": math.exp}))
            cells = re.sub(r"\[(.*?)\]", lambda match: f"B{rows[match[1]] + 1}", formulas[name])
            sheet.write_formula(row, 1, f"={cells}", None, values[name])
    [table] = audit_workbook(path).tables
    return table


@pytest.mark.parametrize("labels", [{}, OWN_WORDS], ids=["known", "own words"])
@pytest.mark.parametrize("wrong", [{}, {"∂E/∂w1": "[o1]-[target]"}], ids=["right", "wrong"])
def test_a_line_is_read(
    labels: Mapping[str, str], wrong: Mapping[str, str], tmp_path: Path
) -> None:
    table = check(tmp_path / "book.xlsx", LINE, LINE_FORMULAS | wrong, labels)
    assert table.exercise in {"linear", "1-1"}  # the packaged one, or what its formulas describe
    assert [finding.column for finding in table.findings] == [*wrong]
    assert table.verdict == ("wrong" if wrong else "right")


@pytest.mark.parametrize(
    "wrong",
    some_of(
        [
            {},
            {"∂E/∂w8": "[δ_o1]*[a_h1]"},
            {"δ_h2": "[δ_o1]*[w7]*[a_h2]*(1-[a_h2])"},
            {"new w3": "[w3]+[η]*[∂E/∂w3]"},
        ],
        2,
    ),
    ids=str,
)
def test_a_network_of_other_sizes_is_read(wrong: Mapping[str, str], tmp_path: Path) -> None:
    table = check(tmp_path / "book.xlsx", WIDE, WIDE_FORMULAS | wrong)
    assert (table.exercise, table.lr) == ("2-3-1", 0.5)
    names = {"δ_h2": "∂E/∂h2", "new w3": "w3"}
    assert [finding.column for finding in table.findings] == [names.get(n, n) for n in wrong]


XOR = {"x1": 1.0, "x2": 0.0, "t": 1.0, "eta": 0.5, "b1": 0.1, "b2": -0.15, "b3": 0.05} | {
    f"w{n}": value for n, value in enumerate((0.5, -0.3, 0.8, 0.2, -0.6, 0.7), 1)
}
XOR_FORMULAS = {
    "z1": "[w1]*[x1]+[w2]*[x2]+[b1]", "a1": "1/(1+EXP(-[z1]))",
    "z2": "[w3]*[x1]+[w4]*[x2]+[b2]", "a2": "1/(1+EXP(-[z2]))",
    "z3": "[w5]*[a1]+[w6]*[a2]+[b3]", "y": "1/(1+EXP(-[z3]))",
    "E": "0.5*([t]-[y])^2", "d3": "([y]-[t])*[y]*(1-[y])",
    "d1": "[d3]*[w5]*[a1]*(1-[a1])", "d2": "[d3]*[w6]*[a2]*(1-[a2])",
    **{
        f"dw{n}": f"[d{(n + 1) // 2}]*[{source}]"
        for n, source in enumerate(("x1", "x2", "x1", "x2", "a1", "a2"), 1)
    },
    **{f"w{n} new": f"[w{n}]-[eta]*[dw{n}]" for n in range(1, 7)},
    **{f"b{n} new": f"[b{n}]-[eta]*[d{n}]" for n in range(1, 4)},
}  # fmt: skip


def test_the_bias_of_another_neuron_is_wrong_in_the_sum(tmp_path: Path) -> None:
    """And not in the update of the bias that no sum has any more."""
    assert check(tmp_path / "book.xlsx", XOR, XOR_FORMULAS).verdict == "right"
    wrong = {"z2": "[w3]*[x1]+[w4]*[x2]+[b1]"}
    table = check(tmp_path / "book.xlsx", XOR, XOR_FORMULAS | wrong)
    [finding] = table.findings
    assert (finding.column, finding.cause) == ("h2", "another bias: b1 where b2 belongs")
