"""Causes by value: the mistake that gives all wrong numbers of a column, however it is written."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from backprop_sheet.audit.compare.comparison import STORED, ColumnComparison
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers, median
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.diagnose.derivatives import wrong_derivatives
from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.mistakes import mistakes, simple_mistakes
from backprop_sheet.audit.diagnose.operator_mistakes import wrong_signs
from backprop_sheet.audit.diagnose.row_mistakes import copied_words, fixed_row_words
from backprop_sheet.audit.read.references import Address
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Number,
    names,
    rename,
    replace_leaf,
)
from gradsheet.words import join

MAX_ROWS = 40  # wrong rows that a mistake must reproduce
MIN_ROWS_OF_PAIR = 3  # that two mistakes must reproduce together
MIN_ROWS_OF_FACTOR = 2  # that one number must give
MAX_FIRST, MAX_PAIRS = 150, 8_000  # mistakes, and pairs of mistakes, that are tried
MAX_APART = 8  # cells between a column and the one whose formula was copied to it
MIN_NEARER = 1_000  # times nearer than the right value must be what a mistake gives
MAX_UNCERTAINTY = 1e-3  # relative; of numbers that are rounded more, only a sign can be said
MAX_UNCERTAINTY_OF_ONE = 1e-4  # the same for a single number
MAX_UNCERTAINTY_OF_SIGN = 0.05  # of numbers whose sign is wrong


def cause_by_value(table: Comparison, comparison: ColumnComparison, *, pairs: bool) -> str:
    """Find the mistake, or two, with which all wrong numbers of a column agree; "" if none.

    Args:
        pairs: whether two mistakes at once are looked for, which takes longer.
    """
    data, column = table.data, comparison.column
    rows = np.flatnonzero(comparison.wrong & ~np.isnan(data.values[column])).tolist()
    if not rows:
        return ""
    position = data.position_in(column, rows[0])
    rows = [row for row in rows if data.position_in(column, row) == position]
    rows = rows[:: max(1, len(rows) // MAX_ROWS)][:MAX_ROWS]
    found = data.values[column][rows]
    digits = table.uncertainty.of_source(column)[rows] * 2 * (1 + 1e-9)
    # The right value itself may be within the tolerance of a parameter that a small step changes.
    off = np.abs(found - comparison.expected[rows])
    nearer = np.fmin(
        TOLERANCE * np.abs(found), np.maximum(off / MIN_NEARER, STORED * np.abs(found))
    )
    allowed = np.maximum(nearer, digits)
    if np.any(allowed > MAX_UNCERTAINTY * np.abs(found)):
        return _negated(table, comparison, rows)
    values = table.values.of_records(rows)

    def agrees(expression: Expression) -> bool:
        try:
            value = evaluate(expression, values)
        except KeyError:
            return False
        return bool(np.all(np.abs(value - found) <= allowed))

    def candidates() -> Iterator[Mistake]:
        every = itertools.chain(
            _fixed_rows(table, column, position),
            _other_derivatives(table, column),
            mistakes(data.system, column, position),
            _copied_sideways(table, column, rows[0]),
        )
        return (mistake for mistake in every if Name(column) not in names(mistake.expression))

    with np.errstate(all="ignore"):
        agreeing = (mistake for mistake in candidates() if agrees(mistake.expression))
        mistake = next(agreeing, None)
        if mistake is not None:
            is_rounded = column in data.system.updates and np.any(allowed > TOLERANCE * abs(found))
            if is_rounded and any(_differs(mistake, other, values) for other in agreeing):
                return ""  # a step of few digits, which several mistakes explain
        exact = np.maximum(1e-12 * np.abs(found), digits)
        by_factor = _by_factor(table, comparison, rows, values, exact)
        if mistake is not None:
            same = (other for other in agreeing if not _differs(mistake, other, values))
            return _with_others(data, column, position, mistake, by_factor, same)
        if by_factor:
            return by_factor
        if column not in data.system.updates:
            term = _term(found, comparison.expected[rows], exact)
            if term is not None:
                return f"an extra term: {_given_with(data.system, values, term) or f'{term:g}'}"
        likely = _only_within_rounding(table, candidates(), column, rows)
        if likely is not None:
            (mistake, *same_numbers), rounding = likely
            by_factor = _by_factor(table, comparison, rows, values, rounding)
            return _with_others(data, column, position, mistake, by_factor, same_numbers)
        if pairs and len(rows) >= MIN_ROWS_OF_PAIR:
            return _two_mistakes(table, column, position, agrees)
    return ""


def _given_with(system: EquationSystem, values: Mapping[str, Numbers], number: float) -> str:
    """Return the input, target or fixed bias that has a number in all records; "" if none has."""
    fixed = (name for name in system.biases if name not in system.trained)
    for name in (*fixed, *system.inputs, *system.targets):
        try:
            known = values[name]
        except KeyError:
            continue
        if np.all(np.isclose(known, number, rtol=TOLERANCE, atol=0.0)):
            return name
    return ""


def _negated(table: Comparison, comparison: ColumnComparison, rows: list[int]) -> str:
    """Say which wrong sign negates a formula, if numbers of few digits are the right ones negated.

    No rounding changes a sign.
    """
    column, values = comparison.column, table.values.of_records(rows)
    found, right = table.data.values[column][rows], comparison.expected[rows]
    rhs = row_rhs(table.data.system, column, table.data.position_in(column, rows[0]))
    with np.errstate(all="ignore"):
        allowed = table.uncertainty.of_source(column)[rows] * 2
        allowed = allowed + table.uncertainty.carried(rhs, table.values, {})[rows]
        is_known = np.all(allowed <= MAX_UNCERTAINTY_OF_SIGN * np.abs(found))
        if not is_known or not np.all(np.abs(found + right) <= allowed):
            return ""
        for mistake in wrong_signs(rhs):
            if np.allclose(evaluate(mistake.expression, values), -right, rtol=TOLERANCE, atol=0):
                return mistake.cause
    return ""


def _only_within_rounding(
    table: Comparison, candidates: Iterator[Mistake], column: str, rows: list[int]
) -> tuple[list[Mistake], Numbers] | None:
    """Return the mistake that gives some numbers within what typed digits leave open, and this.

    Others that give the same numbers stand behind it; there is none if others give other numbers.
    Where the terms of a sum almost cancel, the digits of its sources matter more than its own.
    """
    values, uncertainty = table.values.of_records(rows), table.uncertainty
    found, own = table.data.values[column][rows], uncertainty.of_source(column)[rows]
    if not own.any():
        return None
    agreeing: list[tuple[Mistake, Numbers]] = []
    for mistake in candidates:
        try:
            off = np.abs(evaluate(mistake.expression, values) - found)
            if not median(off / np.abs(found)) <= MAX_UNCERTAINTY:
                continue
            carried = uncertainty.carried(mistake.expression, table.values, {})[rows]
        except KeyError:
            continue
        allowed = carried + np.maximum(own, TOLERANCE * np.abs(found))
        if np.all(off <= allowed) and median(allowed / np.abs(found)) <= MAX_UNCERTAINTY:
            agreeing.append((mistake, allowed))
    if not agreeing or any(_differs(agreeing[0][0], other, values) for other, _ in agreeing):
        return None
    return [mistake for mistake, _ in agreeing], agreeing[0][1]


def _by_factor(
    table: Comparison,
    comparison: ColumnComparison,
    rows: Sequence[int],
    values: Mapping[str, Numbers],
    allowed: Numbers,
) -> str:
    """Say by which number all right numbers, or steps of an update, are multiplied; "" if none."""
    column = comparison.column
    above = Name(column, -1) if column in table.data.system.updates else None
    start = values[above.key] if above is not None else np.zeros(len(rows))
    found = table.data.values[column][rows]
    factor = _factor(found - start, comparison.expected[rows] - start, allowed)
    return "" if factor is None else f"an extra factor: {factor:g}"


def _with_others(
    data: TableData,
    column: str,
    position: int,
    mistake: Mistake,
    by_factor: str,
    same: Iterable[Mistake],
) -> str:
    """Say what a mistake is; and what else gives the same numbers, where both are likely.

    Where i2 is twice i1, twice ∂E/∂w1 is also the one with i2 where i1 belongs; and where t1 is the
    square of i2, ∂E/∂w2 with this factor twice is also the one with t1 where i2 belongs.

    Args:
        by_factor: by which number the right numbers are multiplied, in words; "" if by none.
        same: other mistakes that give the same numbers.
    """
    if not _replaces_by_given(data, column, position, mistake):
        return mistake.cause
    others = [by_factor] if by_factor else []
    others += [one.cause for one in same if not _replaces_by_given(data, column, position, one)]
    # An extra factor of i2 says more than one of 0.1, and one of 2 is plainer than what causes it.
    return f"{min(others, key=len)}, or {mistake.cause}" if others else mistake.cause


def _replaces_by_given(data: TableData, column: str, position: int, mistake: Mistake) -> bool:
    """Whether a fixed number, η or another input, stands in the place of something else."""
    system = data.system
    right = Counter(names(row_rhs(system, column, position)))
    own = Counter(names(mistake.expression))
    return (
        column not in system.updates
        and bool(right - own)
        and any(
            name.name == LEARNING_RATE or system.columns.get(name.name) is Role.GIVEN
            for name in own - right
        )
    )


def _differs(one: Mistake, other: Mistake, values: Mapping[str, Numbers]) -> bool:
    """Whether two mistakes give different numbers."""
    numbers = evaluate(one.expression, values), evaluate(other.expression, values)
    return not np.allclose(*numbers, rtol=1e-12, atol=0)


def only_cause_by_value(table: Comparison, comparison: ColumnComparison, row: int) -> str:
    """Find the one simple mistake that gives a number, which is the only one of its column.

    Returns "" if there are several, because one number may be right by chance.
    """
    data, column = table.data, comparison.column
    found = float(data.values[column][row])
    allowed = max(1e-9 * abs(found), 2 * float(table.uncertainty.of_source(column)[row]))
    if not allowed <= MAX_UNCERTAINTY_OF_ONE * abs(found):
        return ""
    values = table.values.of_records([row])
    system = data.system
    rhs = row_rhs(system, column, data.position_in(column, row))
    causes: dict[str, str] = {}
    for mistake in simple_mistakes(system, rhs):
        if not names(mistake.expression):
            continue  # ½ is what is left of an error, and a number that anybody types
        try:
            with np.errstate(all="ignore"):
                value = float(np.ravel(evaluate(mistake.expression, values))[0])
        except (KeyError, IndexError):
            continue
        if abs(value - found) <= allowed:
            same = diagnosis_of(system).fingerprints.of(mistake.expression)
            causes.setdefault(same, mistake.cause)
    return next(iter(causes.values())) if len(causes) == 1 else ""


def _fixed_rows(table: Comparison, column: str, position: int) -> Iterator[Mistake]:
    """Yield formulas that use the first row's value of a quantity in every row."""
    rhs = row_rhs(table.data.system, column, position)
    for name in dict.fromkeys(names(rhs)):
        numbers = table.values[name.name] if name.name in table.values else np.zeros(0)
        if len(numbers) and np.isfinite(numbers[0]) and np.ptp(numbers[np.isfinite(numbers)]) > 0:
            first = replace_leaf(rhs, name, Number(float(numbers[0])))
            yield Mistake(first, fixed_row_words("the first one", [name]))


