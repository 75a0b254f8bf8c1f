"""The region of a table: which lines are its records, and which columns are filled along them.

A comment, an empty line or a repeated header does not end a table if the same formulas go on below.
Lines that summarise the records above them (MIN, AVERAGE, last minus first …) are not records.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from backprop_sheet.audit.find.line_tables import LineCells
from backprop_sheet.audit.find.tables import MAX_LINES_BEFORE_DATA, Column, Layout, Places
from backprop_sheet.audit.read.relative_formulas import REFERENCE, relative_formula
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet, number
from gradsheet.excel.column_letters import number_of_column

MAX_GAP = 30  # lines without a record between two records
MAX_CHECKED_LINES = 3_000  # in which summaries are looked for; in longer tables, at the end only
MAX_DISTANCE = 40  # lines from a table within which formulas may connect further columns
MIN_NUMBERED = 6  # columns, whose numbers are 1, 2, 3 … in no record by chance
SAMPLES = 6  # records that show whether a column is filled

_RANGE = re.compile(
    r"(?:'[^']+'!|\w+!)?\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})", re.I
)
_LOOKUP = re.compile(rf"\bINDEX\({_RANGE.pattern}", re.I)  # of one cell in a range


class Grid:
    """A sheet with positions along its records (``along``) and along its names (``across``)."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        """Look at a sheet as tables of one layout."""
        self.sheet, self.layout = sheet, layout
        self.is_transposed = layout is Layout.COLUMNS

    def cell(self, along: int, across: int) -> Cell:
        """Return the cell at a position."""
        return (across, along) if self.is_transposed else (along, across)

    def position(self, cell: Cell) -> tuple[int, int]:
        """Return ``along`` and ``across`` of a cell."""
        return (cell[1], cell[0]) if self.is_transposed else cell

    def number(self, along: int, across: int) -> float | None:
        """Return the number at a position, or None."""
        return number(self.sheet.values.get(self.cell(along, across)))

    def text(self, along: int, across: int) -> str:
        """Return the text at a position, or ""."""
        value = self.sheet.values.get(self.cell(along, across))
        return value if isinstance(value, str) and number(value) is None else ""

    def formula(self, along: int, across: int) -> str | None:
        """Return the formula at a position, or None."""
        return self.sheet.formulas.get(self.cell(along, across))

    def has_content(self, along: int, across: int) -> bool:
        """Whether there is a number or a formula at a position."""
        return self.formula(along, across) is not None or self.number(along, across) is not None

    def is_filled(self, along: int, lines: Sequence[int]) -> bool:
        """Whether a line has more numbers and formulas than texts."""
        values, formulas = self.sheet.values, self.sheet.formulas
        balance = 0
        for across in lines:
            cell = (across, along) if self.is_transposed else (along, across)
            if cell in formulas:
                balance += 1
                continue
            value = values.get(cell)
            if value is not None:
                balance += 1 if number(value) is not None else -1
        return balance > 0


Box = tuple[Cell, Cell]  # the first and the last cell of a rectangle


def boxes_overlap(one: Box, other: Box) -> bool:
    """Whether two rectangles share a cell."""
    (top, left), (bottom, right) = one
    (other_top, other_left), (other_bottom, other_right) = other
    return not (
        bottom < other_top or other_bottom < top or right < other_left or other_right < left
    )


# --- records --------------------------------------------------------------------------------------


def first_record(grid: Grid, header: int, lines: Sequence[int]) -> int | None:
    """Return the line of the first record below a header; None if no numbers or formulas follow.

    Args:
        lines: the lines of the quantities, across.
    """
    below = range(header + 1, header + 2 + MAX_LINES_BEFORE_DATA)
    return next((along for along in below if _may_be_record(grid, along, lines)), None)


def record_lines(grid: Grid, first: int, lines: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Return the lines of the records from the first one on; [] if there are only summaries.

    Args:
        lines: the lines of the quantities, across.
        weights: those of the parameters, by which a table that goes on differs from another one.
    """
    records: list[int] = []
    following: int | None = first
    while following is not None:
        run = [following]
        while grid.is_filled(run[-1] + 1, lines):
            run.append(run[-1] + 1)
        records += _without_summaries(grid, run, lines)
        if not records:
            return []
        following = _continuation(grid, records, run[-1], lines, weights)
    return records


