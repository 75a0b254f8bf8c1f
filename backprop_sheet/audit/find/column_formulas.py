"""The formulas of a table's columns, as expressions of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.formula_parser import UnreadableFormulaError, parse_formula
from backprop_sheet.audit.read.header_text import as_compared
from backprop_sheet.audit.read.labels import repeated_cell
from backprop_sheet.audit.read.workbook import Address, Sheet
from backprop_sheet.exercise.exercise_file import MAX_SAMPLES
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    cell_references,
    names,
    references,
    transform,
)

Node = int | Address  # the index of a column, or a cell outside


class ColumnFormulas:
    """The formulas of a few records' cells, as expressions of columns and of cells outside."""

    def __init__(self, columns: Sequence[Column], records: int) -> None:
        """Read the second record, as the first one has no updates; else the last or the third.

        The second record of a form may only have the updated weights: the rest is in the first.
        """
        self.columns = columns
        self._longest = min(records, MAX_SAMPLES + 1)  # two updates, of all samples
        self._records = tuple(dict.fromkeys(min(n, records - 1) for n in (1, records - 1, 2, 0)))
        self._places: dict[tuple[int, int], dict[Address, tuple[int, int]]] = {}
        self._expressions: dict[int, Expression | None] = {}
        self._home: dict[int, int] = {}  # the record in which a column's formula was read
        self.references = lru_cache(maxsize=None)(self._references)
        self.used = lru_cache(maxsize=None)(self._used)
        self.used_by_update = lru_cache(maxsize=None)(self._used_by_update)

    def expression(self, index: int) -> Expression | None:
        """Return the formula of a column; None if it has none that can be read."""
        if index not in self._expressions:
            self._expressions[index] = None
            for record in self._records:
                if (parsed := self._parse(index, record)) is not None:
                    self._expressions[index], self._home[index] = parsed, record
                    break
        return self._expressions[index]

    def cell(self, column: int, home: int, shift: int) -> Address | None:
        """Return the cell of a column that the formula of another one, ``home``, refers to."""
        return self.columns[column].cells[self._home[home] + shift]

    def _parse(self, index: int, record: int, back: int = 1) -> Expression | None:
        """Return the formula in a record, with names for the cells up to ``back`` records above."""
        column = self.columns[index]
        formula, home = column.formula(record), column.cells[record]
        if formula is None or home is None:
            return None
        sheet, places = column.sheets[home.sheet], self._near(record, back)

        def resolve(title: str | None, row: int, over: int) -> Expression:
            address = Address(title or home.sheet, row, over)
            place = places.get(address) or places.get(_repeated(address, column.sheets))
            if place is None:
                return CellReference(address.sheet, row, over)
            return name_of_column(place[0], place[1] - record)

        try:
            return parse_formula(
                formula,
                resolve,
                defined_names=sheet.defined_names,
                header=self._column_of_header,
                home=(home.row, home.column),
            )
        except UnreadableFormulaError:
            return None

    def _near(self, record: int, back: int) -> dict[Address, tuple[int, int]]:
        """Return the column and the record of each cell of a record and of those above."""
        places = self._places.get((record, back))
        if places is None:
            places = self._places[record, back] = {}
            for near in range(record - back, record + 1):
                for index, column in enumerate(self.columns if near >= 0 else ()):
                    if (cell := column.cells[near]) is not None:
                        places.setdefault(cell, (index, near))
        return places

    def _column_of_header(self, written: str) -> Expression | None:
        """Return the column that a structured reference names: ``Table1[@w1]``."""
        wanted = as_compared(written)
        for index, column in enumerate(self.columns):
            if as_compared(column.text) == wanted:
                return name_of_column(index)
        return None

    def is_updated(self, index: int) -> bool:
        """Whether a column's formula computes with its own value of the record above.

        A formula that only repeats that value keeps a given number.
        """
        expression, above = self.expression(index), name_of_column(index, -1)
        return expression is not None and expression != above and above in names(expression)

    def _used_by_update(self, index: int) -> frozenset[int]:
        """Return the columns that the update of a parameter uses.

        With several samples per update, the parameter is only repeated in the other rows.
        """
        expression, repeated = self.expression(index), name_of_column(index, -1)
        record = 1
        while expression == repeated and (record := record + 1) < self._longest:
            expression = self._parse(index, record, back=record)
        used = names(expression) if expression else ()
        return frozenset(map(column_of_name, used))

    def _used(self, index: int) -> frozenset[int]:
        """Return the columns that a formula uses in its own record."""
        return frozenset(column for column, shift in self.references(index) if shift == 0)

    def _references(self, index: int) -> frozenset[tuple[int, int]]:
        """Return the columns that a formula uses, with the record's distance: -1 above."""
        expression = self.expression(index)
        used = names(expression) if expression else ()
        return frozenset((column_of_name(name), name.shift) for name in used)

    @cached_property
    def leaves(self) -> Sequence[Sequence[Expression]]:
        """What the formula of each column refers to, in its order."""
        expressions = map(self.expression, range(len(self.columns)))
        return [list(references(one)) if one else [] for one in expressions]

    @cached_property
    def shapes(self) -> Sequence[Expression | None]:
        """The formula of each column with one name for all that it refers to."""
        expressions = map(self.expression, range(len(self.columns)))
        return [None if one is None else shape_of(one) for one in expressions]

    @cached_property
    def referred(self) -> set[int]:
        """The columns that formulas use, in their own record or the one above."""
        return {
            column for index in range(len(self.columns)) for column, _ in self.references(index)
        }


def name_of_column(index: int, shift: int = 0) -> Name:
    """Return the name of a column in the expressions of formulas."""
    return Name(f"#{index}", shift)


def column_of_name(name: Name) -> int:
    """Return the column that a name in the expression of a formula stands for."""
    return int(name.name[1:])


def shape_of(expression: Expression) -> Expression:
    """Return an expression with one name for all that it refers to."""
    return transform(expression, _without_references)


def _without_references(node: Expression) -> Expression:
    return Name("#") if isinstance(node, Name | CellReference) else node


def _repeated(address: Address, sheets: Mapping[str, Sheet]) -> Address:
    """Return the cell that the formula of a cell only repeats, or the cell itself."""
    sheet = sheets.get(address.sheet)
    repeated = None if sheet is None else repeated_cell(sheet, address[1:])
    return address if repeated is None else repeated


def outside_cells(formulas: ColumnFormulas) -> list[Address]:
    """Return the cells outside the table that its formulas use, in order."""
    found: dict[Address, None] = {}
    for index in range(len(formulas.columns)):
        expression = formulas.expression(index)
        for cell in cell_references(expression) if expression is not None else ():
            found.setdefault(Address.of(cell))
    return list(found)
