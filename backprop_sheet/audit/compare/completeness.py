"""How much of a table was checked: its finished rows, and the cells that are missing."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.record_places import place_of, places_of, record_word
from backprop_sheet.audit.compare.table_data import TableData, auditable, same_error
from backprop_sheet.audit.find.tables import Layout
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.equations.names import Kind, kind_of
from gradsheet.words import count, join, plural

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

_OPTIONAL = (Kind.ADJOINT, Kind.STATE, Kind.MEAN)
MIN_RANGE = 3  # as many columns in a row are written as a range: ∂E/∂w1 … ∂E/∂w8


@dataclass(frozen=True)
class Completeness:
    """How much of a table was checked.

    Attributes:
        rows: the number of rows in which everything was checked.
        begun: the number of rows with something computed.
        unchecked: the needed columns that are missing, have empty cells, or depend on such cells.
        without_number: the other needed columns that could not be checked in all rows, because they
            depend on texts or error values.
        notes: what is missing, in words.
    """

    rows: int
    begun: int
    unchecked: tuple[str, ...]
    without_number: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether there is something to check, and all of it was checked."""
        return self.rows > 0 and not self.unchecked and not self.without_number


def completeness(
    data: TableData, columns: Sequence[ColumnComparison], inside: Container[str] = ()
) -> Completeness:
    """Find out how much of a table was checked.

    The last iteration that was begun may be unfinished if there is another one: a run ends
    somewhere, often before its last gradients. All others must be complete.

    Args:
        columns: the comparisons of the columns that could be compared.
        inside: the missing columns that were checked as a part of others.
    """
    return _Counting(data, columns, inside).result()