def _may_be_record(grid: Grid, along: int, lines: Sequence[int]) -> bool:
    return grid.is_filled(along, lines) and not _numbers_columns(grid, along, lines)


def _numbers_columns(grid: Grid, along: int, lines: Sequence[int]) -> bool:
    """Whether a line numbers the columns below their headers: 1, 2, 3 …"""
    numbers = [(across, grid.number(along, across)) for across in sorted(lines)]
    return len(numbers) >= MIN_NUMBERED and all(
        before is not None and after is not None and after - before in range(1, at - place + 1)
        for (place, before), (at, after) in pairwise(numbers)
    )


def oldest_first(
    grid: Grid, records: Sequence[int], lines: Sequence[int], counter: int | None = None
) -> Sequence[int]:
    """Return the records in the order of the iterations, where the newest stands first.

    It does if the columns that refer to themselves refer to the next line, and none to the one
    before. Without formulas, the numbers of the iterations fall.

    Args:
        lines: the lines of the quantities, across.
        counter: the line of the numbers of the iterations.
    """
    if len(records) < 2:
        return records

    def refers_to_itself(place: int, other: int) -> bool:
        return any(
            Address(grid.sheet.title, *grid.cell(records[other], across))
            in used_cells(grid.sheet, grid.cell(records[place], across))
            for across in lines
        )

    to_next, to_previous = refers_to_itself(0, 1), refers_to_itself(1, 0)
    if not to_next and not to_previous and counter is not None:
        numbers = [grid.number(along, counter) for along in records]
        steps = {b - a for a, b in pairwise(numbers) if a is not None and b is not None}
        return records[::-1] if None not in numbers and steps == {-1} else records
    return records[::-1] if to_next and not to_previous else records


def _without_summaries(grid: Grid, run: list[int], lines: Sequence[int]) -> list[int]:
    if len(run) > MAX_CHECKED_LINES:
        return run[:-8] + _without_summaries(grid, run[-8:], lines)
    return [along for along in run if not is_summary_line(grid, along, lines)]


def is_summary_line(grid: Grid, along: int, lines: Sequence[int]) -> bool:
    """Whether most formulas of a line take several records of their own column, and no other's."""
    formulas = 0
    summaries = 0
    for across in lines:
        formula = grid.formula(along, across)
        if formula is None:
            continue
        formulas += 1
        if _has_own_range(grid, formula, along, across) or _is_change(grid, formula, along, across):
            summaries += 1
        elif not summaries:
            return False  # the first formula decides, so that records cost little
    return 0 < formulas < 2 * summaries or (summaries > 0 and summaries == formulas)


def _has_own_range(grid: Grid, formula: str, along: int, across: int) -> bool:
    """Whether a formula has a range of records of its column; in a look-up, its own is in it."""
    if ":" not in formula:
        return False
    for left, top, right, bottom in _RANGE.findall(_LOOKUP.sub("", formula)):
        ends = [(int(top), number_of_column(left.upper()))]
        ends.append((int(bottom), number_of_column(right.upper())))
        (first, low), (last, high) = (grid.position(end) for end in ends)
        if first != last and low <= across <= high and not first <= along <= last:
            return True
    return False


def _is_change(grid: Grid, formula: str, along: int, across: int) -> bool:
    """Whether a formula uses two records of its own column and nothing else: ``=C31-C2``."""
    if ":" in formula or "!" in formula:
        return False
    used = {
        grid.position((int(digits), number_of_column(letters.upper())))
        for _, letters, _, digits in REFERENCE.findall(formula)
    }
    return len(used) > 1 and all(at == across and line < along for line, at in used)


def _continuation(
    grid: Grid, records: list[int], end: int, lines: Sequence[int], weights: Sequence[int]
) -> int | None:
    """Return the line where the table goes on after a gap, or None."""
    for along in range(end + 1, end + 1 + MAX_GAP):
        if grid.is_filled(along, lines):
            if is_summary_line(grid, along, lines):
                continue
            if len(records) == 1 and any(
                is_header_line(grid, line, lines) for line in range(end + 1, along)
            ):
                return None  # a form: the labels are repeated for each record
            return along if _goes_on(grid, records, along, lines, weights) else None
    return None


