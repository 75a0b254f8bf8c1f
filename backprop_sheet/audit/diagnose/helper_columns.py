"""Find the mistake of a wrong cell in a column of the student's own that the cell takes over.

People compute the new weights, or the steps η*∂E/∂w, in columns of their own, to which the weights'
cells of the next row only refer. A mistake in such a column is reported where it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.expressions import Expression, Name, Negative, Operation, rename

_ONLY_A_REFERENCE = re.compile(
    r"=?\+?\(?(?:'[^']+'!|\w+!)?\$?[A-Za-z]{1,3}\$?[0-9]{1,7}\)?", re.ASCII
)


@dataclass(frozen=True)
class HelperMistake:
    """A mistake in a column of the student's own.

    Attributes:
        cells: the wrong cells of that column.
        expected: the right value of the first one.
        right: its right formula, in the names of the record of the cell that refers to it.
        shift: how many records it is above the cell that refers to it, 0 or 1.
        is_typed: whether its first cell is a number and no formula.
        is_step: whether it is the step of an update, and not the updated parameter.
    """

    cells: tuple[Address, ...]
    expected: float | None
    right: Expression
    shift: int
    is_typed: bool
    is_step: bool

    def shown(self, expression: Expression) -> Expression:
        """Return an expression in the names of the record of the student's own cell."""

        def of_own_record(name: Name) -> Name:
            return name if name.name == LEARNING_RATE else Name(name.name, name.shift + self.shift)

        return rename(expression, of_own_record)

    def part(self, column: str, expression: Expression) -> Expression | None:
        """Return the student's own cell in the expression of the cell that refers to it."""
        if not self.is_step:
            return expression
        match expression:
            case Operation("+", Name(name, -1), step) if name == column:
                return step
            case Operation("-", Name(name, -1), step) if name == column:
                return step
        return None


class HelperColumns:
    """The columns of the student's own that the cells of one table refer to."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison, self.data = comparison, comparison.data
        self.table = comparison.data.table

    def mistake(self, column: str, records: Sequence[int]) -> HelperMistake | None:
        """Return the mistake in a column of the student's own that explains wrong cells."""
        record = records[0]
        helper = self._only_helper(column, record)
        if helper is None or helper in self._shared(column, record):
            return None
        shift = self._shift(column, record, helper)
        if shift is None:
            return None
        is_step = not self._takes_over(column, record)
        if not is_step:
            right: Expression = row_rhs(
                self.data.system, column, self.data.position_in(column, record)
            )
            expected = self._expected(column, record)
        else:
            sign = self._sign_of_step(column, record)
            if sign is None:
                return None
            right = _step(self.data.system.gradient(column), sign)
            expected = self._step_value(column, record, sign)
            value = number(self.table.value_at(helper))
            if value is None or expected is None or np.isclose(value, expected, rtol=1e-6):
                return None
        cells = [self._only_helper(column, one) for one in records]
        return HelperMistake(
            tuple(cell for cell in cells if cell is not None),
            expected,
            right,
            shift,
            self.table.formula_at(helper) is None,
            is_step,
        )

    def _helpers(self, column: str, record: int) -> Iterator[Address]:
        """Yield the cells of columns of the student's own that a formula refers to."""
        home, formula = self.table.cell(column, record), self.table.formula(column, record)
        for address in references(formula or "", home.sheet) if home is not None else ():
            if not self.table.is_helper(address) or self.table.value_at(address) is None:
                continue
            first = self.table.in_first_record(address)
            if self.table.formula_at(address) or self.table.formula_at(first):
                yield address

    def _only_helper(self, column: str, record: int) -> Address | None:
        helpers = list(dict.fromkeys(self._helpers(column, record)))
        return helpers[0] if len(helpers) == 1 else None

    def _shared(self, column: str, record: int) -> set[Address]:
        """Return the cells of the student's own columns that other columns refer to."""
        return {
            address
            for other in self.data.columns
            if other != column
            for address in self._helpers(other, record)
        }

    def _shift(self, column: str, record: int, helper: Address) -> int | None:
        home = self.table.cell(column, record)
        if home is None or home.sheet != helper.sheet:
            return None
        above = self.table.cell(column, record - 1) if record else None
        for shift, cell in enumerate((home, above)):
            if cell is not None and (cell.row == helper.row or cell.column == helper.column):
                return shift
        return None

    def _takes_over(self, column: str, record: int) -> bool:
        """Whether a formula only refers to a cell."""
        formula = self.table.formula(column, record) or ""
        return _ONLY_A_REFERENCE.fullmatch(formula.strip()) is not None

    def _expected(self, column: str, record: int) -> float | None:
        for one in self.comparison.columns:
            if one.column == column and not np.isnan(one.expected[record]):
                return float(one.expected[record])
        return None

    # --- steps ---

    def _step_value(self, column: str, record: int, sign: int) -> float | None:
        """Return the right step of the update of a record."""
        values, gradient = self.comparison.values, self.data.system.gradient(column)
        if not (record and values.has(LEARNING_RATE) and values.has(gradient)):
            return None
        return float(sign * values[LEARNING_RATE][record] * values[gradient][record - 1])

    def _sign_of_step(self, column: str, record: int) -> int | None:
        """Return the sign of the steps in the student's own columns; None if they are no steps."""
        if column not in self.data.system.trained:
            return None
        signs = self._signs_of_steps
        return next(iter(signs)) if len(signs) == 1 else None

    @cached_property
    def _signs_of_steps(self) -> set[int]:
        """The signs of the steps that the right updates refer to."""
        right = {one.column for one in self.comparison.columns if not one.wrong.any()}
        signs = set()
        for name in right & set(self.data.system.trained):
            records = range(1, min(self.data.records, 6))
            helpers = [self._only_helper(name, record) for record in records]
            shown = [None if cell is None else self.table.value_at(cell) for cell in helpers]
            found = np.array([np.nan if number(one) is None else number(one) for one in shown])
            steps = [self._step_value(name, record, 1) for record in records]
            expected = np.array([np.nan if one is None else one for one in steps])
            for sign in (1, -1):
                if len(found) and mostly_agree(found, sign * expected):
                    signs.add(sign)
        return signs


def _step(gradient: str, sign: int) -> Expression:
    step = Operation("*", Name(LEARNING_RATE), Name(gradient, -1))
    return Negative(step) if sign < 0 else step
