"""A mistake in a column of the student's own that the cells of a table are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backprop_sheet.audit.compare.completeness import column_words
from backprop_sheet.audit.compare.translation import Formulas
from backprop_sheet.audit.find.alike_formulas import has_counterpart
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.references import Address
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.expressions import Expression, Name, Operation, rename


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
        found: its formula, if the cell that refers to it computes something else with it.
        state: the optimizer's state that it is, multiplied by η.
        of_state: its formula as that of the state.
    """

    cells: tuple[Address, ...]
    expected: float | None
    right: Expression
    shift: int
    is_typed: bool
    is_step: bool
    found: Expression | None = None
    state: str = ""
    of_state: Expression | None = None

    def shown(self, expression: Expression) -> Expression:
        """Return an expression in the names of the record of the student's own cell."""

        def of_own_record(name: Name) -> Name:
            is_constant = name.name == LEARNING_RATE or not name.shift  # what follows is not used
            return name if is_constant else Name(name.name, name.shift + self.shift)

        return rename(expression, of_own_record)

    def part(self, column: str, expression: Expression) -> Expression | None:
        """Return the student's own cell in the expression of the cell that refers to it."""
        if not self.is_step or self.found is not None:
            return self.found or expression
        match expression:
            case Operation("+", Name(name, -1), step) if name == column:
                return step
            case Operation("-", Name(name, -1), step) if name == column:
                return step
        return None


def own_column_meaning(table: Table, cell: Address, used_for: Sequence[str]) -> str:
    """Say that a cell is in a column of the student's own, and which columns are wrong by it."""
    headers = (column.text for column in table.columns if cell in column.cells)
    header = " ".join(next(headers, "").split())
    which = f"your own column {header!r}" if header else "a column of your own"
    return f"{which}, used for {column_words(used_for)}"


def is_of_each_output(
    formulas: Formulas, own: Address, cells: Iterable[Address], record: int
) -> bool:
    """Whether one of some cells has the formula of the student's own cell, of another output.

    What uses both is wrong, and not one of them: one squared difference and half the other one.
    """
    others = (formulas.with_cells(cell, record) for cell in cells if cell != own)
    return has_counterpart(formulas.with_cells(own, record), others)
