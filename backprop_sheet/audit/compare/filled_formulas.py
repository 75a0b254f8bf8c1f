"""Parsing a formula that is filled down or right only once: of its copies, the cells are looked up.

A long table has some ten different formulas. Parsing takes far longer than finding out that a
copy's references mean what the first one's did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backprop_sheet.audit.read.formula_parser import Resolve
from backprop_sheet.audit.read.relative_formulas import referenced_cells, relative_formula
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.symbolic.expressions import Expression

MAX_KEPT = 4_096  # different formulas of one table that are kept
_OF_A_PLACE = ("ROW", "COLUMN")  # functions whose value is not that of a copy

_Reference = tuple[str | None, int, int]


@dataclass(frozen=True)
class _Parsed:
    """A formula that was parsed: the sheets of its references, what they mean, and the result."""

    sheets: tuple[str | None, ...]
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
        cells = referenced_cells(formula)
        known = self._known.get(key)
        resolved: list[tuple[_Reference, Expression]] = []
        if known is not None:
            for sheet, cell in zip(known.sheets, cells, strict=True):
                resolved.append(((sheet, *cell), resolve(sheet, *cell)))
            if tuple(meaning for _, meaning in resolved) == known.meanings:
                return known.expression
        used: list[tuple[_Reference, Expression]] = []
        expression = parse(_recorded(resolve, iter(resolved), used))
        # Whatever else a formula refers to by (names, ranges, INDEX) may mean something else in a
        # copy of the same text.
        is_plain = [reference[1:] for reference, _ in used] == cells
        if is_plain and len(self._known) < MAX_KEPT and not _is_of_a_place(formula):
            self._known[key] = _Parsed(
                tuple(reference[0] for reference, _ in used),
                tuple(meaning for _, meaning in used),
                expression,
            )
        return expression


def _recorded(
    resolve: Resolve,
    resolved: Iterator[tuple[_Reference, Expression]],
    used: list[tuple[_Reference, Expression]],
) -> Resolve:
    """Return ``resolve``, with the references that are resolved already, and note what it gives."""

    def recorded(sheet: str | None, row: int, column: int) -> Expression:
        reference, meaning = next(resolved, (None, None))
        if meaning is None or reference != (sheet, row, column):
            meaning = resolve(sheet, row, column)
        used.append(((sheet, row, column), meaning))
        return meaning

    return recorded


def _is_of_a_place(formula: str) -> bool:
    return any(function in formula.upper() for function in _OF_A_PLACE)
