"""A list of results beside a table: learning rates, each with the error that it leads to."""

from __future__ import annotations

from collections.abc import Mapping

from backprop_sheet.audit.find.regions import Grid
from backprop_sheet.audit.find.tables import MAX_LINES_BEFORE_DATA
from backprop_sheet.equations.names import ERROR_KINDS, LEARNING_RATE, kind_of

MIN_RATES = 2
MAX_RATES = 100


def results_beside(grid: Grid, header: int, lines: Mapping[str, int]) -> list[str]:
    """Return the rate and the error whose lines are a list of results beside a table, or [].

    Such a list has different rates and their errors side by side, all typed. Nothing is next to it,
    and the table goes on where it ends.

    Args:
        lines: the line of each quantity, across.
    """
    rate = lines.get(LEARNING_RATE)
    errors = [
        name
        for name, across in lines.items()
        if rate is not None and kind_of(name) in ERROR_KINDS and abs(across - rate) == 1
    ]
    if rate is None or len(errors) != 1:
        return []
    pair = sorted((rate, lines[errors[0]]))
    end = header + 1
    while end <= header + MAX_RATES and all(_is_typed(grid, end, across) for across in pair):
        end += 1
    rates = {grid.number(along, rate) for along in range(header + 1, end)}
    others = [across for across in lines.values() if across not in pair]
    is_alone = not any(
        grid.text(along, across) or grid.has_content(along, across)
        for along in range(header, end)
        for across in (pair[0] - 1, pair[1] + 1)
        if across > 0
    )
    goes_on = any(
        grid.has_content(along, across)
        for along in range(end, end + MAX_LINES_BEFORE_DATA)
        for across in others
    )
    has_more = any(grid.has_content(end, across) for across in pair)
    is_list = len(rates) >= MIN_RATES and is_alone and goes_on and not has_more
    return [LEARNING_RATE, *errors] if is_list else []


def _is_typed(grid: Grid, along: int, across: int) -> bool:
    return grid.number(along, across) is not None and grid.formula(along, across) is None
