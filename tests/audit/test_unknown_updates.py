"""Updates by a rule that is no known optimizer are not checked, and not called wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.textbook_networks import LINE, NETWORKS, TextbookNetwork

from backprop_sheet.audit.results import INCOMPLETE, WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

ADAGRAD = LINE.format(
    a="=a@1-lr*ga@1/SQRT(sa@1+eps)",
    b="=b@1-lr*gb@1/SQRT(sb@1+eps)",
    more="sa | G_a | =ga^2 ; =sa@1+ga^2\n    sb | G_b | =gb^2 ; =sb@1+gb^2",
)
PENALTY = LINE.format(a="=a@1-lr*(ga@1+eps*a@1)", b="=b@1-lr*gb@1", more="")


def checked(columns: str, path, **changes) -> TableResult:
    network = TextbookNetwork(columns, (1, 1), cells="lr = learning rate; 0.02\neps = λ; 0.1")
    [table] = audit_workbook(replace(network, **changes).write(path / "book.xlsx")).tables
    return table


@pytest.mark.parametrize(("columns", "names"), [(ADAGRAD, "w1 and b1"), (PENALTY, "w1")])
def test_another_rule_is_not_called_wrong(columns, names, tmp_path):
    table = checked(columns, tmp_path)
    assert (table.verdict, table.findings, table.lr) == (INCOMPLETE, (), None)
    words = f"the updates of {names}, which follow no optimizer that check knows"
    assert any(words in warning for warning in table.warnings)
    assert not any("momentum" in warning for warning in table.warnings)


def test_the_first_average_may_be_that_of_a_known_rule(tmp_path):
    corrected = LINE.format(
        a="=a@1-lr*va@1/(1-0.9^n@1)",
        b="=b@1-lr*vb@1/(1-0.9^n@1)",
        more="va | v_a | =0.1*ga ; =0.9*va@1+0.1*ga\n    vb | v_b | =0.1*gb ; =0.9*vb@1+0.1*gb"
        "\n    n | t | 1 ; =n@1+1",
    )
    table = checked(corrected, tmp_path)
    assert (table.verdict, table.findings) == (INCOMPLETE, ())


THRESHOLD = """
    x  | x        | 0.2, 0.7, 1.1
    t  | target   | 0, 1, 1
    w  | w1       | 0.3 ; =w@1-lr*g@1
    h  | θ        | 0.2 ; =h@1-lr*k@1
    n  | net      | =w*x-h
    o  | out      | =1/(1+EXP(-n))
    E  | error    | =0.5*(t-o)^2
    g  | dE/dw1   | =(o-t)*o*(1-o)*x
    k  | dE/dθ    | {k}
"""


def test_a_subtracted_threshold_is_not_called_wrong(tmp_path):
    right = THRESHOLD.format(k="=-(o-t)*o*(1-o)")
    network = TextbookNetwork(right, (1, 1), cells="lr = learning rate; 0.5")
    result = audit_workbook(network.write(tmp_path / "book.xlsx"))
    assert not result.tables
    [problem] = result.problems
    assert "thresholds are subtracted" in problem.text
    wrong = replace(network, columns=THRESHOLD.format(k="=(o-t)*o*(1-o)"))
    [table] = audit_workbook(wrong.write(tmp_path / "wrong.xlsx")).tables
    assert (table.verdict, table.findings[0].column) == (WRONG, "o1")


def test_other_mistakes_beside_it_are_found(tmp_path):
    table = checked(PENALTY, tmp_path, changes={"gb": "=2*(p-y)*x"})
    assert table.verdict == WRONG
    assert [finding.column for finding in table.findings] == ["∂E/∂b1"]


@pytest.mark.thorough
def test_a_single_wrong_weight_is_no_rule(tmp_path):
    network = replace(NETWORKS["2-3-2"], changes={})
    key = next(key for key, (_, contents) in network.lines.items() if "@1" in contents[-1])
    changed = replace(network, changes={key: f"={key}@1*{key}@1"})
    [table] = audit_workbook(changed.write(tmp_path / "book.xlsx")).tables
    assert table.verdict == WRONG
