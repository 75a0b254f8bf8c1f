"""Divide a sheet into the blocks of a form by the texts that it repeats, whatever they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from backprop_sheet.audit.find.label_values import MAX_TEXTS, Matrices, is_label
from backprop_sheet.audit.read.header_text import without_spaces
from backprop_sheet.audit.read.labels import is_value
from backprop_sheet.audit.read.workbook import MAX_ROWS, Cell, Sheet

MAX_COLUMNS = 16_384  # of a sheet
MIN_REPEATED = 7  # labels that each block has once

Span = tuple[int, int]  # the first and the last line
Part = tuple[Span, Span]  # rows and columns


def repeated_parts(
    sheet: Sheet, known: Collection[Cell], matrices: Matrices, explanations: Collection[int]
) -> list[Part]:
    """Return the parts of a sheet that have the same labels, each once; [] if it repeats few.

    They are below each other or side by side. At least half of the labels are repeated, each in one
    column (row), and no part begins before the one above (left of) it ends.

    Args:
        known: the cells of labels whose quantity is known. If all labels are, these tell the parts.
        matrices: the values of labels that have several, each with a text of its own.
        explanations: the columns of texts between labels and values.
    """
    places: dict[str, list[Cell]] = {}
    if len(sheet.texts) > MAX_TEXTS:
        return []
    for (row, column), text in sheet.texts:
        if column in explanations or (row, column) in matrices:
            continue
        beside = ((row, column + 1), (row, column + 2), (row + 1, column))
        if is_label(text) and any(is_value(sheet, cell) for cell in beside):
            places.setdefault(without_spaces(text), []).append((row, column))
    for values in matrices.values():
        for label, _ in values:
            places.setdefault(label.shown, []).append(label.cell)
    below, beside_each_other = (_anchors(places.values(), axis) for axis in (0, 1))
    if all(cells[0] in known for cells in (*below, *beside_each_other)):
        return []
    if len(below) >= len(beside_each_other):
        return [(span, across) for span, across in _spans(below, 0, MAX_ROWS, MAX_COLUMNS)]
    return [(across, span) for span, across in _spans(beside_each_other, 1, MAX_COLUMNS, MAX_ROWS)]


def _anchors(places: Collection[Sequence[Cell]], axis: int) -> list[list[Cell]]:
    """Return the cells of the labels that each part has once, if there are enough."""
    lines = [
        sorted(cells, key=lambda cell: cell[axis])
        for cells in places
        if len(cells) > 1 and len({cell[1 - axis] for cell in cells}) == 1
    ]
    times = Counter(map(len, lines))
    if not times:
        return []
    most = max(times, key=lambda count: (times[count], count))
    if times[most] < MIN_REPEATED or 2 * times[most] < len(places):
        return []
    return [cells for cells in lines if len(cells) == most]


def _spans(
    anchors: Sequence[Sequence[Cell]], axis: int, limit: int, limit_across: int
) -> list[tuple[Span, Span]]:
    """Return the lines of each part along an axis, and across; [] if parts overlap."""
    if not anchors:
        return []
    parts = [[cell[axis] for cell in cells] for cells in zip(*anchors, strict=True)]
    firsts = [min(lines) for lines in parts]
    if any(max(lines) >= first for lines, first in zip(parts, firsts[1:], strict=False)):
        return []
    across = (min(cells[0][1 - axis] for cells in anchors), limit_across)
    lasts = [*(first - 1 for first in firsts[1:]), limit]
    return [(span, across) for span in zip(firsts, lasts, strict=True)]
