"""The cells that a formula uses, however it is written: also with OFFSET, INDEX and names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backprop_sheet.audit.read.formula_parser import UnreadableFormulaError, parse_formula
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.workbook import Cell, Sheet
from backprop_sheet.symbolic.expressions import Expression, Name

_HIDES_CELLS = re.compile(r"OFFSET|INDEX|INDIRECT|SINGLE|[:\[@]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w.\\?]*|\\[\w.\\?]*")


def used_cells(sheet: Sheet, home: Cell) -> list[Address]:
    """Return the cells that the formula of a cell uses, in its order; [] without a formula.

    Those of a formula that cannot be parsed are the ones that are written in it.
    """
    formula = sheet.formulas.get(home)
    if formula is None:
        return []
    if not _HIDES_CELLS.search(formula) and not _has_name(formula, sheet.defined_names):
        return list(references(formula, sheet.title))
    used: list[Address] = []

    def resolve(title: str | None, row: int, column: int) -> Expression:
        used.append(Address(title or sheet.title, row, column))
        return Name("cell")

    try:
        parse_formula(
            formula,
            resolve,
            defined_names=sheet.defined_names,
            header=lambda _: Name("cell"),
            home=home,
        )
    except UnreadableFormulaError:
        used += references(formula, sheet.title)
    return used


def _has_name(formula: str, names: Mapping[str, str]) -> bool:
    """Whether a formula has a defined name."""
    return bool(names) and any(word.casefold() in names for word in _WORD.findall(formula))