class _Counting:
    def __init__(
        self, data: TableData, columns: Sequence[ColumnComparison], inside: Container[str]
    ) -> None:
        self.data, self.system = data, data.system
        self.missing = [name for name in data.missing if name not in inside]
        self.inside = [name for name in data.missing if name in inside]
        self.compared = {one.column: one for one in columns}
        self.begun, self.required = data.begun, data.required
        self.is_first = data.iteration == 0
        self.is_last = (data.iteration == data.last_iteration) & ~self.required

    def _empty(self, name: str) -> Mask:
        if name not in self.data.columns:
            return np.ones(self.data.records, dtype=bool)
        return self.data.empty.get(name, np.zeros(self.data.records, dtype=bool))

    def result(self) -> Completeness:
        data = self.data
        empty = {
            name: mask for name in data.columns if (mask := self._needed_and_empty(name)).any()
        }
        unchecked = {name: mask for name in data.columns if (mask := self._not_checked(name)).any()}
        complete = self.begun.copy()
        for mask in empty.values():
            complete &= ~mask
        for name, mask in unchecked.items():
            complete &= ~(mask & self.compared[name].uses_empty)
        missing = {name: m for name, m in empty.items() if (m & self.required).any()}
        unchecked = {name: m for name, m in unchecked.items() if (m & self.required).any()}
        by_empty = [name for name, mask in unchecked.items() if self._is_by_empty(name, mask)]
        if by_empty:
            # Repeated inputs and helper columns are needed where something depends on them.
            missing |= {
                name: mask for name, mask in data.empty.items() if (mask & self.required).any()
            }
        rows, begun = int(complete.sum()), int(self.begun.sum())
        incomplete = {*self.missing, *missing, *by_empty}
        return Completeness(
            rows,
            begun,
            tuple(
                name
                for name in auditable(self.system)
                if name in incomplete or self._is_not_compared(name)
            ),
            tuple(name for name in unchecked if name not in incomplete),
            tuple(self._notes(rows, begun, missing, by_empty)),
        )

    def _is_needed(self, name: str) -> bool:
        quantity = self.system.quantities.get(name)
        return quantity is not None and quantity.kind not in _OPTIONAL

    def _needed_and_empty(self, name: str) -> Mask:
        """Return the empty cells that a complete table needs, in all rows that were begun."""
        system = self.system
        if not self._is_needed(name) or name not in system.correct:
            return np.zeros(self.data.records, dtype=bool)
        mask: Mask = self._empty(name) & self.begun
        if (other := same_error(system, name)) is not None:
            mask &= self._empty(other)  # one of the two is enough
        return mask

    def _not_checked(self, name: str) -> Mask:
        """Return the filled cells of a needed column that were found neither right nor wrong."""
        comparison = self.compared.get(name)
        if comparison is None or kind_of(name) in (Kind.STATE, Kind.MEAN):
            return np.zeros(self.data.records, dtype=bool)
        mask: Mask = ~comparison.checked & ~self._empty(name) & self.begun
        if name in self.system.updates:  # the first parameters are given
            mask &= ~self.is_first
        return mask

    def _is_by_empty(self, name: str, unchecked: Mask) -> bool:
        """Whether a required cell was not checked because it depends on empty (other) cells."""
        return bool((unchecked & self.required & self.compared[name].uses_empty).any())

    def _is_not_compared(self, name: str) -> bool:
        """Whether a needed column could not be compared, as it depends on missing columns."""
        is_computed = name in self.data.columns and name in self.system.definitions
        return is_computed and self._is_needed(name) and name not in self.compared

    # --- words ---

    def _notes(
        self,
        rows: int,
        begun: int,
        missing: Mapping[str, np.ndarray],
        by_empty: Sequence[str],
    ) -> Iterator[str]:
        if self.missing:
            is_form = self.data.table.layout is Layout.FORM
            what = "" if is_form else f" {plural(len(self.missing), 'column', 'columns')}"
            yield f"missing{what}: {column_words(self.missing)}"
        if self.inside:
            yield f"without a column, checked inside others: {column_words(self.inside)}"
        if missing or (self.data.empty and not rows):
            parts = [self._empty_words(*group) for group in self._groups(missing)]
            words = f"{self._complete(rows, begun)}: {'; '.join(parts)}"
            yield words if parts else "nothing is computed yet"
        if by_empty:
            yield f"not checked where they depend on empty cells: {column_words(by_empty)}"
        unfinished = self.begun & self.is_last
        if unfinished.any() and not missing and not self._is_finished(unfinished):
            yield self._unfinished(unfinished)

    def _complete(self, rows: int, begun: int) -> str:
        """Say how many rows are complete: the verb goes with the number of complete ones."""
        unit = record_word(self.data)
        if begun <= 1:
            return f"the only {unit} is not complete"
        if not rows:
            return f"none of the {count(begun, unit)} is complete"
        return f"{rows:,} of {count(begun, unit)} {plural(rows, 'is', 'are')} complete"

    def _is_finished(self, rows: np.ndarray) -> bool:
        return not any((self._needed_and_empty(name) & rows).any() for name in self.data.columns)

    def _unfinished(self, rows: np.ndarray) -> str:
        are = "is" if rows.sum() == 1 else "are"
        first, last = np.flatnonzero(rows)[[0, -1]].tolist()
        return f"{places_of(self.data, first, last)} {are} unfinished"

    def _groups(self, missing: Mapping[str, np.ndarray]) -> list[tuple[list[str], np.ndarray]]:
        """Return the columns with the same empty rows, and these rows."""
        groups: dict[bytes, tuple[list[str], np.ndarray]] = {}
        for name in auditable(self.system):
            if name in missing:
                rows = self._empty(name) & self.begun
                groups.setdefault(rows.tobytes(), ([], rows))[0].append(name)
        return list(groups.values())

    def _empty_words(self, columns: Sequence[str], mask: np.ndarray) -> str:
        is_empty = "is empty" if len(columns) == 1 else "are empty"
        if any(self.data.is_filled(name, n) for name in columns for n in np.flatnonzero(mask)[:9]):
            is_empty = "has no number" if len(columns) == 1 else "have no numbers"
        return f"{column_words(columns)} {is_empty}{self._extent(mask)}"

    def _extent(self, mask: np.ndarray) -> str:
        """Say where a column is empty: " from row 5", " in rows 5 to 7"; "" for everywhere."""
        rows = np.flatnonzero(mask)
        begun = int(self.begun.sum())
        if len(rows) == begun:
            return ""
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 > len(rows):
            number = count(len(rows), record_word(self.data))
            return f" in {number}, the first is {place_of(self.data, first)}"
        if last == begun - 1 and first < last:
            return f" from {place_of(self.data, first)}"
        return f" in {places_of(self.data, first, last)}"


def column_words(columns: Sequence[str]) -> str:
    """Join names of columns; three or more with consecutive numbers become a range.

    ``h1, ∂E/∂w1 … ∂E/∂w8``.
    """
    parts: list[str] = []
    for run in consecutive(columns):
        parts += [f"{run[0]} … {run[-1]}"] if len(run) >= MIN_RANGE else run
    return join(parts)


def consecutive(columns: Sequence[str]) -> list[list[str]]:
    """Split names where the next one does not have the next number."""
    runs: list[list[str]] = []
    for name in columns:
        numbered = _numbered(name)
        if runs and numbered is not None and numbered == _following(runs[-1][-1]):
            runs[-1].append(name)
        else:
            runs.append([name])
    return runs


def _numbered(name: str) -> tuple[str, int] | None:
    stem, number, rest = split_at_number(name)
    return (stem, int(number)) if number and not rest else None


def _following(name: str) -> tuple[str, int] | None:
    numbered = _numbered(name)
    return numbered and (numbered[0], numbered[1] + 1)
