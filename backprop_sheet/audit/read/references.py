"""References to cells, as places and as they are written in formulas."""

from __future__ import annotations

import re
from typing import NamedTuple

from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.symbolic.expressions import CellReference
from gradsheet.excel.column_letters import letters_of_column, number_of_column

Cell = tuple[int, int]  # row and column, from 1

_CELL = re.compile(r"\s*\$?([A-Za-z]{1,3})\$?([0-9]{1,7})\s*")
_PLAIN_TITLE = re.compile(r"[^\W\d][\w.]*")
_LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}\d+|[Rr]\d*([Cc]\d*)?|[Cc]\d*")


class Address(NamedTuple):
    """A cell of a workbook. Rows and columns count from 1."""

    sheet: str
    row: int
    column: int

    @classmethod
    def of(cls, reference: CellReference, home: str = "") -> Address:
        """Return the cell that a formula on the sheet ``home`` refers to."""
        return cls(reference.sheet or home, reference.row, reference.column)

    @property
    def local(self) -> str:
        """The address without the sheet: ``B5``."""
        return cell_text((self.row, self.column))

    def text(self, home_sheet: str) -> str:
        """Return the address as in a formula of ``home_sheet``: ``B5`` or ``'Iter 2'!B5``."""
        return self._prefix(home_sheet) + self.local

    def absolute(self, home_sheet: str) -> str:
        """Return :meth:`text` as a reference that does not move: ``$B$5``."""
        return self._prefix(home_sheet) + cell_text((self.row, self.column), is_absolute=True)

    def _prefix(self, home_sheet: str) -> str:
        if self.sheet == home_sheet:
            return ""
        title = self.sheet
        if not _PLAIN_TITLE.fullmatch(title) or _LIKE_A_CELL.fullmatch(title):
            title = "'" + title.replace("'", "''") + "'"
        return f"{title}!"


def cell_text(cell: Cell, *, is_absolute: bool = False) -> str:
    """Write a cell as a reference: ``B5``, or ``$B$5``."""
    sign = "$" if is_absolute else ""
    return f"{sign}{letters_of_column(cell[1])}{sign}{cell[0]}"


def cell_of(text: str) -> Cell | None:
    """Return the row and column of a reference without a sheet; None if it is none."""
    match = _CELL.fullmatch(text)
    return None if match is None else (int(match[2]), number_of_column(match[1].upper()))


def reference_text(reference: CellReference, *, is_absolute: bool = False) -> str:
    """Write a reference in a message: ``B5``, ``Data!B5``, ``'Iter 2'!$B$5``.

    A cell whose address could be read as a quantity, as E1 is an error, is written ``$E$1``.
    """
    address = Address.of(reference)
    is_like_a_quantity = not address.sheet and kind_of(address.local) is not Kind.CONSTANT
    return address.absolute("") if is_absolute or is_like_a_quantity else address.text("")
