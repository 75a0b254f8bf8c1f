"""Tell a table that only repeats or compares the cells of others.

Such are a rounded copy for printing, and the differences from a solution.
"""

from __future__ import annotations

from backprop_sheet.audit.find.tables import Column, Table
from backprop_sheet.audit.read.formula_parser import UnreadableFormulaError, parse_formula
from backprop_sheet.audit.read.references import Address
from backprop_sheet.equations.names import GIVEN_KINDS, NEUTRAL_KINDS, kind_of
from backprop_sheet.symbolic.expressions import Call, CellReference, Expression, Operation

MIN_RECORDS = 2
MAX_COMPARED = 12  # records whose formulas are read, from the first


def repeats_other_cells(table: Table) -> bool:
    """Whether all columns but given numbers show cells outside the table, or differences of two.

    Each formula is a reference, perhaps rounded, or the difference of two, at the same distance
    along the records: what collects the values of several forms is a table of its own.
    """
    kinds = {table.header(name): kind_of(name) for name in table.names}
    records = min(table.records, MAX_COMPARED)
    if records < MIN_RECORDS or set(kinds.values()) <= NEUTRAL_KINDS | GIVEN_KINDS:
        return False
    for column in table.columns:
        kind = kinds.get(column.header) if column.header is not None else None
        formulas = sum(column.formula(record) is not None for record in range(records))
        if kind in NEUTRAL_KINDS or (not formulas and (kind is None or kind in GIVEN_KINDS)):
            continue
        if not _repeats(table, column, records):
            return False
    return True


def _repeats(table: Table, column: Column, records: int) -> bool:
    """Whether the first records of a column show the cells of others."""
    steps = set()
    for record in range(records):
        home, shown = column.cells[record], _shown_cells(column, record)
        if home is None or not shown or any(_is_inside(table, cell) for cell in shown):
            return False
        steps.add(
            tuple((cell.sheet, cell.row - home.row, cell.column - home.column) for cell in shown)
        )
    return len(steps) == 1


def _is_inside(table: Table, address: Address) -> bool:
    return table.locate(address) is not None or table.is_helper(address)


def _shown_cells(column: Column, record: int) -> tuple[Address, ...]:
    """Return the cell that a formula repeats, or the two that it compares; () if it is another."""
    home, formula = column.cells[record], column.formula(record)
    if home is None or formula is None:
        return ()
    own = home.sheet

    def resolve(title: str | None, row: int, column: int) -> Expression:
        return CellReference(title or own, row, column)

    names = column.sheets[own].defined_names
    try:
        found = parse_formula(formula, resolve, defined_names=names, home=(home.row, home.column))
    except UnreadableFormulaError:
        return ()
    match found:
        case CellReference():
            cells: tuple[CellReference, ...] = (found,)
        case Operation("-", CellReference() as one, CellReference() as other) | Call(
            "abs", (Operation("-", CellReference() as one, CellReference() as other),)
        ):
            cells = (one, other)
        case _:
            cells = ()
    return tuple(Address.of(cell) for cell in cells)
