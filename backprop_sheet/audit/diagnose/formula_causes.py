"""Causes of a wrong cell that depend on where its formula and the cells that it uses are."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.diagnose.circles import circle_from
from backprop_sheet.audit.diagnose.diagnosis import Diagnosis
from backprop_sheet.audit.diagnose.row_mistakes import copied_words, fixed_row_words
from backprop_sheet.audit.find.tables import Layout
from backprop_sheet.audit.read.formula_parser import UnreadableFormulaError, parse_formula
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    Number,
    names,
    plain_names,
    rename,
    replace_leaf,
    transform,
    walk,
)
from gradsheet.words import join


class FormulaCauses:
    """Finds the causes of wrong formulas of one table."""

    def __init__(self, comparison: Comparison, diagnosis: Diagnosis) -> None:
        self.data, self.rate, self.diagnosis = comparison.data, comparison.rate, diagnosis
        self.translator = comparison.translator
        self.table, self.system = self.data.table, self.data.system

    def cause(self, column: str, record: int, expression: Expression, *, pairs: bool) -> str:
        """Describe what is wrong with the formula of a cell; "" if no cause is found.

        Args:
            pairs: whether two mistakes at once are looked for, which takes longer.
        """
        position = self.data.position_in(column, record)
        found = self._with_given(column, record, expression)
        circle = self._circle(column, record)
        if self.diagnosis.is_right(column, found, position):
            if circle:
                return f"its value is not up to date, because {circle}"
            if not self._targets_add_up(record):
                return "the formula is right only for targets that add up to 1"
            return (
                "the formula is right, but its stored value is not: recalculate and save the file"
            )
        copied = self._copied_sideways(column, record)
        wrong_name = self.diagnosis.wrong_name(column, found, position) if copied else ""
        cause = (
            (f"{wrong_name}: {copied}" if wrong_name else copied)
            or self._moved_rate(column, record, expression)
            or self._fixed_row(column, record, expression)
            or self.diagnosis.cause(column, found, position)
        )
        if not cause and pairs:
            cause = self.diagnosis.two_causes(column, found, position)
        cause = cause or self.diagnosis.slipped(column, found, position)
        return f"{cause}; {circle}" if cause and circle else cause

    def difference(self, column: str, record: int, expression: Expression) -> str:
        """Say which quantities a formula should use and does not, and the other way round."""
        found = self._with_given(column, record, expression)
        return self.diagnosis.difference(column, found, self.data.position_in(column, record))

    def _targets_add_up(self, record: int) -> bool:
        """Whether the targets are those of a softmax, on which its derivative a - t relies."""
        if not activation_named(self.system.network.activations[-1]).takes_layer:
            return True
        targets = [self.data.values[name][record] for name in self.system.targets]
        return bool(np.isclose(sum(targets), 1, atol=1e-6))

    def _circle(self, column: str, record: int) -> str:
        """Describe the circle of formulas that a cell depends on; "" if there is none."""
        uses: dict[str, list[str]] = {}

        def used_by(name: str) -> list[str]:
            if name not in uses:
                known = self.translator.read(name, record) if name in self.table.names else None
                shown = names(known[0]) if known is not None else ()
                # Of η and the like, each record may have a cell of its own, which uses another's.
                uses[name] = [
                    used.name
                    for used in shown
                    if used.shift == 0 and used.name not in self.system.constants
                ]
            return uses[name]

        circle = circle_from(column, used_by)
        if not circle:
            return ""
        return f"the formulas form a circle ({' → '.join(circle)})"

    def _fixed_row(self, column: str, record: int, expression: Expression) -> str:
        """Describe references that are to the same row in all records, as a $ fixes it."""
        step = 1 if record + 1 < self.data.records else -1
        if record + step < 0:
            return ""
        other, home = self.translator.read(column, record + step), self.table.cell(column, record)
        if other is None or home is None:
            return ""
        position = self.data.position_in(column, record)
        shifts = {name.name: name.shift for name in names(row_rhs(self.system, column, position))}
        # An intermediate derivative, which the equation does not have, is of the row of the others.
        usual = min(shifts.values(), default=0)
        there = set(names(other[0]))
        fixed = {
            used: Name(used.name, shifts.get(used.name, usual))
            for used in names(expression)
            if used.shift != shifts.get(used.name, usual)
            and Name(used.name, used.shift - step) in there
        }
        if not fixed or not self.diagnosis.is_right(
            column, rename(expression, lambda name: fixed.get(name, name)), position
        ):
            return ""
        changing = [used for used in fixed if np.ptp(self.data.values[used.name]) > 0]
        cells = [self.table.cell(used.name, record + used.shift) for used in changing]
        where = join([cell.absolute(home.sheet) for cell in cells if cell is not None])
        return fixed_row_words(where, [fixed[used] for used in changing]) if where else ""

    def _with_given(self, column: str, record: int, expression: Expression) -> Expression:
        """Replace cells outside the table by the input, target or η that has the same value.

        So are numbers that belong there, if the table has no column for them.
        """
        system, values = self.system, self.data.values
        given = {
            float(values[name][record]): name
            for name, role in system.columns.items()
            if role is Role.GIVEN and values.has(name)
        }
        right = row_rhs(system, column, self.data.position_in(column, record))
        lacking = plain_names(right) - set(self.table.names)
        usual = {node.value for node in walk(right) if isinstance(node, Number)}
        if column in system.updates and self.rate.values is not None:
            given[float(self.rate.values[record])] = LEARNING_RATE

        def known(node: Expression) -> Expression:
            if isinstance(node, Number) and node.value not in usual:
                name = given.get(node.value, "")
                return Name(name) if name in lacking else node
            if not isinstance(node, CellReference):
                return node
            address = Address.of(node, self.table.sheet)
            value = number(self.table.value_at(address))
            return Name(given[value]) if value in given else node

        return transform(expression, known)

    def _moved_rate(self, column: str, record: int, expression: Expression) -> str:
        """Describe a reference to η that changed when the formula was filled, or an empty cell."""
        home, own = self.rate.source.cell, self.table.cell(column, record)
        if column not in self.system.updates or home is None or own is None:
            return ""
        right = row_rhs(self.system, column, self.data.position_in(column, record))
        for used in dict.fromkeys(walk(expression)):
            cell = self._other_cell(used, record)
            if cell is None or not self.diagnosis.same(
                replace_leaf(expression, used, Name(LEARNING_RATE)), right
            ):
                continue
            where = cell.text(self.table.sheet)
            if isinstance(used, Name):
                is_inside = used.name in self.table.names
                where = used.key if is_inside else f"{where} ({used.name})"
            wanted = home.text(self.table.sheet)
            is_fixed = self._is_fixed(column, record, used)
            if is_fixed and isinstance(used, Name):
                continue
            if not is_fixed and _is_filled_from(home, cell, self.table.layout):
                return (
                    f"a reference that points at the wrong row: η is read from {where} instead of "
                    f"{wanted}, because the formula was filled down (write "
                    f"{home.absolute(own.sheet)})"
                )
            if self.table.value_at(cell) is None:
                return (
                    f"η is read from {where}, which is empty and counts as 0, instead of {wanted}"
                )
            if is_fixed:
                return f"η is read from {where} instead of {wanted}"
        return ""

    def _is_fixed(self, column: str, record: int, used: Expression) -> bool:
        """Whether the next record uses the same given value: what is filled down uses the next."""
        if isinstance(used, Name) and used.name in self.table.names:
            return False
        after = self.translator.read(column, record + 1) if record + 1 < self.data.records else None
        return after is not None and used in walk(after[0])

    def _other_cell(self, used: Expression, record: int) -> Address | None:
        """Return the cell that a name or reference stands for, if it cannot be right."""
        match used:
            case CellReference():
                return Address.of(used, self.table.sheet)
            case Name(name, shift):
                is_right = name in self.system.columns and shift in (0, -1)
                is_known = name in self.table.names and 0 <= record + shift < self.data.records
                if name != LEARNING_RATE and is_known and not is_right:
                    return self.table.cell(name, record + shift)
                if name not in self.table.names and shift == 0:
                    return self._labelled_cell(name)
        return None

    def _labelled_cell(self, name: str) -> Address | None:
        """Return the cell of a given value outside the table, if it has only one."""
        constants = self.translator.formulas.constants
        cells = [cell for cell, constant in constants.items() if constant == name]
        return cells[0] if len(cells) == 1 else None

    def _copied_sideways(self, column: str, record: int) -> str:
        """Describe the formula of a neighboring column that was copied with relative references."""
        home = self.table.cell(column, record)
        formula = self.table.formula(column, record)
        if home is None or formula is None or "$" in formula:
            return ""
        for other in self.data.columns:
            neighbor = self.table.cell(other, record)
            if other == column or neighbor is None or neighbor.sheet != home.sheet:
                continue
            down, across = neighbor.row - home.row, neighbor.column - home.column
            if not 0 < abs(down) + abs(across) <= 8 or other not in self.system.correct:
                continue

            def resolve(
                sheet: str | None, row: int, col: int, down: int = down, across: int = across
            ) -> Expression:
                moved = Address(home.sheet, row + down, col + across)
                located = self.table.locate(moved)
                if sheet is not None or located is None:
                    raise UnreadableFormulaError("outside the table")
                return Name(located[0], located[1] - record)

            try:
                moved = parse_formula(formula, resolve)
            except UnreadableFormulaError:
                continue
            right = row_rhs(self.system, other, self.data.position_in(other, record))
            if len(set(names(moved))) > 2 and self.diagnosis.same(moved, right):
                return copied_words(other)
        return ""


def _is_filled_from(first: Address, cell: Address, layout: Layout) -> bool:
    """Whether a relative reference to a cell becomes one to another cell by filling a formula."""
    down, across = cell.row - first.row, cell.column - first.column
    if layout is Layout.COLUMNS:
        down, across = across, down
    return cell.sheet == first.sheet and across == 0 and down > 0
