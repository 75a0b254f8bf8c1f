"""Read forms: labels with values to their right or below, one block or sheet per iteration."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from backprop_sheet.audit.find.form_labels import add_unknown, labels_once, presumed_block
from backprop_sheet.audit.find.form_tables import Block
from backprop_sheet.audit.find.label_values import (
    Matrices,
    explanation_columns,
    value_beside,
    values_are_right,
)
from backprop_sheet.audit.find.mistyped_labels import mistyped_parameter
from backprop_sheet.audit.find.repeated_labels import MAX_COLUMNS, Part, repeated_parts
from backprop_sheet.audit.find.unit_tables import NamedValue
from backprop_sheet.audit.read.labels import Label, is_reference, is_value, references
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.workbook import MAX_ROWS, Address, Cell, Sheet
from backprop_sheet.equations.names import COMPUTED_KINDS, LEARNING_RATE, PARAMETER_KINDS, kind_of

MAX_LABELS = 100_000  # per sheet
MAX_LINE = 6  # cells below a header, of which some have formulas in a table
MIN_FILLED = 3
MIN_FIELDS = 6  # known labels that tell on which side values are
MAX_HEADINGS = 100  # between two bands of blocks
HEADING = re.compile(r"\W*(?:iteration|iter|step|epoch|schritt)\W*(?:no\W*)?([0-9]{1,7})\W*", re.I)


@dataclass(frozen=True)
class _Field:
    """A label and the cell of its value; its text, if a header above has a part in it."""

    label: Cell
    meaning: Meaning
    value: Cell
    text: str = ""

    @property
    def key(self) -> tuple[str, bool]:
        return self.meaning.name, self.meaning.is_next

    @property
    def is_computed(self) -> bool:
        return not self.meaning.is_next and kind_of(self.meaning.name) in COMPUTED_KINDS


def find_blocks(
    sheet: Sheet, labels: Sequence[Label], matrices: Matrices, named: Sequence[NamedValue] = ()
) -> list[Block]:
    """Return the blocks of labeled values of a sheet, in reading order.

    A block has each name once. The next block starts where the computed names are repeated, or all
    texts.

    Args:
        labels: the labels whose quantity is known, each of one value.
        matrices: the values of labels that have several.
        named: the values that two headers name.
    """
    if len(labels) > MAX_LABELS:
        return []
    explanations = explanation_columns(sheet)
    fields, is_right = _fields(sheet, labels, explanations)
    of_tables = {one.value for one in named}  # where a text left of the name has no value
    fields = [field for field in fields if field.value not in of_tables]
    fields = _without_mistyped(sheet, fields)
    if not (matrices or named) and _are_headers(sheet, fields):
        return []
    fields += [_Field(one.label, one.meaning, one.value, one.text) for one in named]
    regions = _regions(sheet, fields)
    parts = repeated_parts(sheet, {field.label for field in fields}, matrices, explanations)
    if len(parts) >= max(len(regions), 2):
        regions = _in_parts(parts, fields)
    blocks = [block for region in regions if (block := _block(sheet, region))]
    if not blocks and (presumed := presumed_block(sheet)) is not None:
        blocks = [presumed]
    if len(fields) < MIN_FIELDS:
        is_right = values_are_right(sheet)
    stated = {
        field.value: Label(field.label, field.meaning)
        for field in fields
        if not field.meaning.is_next
    }
    add_unknown(sheet, blocks, matrices, explanations, stated, is_right=is_right)
    _read_headings(sheet, blocks)
    return blocks


# --- values ---


def _fields(
    sheet: Sheet, labels: Sequence[Label], explanations: Collection[int]
) -> tuple[list[_Field], bool]:
    """Find the value of each label: to its right or below, whichever most labels have.

    If there is no value on that side, a label takes the value on the other side, unless it
    belongs to another label.

    Args:
        explanations: the columns of texts between labels and values.

    Returns:
        The labels with values, and whether most values are to the right.
    """
    label_cells = {label.cell for label in labels}

    def value_of(label: Label, *, is_right: bool) -> Cell | None:
        return value_beside(sheet, label.cell, label_cells, explanations, is_right=is_right)

    found = {
        label.cell: (value_of(label, is_right=True), value_of(label, is_right=False))
        for label in labels
    }
    only_right = sum(b is None and r is not None for r, b in found.values())
    only_below = sum(r is None and b is not None for r, b in found.values())
    order = (0, 1) if only_right >= only_below else (1, 0)
    values: dict[Cell, Cell] = {}
    taken: set[Cell] = set()
    for side in order:
        for label in labels:
            value = found[label.cell][side]
            if label.cell not in values and value is not None and value not in taken:
                values[label.cell] = value
                taken.add(value)
    _add_empty_values(sheet, label_cells, values, is_right=order[0] == 0)
    fields = [
        _Field(label.cell, label.meaning, values[label.cell])
        for label in labels
        if label.cell in values
    ]
    return fields, order[0] == 0


def _without_mistyped(sheet: Sheet, fields: list[_Field]) -> list[_Field]:
    """Leave out the label of a parameter that has the value of something else."""
    values: dict[str, list[Cell]] = {}
    for field in fields:
        is_own = not (field.meaning.is_next or field.meaning.is_update)
        if is_own and kind_of(field.meaning.name) in PARAMETER_KINDS:
            values.setdefault(field.meaning.name, []).append(field.value)
    rates = [field.value for field in fields if field.meaning.name == LEARNING_RATE]
    mistyped = mistyped_parameter(sheet, values, rates)
    return [field for field in fields if field.value != mistyped]


def _are_headers(sheet: Sheet, fields: Sequence[_Field]) -> bool:
    """Whether most labels of formulas head a line of them: a table of which few names are known."""
    computed = [field for field in fields if field.value in sheet.formulas]

    def is_header(field: _Field) -> bool:
        (row, column), (value_row, value_column) = field.label, field.value
        down, across = min(value_row - row, 1), min(value_column - column, 1)
        line = range(1, MAX_LINE)
        cells = ((value_row + step * down, value_column + step * across) for step in line)
        return sum(cell in sheet.formulas for cell in cells) >= MIN_FILLED

    return 2 * sum(map(is_header, computed)) > len(computed)


def _add_empty_values(
    sheet: Sheet, labels: Collection[Cell], values: dict[Cell, Cell], *, is_right: bool
) -> None:
    """Add the empty cell beside each label without a value, next to a label with one.

    A label that stands alone is a title or a legend.

    Args:
        values: the cell of each label's value; extended in place.
        is_right: whether values are to the right of their labels.
    """
    taken = set(values.values())
    ordered = sorted(labels) if not is_right else sorted(labels, key=lambda cell: cell[::-1])
    for cells in (ordered, ordered[::-1]):  # runs of labels without values, from both sides
        for label, before in zip(cells[1:], cells, strict=False):
            step = (abs(label[0] - before[0]), abs(label[1] - before[1]))
            if label in values or before not in values or step != ((1, 0) if is_right else (0, 1)):
                continue
            (row, column), (value_row, value_column) = before, values[before]
            value = (label[0] + value_row - row, label[1] + value_column - column)
            if not (value in sheet.values or value in sheet.formulas or value in taken):
                values[label] = value
                taken.add(value)


# --- regions ---


@dataclass
class _Region:
    """The fields of one block, and its part of the sheet."""

    fields: list[_Field]
    anchors: tuple[Cell, Cell]  # first and last row and column of the computed fields' labels
    rows: tuple[int, int] = (1, MAX_ROWS)
    columns: tuple[int, int] = (1, MAX_COLUMNS)


def _regions(sheet: Sheet, fields: Sequence[_Field]) -> list[_Region]:
    """Divide the fields into bands from top to bottom, and the bands into blocks side by side."""
    anchors = _anchors(sheet, fields)
    if not anchors:
        return []
    bands = _bands(anchors, fields, axis=0)
    regions = []
    for rows, band_anchors, band in bands:
        for columns, block_anchors, block in _bands(band_anchors, band, axis=1):
            cells = [field.label for field in block_anchors]
            box = (
                (min(row for row, _ in cells), min(column for _, column in cells)),
                (max(row for row, _ in cells), max(column for _, column in cells)),
            )
            regions.append(_Region(block, box, rows, columns))
    return regions


def _anchors(sheet: Sheet, fields: Sequence[_Field]) -> list[_Field]:
    """Return the computed fields whose names occur exactly once per block.

    Their number of occurrences is the largest that many names have. A few other names may occur
    more often, in a summary, or less often, if the last block is not finished. If most labels
    occur once, also those that are not known, there is one block: E1 is something else, too.
    """
    counts = Counter(field.key for field in fields if field.is_computed)
    if not counts:
        return []
    names_with = Counter(counts.values())
    enough = max(2, len(counts) / 4)
    times = max((t for t, n in names_with.items() if n >= enough), default=max(names_with))
    if times > 1 and names_with[times] < labels_once(sheet, {field.label for field in fields}):
        first = {field.key: field for field in reversed(fields) if field.is_computed}
        return list(first.values())
    return [field for field in fields if field.is_computed and counts[field.key] == times]


Band = tuple[tuple[int, int], list[_Field], list[_Field]]


def _bands(anchors: Sequence[_Field], fields: Sequence[_Field], axis: int) -> list[Band]:
    """Divide along an axis; a new band starts where an anchor is repeated at another position.

    Returns:
        For each band its first and last line, its anchors and its fields.
    """

    def place(field: _Field) -> int:
        return field.label[axis]

    starts: list[list[_Field]] = []
    seen: dict[tuple[str, bool], int] = {}
    for anchor in sorted(anchors, key=place):
        if not starts or seen.get(anchor.key, place(anchor)) != place(anchor):
            starts.append([])
            seen = {}
        seen[anchor.key] = place(anchor)
        starts[-1].append(anchor)
    extents = [(place(band[0]), place(band[-1])) for band in starts]
    members: list[list[_Field]] = [[] for _ in starts]
    band = 0
    known: dict[tuple[str, bool], int] = {}
    for field in sorted(fields, key=place):
        at = place(field)
        if band + 1 < len(starts) and (
            at >= extents[band + 1][0]
            # Between two bands, a repeated name belongs to the second one.
            or (at > extents[band][1] and known.get(field.key, at) != at)
        ):
            band += 1
            known = {}
        known.setdefault(field.key, at)
        members[band].append(field)
    # A band may have anchors alone, when the fields beside them belong to the band before.
    firsts = [min(map(place, (*group, *own))) for group, own in zip(members, starts, strict=True)]
    limit = (MAX_ROWS, MAX_COLUMNS)[axis]
    lasts = [first - 1 for first in firsts[1:]] + [limit]
    firsts[0] = 1
    return list(zip(zip(firsts, lasts, strict=True), starts, members, strict=True))


def _in_parts(parts: Sequence[Part], fields: Sequence[_Field]) -> list[_Region]:
    """Return the parts of a sheet that repeat the same labels, with the fields of each."""
    axis = 0 if len({rows for rows, _ in parts}) == len(parts) else 1
    firsts = [part[axis][0] for part in parts]
    inside: list[list[_Field]] = [[] for _ in parts]
    for field in fields:
        index = bisect(firsts, field.label[axis]) - 1
        rows, columns = parts[index]
        row, column = field.label
        if index >= 0 and rows[0] <= row <= rows[1] and columns[0] <= column <= columns[1]:
            inside[index].append(field)
    return [
        _Region(mine, ((rows[0], columns[0]), (rows[1], columns[1])), rows, columns)
        for (rows, columns), mine in zip(parts, inside, strict=True)
    ]


# --- blocks ---


def _divide(
    sheet: Sheet, region: _Region
) -> tuple[dict[str, _Field], dict[str, _Field], dict[str, _Field]]:
    """Divide the fields of a region by what they are.

    Returns:
        By name the block's own values, the updated parameters, and the parameters that are computed
        again after the block.
    """
    own: dict[str, _Field] = {}
    next_ones: dict[str, _Field] = {}
    again: dict[str, _Field] = {}
    (top, left), (bottom, right) = region.anchors

    def is_before(field: _Field) -> bool:
        return field.label[0] < top or field.label[1] < left

    def is_after(field: _Field) -> bool:
        return field.label[0] > bottom or field.label[1] > right

    def add_next(field: _Field) -> None:
        before = next_ones.setdefault(field.meaning.name, field)
        is_heading = not is_value(sheet, before.value)  # such as "New weights"
        if is_heading or (before.meaning.is_weak and not field.meaning.is_weak):
            next_ones[field.meaning.name] = field

    given = [field for field in region.fields if is_before(field) and not is_after(field)]
    several = _of_several(sheet, given)
    for field in sorted(region.fields, key=lambda field: field.label):
        name = field.meaning.name
        if name in several and field.meaning.is_weak:
            continue
        if field.meaning.is_next:
            add_next(field)
        elif name not in own or (own[name].meaning.is_weak and not field.meaning.is_weak):
            own[name] = field
        elif field.meaning.is_weak and not own[name].meaning.is_weak:
            continue  # w beside w1 is something else
        elif kind_of(name) not in PARAMETER_KINDS:
            if is_before(own[name]) and not is_after(field) and not own[name].is_computed:
                own[name] = field  # the other field belongs to a list of given values above
        elif own[name].meaning.is_update and not field.meaning.is_update:
            add_next(own[name])
            own[name] = field
        elif field.meaning.is_update:
            add_next(field)
        elif _is_update(sheet, field, own[name]) or (
            is_after(field) and _is_computation(sheet, field)
        ):
            again.setdefault(name, field)
        elif is_before(own[name]) and not is_after(field):
            own[name] = field
    for name in again.keys() & next_ones.keys():
        if not is_value(sheet, next_ones[name].value):  # "Updated weights" above w1, w2 …
            del next_ones[name]
    return own, next_ones, again


def _of_several(sheet: Sheet, given: Sequence[_Field]) -> set[str]:
    """Return the parameters whose labels, letters without numbers, stand beside several values.

    Of two typed weights headed ``w``, numbers tell which is which.
    """
    values: dict[str, set[object]] = {}
    for field in given:
        is_typed = field.value in sheet.values and field.value not in sheet.formulas
        if is_typed and field.meaning.is_weak and kind_of(field.meaning.name) in PARAMETER_KINDS:
            values.setdefault(field.meaning.name, set()).add(sheet.values[field.value])
    return {name for name, different in values.items() if len(different) > 1}


def _block(sheet: Sheet, region: _Region) -> Block | None:
    """Return the block of a region, or None if its values only repeat other cells."""
    own, next_ones, again = _divide(sheet, region)
    continues = bool(again) and not next_ones
    if continues:
        next_ones = again
    computed = [field for field in own.values() if field.is_computed]
    formulas = [
        formula for field in computed if (formula := sheet.formulas.get(field.value)) is not None
    ]
    if formulas and all(map(is_reference, formulas)):
        return None
    fields = list(own.values())
    names = resolve([field.meaning for field in fields])
    named = {name: field for name, field in zip(names, fields, strict=True) if name}
    # A letter with "new" is that of a parameter only if the block has the parameter.
    later = [field for name, field in next_ones.items() if name in own or not field.meaning.is_weak]
    later_names = _next_names(later, dict(zip(own, names, strict=True)), named)
    named_later = {
        name: field
        for name, field in zip(later_names, later, strict=True)
        if name and kind_of(name) not in COMPUTED_KINDS
    }
    return Block(
        sheet,
        cells={name: field.value for name, field in named.items()},
        labels={name: field.label for name, field in named.items()},
        rows=region.rows,
        columns=region.columns,
        next_cells={name: field.value for name, field in named_later.items()},
        next_labels={name: field.label for name, field in named_later.items()},
        continues=continues,
        weak=frozenset(name for name, field in named.items() if field.meaning.is_weak),
        texts={name: field.text for name, field in named.items() if field.text},
    )


def _next_names(
    later: Sequence[_Field], own: Mapping[str, str | None], named: Mapping[str, _Field]
) -> list[str | None]:
    """Return the quantities of updated parameters: ``w+`` is that of ``w``.

    Args:
        own: the quantity of each meaning in the block.
    """
    resolved = resolve([field.meaning for field in later], context=named)
    return [own.get(field.meaning.name, name) for field, name in zip(later, resolved, strict=True)]


def _read_headings(sheet: Sheet, blocks: Sequence[Block]) -> None:
    """Read the numbers of iterations from headings above the blocks: ``Iteration 2``."""
    headings = [
        (cell, float(match[1]))
        for cell, text in sheet.texts
        if len(text) < 40 and (match := HEADING.fullmatch(text))
    ]
    if not headings:
        return
    ends: dict[int, int] = {}  # the last label of each band
    for block in blocks:
        last = max(_label_rows(block))
        ends[block.rows[0]] = max(ends.get(block.rows[0], 0), last)
    above = dict(zip(sorted(ends)[1:], (ends[first] for first in sorted(ends)), strict=False))
    for block in blocks:
        start = bisect(headings, ((above.get(block.rows[0], 0), MAX_COLUMNS + 1), 0.0))
        first_label = min(_label_rows(block))
        for (row, column), found in headings[start : start + MAX_HEADINGS]:
            if row <= first_label and block.columns[0] <= column <= block.columns[1]:
                block.heading = found


def _label_rows(block: Block) -> list[int]:
    labels = [*block.labels.values(), *(label.cell for label in block.others)]
    return [row for row, _ in labels] or [block.rows[0]]


def _is_computation(sheet: Sheet, field: _Field) -> bool:
    formula = sheet.formulas.get(field.value)
    return formula is not None and not is_reference(formula)


def _is_update(sheet: Sheet, field: _Field, before: _Field) -> bool:
    """Whether a parameter's label is repeated for its new value, wherever that is."""
    formula = sheet.formulas.get(field.value)
    if formula is None or is_reference(formula):
        return False
    return Address(sheet.title, *before.value) in references(formula, sheet.title)
