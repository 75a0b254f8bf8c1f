"""What links the blocks of a form whose labels say little: one takes values from the one before.

A block whose label "p" only repeats the previous block's value of another label, "new value a",
says that this is the next value of "p".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isclose

from backprop_sheet.audit.find.form_labels import LabelKey, keys_of
from backprop_sheet.audit.find.form_tables import Block, OtherLabel
from backprop_sheet.audit.find.form_updates import add_next
from backprop_sheet.audit.read.labels import references, repeated_cell
from backprop_sheet.audit.read.workbook import Address, number

MAX_CHANGED = 2  # typed values in which the start of another training differs: η, a target

Key = str | LabelKey  # a quantity, or the text of a label


def is_linked(previous: Block, block: Block) -> bool:
    """Whether a block uses a value of the one before that has another label there."""
    keys = _keys_by_cell(previous)
    for key, address in _addresses(block):
        formula = block.sheet.formulas.get(address[1:])
        for used in references(formula, block.sheet.title) if formula else ():
            if keys.get(used, key) != key:
                return True
    return False


def differs(first: Block, block: Block) -> bool:
    """Whether more typed values of a block are others than a new training would have."""
    values, before = _typed(block), _typed(first)
    changed = sum(
        key in before and not isclose(value, before[key], rel_tol=1e-9, abs_tol=1e-12)
        for key, value in values.items()
    )
    return changed > MAX_CHANGED


def link_next(chain: Sequence[Block]) -> None:
    """Take the values that become those of other labels in the following block for their next ones.

    Typed values do so if they are equal, and in all blocks. Where labels say what is updated, they
    are equal by chance: they are rounded.
    """
    pairs: dict[Key, LabelKey] = {}
    _continue_next(chain)
    counts: Counter[tuple[Key, LabelKey]] = Counter()
    for previous, block in pairwise(chain):
        counts.update(_repeated(previous, block))
        if not (block.sheet.formulas or previous.next_cells):
            counts.update(_equal(previous, block))
    for (key, other), count in counts.items():
        if 2 * count >= len(chain) - 1:
            pairs.setdefault(key, other)
    for block in chain:
        keys = keys_of(block)
        for key, other in pairs.items():
            now = key if isinstance(key, str) else keys.get(key)
            label = keys.get(other)
            if now is None or label is None or _has_next(block, now):
                continue
            add_next(block, now, label)


def _continue_next(chain: Sequence[Block]) -> None:
    """Read "new a" of later blocks as the first block's, also if they have no "a" of their own."""
    first = chain[0]
    following = {label.key: now for now, (label, _) in first.next_others.items()}
    for block in chain[1:]:
        own = {label.key for label in block.others}
        for label in [label for label in block.others if label.key in following]:
            now = following[label.key]
            if now.key not in own:
                add_next(block, now, label)


def _has_next(block: Block, now: str | OtherLabel) -> bool:
    return now in block.next_cells if isinstance(now, str) else now in block.next_others


def _addresses(block: Block) -> Iterator[tuple[Key, Address]]:
    for name, cell in block.cells.items():
        yield name, block.address(cell)
    for key, label in keys_of(block).items():
        yield key, block.address(block.others[label])


def _keys_by_cell(block: Block) -> dict[Address, Key]:
    keys = {address: key for key, address in _addresses(block)}
    for name, cell in block.next_cells.items():
        keys[block.address(cell)] = f"{name}+"
    for label, (_, cell) in block.next_others.items():
        keys[block.address(cell)] = f"{label.shown}+"
    return keys


def _repeated(previous: Block, block: Block) -> Iterator[tuple[Key, LabelKey]]:
    """Yield the labels of a block that repeat a computed value of another one, and this one."""
    keys = _keys_by_cell(previous)
    for key, address in _addresses(block):
        used = repeated_cell(block.sheet, address[1:])
        other = None if used is None else keys.get(used)
        if used is None or other is None or isinstance(other, str) or other == key:
            continue
        if used[1:] in previous.sheet.formulas:
            yield key, other


def _equal(previous: Block, block: Block) -> Iterator[tuple[Key, LabelKey]]:
    """Yield the labels whose typed values another label had before, if that is only one."""
    before = _typed(previous)
    labels: dict[float, list[Key]] = {}
    for key, value in before.items():
        labels.setdefault(value, []).append(key)
    for key, value in _typed(block).items():
        others = labels.get(value, ())
        if before.get(key) != value and len(others) == 1 and not isinstance(others[0], str):
            yield key, others[0]


def _typed(block: Block) -> Mapping[Key, float]:
    """Return the typed numbers of a block."""
    return {
        key: value
        for key, address in _addresses(block)
        if address[1:] not in block.sheet.formulas
        and (value := number(block.sheet.values.get(address[1:]))) is not None
    }
