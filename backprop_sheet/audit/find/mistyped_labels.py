"""Labels of a form that name a parameter where something else is computed: ``w4`` for ∂E/∂w4."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from backprop_sheet.audit.read.labels import is_reference
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet

MIN_PARAMETERS = 4  # of which one is named again by mistake


def mistyped_parameter(
    sheet: Sheet, values: Mapping[str, Sequence[Cell]], rates: Collection[Cell]
) -> Cell | None:
    """Return the value of a parameter's second label that is something else, or None.

    No other parameter has two labels. One value is typed, and the other is computed; it is no
    update, which would use the first, or η.

    Args:
        values: the cells of the values of each parameter, without those of labels such as ``w1+``.
        rates: the cells of η.
    """
    repeated = [cells for cells in values.values() if len(cells) > 1]
    if len(values) < MIN_PARAMETERS or len(repeated) != 1 or len(repeated[0]) != 2:
        return None
    computed = [cell for cell in repeated[0] if cell in sheet.formulas]
    typed = [cell for cell in repeated[0] if cell not in sheet.formulas]
    if len(computed) != 1 or is_reference(sheet.formulas[computed[0]]):
        return None
    of_update = {Address(sheet.title, *cell) for cell in (*typed, *rates)}
    return computed[0] if of_update.isdisjoint(used_cells(sheet, computed[0])) else None
