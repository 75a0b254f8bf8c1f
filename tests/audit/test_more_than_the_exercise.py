"""``check`` of workbooks that have more than an exercise: a larger network, own columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.sampling import some_of
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Table, book_of
from fixtures.textbook_networks import NETWORKS, TextbookNetwork

# The equations of the packaged 2-2-1 follow from its columns, too.
NIELSEN = TextbookNetwork(
    """
    x1 | a^1_1 | 0.05
    x2 | a^1_2 | 0.1
    y1 | y_1 | 0.01
    y2 | y_2 | 0.99
    w1 | w^2_11 | 0.15 ; =w1@1-eta*gw1@1
    w2 | w^2_12 | 0.2 ; =w2@1-eta*gw2@1
    w3 | w^2_21 | 0.25 ; =w3@1-eta*gw3@1
    w4 | w^2_22 | 0.3 ; =w4@1-eta*gw4@1
    b1 | b^2_1 | 0.1 ; =b1@1-eta*d1@1
    b2 | b^2_2 | -0.2 ; =b2@1-eta*d2@1
    z1 | z^2_1 | =w1*x1+w2*x2+b1
    z2 | z^2_2 | =w3*x1+w4*x2+b2
    a1 | a^2_1 | =1/(1+EXP(-z1))
    a2 | a^2_2 | =1/(1+EXP(-z2))
    w5 | w^3_11 | 0.4 ; =w5@1-eta*gw5@1
    w6 | w^3_12 | 0.45 ; =w6@1-eta*gw6@1
    w7 | w^3_21 | 0.5 ; =w7@1-eta*gw7@1
    w8 | w^3_22 | 0.55 ; =w8@1-eta*gw8@1
    b3 | b^3_1 | 0.3 ; =b3@1-eta*d3@1
    b4 | b^3_2 | 0.4 ; =b4@1-eta*d4@1
    z3 | z^3_1 | =w5*a1+w6*a2+b3
    z4 | z^3_2 | =w7*a1+w8*a2+b4
    a3 | a^3_1 | =1/(1+EXP(-z3))
    a4 | a^3_2 | =1/(1+EXP(-z4))
    C | C | =((y1-a3)^2+(y2-a4)^2)/2
    d3 | δ^3_1 | =(a3-y1)*a3*(1-a3)
    d4 | δ^3_2 | =(a4-y2)*a4*(1-a4)
    d1 | δ^2_1 | =(w5*d3+w7*d4)*a1*(1-a1)
    d2 | δ^2_2 | =(w6*d3+w8*d4)*a2*(1-a2)
    gw5 | ∂C/∂w^3_11 | =a1*d3
    gw6 | ∂C/∂w^3_12 | =a2*d3
    gw7 | ∂C/∂w^3_21 | =a1*d4
    gw8 | ∂C/∂w^3_22 | =a2*d4
    gw1 | ∂C/∂w^2_11 | =x1*d1
    gw2 | ∂C/∂w^2_12 | =x2*d1
    gw3 | ∂C/∂w^2_21 | =x1*d2
    gw4 | ∂C/∂w^2_22 | =x2*d2
    """,
    (2, 2, 2), cells="eta = η; 3", mistakes={"d1": "=(w5*d3+w6*d4)*a1*(1-a1)"}, records=6,
)  # fmt: skip
# Of what its headers name, w1 … w4 and a bias are missing.
SOFTMAX = TextbookNetwork(
    """
    x1 | x1 | 1
    x2 | x2 | -0.5
    y1 | y1 | 0
    y2 | y2 | 1
    y3 | y3 | 0
    w11 | w11 | 0.2 ; =w11@1-lr*g11@1
    w12 | w12 | -0.1 ; =w12@1-lr*g12@1
    b1 | b1 | 0 ; =b1@1-lr*d1@1
    w21 | w21 | 0.4 ; =w21@1-lr*g21@1
    w22 | w22 | 0.3 ; =w22@1-lr*g22@1
    b2 | b2 | 0 ; =b2@1-lr*d2@1
    w31 | w31 | -0.3 ; =w31@1-lr*g31@1
    w32 | w32 | 0.1 ; =w32@1-lr*g32@1
    b3 | b3 | 0 ; =b3@1-lr*d3@1
    z1 | logit 1 | =w11*x1+w12*x2+b1
    z2 | logit 2 | =w21*x1+w22*x2+b2
    z3 | logit 3 | =w31*x1+w32*x2+b3
    e1 | exp 1 | =EXP(z1)
    e2 | exp 2 | =EXP(z2)
    e3 | exp 3 | =EXP(z3)
    S | sum exp | =e1+e2+e3
    p1 | p1 | =e1/S
    p2 | p2 | =e2/S
    p3 | p3 | =e3/S
    C | cross entropy | =-(y1*LN(p1)+y2*LN(p2)+y3*LN(p3))
    d1 | p1-y1 | =p1-y1
    d2 | p2-y2 | =p2-y2
    d3 | p3-y3 | =p3-y3
    g11 | dw11 | =d1*x1
    g12 | dw12 | =d1*x2
    g21 | dw21 | =d2*x1
    g22 | dw22 | =d2*x2
    g31 | dw31 | =d3*x1
    g32 | dw32 | =d3*x2
    """,
    (2, 3), cells="lr = lr; 0.3", mistakes={"g22": "=d2*x1"}, records=6,
)  # fmt: skip


@pytest.mark.parametrize(
    "network",
    some_of([pytest.param(NIELSEN, id="2-2-2"), pytest.param(SOFTMAX, id="2-3 softmax")], 1),
)
def test_a_larger_network_is_not_judged_as_its_part(
    network: TextbookNetwork, tmp_path: Path
) -> None:
    table = judge_one(network.write(tmp_path / "right.xlsx"))
    assert_right(table)
    assert table["exercise"] == "-".join(map(str, network.shape))
    [key] = network.mistakes
    wrong = judge_one(network.with_mistake(key).write(tmp_path / "wrong.xlsx"))
    assert [fault["first_cell"] for fault in wrong["faults"]] == [network.first_wrong(key)]


def test_a_flag_is_no_rounded_activation(tmp_path: Path) -> None:
    formulas = {**PLAIN, "a_h1": PLAIN["a_h2"], "smaller?": "IF([E_total]<[E_total@-1],1,0)"}
    order = (*COURSE_ORDER, "smaller?")
    book = book_of(Table(order=order, formulas=formulas, header=str, rows=8))
    [fault] = judge_one(book.write(tmp_path / "flag.xlsx"))["faults"]
    assert fault["column"] == "a_h1" and fault["count"] == 8
    assert fault["cause"] == "another neuron's value: h2 where h1 belongs"


def test_a_loss_by_cases_is_known_by_its_numbers(tmp_path: Path) -> None:
    usual = NETWORKS["logistic regression"]
    columns = usual.columns.replace("=-(y*LN(a)+(1-y)*LN(1-a))", "=IF(y=1,-LN(a),-LN(1-a))")
    network = replace(usual, columns=columns, mistakes={"dz": "=(a-y)*a*(1-a)"})
    table = judge_one(network.write(tmp_path / "right.xlsx"))
    assert_right(table)
    assert "binary cross entropy" in table["warnings"][0]
    [fault] = judge_one(network.with_mistake("dz").write(tmp_path / "wrong.xlsx"))["faults"]
    assert fault["column"] == "∂E/∂o1" and fault["first_cell"] == network.first_wrong("dz")


def test_a_column_that_cannot_be_read_is_named_as_not_checked(tmp_path: Path) -> None:
    usual = NETWORKS["logistic regression"]
    columns = usual.columns.replace("=-(y*LN(a)+(1-y)*LN(1-a))", "=IF(y=1,-LN(2*a),-LN(1-a))")
    table = judge_one(replace(usual, columns=columns).write(tmp_path / "book.xlsx"))
    assert any("not checked" in words and "'L(a,y)'" in words for words in table["warnings"])


# Adam's averages in the row of the gradient, as they follow from it; w in the next row.
ADAM = TextbookNetwork(
    """
    t  | t   | 1 ; =t@1+1
    x  | x   | 1, 2, 3
    y  | y   | 2.1, 3.9, 6.2
    a  | a   | 0.5 ; =a@1-lr*ah@1/(SQRT(as@1)+ep)
    b  | b   | 0 ; =b@1-lr*bh@1/(SQRT(bs@1)+ep)
    p  | ŷ   | =a*x+b
    L  | Loss | =(p-y)^2
    ga | ∂L/∂a | =2*(p-y)*x
    gb | ∂L/∂b | =2*(p-y)
    ma | m_a | =(1-beta)*ga ; =beta*ma@1+(1-beta)*ga
    mb | m_b | =(1-beta)*gb ; =beta*mb@1+(1-beta)*gb
    va | v_a | =(1-rho)*ga^2 ; =rho*va@1+(1-rho)*ga^2
    vb | v_b | =(1-rho)*gb^2 ; =rho*vb@1+(1-rho)*gb^2
    ah | m̂_a | =ma/(1-beta^t)
    bh | m̂_b | =mb/(1-beta^t)
    as | v̂_a | =va/(1-rho^t)
    bs | v̂_b | =vb/(1-rho^t)
    """,
    (1, 1),
    cells="lr = lr; 0.05\nbeta = β1; 0.9\nrho = β2; 0.99\nep = ε; 0.00000001",
    records=12,
)  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_averages_of_adam_in_the_row_of_their_gradient(tmp_path: Path) -> None:
    assert_right(judge_one(ADAM.write(tmp_path / "right.xlsx")))
