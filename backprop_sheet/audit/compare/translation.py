"""Translate the formulas of a table's cells to the names of the exercise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.formula_parser import (
    Resolve,
    UnreadableFormulaError,
    parse_formula,
    translate_references,
)
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import CellReference, Expression, Name, Number, transform
from backprop_sheet.symbolic.rendering import to_text

MAX_HELPERS = 24  # helper cells that are inserted into one formula


@dataclass(frozen=True)
class RateSource:
    """Where the updates take the learning rate from. At most one attribute is set.

    Attributes:
        cell: a cell of the table's sheets.
        external: a cell of another sheet.
        number: a number in the formulas.
    """

    cell: Address | None = None
    external: CellReference | None = None
    number: float | None = None


@dataclass(frozen=True)
class Translator:
    """Translates the formulas of one table.

    Attributes:
        constants: the names of cells outside the table, from their labels.
        numbers: the names of numbers in updates, by value.
    """

    table: Table
    system: EquationSystem
    constants: Mapping[Address, str] = field(default_factory=dict)
    rate: RateSource = field(default_factory=RateSource)
    numbers: Mapping[float, str] = field(default_factory=dict)

    def expression(
        self, name: str, record: int, external: list[Address] | None = None
    ) -> Expression:
        """Return the formula of a cell as an expression.

        Args:
            external: a list to which the addresses of cells without a known quantity are added.

        Raises:
            UnreadableFormulaError: the formula has more than arithmetic.
        """
        formula = self.table.formula(name, record) or ""
        expression = parse_formula(
            formula,
            self._resolver(name, record, external),
            defined_names=self.table.sheets[self._home(name, record).sheet].defined_names,
            header=self._header,
        )
        if name in self.system.updates:
            expression = self._with_numbers(expression)
        return expression

    def read(self, name: str, record: int) -> tuple[Expression, list[Address]] | None:
        """Return the formula of a cell, and the cells that it refers to without a known quantity.

        None if the cell has no formula, or one that cannot be read.
        """
        if self.table.formula(name, record) is None:
            return None
        external: list[Address] = []
        try:
            return self.expression(name, record, external), external
        except UnreadableFormulaError:
            return None

    def text(self, name: str, record: int) -> tuple[str | None, Expression | None]:
        """Return the formula of a cell as text, and as an expression if it can be parsed."""
        formula = self.table.formula(name, record)
        if formula is None:
            return None, None
        try:
            expression = self.expression(name, record)
        except UnreadableFormulaError:
            return translate_references(formula, self._resolver(name, record)), None
        return to_text(expression, cell=reference_text), expression

    def _home(self, name: str, record: int) -> Address:
        cell = self.table.cell(name, record)
        if cell is None:
            raise UnreadableFormulaError("there is no such cell")
        return cell

    def _header(self, written: str) -> Expression | None:
        quantity = self.table.name_of_header(written) or quantity_name(written)
        return None if quantity is None else Name(quantity)

    def _resolver(self, name: str, record: int, external: list[Address] | None = None) -> Resolve:
        home = self._home(name, record)
        inlined = 0

        def resolve_in(sheet: str) -> Resolve:
            def resolve(other: str | None, row: int, column: int) -> Expression:
                nonlocal inlined
                address = Address(other or sheet, row, column)
                if address.sheet not in self.table.sheets:
                    reference = CellReference(*address)
                    return Name(LEARNING_RATE) if reference == self.rate.external else reference
                if address == self.rate.cell:
                    return Name(LEARNING_RATE)
                located = self.table.locate(address)
                if located is not None and self._is_known(located[0]):
                    quantity, found = located
                    # In a column of learning rates, the row does not matter.
                    shift = 0 if quantity == LEARNING_RATE else found - record
                    return Name(quantity, shift)
                if address in self.constants:
                    return Name(self.constants[address])
                formula = self.table.formula_at(address)
                if formula is not None and (located is not None or self.table.is_helper(address)):
                    inlined += 1
                    if inlined > MAX_HELPERS:
                        raise UnreadableFormulaError("too many helper cells")
                    return parse_formula(formula, resolve_in(address.sheet))
                if external is not None:
                    external.append(address)
                title = "" if address.sheet == home.sheet else address.sheet
                return CellReference(title, row, column)

            return resolve

        return resolve_in(home.sheet)

    def _is_known(self, quantity: str) -> bool:
        """Whether a column belongs to the exercise and is not one of a student's helper columns."""
        return quantity in self.system.quantities or quantity in (
            ITERATION,
            *self.system.constants,
        )

    def _with_numbers(self, expression: Expression) -> Expression:
        numbers = dict(self.numbers)
        if self.rate.number is not None:
            numbers[self.rate.number] = LEARNING_RATE

        def named(node: Expression) -> Expression:
            if isinstance(node, Number) and node.value in numbers:
                return Name(numbers[node.value])
            return node

        return transform(expression, named) if numbers else expression
