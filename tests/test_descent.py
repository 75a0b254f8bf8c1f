"""Problems and their descent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_sheet.descent import LARGEST, Problem, checked_learning_rates, descend
from backprop_sheet.equations import COLUMNS, WEIGHTS


def test_the_courses_published_numbers():
    start, after = descend(Problem(), (0.1, 0.5), 1)
    assert start["E_total"].tolist() == [0.24251985734837728] * 2
    assert after["w1"][1] == pytest.approx(0.14990587216652995, rel=1e-15)
    assert after["w5"][1] == pytest.approx(0.3639214635439319, rel=1e-15)
    assert after["E_total"][1] == pytest.approx(0.23549537787349017, rel=1e-15)


def test_rates_do_not_touch_each_other():
    together = list(descend(Problem(), (0.5, 2.0), 20))
    alone = list(descend(Problem(), (2.0,), 20))
    for both, one in zip(together, alone, strict=True):
        assert all(both[name][1] == one[name][0] for name in COLUMNS)


def test_a_small_step_goes_downhill():
    errors = [row["E_total"][0] for row in descend(Problem(), (0.1,), 200)]
    assert all(np.diff(errors) < 0)


def test_each_weight_moves_against_its_gradient():
    before, after = descend(Problem(), (0.8,), 1)
    for weight in WEIGHTS:
        assert after[weight][0] == before[weight][0] - 0.8 * before[f"∂E/∂{weight}"][0]


sizes = st.floats(-LARGEST, LARGEST)


@settings(max_examples=50)
@given(
    st.tuples(sizes, sizes),
    st.tuples(sizes, sizes),
    st.tuples(*[sizes] * 8),
    st.floats(0, LARGEST, exclude_min=True),
)
def test_no_cell_ever_overflows(inputs, targets, weights, rate):
    for row in descend(Problem(inputs, targets, weights), (rate, LARGEST), 8):
        for name in COLUMNS:
            assert np.all(np.isfinite(row[name])), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": (1.0,)},
        {"targets": (1.0, 2.0, 3.0)},
        {"weights": (0.0,) * 7},
        {"inputs": (math.nan, 0.0)},
        {"targets": (0.0, math.inf)},
        {"weights": (0.0,) * 7 + (1e41,)},
    ],
)
def test_impossible_problems_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Problem(**wrong)


@pytest.mark.parametrize("rates", [(), (0.0,), (-1.0,), (math.nan,), (math.inf,), (1e41,)])
def test_impossible_rates_are_refused(rates):
    with pytest.raises(ValueError, match="learning rate"):
        checked_learning_rates(rates)


def test_repeated_rates_are_merged_in_order():
    assert checked_learning_rates((2.0, 1.0, 2.0)) == (2.0, 1.0)
