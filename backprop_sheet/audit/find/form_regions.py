"""A form as a region of formulas: each label is a column, each iteration a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backprop_sheet.audit.find.form_tables import FormTable
from backprop_sheet.audit.find.formula_regions import FormulaRegion
from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.read.references import Cell

MIN_RECORDS = 2  # the second one has the updated parameters


@dataclass(frozen=True)
class FormRegion(FormulaRegion):
    """A form on one sheet; its lines and records are numbered from 1.

    Attributes:
        form: the form.
        places: the record and the line of each cell.
    """

    form: FormTable = field(kw_only=True)
    places: Mapping[Cell, tuple[int, int]] = field(kw_only=True)

    def cell(self, along: int, across: int) -> Cell:  # noqa: D102
        column = self.form.columns[across - 1]
        cell = column.header if along < 1 else column.cells[along - 1]
        return (0, 0) if cell is None else cell[1:]

    def position(self, cell: Cell) -> tuple[int, int]:  # noqa: D102
        return self.places.get(cell, (0, 0))

    def header_of(self, across: int) -> str:  # noqa: D102
        return self.form.columns[across - 1].text

    def table(self, quantities: dict[int, str]) -> Table:  # noqa: D102
        columns = self.form.columns
        return self.form.with_names(
            {name: columns[across - 1] for across, name in quantities.items()}
        )


def form_region(table: Table) -> FormRegion | None:
    """Return a form on one sheet that has updated parameters as a region; None for others."""
    if not isinstance(table, FormTable) or table.records < MIN_RECORDS:
        return None
    places: dict[Cell, tuple[int, int]] = {}
    for across, column in enumerate(table.columns, 1):
        for record, cell in enumerate(column.cells, 1):
            if cell is None:
                continue
            if cell.sheet != table.sheet:
                return None
            places[cell[1:]] = (record, across)
    return FormRegion(
        table.sheets[table.sheet],
        Layout.FORM,
        0,
        range(1, table.records + 1),
        tuple(range(1, len(table.columns) + 1)),
        form=table,
        places=places,
    )
