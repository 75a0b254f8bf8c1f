"""Forms of units and parameters beside a table with a row per iteration."""

from __future__ import annotations

from collections.abc import Sequence

from backprop_sheet.audit.find.form_chains import join_blocks, makes_table
from backprop_sheet.audit.find.form_tables import Block
from backprop_sheet.audit.find.forms import find_blocks
from backprop_sheet.audit.find.label_values import Matrices
from backprop_sheet.audit.find.line_tables import LineTable
from backprop_sheet.audit.find.unit_tables import UnitTables
from backprop_sheet.audit.read.labels import Label
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet
from backprop_sheet.equations.names import Kind, kind_of


def units_beside(
    sheet: Sheet, labels: Sequence[Label], tables: Sequence[LineTable], units: UnitTables
) -> list[list[Block]]:
    """Return the blocks of tables with a row per unit or parameter, if they have a forward pass.

    Parameters alone with their old and new values sum up the other table.

    Args:
        labels: the labels outside the tables of units and parameters.
        tables: the tables with a row (or a column) per iteration.
    """
    if not any(kind_of(one.meaning.name) in (Kind.SUM, Kind.ACTIVATION) for one in units.named):
        return []
    taken: set[Cell] = {
        column.header[1:] for table in tables for column in table.columns if column.header
    }
    taken |= units.cells
    taken |= {
        label.cell
        for label in labels
        if any(table.covers(Address(sheet.title, *label.cell)) for table in tables)
    }
    matrices: Matrices = {cell: [] for cell in taken} | units.others
    outside = [label for label in labels if label.cell not in taken]
    chains = join_blocks(find_blocks(sheet, outside, matrices, units.named))
    return [chain for chain in chains if makes_table(chain) and chain[0].texts]
