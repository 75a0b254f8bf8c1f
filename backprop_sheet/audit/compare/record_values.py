"""The numbers of a table by the names of its quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int_]
Mask = npt.NDArray[np.bool_]

TOLERANCE = 1e-6  # the relative difference up to which two numbers agree
_MIN_AGREEING = 0.9  # the share of the records that must agree
_SHIFTED = re.compile(r"(.+)\[n([+-]\d+)\]")


class RecordValues(Mapping[str, Numbers]):
    """One number per record for each name; ``w1[n-1]`` is w1 of the row above.

    The arrays cannot be changed. Looking up a name that the table does not have, and that does not
    follow from other columns, raises KeyError.
    """

    def __init__(self, columns: Mapping[str, Numbers]) -> None:
        """Keep read-only views of the columns."""
        self._columns = {name: _read_only(column) for name, column in columns.items()}
        self._shifted: dict[str, Numbers] = {}

    def __getitem__(self, key: str) -> Numbers:
        column = self._columns.get(key)
        if column is None:
            column = self._shifted.get(key)
        if column is None:
            match = _SHIFTED.fullmatch(key)
            if match is None:
                raise KeyError(key)
            column = self._shifted[key] = shifted(self._columns[match[1]], int(match[2]))
        return column

    def __contains__(self, key: object) -> bool:
        return key in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def has(self, key: str) -> bool:
        """Whether there are numbers for a name, shifted or not."""
        return key.partition("[n")[0] in self._columns

    def with_column(self, name: str, column: Numbers | None) -> RecordValues:
        """Return these numbers and one more column, if it is not None."""
        return self if column is None else RecordValues({**self._columns, name: column})

    def of_records(self, records: list[int]) -> RecordsOfTable:
        """Return the numbers of some records."""
        return RecordsOfTable(self, records)


class RecordsOfTable(dict[str, Numbers]):
    """The numbers of some records, by name, which are selected when they are looked up."""

    def __init__(self, values: RecordValues, records: list[int]) -> None:
        super().__init__()
        self._values, self._records = values, records

    def __missing__(self, key: str) -> Numbers:
        value = self[key] = self._values[key][self._records]
        return value


def _read_only(column: Numbers) -> Numbers:
    view = column.view()
    view.flags.writeable = False
    return view


def mostly_agree(found: Numbers, expected: Numbers) -> bool:
    """Whether most numbers of a column are those of a quantity; nan counts for neither."""
    known = ~np.isnan(found) & ~np.isnan(expected)
    if not known.any():
        return False
    near = np.isclose(found[known], expected[known], rtol=TOLERANCE, atol=1e-12)
    return bool(near.mean() >= _MIN_AGREEING)


def median(values: np.ndarray) -> float:
    """Return the median of numbers without nan.

    ``np.median`` imports NumPy's masked arrays, which takes longer than a typical table.
    """
    ordered = np.sort(values, axis=None)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) / 2)


def finite(values: Numbers) -> Numbers:
    """Return numbers with 0 for nan, and the largest number for infinity.

    It is ``np.nan_to_num``, which takes ten times as long for the columns of a usual table.
    """
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def shifted(column: Numbers, shift: int) -> Numbers:
    """Shift a column by some rows; nan if there is no such row."""
    result = np.full(column.shape, np.nan)
    if shift < 0:
        result[-shift:] = column[:shift]
    elif shift:
        result[:-shift] = column[shift:]
    else:
        result = column
    return result


def shifted_mask(mask: Mask, shift: int) -> Mask:
    """Shift a mask by some rows; False if there is no such row."""
    result: Mask = shifted(mask.astype(float), shift) == 1.0
    return result
