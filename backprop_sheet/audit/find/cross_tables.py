"""Tables of a form with names above and at the left: weights by neuron and input, net and out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backprop_sheet.audit.find.form_tables import OtherLabel
from backprop_sheet.audit.read.labels import is_value
from backprop_sheet.audit.read.workbook import Cell, Sheet

MAX_SIDE = 12  # rows and columns of a matrix or such a table
MIN_TABLES = 3  # of one sheet; with two kinds of columns, as a value and the book's have one


@dataclass(frozen=True)
class _CrossTable:
    """A table with names above and at the left.

    Attributes:
        corner: the text above the names at the left, or "".
        columns: the column and the name above of each column.
        rows: the cell and the text of each name at the left.
        heads: the cells of the names above, and of the corner.
    """

    corner: str
    columns: tuple[tuple[int, str], ...]
    rows: tuple[tuple[Cell, str], ...]
    heads: tuple[Cell, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.columns)

    def pairs(self, sheet: Sheet) -> Iterator[tuple[Cell, str, str, Cell]]:
        """Yield the cell of a row's name, both names and the cell of each value."""
        for (row, column), name in self.rows:
            for across, above in self.columns:
                if is_value(sheet, (row, across)):
                    yield (row, column), above, name, (row, across)


def cross_tables(
    sheet: Sheet, texts: Mapping[Cell, str]
) -> dict[Cell, list[tuple[OtherLabel, Cell]]]:
    """Return the values of the names at the left; the names above have none of their own.

    A value is called as its column and its row are, and as the corner is if other tables have the
    same names.

    Args:
        texts: the texts of the sheet that may be labels.
    """
    tables: list[_CrossTable] = []
    taken: set[Cell] = set()
    for cell in texts:
        table = None if cell in taken else _table(sheet, texts, cell)
        if table is not None:
            tables.append(table)
            taken.update(table.heads, (name for name, _ in table.rows))
    if len(tables) < MIN_TABLES or len({table.names for table in tables}) < 2:
        return {}
    corners: dict[tuple[str, str], set[str]] = {}
    for table in tables:
        for _, above, name, _ in table.pairs(sheet):
            corners.setdefault((above, name), set()).add(table.corner)
    found: dict[Cell, list[tuple[OtherLabel, Cell]]] = {}
    for table in tables:
        found |= {head: [] for head in table.heads}
        for cell, above, name, value in table.pairs(sheet):
            corner = table.corner if len(corners[above, name]) > 1 else ""
            text = " ".join(filter(None, (corner, above, name)))
            found.setdefault(cell, []).append((OtherLabel(cell, text), value))
    return found


def _table(sheet: Sheet, texts: Mapping[Cell, str], first: Cell) -> _CrossTable | None:
    """Return the table whose first name above is in a cell, or None."""
    row, column = first
    if column < 2 or (row + 1, column - 1) not in texts:
        return None
    columns = []
    for across in range(column, column + MAX_SIDE + 1):
        if (row, across) not in texts:
            break
        columns.append((across, texts[row, across]))
    rows = []
    for along in range(row + 1, row + MAX_SIDE + 2):
        has_values = any(is_value(sheet, (along, across)) for across, _ in columns)
        if (along, column - 1) not in texts or not has_values:
            break
        rows.append(((along, column - 1), texts[along, column - 1]))
    if not (2 <= len(rows) <= MAX_SIDE and 2 <= len(columns) <= MAX_SIDE):
        return None
    filled = [
        sum(is_value(sheet, (along, across)) for (along, _), _ in rows) for across, _ in columns
    ]
    if sum(count > 0 for count in filled) < 2 or 2 * sum(filled) < len(rows) * len(columns):
        return None
    corner = (row, column - 1)
    heads = tuple((row, across) for across, _ in columns)
    return _CrossTable(
        texts.get(corner, ""),
        tuple(columns),
        tuple(rows),
        (*heads, corner) if corner in texts else heads,
    )
