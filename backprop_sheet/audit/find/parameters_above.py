"""Tables in which each row ends with its new parameters, and the next row computes from these.

The first row has the initial parameters and nothing else. What a row computes belongs to the
parameters of the row above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from backprop_sheet.audit.find.regions import Grid, column_at
from backprop_sheet.audit.find.tables import Column, Places
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.equations.names import COMPUTED_KINDS, PARAMETER_KINDS, kind_of


def are_parameters_above(grid: Grid, records: Sequence[int], lines: Mapping[str, int]) -> bool:
    """Whether each record computes from the parameters in the line of the one before.

    Args:
        lines: the line of each quantity, across.
    """
    parameters = {at for name, at in lines.items() if kind_of(name) in PARAMETER_KINDS}
    computed = [at for name, at in lines.items() if kind_of(name) in COMPUTED_KINDS]
    if len(records) < 3 or not parameters or not computed:  # what goes on twice
        return False
    start, first = records[:2]
    if any(grid.has_content(start, at) for at in computed):
        return False
    used: Counter[int] = Counter()  # the lines that columns use: one may use the new parameters
    for at in computed:
        positions = (
            grid.position((address.row, address.column))
            for address in used_cells(grid.sheet, grid.cell(first, at))
            if address.sheet == grid.sheet.title
        )
        used.update({line for line, place in positions if place in parameters})
    if used:
        return 2 * used[start] > used.total()
    before, after = (
        [grid.number(line, at) for at in sorted(parameters)] for line in (start, first)
    )
    return None not in before and before != after


def columns_of_parameters(
    grid: Grid, header: int, records: Sequence[int], lines: Mapping[str, int]
) -> dict[int, Column]:
    """Return the columns of the parameters in other records than the rest, by their line."""
    places = Places(records)
    return {
        at: column_at(grid, header, at, places, min(lines.values()))
        for name, at in lines.items()
        if kind_of(name) in PARAMETER_KINDS
    }
