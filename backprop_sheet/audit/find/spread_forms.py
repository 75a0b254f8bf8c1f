"""A form of one iteration whose steps are on several sheets: given values, forward, backward."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from backprop_sheet.audit.find.form_labels import MAX_LABELS
from backprop_sheet.audit.find.form_tables import Block, FormTable
from backprop_sheet.audit.find.label_values import is_label, value_beside, values_are_right
from backprop_sheet.audit.find.repeated_labels import MAX_COLUMNS
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.find.unit_tables import unit_tables
from backprop_sheet.audit.read.header_text import as_compared, visible
from backprop_sheet.audit.read.labels import is_value, repeated_cell
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import MAX_ROWS, Address, Cell, Sheet
from backprop_sheet.equations.names import NEUTRAL_KINDS, PARAMETER_KINDS, Kind, kind_of

MIN_SHEETS, MAX_SHEETS = 2, 8
MIN_LABELS = 3  # of a sheet
MIN_FORMULAS = 12  # with labels, on all sheets


@dataclass(frozen=True)
class _Field:
    """A label, and the cell of its value on the same sheet."""

    sheet: Sheet
    label: Address
    text: str
    value: Address
    meaning: Meaning | None

    @property
    def formula(self) -> str | None:
        return self.sheet.formulas.get(self.value[1:])

    @property
    def used(self) -> set[Address]:
        """The cells that its formula uses."""
        return set(used_cells(self.sheet, self.value[1:])) if self.formula else set()


@dataclass
class _Record:
    """The fields of the iteration, and those of its updated parameters."""

    own: dict[str, _Field] = field(default_factory=dict)
    following: dict[str, _Field] = field(default_factory=dict)
    unknown: list[_Field] = field(default_factory=list)
    repeats: dict[Address, Address] = field(default_factory=dict)


def spread_form(sheets: Collection[Sheet]) -> FormTable | None:
    """Return the form whose labels are on several sheets that formulas connect, or None.

    Its quantities are known only if the numbers say so: it is presumed.
    """
    if len(sheets) > MAX_SHEETS:
        return None
    parts = [fields for sheet in sheets if len(fields := _fields(sheet)) >= MIN_LABELS]
    parts = _connected(parts)
    fields = [one for part in parts for one in part]
    formulas = sum(one.formula is not None for one in fields)
    if len(parts) < MIN_SHEETS or formulas < MIN_FORMULAS or len(fields) > MAX_LABELS:
        return None
    return _table(_record(fields), parts)


def _fields(sheet: Sheet) -> list[_Field]:
    """Return the labels of a sheet that have one value of their own, up to a limit."""
    is_right = values_are_right(sheet)
    units = unit_tables(sheet)
    found: dict[Address, _Field] = {}
    for label_cell, text, meaning, value_cell in units.every:
        label, address = (Address(sheet.title, *cell) for cell in (label_cell, value_cell))
        found.setdefault(address, _Field(sheet, label, text, address, meaning))
    for cell, text in sheet.texts:
        if len(found) > MAX_LABELS:
            break
        if cell in units.cells:
            continue
        value = value_beside(sheet, cell, is_right=is_right) if is_label(text) else None
        if value is not None and not _has_next(sheet, value, is_right=is_right):
            address = Address(sheet.title, *value)
            label = Address(sheet.title, *cell)
            found.setdefault(address, _Field(sheet, label, text, address, meaning_of(text)))
    return list(found.values())


def _has_next(sheet: Sheet, value: Cell, *, is_right: bool) -> bool:
    """Whether further values follow, as below a header."""
    row, column = value
    return is_value(sheet, (row, column + 1) if is_right else (row + 1, column))


def _connected(parts: Sequence[list[_Field]]) -> list[list[_Field]]:
    """Return the sheets that are connected with the first one by formulas with labels' values."""
    places = {one.value: index for index, part in enumerate(parts) for one in part}
    links = [{places[at] for one in part for at in one.used if at in places} for part in parts]
    reached = {0} if parts else set()
    for _ in parts:
        reached |= {used for index in reached for used in links[index]}
        reached |= {index for index, used in enumerate(links) if used & reached}
    return [parts[index] for index in sorted(reached)]


def _record(fields: Sequence[_Field]) -> _Record:
    """Divide fields by what their labels say; those that say nothing stay unknown."""
    record = _Record()
    by_value = {one.value: one for one in fields}
    meanings: list[tuple[_Field, Meaning]] = []
    for one in fields:
        target = repeated_cell(one.sheet, one.value[1:])
        meaning = one.meaning
        if target in by_value and _are_alike(one, by_value[target]):
            record.repeats[one.value] = target
        elif meaning is None or meaning.is_weak:
            record.unknown.append(one)
        elif kind_of(meaning.name) is not Kind.CONSTANT:
            meanings.append((one, meaning))
    own = [pair for pair in meanings if not pair[1].is_next]
    for (one, meaning), name in zip(own, resolve([pair[1] for pair in own]), strict=True):
        if name is not None:
            record.own[name] = one
        elif kind_of(meaning.name) in PARAMETER_KINDS and one.formula is not None:
            record.following.setdefault(meaning.name, one)  # w1 again, computed
        elif kind_of(meaning.name) not in NEUTRAL_KINDS:
            record.unknown.append(one)
    for one, meaning in meanings:
        if meaning.is_next:
            record.following.setdefault(meaning.name, one)
    return record


def _are_alike(one: _Field, other: _Field) -> bool:
    """Whether two labels name the same: a_o2 that only repeats o2 lacks its sigmoid."""
    first, second = one.meaning, other.meaning
    if first is not None and second is not None:
        return first.name == second.name
    return as_compared(one.text) == as_compared(other.text)


def _table(record: _Record, parts: Sequence[Sequence[_Field]]) -> FormTable:
    sheets = {part[0].sheet.title: part[0].sheet for part in parts}
    blocks = [
        Block(sheet, {}, {}, rows=(1, MAX_ROWS), columns=(1, MAX_COLUMNS))
        for sheet in sheets.values()
    ]
    following = {name: one for name, one in record.following.items() if name in record.own}
    pairs = list(_with_next(record.unknown))
    records = [{name: one.value for name, one in record.own.items()}]
    if following or any(after for _, after in pairs):
        records.append({name: one.value for name, one in following.items()})
    labels = {name: one.label for name, one in record.own.items()}
    more = []
    for one, after in pairs:
        cells = [one.value, after.value if after else None][: len(records)]
        more.append(Column(one.label, visible(one.text).strip(), "", cells, sheets))
    label_cells = [one.label for part in parts for one in part]
    texts = {name: one.text for name, one in record.own.items()}
    table = FormTable(blocks, records, labels, label_cells, more, texts)
    table.repeats = record.repeats
    table.is_presumed = True
    return table


def _with_next(fields: Sequence[_Field]) -> Iterator[tuple[_Field, _Field | None]]:
    """Yield fields under unknown words, with the updated value: "slope 1", "slope 1 afterwards".

    The formula of an updated value uses the value, and its label begins with the other label.
    """
    after: dict[Address, _Field] = {}
    for one in fields:
        used = one.used
        for other in fields:
            if other.value in used and _begins_with(one, other):
                after.setdefault(other.value, one)
    updated = {id(one) for one in after.values()}
    for one in fields:
        if id(one) not in updated:
            yield one, after.get(one.value)


def _begins_with(one: _Field, other: _Field) -> bool:
    text, start = (as_compared(field.text) for field in (one, other))
    rest = text.removeprefix(start)
    return rest != text and rest != "" and not rest[0].isalnum()
