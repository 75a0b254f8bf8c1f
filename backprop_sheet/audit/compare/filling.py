"""Computed numbers for missing columns and for empty cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zlib import crc32

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import Mask, Numbers, Positions, shifted_mask
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names


class Filling:
    """Computes missing columns, and numbers for empty cells, in the order of computation.

    The number for an empty cell is computed from its row as the exercise computes it. Inputs,
    targets and fixed biases have the first number of their sample. A parameter does not follow from
    its row: it is replaced by an arbitrary number, with which formulas can still be compared.
    """

    def __init__(
        self,
        system: EquationSystem,
        values: dict[str, Numbers],
        position: Positions,
        empty: Mapping[str, Mask],
    ) -> None:
        self.system, self.values, self.position, self.empty = system, values, position, empty
        self.replaced: dict[str, Mask] = {}
        self.invented: dict[str, Mask] = {}

    def run(self) -> None:
        """Add the numbers to the values."""
        system = self.system
        for name in self.empty:
            if name not in system.definitions and name not in system.states:
                self._fill_given(name)
        for name, rhs in system.definitions.items():
            if name in self.empty or (name not in self.values and name in system.within_row):
                self._compute(name, rhs)
        for name in system.states:
            if name not in self.values or name in self.empty:
                self._simulate(name)

    def _fill_given(self, name: str) -> None:
        column, mask = self.values[name], self.empty[name]
        self._note(name, mask, mask.copy())
        if name not in self.system.trained:
            is_given = self.system.columns.get(name) is Role.GIVEN
            first = first_of_sample(column, self.system.sample_count if is_given else 1)
            column[mask] = first[mask]
            self.invented[name] &= np.isnan(first)
        column[self.invented[name]] = _stand_in(name)

    def _compute(self, name: str, rhs: Expression) -> None:
        """Compute a missing column, or its empty cells, if all that it depends on is known."""
        used = dict.fromkeys(names(rhs))
        shape = self.values[ITERATION].shape
        mask = self.empty.get(name, np.ones(shape, dtype=bool))
        if all(one.name in self.values for one in used):
            result = np.broadcast_to(np.asarray(evaluate(rhs, self.values), dtype=float), shape)
            invented = self._any(self.invented, used)
        elif name in self.values:
            result, invented = np.full(shape, _stand_in(name)), np.ones(shape, dtype=bool)
        else:
            return
        if name in self.values:
            self.values[name][mask] = result[mask]
            self._note(name, mask, mask & invented)
        else:
            self.values[name] = result
            self._note(name, self._any(self.replaced, used), invented)

    def _simulate(self, name: str) -> None:
        """Compute an optimizer state, or its empty cells, row by row, starting at 0."""
        first = row_rhs(self.system, name)
        used = {one for one in names(first) if one.name != name}
        if not all(one.name in self.values for one in used):
            return
        size = len(self.position)
        column = self.values.get(name, np.zeros(size))
        mask = self.empty.get(name, np.ones(size, dtype=bool))
        rows = self.system.rows_per_iteration
        for record in np.flatnonzero(mask):
            if record < rows:
                column[record] = 0.0
                continue
            if self.position[record]:
                column[record] = column[record - 1]
                continue
            row = {one.key: self.values[one.name][record + one.shift] for one in used}
            row |= {one.key: column[record + one.shift] for one in names(first) if one.name == name}
            column[record] = float(evaluate(first, row))
        self.values[name] = column
        # A state depends on all rows above.
        replaced, invented = (
            np.logical_or.accumulate(self._any(cells, used))
            for cells in (self.replaced, self.invented)
        )
        self._note(name, self.empty.get(name, replaced), mask & invented)

    def _any(self, cells: Mapping[str, Mask], used: Iterable[Name]) -> Mask:
        result = np.zeros(len(self.position), dtype=bool)
        for one in used:
            if one.name in cells:
                result |= shifted_mask(cells[one.name], one.shift)
        return result

    def _note(self, name: str, replaced: Mask, invented: Mask) -> None:
        if replaced.any():
            self.replaced[name] = replaced
            self.invented[name] = invented


def first_of_sample(column: Numbers, period: int) -> Numbers:
    """Return for each record the first number of its sample; nan if there is none."""
    first = np.full(column.shape, np.nan)
    for sample in range(period):
        known = column[sample::period]
        known = known[~np.isnan(known)]
        if len(known):
            first[sample::period] = known[0]
    return first


def _stand_in(name: str) -> float:
    """Return an arbitrary number for a name, always the same, and another one for other names."""
    return 0.3 + crc32(name.encode()) % 9973 / 25_000
