"""A mistake in a column of the student's own is reported there, once for all that use it."""

from __future__ import annotations

import pytest
from fixtures.sampling import some_of
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Table, book_of
from fixtures.textbook_networks import TextbookNetwork

from backprop_sheet.audit.results import RIGHT, WRONG
from backprop_sheet.audit.workbook_audit import audit_workbook

SOFTMAX = TextbookNetwork(
    """
    x  | x     | 1, 0.5, -1
    t1 | y1    | 1, 0, 0
    t2 | y2    | 0, 1, 0
    t3 | y3    | 0, 0, 1
    u1 | w1    | 0.1 ; =u1@1-lr*g1@1
    u2 | w2    | 0.2 ; =u2@1-lr*g2@1
    u3 | w3    | -0.3 ; =u3@1-lr*g3@1
    z1 | z1    | =u1*x
    z2 | z2    | =u2*x
    z3 | z3    | =u3*x
    S  | sum   | =EXP(z1)+EXP(z2)+EXP(z3)
    p1 | p1    | =EXP(z1)/S
    p2 | p2    | =EXP(z2)/S
    p3 | p3    | =EXP(z3)/S
    L  | loss  | =-(t1*LN(p1)+t2*LN(p2)+t3*LN(p3))
    g1 | dL/dw1 | =(p1-t1)*x
    g2 | dL/dw2 | =(p2-t2)*x
    g3 | dL/dw3 | =(p3-t3)*x
    """,
    (1, 3),
    cells="lr = learning rate; 0.2",
    mistakes={"S": "=EXP(z1)+EXP(z2)"},
)
CHAIN = TextbookNetwork(
    """
    x  | a0     | 0.7
    t  | y      | 0.2
    w1 | w(1)   | 0.8 ; =w1@1-lr*g1@1
    b1 | b(1)   | 0.1 ; =b1@1-lr*c1@1
    w2 | w(2)   | -0.5 ; =w2@1-lr*g2@1
    b2 | b(2)   | 0.3 ; =b2@1-lr*c2@1
    z1 | z(1)   | =w1*x+b1
    a1 | a(1)   | =1/(1+EXP(-z1))
    z2 | z(2)   | =w2*a1+b2
    a2 | a(2)   | =1/(1+EXP(-z2))
    C  | C0     | =(a2-t)^2
    q2 | ∂C0/∂a(2) | =2*(a2-t)
    s2 | σ'(z2) | =a2*(1-a2)
    g2 | ∂C0/∂w(2) | =q2*s2*a1
    c2 | ∂C0/∂b(2) | =q2*s2
    q1 | ∂C0/∂a(1) | =q2*s2*w2
    s1 | σ'(z1) | =a1*(1-a1)
    g1 | ∂C0/∂w(1) | =q1*s1*x
    c1 | ∂C0/∂b(1) | =q1*s1
    """,
    (1, 1, 1),
    cells="lr = learning rate; 0.15",
    mistakes={"s2": "=a1*(1-a1)", "q1": "=q2*s2*w1", "s1": "=a2*(1-a2)"},
)
SQUARE = TextbookNetwork(
    """
    x  | i1      | 0.6
    t  | t1      | 0.2
    w1 | w1      | 0.4 ; =w1@1-lr*g1@1
    w2 | w2      | 0.7 ; =w2@1-lr*g2@1
    h  | h1      | =w1*x
    n  | e^-h1   | =EXP(-h)
    a  | a_h1    | =1/(1+n)
    o  | o1      | =w2*a
    m  | 1+e^-o1 | =1+EXP(-o)
    y  | a_o1    | =1/m
    sq | squared | =(t-y)^2
    r  | rest    | =1-y
    E  | E_total | =sq/2
    g1 | dE/dw1  | =(y-t)*y*r*w2*a*(1-a)*x
    g2 | dE/dw2  | =(y-t)*y*r*a
    """,
    (1, 1, 1),
    cells="lr = learning rate; 0.5",
    mistakes={"sq": "=(t-a)^2", "r": "=1-a", "n": "=EXP(h)"},
)


@pytest.mark.parametrize(
    ("network", "key", "cause"),
    some_of(
        [
            pytest.param(SOFTMAX, "S", "exp(o3) is left out"),
            pytest.param(CHAIN, "s2", "another neuron's activation"),
            pytest.param(CHAIN, "q1", "another weight: w1 where w2 belongs"),
            pytest.param(CHAIN, "s1", "another neuron's activation"),
            pytest.param(SQUARE, "sq", "another neuron's activation"),
            pytest.param(SQUARE, "r", "another neuron's activation"),
            pytest.param(SQUARE, "n", "a wrong sign: h1 instead of -h1"),
        ],
        3,
    ),
)
def test_an_own_column_is_accused_once(network, key, cause, tmp_path):
    [table] = audit_workbook(network.with_mistake(key).write(tmp_path / "book.xlsx")).tables
    [finding] = table.findings
    assert (table.verdict, finding.first_cell) == (WRONG, network.first_wrong(key))
    assert finding.count == network.records
    assert cause in finding.cause


