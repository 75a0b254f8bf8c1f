"""Which numbers one quantity needs for a formula to have the right ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers, mostly_agree
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name


def needed_numbers(
    expression: Expression, values: dict[str, Numbers], name: Name, right: Numbers
) -> list[Numbers]:
    """Return the numbers of a name with which an expression has the right ones; [] if unclear.

    The name is a term or a factor, divides others, is a term of what does, as exp(-h1), or is
    squared, so that its sign is open.
    """
    own = values[name.key]

    def result(numbers: Numbers) -> Numbers:
        values[name.key] = numbers
        return np.asarray(evaluate(expression, values))

    try:
        with np.errstate(all="ignore"):
            for solve in (_as_factor, _as_divisor, _as_term_of_divisor, _as_square):
                needed = solve(result, right)
                if mostly_agree(result(needed), right) and not mostly_agree(needed, own):
                    return [needed, -needed] if solve is _as_square else [needed]
    except KeyError:  # a quantity without numbers
        return []
    finally:
        values[name.key] = own
    return []


def _as_factor(result: Callable[[Numbers], Numbers], right: Numbers) -> Numbers:
    """Solve a + b*x = right."""
    zero, one = (result(np.full(right.shape, number)) for number in (0.0, 1.0))
    needed: Numbers = (right - zero) / (one - zero)
    return needed


def _as_divisor(result: Callable[[Numbers], Numbers], right: Numbers) -> Numbers:
    """Solve a + b/x = right."""
    one, two = (result(np.full(right.shape, number)) for number in (1.0, 2.0))
    factor = 2 * (one - two)
    needed: Numbers = factor / (right - (one - factor))
    return needed


def _as_term_of_divisor(result: Callable[[Numbers], Numbers], right: Numbers) -> Numbers:
    """Solve (a + b*x)/(1 + c*x) = right."""
    zero, one, two = (result(np.full(right.shape, number)) for number in (0.0, 1.0, 2.0))
    below = (zero - 2 * one + two) / (2 * (one - two))
    above = one * (1 + below) - zero
    needed: Numbers = (right - zero) / (above - below * right)
    return needed


def _as_square(result: Callable[[Numbers], Numbers], right: Numbers) -> Numbers:
    """Solve a + b*x^2 = right by the positive root."""
    zero, one = (result(np.full(right.shape, number)) for number in (0.0, 1.0))
    needed: Numbers = np.sqrt((right - zero) / (one - zero))
    return needed
