"""Find the learning rate that a table's updates use, and compare it with the sheet's label."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers, median, shifted
from backprop_sheet.audit.compare.table_data import TableData, column_numbers
from backprop_sheet.audit.compare.translation import Formula, Formulas, RateSource
from backprop_sheet.audit.compare.uncertainty import Uncertainty
from backprop_sheet.audit.find.given_values import only_lists
from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Number,
    cell_references,
    names,
    plain_names,
    walk,
)

_SLACK = 4  # times the uncertainty of a learning rate that still is the one of the updates
MAX_TITLE = 5  # lines above the header of a table
MAX_TEXTS = 20_000  # of a sheet, among which the headers of other tables are looked for


@dataclass(frozen=True)
class LearningRate:
    """The learning rate that the updates of a table use.

    Attributes:
        values: the rate per record, or None if it is not known.
        other_label: the cell and value of the sheet's label if that has another value.
        found_in: where the rate was found, in words, if there is such a label.
        is_empty: whether the updates read it from an empty cell, which counts as 0.
        quantity: the quantity that the updates use instead of it, such as i1; "" if there is none.
        is_inferred: whether it was computed from the updated parameters, which may be rounded.
        is_scheduled: whether it changes from row to row on purpose.
    """

    values: Numbers | None = None
    source: RateSource = field(default_factory=RateSource)
    other_label: tuple[Address, float] | None = None
    found_in: str = ""
    is_empty: bool = False
    quantity: str = ""
    is_inferred: bool = False
    is_scheduled: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the updates use another learning rate than the sheet states, or none."""
        return self.other_label is not None or self.is_empty or bool(self.quantity)

    @property
    def value(self) -> float | None:
        """The first row's rate."""
        return None if self.values is None else float(self.values[0])


def resolve_learning_rate(
    data: TableData,
    formulas: Formulas,
    uncertainty: Uncertainty,
    labeled: Mapping[Address, float],
) -> LearningRate:
    """Find the learning rate that the updates use.

    It is read from a column of the table, from the cell or the number in the updates' own
    formulas, from a label, or inferred from the numbers, in this order.

    Args:
        labeled: the learning rates that the sheet has beside labels, by cell.
    """
    if LEARNING_RATE in data.table.names:
        column, _ = column_numbers(data.table, LEARNING_RATE)
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            return LearningRate(_of_updates(data, column, float(column[known[0]])))
    source, used = _in_formulas(data, formulas, labeled)
    where = "the updates"
    if source.cell is not None:
        where = source.cell.text(data.table.sheet)
        if data.table.value_at(source.cell) is None:
            stated = _nearest_label(data, labeled)
            return LearningRate(np.zeros(data.records), source, stated, where, is_empty=True)
    elif source.number is not None:
        where = "a number in their formulas"
    is_inferred = used is None
    if used is None:
        used = _from_numbers(data, uncertainty, labeled)
        where = "the updated parameters"
    if used is None:
        return LearningRate(source=source)
    values = np.full(data.records, float(used))
    if quantity := _quantity_instead(data, formulas, values):
        stated = _nearest_label(data, labeled)
        return LearningRate(values, source, stated, quantity, quantity=quantity)
    stated = _contradicting(data, labeled, source.cell, used)
    where = where if stated else ""
    return LearningRate(values, source, stated, where, is_inferred=is_inferred)


def _of_updates(data: TableData, column: Numbers, first: float) -> Numbers:
    """Return the rate of each row's updates: that of the row above, or of the row itself.

    Where the rate changes, most updates tell.
    """
    own = np.where(np.isnan(column), first, column)
    above = shifted(column, -1)
    above[np.isnan(above)] = first
    votes = 0
    if (above != own).any():
        for name in data.system.trained:
            rhs = row_rhs(data.system, name)
            others = [used for used in names(rhs) if used.name != LEARNING_RATE]
            if name in data.columns and all(data.values.has(used.key) for used in others):
                values = {used.key: data.values[used.key] for used in others}
                with np.errstate(all="ignore"):
                    off_above, off_own = (
                        np.abs(data.values[name] - evaluate(rhs, values | {LEARNING_RATE: rates}))
                        for rates in (above, own)
                    )
                votes += int(np.sum(off_own < off_above)) - int(np.sum(off_above < off_own))
    return own if votes > 0 else above


def _contradicting(
    data: TableData, labeled: Mapping[Address, float], cell: Address | None, used: float
) -> tuple[Address, float] | None:
    """Return the label that states another rate than the updates use, and that rate, or None.

    Of several tables, each with a label in its title, one has only its own, unless its given values
    are on another sheet, which has no table. What is in the title of another one is not its label.
    """
    table = data.table
    top = table.top()
    own = {at: value for at, value in labeled.items() if _is_in_title(table, top, at)}
    is_elsewhere = (
        cell is not None
        and cell.sheet in table.given_sheets
        and only_lists(table.sheets[cell.sheet])
    )
    labeled = own if own and cell not in own and not is_elsewhere else labeled
    others = [at for at in _same_headers(table) if at != top and not table.covers(at)]
    labeled = {
        at: value
        for at, value in labeled.items()
        if at in own or not any(_is_in_title(table, other, at) for other in others)
    }
    if cell in labeled or any(
        math.isclose(used, value, rel_tol=TOLERANCE) for value in labeled.values()
    ):
        return None
    return _nearest_label(data, labeled)


