"""The labels of a form whose quantity is not known: each with a value becomes a column.

The numbers decide what they are, see :mod:`backprop_sheet.audit.find.assignment`. A form of which
hardly any label is known is presumed where labels stand beside many formulas.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from backprop_sheet.audit.find.form_tables import Block, OtherLabel
from backprop_sheet.audit.find.form_updates import find_next, leave_out_rates
from backprop_sheet.audit.find.label_values import (
    MAX_TEXT,
    Matrices,
    is_label,
    value_beside,
)
from backprop_sheet.audit.find.repeated_labels import MAX_COLUMNS
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.labels import Label, is_value, repeated_cell
from backprop_sheet.audit.read.workbook import MAX_ROWS, Address, Cell, Sheet, number
from backprop_sheet.equations.names import GIVEN_KINDS, PARAMETER_KINDS, Kind, kind_of

MIN_FORMULAS = 12  # with labels, in a form that is presumed
MIN_GIVEN_FORMULAS = 4  # the same, beside the label of an input or a target: y = a·x + b
MIN_TYPED = 24  # values with labels, in a form of typed numbers that is presumed
MAX_LABELS = 300  # that are not known, of one form
_NETWORK_KINDS = {Kind.INPUT, Kind.SUM, Kind.ACTIVATION}
LabelKey = tuple[str, tuple[int, ...], int]  # text, place in the matrix, which of several


def presumed_block(sheet: Sheet) -> Block | None:
    """Return a sheet as a form none of whose labels is known."""
    if len(sheet.formulas) < MIN_FORMULAS:
        return None
    return Block(sheet, {}, {}, rows=(1, MAX_ROWS), columns=(1, MAX_COLUMNS))


def is_presumed(chain: Sequence[Block]) -> bool:
    """Whether blocks are records of a form by their values, and not by their labels.

    Formulas with cells of other sheets repeat or check what is there. Typed numbers make a form
    beside the labels of an input and a target, or of an input, a sum and an activation, or if
    several blocks have them under the same labels.
    """
    block = chain[0]
    sheet = block.sheet
    kinds = {kind_of(name) for name in block.cells}
    has_network = kinds.issuperset(GIVEN_KINDS) or kinds.issuperset(_NETWORK_KINDS)
    is_evident = len(chain) > 1 or has_network
    typed = "" if is_evident else "!"
    labels = [(block.labels[name], cell) for name, cell in block.cells.items()]
    labels += [(label.cell, cell) for label, cell in block.others.items()]
    times = Counter(label for label, _ in labels)
    values = [
        cell
        for label, cell in labels
        if times[label] > 1 or not is_value(sheet, _behind(label, cell))
    ]
    values = [
        cell
        for cell in values
        if "!" not in sheet.formulas.get(cell, typed) and number(sheet.values.get(cell)) is not None
    ]
    formulas = sum(cell in sheet.formulas for cell in values)
    repeats = any("!" in sheet.formulas.get(cell, "") for _, cell in labels)
    has_given = is_evident or not (repeats or kinds.isdisjoint(GIVEN_KINDS))
    least = MIN_GIVEN_FORMULAS if has_given else MIN_FORMULAS
    is_typed_form = is_evident and len(values) >= MIN_TYPED
    return bool(block.others) and (formulas >= least or is_typed_form)


def _behind(label: Cell, value: Cell) -> Cell:
    """Return the cell where a second value of a label would be, seen from the label."""
    (label_row, _), (row, column) = label, value
    return (row, column + 1) if label_row == row else (row + 1, column)


def labels_once(sheet: Sheet, known: Collection[Cell]) -> int:
    """Return how many texts that are not known occur once as the label of a formula.

    Without formulas, they are the labels of typed values.

    Args:
        known: the cells of the labels that are known.
    """

    def is_computed(cell: Cell) -> bool:
        return cell in sheet.formulas if sheet.formulas else is_value(sheet, cell)

    times = Counter(
        text
        for (row, column), text in sheet.texts
        if (row, column) not in known
        and len(text) <= MAX_TEXT
        and (is_computed((row, column + 1)) or is_computed((row + 1, column)))
    )
    return sum(count == 1 for count in times.values())


def add_unknown(
    sheet: Sheet,
    blocks: Sequence[Block],
    matrices: Matrices,
    explanations: Collection[int],
    stated: Mapping[Cell, Label],
    *,
    is_right: bool,
) -> None:
    """Add the labels of a sheet's blocks that are not known, with their values.

    Args:
        matrices: the values of labels that have several.
        explanations: the columns of texts between labels and values.
        stated: the labels of all known values, by the values' cells.
        is_right: whether values are to the right of labels; else they are below.
    """
    known = {
        label for block in blocks for label in (*block.labels.values(), *block.next_labels.values())
    }
    taken = {
        cell for block in blocks for cell in (*block.cells.values(), *block.next_cells.values())
    }
    block_at = _Places(blocks)
    has_matrices = any(matrices.values())
    found: list[tuple[Block, OtherLabel, Cell]] = []
    later: list[tuple[Block, OtherLabel, Cell]] = []  # values on the other side
    for cell, values in matrices.items():
        if (block := block_at.find(cell)) is not None:
            found += [(block, label, value) for label, value in values]
    for cell, text in sheet.texts:
        if cell in known or cell in matrices or cell[1] in explanations or not is_label(text):
            continue
        block = block_at.find(cell)
        if block is None:
            continue
        label = OtherLabel(cell, text)
        if value := value_beside(sheet, cell, known, explanations, is_right=is_right):
            found.append((block, label, value))
        elif has_matrices and (value := value_beside(sheet, cell, is_right=not is_right)):
            later.append((block, label, value))
    for block, label, value in (*found, *later):
        if value not in taken:
            taken.add(value)
            block.others[label] = value
    inside = {cell for block in blocks for cell in block.cells.values()}
    parameters = {
        cell: label
        for cell, label in stated.items()
        if cell not in inside
        and cell not in sheet.formulas
        and kind_of(label.meaning.name) in PARAMETER_KINDS
    }
    for block in blocks:
        if len(block.others) > MAX_LABELS:
            block.others.clear()
        find_next(block, parameters)
        leave_out_rates(block)


class _Places:
    """The blocks of a sheet by their cells: bands of rows, each with blocks side by side."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        bands: dict[int, list[Block]] = {}
        for block in blocks:
            bands.setdefault(block.rows[0], []).append(block)
        self._rows = sorted(bands)
        self._bands = [sorted(bands[row], key=lambda block: block.columns) for row in self._rows]
        self._columns = [[block.columns[0] for block in band] for band in self._bands]

    def find(self, cell: Cell) -> Block | None:
        """Return the block that contains a cell, or None."""
        band = bisect_right(self._rows, cell[0]) - 1
        if band < 0:
            return None
        index = bisect_right(self._columns[band], cell[1]) - 1
        block = self._bands[band][index] if index >= 0 else None
        return block if block is not None and block.contains(block.address(cell)) else None


