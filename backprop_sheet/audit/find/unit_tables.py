"""Tables with a row per unit or per parameter: names at the left, and above what of them.

Each of their cells is a value of a form: what it is, its row and its column say together. Units
may also be above, and what of them at the left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    is_of_units,
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


@dataclass
class UnitTables:
    """What the tables of a sheet with a row per unit or parameter have.

    Attributes:
        named: the values whose quantity both headers name.
        others: the values of which they only say whose they are, by the cell of that name.
        cells: all cells of the tables.
    """

    named: list[NamedValue] = field(default_factory=list)
    others: dict[Cell, list[tuple[OtherLabel, Cell]]] = field(default_factory=dict)
    cells: set[Cell] = field(default_factory=set)

    @property
    def every(self) -> Iterator[tuple[Cell, str, Meaning | None, Cell]]:
        """All values as :class:`NamedValue`; of the others, the meaning is None."""
        yield from self.named
        for values in self.others.values():
            for label, value in values:
                yield label.cell, label.text, None, value


def unit_tables(sheet: Sheet, labels: Sequence[Label] | None = None) -> UnitTables:
    """Read the tables with a row (or a column) per unit or parameter.

    A sheet without a sum or an activation lists parameters and their gradients, and no more.

    Args:
        labels: the labels of the sheet whose quantity is known; None if the forward pass may be
            on another sheet.
    """
    tables = _find(sheet) if len(sheet.texts) <= MAX_TEXTS else []
    if labels is not None and not any(len(table.heads) > 1 for table in tables):
        return UnitTables()
    errors = {head for table in tables for head in table.errors_of_hidden()}
    found = UnitTables()
    for table in tables:
        found.cells |= table.cells
        for label, text, meaning, value in table.values(errors):
            if meaning is not None:
                found.named.append(NamedValue(label, text, meaning, value))
            else:
                found.others.setdefault(label, []).append((OtherLabel(label, text), value))
    if labels is None:
        return found
    meanings = [label.meaning for label in labels if label.cell not in found.cells]
    meanings += [one.meaning for one in found.named]
    has_forward = any(kind_of(one.name) in (Kind.SUM, Kind.ACTIVATION) for one in meanings)
    return found if has_forward else UnitTables()


def _find(sheet: Sheet) -> list[_Table]:
    """Return the tables of a sheet, those with names at the left first."""
    tables: list[_Table] = []
    taken: set[Cell] = set()
    for is_across in (False, True):
        side = _Side(sheet, is_across=is_across)
        for cell, _ in sheet.texts:
            row, column = side.turned(cell)
            for first in ((row, column), (row + 1, column)):  # numbers of units are no texts
                table = None if side.turned(first) in taken else _table(side, first)
                if table is not None and taken.isdisjoint(table.cells):
                    tables.append(table)
                    taken |= table.cells
    return tables


@dataclass(frozen=True)
class _Side:
    """A sheet seen so that names are at the left: as it is, or with rows and columns exchanged."""

    sheet: Sheet
    is_across: bool

    def turned(self, cell: Cell) -> Cell:
        """Return a cell of the sheet as it is seen, or the other way round."""
        return cell[::-1] if self.is_across else cell

    def text(self, row: int, column: int) -> str:
        """Return the text of a cell, which may be a sign alone: ∇."""
        value = self.sheet.values.get(self.turned((row, column)))
        if not isinstance(value, str) or number(value) is not None:
            return ""
        text = " ".join(visible(value).split())
        return text if len(text) <= MAX_TEXT else ""

    def has_value(self, row: int, column: int) -> bool:
        return is_value(self.sheet, self.turned((row, column)))

    def name(self, row: int, column: int, corner: str) -> str:
        """Return the unit or parameter that a cell names, or "".

        Args:
            corner: the text above the names: a number is a unit below "Unit".
        """
        if text := self.text(row, column):
            return unit_or_parameter(text) or ""
        cell = self.turned((row, column))
        value = number(self.sheet.values.get(cell))
        if value is None or not 0 < value <= MAX_UNIT or not heads_units(corner):
            return ""
        return f"z{int(value)}" if cell not in self.sheet.formulas and value % 1 == 0 else ""


@dataclass(frozen=True)
class _Table:
    """One table.

    Attributes:
        column: the column of the names.
        head: the row of the headers.
        rows: the row of each name, and the name.
        heads: the column of each header, and the header.
    """

    side: _Side
    column: int
    head: int
    rows: Mapping[int, str]
    heads: Mapping[int, str]

    @property
    def cells(self) -> set[Cell]:
        """All its cells: a text between a name and its values is no other label."""
        rows = (self.head, *self.rows)
        across = range(self.column, max(self.heads, default=self.column) + 1)
        return {self.side.turned((row, column)) for row in rows for column in across}

    def is_told(self, column: int) -> bool:
        """Whether only the headers at both sides tell what a column has."""
        names = [name for row, name in self.rows.items() if self.side.has_value(row, column)]
        head = self.heads[column]
        if not is_parameter(names[0]):
            return is_of_units(head)
        found = [parameter_quantity(head, self.side.text(row, self.column))[1] for row in self.rows]
        return any(one is not None and _is_told(one) for one in found)

    def errors_of_hidden(self) -> Iterator[str]:
        """Yield the headers of errors that hidden units have, too."""
        for column, head in self.heads.items():
            names = (name for row, name in self.rows.items() if self.side.has_value(row, column))
            if is_error(head) and any(name[0] != "o" for name in names):
                yield head

    def values(self, deltas: Collection[str]) -> Iterator[tuple[Cell, str, Meaning | None, Cell]]:
        """Yield the cell of the name, both headers, their meaning, and the cell of each value.

        Args:
            deltas: headers of errors that are δ, because hidden units have no other error.
        """
        known = set()
        for column, head in self.heads.items():
            for row, name in self.rows.items():
                if not self.side.has_value(row, column):
                    continue
                own = self.side.text(row, self.column) or name.removeprefix("z")
                if is_parameter(name):
                    text, meaning = parameter_quantity(head, own)
                else:
                    role = "δ" if head in deltas else head
                    text, meaning = f"{role} {own}", unit_quantity(role, name)
                if meaning is None or (name, meaning) in known:
                    text, meaning = _unread(f"{head} {own}", f"{head}, {own}"), None
                known.add((name, meaning))
                label, value = (self.side.turned((row, at)) for at in (self.column, column))
                yield label, text, meaning, value


def _is_told(meaning: Meaning) -> bool:
    """Whether a quantity of a parameter is another one than its own value."""
    return meaning.is_next or kind_of(meaning.name) in COMPUTED_KINDS


def _unread(*texts: str) -> str:
    """Return the first text that no spelling knows: δ in the row of w5 is not ∂E/∂w5."""
    return next((text for text in texts if meaning_of(text) is None), texts[-1])


def _table(side: _Side, first: Cell) -> _Table | None:
    """Return the table whose first name is in a cell, or None."""
    row, column = first
    corner = side.text(row - 1, column)
    if row < 2 or not side.name(row, column, corner):
        return None
    heads = dict(_heads(side, first))
    rows = dict(_rows(side, first, corner, heads))
    names = list(rows.values())
    is_one_kind = len({is_parameter(name) for name in names}) == 1
    if not is_one_kind or len(set(names)) < len(names) or any(map(_is_of_one, heads.values())):
        return None
    heads = {at: text for at, text in heads.items() if any(side.has_value(one, at) for one in rows)}
    table = _Table(side, column, row - 1, rows, heads)
    told = [head for at, head in heads.items() if table.is_told(at)]
    return table if len(told) > (len(rows) == 1) else None


def _heads(side: _Side, first: Cell) -> Iterator[tuple[int, str]]:
    """Yield the headers above values, up to a gap or to the names of another table.

    Texts between the names and the values explain: from which unit to which a weight leads.
    """
    row, column = first
    has_values = False
    for across in range(column + 1, column + MAX_SIDE + 1):
        head = side.text(row - 1, across)
        if not head or (has_values and side.name(row, across, head)):
            return
        has_values |= side.has_value(row, across)
        yield across, head


def _rows(
    side: _Side, first: Cell, corner: str, heads: Collection[int]
) -> Iterator[tuple[int, str]]:
    """Yield the rows with a name and a value. Others with a text may be between."""
    row, column = first
    for along in range(row, row + MAX_NAMES):
        if not any(side.has_value(along, across) for across in heads):
            return
        if name := side.name(along, column, corner):
            yield along, name
        elif not side.text(along, column):
            return


def _is_of_one(head: str) -> bool:
    """Whether a header names a quantity alone: h1 of a forward pass for each parameter."""
    meaning = meaning_of(head)
    return meaning is not None and not meaning.is_weak and meaning.name[-1].isdigit()
