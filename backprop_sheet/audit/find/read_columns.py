"""The columns of a table of which nothing but their content is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from backprop_sheet.audit.read.references import Address
from backprop_sheet.symbolic.expressions import Expression, Name, names, rename

MAX_FORMULAS = 4  # different ones of a column


@dataclass(frozen=True, eq=False)
class FormulaColumn:
    """A column of a table, or a cell outside it that its formulas refer to.

    Attributes:
        name: its name in the formulas of all columns.
        header: the text above it, or beside it.
        values: its number in each record, nan where there is none; outside cells have one number
            for all records.
        formulas: its different formulas, as expressions in the names of columns, the most frequent
            first. In these, a shift counts records.
        position: its place among the others, in reading order.
        address: the cell, if it is one outside the table.
        is_unread: whether it has formulas, and none of them is arithmetic that can be read.
    """

    name: str
    header: str
    values: np.ndarray
    formulas: tuple[Expression, ...] = ()
    position: tuple[int, ...] = ()
    address: Address | None = None
    is_unread: bool = False

    @cached_property
    def main(self) -> Expression | None:
        """The most frequent formula within the record; None if there is none."""
        return next((one for one in self.formulas if not self.is_repeated(one)), None)

    def is_repeated(self, formula: Expression) -> bool:
        """Whether a formula only repeats the column's own value of a record above."""
        return isinstance(formula, Name) and formula.name == self.name and formula.shift < 0

    @cached_property
    def is_constant(self) -> bool:
        """Whether all its numbers are equal."""
        known = self.values[~np.isnan(self.values)]
        return len(known) > 0 and bool(np.ptp(known) == 0)

    @property
    def is_counter(self) -> bool:
        """Whether its numbers have the same distances: iterations, samples."""
        steps = np.diff(self.values[~np.isnan(self.values)])
        return len(steps) > 1 and bool(np.ptp(steps) == 0)

    @property
    def is_one(self) -> bool:
        """Whether all its numbers are 1, as of a unit that biases are multiplied with."""
        return self.is_constant and bool((self.values == 1).any())


@dataclass(frozen=True, eq=False)
class ColumnSet:
    """The columns of a table, by name.

    Attributes:
        moving: the cells outside the table that formulas refer to row by row, as to A2 in the first
            record and to A3 in the next.
        given: those that are typed or repeat others: inputs, targets, biases that are not updated.
        updated: the formulas of those that follow from records above: weights and biases.
        computed: the others.
    """

    columns: Mapping[str, FormulaColumn]
    records: int
    moving: frozenset[str] = frozenset()
    given: frozenset[str] = field(init=False)
    updated: Mapping[str, Expression] = field(init=False)
    computed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        updated = {
            column.name: update
            for column in self.columns.values()
            if (update := self._update_of(column)) is not None
        }
        given = {
            column.name
            for column in self.columns.values()
            if column.name not in updated and self._is_given(column)
        }
        object.__setattr__(self, "updated", updated)
        object.__setattr__(self, "given", frozenset(given))
        object.__setattr__(
            self,
            "computed",
            tuple(name for name in self.columns if name not in updated and name not in given),
        )

    def _is_given(self, column: FormulaColumn) -> bool:
        if column.main is None:
            return True
        source = column.main
        if not isinstance(source, Name) or source.name not in self.columns:
            return False
        other = self.columns[source.name]
        return other.address is not None  # =$B$3

    def _update_of(self, column: FormulaColumn) -> Expression | None:
        """Return the formula from records above, or None.

        If a parameter repeats the new parameter of the record above, it is the formula of that.
        """
        for formula in column.formulas:
            if column.is_repeated(formula):
                continue
            if isinstance(formula, Name) and formula.shift < 0 and formula.name in self.columns:
                main = self.columns[formula.name].main
                formula = formula if main is None else self.in_record(main, formula.shift)
            if any(used.name == column.name and used.shift < 0 for used in names(formula)):
                return formula
        return None

    def repeated_above(self, name: str) -> set[str]:
        """Return the columns that a parameter only repeats from the record above: w1+."""
        return {
            formula.name
            for formula in self.columns[name].formulas
            if isinstance(formula, Name) and formula.shift < 0 and formula.name != name
        }

    def in_record(self, formula: Expression, shift: int) -> Expression:
        """Return the formula that a column has some records away; cells outside stay."""

        def moved(used: Name) -> Name:
            is_outside = used.name in self.columns and self.columns[used.name].address is not None
            return used if is_outside else Name(used.name, used.shift + shift)

        return rename(formula, moved)


def most_frequent(formulas: Sequence[Expression]) -> tuple[Expression, ...]:
    """Return the different formulas, the most frequent first, then in their order."""
    return tuple(formula for formula, _ in Counter(formulas).most_common(MAX_FORMULAS))
