"""The labels of a form whose quantity is not known: each with a value becomes a column.

The numbers decide what they are, see :mod:`backprop_sheet.audit.find.assignment`. A form of which
hardly any label is known is presumed where labels stand beside many formulas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from backprop_sheet.audit.find.tables import Block, Column
from backprop_sheet.audit.read.labels import is_value, references
from backprop_sheet.audit.read.spellings import unknown_without_next, visible
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import MAX_ROWS, Address, Cell, Sheet, number
from backprop_sheet.equations.names import GIVEN_KINDS, kind_of

MAX_COLUMNS = 16_384  # of a sheet
MIN_FORMULAS = 12  # with labels, in a form that is presumed
MIN_GIVEN_FORMULAS = 4  # the same, beside the labels of an input and a target: y = a·x + b
MIN_UPDATES = 2  # that share a learning rate
MIN_TYPED = 24  # values with labels, in a form of typed numbers that is presumed
MAX_TEXT = 40  # characters of a label; longer texts are sentences
MAX_LABELS = 300  # that are not known, of one form
MAX_SIGN = 4  # characters of "=" or a unit between a label and its value


def presumed_block(sheet: Sheet) -> Block | None:
    """Return a sheet as a form none of whose labels is known."""
    if len(sheet.formulas) < MIN_FORMULAS:
        return None
    return Block(sheet, {}, {}, rows=(1, MAX_ROWS), columns=(1, MAX_COLUMNS))


def is_presumed(block: Block) -> bool:
    """Whether a block is one record of a form by its values, and not by its labels.

    Formulas with cells of other sheets repeat or check what is there. Typed numbers make a form
    beside the labels of an input and a target.
    """
    sheet = block.sheet
    kinds = {kind_of(name) for name in block.cells}
    typed = "" if kinds.issuperset(GIVEN_KINDS) else "!"
    values = [
        (row, column)
        for row, column in (*block.cells.values(), *block.others.values())
        if "!" not in sheet.formulas.get((row, column), typed)
        and number(sheet.values.get((row, column))) is not None
        and not is_value(sheet, (row, column + 1))
    ]
    formulas = sum(cell in sheet.formulas for cell in values)
    least = MIN_FORMULAS if typed else MIN_GIVEN_FORMULAS
    is_typed_form = not typed and len(values) >= MIN_TYPED
    return bool(block.others) and (formulas >= least or is_typed_form)


def labels_once(sheet: Sheet, known: Collection[Cell]) -> int:
    """Return how many texts that are not known occur once as the label of a formula.

    Args:
        known: the cells of the labels that are known.
    """
    times = Counter(
        text
        for (row, column), text in sheet.texts
        if (row, column) not in known
        and len(text) <= MAX_TEXT
        and not {(row, column + 1), (row + 1, column)}.isdisjoint(sheet.formulas)
    )
    return sum(count == 1 for count in times.values())


def add_unknown(block: Block, *, is_right: bool) -> None:
    """Add the labels of a block that are not known, with their values.

    Args:
        is_right: whether values are to the right of labels; else they are below.
    """
    taken = {*block.cells.values(), *block.next_cells.values()}
    labels = {*block.labels.values(), *block.next_labels.values()}
    found = dict(_labeled(block, labels, taken, is_right=is_right))
    if len(found) > MAX_LABELS:
        return
    block.others.update(found)
    _find_next(block)
    _leave_out_rates(block)


def _labeled(
    block: Block, labels: Collection[Cell], taken: set[Cell], *, is_right: bool
) -> Iterator[tuple[Cell, Cell]]:
    sheet = block.sheet
    for cell, text in sheet.texts:
        if cell in labels or not block.contains(block.address(cell)):
            continue
        text = visible(text)
        if len(text) > MAX_TEXT or not any(sign.isalnum() for sign in text):
            continue
        row, column = cell
        for step in (1, 2) if is_right else (1,):
            value = (row, column + step) if is_right else (row + step, column)
            if is_value(sheet, value):
                if value not in taken:
                    taken.add(value)
                    yield cell, value
                break
            between = sheet.values.get(value)
            if value in labels or not (
                between is None or (isinstance(between, str) and len(between) <= MAX_SIGN)
            ):
                break


def _find_next(block: Block) -> None:
    """Find the labels of the next record's values: ``Gewicht u11 neu``, or the same label again.

    The same label again is that of an update if its formula uses the first one's value.
    """
    sheet = block.sheet
    names = {label: name for name, label in block.labels.items()}
    values = {**{label: block.cells[name] for label, name in names.items()}, **block.others}
    first: dict[str, Cell] = {}
    for label in sorted(values):
        text = sheet.values[label]
        key, is_next = unknown_without_next(text)
        before = first.setdefault(key, label)
        if label == before or label not in block.others:
            continue
        formula = sheet.formulas.get(values[label], "")
        uses = block.address(values[before]) in references(formula, sheet.title)
        if not (is_next or uses):
            continue
        value = block.others.pop(label)
        if before in names:
            block.next_cells.setdefault(names[before], value)
            block.next_labels.setdefault(names[before], label)
        else:
            block.next_others.setdefault(before, (label, value))


def _leave_out_rates(block: Block) -> None:
    """Leave out the typed values that most updates use: the learning rate, whatever its label is.

    A label that clearly names something else keeps its value.
    """
    updates = [*block.next_cells.values(), *(value for _, value in block.next_others.values())]
    if len(updates) < MIN_UPDATES:
        return
    times: Counter[Cell] = Counter()
    for cell in updates:
        used = set(used_cells(block.sheet, cell))
        times.update((address.row, address.column) for address in used if block.contains(address))
    rates = {
        cell
        for cell, count in times.items()
        if 3 * count > 2 * len(updates) and cell not in block.sheet.formulas
    }
    for label in [label for label, cell in block.others.items() if cell in rates]:
        del block.others[label]
    for name in [name for name in block.weak if block.cells[name] in rates]:
        del block.cells[name], block.labels[name]
        block.weak -= {name}


def unknown_columns(block: Block, records: int, known: Collection[Address]) -> list[Column]:
    """Return the columns of a block's labels that are not known.

    Args:
        records: the number of records of the table; the second one has the next values.
        known: the labels of columns whose quantity is known.
    """
    sheets = {block.sheet.title: block.sheet}
    columns = []
    for label, value in block.others.items():
        header = block.address(label)
        if header in known:
            continue
        cells: list[Address | None] = [block.address(value), *[None] * (records - 1)]
        if label in block.next_others and records > 1:
            cells[1] = block.address(block.next_others[label][1])
        text = " ".join(str(block.sheet.values[label]).split())
        columns.append(Column(header, text, "", cells, sheets))
    return columns