def _is_in_title(table: Table, top: Address, address: Address) -> bool:
    """Whether a cell is in the lines above a table in rows.

    Args:
        top: where its first header is, or that of a table with the same headers.
    """
    first = table.header(table.names[0])
    headers = [table.header(name) for name in table.names]
    columns = [header.column for header in headers if header.sheet == address.sheet]
    return (
        table.layout is Layout.ROWS
        and address.sheet == top.sheet
        and top.row - MAX_TITLE <= address.row < top.row
        and min(columns) - 1 <= address.column - top.column + first.column <= max(columns)
    )


def _same_headers(table: Table) -> Iterator[Address]:
    """Yield the first header of each table with the same headers, in the same order.

    A table whose header is repeated has it more than once.
    """
    first = table.header(table.names[0])
    sheet = table.sheets[first.sheet]
    headers = [at for name in table.names if (at := table.header(name)).sheet == first.sheet]
    text = table.value_at(first)
    for (row, column), other in sheet.texts[:MAX_TEXTS]:
        if other == text:
            moved = (
                (at.row - first.row + row, at.column - first.column + column) for at in headers
            )
            same = sum(
                sheet.values.get(cell) == table.value_at(at)
                for cell, at in zip(moved, headers, strict=True)
            )
            if 2 * same > len(headers):
                yield Address(first.sheet, row, column)


def _in_formulas(
    data: TableData, formulas: Formulas, labeled: Mapping[Address, float]
) -> tuple[RateSource, float | None]:
    """Return the cell or the number that most of the first updates use as η, and its value.

    Of several cells, one with the value of another hyperparameter comes last, a labeled one first.
    A learning rate is positive: a cell with a negative number is -η.
    """
    cells: Counter[Address] = Counter()
    external: Counter[CellReference] = Counter()
    numbers: Counter[float] = Counter()
    alone: Counter[float] = Counter()  # of updates that use no cell
    read = 0
    record = data.system.rows_per_iteration
    if record >= data.records:
        return RateSource(), None
    # Numbers that an update has for other reasons: the divisor of a mean, 1 - β, exponents.
    usual = {1.0, 2.0, 0.0}
    if data.system.rows_per_iteration > 1:
        usual.add(float(data.system.rows_per_iteration))
    for value in formulas.numbers:
        usual |= {value, 1.0 - value}
    for _, formula in _first_updates(data, formulas):
        read += 1
        cells.update(set(formula.cells))
        external.update({cell for cell in cell_references(formula.expression) if cell.sheet})
        plain_numbers = {
            node.value for node in walk(formula.expression) if isinstance(node, Number)
        }
        # The 1 in -1*η is the learning rate only if there is no other number.
        numbers.update(plain_numbers - usual or plain_numbers & {1.0, 2.0})
        if not formula.cells:
            alone.update(plain_numbers - usual)
    typed, times = max(alone.items(), key=itemgetter(1), default=(0.0, 0))
    if times > max(cells.values(), default=times):
        return RateSource(number=typed), typed
    for address in sorted(
        cells,
        key=lambda cell: (
            -cells[cell],
            number(data.table.value_at(cell)) in formulas.numbers,
            cell not in labeled,
            cell,
        ),
    ):
        stored = number(data.table.value_at(address))
        if stored is not None:
            return RateSource(cell=address), abs(stored)
    for address, times in cells.most_common(1):
        if times > 1 and 2 * times >= read and _is_empty_rate(data, address, record):
            return RateSource(cell=address), 0.0
    if external:
        return RateSource(external=external.most_common(1)[0][0]), None
    if numbers:
        rate = numbers.most_common(1)[0][0]
        return RateSource(number=rate), rate
    return RateSource(), None


def _first_updates(data: TableData, formulas: Formulas) -> Iterator[tuple[str, Formula]]:
    """Yield the formulas of the first updates that can be read, by parameter."""
    record = data.system.rows_per_iteration
    for name in data.system.trained:
        if record < data.records and name in data.columns and not data.is_typed(name, record):
            formula = formulas.read(name, record)
            if formula is not None:
                yield name, formula


