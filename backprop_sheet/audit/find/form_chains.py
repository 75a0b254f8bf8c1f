"""Join the blocks of forms that are consecutive iterations, and make tables of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import isclose

from backprop_sheet.audit.find.form_labels import is_presumed, refers_to, unknown_columns
from backprop_sheet.audit.find.form_links import differs, is_linked, link_next
from backprop_sheet.audit.find.form_tables import Block, FormTable
from backprop_sheet.audit.find.forms import HEADING
from backprop_sheet.audit.read.labels import references, repeated_cell
from backprop_sheet.audit.read.table_names import Names
from backprop_sheet.audit.read.workbook import Address, Cell, number
from backprop_sheet.equations.names import (
    COMPUTED_KINDS,
    GIVEN_KINDS,
    ITERATION,
    LEARNING_RATE,
    PARAMETER_KINDS,
    Kind,
    gradient_name,
    kind_of,
)

# --- from block to block ---


def join_blocks(blocks: Sequence[Block]) -> list[list[Block]]:
    """Join blocks of one sheet that are consecutive iterations.

    Chains that cannot be a table, nor continue a table of another sheet, are left out.
    """
    chains: list[list[Block]] = []
    for block in blocks:
        if chains and _continues(chains[-1], block, _share_names):
            chains[-1].append(block)
        else:
            chains.append([block])
    return [chain for chain in chains if makes_table(chain) or _may_continue(chain[0])]


def _may_continue(block: Block) -> bool:
    """Whether a block that makes no table may be the next record of one on another sheet."""
    return bool(block.next_cells or block.next_others) or any(
        "!" in block.sheet.formulas.get(cell, "") for cell in block.others.values()
    )


def join_across_sheets(chains: Sequence[list[Block]]) -> list[list[Block]]:
    """Join the chains of several sheets that take their parameters from each other.

    Without formulas, the numbers of the iterations or the typed parameters show the order.
    """
    first_of = {chain[0].sheet.title: at for at, chain in reversed(list(enumerate(chains)))}
    last_of = {chain[-1].sheet.title: at for at, chain in enumerate(chains)}
    following: dict[int, int] = {}
    preceded: set[int] = set()
    for position in first_of.values():
        chain = chains[position]
        linked = (
            last_of[address.sheet]
            for address in _references_of(chain[0])
            if address.sheet in last_of and address.sheet != chain[0].sheet.title
        )
        before = next(linked, position - 1)
        if before < 0 or before in following:
            continue
        if _continues(chains[before], chain[0], _follows_by_numbers):
            following[before] = position
            preceded.add(position)
    joined = []
    done: set[int] = set()
    for start in (*(at for at in range(len(chains)) if at not in preceded), *range(len(chains))):
        whole: list[Block] = []
        at: int | None = start
        while at is not None and at not in done:
            done.add(at)
            whole += chains[at]
            at = following.get(at)
        if whole:
            joined.append(whole)
    return [chain for chain in joined if makes_table(chain)]


def makes_table(chain: Sequence[Block]) -> bool:
    """Whether the first block of a chain makes a table, by its names or by its formulas."""
    return _names_make_table(chain[0]) or is_presumed(chain)


def _names_make_table(block: Block) -> bool:
    names = Names()
    for name in block.cells:
        names.add(name, is_weak=name in block.weak)
    return names.make_table


def _continues(
    chain: Sequence[Block], block: Block, is_evident: Callable[[Sequence[Block], Block], bool]
) -> bool:
    """Whether a block is the next record of a chain, and not the start of another training."""
    first, previous = chain[0], chain[-1]
    before, after = _iteration(previous), _iteration(block)
    if before is not None and after is not None and after != before:
        return after > before
    if block.others and not any(kind_of(name) is Kind.WEIGHT for name in first.cells):
        return is_linked(previous, block) or differs(first, block)
    if _same_start(first, block):
        return False
    rates = (_value(first, LEARNING_RATE), _value(block, LEARNING_RATE))
    if None not in rates and rates[0] != rates[1]:
        return False
    if any(previous.contains(address) for address in _references_of(block)):
        return True
    return is_evident(chain, block)


def _value(block: Block, name: str) -> float | None:
    cell = block.cells.get(name)
    return None if cell is None else number(block.sheet.values.get(cell))


def _iteration(block: Block) -> float | None:
    """Return the number of a block's iteration: from a label, a heading, or the sheet's name."""
    if ITERATION in block.cells:
        return _value(block, ITERATION)
    if block.heading is not None:
        return block.heading
    match = HEADING.fullmatch(block.sheet.title)
    return float(match[1]) if match else None


def _same_start(first: Block, block: Block) -> bool:
    """Whether two blocks have the same inputs, targets and parameters."""
    shared = [
        name
        for name in first.cells
        if name in block.cells and kind_of(name) in GIVEN_KINDS | PARAMETER_KINDS
    ]
    if not any(kind_of(name) is Kind.WEIGHT for name in shared):
        return False
    return all(_equal(_value(first, name), _value(block, name)) for name in shared)


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _references_of(block: Block) -> Iterator[Address]:
    """Yield the cells that a block's parameters refer to; without parameters, that all cells do."""
    parameters = [cell for name, cell in block.cells.items() if kind_of(name) in PARAMETER_KINDS]
    for cell in parameters or (*block.cells.values(), *block.others.values()):
        if formula := block.sheet.formulas.get(cell):
            yield from references(formula, block.sheet.title)


