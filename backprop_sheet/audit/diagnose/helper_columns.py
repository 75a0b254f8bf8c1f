"""Find the mistake of a wrong cell in a column of the student's own that the cell is computed from.

People compute the new weights, or the steps η*∂E/∂w, in columns of their own, to which the weights'
cells of the next row only refer, or the factors of each gradient. A mistake in such a column is
reported where it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import Numbers, mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import numbers_at
from backprop_sheet.audit.diagnose.helper_mistake import HelperMistake, is_of_each_output
from backprop_sheet.audit.diagnose.needed_numbers import needed_numbers
from backprop_sheet.audit.diagnose.own_states import OwnStates
from backprop_sheet.audit.diagnose.step_columns import RightOf, StepColumns
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import ERROR_KINDS, kind_of
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Name

MAX_HELPERS = 4  # own columns that one formula uses
MAX_RECORDS = 8  # that show which one it is

_ONLY_A_REFERENCE = re.compile(
    r"=?\+?\(?(?:'[^']+'!|\w+!)?\$?[A-Za-z]{1,3}\$?[0-9]{1,7}\)?", re.ASCII
)


class HelperColumns:
    """The columns of the student's own that the cells of one table refer to."""

    def __init__(self, comparison: Comparison, right_of: RightOf) -> None:
        """Prepare the search.

        Args:
            right_of: returns the right formula of a column in the terms of the student's one.
        """
        self.comparison, self.data, self._right_of = comparison, comparison.data, right_of
        self.table = comparison.data.table

    def mistake(self, column: str, records: Sequence[int]) -> HelperMistake | None:
        """Return the mistake in a column of the student's own that explains wrong cells."""
        if column in self.data.system.definitions:
            part = self._part(column, records)
            if part is not None:
                return part
        if column in self.data.system.trained:
            of_state = self._own_states.mistake(column, records)
            if of_state is not None:
                return of_state
        record = records[0]
        helper = self.only_helper(column, record)
        if helper is None or helper in self._shared(column, record):
            return None
        shift = self._shift(column, record, helper)
        if shift is None:
            return None
        if not self._takes_over(column, record):
            return self._steps.mistake(column, records, shift)
        cells = [self.only_helper(column, one) for one in records]
        return HelperMistake(
            tuple(cell for cell in cells if cell is not None),
            self._expected(column, record),
            row_rhs(self.data.system, column, self.data.position_in(column, record)),
            shift,
            self.table.formula_at(helper) is None,
            is_step=False,
        )

    @cached_property
    def _own_states(self) -> OwnStates:
        return OwnStates(self.comparison)

    @cached_property
    def _steps(self) -> StepColumns:
        return StepColumns(self.comparison, self.only_helper, self._right_of)

    def _part(self, column: str, records: Sequence[int]) -> HelperMistake | None:
        """Return the mistake in the one own column that a formula computes a wrong value from.

        All else in the formula being right, it says which numbers the column should have: these
        are a quantity's.
        """
        rows = list(records[:MAX_RECORDS])
        cells = [self._different_helpers(column, record) for record in rows]
        home, formulas = self.table.cell(column, rows[0]), self.comparison.translator.formulas
        count = len(cells[0])
        if home is None or not 1 <= count <= MAX_HELPERS or {*map(len, cells)} != {count}:
            return None
        own = [Name(f"own {place}") for place in range(count)]
        expression = formulas.with_cells(home, rows[0], dict(zip(cells[0], own, strict=True)))
        if expression is None:
            return None
        values = self.comparison.values.of_records(rows)
        for place, name in enumerate(own):
            values[name.key] = numbers_at(self.table, [row[place] for row in cells])
        right = np.array([self._expected(column, record) for record in rows], dtype=float)
        found = [
            (place, quantity, needed)
            for place, name in enumerate(own)
            for needed in needed_numbers(expression, values, name, right)
            if (quantity := self._with_numbers(needed, values)) is not None
        ]
        if len(found) != 1 or cells[0][found[0][0]] in self._shared(column, rows[0]):
            return None
        [(place, quantity, needed)] = found
        helper = cells[0][place]
        is_error = kind_of(column) in ERROR_KINDS
        if is_error and is_of_each_output(formulas, helper, cells[0], rows[0]):
            return None
        shift = self._shift(column, rows[0], helper)
        if shift is None:
            return None
        return HelperMistake(
            tuple(
                row[place]
                for row in (self._different_helpers(column, record) for record in records)
                if len(row) == count
            ),
            float(needed[0]),
            self.data.system.intermediates.get(quantity, Name(quantity)),
            shift,
            self.table.formula_at(helper) is None,
            is_step=False,
            found=formulas.with_cells(helper, rows[0]),
        )

    def _with_numbers(self, numbers: Numbers, values: dict[str, Numbers]) -> str | None:
        """Return the quantity that has some numbers, one without a column first."""
        system = self.data.system
        for name, definition in system.intermediates.items():
            with suppress(KeyError), np.errstate(all="ignore"):
                expected = np.broadcast_to(evaluate(definition, values), numbers.shape)
                if mostly_agree(numbers, expected):
                    return name
        known = (name for name in system.quantities if self.comparison.values.has(name))
        return next((name for name in known if mostly_agree(numbers, values[name])), None)

    def _helpers(self, column: str, record: int) -> Iterator[Address]:
        """Yield the cells of columns of the student's own that a formula refers to."""
        home, formula = self.table.cell(column, record), self.table.formula(column, record)
        for address in references(formula or "", home.sheet) if home is not None else ():
            if not self.table.is_helper(address) or self.table.value_at(address) is None:
                continue
            first = self.table.in_first_record(address)
            if self.table.formula_at(address) or self.table.formula_at(first):
                yield address

    def _different_helpers(self, column: str, record: int) -> list[Address]:
        return list(dict.fromkeys(self._helpers(column, record)))

    def only_helper(self, column: str, record: int) -> Address | None:
        """Return the one cell of the student's own columns that a formula refers to."""
        helpers = self._different_helpers(column, record)
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
        compared = self.comparison.by_column.get(column)
        if compared is None or np.isnan(compared.expected[record]):
            return None
        return float(compared.expected[record])