def keys_of(block: Block) -> dict[LabelKey, OtherLabel]:
    """Return the labels that are not known by what they have in common with those of other blocks.

    Of several with the same text, the first belongs to the first in another block.
    """
    times: Counter[tuple[str, tuple[int, ...]]] = Counter()
    keys = {}
    for label in sorted(block.others):
        key = label.key
        keys[*key, times[key]] = label
        times[key] += 1
    return keys


def unknown_columns(
    chain: Sequence[Block], records: int, known: Collection[Address]
) -> list[Column]:
    """Return the columns of the labels that are not known.

    A typed value that later blocks do not have is the same there. A value that only repeats what
    the block before computed for the next one is that value.

    Args:
        chain: the blocks, one for each record.
        records: the number of records of the table; one more than blocks if the last one has next
            values.
        known: the labels of columns whose quantity is known.
    """
    sheets = {block.sheet.title: block.sheet for block in chain}
    by_key = [keys_of(block) for block in chain]
    columns = []
    for key, label in by_key[0].items():
        header = chain[0].address(label.cell)
        own_text = chain[0].sheet.values.get(label.cell)
        if header in known and not label.place and label.text == own_text:
            continue
        cells: list[Address | None] = []
        following: Address | None = None
        for block, keys in zip(chain, by_key, strict=True):
            own = keys.get(key)
            cell = None if own is None else block.address(block.others[own])
            if following is not None and (cell is None or refers_to(block, cell, following)):
                cell = following
            elif cell is None and cells and _is_typed(chain[0], label):
                cell = cells[0]
            cells.append(cell)
            now = label if own is None else own
            following = None
            if now in block.next_others:
                following = block.address(block.next_others[now][1])
        cells += [following, *[None] * records][: records - len(chain)]
        columns.append(Column(header, label.shown, "", cells, sheets))
    return columns


def _is_typed(block: Block, label: OtherLabel) -> bool:
    return block.others[label] not in block.sheet.formulas


def refers_to(block: Block, cell: Address, other: Address) -> bool:
    """Whether the formula of a block's cell only repeats another cell."""
    return repeated_cell(block.sheet, cell[1:]) == other