def _copied_sideways(table: Comparison, column: str, record: int) -> Iterator[Mistake]:
    """Yield the formulas of the columns beside it with all references moved to this column."""
    data, home = table.data, table.data.table.cell(column, record)
    if home is None:
        return
    for other in data.columns:
        neighbor = data.table.cell(other, record)
        if other == column or neighbor is None or neighbor.sheet != home.sheet:
            continue
        down, across = home.row - neighbor.row, home.column - neighbor.column
        if abs(down) + abs(across) > MAX_APART or other not in data.system.correct:
            continue
        right = row_rhs(data.system, other, data.position_in(other, record))
        moved: dict[Name, Name] = {}
        needed = set(names(right))
        for used in needed:
            if (name := _moved(data, used, record, (down, across))) is not None:
                moved[used] = name
        if len(moved) == len(needed) > 2:
            yield Mistake(rename(right, moved.__getitem__), copied_words(other))


def _moved(data: TableData, used: Name, record: int, by: tuple[int, int]) -> Name | None:
    """Return the quantity as many cells beside another one, None if there is none."""
    known = 0 <= record + used.shift < data.records and used.name in data.table.names
    cell = data.table.cell(used.name, record + used.shift) if known else None
    if cell is None:
        return None
    located = data.table.locate(Address(cell.sheet, cell.row + by[0], cell.column + by[1]))
    return None if located is None else Name(located[0], located[1] - record)


