"""The formulas of a table's cells in the names of the exercise.

They are read before the learning rate is known, because it is found in them, and only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from backprop_sheet.audit.compare.filled_formulas import MAX_KEPT, FilledFormulas
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.formula_functions import recognize, without_rounding
from backprop_sheet.audit.read.formula_parser import (
    Resolve,
    UnreadableFormulaError,
    parse_formula,
    translate_references,
)
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.read.workbook import Address, number
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
class Formula:
    """The formula of a cell.

    Attributes:
        expression: without ROUND and the like.
        cells: the cells without a known quantity that it refers to.
        rounded: the expression with ROUND and the like, or None if there are none.
    """

    expression: Expression
    cells: tuple[Address, ...]
    rounded: Expression | None = None


class Formulas:
    """Reads the formulas of one table, without knowing the learning rate."""

    def __init__(
        self,
        table: Table,
        system: EquationSystem,
        constants: Mapping[Address, str],
        numbers: Mapping[float, str],
    ) -> None:
        """Prepare the reading.

        Args:
            constants: the names of cells outside the table, from their labels.
            numbers: the names of numbers in updates, by value.
        """
        self.table, self.system = table, system
        self.constants, self.numbers = constants, numbers
        self.read = lru_cache(maxsize=MAX_KEPT)(self._read)
        self._filled = FilledFormulas()

    def _read(self, name: str, record: int) -> Formula | None:
        """Read the formula of a cell; None if it has none, or one with more than arithmetic."""
        formula = self.table.formula(name, record)
        home = self.table.cell(name, record)
        if formula is None or home is None:
            return None
        unknown: list[Address] = []
        try:
            rounded = self._parse(formula, home, self.resolver(home, record, unknown))
        except UnreadableFormulaError:
            return None
        if name in self.system.updates:
            rounded = _with_numbers(rounded, self.numbers)
        expression = without_rounding(rounded)
        if expression is rounded:
            return Formula(expression, tuple(unknown))
        return Formula(transform(expression, recognize), tuple(unknown), rounded)

    def with_cells(
        self,
        home: Address,
        record: int,
        named: Mapping[Address, Expression] = MappingProxyType({}),
    ) -> Expression | None:
        """Read the formula of any cell of the table's region, with other names for some cells.

        None if it has none, or one with more than arithmetic.
        """
        formula = self.table.formula_at(home)
        if formula is None:
            return None
        resolve = self.resolver(home, record, [], named)
        try:
            return without_rounding(self._parse(formula, home, resolve))
        except UnreadableFormulaError:
            return None

    def _parse(self, formula: str, home: Address, resolve: Resolve) -> Expression:
        def parse(resolve: Resolve) -> Expression:
            return parse_formula(
                formula,
                resolve,
                defined_names=self.table.sheets[home.sheet].defined_names,
                header=lambda written: self._header(written, home, resolve),
                home=(home.row, home.column),
                keeps_rounding=True,
            )

        return self._filled.parse(formula, home, resolve, parse)

    def _header(self, written: str, home: Address, resolve: Resolve) -> Expression | None:
        """Return the column of a structured reference, which may be of the student's own."""
        quantity = self.table.name_of_header(written)
        if quantity is None:
            place = self.table.place_of_header(written, home.sheet)
            if place is not None:
                return resolve(None, home.row, place.column)
            quantity = quantity_name(written)
        return None if quantity is None else Name(quantity)

    def resolver(
        self,
        home: Address,
        record: int,
        unknown: list[Address],
        named: Mapping[Address, Expression] = MappingProxyType({}),
    ) -> Resolve:
        """Return a function that gives the expression of a reference in a cell's formula.

        Args:
            unknown: a list to which the cells without a known quantity are added.
            named: the expressions that stand for some cells.
        """
        inlined = 0

        def resolve_in(sheet: str) -> Resolve:
            def resolve(other: str | None, row: int, column: int) -> Expression:
                nonlocal inlined
                address = Address(other or sheet, row, column)
                if address in named:
                    return named[address]
                if address.sheet not in self.table.sheets:
                    constant = self.constants.get(address)
                    return CellReference(*address) if constant is None else Name(constant)
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
                    return self._parse(formula, address, resolve_in(address.sheet))
                unknown.append(address)
                title = "" if address.sheet == home.sheet else address.sheet
                return CellReference(title, row, column)

            return resolve

        return resolve_in(home.sheet)

    def _is_known(self, quantity: str) -> bool:
        """Whether a column belongs to the exercise and is not one of a student's helper columns."""
        return (
            quantity in self.system.quantities
            or quantity in self.system.definitions
            or quantity in (ITERATION, *self.system.constants)
        )


def _with_numbers(expression: Expression, numbers: Mapping[float, str]) -> Expression:
    """Replace numbers by their names."""

    def named(node: Expression) -> Expression:
        if isinstance(node, Number) and node.value in numbers:
            return Name(numbers[node.value])
        return node

    return transform(expression, named) if numbers else expression


@dataclass(frozen=True)
class Translator:
    """Gives the formulas of a table in the names of the exercise, the learning rate included."""

    formulas: Formulas
    rate: RateSource

    def read(self, name: str, record: int) -> tuple[Expression, tuple[Address, ...]] | None:
        """Return the formula of a cell, and the cells that it refers to without a known quantity.

        None if the cell has no formula, or one that cannot be read.
        """
        formula = self.formulas.read(name, record)
        if formula is None:
            return None
        home = self._sheet(name, record)
        expression = transform(formula.expression, lambda node: self._named(node, home))
        if name in self.formulas.system.updates and self.rate.number is not None:
            expression = _with_numbers(expression, {self.rate.number: LEARNING_RATE})
        return expression, tuple(cell for cell in formula.cells if cell != self.rate.cell)

    def of_cell(
        self, cell: Address, record: int, named: Mapping[Address, Expression]
    ) -> Expression | None:
        """Return the formula of a step of an update, in a cell of the student's own.

        Args:
            named: the expressions of some of the cells that it refers to.
        """
        formula = self.formulas.with_cells(cell, record, named)
        if formula is None:
            return None
        numbers, table = dict(self.formulas.numbers), self.formulas.table
        if self.rate.number is not None:
            numbers[self.rate.number] = LEARNING_RATE

        def known(node: Expression) -> Expression:
            node = self._named(node, cell.sheet)
            if not isinstance(node, CellReference):
                return node
            value = number(table.value_at(Address.of(node, cell.sheet)))
            return Name(numbers[value]) if value in numbers else node

        return _with_numbers(transform(formula, known), numbers)

    def text(self, name: str, record: int) -> tuple[str | None, Expression | None]:
        """Return the formula of a cell as text, and as an expression if it can be parsed."""
        table = self.formulas.table
        written, home = table.formula(name, record), table.cell(name, record)
        if written is None or home is None:
            return None, None
        known = self.read(name, record)
        if known is not None:
            return to_text(known[0], cell=reference_text), known[0]
        resolve = self.formulas.resolver(home, record, [])
        return translate_references(
            written, lambda *place: self._named(resolve(*place), home.sheet)
        ), None

    def _sheet(self, name: str, record: int) -> str:
        home = self.formulas.table.cell(name, record)
        return "" if home is None else home.sheet

    def _named(self, node: Expression, home: str) -> Expression:
        """Return the learning rate for its cell."""
        if not isinstance(node, CellReference):
            return node
        is_rate = node == self.rate.external or self.rate.cell == (
            node.sheet or home, node.row, node.column,
        )  # fmt: skip
        return Name(LEARNING_RATE) if is_rate else node
