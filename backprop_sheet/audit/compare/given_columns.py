"""Inputs, targets, fixed biases and learning rates must keep their first values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.filling import first_of_sample
from backprop_sheet.audit.compare.record_values import Mask, Numbers
from backprop_sheet.audit.compare.table_data import TableData, column_numbers
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE


@dataclass(frozen=True)
class GivenComparison:
    """A column of given values that changes although it should not.

    Attributes:
        found: its numbers.
        expected: the first number of each record's sample.
        wrong: which cells differ from these.
        period: after how many records the numbers must be repeated.
    """

    column: str
    found: Numbers
    expected: Numbers
    wrong: Mask
    period: int


def compare_given(data: TableData, tolerance: float) -> Iterator[GivenComparison]:
    """Yield the columns of given values that change."""
    system = data.system
    fixed = [name for name in system.parameters if name not in system.trained]
    given = [name for name, role in system.columns.items() if role is Role.GIVEN]
    for name in data.table.names:
        if name not in (LEARNING_RATE, *given, *fixed):
            continue
        found, _ = column_numbers(data.table, name)
        period = system.sample_count if name in given else 1
        first = first_of_sample(found, period)
        wrong = (
            ~np.isnan(found) & ~np.isnan(first)
            & (np.abs(found - first) > tolerance * np.abs(first))
        )  # fmt: skip
        if wrong.any():
            yield GivenComparison(name, found, first, wrong, period)
