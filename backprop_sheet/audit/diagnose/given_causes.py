"""Findings in columns whose values do not change, and about the learning rate's label."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.given_columns import GivenComparison
from backprop_sheet.audit.compare.learning_rate import LearningRate
from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import plain
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.expressions import Name


def given_finding(comparison: Comparison, given: GivenComparison) -> Finding:
    """Return the finding of a column whose values change, or start, as they should not."""
    table, name = comparison.data.table, given.column
    record = int(np.flatnonzero(given.wrong)[0])
    cells = comparison.data.cells(name, given.wrong)
    right = Name(name, -given.period).key
    if given.is_typed_over:
        right = "the formula of the other rows"
    elif given.reads is not None:
        right = given.reads[2].text(table.sheet)
    return Finding(
        column=name,
        cells=cells,
        first_cell=cells[0].text(table.sheet),
        found=plain(float(given.found[record])),
        expected=None if given.is_typed_over else plain(float(given.expected[record])),
        formula=comparison.translator.text(name, record)[0],
        expected_formula=right,
        cause=_cause(given, float(given.expected[record]), table.sheet),
    )


def _cause(given: GivenComparison, first: float, sheet: str) -> str:
    name = given.column
    if given.is_typed_over:
        return "a number typed over the column's formula"
    if given.reads is not None:
        other, cell, own = given.reads
        return (
            f"another quantity's given value: {other} ({cell.text(sheet)}) where {name} "
            f"({own.text(sheet)}) belongs"
        )
    steps = np.diff(given.found[~np.isnan(given.found)])
    if len(steps) > 1 and steps[0] and np.allclose(steps, steps[0], rtol=TOLERANCE):
        return (
            f"a constant that changed when it was filled down: {name} grows by {steps[0]:g} per "
            f"row instead of staying {first:g}"
        )
    where = "in every iteration" if given.period > 1 else "in every row"
    if given.wrong.sum() == 1:
        return f"{name} must have the same value {where}, but this cell has another number"
    return f"{name} must have the same value {where}, {first:g}, but it changes"


def rate_finding(comparison: Comparison) -> Finding | None:
    """Return the finding of updates that use another learning rate than the sheet states."""
    rate, sheet = comparison.rate, comparison.data.table.sheet
    used = rate.value
    if rate.quantity:
        return _quantity_finding(comparison)
    if rate.is_empty and rate.source.cell is not None:
        return _empty_finding(rate, rate.source.cell, sheet)
    if rate.other_label is None or used is None:
        return None
    address, stated = rate.other_label
    where = address.text(sheet)
    return Finding(
        column=LEARNING_RATE,
        cells=(address,),
        first_cell=where,
        found=stated,
        expected=used,
        formula=None,
        expected_formula=LEARNING_RATE,
        cause=f"the sheet says {stated:g} at {where}, but the updates use {used:g} "
        f"(from {rate.found_in})",
    )


def _quantity_finding(comparison: Comparison) -> Finding:
    """Return the finding of updates that use a given quantity as their learning rate."""
    rate, data = comparison.rate, comparison.data
    assert rate.value is not None
    cell = data.table.cell(rate.quantity, 0) if rate.quantity in data.table.names else None
    constants = comparison.translator.formulas.constants
    cell = cell or next((at for at, name in constants.items() if name == rate.quantity), None)
    sheet, stated = data.table.sheet, None
    where = f" ({cell.text(sheet)})" if cell is not None else ""
    cause = f"another quantity: all updates use {rate.quantity}{where} where η belongs"
    if rate.other_label is not None:
        label, stated = rate.other_label
        cause += f"; the sheet has η = {stated:g} at {label.text(sheet)}"
        cell = cell or label
    cells = () if cell is None else (cell,)
    return Finding(
        column=LEARNING_RATE,
        cells=cells,
        first_cell=cells[0].text(sheet) if cells else "",
        found=rate.value,
        expected=stated,
        formula=rate.quantity,
        expected_formula=LEARNING_RATE,
        cause=cause,
    )


def _empty_finding(rate: LearningRate, cell: Address, sheet: str) -> Finding:
    """Return the finding of a learning rate that is read from an empty cell."""
    where, stated = cell.text(sheet), None
    cause = f"η is read from {where}, which is empty and counts as 0: the parameters never change"
    if rate.other_label is not None:
        label, stated = rate.other_label
        cause += f" (the sheet has η = {stated:g} at {label.text(sheet)})"
    return Finding(
        column=LEARNING_RATE,
        cells=(cell,),
        first_cell=where,
        found="an empty cell",
        expected=stated,
        formula=None,
        expected_formula=LEARNING_RATE,
        cause=cause,
    )
