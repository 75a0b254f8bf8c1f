"""Parsing a formula that is filled down or right only once: of its copies, the cells are looked up.

A long table has some ten different formulas. Parsing takes far longer than finding out that a
copy's references mean what the first one's did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backprop_sheet.audit.read.formula_parser import Resolve
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.relative_formulas import relative_formula
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.symbolic.expressions import Expression

MAX_KEPT = 4_096  # formulas of one table that are kept after they were read
_OF_A_PLACE = ("ROW", "COLUMN")  # functions whose value is not that of a copy


@dataclass(frozen=True)
class _Parsed:
    """A formula that was parsed: what its references mean, and the result."""

    meanings: tuple[Expression, ...]
    expression: Expression


class FilledFormulas:
    """The formulas of one table that were parsed so far, relative to their cells."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Parsed] = {}

    def parse(
        self,
        formula: str,
        home: Address,
        resolve: Resolve,
        parse: Callable[[Resolve], Expression],
    ) -> Expression:
        """Return the expression of a formula, as ``parse`` gives it.

        Args:
            home: the formula's cell.
            resolve: returns the expression of a reference.
            parse: parses the formula; it may only depend on what its argument, ``resolve``,
                returns.

        Raises:
            UnreadableFormulaError: ``parse`` or ``resolve`` raised it.
        """
        key = home.sheet, relative_formula(formula, (home.row, home.column))
        cells = list(references(formula, home.sheet))
        known = self._known.get(key)
        resolved: list[tuple[Address, Expression]] = []
        if known is not None:
            resolved = [(cell, resolve(*cell)) for cell in cells]
            if tuple(meaning for _, meaning in resolved) == known.meanings:
                return known.expression
        used: list[tuple[Address, Expression]] = []
        expression = parse(_recorded(resolve, home.sheet, iter(resolved), used))
        # Whatever else a formula refers to by (names, ranges, INDEX) may mean something else in a
        # copy of the same text.
        is_plain = [cell for cell, _ in used] == cells
        if is_plain and len(self._known) < MAX_KEPT and not _is_of_a_place(formula):
            self._known[key] = _Parsed(tuple(meaning for _, meaning in used), expression)
        return expression


def _recorded(
    resolve: Resolve,
    home: str,
    resolved: Iterator[tuple[Address, Expression]],
    used: list[tuple[Address, Expression]],
) -> Resolve:
    """Return ``resolve``, with the references that are resolved already, and note what it gives."""

    def recorded(sheet: str | None, row: int, column: int) -> Expression:
        cell = Address(sheet or home, row, column)
        known, meaning = next(resolved, (None, None))
        if meaning is None or known != cell:
            meaning = resolve(sheet, row, column)
        used.append((cell, meaning))
        return meaning

    return recorded


def _is_of_a_place(formula: str) -> bool:
    return any(function in formula.upper() for function in _OF_A_PLACE)
