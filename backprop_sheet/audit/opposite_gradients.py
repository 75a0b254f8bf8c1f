"""Gradients of the opposite sign, which the updates add: −∂E/∂w under the headers of ∂E/∂w."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.compare.table_comparison import Comparison, compare_table
from backprop_sheet.audit.find.judging import has_two_signs
from backprop_sheet.audit.find.reading import BY_NUMBERS, Reading
from backprop_sheet.audit.results import ReadColumn
from backprop_sheet.equations.intermediates import NEGATIVE


def with_opposite_gradients(
    reading: Reading, comparison: Comparison, tolerance: float
) -> tuple[Reading, Comparison]:
    """Read the derivatives with the other sign if that is what they are, and the updates add them.

    With t - a throughout, every gradient has the wrong sign; if the updates then add it, the
    parameters are right, and nothing is wrong but the headers. Gradients that are computed from
    columns of δ follow from these, whose sign is then the only other thing that seems wrong.
    """
    for derivatives, accused in _candidates(comparison):
        changed = {name: NEGATIVE + name for name in derivatives}
        table = reading.table
        table = table.with_names(
            {changed.get(name, name): table.column(name) for name in table.names}
        )
        again = compare_table(table, reading.system, reading.labels, tolerance)
        if 2 * again.wrong_columns > comparison.wrong_columns - accused:
            continue  # the updates subtract them
        if _wrong_derivatives(again) > _wrong_derivatives(comparison):
            continue  # the updates add derivatives of the right sign
        columns = tuple(_with_sign(column, changed) for column in reading.columns)
        return replace(reading, table=table, columns=columns), again
    return reading, comparison


def _with_sign(column: ReadColumn, changed: Mapping[str, str]) -> ReadColumn:
    """Return how a column was read with the other sign, which only a δ may have by its header."""
    if column.quantity not in changed:
        return column
    quantity = changed[column.quantity]
    if has_two_signs(column.quantity):
        return replace(column, quantity=quantity)
    return replace(column, quantity=quantity, by=BY_NUMBERS, is_against_header=True)


def _candidates(comparison: Comparison) -> Iterator[tuple[list[str], int]]:
    """Yield derivatives that may have the other sign together, and how many of them seem wrong."""
    data = comparison.data
    gradients = [
        name for name in map(data.system.gradient, data.system.trained) if name in data.columns
    ]
    if 2 * _opposite(comparison, gradients) > len(gradients):
        yield gradients, len(gradients)
    wrong = comparison.wrong_names
    deltas = [name for name in data.columns if has_two_signs(name)]
    if not wrong.isdisjoint(deltas) and 2 * len(wrong & {*data.system.trained}) > len(gradients):
        yield [*deltas, *gradients], 0


def _wrong_derivatives(comparison: Comparison) -> int:
    """Return how many derivatives of the error are wrong."""
    return sum(name.removeprefix(NEGATIVE).startswith("∂E") for name in comparison.wrong_names)


def _opposite(comparison: Comparison, names: Collection[str]) -> int:
    """Return how many columns have the opposite sign in all rows."""
    opposite = 0
    for column in comparison.columns:
        if column.column in names and column.wrong.any():
            found, right = comparison.data.values[column.column], column.expected
            known = np.isfinite(found) & np.isfinite(right)
            near = np.abs(found + right) <= TOLERANCE * np.abs(right)
            opposite += bool(near[known].all())
    return opposite
