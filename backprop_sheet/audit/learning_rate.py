"""The learning rate of a table: what its updates use, and whether the sheet says another one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from backprop_sheet.audit.expected import row_rhs
from backprop_sheet.audit.formula_parser import UnreadableFormulaError, is_external
from backprop_sheet.audit.reading import Address, number
from backprop_sheet.audit.results import Finding
from backprop_sheet.audit.table_data import (
    TableData,
    column_numbers,
    half_units_as_typed,
    shifted,
)
from backprop_sheet.audit.translation import RateSource, Translator
from backprop_sheet.network.equations import LEARNING_RATE
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Number, names, walk


@dataclass(frozen=True)
class LearningRate:
    """The rate per record, where it is read, and a finding if the sheet says another one."""

    values: np.ndarray | None = None
    source: RateSource = field(default_factory=RateSource)
    finding: Finding | None = None

    @property
    def value(self) -> float | None:
        """The first row's rate."""
        return None if self.values is None else float(self.values[0])


def resolve_learning_rate(
    data: TableData, translator: Translator, labelled: Mapping[Address, float]
) -> LearningRate:
    """Find the learning rate that the updates use.

    It is read from a column of the table, from the cell or the number in the updates' own
    formulas, from a label, or inferred from the numbers, in this order.

    Args:
        labelled: the learning rates that the sheet says in words, by cell.
    """
    if LEARNING_RATE in data.table.names:
        column, _ = column_numbers(data.table, LEARNING_RATE)
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            previous = shifted(column, -1)
            previous[np.isnan(previous)] = column[known[0]]
            return LearningRate(previous)
    source, used = _in_formulas(data, translator)
    where = "the updates"
    if source.cell is not None:
        where = source.cell.text(data.table.sheet)
    elif source.number is not None:
        where = "a number in their formulas"
    if used is None:
        used = _from_numbers(data, labelled)
        where = "the updated parameters"
    if used is None:
        return LearningRate(source=source)
    values = np.full(data.records, float(used))
    finding = None
    if (
        labelled
        and source.cell not in labelled
        and not any(math.isclose(used, value, rel_tol=1e-6) for value in labelled.values())
    ):
        at = _nearest(data, labelled)
        said, shown = labelled[at], at.text(data.table.sheet)
        finding = Finding(
            column=LEARNING_RATE,
            cells=(at,),
            first_cell=shown,
            found=said,
            expected=float(used),
            formula=None,
            expected_formula=LEARNING_RATE,
            cause=f"the sheet says {said:g} at {shown}, the updates use {used:g} (from {where})",
        )
    return LearningRate(values, source, finding)


def _in_formulas(data: TableData, translator: Translator) -> tuple[RateSource, float | None]:
    """What most of the first updates take for η: a cell's value, or a number."""
    cells: Counter[Address] = Counter()
    external: Counter = Counter()
    numbers: Counter[float] = Counter()
    record = data.system.rows_per_iteration
    if record >= data.records:
        return RateSource(), None
    # Numbers that an update has for other reasons: the divisor of a mean, 1 - β, squares.
    usual = {1.0, 2.0, 0.0}
    if data.system.rows_per_iteration > 1:
        usual.add(float(data.system.rows_per_iteration))
    for value in translator.numbers:
        usual |= {value, 1.0 - value}
    for name in data.system.trained:
        if name not in data.columns or data.is_typed(name, record):
            continue
        seen: list[Address] = []
        try:
            expression = translator.expression(name, record, seen)
        except UnreadableFormulaError:
            continue
        cells.update(set(seen))
        external.update({n for n in names(expression) if is_external(n) and "!" in n.name})
        plain_numbers = {node.value for node in walk(expression) if isinstance(node, Number)}
        # The 1 of a spelled-out minus, -1*η, is η only where no other number is.
        numbers.update(plain_numbers - usual or plain_numbers & {1.0, 2.0})
    for cell, _ in cells.most_common():
        value = number(data.table.value_at(cell))
        if value is not None:
            return RateSource(cell=cell), value
    if external:
        return RateSource(external=external.most_common(1)[0][0]), None
    if numbers:
        found = numbers.most_common(1)[0][0]
        return RateSource(number=found), found
    return RateSource(), None


def _from_numbers(data: TableData, labelled: Mapping[Address, float]) -> float | None:
    """The label that agrees with the updates, else the simplest number that does."""
    inferred, uncertain = _inferred(data)
    if inferred is None:
        near = _nearest(data, labelled) if labelled else None
        return labelled[near] if near else None
    agreeing = [
        value
        for value in labelled.values()
        if abs(value - inferred) <= max(uncertain, 1e-6 * abs(inferred))
    ]
    return agreeing[0] if agreeing else _simplest(inferred, uncertain)


def _inferred(data: TableData) -> tuple[float | None, float]:
    """η from the updates themselves, and how far it may be off, by the largest steps.

    Every optimizer's update is ``start - η*step``: its values at η = 0 and at η = 1 give both.
    """
    estimates: list[tuple[float, float]] = []  # one per parameter
    for name in data.system.trained:
        rhs = row_rhs(data.system, name)
        others = [used for used in names(rhs) if used.name != LEARNING_RATE]
        if name not in data.columns or not all(data.values.has(one.key) for one in others):
            continue
        values = {one.key: data.values[one.key] for one in others}
        with np.errstate(all="ignore"):
            start = evaluate(rhs, values | {LEARNING_RATE: 0.0})
            step = start - evaluate(rhs, values | {LEARNING_RATE: 1.0})
            step = np.where(data.position == 0, step, np.nan)
            rates = np.abs((start - data.values[name]) / step)
            half = half_units_as_typed(data, name)
            off = half + np.nan_to_num(shifted(half, -1))
            gradient = data.system.gradient(name)
            off = off + rates * shifted(half_units_as_typed(data, gradient), -1)
            off = (off + 4e-16 * np.abs(data.values[name])) / np.abs(step)
        best = np.argsort(np.where(np.isfinite(rates) & np.isfinite(off), off, np.inf))[:9]
        best = best[np.isfinite(rates[best]) & np.isfinite(off[best])]
        if len(best):
            rate = float(np.median(rates[best]))
            if rate > 0:  # a parameter that stands still is never updated
                estimates.append((rate, 4 * float(off[best].max()) + 1e-9 * rate))

    def agreeing(estimate: tuple[float, float]) -> int:
        return sum(abs(rate - estimate[0]) <= off + estimate[1] for rate, off in estimates)

    # The rate of most parameters; among those, the surest.
    return max(estimates, key=lambda e: (agreeing(e), -e[1]), default=(None, 0.0))


def _nearest(data: TableData, labelled: Mapping[Address, float]) -> Address:
    """The label that most likely speaks of the table: above it and close, else the closest."""
    header = data.table.header(data.table.names[0])
    return min(
        labelled,
        key=lambda cell: (
            cell.sheet != header.sheet,
            cell.row > header.row,
            abs(cell.row - header.row),
            cell.column,
        ),
    )


def _simplest(value: float, off: float) -> float:
    """The number of the fewest digits within ``off`` of a value."""
    for digits in range(1, 11):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= off:
            return rounded
    return value
