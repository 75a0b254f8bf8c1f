"""Tables with a row per unit or per parameter: names at the left, and above what of them.

Each of their cells is a value of a form: what it is, its row and its column say together. Units
may also be above, and what of them at the left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backprop_sheet.audit.find.cross_tables import MAX_SIDE
from backprop_sheet.audit.find.form_tables import OtherLabel
from backprop_sheet.audit.find.label_values import MAX_TEXT, MAX_TEXTS
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.labels import Label, is_value
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.two_headers import (
    heads_units,
    is_error,
    is_parameter,
    parameter_quantity,
    unit_or_parameter,
    unit_quantity,
)
from backprop_sheet.audit.read.workbook import Cell, Sheet, number
from backprop_sheet.equations.names import COMPUTED_KINDS, Kind, kind_of

MAX_NAMES = 100  # rows of a table
MAX_UNIT = 99  # the number of a unit


class NamedValue(NamedTuple):
    """A value whose row and column name a quantity.

    Attributes:
        label: the cell of the name of its unit or parameter.
        text: both headers.
        meaning: what they mean together.
        value: the cell of the value.
    """

    label: Cell
    text: str
    meaning: Meaning
    value: Cell

    @property
    def is_told(self) -> bool:
        """Whether only both headers tell what it is."""
        return self.meaning.is_next or kind_of(self.meaning.name) in COMPUTED_KINDS


@dataclass
class UnitTables:
    """What the tables of a sheet with a row per unit or parameter have.

    Attributes:
        named: the values whose quantity both headers name.
        others: the values of which they only say whose they are, by the cell of that name.
        cells: the cells of all names and headers.
    """

    named: list[NamedValue] = field(default_factory=list)
    others: dict[Cell, list[tuple[OtherLabel, Cell]]] = field(default_factory=dict)
    cells: set[Cell] = field(default_factory=set)


def unit_tables(sheet: Sheet, labels: Sequence[Label]) -> UnitTables:
    """Read the tables with a row (or a column) per unit or parameter.

    A sheet without a sum or an activation lists parameters and their gradients, and no more.

    Args:
        labels: the labels of the sheet whose quantity is known.
    """
    found = UnitTables()
    if len(sheet.texts) > MAX_TEXTS:
        return found
    tables: list[_Table] = []
    taken: set[Cell] = set()
    for is_across in (False, True):
        side = _Side(sheet, is_across=is_across)
        for (row, column), _ in sheet.texts:
            first = side.turned((row, column))
            for start in (first, (first[0] + 1, first[1])):
                table = None if side.turned(start) in taken else side.table(start)
                if table is not None and taken.isdisjoint(table.cells):
                    tables.append(table)
                    taken |= table.cells
    if not any(table.is_of_two for table in tables):
        return found
    for table in tables:
        found.named += table.named
        for cell, values in table.others.items():
            found.others.setdefault(cell, []).extend(values)
        found.cells |= table.cells
    meanings = [label.meaning for label in labels if label.cell not in found.cells]
    meanings += [one.meaning for one in found.named]
    has_forward = any(kind_of(one.name) in (Kind.SUM, Kind.ACTIVATION) for one in meanings)
    return found if has_forward else UnitTables()


@dataclass
class _Table:
    """One table.

    Attributes:
        is_of_two: whether it has several columns, one of which is told by both headers.
    """

    named: list[NamedValue]
    others: dict[Cell, list[tuple[OtherLabel, Cell]]]
    cells: set[Cell]
    is_of_two: bool


def _is_of_one(head: str) -> bool:
    """Whether a header names a quantity alone: h1 of a forward pass for each parameter."""
    meaning = meaning_of(head)
    return meaning is not None and not meaning.is_weak and meaning.name[-1].isdigit()


@dataclass
class _Side:
    """A sheet seen so that names are at the left: as it is, or with rows and columns exchanged."""

    sheet: Sheet
    is_across: bool

    def turned(self, cell: Cell) -> Cell:
        """Return a cell of the sheet as it is seen, or the other way round."""
        return cell[::-1] if self.is_across else cell

    def text(self, row: int, column: int) -> str:
        value = self.sheet.values.get(self.turned((row, column)))
        if not isinstance(value, str) or number(value) is not None:
            return ""
        text = visible(value).strip()  # which may be a sign alone: ∇
        return text if len(text) <= MAX_TEXT else ""

    def has_value(self, row: int, column: int) -> bool:
        return is_value(self.sheet, self.turned((row, column)))

    def _name(self, row: int, column: int, corner: str) -> str:
        """Return the unit or parameter that a cell names, or ""."""
        if text := self.text(row, column):
            return unit_or_parameter(text) or ""
        value = number(self.sheet.values.get(self.turned((row, column))))
        if value is None or not heads_units(corner) or not 0 < value <= MAX_UNIT:
            return ""
        is_typed = self.turned((row, column)) not in self.sheet.formulas
        return f"z{int(value)}" if is_typed and value == int(value) else ""

    def table(self, first: Cell) -> _Table | None:
        """Return the table whose first name is in a cell, or None."""
        row, column = first
        corner = self.text(row - 1, column)
        if row < 2 or not self._name(row, column, corner):
            return None
        heads = dict(self._heads(row, column, corner))
        rows = dict(self._rows(row, column, corner, heads))
        names = list(rows.values())
        kinds = {is_parameter(name) for name in names}
        if len(rows) < 2 or len(set(names)) < len(names) or len(kinds) > 1:
            return None
        if any(map(_is_of_one, heads.values())):
            return None
        heads = {at: text for at, text in heads.items() if self._count(rows, at)}
        table = _Table([], {}, set(), is_of_two=False)
        told = 0
        for across, head in heads.items():
            column_of = list(self._column(rows, column, across, head, table))
            told += any(one.is_told for one in column_of)
            table.named += column_of
        if not told:
            return None
        table.is_of_two = len(heads) > 1
        lines = [(row - 1, across) for across in (column, *heads)]
        lines += [(along, column) for along in rows]
        table.cells = set(map(self.turned, lines))
        return table

    def _heads(self, row: int, column: int, corner: str) -> Iterator[tuple[int, str]]:
        """Yield the headers above, up to a gap or to the names of another table."""
        for across in range(column + 1, column + MAX_SIDE + 1):
            head = self.text(row - 1, across)
            if not head or self._name(row, across, head):
                return
            yield across, head

    def _rows(
        self, first: int, column: int, corner: str, heads: dict[int, str]
    ) -> Iterator[tuple[int, str]]:
        """Yield the rows with a name and a value. Others with a text may be between."""
        for row in range(first, first + MAX_NAMES):
            if not any(self.has_value(row, across) for across in heads):
                return
            if name := self._name(row, column, corner):
                yield row, name
            elif not self.text(row, column):
                return

    def _count(self, rows: dict[int, str], across: int) -> int:
        return sum(self.has_value(row, across) for row in rows)

    def _column(
        self, rows: dict[int, str], column: int, across: int, head: str, table: _Table
    ) -> Iterator[NamedValue]:
        """Yield the values of a column that are named; put the others into the table's."""
        filled = {row: name for row, name in rows.items() if self.has_value(row, across)}
        if is_error(head) and any(name[0] != "o" for name in filled.values()):
            head = "δ"  # hidden units have no other error
        for row, name in filled.items():
            label = self.turned((row, column))
            own = self.text(row, column) or name.removeprefix("z")
            text = f"{' '.join(head.split())} {own}"
            if is_parameter(name):
                meaning = parameter_quantity(head, own)
            else:
                meaning = unit_quantity(head, name)
            value = self.turned((row, across))
            if meaning is None:
                table.others.setdefault(label, []).append((OtherLabel(label, text), value))
            else:
                yield NamedValue(label, text, meaning, value)