def is_header_line(grid: Grid, along: int, lines: Sequence[int]) -> bool:
    """Whether most of the lines across have a text."""
    return 2 * sum(bool(grid.text(along, across)) for across in lines) > len(lines)


def _goes_on(
    grid: Grid, records: list[int], along: int, lines: Sequence[int], weights: Sequence[int]
) -> bool:
    """Whether a line continues the records above: by its formulas, or its numbers."""
    last = records[-1]
    filled = [across for across in lines if grid.has_content(last, across)]
    same_place = sum(grid.has_content(along, across) for across in filled)
    if 5 * same_place < 4 * len(filled):
        return False
    if len(records) > 1:
        weights = _without_gradients(grid, records, weights)
    updated = [across for across in weights if grid.formula(along, across) is not None]
    if weights and 2 * len(updated) < len(weights):
        if any(grid.formula(record, across) for record in records[1:2] for across in weights):
            return False  # typed parameters where formulas were: another training
        start = [grid.number(records[0], across) for across in weights]
        return [grid.number(along, across) for across in weights] != start
    refers = sum(refers_to(grid, along, across, last) for across in updated)
    if 2 * refers < len(updated):
        return False
    return have_same_formulas(grid, (last, along), [line for line in filled if line not in weights])


def have_same_formulas(grid: Grid, records: tuple[int, int], lines: Sequence[int]) -> bool:
    """Whether most formulas of two records are the same, or use the same cells; or none has one."""
    pairs = [
        (before, after)
        for across in lines
        if (before := _relative(grid, records[0], across)) is not None
        and (after := _relative(grid, records[1], across)) is not None
    ]
    return (
        not pairs
        or 2 * sum(before == after for before, after in pairs) >= len(pairs)
        or _use_same_cells(grid, records, lines)
    )


def _without_gradients(grid: Grid, records: list[int], weights: Sequence[int]) -> list[int]:
    """Leave out what is computed from its own record alone: gradients, headed as the weights.

    A typed one beside these, where nothing is updated, is a gradient, too.
    """
    last, before = records[-1], records[-2]
    computed = [across for across in weights if grid.formula(last, across) is not None]
    updated = [across for across in computed if refers_to(grid, last, across, before)]
    if computed and not updated:
        return []
    return [across for across in weights if across in updated or across not in computed]


def _use_same_cells(grid: Grid, records: tuple[int, int], lines: Sequence[int]) -> bool:
    """Whether most formulas of two records use the same cells, of their record or fixed ones."""

    def used(along: int, across: int) -> list[tuple[str, int | None, int]]:
        places = (
            (address.sheet, *grid.position((address.row, address.column)))
            for address in used_cells(grid.sheet, grid.cell(along, across))
        )
        return [(sheet, None if line == along else line, at) for sheet, line, at in places]

    pairs = [(before, used(records[1], at)) for at in lines if (before := used(records[0], at))]
    return 2 * sum(before == after for before, after in pairs) >= len(pairs)


def refers_to(grid: Grid, along: int, across: int, line: int) -> bool:
    """Whether the formula at a position uses a cell of a line."""
    return any(
        grid.position((address.row, address.column))[0] == line
        for address in used_cells(grid.sheet, grid.cell(along, across))
        if address.sheet == grid.sheet.title
    )


def _relative(grid: Grid, along: int, across: int) -> str | None:
    """Return a formula with its relative references as distances, or None."""
    formula = grid.formula(along, across)
    return None if formula is None else relative_formula(formula, grid.cell(along, across))


# --- columns --------------------------------------------------------------------------------------


def region_columns(
    grid: Grid,
    header: int,
    records: Sequence[int],
    known: Collection[int],
    limits: tuple[int, int],
) -> dict[int, Column]:
    """Return all columns of a region by their line, in the order of the sheet.

    They are those between and beside the known ones that are filled along the records, and those
    further away that formulas connect with them.

    Args:
        limits: the first and the last line, beyond which are other tables.
    """
    some = _samples(records)
    low, high = min(known), max(known)
    while low > limits[0] and _is_filled_along(grid, some, low - 1):
        low -= 1
    is_typed = not any(grid.formula(along, across) for along in some for across in known)
    while high < limits[1]:
        if _is_filled_along(grid, some, high + 1):
            high += 1
        elif is_typed and high + 1 < limits[1] and _is_headed(grid, header, some, high + 2):
            high += 2  # no formula connects what is beyond the gap
        else:
            break
    inside = [
        across
        for across in range(low, high + 1)
        if across in known or _is_filled_along(grid, some, across)
    ]
    beyond = _connected(grid, records, inside)
    connected = (line for line in beyond if limits[0] <= line <= limits[1])
    across_all = sorted({*inside, *connected})
    places = Places(records)
    return {across: column_at(grid, header, across, places, low) for across in across_all}


