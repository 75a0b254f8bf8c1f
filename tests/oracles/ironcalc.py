"""IronCalc, a spreadsheet engine of its own: workbooks recalculated in this process.

It needs a hundredth of the time of LibreOffice, and has no window, charts or printing. It computes
every formula anew and ignores stored values.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import ironcalc

Value = str | float | bool | None


def recalculated_values(path: Path) -> dict[str, dict[tuple[int, int], Value]]:
    """Load and recalculate a workbook; return each sheet's values by row and column, from 1."""
    model = ironcalc.load_from_xlsx(str(path))
    model.evaluate()
    titles = [sheet["name"] for sheet in model.get_worksheets_properties()]
    values: dict[str, dict[tuple[int, int], Value]] = {title: {} for title in titles}
    for sheet, row, column in model.get_all_cells():
        value = model.get_cell_value(sheet, row, column)
        if value is not None:
            values[titles[sheet]][row, column] = value
    return values


def convert(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Load each workbook, recalculate it, and save it in ``folder``, under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    converted = []
    for path in paths:
        model = ironcalc.load_from_xlsx(str(path))
        model.evaluate()
        target = folder / Path(path).name
        model.save_to_xlsx(str(target))
        converted.append(target)
    return converted
