"""The numbers that the workbook's charts draw, collected while the tables are written."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from backprop_sheet.equations.descent import Rows
from backprop_sheet.equations.names import ITERATION
from backprop_sheet.workbook.layout import CHART_ROWS, WorkbookLayout
from gradsheet.excel.fast_writing import CachedNumbers

# Of a longer table, charts hold the numbers of some iterations, evenly spaced, and of the last one:
# a preview has no more pixels, and writing takes time. Programs that read the cells draw all rows.
MAX_POINTS = 240  # per series
_MAX_NUMBERS = 2_000_000  # of all series, as they are kept in memory

Series = Mapping[str, CachedNumbers]


class ChartPoints:
    """The numbers of all series of all charts.

    Args:
        rate_count: the number of learning rates.
        iterations: the number of iterations of the tables.
    """

    def __init__(self, layout: WorkbookLayout, rate_count: int, iterations: int) -> None:
        system = layout.system
        self._rows = system.rows_per_iteration
        drawn = min(layout.system.table_rows(iterations), CHART_ROWS)
        self._last = (drawn - 1) // self._rows
        outputs = (activation for _, activation in system.outputs)
        self._names = (*outputs, *system.targets, layout.error, *system.trained)
        points = min(MAX_POINTS, max(2, _MAX_NUMBERS // (len(self._names) * rate_count)))
        self._step = ceil(drawn / points)
        self._iterations: list[int] = []
        self._values: list[np.ndarray] = []

    def add(self, iteration: int, values: Rows) -> None:
        """Keep an iteration's numbers if the charts hold them."""
        if iteration <= self._last and (iteration % self._step == 0 or iteration == self._last):
            self._iterations.append(iteration)
            self._values.append(np.array([values[name] for name in self._names]) + 0.0)

    def by_rate(self) -> list[Series]:
        """Return the numbers of each learning rate's columns, by name."""
        iterations = CachedNumbers(np.repeat(self._iterations, self._rows).tolist())
        # (iterations, names, rates, rows) becomes (rates, names, points).
        values = np.stack(self._values).transpose(2, 1, 0, 3)
        numbers = values.reshape(*values.shape[:2], -1).tolist()
        return [
            dict(zip(self._names, map(CachedNumbers, of_rate), strict=True))
            | {ITERATION: iterations}
            for of_rate in numbers
        ]
