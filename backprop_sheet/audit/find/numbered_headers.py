"""Headers that are only numbers below the header of their group: 1 … 8 below "w"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backprop_sheet.audit.find.regions import Grid
from backprop_sheet.audit.find.tables import Layout
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import Cell, Sheet
from backprop_sheet.equations.names import NEUTRAL_KINDS, kind_of

MIN_NUMBERS = 4  # in one line, of two groups at least: 1, 2 below "x" may be a vector
LINES_BELOW = 2  # that have numbers in the same places


def name_numbered_headers(sheet: Sheet) -> None:
    """Write the names of groups before the numbers of their headers, in place.

    Otherwise these numbers would be the first record.
    """
    written: dict[Cell, str] = {}
    for layout in (Layout.ROWS, Layout.COLUMNS):
        grid = Grid(sheet, layout)
        lines: dict[int, list[tuple[str, list[int]]]] = {}
        for cell, group in sheet.texts:
            along, across = grid.position(cell)
            if places := list(_counted(grid, along + 1, across)):
                lines.setdefault(along + 1, []).append((group.strip(), places))
        for along, groups in lines.items():
            if len(groups) > 1 and any(_names_quantities(grid, along, *one) for one in groups):
                counted = [across for _, places in groups for across in places]
                if len(counted) < MIN_NUMBERS or not _are_filled(grid, along, counted):
                    continue
                for group, places in groups:
                    written |= {
                        grid.cell(along, at): _header(grid, along, group, at) for at in places
                    }
    if written:
        sheet.values.update(written)
        del sheet.texts


def _counted(grid: Grid, along: int, across: int) -> Iterator[int]:
    """Yield the places of typed numbers 1, 2, … or 0, 1, … below the header of one group."""
    first = grid.number(along, across)
    if first not in (0, 1) or grid.number(along, across + 1) != first + 1:
        return
    place, count = across, first
    while (
        grid.number(along, place) == count
        and grid.formula(along, place) is None
        and (place == across or grid.cell(along - 1, place) not in grid.sheet.values)
    ):
        yield place
        place, count = place + 1, count + 1


def _header(grid: Grid, along: int, group: str, across: int) -> str:
    count = grid.number(along, across)
    together = f"{group}{count:.0f}"
    return together if meaning_of(together) else f"{group} {count:.0f}"


def _names_quantities(grid: Grid, along: int, group: str, places: Sequence[int]) -> bool:
    """Whether a group and each of its numbers name a quantity of a network."""
    meanings = [meaning_of(_header(grid, along, group, across)) for across in places]
    return all(one is not None and kind_of(one.name) not in NEUTRAL_KINDS for one in meanings)


def _are_filled(grid: Grid, along: int, places: Sequence[int]) -> bool:
    """Whether numbers or formulas follow below each number, a formula below one of them."""
    below = range(along + 1, along + 1 + LINES_BELOW)
    return all(grid.has_content(line, at) for line in below for at in places) and any(
        grid.formula(line, at) is not None or not float(grid.number(line, at) or 0).is_integer()
        for line in below
        for at in places
    )
