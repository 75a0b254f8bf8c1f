"""Which labels of a form's block are those of updated parameters, and which is the learning rate.

Words say so (``Gewicht u11 neu``), or the same label again, or else the formulas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from backprop_sheet.audit.find.form_tables import Block, OtherLabel
from backprop_sheet.audit.read.labels import Label, references
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import unknown_without_next
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Cell
from backprop_sheet.equations.names import COMPUTED_KINDS, GIVEN_KINDS, PARAMETER_KINDS, kind_of

MIN_UPDATES = 2  # that share a learning rate


def find_next(block: Block, outside: dict[Cell, Label]) -> None:
    """Find the labels of the next record's values: ``Gewicht u11 neu``, or the same label again.

    The same label again is that of an update if its formula uses the first one's value. Of several
    with the same label, the first update belongs to the first.

    Args:
        outside: the labels of the parameters whose values are in no block, or in one before, by
            the values' cells; what the updates of this block give is added.
    """
    sheet = block.sheet
    names = {
        OtherLabel(cell, block.texts.get(name) or str(sheet.values[cell])): name
        for name, cell in block.labels.items()
    }
    values = {**{label: block.cells[name] for label, name in names.items()}, **block.others}
    # "new value e" beside E is something else, and so is "2+" beside "in 2".
    keys = {
        label: unknown_without_next(label.text)
        for label in values
        if label not in names or kind_of(names[label]) not in (*COMPUTED_KINDS, *GIVEN_KINDS)
    }
    alike: dict[tuple[str, tuple[int, ...]], list[OtherLabel]] = {}
    updates: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for label in sorted(keys, key=lambda label: (keys[label][1], label)):
        is_next = keys[label][1]
        key = keys[label][0], label.place
        now = alike.setdefault(key, [])
        before = now[min(updates[key], len(now) - 1)] if now else label
        if label == before or label not in block.others:
            now.append(label)
            continue
        formula = sheet.formulas.get(values[label], "")
        uses = block.address(values[before]) in references(formula, sheet.title)
        if is_next or uses:
            updates[key] += 1
            add_next(block, names.get(before) or before, label)
        else:
            now.append(label)
    if not (block.next_cells or block.next_others):
        _pair_updates(block, names, outside)


def add_next(block: Block, now: str | OtherLabel, label: OtherLabel) -> None:
    """Take the value of a label for that of a quantity, or of another label, in the next record."""
    named = next((name for name, cell in block.labels.items() if cell == label.cell), None)
    if label in block.others or named is None:
        value = block.others.pop(label)
    else:  # "w1(1)" is no weight of a matrix
        value = block.cells.pop(named)
        del block.labels[named]
    if isinstance(now, str):
        block.next_cells.setdefault(now, value)
        block.next_labels.setdefault(now, label.cell)
    else:
        block.next_others.setdefault(now, (label, value))


def _pair_updates(
    block: Block, names: Mapping[OtherLabel, str], outside: dict[Cell, Label]
) -> None:
    """Find the updates whose labels say nothing of their parameter, by their formulas.

    Updates are what no other formula of the block uses. All use one typed value, the learning rate,
    and each one more, its parameter, which may be outside of the block. If two use the same, their
    order tells which they belong to.
    """
    values = {**{label: block.cells[name] for label, name in names.items()}, **block.others}
    formulas = block.sheet.formulas
    used = {
        label: {address[1:] for address in used_cells(block.sheet, cell)}
        for label, cell in values.items()
        if cell in formulas
    }
    inner = set().union(*used.values())
    updates = sorted(label for label in used if values[label] not in inner)
    typed = sorted(label for label, cell in values.items() if cell not in formulas)
    parameters: list[tuple[Cell, str | OtherLabel]] = [
        (cell, outside[cell].meaning.name) for cell in sorted(outside)
    ]
    parameters += [(values[label], names.get(label) or label) for label in typed]
    rate = _rate_of(updates, used, formulas)
    updates = [
        label
        for label in updates
        if label in block.others or kind_of(names[label]) in PARAMETER_KINDS
    ]
    places = {cell: place for place, (cell, _) in enumerate(parameters)}
    claimed = {
        label: places[cells[0]]
        for label in updates
        if len(cells := [cell for cell in used[label] if cell in places and cell != rate]) == 1
    }
    by_rate = [label for label in updates if rate in used[label]]
    if rate is None or len(by_rate) < MIN_UPDATES:
        return
    # One may have a number in the place of the learning rate, by a mistake.
    taken = {claimed.get(label) for label in by_rate}
    updates = [
        label
        for label in updates
        if rate in used[label]
        or ((place := claimed.get(label)) not in taken and _is_parameter(parameters, place))
    ]
    claims = {at: claimed[label] for at, label in enumerate(updates) if label in claimed}
    if not claims:
        return
    shifts = Counter(place - index for index, place in claims.items())
    usual = shifts.most_common(1)[0][0]
    times = Counter(claims.values())
    for index, label in enumerate(updates):
        place = claims.get(index)
        if place is None or (times[place] > 1 and place - index != usual):
            place = index + usual
            is_place = 0 <= place < len(parameters) and parameters[place][0] != rate
            if place in times or not is_place:
                continue
        cell, now = parameters[place]
        if cell in outside and cell not in formulas:  # of no block before
            block.cells[outside[cell].meaning.name] = cell
            block.labels[outside[cell].meaning.name] = outside[cell].cell
        if isinstance(now, str):
            outside[values[label]] = Label(label.cell, Meaning(now))
        add_next(block, now, label)


def _is_parameter(parameters: Sequence[tuple[Cell, str | OtherLabel]], place: int | None) -> bool:
    now = None if place is None else parameters[place][1]
    return isinstance(now, str) and kind_of(now) in PARAMETER_KINDS


def _rate_of(
    updates: Sequence[OtherLabel],
    used: Mapping[OtherLabel, Collection[Cell]],
    formulas: Collection[Cell],
) -> Cell | None:
    """Return the typed cell that most updates use, and nothing else; None if there is none."""
    times = Counter(cell for label in updates for cell in used[label] if cell not in formulas)
    every = Counter(cell for cells in used.values() for cell in cells)
    rates = [cell for cell, count in times.items() if count == every[cell]]
    rate = max(rates, key=lambda cell: times[cell], default=None)
    return rate if rate is not None and times[rate] >= MIN_UPDATES else None


def leave_out_rates(block: Block) -> None:
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
