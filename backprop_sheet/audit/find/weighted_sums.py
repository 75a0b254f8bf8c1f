"""The orders in which weights lead to a sum, found by the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, permutations

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.find.column_numbers import Array, ColumnNumbers

MAX_ORDERS = 2_000  # orders of all weights of a sum but the last
MIN_SHARE = 0.75  # of the records, in which products with weights add up to their sum

Uncertain = tuple[Array, Array]  # numbers, and half a unit of the last digit of each


@dataclass(frozen=True)
class Order:
    """The columns of the weights of one sum, in the order of its sources.

    Attributes:
        share: of the records, in which they add up to the sum.
    """

    columns: tuple[int, ...]
    share: float


def orders_of(
    numbers: ColumnNumbers,
    total: Uncertain,
    sources: Sequence[Uncertain],
    biases: Sequence[Uncertain],
    weights: Sequence[int],
) -> list[Order]:
    """Return the orders of weights whose products with the sources, and biases, add up to a sum."""
    rest, slack = total
    for values, half in biases:
        rest, slack = rest - values, slack + half
    columns = np.array(weights, dtype=int)
    all_values, all_halves = numbers.values[columns], numbers.half_units[columns]
    products = [all_values * values for values, _ in sources]
    slacks = [all_halves * np.abs(values) + np.abs(all_values) * half for values, half in sources]
    orders = []
    with np.errstate(all="ignore"):
        for others in islice(permutations(range(len(columns)), len(sources) - 1), MAX_ORDERS):
            left = rest - sum(products[place][row] for place, row in enumerate(others))
            allowed = slack + sum(slacks[place][row] for place, row in enumerate(others))
            allowed = allowed + slacks[-1] + 1e-15
            allowed = allowed + TOLERANCE * np.maximum(np.abs(total[0]), np.abs(products[-1]))
            differences = np.abs(products[-1] - left)
            known = ~np.isnan(differences)
            counts = known.sum(axis=1)
            shares = ((differences <= allowed) & known).sum(axis=1) / np.maximum(counts, 1)
            for last in np.flatnonzero(shares >= MIN_SHARE).tolist():
                if last not in others:
                    rows = (*others, last)
                    found = tuple(int(columns[row]) for row in rows)
                    orders.append(Order(found, float(shares[last])))
    return orders
