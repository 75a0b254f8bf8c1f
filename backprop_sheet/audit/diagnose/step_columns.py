"""Columns of steps, Δw, which the updates add to the parameters or subtract from them.

With momentum, a step is often computed from the step above, Δw = μ*Δw - η*∂E/∂w, as Rumelhart,
Hinton and Williams (1986) write it: it is the velocity, multiplied by η.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers, mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import numbers_at
from backprop_sheet.audit.diagnose.helper_mistake import HelperMistake
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    rename,
)

RightOf = Callable[[str, int, Expression | None], Expression]

MAX_RECORDS = 6  # that show the sign of the steps


class StepColumns:
    """The columns of steps that the updates of one table refer to."""

    def __init__(
        self,
        comparison: Comparison,
        cell_of: Callable[[str, int], Address | None],
        right_of: RightOf,
    ) -> None:
        """Prepare the search.

        Args:
            cell_of: returns the one cell of a student's own column that an update refers to.
            right_of: returns the right formula of a column in the terms of the student's one.
        """
        self.comparison, self.data = comparison, comparison.data
        self.cell_of, self.right_of = cell_of, right_of
        self.table, self.system = comparison.data.table, comparison.data.system

    def mistake(self, column: str, records: Sequence[int], shift: int) -> HelperMistake | None:
        """Return the mistake in the steps of a parameter, if it is there and not in the update.

        Args:
            records: the records of the parameter's wrong cells.
            shift: how many records the steps are above the updates that refer to them.
        """
        sign = self._sign
        if sign is None or self._step_of(column, records[0]) is None:
            return None
        shown = self._shown(column)
        state = self._hidden_state(column, records[0])
        expected = sign * self._steps(column)
        if state:
            expected = self._from_steps_above(state, shown, sign)
            records = range(1, self.data.records)
        wrong = [record for record in records if not _is_near(shown[record], expected[record])]
        cells = [self.cell_of(column, record) for record in wrong]
        if not wrong or cells[0] is None:
            return None
        found = of_state = None
        if state:
            found, of_state = self._formulas(column, state, wrong[0], sign, shift)
            right = self._by_step_above(column, state, of_state, sign, shift)
        else:
            _, formula = self.comparison.translator.text(column, wrong[0])
            right = self._right_step(column, wrong[0], formula, sign)
        return HelperMistake(
            tuple(cell for cell in cells if cell is not None),
            float(expected[wrong[0]]),
            right,
            shift,
            self.table.formula_at(cells[0]) is None,
            is_step=True,
            found=found,
            state=state,
            of_state=of_state,
        )

    def _step_of(self, column: str, record: int) -> Expression | None:
        """Return what the right update subtracts from a parameter."""
        if column not in self.system.trained or column not in self.comparison.by_column:
            return None
        match row_rhs(self.system, column, self.data.position_in(column, record)):
            case Operation("-", Name(name, -1), step) if name == column:
                return step
        return None

    def _right_step(
        self, column: str, record: int, formula: Expression | None, sign: int
    ) -> Expression:
        """Return the right step of an update, with the derivatives that the student's one uses."""
        right = self.right_of(column, self.data.position_in(column, record), formula)
        match right:
            case Operation("+" | "-" as operator, _, step):
                return step if (operator == "-") == (sign > 0) else Negative(step)
        return right

    def _steps(self, column: str) -> Numbers:
        """Return what the right updates subtract, in each record."""
        above = self.comparison.values[Name(column, -1).key]
        steps: Numbers = above - self.comparison.by_column[column].expected
        return steps

    def _shown(self, column: str) -> Numbers:
        """Return the numbers of the student's steps, in the records whose updates use them."""
        cells = [self.cell_of(column, record) for record in range(self.data.records)]
        return numbers_at(self.table, cells)

    @cached_property
    def _sign(self) -> int | None:
        """The sign of the steps that the right updates refer to; None if they are no steps."""
        signs = set()
        for one in self.comparison.columns:
            if one.wrong.any() or self._step_of(one.column, 0) is None:
                continue
            shown = self._shown(one.column)
            some = np.flatnonzero(~np.isnan(shown))[:MAX_RECORDS]
            steps = self._steps(one.column)[some]
            signs |= {
                sign for sign in (1, -1) if len(some) and mostly_agree(shown[some], sign * steps)
            }
        return signs.pop() if len(signs) == 1 else None

    # --- steps with momentum ---

    def _hidden_state(self, column: str, record: int) -> str:
        """Return the state that a step is a multiple of, if it has no column; else ""."""
        match self._step_of(column, record):
            case Operation("*", Name("η"), Name(name)) if name in self.system.states:
                is_here = name in self.data.columns or self.system.rows_per_iteration > 1
                return "" if is_here or not self.comparison.values.has(LEARNING_RATE) else name
        return ""

    def _from_steps_above(self, state: str, shown: Numbers, sign: int) -> Numbers:
        """Return the steps that follow from those above them, as they are."""
        values, above = self.comparison.values, np.append(0.0, shown[:-1])
        scale = sign * values[LEARNING_RATE]
        rhs = row_rhs(self.system, state)
        known: Mapping[str, Numbers] = {
            name.key: values[name.key] for name in names(rhs) if name.name != state
        }
        with np.errstate(all="ignore"):
            before = np.nan_to_num(above / scale)
            result = scale * evaluate(rhs, {**known, Name(state, -1).key: before})
        return np.asarray(result, dtype=float)

    def _by_step_above(
        self, column: str, state: str, formula: Expression | None, sign: int, shift: int
    ) -> Expression:
        """Return the right formula of a step: μ*Δw1[n-1] + η*∂E/∂w1[n-1]."""
        eta, before = Name(LEARNING_RATE), Name(f"Δ{column}", -1 - shift)
        rhs = rename(
            self.right_of(state, 0, formula), lambda name: before if name.name == state else name
        )
        match rhs:
            case Operation("+" | "-" as operator, memory, gradient):
                is_added = (operator == "+") == (sign > 0)
                return Operation("+" if is_added else "-", memory, Operation("*", eta, gradient))
        return rhs

    def _formulas(
        self, column: str, state: str, record: int, sign: int, shift: int
    ) -> tuple[Expression | None, Expression | None]:
        """Return the formula of a step, and that of the state which follows from it."""
        cell, above = self.cell_of(column, record), self.cell_of(column, record - 1)
        if cell is None:
            return None, None
        if above is None:
            above = self.table.in_first_record(cell)
        eta, read = Name(LEARNING_RATE), self.comparison.translator.of_cell
        scale: Expression = eta if sign > 0 else Negative(eta)
        steps: dict[Address, tuple[str, str]] = {above: (column, state)}
        for other in self.system.trained:  # another parameter's step, used by a mistake
            step, other_state = self.cell_of(other, record - 1), self._hidden_state(other, record)
            if step is not None and other_state:
                steps.setdefault(step, (other, other_state))
        shown = {cell: Name(f"Δ{one}", -1 - shift) for cell, (one, _) in steps.items()}
        states = {cell: Operation("*", scale, Name(one, -1)) for cell, (_, one) in steps.items()}
        found, scaled = read(cell, record, shown), read(cell, record, states)
        return found, None if scaled is None else Operation("/", scaled, scale)


def _is_near(found: float, expected: float) -> bool:
    """Whether a step is right, or has no number."""
    return bool(np.isnan(found) or np.isnan(expected)) or bool(
        np.isclose(found, expected, rtol=TOLERANCE, atol=0.0)
    )
