"""One mistake in a network that is none of the packaged ones accuses nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.other_networks import NetworkBook
from fixtures.sampling import some_of
from fixtures.textbook_networks import TextbookNetwork

from backprop_sheet.audit.results import RIGHT, WRONG, TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

# The layout of Andrew Ng's courses: tanh in the hidden layer, cross-entropy. The packaged XOR has
# the same shape, other activations and another loss.
TANH_AND_CROSS_ENTROPY = TextbookNetwork(
    """
    x1  | x1      | 0.6
    x2  | x2      | -0.4
    y   | y       | 1
    u11 | W[1]11  | 0.3 ; =u11@1-lr*du11@1
    u12 | W[1]12  | -0.1 ; =u12@1-lr*du12@1
    u21 | W[1]21  | 0.2 ; =u21@1-lr*du21@1
    u22 | W[1]22  | 0.5 ; =u22@1-lr*du22@1
    p1  | b[1]1   | 0 ; =p1@1-lr*dp1@1
    p2  | b[1]2   | 0.1 ; =p2@1-lr*dp2@1
    v1  | W[2]1   | 0.7 ; =v1@1-lr*dv1@1
    v2  | W[2]2   | -0.6 ; =v2@1-lr*dv2@1
    q   | b[2]    | 0.05 ; =q@1-lr*dq@1
    z1  | z[1]1   | =u11*x1+u12*x2+p1
    a1  | a[1]1   | =TANH(z1)
    z2  | z[1]2   | =u21*x1+u22*x2+p2
    a2  | a[1]2   | =TANH(z2)
    zo  | z[2]    | =v1*a1+v2*a2+q
    ao  | a[2]    | =1/(1+EXP(-zo))
    J   | Cost    | =-y*LN(ao)-(1-y)*LN(1-ao)
    e   | dz[2]   | =ao-y
    dv1 | dW[2]1  | =e*a1
    dv2 | dW[2]2  | =e*a2
    dq  | db[2]   | =e
    e1  | dz[1]1  | =v1*e*(1-a1^2)
    e2  | dz[1]2  | =v2*e*(1-a2^2)
    du11 | dW[1]11 | =e1*x1
    du12 | dW[1]12 | =e1*x2
    du21 | dW[1]21 | =e2*x1
    du22 | dW[1]22 | =e2*x2
    dp1 | db[1]1  | =e1
    dp2 | db[1]2  | =e2
    """,
    (2, 2, 1),
    cells="lr = learning rate; 0.15",
    mistakes={"e2": "=v2*e*(1-a2)", "e1": "=v1*e*a1*(1-a1)"},
)


def checked(network: TextbookNetwork, path) -> TableResult:
    [table] = audit_workbook(network.write(path / "book.xlsx")).tables
    return table


@pytest.mark.parametrize(
    ("key", "cause"),
    some_of(
        [
            pytest.param("e2", "the square of a_h2 is missing"),
            pytest.param("e1", "the sigmoid instead of that of tanh"),
        ],
        1,
    ),
)
def test_another_loss_and_activation_are_no_mistakes(key, cause, tmp_path):
    network = TANH_AND_CROSS_ENTROPY
    assert checked(network, tmp_path).verdict == RIGHT
    table = checked(network.with_mistake(key), tmp_path)
    [finding] = table.findings
    assert (table.verdict, finding.first_cell) == (WRONG, network.first_wrong(key))
    assert cause in finding.cause


LINE = TextbookNetwork(
    """
    x  | x      | 1, 2, 3, 4
    y  | y      | 3.1, 4.9, 7.2, 8.8
    a  | a      | 0.5 ; =a@1-lr*da@1
    b  | b      | 0.1 ; =b@1-lr*db@1
    p  | ŷ      | =a*x+b
    e  | error  | =p-y
    L  | loss   | =e^2
    da | dL/da  | =2*e*x
    db | dL/db  | =2*e
    """,
    (1, 1),
    cells="lr = learning rate; 0.02",
    mistakes={"da": "=e*x", "db": "=e"},
)


@pytest.mark.parametrize("key", ["da", "db"])
def test_a_difference_is_no_wrong_derivative(key, tmp_path):
    table = checked(LINE.with_mistake(key), tmp_path)
    [finding] = table.findings
    assert finding.first_cell == LINE.first_wrong(key)
    assert finding.cause == "a missing factor: 2 is left out"


def test_a_line_with_its_parameters_exchanged_is_the_wrong_one(tmp_path):
    network = replace(LINE, mistakes={"p": "=b*x+a"})
    [finding] = checked(network.with_mistake("p"), tmp_path).findings
    assert finding.first_cell == network.first_wrong("p")
    assert finding.cause == "w1 and b1 are exchanged"


def exchanged(book: NetworkBook, row: int) -> str:
    """The sum of a third hidden neuron, with its inputs exchanged."""
    terms = (f"{book.ref(f'w1.3.{i}', row)}*{book.ref(f'x{3 - i}', row)}" for i in (1, 2))
    return "+".join(terms)


def turned(book: NetworkBook, row: int) -> str:
    """The δ of the output with the other sign."""
    a = book.ref("a2.1", row)
    return f"({book.ref('t1', row)}-{a})*{a}*(1-{a})"


@pytest.mark.parametrize(
    ("network", "column"),
    [
        (NetworkBook((2, 3, 2), ("sigmoid", "sigmoid"), changes={"z1.3": exchanged}), "z1.3"),
        (
            NetworkBook(
                (2, 2, 1), ("sigmoid", "sigmoid"), "neuron", samples=4, update="sum", rows=16,
                changes={"d2.1": turned},
            ),
            "d2.1",
        ),
    ],
    ids=["inputs exchanged", "sums over the samples"],
)  # fmt: skip
def test_right_columns_beside_a_mistake_are_not_accused(network, column, tmp_path):
    [table] = audit_workbook(network.write(tmp_path / "book.xlsx")).tables
    [finding] = table.findings
    assert finding.first_cell == network.cell(column, 0)


def as_ng_writes(name: str) -> str:
    """The header in the notation of Andrew Ng's courses: z^[1]_2, dW^[1]_{21}."""
    quantity, _, place = name.removeprefix("g ").partition(".")
    letter, layer = quantity[0], quantity[1:]
    if letter in "za" and place:
        return f"{letter}^[{layer}]_{place}"
    if letter in "wb" and place:
        kind = letter.upper() if letter == "w" else letter
        prefix = "d" if name.startswith("g ") else ""
        return f"{prefix}{kind}^[{layer}]_{{{place.replace('.', '')}}}"
    return f"dz^[{layer}]_{place}" if letter == "d" else {"t1": "y1", "E1": "J"}.get(name, name)


def test_a_sigmoid_output_is_not_taken_for_the_packaged_regression(tmp_path):
    network = NetworkBook(
        (2, 3, 1), ("relu", "sigmoid"), "neuron", loss="binary", samples=4, update="mean", rows=16,
        header=as_ng_writes,
    )  # fmt: skip
    [table] = audit_workbook(network.write(tmp_path / "book.xlsx")).tables
    assert (table.verdict, table.exercise) == (RIGHT, "2-3-1")


def test_targets_that_do_not_add_up_to_1_are_the_cause(tmp_path):
    network = NetworkBook((2, 2, 3), ("tanh", "softmax"), loss="cross")
    network.formulas["t1"] = lambda _: 0.4
    [table] = audit_workbook(network.write(tmp_path / "book.xlsx")).tables
    causes = {finding.cause for finding in table.findings if finding.column.startswith("∂E/∂o")}
    assert causes == {"the formula is right only for targets that add up to 1"}