def _samples(records: Sequence[int]) -> list[int]:
    step = max(len(records) // SAMPLES, 1)
    return list(dict.fromkeys([*records[:2], *records[2::step], records[-1]]))


def _is_filled_along(grid: Grid, some: Sequence[int], across: int) -> bool:
    filled = sum(grid.has_content(along, across) for along in some)
    return filled > 0 and 2 * filled >= len(some)


def _is_headed(grid: Grid, header: int, some: Sequence[int], across: int) -> bool:
    """Whether a line has a header beside the others', and a number in each of some records."""
    return bool(grid.text(header, across)) and all(
        grid.number(along, across) is not None for along in some
    )


def _connected(grid: Grid, records: Sequence[int], inside: Sequence[int]) -> Iterator[int]:
    """Yield the lines beyond a gap that the region's formulas use, or whose formulas use it.

    Their formulas may use it by others beyond the gap: a gradient uses δ, and δ the weights.
    """
    some = _samples(records)
    low, high = inside[0], inside[-1]
    nearby = [*range(max(low - MAX_DISTANCE, 1), low), *range(high + 1, high + MAX_DISTANCE + 1)]
    filled = [across for across in nearby if _is_filled_along(grid, some, across)]
    uses = {
        across: {*_used_in_line(grid, some, across), *_used_above(grid, records, across)}
        for across in (*filled, *(inside if filled else ()))
    }
    known = set(range(low, high + 1))
    used = {across for line in inside for across in uses.pop(line, ())}
    while found := [at for at in uses if at in used or not known.isdisjoint(uses[at])]:
        known.update(found)
        for across in found:
            del uses[across]
        yield from found


def _used_in_line(grid: Grid, some: Sequence[int], across: int) -> set[int]:
    """Return the lines that the second record's formula uses, or the next one that is no number."""
    computed = (along for along in some[1:] if grid.formula(along, across) is not None)
    along = next(computed, some[0])
    return _used_of_record(grid, (along, along), across)


def _used_above(grid: Grid, records: Sequence[int], across: int) -> set[int]:
    """Return the lines of which two records use the record above: an update, its gradient.

    Only one does that of a fixed cell beside the first record: η.
    """
    pairs = [_used_of_record(grid, pair, across) for pair in pairwise(records[:3])]
    return pairs[0] & pairs[1] if len(pairs) == 2 else set()


def _used_of_record(grid: Grid, place: tuple[int, int], across: int) -> set[int]:
    """Return the lines that a formula uses of a record.

    Args:
        place: the record used, and that of the formula.
    """
    return {
        position
        for address in used_cells(grid.sheet, grid.cell(place[1], across))
        if address.sheet == grid.sheet.title
        for line, position in [grid.position((address.row, address.column))]
        if line == place[0]
    }


def column_at(grid: Grid, header: int, across: int, places: Places, low: int) -> Column:
    """Return the column in a line, with its header and the header of its group.

    Args:
        low: the first line of the region, where groups can begin.
    """
    title = grid.sheet.title
    cells = LineCells(title, across, places, is_transposed=grid.is_transposed)
    text, line = grid.text(header, across), header
    if not text and header > 1:
        text, line = grid.text(header - 1, across), header - 1
    address = Address(title, *grid.cell(line, across)) if text else None
    group = _group_above(grid, line - 1, across, low, text) if line > 1 else ""
    return Column(address, text, group, cells, {title: grid.sheet})


def _group_above(grid: Grid, line: int, across: int, low: int, header: str) -> str:
    """Return the header of a column's group, which ends before a header occurs again."""
    for position in range(across, low - 1, -1):
        if header and position < across and grid.text(line + 1, position) == header:
            return ""
        if grid.number(line, position) is not None:
            return ""
        if text := grid.text(line, position):
            return text
    return ""
