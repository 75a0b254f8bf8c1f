"""Read the values that a sheet has outside a table: ``η`` with a number, ``b1 = 0.35``."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple
from weakref import WeakKeyDictionary

from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.header_text import MAX_LENGTH, visible
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.spellings import RATE_SPELLING, meaning_of
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet, number
from backprop_sheet.equations.names import (
    GIVEN_KINDS,
    LEARNING_RATE,
    PARAMETER_KINDS,
    Kind,
    kind_of,
)

MIN_WEIGHTS = 3  # that a table reads from a list, whose others are then its, too
MAX_TEXTS = 20_000  # of one sheet, as they are read for each of its tables

_NUMBER = r"([+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)"
_RATE_IN_TEXT = re.compile(rf"{RATE_SPELLING}(?:=|:|is)*{_NUMBER}")
_NUMBERED_RATE = re.compile(rf"{RATE_SPELLING}[0-9]+")  # η1, η2 … of several learning rates
# Separates several values in one cell: b1 = 0.35; b2 = 0.60. A comma between digits is a decimal
# comma.
_PARTS = re.compile(r"[;\n]|,\s|\sand\s")
_SIGNED_NUMBER = re.compile(r"[-+−]?\s*\d*[.,]?\d+(?:[eE][-+]?\d+)?")
_STATED = {Kind.CONSTANT} | GIVEN_KINDS | PARAMETER_KINDS


def labeled_values(
    table: Table, referred: Set[Address] = frozenset()
) -> dict[str, dict[Address, float]]:
    """Return the values that the table's sheets have outside the table, by name and cell.

    Only quantities that can have one value for the whole table are read: η and the
    hyperparameters, inputs, targets, weights and biases. The value of a label is to its right (in
    the next cell or the one after), below it, or in the same cell (``LR = 0.5``). Names and cells
    are in reading order, but the cells that formulas refer to are first. Of other sheets, only
    these are read, and the rest of a list of given values with one of these.

    Args:
        referred: the cells that the table's formulas refer to.
    """
    stated: list[tuple[Address, Meaning, float]] = []
    for title, sheet in table.sheets.items():
        if title in table.given_sheets:
            stated += _in_given_sheet(sheet, table, referred)
        else:
            stated += _in_sheet(sheet, table, referred)
    names = _canonical([meaning.name for _, meaning, _ in stated], table.names)
    result: dict[str, dict[Address, float]] = {}
    for is_referred in (True, False):
        for name, (address, _, value) in zip(names, stated, strict=True):
            is_stated = name is not None and kind_of(name) in _STATED
            if name is not None and is_stated and (address in referred) == is_referred:
                is_own = address.sheet not in table.given_sheets
                if is_referred or is_own or name not in result:
                    result.setdefault(name, {}).setdefault(address, value)
    return result


def _in_given_sheet(
    sheet: Sheet, table: Table, referred: Set[Address]
) -> Iterator[tuple[Address, Meaning, float]]:
    """Yield the values of another sheet that may be the table's.

    These are the values that its formulas refer to. If they refer to one input, target or bias, or
    to several weights, of a sheet that only lists such values, each once, the others are the
    table's, too; also if they refer to no cell of it with a known label, as those of a typed table.
    """
    cells = [address for address in referred if address.sheet == sheet.title]
    named = [
        (address, meaning, value)
        for address in sorted(cells)
        if (value := number(sheet.values.get((address.row, address.column)))) is not None
        and (meaning := _meaning_beside(sheet, address)) is not None
    ]
    yield from named
    names = _canonical([meaning.name for _, meaning, _ in named], table.names)  # y1 is t1
    is_of_table = any(name is not None and _is_given(name) for name in names)
    weights = {name for name in names if name is not None and kind_of(name) is Kind.WEIGHT}
    is_of_table |= len(weights) >= MIN_WEIGHTS
    if (is_of_table or not named) and only_lists(sheet):
        others = [one for one in _in_sheet(sheet, table, referred) if one[0] not in cells]
        times = Counter(meaning.name for _, meaning, _ in (*named, *others))
        yield from (one for one in others if times[one[1].name] == 1)


def _meaning_beside(sheet: Sheet, address: Address) -> Meaning | None:
    """Return the meaning of the label above a value or to its left."""
    row, column = address.row, address.column
    for cell in ((row, column - 1), (row, column - 2), (row - 1, column)):
        meaning = meaning_of(sheet.values.get(cell))
        if meaning is not None and not meaning.is_next and kind_of(meaning.name) in _STATED:
            return meaning
    return None


def lists_given_values(sheet: Sheet) -> bool:
    """Whether a sheet states inputs or targets, and has no label of a computed quantity."""
    texts = (meaning_of(text) for _, text in sheet.texts[:MAX_TEXTS])
    return any(meaning and kind_of(meaning.name) in GIVEN_KINDS for meaning in texts) and (
        only_lists(sheet)
    )


def _is_given(name: str) -> bool:
    return kind_of(name) in GIVEN_KINDS | {Kind.BIAS}


def only_lists(sheet: Sheet) -> bool:
    """Whether a sheet has no label of a computed quantity: it has no table of its own."""
    return all(
        meaning is None or kind_of(meaning.name) in _STATED | {Kind.COUNTER}
        for meaning in (meaning_of(text) for _, text in sheet.texts[:MAX_TEXTS])
    )


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


class _Candidate(NamedTuple):
    """A text that may state a value, as far as that does not depend on a table.

    Attributes:
        stated: the values in the cell itself.
        meaning: of the label, if its value is in another cell.
        beside: the cells with numbers where the value may be, in the order of preference, each
            with its number and the next cell in this direction if that has a number, too.
        in_results: the cells of these that are in a table of results, such as errors for several η.
        is_numbered: whether it is the label η1 of one of several rates, if a number is beside it.
    """

    label: Address
    stated: tuple[tuple[Meaning, float], ...]
    meaning: Meaning | None
    beside: tuple[tuple[Address, float, Address | None], ...]
    in_results: frozenset[Address] = frozenset()
    is_numbered: bool = False


# A sheet may have many tables, each of which looks for labels.
_candidates_of: WeakKeyDictionary[Sheet, list[_Candidate]] = WeakKeyDictionary()


def _candidates(sheet: Sheet) -> list[_Candidate]:
    if sheet not in _candidates_of:
        _candidates_of[sheet] = list(_read_candidates(sheet))
    return _candidates_of[sheet]


def _read_candidates(sheet: Sheet) -> Iterator[_Candidate]:
    for cell, text in sheet.texts[:MAX_TEXTS]:
        if len(text) > MAX_LENGTH:
            continue
        text = visible(text)
        stated = tuple(_stated_in(text))
        meaning = meaning_of(text)
        if meaning is not None and (meaning.is_next or kind_of(meaning.name) not in _STATED):
            meaning = None
        is_numbered = _NUMBERED_RATE.fullmatch(_folded(text)) is not None
        beside = tuple(_numbers_beside(sheet, cell)) if meaning or is_numbered else ()
        if stated or beside:
            results = frozenset(at for at, _, _ in beside if _is_of_results(sheet, cell, at))
            label = Address(sheet.title, *cell)
            yield _Candidate(label, stated, meaning, beside, results, is_numbered)


def _numbers_beside(sheet: Sheet, label: Cell) -> Iterator[tuple[Address, float, Address | None]]:
    """Yield the numbers to the right of a label and below it."""
    row, column = label
    for cell, following in (
        ((row, column + 1), (row, column + 2)),
        ((row, column + 2), (row, column + 3)),
        ((row + 1, column), (row + 2, column)),
    ):
        value = number(sheet.values.get(cell))
        if value is not None:
            is_series = number(sheet.values.get(following)) is not None
            after = Address(sheet.title, *following) if is_series else None
            yield Address(sheet.title, *cell), value, after


def _is_of_results(sheet: Sheet, label: Cell, value: Address) -> bool:
    """Whether a label heads different numbers, each of which has a result beside it."""
    down, across = value.row - label[0], value.column - label[1]
    if down + across != 1:
        return False
    heads = [(label[0] + sign * across, label[1] + sign * down) for sign in (1, -1)]
    first, second = (
        number(sheet.values.get((label[0] + step * down, label[1] + step * across)))
        for step in (1, 2)
    )
    return (
        first != second
        and second is not None
        and any(
            isinstance(sheet.values.get((row, column)), str)
            and all(
                number(sheet.values.get((row + step * down, column + step * across))) is not None
                for step in (1, 2)
            )
            for row, column in heads
        )
    )


def cells_beside_texts(table: Table) -> list[Address]:
    """Return the numbers outside a table that stand to the right of a text, in reading order."""
    own = {cell for column in table.columns for cell in column.cells}
    titles = (table.sheet, *table.given_sheets)
    return [
        cell
        for sheet in (table.sheets[title] for title in titles)
        for (row, column), text in sheet.texts[:MAX_TEXTS]
        if len(text) <= MAX_LENGTH
        and number(sheet.values.get((row, column + 1))) is not None
        and not table.covers(cell := Address(sheet.title, row, column + 1))
        and not table.locate(cell)
        and cell not in own
    ]


def _in_sheet(
    sheet: Sheet, table: Table, referred: Set[Address]
) -> Iterator[tuple[Address, Meaning, float]]:
    for candidate in _candidates(sheet):
        if table.covers(candidate.label):
            continue
        if candidate.is_numbered and candidate.beside:
            yield from (
                (cell, Meaning(LEARNING_RATE), value)
                for cell, value, _ in candidate.beside
                if cell in referred
            )
            continue
        for meaning, stated in candidate.stated:
            yield candidate.label, meaning, stated
        if candidate.meaning and (found := _value_beside(candidate, table, referred)):
            yield found[0], candidate.meaning, found[1]


def _value_beside(
    candidate: _Candidate, table: Table, referred: Set[Address]
) -> tuple[Address, float] | None:
    """Return the value to the right of a label or below it.

    A number that is followed by further numbers is not the value of a label, except for η: its
    label is often directly above or to the left of other numbers.
    """
    is_rate = candidate.meaning is not None and candidate.meaning.name == LEARNING_RATE
    outside = [cell for cell, *_ in candidate.beside if not table.locate(cell)]
    is_used = not referred.isdisjoint(outside)
    for cell, value, following in candidate.beside:
        if is_rate and is_used and cell not in outside:
            continue  # of the row that begins beside the label
        if is_rate and cell in candidate.in_results and cell not in referred:
            return None
        if not is_rate:
            if table.locate(cell):
                continue
            if following is not None and not table.locate(following):
                return None
        return cell, value
    return None


def _stated_in(text: str) -> Iterator[tuple[Meaning, float]]:
    """Yield the values in a cell that also has their labels."""
    if match := _RATE_IN_TEXT.fullmatch(_folded(text)):
        yield Meaning(LEARNING_RATE), _as_number(match[1])
        return
    for part in _PARTS.split(text):
        words = re.split("[=:]+", part, maxsplit=1)
        if len(words) < 2 or not _SIGNED_NUMBER.fullmatch(words[1].strip()):
            continue
        meaning = meaning_of(words[0]) or _given_at_the_end(words[0])
        if meaning and not meaning.is_next and kind_of(meaning.name) in _STATED:
            yield meaning, _as_number(words[1])


def _given_at_the_end(text: str) -> Meaning | None:
    """Return the input or target that a title ends with: "Backpropagation with i1"."""
    meaning = meaning_of(text.split()[-1]) if text.strip() else None
    return meaning if meaning is not None and kind_of(meaning.name) in GIVEN_KINDS else None


def _folded(text: str) -> str:
    """Return a text in lower case, without spaces and brackets."""
    return re.sub(r"[\s_()\[\]]+", "", unicodedata.normalize("NFKC", text).casefold())


def _as_number(text: str) -> float:
    return float(re.sub(r"\s", "", text).replace(",", ".").replace("−", "-"))
