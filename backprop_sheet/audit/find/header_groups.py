"""Which headers of a line belong to one table: tables side by side, repeated names, groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from backprop_sheet.audit.find.regions import Grid
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import is_derivative_word
from backprop_sheet.audit.read.table_names import Names
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.equations.names import NEUTRAL_KINDS, PARAMETER_KINDS, gradient_name, kind_of

MAX_LINES_JOINED = 3  # below a header line, whose formulas connect its parts
MAX_AHEAD = 200  # headers within which a table that is beside another one begins
MAX_TYPED_TWICE = 1  # headers of no group, before one that repeats those of parameters
MAX_COMPARED_NAMES = 10_000  # of one header line, when it is split into tables side by side


def split_headers(found: Sequence[tuple[int, Meaning]]) -> Iterator[Sequence[tuple[int, Meaning]]]:
    """Split headers into tables side by side: a repeated name starts the next table.

    A single repeated header is a student's own column, and so is a word or a letter: x beside x1.
    The headers that follow must make a table with mostly the same names. A header that is typed
    twice within a table is none of these if the table's first header comes again further on, or if
    it is directly beside the same one: i1 for i2.
    """
    last = {meaning.name: at for at, (_, meaning) in enumerate(found)}
    following, make_table = [0] * len(found), [False] * len(found)
    names = Names()
    for at in range(len(found) - 1, -1, -1):
        meaning = found[at][1]
        names.add(meaning.name, is_weak=meaning.is_weak)
        following[at], make_table[at] = len(names), names.make_table
    start, compared = 0, 0
    seen: set[str] = set()
    for at, (_, meaning) in enumerate(found):
        is_again = meaning.name in seen and not meaning.is_weak
        if is_again and make_table[at] and compared < MAX_COMPARED_NAMES:
            again = sum(last[name] >= at for name in seen)
            is_typed_twice = _is_beside_itself(found, at) or _starts_later(found, start, at)
            if 2 * again >= min(len(seen), following[at]) and not is_typed_twice:
                yield found[start:at]
                start, seen = at, set()
            else:
                compared += len(seen)
        seen.add(meaning.name)
    yield found[start:] if start else found


def _is_beside_itself(found: Sequence[tuple[int, Meaning]], at: int) -> bool:
    (before, one), (across, other) = found[at - 1 : at + 1]
    return across == before + 1 and one.name == other.name


def _starts_later(found: Sequence[tuple[int, Meaning]], start: int, at: int) -> bool:
    """Whether the first header of a table comes again after a repeated one, and few others do."""
    first, seen = found[start][1].name, {meaning.name for _, meaning in found[start:at]}
    if found[at][1].name == first:
        return False
    again: set[str] = set()
    for _, meaning in found[at : at + MAX_AHEAD]:
        if meaning.name == first:
            return 2 * len(again) < len(seen)
        again |= {meaning.name} & seen
    return False


def join_headers(
    grid: Grid, header: int, parts: Sequence[Sequence[tuple[int, Meaning]]]
) -> list[Sequence[tuple[int, Meaning]]]:
    """Join parts of which one is updated with the other: gradients headed w1, w2 … again.

    They are after the weights, or before them. No formula tells in a table that is typed, but a
    header above them may.
    """
    result: list[Sequence[tuple[int, Meaning]]] = [parts[0]]
    for part in parts[1:]:
        if any(
            _is_updated_with(grid, header, *pair) or _is_group_of(grid, header, *pair)
            for pair in permutations((result[-1], part))
        ):
            result[-1] = [*result[-1], *part]
        else:
            result.append(part)
    return result


def _is_updated_with(
    grid: Grid,
    header: int,
    part: Sequence[tuple[int, Meaning]],
    other: Sequence[tuple[int, Meaning]],
) -> bool:
    """Whether a formula below some headers uses the line above, below others."""
    wanted = {across for across, _ in other}
    for along in range(header + 2, header + MAX_LINES_JOINED + 1):
        for across, _ in part:
            for address in used_cells(grid.sheet, grid.cell(along, across)):
                line, used = grid.position((address.row, address.column))
                if address.sheet == grid.sheet.title and line == along - 1 and used in wanted:
                    return True
    return False


def _is_group_of(
    grid: Grid,
    header: int,
    part: Sequence[tuple[int, Meaning]],
    other: Sequence[tuple[int, Meaning]],
) -> bool:
    """Whether "Gradients" is above the first of headers that repeat those of parameters alone.

    Other columns may stand before the group: the iteration, errors. Behind all others, a list of
    results may repeat the learning rate and the total error. One header may be typed twice.
    """
    names = {meaning.name for _, meaning in other}
    first = {meaning.name: across for across, meaning in reversed(part)}
    own = [
        across
        for name, across in first.items()
        if name not in names and kind_of(name) not in NEUTRAL_KINDS
    ]
    again = [
        (across, meaning.name)
        for across, meaning in part
        if meaning.name in names
        and (kind_of(meaning.name) in PARAMETER_KINDS or across < max(own, default=across + 1))
    ]
    parameters = [across for across, name in again if kind_of(name) in PARAMETER_KINDS]
    return (
        header > 1
        and bool(parameters)
        and len(again) - len(parameters) <= MAX_TYPED_TWICE
        and is_derivative_word(
            _group_above(grid, header, parameters[0], {**dict(other), **dict(part)})
        )
    )


def _group_above(grid: Grid, header: int, across: int, headers: Mapping[int, Meaning]) -> str:
    """Return the text above a header, or above parameters' headers right before it.

    One of these may be mistyped.
    """
    unknown = 0
    while not (text := grid.text(header - 1, across)):
        across -= 1
        if across not in headers and grid.text(header, across) and not unknown:
            unknown += 1
        elif across not in headers or kind_of(headers[across].name) not in PARAMETER_KINDS:
            return ""
    return text


def repeated_gradients(grid: Grid, header: int, part: Sequence[tuple[int, Meaning]]) -> list[str]:
    """Return the gradients of parameters whose headers occur again, if "Gradients" is above one."""
    if header == 1 or not any(is_derivative_word(grid.text(header - 1, at)) for at, _ in part):
        return []
    times = Counter(meaning.name for _, meaning in part)
    again = (name for name, count in times.items() if count > 1)
    return [gradient_name(name) for name in again if kind_of(name) in PARAMETER_KINDS]


def without_strays(part: Sequence[tuple[int, Meaning]]) -> Sequence[tuple[int, Meaning]]:
    """Leave out repeated headers at the edges if the same name occurs among the others."""
    times = Counter(meaning.name for _, meaning in part)
    if len(times) == len(part):
        return part
    single = [across for across, meaning in part if times[meaning.name] == 1]
    if not single:
        return part
    low, high = min(single), max(single)
    inside = {meaning.name for across, meaning in part if low <= across <= high}
    return [
        (across, meaning)
        for across, meaning in part
        if low <= across <= high or meaning.name not in inside
    ]
