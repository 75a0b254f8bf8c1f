"""Several trainings below each other under one header, such as one per learning rate.

Each begins with the parameters of the first one, or with typed ones where formulas were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from backprop_sheet.audit.find.regions import (
    MAX_GAP,
    Grid,
    first_record,
    have_same_formulas,
    is_header_line,
    is_summary_line,
    record_lines,
    refers_to,
)

MIN_PARAMETERS = 2  # that begin again: one number may occur twice by chance


def training_lines(
    grid: Grid, header: int, lines: Sequence[int], weights: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the lines of the records of each training below a header.

    Args:
        lines: the lines of the quantities, across.
        weights: those of the parameters.
    """
    first = first_record(grid, header, lines)
    while first is not None:
        records = record_lines(grid, first, lines, weights)
        if not records:
            return
        starts = list(_new_starts(grid, records, weights))
        for start, end in pairwise((0, *starts, len(records))):
            yield records[start:end]
        last = records[starts[-1] :] if starts else records
        first = _further_start(grid, last, lines, weights)


def _new_starts(grid: Grid, records: Sequence[int], weights: Sequence[int]) -> Iterator[int]:
    """Yield the places of the records that have the parameters of the first one again."""
    if len(weights) < MIN_PARAMETERS:
        return
    start = _numbers(grid, records[0], weights)
    if None in start:
        return
    for place in range(2, len(records) - 1):
        along = records[place]
        if grid.number(along, weights[0]) == start[0] and (
            _numbers(grid, along, weights) == start
            and _numbers(grid, records[place - 1], weights) != start
            and _numbers(grid, records[place + 1], weights) != start
            and not any(refers_to(grid, along, at, records[place - 1]) for at in weights)
        ):
            yield place


def _numbers(grid: Grid, along: int, weights: Sequence[int]) -> list[float | None]:
    return [grid.number(along, across) for across in weights]


def _further_start(
    grid: Grid, records: Sequence[int], lines: Sequence[int], weights: Sequence[int]
) -> int | None:
    """Return the line of the first record of another training after a gap, or None.

    It has no header of its own, but the formulas of the records above.
    """
    last = records[-1]
    following = (
        along
        for along in range(last + 1, last + 2 + MAX_GAP)
        if grid.is_filled(along, lines) and not is_summary_line(grid, along, lines)
    )
    first = next(following, None)
    if first is None or len(records) < 2 or len(weights) < MIN_PARAMETERS:
        return None
    has_header = any(is_header_line(grid, along, lines) for along in range(last + 1, first))
    filled = [across for across in lines if grid.has_content(last, across)]
    same_place = sum(grid.has_content(first, across) for across in filled)
    if has_header or 5 * same_place < 4 * len(filled):
        return None
    updated = [across for across in weights if refers_to(grid, last, across, records[-2])]
    begins = all(
        refers_to(grid, first + 1, across, first) and not refers_to(grid, first, across, last)
        for across in updated
    )
    if not updated:  # typed numbers: only those of the start tell
        start = _numbers(grid, records[0], weights)
        begins = _numbers(grid, first, weights) == start != _numbers(grid, last, weights)
    others = [across for across in filled if across not in weights]
    return first if begins and have_same_formulas(grid, (last, first), others) else None
