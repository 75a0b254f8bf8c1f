"""Inputs, targets, fixed biases and learning rates must keep their first values.

Where the first values are read from labeled cells, each must be that of its own label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.filling import first_of_sample
from backprop_sheet.audit.compare.record_values import Mask, Numbers
from backprop_sheet.audit.compare.table_data import TableData, column_numbers
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import (
    GIVEN_KINDS,
    LEARNING_RATE,
    PARAMETER_KINDS,
    Kind,
    kind_of,
)


@dataclass(frozen=True)
class GivenComparison:
    """A column of given values that changes although it should not.

    Attributes:
        found: its numbers.
        expected: the first number of each record's sample.
        wrong: which cells differ from these.
        period: after how many records the numbers must be repeated.
        reads: the name and the cell of the label that it is read from, and the cell of its own
            label, if these differ.
        is_typed_over: whether the wrong cells are numbers typed over a schedule's formula.
    """

    column: str
    found: Numbers
    expected: Numbers
    wrong: Mask
    period: int
    reads: tuple[str, Address, Address] | None = None
    is_typed_over: bool = False


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


def compare_first(
    data: TableData, labels: Mapping[str, Mapping[Address, float]], tolerance: float
) -> Iterator[GivenComparison]:
    """Yield the columns whose first value is read from the cell of another quantity's label.

    If many are, the labels have another numbering than the table's headers.

    Args:
        labels: the values that the sheets have outside the table, by name and cell.
    """
    names_at: dict[Address, set[str]] = {}
    for name, cells in labels.items():
        for place in cells:
            names_at.setdefault(place, set()).add(name)
    own: list[str] = []
    others: dict[str, tuple[str, Address]] = {}
    for name in data.table.names:
        cell = _read_from(data, name)
        named = names_at.get(cell, set()) if cell is not None else set()
        if cell is None or not named or kind_of(name) not in GIVEN_KINDS | PARAMETER_KINDS:
            continue
        if name in named:
            own.append(name)
        elif len(named) == 1 and name in labels:
            others[name] = (min(named), cell)
    weights = [sum(kind_of(name) is Kind.WEIGHT for name in group) for group in (own, others)]
    for name, (other, place) in others.items():
        counts = weights if kind_of(name) is Kind.WEIGHT else (len(own), len(others))
        if counts[0] < 2 * counts[1]:
            continue
        right, value = next(iter(labels[name].items()))
        found, _ = column_numbers(data.table, name)
        expected = found.copy()
        expected[0] = value
        wrong = np.abs(found - expected) > tolerance * np.abs(expected)
        if wrong.any():
            yield GivenComparison(name, found, expected, wrong, 0, (other, place, right))


def _read_from(data: TableData, name: str) -> Address | None:
    """Return the only cell that the first value of a column repeats, if its header names it."""
    table = data.table
    formula, home = table.formula(name, 0), table.cell(name, 0)
    if formula is None or home is None or quantity_name(table.column(name).text) != name:
        return None
    used = used_cells(table.sheets[home.sheet], home[1:])
    value = data.values[name][0] if name in data.columns else None
    return used[0] if len(used) == 1 and value == number(table.value_at(used[0])) else None
