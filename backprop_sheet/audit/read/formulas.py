"""The formulas of a sheet. Shared formulas are translated when they are looked up."""

from __future__ import annotations

import re
from collections.abc import ItemsView, ValuesView
from functools import lru_cache
from typing import Any

from backprop_sheet.audit.read.limits import MAX_COLUMNS, MAX_ROWS
from backprop_sheet.audit.read.references import Cell
from gradsheet.excel.column_letters import letters_of_column, number_of_column

MAX_TRANSLATED = 8_192  # characters of a formula, as in Excel; longer ones stay as they are

# What is not part of a reference comes first: texts, quoted sheet names, structured references
# and errors, then names and functions. In A1:B5 both ends are references of their own.
_TOKENS = re.compile(
    r"""
      "(?:[^"]|"")*"                                # a text
    | '(?:[^']|'')*'                                # a quoted sheet name
    | \[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]         # a structured reference, another workbook
    | \#(?:N/A|[A-Z]+(?:/0)?[!?])                   # an error
    | (?P<fixed_column>\$?)(?P<column>[A-Za-z]{1,3})(?P<fixed_row>\$?)(?P<row>[1-9][0-9]{0,6})
      (?![\w.(!\\?])
    | (?P<rows>\$?[1-9][0-9]{0,6}:\$?[1-9][0-9]{0,6})(?![\w.(!])
    | (?P<columns>\$?[A-Za-z]{1,3}:\$?[A-Za-z]{1,3})(?![\w.(!])
    | (?:[^\W\d]|[\\_])[\w.\\?]*[(!]?               # a name, a function or a sheet name
    | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][-+]?[0-9]+)?
    """,
    re.VERBOSE,
)


class _Relative:
    """A row or a column of a reference that moves with the cell of the formula."""

    __slots__ = ("is_column", "offset")

    def __init__(self, offset: int, *, is_column: bool) -> None:
        self.offset, self.is_column = offset, is_column

    def at(self, row: int, column: int) -> str:
        line = self.offset + (column if self.is_column else row)
        if not 1 <= line <= (MAX_COLUMNS if self.is_column else MAX_ROWS):
            raise IndexError("outside the sheet")
        return letters_of_column(line) if self.is_column else str(line)


class SharedFormula:
    """A formula that many cells share, with references relative to each of them."""

    def __init__(self, formula: str, row: int, column: int) -> None:
        """Prepare a formula for translation.

        Args:
            formula: with its leading ``=``.
            row: the row of the cell that it is written for.
            column: the column of that cell.
        """
        self._formula, self._origin = formula, (row, column)

    def at(self, row: int, column: int) -> str:
        """Return the formula of another cell; a reference that leaves the sheet is ``#REF!``."""
        if len(self._formula) > MAX_TRANSLATED or (row, column) == self._origin:
            return self._formula
        pieces: list[str] = []
        for reference in _template(self._formula, *self._origin):
            try:
                pieces += [
                    piece if isinstance(piece, str) else piece.at(row, column)
                    for piece in reference
                ]
            except IndexError:
                pieces.append("#REF!")
        return "".join(pieces)


@lru_cache(maxsize=64)
def _template(formula: str, row: int, column: int) -> list[tuple[str | _Relative, ...]]:
    """Split a formula into references and the text between them, each a tuple of pieces."""

    def line(written: str, *, is_column: bool) -> str | _Relative:
        if written.startswith("$"):
            return written
        if is_column:
            return _Relative(number_of_column(written) - column, is_column=True)
        return _Relative(int(written) - row, is_column=False)

    parts: list[tuple[str | _Relative, ...]] = []
    done = 0
    for match in _TOKENS.finditer(formula):
        is_column = match["columns"] is not None
        if match["column"] is not None:
            reference: tuple[str | _Relative, ...] = (
                line(match["fixed_column"] + match["column"], is_column=True),
                line(match["fixed_row"] + match["row"], is_column=False),
            )
        elif whole := match["columns"] or match["rows"]:
            first, _, last = whole.partition(":")
            reference = (line(first, is_column=is_column), ":", line(last, is_column=is_column))
        else:
            continue
        parts += [(formula[done : match.start()],), reference]
        done = match.end()
    return [*parts, (formula[done:],)]


class ArrayFormula:
    """A formula of a block of cells, as Ctrl+Shift+Enter or a spill makes it."""

    def __init__(self, formula: str, row: int, column: int) -> None:
        """Keep the formula of a block whose first cell is given."""
        self._formula, self._origin = formula.removeprefix("="), (row, column)

    def at(self, row: int, column: int) -> str:
        """Return the formula of one cell of the block."""
        down, across = row - self._origin[0] + 1, column - self._origin[1] + 1
        return f"=INDEX({self._formula},{down},{across})"


class Formulas(dict[Cell, Any]):
    """The formulas of a sheet's cells, with their leading ``=``, by (row, column).

    A shared formula takes no memory for each of its cells, nor does that of an array.
    """

    def __getitem__(self, cell: Cell) -> str:
        return _text(super().__getitem__(cell), cell)

    def get(self, cell: Cell, default: Any = None) -> Any:
        """Return the formula of a cell, or the default."""
        formula = super().get(cell)
        return default if formula is None else _text(formula, cell)

    def values(self) -> ValuesView[str]:  # type: ignore[override]
        """Return the formulas."""
        return ValuesView(self)

    def items(self) -> ItemsView[Cell, str]:  # type: ignore[override]
        """Return the cells with their formulas."""
        return ItemsView(self)


def _text(formula: str | SharedFormula | ArrayFormula, cell: Cell) -> str:
    return formula if isinstance(formula, str) else formula.at(*cell)