def _share_names(chain: Sequence[Block], block: Block) -> bool:
    shared = sum(name in chain[0].cells for name in block.cells)
    return 2 * shared >= len(block.cells)


def _follows_by_numbers(chain: Sequence[Block], block: Block) -> bool:
    """Whether typed parameters follow from the previous block at some learning rate."""
    previous = chain[-1]
    parameters = [
        name for name in block.cells if name in previous.cells and kind_of(name) in PARAMETER_KINDS
    ]
    new = [(name, _named(previous, previous.next_cells, name)) for name in parameters]
    if any(value is not None for _, value in new):
        return all(
            isclose(value, _value(block, name) or 0.0, rel_tol=1e-4, abs_tol=1e-6)
            for name, value in new
            if value is not None
        )
    rates = []
    for name in parameters:
        gradient = _value(previous, gradient_name(name))
        before, after = _value(previous, name), _value(block, name)
        if gradient and before is not None and after is not None and before != after:
            rates.append((before - after) / gradient)
    return len(rates) > 1 and all(isclose(rate, rates[0], rel_tol=0.05) for rate in rates)


def _named(block: Block, cells: dict[str, Cell], name: str) -> float | None:
    return number(block.sheet.values.get(cells[name])) if name in cells else None


# --- the table ---


def form_table(chain: Sequence[Block]) -> FormTable:
    """Return the table of consecutive blocks.

    If a block has no parameters of its own, they are the ``new w1`` of the previous block. In this
    case, or if there is only one block, the table gets a last record with only the new parameters.
    """
    link_next(chain)
    records: list[dict[str, Address]] = []
    labels: dict[str, Address] = {}
    label_cells: set[Address] = set()
    uses_next = False
    previous: Block | None = None

    def note(block: Block, name: str, cell: Cell) -> None:
        labels.setdefault(name, block.address(cell))
        label_cells.add(block.address(cell))

    for block in chain:
        record = {name: block.address(cell) for name, cell in block.cells.items()}
        for name, cell in block.labels.items():
            note(block, name, cell)
        if previous is not None:
            for name, cell in previous.next_cells.items():
                following = previous.address(cell)
                if name not in record or _repeats_value(block, record[name], previous, following):
                    record[name] = following
                    uses_next = True
        records.append(record)
        previous = block
    last = chain[-1]
    if last.next_cells and (len(chain) == 1 or uses_next or last.continues):
        records.append({name: last.address(cell) for name, cell in last.next_cells.items()})
    for block in chain:
        for name, cell in block.next_labels.items():
            if name in labels:
                label_cells.add(block.address(cell))
            elif uses_next or len(chain) == 1:
                note(block, name, cell)
    if last.next_others and len(records) == len(chain):
        records.append({})
    _drop_lone_constants(records, labels, label_cells)
    if _are_beside(chain[0]):  # people write labels down one column, then down the next
        labels = _down_columns(chain, labels)
    more = unknown_columns(chain, len(records), set(labels.values()))
    texts = {name: text for block in reversed(chain) for name, text in block.texts.items()}
    table = FormTable(chain, records, labels, label_cells, more, texts)
    table.repeats = _repeats(chain)
    table.is_presumed = not _names_make_table(chain[0])
    return table


def _repeats_value(block: Block, cell: Address, previous: Block, following: Address) -> bool:
    """Whether a block's cell only repeats a next value of the block before, also typed again."""
    if block.sheet.formulas or previous.sheet.formulas:
        return refers_to(block, cell, following)
    value = number(block.sheet.values.get(cell[1:]))
    return value is not None and value == number(previous.sheet.values.get(following[1:]))


def _are_beside(block: Block) -> bool:
    """Whether most values are in the rows of their labels."""
    beside = sum(block.labels[name][0] == row for name, (row, _) in block.cells.items())
    return 2 * beside > len(block.cells)


def _down_columns(chain: Sequence[Block], labels: Mapping[str, Address]) -> dict[str, Address]:
    """Return labels in the order of sheets, of their columns, and of rows."""
    titles = {title: place for place, title in enumerate(block.sheet.title for block in chain)}
    return dict(sorted(labels.items(), key=lambda item: (titles[item[1].sheet], *item[1][:0:-1])))


def _repeats(chain: Sequence[Block]) -> dict[Address, Address]:
    """Return the cells of blocks that only repeat a next value of the block before."""
    repeats = {}
    for previous, block in pairwise(chain):
        following = {*previous.next_cells.values(), *(v for _, v in previous.next_others.values())}
        targets = {previous.address(cell) for cell in following}
        for cell in (*block.cells.values(), *block.others.values()):
            target = repeated_cell(block.sheet, cell)
            if target in targets:
                repeats[block.address(cell)] = target
    return repeats


def _drop_lone_constants(
    records: Sequence[dict[str, Address]],
    labels: dict[str, Address],
    label_cells: set[Address],
) -> None:
    """Drop the columns of values that occur once for the whole form: η, or the inputs.

    They are read as labels beside the table instead.
    """
    computed = sum(any(kind_of(name) in COMPUTED_KINDS for name in record) for record in records)
    times = Counter(name for record in records for name in record)
    for name, count in times.items():
        kind = kind_of(name)
        is_given = kind in GIVEN_KINDS or kind is Kind.BIAS
        if count == 1 and (kind is Kind.CONSTANT or (is_given and computed > 1)):
            label_cells.discard(labels.pop(name))
            for record in records:
                record.pop(name, None)
