"""Mistakes in the optimizer's states that stand beside their gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.check_command import run
from fixtures.textbook_networks import LINE, TextbookNetwork

from backprop_sheet.audit.workbook_audit import audit_workbook

WITH_STATES = LINE.replace("{more}", "va | v_a | {va}\n    vb | v_b | {vb}")
VELOCITY = TextbookNetwork(
    WITH_STATES.format(
        a="=a@1-lr*va@1", b="=b@1-lr*vb@1", va="=ga ; =mu*va@1+ga", vb="=gb ; =mu*vb@1+gb"
    ),
    (1, 1),
    cells="lr = learning rate; 0.01\nmu = momentum; 0.9",
    mistakes={"va": "=mu*va@1+gb"},
)
STEP = TextbookNetwork(
    WITH_STATES.format(
        a="=a@1-va@1",
        b="=b@1-vb@1",
        va="=lr*ga ; =mu*va@1+lr*ga",
        vb="=lr*gb ; =mu*vb@1+lr*gb",
    ),
    (1, 1),
    cells="lr = learning rate; 0.01\nmu = momentum; 0.9",
    mistakes={"vb": "=mu*va@1+lr*gb"},
)
RMSPROP = TextbookNetwork(
    WITH_STATES.format(
        a="=a@1-lr*ga@1/(SQRT(va@1)+0.00000001)",
        b="=b@1-lr*gb@1/(SQRT(vb@1)+0.00000001)",
        va="=(1-rho)*ga^2 ; =rho*va@1+(1-rho)*ga^2",
        vb="=(1-rho)*gb^2 ; =rho*vb@1+(1-rho)*gb^2",
    ),
    (1, 1),
    cells="lr = learning rate; 0.05\nrho = ρ; 0.9",
    mistakes={"va": "=rho*va@1+(1-rho)*ABS(ga)"},
)

CROSSED = replace(VELOCITY, mistakes={"va": "=mu*vb@1+ga", "a": "=a@1-lr*vb@1"})


@pytest.mark.parametrize(
    ("network", "key", "cause"),
    [
        (VELOCITY, "va", "∂E/∂b1 where ∂E/∂w1 belongs"),
        (CROSSED, "va", "another parameter's optimizer state: v_b1 where v_w1 belongs"),
        (CROSSED, "a", "where v_w1 belongs"),
        (STEP, "vb", "v_w1 where v_b1 belongs"),
        (RMSPROP, "va", "the absolute value of ∂E/∂w1[n-1] instead of its square"),
    ],
)
def test_the_state_is_accused_with_its_cause(network, key, cause, tmp_path):
    [table] = audit_workbook(network.with_mistake(key).write(tmp_path / "book.xlsx")).tables
    [finding] = table.findings
    assert finding.first_cell == network.first_wrong(key)
    assert cause in finding.cause
    own = {"va": "your own column 'v_a', used for w1", "vb": "your own column 'v_b', used for b1"}
    assert finding.meaning == own.get(key, "")


def test_the_reading_says_that_states_are_checked(tmp_path):
    text = run(VELOCITY.write(tmp_path / "book.xlsx"), "--explain").stdout
    assert "v_a     –         nothing; checked by the columns that use it" in text