@pytest.mark.parametrize("network", [SOFTMAX, CHAIN, SQUARE])
def test_right_own_columns_are_right(network, tmp_path):
    [table] = audit_workbook(network.write(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.findings) == (RIGHT, ())


def test_a_mistake_in_what_uses_an_own_column_stays_there(tmp_path):
    changed = {"g1": "=(y-t)*y*r*w1*a*(1-a)*x", "g2": "=(y-t)*y*r"}
    for key, formula in changed.items():
        network = TextbookNetwork(
            SQUARE.columns, SQUARE.shape, cells=SQUARE.cells, changes={key: formula}
        )
        [table] = audit_workbook(network.write(tmp_path / "book.xlsx")).tables
        assert [finding.first_cell for finding in table.findings] == [network.cell(key, 0)]


NEURON = TextbookNetwork(
    """
    x0 | x0    | 1
    x1 | x1    | 0, 0, 1, 1
    x2 | x2    | 0, 1, 0, 1
    d  | d     | 0, 1, 1, 1
    w0 | w0    | -0.3 ; =w0@1+lr*e@1*s@1*x0@1
    w1 | w1    | 0.2 ; =w1@1+lr*e@1*s@1*x1@1
    w2 | w2    | 0.1 ; =w2@1+lr*e@1*s@1*x2@1
    v  | v     | =w0*x0+w1*x1+w2*x2
    y  | y     | =1/(1+EXP(-v))
    e  | e     | =d-y
    s  | f'(v) | =y*(1-y)
    E  | E     | =e^2/2
    """,
    (3, 1),
    cells="lr = learning rate; 0.05",
    mistakes={"s": "=v*(1-v)"},
)


def test_an_own_column_of_all_updates_is_accused_once(tmp_path):
    [table] = audit_workbook(NEURON.with_mistake("s").write(tmp_path / "book.xlsx")).tables
    [finding] = table.findings
    assert finding.first_cell == NEURON.first_wrong("s")
    assert finding.count == NEURON.records - 1  # nothing follows from the last one
    assert "the value before the sigmoid" in finding.cause
    assert finding.meaning == 'your own column "f\'(v)", used for w1 … w3'


def test_what_quantities_are_computed_from_is_not_called_unchecked(tmp_path):
    [table] = audit_workbook(SQUARE.write(tmp_path / "book.xlsx")).tables
    assert table.verdict == RIGHT and "squared" in table.not_checked  # it is no quantity
    assert not [note for note in table.warnings if "not checked" in note]


@pytest.mark.parametrize(
    ("own", "errors", "changes", "place", "cause"),
    [
        # The squares are right, and half of one is missing in their sum.
        (
            {"diff1 squared": "([t1]-[a_o1])^2", "diff2 squared": "([t2]-[a_o2])^2"},
            {},
            {"E_total": "[diff1 squared]+[diff2 squared]/2"},
            "E_total",
            "a missing factor: ½ is left out",
        ),
        # A square does not tell the sign of the difference.
        (
            {"error1": "[t1]-[a_o1]", "error2": "[t2]-[a_o2]"},
            {"½ error1²": "[error1]^2/2", "½ error2²": "[error2]^2/2"},
            {"error2": "[t1]-[a_o2]"},
            "error2",
            "the other target: t1 where t2 belongs",
        ),
    ],
    ids=["squares", "differences"],
)
def test_own_columns_of_each_output(own, errors, changes, place, cause, tmp_path):
    parts = [*own, *errors]
    order = [*COURSE_ORDER[:20], *parts, *COURSE_ORDER[22:]]
    total = "+".join(f"[{name}]" for name in errors) or "([diff1 squared]+[diff2 squared])/2"
    formulas = {**PLAIN, **own, **errors, "E_total": total}
    path = tmp_path / "book.xlsx"
    book_of(Table(order=order, formulas=formulas)).write(path)
    [table] = audit_workbook(path).tables
    assert (table.verdict, table.findings) == (RIGHT, ())
    wrong = Table(order=order, formulas=formulas | changes)
    book_of(wrong).write(path)
    [table] = audit_workbook(path).tables
    [finding] = table.findings
    assert (finding.first_cell, finding.cause) == (wrong.cell(place, 0), cause)


def test_a_slope_of_another_layer_is_no_counterpart(tmp_path):
    """1 - a_o2 for 1 - a_o1 has the formula of 1 - a_h1, which the gradients use, too."""
    own = {"rest": "1-[a_o1]", "rest of h": "1-[a_h1]"}
    formulas = {
        name: text.replace("(1-[a_o1])", "[rest]").replace("(1-[a_h1])", "[rest of h]")
        for name, text in PLAIN.items()
    }
    order = [*COURSE_ORDER[:20], *own, *COURSE_ORDER[20:]]
    wrong = Table(order=order, formulas={**formulas, **own, "rest": "1-[a_o2]"})
    path = tmp_path / "book.xlsx"
    book_of(wrong).write(path)
    [table] = audit_workbook(path).tables
    assert [finding.first_cell for finding in table.findings] == [wrong.cell("rest", 0)]
