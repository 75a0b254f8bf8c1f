"""IronCalc, a spreadsheet engine of its own: workbooks recalculated in this process.

It needs a hundredth of the time of LibreOffice, and has no window, charts or printing. It computes
every formula anew and ignores stored values.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import ironcalc
from openpyxl.utils.cell import coordinate_to_tuple

Value = str | float | bool | None


class Engine:
    """A workbook that is open in the engine."""

    def __init__(self, path: Path) -> None:
        self._model = ironcalc.load_from_xlsx(str(path))
        self._numbers = {
            sheet["name"]: index
            for index, sheet in enumerate(self._model.get_worksheets_properties())
        }

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets, in order."""
        return list(self._numbers)

    def type_number(self, sheet: str, cell: str, value: float) -> None:
        """Type a number into a cell such as ``B3``."""
        row, column = coordinate_to_tuple(cell)
        self._model.update_cell_with_number(self._numbers[sheet], row, column, value)

    def rows(self, sheet: str) -> list[list[Value]]:
        """Recalculate everything; return the values of a sheet from its first row and column."""
        self._model.evaluate()
        number = self._numbers[sheet]
        _, last_row, _, last_column = self._model.get_sheet_dimensions(number)
        return [
            [
                self._model.get_cell_value(number, row, column)
                for column in range(1, last_column + 1)
            ]
            for row in range(1, last_row + 1)
        ]


def convert(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Load each workbook, recalculate it, and save it in ``folder``, under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    converted = []
    for path in paths:
        model = ironcalc.load_from_xlsx(str(path))
        model.evaluate()
        target = folder / Path(path).name
        target.unlink(missing_ok=True)
        model.save_to_xlsx(str(target))
        converted.append(target)
    return converted
