"""The optimizer's states in columns of the student's own, beside the gradients that they use.

In an exercise's own table, a velocity stands in the row of the parameters that it has changed.
People also write it into the row of its gradient, v = μ*v[n-1] + g, and the parameters of the next
row use it. Such a column is the state of the next row, and a mistake in it is reported there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers, mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import numbers_at
from backprop_sheet.audit.diagnose.helper_mistake import HelperMistake
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    ONE,
    Expression,
    Name,
    Number,
    Operation,
    names,
    rename,
    transform,
)

MAX_REACHED = 12  # own cells that an update uses


class OwnStates:
    """The states of one table that stand beside their gradients."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison, self.data = comparison, comparison.data
        self.table, self.system = comparison.data.table, comparison.data.system

    def mistake(self, parameter: str, records: Sequence[int]) -> HelperMistake | None:
        """Return the mistake in a state of a parameter that explains its wrong updates."""
        record = records[0]
        if not record or self.system.rows_per_iteration > 1:
            return None
        lines = self._lines(parameter, record)
        if not lines or not self._others_agree(parameter, record):
            return None
        wrong: list[tuple[str, list[Address | None], Numbers, list[int]]] = []
        for state, cells in self._paired(parameter, lines):
            shown, expected = numbers_at(self.table, cells), self._expected(state, cells)
            near = np.isclose(shown, expected, rtol=TOLERANCE, atol=0.0)
            rows = np.flatnonzero(~near & ~np.isnan(shown) & ~np.isnan(expected)).tolist()
            if rows:
                wrong.append((state, cells, expected, rows))
        if len(wrong) != 1:
            return None
        [(state, cells, expected, rows)] = wrong
        if self._is_of_another(parameter, record, cells):
            return None  # the update is wrong, not the state
        first = cells[rows[0]]
        if first is None or rows[0] + 1 >= self.data.records:
            return None
        return HelperMistake(
            tuple(cell for row in rows if (cell := cells[row]) is not None),
            float(expected[rows[0]]),
            rename(
                row_rhs(self.system, state),
                lambda used: Name(state, -2) if used.name == state else used,
            ),
            1,
            self.table.formula_at(first) is None,
            is_step=True,
            found=self._formula(first, rows[0], -2),
            state=state,
            of_state=self._formula(first, rows[0], -1),
        )

    def _formula(self, cell: Address, record: int, shift: int) -> Expression | None:
        """Return the formula of a state in the names of the next record.

        Args:
            shift: that of the state above.
        """
        above = self._above(record, shift)
        formula = self.comparison.translator.of_cell(cell, record + 1, above)
        return None if formula is None else transform(formula, self._with_shares)

    def _with_shares(self, node: Expression) -> Expression:
        """Write 0.1 beside a β of 0.9 as 1 - β."""
        if isinstance(node, Number):
            for symbol, value in self.system.hyperparameters.items():
                if math.isclose(node.value, 1 - value, rel_tol=1e-9):
                    return Operation("-", ONE, Name(symbol))
        return node

    def _others_agree(self, parameter: str, record: int) -> bool:
        """Whether the columns of another parameter are its states, and no steps with η."""
        others = (
            self._paired(other, self._lines(other, record))
            for other in self.system.trained
            if other != parameter
        )
        return any(pairs and all(self._agrees(*pair) for pair in pairs) for pairs in others)

    def _above(self, record: int, shift: int) -> dict[Address, Name]:
        """Return the states of all parameters in the record above, as names with a shift."""
        found: dict[Address, Name] = {}
        for parameter in self.system.trained:
            for state, cells in self._paired(parameter, self._lines(parameter, record + 1)):
                cell = cells[record - 1] if record else None
                if cell is not None:
                    found[cell] = Name(state, shift)
        return found

    def _lines(self, parameter: str, record: int) -> list[list[Address | None]]:
        """Return the own columns with a memory that an update uses: the cell of each record."""
        home = self.table.cell(parameter, record)
        waiting, seen = [] if home is None else [home], set[Address]()
        found: list[list[Address | None]] = []
        while waiting and len(seen) < MAX_REACHED:
            cell = waiting.pop(0)
            for used in references(self.table.formula_at(cell) or "", cell.sheet):
                line = self.table.in_first_record(used)
                if line in seen or not self.table.is_helper(used):
                    continue
                seen.add(line)
                waiting.append(used)
                column = next((one for one in self.table.columns if used in one.cells), None)
                if column is None or column.cells[record - 1] != used:
                    continue
                if self._has_memory(column.cells) or self._continues_another(column, record - 1):
                    found.append(list(column.cells))
        return found

    def _continues_another(self, column: Column, record: int) -> bool:
        """Whether a column is computed from another state of the record above, by a mistake."""
        cell = column.cells[record]
        if cell is None or record < 1:
            return False
        used = set(references(self.table.formula_at(cell) or "", cell.sheet))
        return any(
            (above := other.cells[record - 1]) in used
            and above is not None
            and self.table.is_helper(above)
            and self._has_memory(other.cells)
            for other in self.table.columns
            if other is not column
        )

    def _has_memory(self, cells: Sequence[Address | None]) -> bool:
        """Whether most formulas of a column use the record above, and something else."""
        used = [
            (above, set(references(self.table.formula_at(cell) or "", cell.sheet)))
            for above, cell in itertools.pairwise(cells)
            if cell is not None
        ]
        uses = [above in cells_of and len(cells_of) > 1 for above, cells_of in used]
        return 2 * sum(uses) > len(uses)

    def _paired(
        self, parameter: str, lines: Sequence[list[Address | None]]
    ) -> list[tuple[str, list[Address | None]]]:
        """Return each state of a parameter with its column, so that most numbers agree."""
        states = [
            name
            for name in self.system.states
            if self.system.quantities[name].of == parameter and name not in self.data.columns
        ]
        if not states or len(states) != len(lines):
            return []
        pairings = [
            list(zip(states, order, strict=True)) for order in itertools.permutations(lines)
        ]
        return max(pairings, key=lambda pairs: sum(self._agrees(*pair) for pair in pairs))

    def _is_of_another(self, parameter: str, record: int, cells: Sequence[Address | None]) -> bool:
        """Whether a column is the right state of another parameter, whose update uses it."""
        return any(
            line == cells and self._agrees(state, line)
            for other in self.system.trained
            if other != parameter
            for state, line in self._paired(other, self._lines(other, record))
        )

    def _agrees(self, state: str, cells: Sequence[Address | None]) -> bool:
        return mostly_agree(numbers_at(self.table, cells), self._expected(state, cells))

    def _expected(self, state: str, cells: Sequence[Address | None]) -> Numbers:
        """Return what a state follows from: the gradient of its record, and the state above."""
        rhs = row_rhs(self.system, state)
        values = self.comparison.values
        known: dict[str, Numbers] = {
            Name(state, -1).key: np.append(0.0, numbers_at(self.table, cells)[:-1])
        }
        for used in (name for name in names(rhs) if name.name != state):
            if not values.has(used.name):
                return np.full(self.data.records, np.nan)
            known[used.key] = values[used.name]
        with np.errstate(all="ignore"):
            found = np.asarray(evaluate(rhs, known), dtype=float)
        return np.broadcast_to(found, (self.data.records,)).copy()