def _quantity_instead(data: TableData, formulas: Formulas, rate: Numbers) -> str:
    """Return the given quantity that all updates have where η belongs; "" if there is none.

    Where gradients are no columns of the table, an update has them written out, or refers to cells.
    """
    instead: set[str] | None = None
    for name, formula in _first_updates(data, formulas):
        extra = plain_names(formula.expression) - {name}
        if len(extra) > 1 or not any(cell_references(formula.expression)):
            extra -= plain_names(row_rhs(data.system, name))
        instead = extra if instead is None else instead & extra
    for name in instead or ():
        role = data.system.columns.get(name)
        if role is Role.GIVEN and name in data.values and np.allclose(data.values[name], rate):
            return name
    return ""


def _is_empty_rate(data: TableData, address: Address, record: int) -> bool:
    """Whether updates that use an empty cell as η leave the parameters as they are."""
    table = data.table
    if table.value_at(address) is not None or table.locate(address) is not None:
        return False
    trained = [name for name in data.system.trained if name in data.columns]
    moved = [
        name
        for name in trained
        if data.values[name][record] != data.values[name][record - 1]
        and not data.is_typed(name, record)
    ]
    return 2 * len(moved) <= len(trained)


def _from_numbers(
    data: TableData, uncertainty: Uncertainty, labeled: Mapping[Address, float]
) -> float | None:
    """Return the label's rate that agrees with the updates, else the simplest such number.

    A simple number that is only just possible must fit as many parameters as a nearer one does.
    """
    estimates = _estimates(data, uncertainty)
    inferred, uncertain = _most_agreed(estimates, labeled.values())
    if inferred is None:
        stated = _nearest_label(data, labeled)
        return None if stated is None else stated[1]
    agreeing = [
        value
        for value in labeled.values()
        if abs(value - inferred) <= max(uncertain, TOLERANCE * abs(inferred))
    ]
    if agreeing:
        return agreeing[0]

    def fitting(value: float) -> int:
        return sum(abs(rate - value) <= off / _SLACK for rate, off in estimates)

    # The first of the best ones, so that the simplest one wins.
    return max((_simplest(inferred, off) for off in (uncertain, uncertain / _SLACK)), key=fitting)


def inferred_rate(data: TableData, uncertainty: Uncertainty) -> tuple[float | None, float]:
    """Return η computed from the numbers of the updates, and its uncertainty."""
    return _most_agreed(_estimates(data, uncertainty))


def _estimates(data: TableData, uncertainty: Uncertainty) -> list[tuple[float, float]]:
    """Return η as the updates of each parameter tell, with its uncertainty.

    Every optimizer's update is ``start - η*step``, so its values at η = 0 and at η = 1 give both
    terms. The largest steps give the most exact η.
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
            is_known = data.has_numbers(name) & (data.position == 0)
            step = np.where(is_known, step, np.nan)
            rates = np.abs((start - data.values[name]) / step)
            half = uncertainty.of_source(name)
            off = half + np.nan_to_num(shifted(half, -1))
            gradient = data.system.gradient(name)
            off = off + rates * shifted(uncertainty.of_source(gradient), -1)
            off = (off + 4e-16 * np.abs(data.values[name])) / np.abs(step)
        best = np.argsort(np.where(np.isfinite(rates) & np.isfinite(off), off, np.inf))[:9]
        best = best[np.isfinite(rates[best]) & np.isfinite(off[best])]
        if len(best):
            rate = median(rates[best])
            if rate > 0:  # a parameter that stands still is never updated
                estimates.append((rate, _SLACK * float(off[best].max()) + 1e-9 * rate))
    return estimates


def _most_agreed(
    estimates: Sequence[tuple[float, float]], stated: Collection[float] = ()
) -> tuple[float | None, float]:
    """Return the rate that most parameters agree with; among these, the most exact.

    An estimate that is itself uncertain agrees with others, and is not what these agree with. Of
    two rates with as many parameters, a stated one is it: some parameters may be updated wrongly.
    """

    def agreeing(estimate: tuple[float, float]) -> int:
        return sum(abs(rate - estimate[0]) <= off for rate, off in estimates)

    def is_stated(estimate: tuple[float, float]) -> bool:
        rate, off = estimate
        return any(abs(rate - value) <= off for value in stated)

    return max(estimates, key=lambda e: (agreeing(e), is_stated(e), -e[1]), default=(None, 0.0))


def _nearest_label(
    data: TableData, labeled: Mapping[Address, float]
) -> tuple[Address, float] | None:
    """Return the label, with its rate, that most likely belongs to the table, or None.

    That is one above it, and near.
    """
    top = data.table.top()

    def distance(cell: Address) -> tuple[bool, bool, int, int]:
        is_below = cell.row > top.row
        return cell.sheet != top.sheet, is_below, abs(cell.row - top.row), cell.column

    return min(labeled.items(), key=lambda item: distance(item[0]), default=None)


def _simplest(value: float, off: float) -> float:
    """Return the number with the fewest digits within ``off`` of a value."""
    for digits in range(1, 11):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= off:
            return rounded
    return value
