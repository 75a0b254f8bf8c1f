"""Which cells of a worksheet are blank, and which others wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from backprop_sheet.equations.columns import GROUPS
from backprop_sheet.equations.names import MEAN_ERROR, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.symbolic.expressions import names


@dataclass(frozen=True)
class Blanks:
    """The blank cells of a table.

    Attributes:
        groups: the groups of columns to fill in.
        iterations: the number of updates in the table.
    """

    system: EquationSystem
    groups: frozenset[ColumnGroup]
    iterations: int

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns with blank cells, left to right."""
        return tuple(
            name
            for name, role in self.system.columns.items()
            if GROUPS.get(role) in self.groups and name in self._computed
        )

    @cached_property
    def _computed(self) -> frozenset[str]:
        return frozenset((*self.system.within_row, *self.system.updates, MEAN_ERROR))

    def is_blank(self, name: str, iteration: int, block_row: int = 0) -> bool:
        """Whether a cell is blank: not what is given, nor what is repeated for every sample."""
        if name not in self.columns:
            return False
        if name in self.system.updates:
            return iteration > 0 and block_row == 0
        return name != MEAN_ERROR or block_row == 0

    def is_open(self, name: str, iteration: int) -> bool:
        """Whether a cell is blank or depends on one that is."""
        return (name, iteration) in self._open

    @cached_property
    def _open(self) -> frozenset[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        for iteration in range(self.iterations + 1):
            for name, needed in self._needs(iteration):
                if self.is_blank(name, iteration) or any(cell in found for cell in needed):
                    found.add((name, iteration))
        return frozenset(found)

    def _needs(self, iteration: int) -> Iterator[tuple[str, list[tuple[str, int]]]]:
        """Yield each computed column of an iteration, in order, with the cells that it needs."""
        system = self.system
        for name, rhs in system.updates.items() if iteration else ():
            # Optimizer states are of the same iteration, all else is of the one before: also a mean
            # over its samples, which has no shift.
            yield (
                name,
                [
                    (used.name, iteration - (used.shift < 0 or used.name not in system.updates))
                    for used in names(rhs)
                ],
            )
        for name, rhs in system.within_row.items():
            yield name, [(each.name, iteration) for each in names(rhs)]
        if system.has_sample_column:
            first = iteration if system.is_batch else max(0, iteration - system.sample_count + 1)
            yield MEAN_ERROR, [(TOTAL_ERROR, at) for at in range(first, iteration + 1)]