def _other_derivatives(table: Comparison, column: str) -> Iterator[Mistake]:
    """Yield the chain rule of a derivative with another column of derivatives in it."""
    system, columns = table.data.system, table.data.columns
    present = [name for name in columns if name in system.intermediates and name != column]
    return wrong_derivatives(system, column, present) if present else iter(())


def _term(found: Numbers, right: Numbers, allowed: Numbers) -> float | None:
    """Return the simple number that is added to all right numbers, if these differ."""
    if len(found) < MIN_ROWS_OF_FACTOR or not np.ptp(right) > 2 * allowed.max():
        return None
    term = float(f"{median(found - right):.2g}")
    return term if term and np.all(np.abs(found - right - term) <= allowed) else None


def _factor(found: Numbers, right: Numbers, allowed: Numbers) -> float | None:
    """Return the simple number by which all right numbers are multiplied, if there is one."""
    if len(found) < MIN_ROWS_OF_FACTOR or np.any(right == 0) or np.any(np.isnan(right)):
        return None
    if np.any(allowed > MAX_UNCERTAINTY * np.abs(found)):
        return None
    factor = float(f"{median(found / right):.2g}")
    if not np.isfinite(factor) or factor in (0.0, 1.0):
        return None
    return factor if np.all(np.abs(found - factor * right) <= allowed) else None


def _two_mistakes(
    table: Comparison, column: str, position: int, agrees: Callable[[Expression], bool]
) -> str:
    for first, second in _pairs(table, column, position):
        if Name(column) not in names(second.expression) and agrees(second.expression):
            return join([first.cause, second.cause])
    return ""


def _pairs(table: Comparison, column: str, position: int) -> Iterator[tuple[Mistake, Mistake]]:
    """Yield two simple mistakes at once, a bounded number."""
    system = table.data.system
    right = row_rhs(system, column, position)

    def all_pairs() -> Iterator[tuple[Mistake, Mistake]]:
        for first in itertools.islice(simple_mistakes(system, right), MAX_FIRST):
            for second in itertools.islice(simple_mistakes(system, first.expression), MAX_FIRST):
                yield first, second

    yield from itertools.islice(all_pairs(), MAX_PAIRS)
