"""Which cells of a computed column have formulas, and which have typed numbers."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.record_values import Mask, Numbers
from backprop_sheet.audit.compare.shown_digits import half_of_last_digit
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.equations.columns import Role

MIN_DIGITS = 6  # significant ones that a number pasted over its formula keeps


class ComputedCells:
    """Which cells of a column have formulas, and which have typed numbers."""

    def __init__(self, data: TableData, name: str) -> None:
        self.data, self.name = data, name
        system = data.system
        self.is_computed = (
            name in data.columns
            and system.columns.get(name) is not Role.GIVEN
            and not (name in system.parameters and name not in system.trained)
        )
        self.formulas: list[str | None] = []
        self.has_formulas: Mask = np.zeros(data.records, dtype=bool)
        self.is_typed: Mask = np.zeros(data.records, dtype=bool)
        if not self.is_computed:
            return
        self.formulas = data.table.formulas_of(name)
        self.has_formulas = np.array([formula is not None for formula in self.formulas], dtype=bool)
        self.is_typed = ~self.has_formulas & np.isfinite(data.values[name])
        if name in system.updates:  # the first parameters are given
            self.has_formulas[: system.rows_per_iteration] = False
            self.is_typed[: system.rows_per_iteration] = False
        if name in data.empty:
            self.is_typed &= ~data.empty[name]

    @property
    def is_column_of_formulas(self) -> bool:
        """Whether at least as many cells have formulas as have typed numbers."""
        formulas = int(self.has_formulas.sum())
        return formulas > 0 and formulas >= int(self.is_typed.sum())

    def last_digits(self) -> Numbers:
        """Return half a unit of the last digit of each typed number."""
        half = np.zeros(self.data.records)
        shown = self.data.table.values_of(self.name)
        for record in np.flatnonzero(self.is_typed).tolist():
            half[record] = half_of_last_digit(shown[record])
        return half

    def exact_digits(self) -> Numbers:
        """Return :meth:`last_digits` of the typed numbers with many digits, else 0."""
        half = self.last_digits()
        shown = np.abs(np.nan_to_num(self.data.values[self.name]))
        return np.where(half <= 0.5 * 10.0 ** (1 - MIN_DIGITS) * shown, half, 0.0)


def is_column_of_formulas(data: TableData, name: str) -> bool:
    """Whether at least as many cells of a column have formulas as have typed numbers."""
    return ComputedCells(data, name).is_column_of_formulas
