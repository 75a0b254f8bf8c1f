"""The formulas of a learning rate's table, as templates of its rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR, SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import update_rule
from backprop_sheet.symbolic.expressions import (
    ZERO,
    Call,
    Expression,
    Name,
    Number,
    Operation,
    transform,
)
from backprop_sheet.symbolic.rendering import to_excel
from backprop_sheet.workbook.layout import FIRST_ROW, MAX_FORMULA, RATE_CELL, WorkbookLayout
from gradsheet.errors import InvalidInputError
from gradsheet.excel.fast_writing import FilledRow, RowCell, RowTemplate
from gradsheet.excel.styles import DECIMALS, EDGE, FAINT, PLAIN, Styles

_WHOLE = (ITERATION, SAMPLE)


class TableFormulas:
    """The rows of a learning rate's table. They are the same for every learning rate.

    An iteration is a block of ``system.rows_per_iteration`` rows. Its first row computes the
    parameters, and its other rows copy them from the row above. In formulas, row numbers are
    placeholders: ``{row}``, the formula's own row; ``{above}``, the row above; ``{same}``, the
    previous row with the same sample; ``{last}``, the last row of the block; ``{oldest}``, the
    first row that E_mean covers with online updates.
    """

    def __init__(self, layout: WorkbookLayout) -> None:
        self.layout, self.system = layout, layout.system
        self._rows = self.system.rows_per_iteration
        self._period = self._rows if self.system.is_batch else self.system.sample_count
        self._templates: dict[bool, RowTemplate] = {}
        self._formats: dict[bool, list[Format]] = {}

    def set_formats(self, styles: Styles) -> None:
        """Create the cell formats.

        Each group of columns has a line at its left, and each iteration of several rows has a
        line above its first row.
        """
        columns = self.system.columns
        added = self.layout.added
        starts = {names[0] for _, _, names in self.layout.groups}
        for first in (True, False):
            line: dict[str, Any] = {"top": 1, "top_color": EDGE} if first and self._rows > 1 else {}
            number = styles.cell("0", align="center", font_color=FAINT, **line)
            self._formats[first] = [number] * (len(self.layout.header) - len(columns))
            self._formats[first] += [
                styles.cell(
                    PLAIN if role is Role.GIVEN else DECIMALS, group_starts=name in starts, **line
                )
                for name, role in columns.items()
            ]
            self._formats[first] += [
                styles.cell(added.formats[name], group_starts=name in starts, **line)
                for name in added.names
            ]

    def row(self, iteration: int, block_row: int) -> FilledRow:
        """Return a row of an iteration; ``block_row`` counts within its block, from 0."""
        row = FIRST_ROW + iteration * self._rows + block_row + 1
        template = self._template(iteration, block_row)
        return template.at(
            row,
            above=row - 1,
            same=row - self._period,
            last=row + self._rows - 1,
            oldest=max(FIRST_ROW + 1, row - self.system.sample_count + 1),
        )

    def _template(self, iteration: int, block_row: int) -> RowTemplate:
        refers_to_given = iteration * self._rows + block_row < self._period
        if refers_to_given:  # each of these rows is different and is written once
            return self._make_template(iteration, block_row)
        first = block_row == 0
        if first not in self._templates:
            self._templates[first] = self._make_template(iteration, block_row)
        return self._templates[first]

    def _make_template(self, iteration: int, block_row: int) -> RowTemplate:
        return RowTemplate(
            [
                RowCell(
                    column,
                    self.formula(name, iteration, block_row),
                    cell_format,
                    whole=name in _WHOLE or name in self.layout.added.whole,
                )
                for (column, name), cell_format in zip(
                    enumerate(self.layout.all_columns), self._formats[block_row == 0], strict=True
                )
                if self.layout.has_cell(name, block_row)
            ]
        )

    def formula(self, name: str, iteration: int, block_row: int = 0) -> str | None:
        """Return the formula of a cell with placeholders, or None for the number 0."""
        system, letter = self.system, self.layout.letter(name)
        copied = f"{letter}{{above}}"
        if name == ITERATION:
            if block_row:
                return copied
            return f"{copied}+1" if iteration else None
        if name in self._of_samples:
            index = iteration * self._rows + block_row
            if index < self._period:
                return self.layout.given_reference(name, index)
            return f"{letter}{{same}}"
        if name in self._carried:
            if block_row:
                return copied
            if iteration == 0:
                return None if name in system.states else self.layout.given_reference(name)
            return self._updates.get(name, copied)
        if name == MEAN_ERROR:
            if block_row:
                return copied
            error = self.layout.letter(TOTAL_ERROR)
            first, last = ("row", "last") if system.is_batch else ("oldest", "row")
            return f"AVERAGE({error}{{{first}}}:{error}{{{last}}})"
        if name in self.layout.added.names:
            return self.layout.added.formula(name, self.layout.letter)
        return self._within_row[name]

    @cached_property
    def _of_samples(self) -> frozenset[str]:
        return frozenset((SAMPLE, *self.system.inputs, *self.system.targets))

    @cached_property
    def _carried(self) -> frozenset[str]:
        """The quantities whose values the next iteration starts from."""
        return frozenset((*self.system.parameters, *self.system.states))

    @cached_property
    def _within_row(self) -> dict[str, str]:
        cell = self._cell(in_row="{row}", before="{above}")
        return {name: cell_formula(rhs, cell) for name, rhs in self.system.within_row.items()}

    @cached_property
    def _updates(self) -> dict[str, str]:
        cell = self._cell(in_row="{row}", before="{above}")

        def samples(name: Name) -> str:
            letter = self.layout.letter(name.name)
            return f"{letter}{{same}}:{letter}{{above}}"

        return {name: cell_formula(rhs, cell, samples) for name, rhs in self.system.updates.items()}

    def _cell(self, in_row: str, before: str) -> Callable[[Name], str]:
        def reference(name: Name) -> str:
            if name.name == LEARNING_RATE:
                return str(xl_rowcol_to_cell(*RATE_CELL, row_abs=True, col_abs=True))
            if name.name in self.system.hyperparameters:
                return self.layout.given_reference(name.name)
            return self.layout.letter(name.name) + (before if name.shift else in_row)

        return reference

    def first_formula(self, name: str, iteration: int) -> str:
        """Return the formula in the first row of an iteration, with the leading ``=``."""
        row = self.first_row_of(iteration)
        formula = self.formula(name, iteration) or "0"
        numbers = {"row": row, "above": row - 1, "same": row - self._period}
        return "=" + formula.format(**numbers, last=row + self._rows - 1, oldest=FIRST_ROW + 1)

    def first_row_of(self, iteration: int) -> int:
        """Return the number of the first row of an iteration, from 1 as in Excel."""
        return FIRST_ROW + iteration * self._rows + 1

    def check_lengths(self, iterations: int) -> None:
        """Check that every formula fits into a cell, also in the last row.

        Raises:
            InvalidInputError: a formula would be longer than Excel allows.
        """
        for name in self.layout.all_columns:
            length = len(self.first_formula(name, iterations)) - 1
            if length > MAX_FORMULA:
                raise InvalidInputError(
                    f"the formula of {name} would have {length:,} characters, and Excel allows "
                    f"{MAX_FORMULA:,}: use a smaller network"
                )


def cell_formula(
    rhs: Expression,
    cell: Callable[[Name], str],
    samples: Callable[[Name], str] | None = None,
) -> str:
    """Return the formula of an equation, as :func:`to_excel` does, but also for LibreOffice.

    In LibreOffice, ``^`` gives the error #NUM! if the result is below 2.2E-308, as the square of a
    tiny gradient or βⁿ after some thousand iterations. Here, a square is written as a product, and
    such a power as 0.
    """
    return to_excel(transform(rhs, _without_underflow), cell, samples)


def _without_underflow(node: Expression) -> Expression:
    match node:
        case Operation("^", (Name() | Call()) as base, Number(2.0)):
            return Operation("*", base, base)
        case Operation("^", _, Name()):
            return Call("iferror", (node, ZERO))
    return node


def describe_updates(system: EquationSystem) -> str:
    """Describe the updates: ``gradient descent``, ``Adam, using the mean of the gradients …``."""
    training = system.training
    optimizer = update_rule(training).words
    if not system.has_sample_column:
        return optimizer
    if not system.is_batch:
        return f"{optimizer}, using one of the {system.sample_count} samples per iteration, in turn"
    count = system.sample_count
    return f"{optimizer}, using the {training.reduction} of the gradients of {count} samples"
