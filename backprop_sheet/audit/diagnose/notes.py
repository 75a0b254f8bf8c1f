"""Notes about a table: what is allowed but worth knowing, and what could not be checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_sheet.audit.compare.completeness import column_words
from backprop_sheet.audit.compare.learning_rate import LearningRate
from backprop_sheet.audit.compare.record_places import places_of, record_word
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.read.cell_values import ERROR_VALUES
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.columns import Role
from gradsheet.words import join, plural

MAX_SHOWN = 6  # columns that a note names with their cells


def without_number_notes(
    data: TableData, unchecked: Sequence[str], findings: Sequence[Finding]
) -> list[str]:
    """Return a note about what depends on cells without a number, and cannot be checked.

    Args:
        unchecked: the columns with such cells.
        findings: of the table. Without one, its numbers are too large.
    """
    errors = {
        record
        for name, record in _cells_without_number(data)
        if data.table.value(name, record) in ERROR_VALUES
    }
    if not errors:
        words = "not checked where they depend on cells without a number"
        return [f"{words}: {column_words(unchecked)}"] if unchecked else []
    first, last = min(errors), max(errors)
    where, have = places_of(data, first, last), plural(last - first + 1, "has", "have")
    words = f"{where} {have} error values, and what depends on them was not checked"
    return [f"{words}: correct the first mistake and check again" if findings else words]


def _cells_without_number(data: TableData) -> Iterator[tuple[str, int]]:
    for name in data.columns:
        if name in data.system.columns:
            records = np.flatnonzero(np.isnan(data.values[name])).tolist()
            yield from ((name, record) for record in records)


def rate_notes(data: TableData, rate: LearningRate) -> list[str]:
    """Say why the updates were not checked, if they were not."""
    if data.records <= data.system.rows_per_iteration:
        unit = record_word(data) if data.records == 1 else "iteration"
        return [f"only one {unit}: there is no update of the parameters to check"]
    if rate.values is None:
        return ["no learning rate was found: the updates of the parameters were not checked"]
    if rate.is_scheduled:
        first, last = (f"{number:g}" for number in rate.values[[0, -1]])
        words = f"η changes from row to row, from {first} to {last}"
        return [f"{words}: each update was compared with the η of its own row"]
    return []


@dataclass(frozen=True)
class Typing:
    """Columns whose numbers are typed (at least one), stored as text or rounded; all are allowed.

    Attributes:
        notes: the same in words.
    """

    typed: tuple[str, ...]
    text: tuple[str, ...]
    rounded: tuple[str, ...]
    notes: tuple[str, ...]


def typing_of(comparison: Comparison, findings: Sequence[Finding]) -> Typing:
    """Find the columns with typed numbers, numbers as text and rounded numbers."""
    data = comparison.data
    audited = [
        name
        for name in data.columns
        if data.system.columns.get(name) is not Role.GIVEN and name in data.system.correct
    ]
    typed: dict[str, list[int]] = {}
    wholly = []
    for name in audited:
        records, filled = _typed_records(data, name)
        if records:
            typed[name] = records
        if records and len(records) == filled:
            wholly.append(name)
    notes = []
    if wholly and len(wholly) == len(audited):
        notes.append("the whole table is typed: it has numbers and no formulas")
    elif wholly:
        notes.append(f"typed numbers instead of formulas: {column_words(wholly)}")
    partly = {name: records for name, records in typed.items() if name not in wholly}
    notes.extend(_partly_typed_notes(data, partly, findings))
    if data.text_columns:
        notes.append(f"numbers stored as text: {column_words(data.text_columns)}")
    rounded = tuple(one.column for one in comparison.columns if one.rounded)
    notes += _rounding_notes(comparison, rounded)
    return Typing(tuple(typed), tuple(data.text_columns), rounded, tuple(notes))


def _rounding_notes(comparison: Comparison, columns: Sequence[str]) -> Iterator[str]:
    """Say which columns agree only within their rounding, and how they are rounded."""
    typed, by_formulas, as_displayed = [], {}, {}
    for column in columns:
        words = comparison.uncertainty.rounding(column)
        if not words:
            typed.append(column)
        elif "(" in words:
            by_formulas[column] = words
        else:
            as_displayed[column] = words
    if typed:
        yield f"rounded, and right to the typed digits: {column_words(typed)}"
    for start, group in (("rounded by", by_formulas), ("stored with only", as_displayed)):
        if group:
            how = join(dict.fromkeys(group.values()))
            yield f"{start} {how}, and right within this rounding: {column_words(list(group))}"


def _typed_records(data: TableData, name: str) -> tuple[list[int], int]:
    """Return the records whose number in a computed column is typed, and how many have a number."""
    first = data.system.rows_per_iteration if name in data.system.updates else 0
    shown, formulas = data.table.values_of(name), data.table.formulas_of(name)
    known = ~np.isnan(data.values[name])
    filled = [
        record
        for record in range(first, data.records)
        if shown[record] is not None and known[record]
    ]
    return [record for record in filled if formulas[record] is None], len(filled)


def _partly_typed_notes(
    data: TableData, typed: dict[str, list[int]], findings: Sequence[Finding]
) -> Iterator[str]:
    """Say which cells of columns with formulas have typed numbers."""
    reported = {(finding.column, finding.first_cell, finding.count) for finding in findings}
    places: dict[str, str] = {}
    for name, records in typed.items():
        cell = data.table.cell(name, records[0])
        assert cell is not None
        where = cell.text(data.table.sheet)
        if (name, where, len(records)) not in reported:
            more = f" and {len(records) - 1} more" if len(records) > 1 else ""
            places[name] = f"{name} ({where}{more})"
    if places:
        shown = list(places.values())[:MAX_SHOWN]
        rest = len(places) - len(shown)
        words = join([*shown, f"{rest} more columns"] if rest > 1 else list(places.values()))
        yield f"typed numbers within a column of formulas: {words}"
