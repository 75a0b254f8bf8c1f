"""Tables that stand in a workbook once with formulas and once more as pasted values."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.results import TableResult

MAX_COMPARED = 100  # records of two tables, from the first
SAME = 1e-12  # the relative difference that storing a number can make


@dataclass(frozen=True)
class _Kept:
    """The columns and numbers of a table, whether all are typed, and which columns are wrong."""

    records: int
    columns: tuple[str, ...]
    numbers: Numbers
    is_typed: bool
    wrong: tuple[tuple[str, int], ...]

    def repeats(self, other: _Kept) -> bool:
        """Whether two tables have the same columns, numbers and mistakes, and one is typed."""
        return (
            (self.records, self.columns, self.wrong) == (other.records, other.columns, other.wrong)
            and (self.is_typed or other.is_typed)
            and np.allclose(self.numbers, other.numbers, rtol=SAME, atol=0.0, equal_nan=True)
        )


class ResultsWithoutCopies(list[TableResult]):
    """The results of a workbook's tables; a copy whose numbers are typed is none of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[_Kept] = []

    def add(self, result: TableResult, comparison: Comparison) -> None:
        """Add the result of a table, or note where the copy of a table stands."""
        new = _kept(result, comparison)
        place = next((at for at, one in enumerate(self._kept) if new.repeats(one)), None)
        if place is None:
            self.append(result)
            self._kept.append(new)
        elif new.is_typed:
            self[place] = _with_copy(self[place], result.sheet)
        else:
            self[place] = _with_copy(result, self[place].sheet)
            self._kept[place] = new


def _kept(result: TableResult, comparison: Comparison) -> _Kept:
    data = comparison.data
    columns = tuple(sorted(data.columns))
    return _Kept(
        data.records,
        columns,
        np.array([data.values[name][:MAX_COMPARED] for name in columns]),
        not any(any(data.table.formulas_of(name)) for name in columns),
        tuple((finding.column, len(finding.cells)) for finding in result.findings),
    )


def _with_copy(result: TableResult, sheet: str) -> TableResult:
    where = "on this sheet" if sheet == result.sheet else f"on the sheet {sheet!r}"
    note = f"its numbers stand again {where}, as values: they are not checked twice"
    return replace(result, warnings=(*result.warnings, note))
