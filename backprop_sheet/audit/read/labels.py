"""What the cells of a sheet contain: labels, values, and references to other cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet, number
from gradsheet.excel.column_letters import number_of_column

_CELL = r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})"
_SHEET = r"(?:'((?:[^'\[\]]|''){1,31})'|([^\W\d][\w.]*))!"
_REFERENCE = re.compile(rf"=\+?\s*({_SHEET})?{_CELL}\s*")
_REFERENCES = re.compile(rf"(?<![\w.$!'])(?:{_SHEET})?{_CELL}(?![\w(!])")


class Label(NamedTuple):
    """A cell whose text names a quantity."""

    cell: Cell
    meaning: Meaning


def read_labels(sheet: Sheet) -> list[Label]:
    """Return the sheet's labels in reading order."""
    return [Label(cell, meaning) for cell, text in sheet.texts if (meaning := meaning_of(text))]


def is_value(sheet: Sheet, cell: Cell) -> bool:
    """Whether a cell holds a number or a formula."""
    return cell in sheet.formulas or number(sheet.values.get(cell)) is not None


def is_reference(formula: str, *, to_other_sheet: bool = False) -> bool:
    """Whether a formula only repeats another cell: ``=B5``, ``='Iter 1'!B5``."""
    match = _REFERENCE.fullmatch(formula)
    return match is not None and (match[1] is not None or not to_other_sheet)


def repeated_cell(sheet: Sheet, cell: Cell) -> Address | None:
    """Return the cell that the formula of a cell only repeats, or None."""
    formula = sheet.formulas.get(cell)
    if formula is None or not is_reference(formula):
        return None
    return next(references(formula, sheet.title), None)


def references(formula: str, home: str) -> Iterator[Address]:
    """Yield the cells that a formula of the sheet ``home`` refers to; for a range, both ends."""
    for match in _REFERENCES.finditer(formula):
        title = (match[1] or "").replace("''", "'") or match[2] or home
        yield Address(title, int(match[4]), number_of_column(match[3].upper()))
