"""Read the values that a sheet has outside a table: ``η`` with a number, ``b1 = 0.35``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from backprop_sheet.audit.headers import (
    LEARNING_RATE,
    MAX_LENGTH,
    RATE_SPELLING,
    Meaning,
    NameKind,
    kind_of,
    meaning_of,
    resolve,
)
from backprop_sheet.audit.reading import Address, Cell, Sheet, number
from backprop_sheet.audit.tables import Table

MAX_TEXTS = 20_000  # of one sheet, as they are read for each of its tables

_NUMBER = r"([+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)"
_RATE_IN_TEXT = re.compile(rf"{RATE_SPELLING}(?:=|:|is)*{_NUMBER}")
# Separates several values in one cell: b1 = 0.35; b2 = 0.60. A comma between digits is a decimal
# comma.
_PARTS = re.compile(r"[;\n]|,\s|\sand\s")
_SIGNED_NUMBER = re.compile(r"[-+−]?\s*\d*[.,]?\d+(?:[eE][-+]?\d+)?")
_STATED = (NameKind.CONSTANT, NameKind.GIVEN, NameKind.PARAMETER)


def labeled_values(table: Table) -> dict[str, dict[Address, float]]:
    """Return the values that the table's sheets have outside the table, by name and cell.

    Only quantities that can have one value for the whole table are read: η and the
    hyperparameters, inputs, targets, weights and biases. The value of a label is to its right (in
    the next cell or the one after), below it, or in the same cell (``LR = 0.5``). Names and cells
    are in reading order.
    """
    found: list[tuple[Address, Meaning, float]] = []
    for sheet in table.sheets.values():
        found += _in_sheet(sheet, table)
    names = _canonical([meaning.name for _, meaning, _ in found], table.names)
    result: dict[str, dict[Address, float]] = {}
    for name, (address, _, value) in zip(names, found, strict=True):
        if name is not None and kind_of(name) in _STATED:
            result.setdefault(name, {}).setdefault(address, value)
    return result


def _canonical(names: Sequence[str], context: Sequence[str]) -> list[str | None]:
    """Return the canonical names of labels, which may be repeated.

    Args:
        context: the names of the table, by which biases named after neurons are numbered.
    """
    distinct = list(dict.fromkeys(names))
    by_name = dict(
        zip(distinct, resolve([Meaning(name) for name in distinct], context), strict=True)
    )
    return [by_name[name] for name in names]


def _in_sheet(sheet: Sheet, table: Table) -> Iterator[tuple[Address, Meaning, float]]:
    for cell, text in sheet.texts[:MAX_TEXTS]:
        if len(text) > MAX_LENGTH:
            continue
        label = Address(sheet.title, *cell)
        if table.covers(label):
            continue
        for meaning, stated in _stated_in(text):
            yield label, meaning, stated
        meaning = meaning_of(text)
        if meaning is None or meaning.is_next or kind_of(meaning.name) not in _STATED:
            continue
        for where, stated in _beside(sheet, table, cell, meaning.name):
            yield Address(sheet.title, *where), meaning, stated


def _stated_in(text: str) -> Iterator[tuple[Meaning, float]]:
    """Yield the values in a cell that also has their labels."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if match := _RATE_IN_TEXT.fullmatch(re.sub(r"[\s_()\[\]]+", "", folded)):
        yield Meaning(LEARNING_RATE), _as_number(match[1])
        return
    for part in _PARTS.split(text):
        words = re.split("[=:]+", part, maxsplit=1)
        if len(words) < 2 or not _SIGNED_NUMBER.fullmatch(words[1].strip()):
            continue
        meaning = meaning_of(words[0])
        if meaning and not meaning.is_next and kind_of(meaning.name) in _STATED:
            yield meaning, _as_number(words[1])


def _as_number(text: str) -> float:
    return float(re.sub(r"\s", "", text).replace(",", ".").replace("−", "-"))


def _beside(sheet: Sheet, table: Table, label: Cell, name: str) -> Iterator[tuple[Cell, float]]:
    """Yield the value to the right of a label or below it.

    A number that is followed by further numbers is not the value of a label, except for η: its
    label is often directly above or to the left of other numbers.
    """
    row, column = label
    for cell, following in (
        ((row, column + 1), (row, column + 2)),
        ((row, column + 2), (row, column + 3)),
        ((row + 1, column), (row + 2, column)),
    ):
        value = number(sheet.values.get(cell))
        if value is None:
            continue
        if name != LEARNING_RATE:
            if table.locate(Address(sheet.title, *cell)):
                continue
            is_series = number(sheet.values.get(following)) is not None
            if is_series and not table.locate(Address(sheet.title, *following)):
                return
        yield cell, value
        return
