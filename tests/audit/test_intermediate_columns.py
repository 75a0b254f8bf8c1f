"""Columns of intermediate derivatives: each is compared, and a wrong one accuses no other."""

from __future__ import annotations

import pytest
from fixtures.dialect_tables import DialectTable

DELTAS = {
    "∂E/∂o1": "(a_o1 - t1)*a_o1*(1 - a_o1)",
    "∂E/∂o2": "(a_o2 - t2)*a_o2*(1 - a_o2)",
}
BY_DELTAS = {
    "∂E/∂w5": "(∂E/∂o1)*a_h1",
    "∂E/∂w6": "(∂E/∂o1)*a_h2",
    "∂E/∂w7": "(∂E/∂o2)*a_h1",
    "∂E/∂w8": "(∂E/∂o2)*a_h2",
    "∂E/∂w1": "((∂E/∂o1)*w5 + (∂E/∂o2)*w7)*a_h1*(1 - a_h1)*i1",
}


@pytest.mark.parametrize("typed", [(), True])
def test_right_deltas_are_right(typed):
    result = DialectTable(changed=BY_DELTAS, more=DELTAS, typed=typed).audit()
    assert result.verdict == "right"
    assert {"∂E/∂o1", "∂E/∂o2"} <= set(result.audited_columns)


@pytest.mark.parametrize("typed", [(), True])
@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ("(t1 - a_o1)*a_o1*(1 - a_o1)", "a wrong sign: t1 - a_o1 instead of a_o1 - t1"),
        ("(a_o1 - t2)*a_o1*(1 - a_o1)", "the other target: t2 where t1 belongs"),
        ("(a_o1 - t1)*a_o1", "a missing factor: (1 - a_o1) is left out"),
    ],
)
def test_a_wrong_delta_is_wrong_alone(wrong, cause, typed):
    more = {**DELTAS, "∂E/∂o1": wrong}
    (finding,) = DialectTable(changed=BY_DELTAS, more=more, typed=typed).audit().findings
    assert (finding.column, finding.cause) == ("∂E/∂o1", cause)


@pytest.mark.parametrize("typed", [(), True])
def test_a_gradient_of_right_deltas_may_be_wrong(typed):
    changed = {**BY_DELTAS, "∂E/∂w6": "(∂E/∂o1)*a_h1"}
    (finding,) = DialectTable(changed=changed, more=DELTAS, typed=typed).audit().findings
    assert finding.column == "∂E/∂w6"
    assert "a_h1 where a_h2 belongs" in finding.cause


def test_a_chain_of_derivatives_is_compared_step_by_step():
    more = {
        **DELTAS,
        "∂E/∂a_h1": "(∂E/∂o1)*w5 + (∂E/∂o2)*w7",
        "∂E/∂h1": "(∂E/∂a_h1)*a_h1*(1 + a_h1)",
    }
    changed = {**BY_DELTAS, "∂E/∂w1": "(∂E/∂h1)*i1", "∂E/∂w2": "(∂E/∂h1)*i2"}
    (finding,) = DialectTable(changed=changed, more=more).audit().findings
    assert finding.column == "∂E/∂h1"
    assert finding.cause == "a wrong sign: + instead of - in 1 - a_h1"


@pytest.mark.parametrize("typed", [(), True])
def test_the_delta_of_another_neuron_is_named(typed):
    changed = {**BY_DELTAS, "∂E/∂w5": "(∂E/∂o2)*a_h1"}
    (finding,) = DialectTable(changed=changed, more=DELTAS, typed=typed).audit().findings
    assert finding.column == "∂E/∂w5"
    assert finding.cause == "another quantity: ∂E/∂o2 where ∂E/∂o1 belongs"


def test_hidden_derivatives_of_the_weights_after_steps_of_delta():
    updated = "(∂E/∂o1)*(w5 - η*(∂E/∂o1)*a_h1) + (∂E/∂o2)*(w7 - η*(∂E/∂o2)*a_h1)"
    table = DialectTable(changed=BY_DELTAS, more={**DELTAS, "∂E/∂a_h1": updated})
    (finding,) = table.audit().findings
    assert finding.column == "∂E/∂a_h1"
    assert finding.cause == "w5 and w7 after their update instead of before it"


def test_the_derivative_by_the_other_activation_is_named_and_not_its_weights():
    one, two = DELTAS.values()
    hidden = {f"∂E/∂a_h{n}": f"{one}*w{n + 4} + {two}*w{n + 6}" for n in (1, 2)}
    changed = {"∂E/∂w3": "(∂E/∂a_h1)*a_h2*(1 - a_h2)*i1"}
    (finding,) = DialectTable(changed=changed, more=hidden).audit().findings
    assert finding.cause == "another quantity: ∂E/∂a_h1 where ∂E/∂a_h2 belongs"
