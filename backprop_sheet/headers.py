"""The headers that people write, and the tables of the exercise that they stand over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backprop_sheet.equations import COLUMNS, LEARNING_RATE, Role
from backprop_sheet.reading import Cell, Sheet, number

FEWEST_COLUMNS = 8  # under this, a row of names is a legend, not a table
MOST_ROWS_BEFORE_DATA = 3  # units, a second header line, a blank line

_D = "(?:∂|δ|d|∇|ð|partial)"
_E = "(?:e|err|error|loss|l)(?:t|tot|total)?|(?:total)(?:e|err|error|loss)"
_RATE = "(?:η|ɳ|ƞ|eta|lr|α|alpha|learningrate)(?:η|lr)?"

# What a header is when case, spaces, underscores, brackets and the like are gone.
_DIALECTS: tuple[tuple[str, str], ...] = (
    (r"(?:w|weight)([1-8])", "w{}"),
    (rf"{_D}(?:{_E})/?{_D}(?:w|weight)([1-8])", "∂E/∂w{}"),
    (rf"(?:{_E})/?{_D}w([1-8])", "∂E/∂w{}"),
    (rf"{_D}(?:e|err|error|l)o?[12]/?{_D}w([5-8])", "∂E/∂w{}"),  # only one error knows w5 to w8
    (rf"{_D}w([1-8])", "∂E/∂w{}"),
    (r"(?:g|grad|gradient)(?:of)?w([1-8])", "∂E/∂w{}"),
    (r"w([1-8])(?:g|grad|gradient)", "∂E/∂w{}"),
    (r"(?:net|z|in|sum)?h([12])(?:net|in|sum)?", "h{}"),
    (r"(?:net|z|in|sum)?o([12])(?:net|in|sum)?", "o{}"),
    (r"(?:a|ac|act|activation|out|output|σ|sigmoid|sig)(?:of)?h([12])", "a_h{}"),
    (r"(?:a|ac|act|activation|out|output|σ|sigmoid|sig)(?:of)?o([12])", "a_o{}"),
    (r"h([12])(?:a|act|activation|out|output|σ|sigmoid)", "a_h{}"),
    (r"o([12])(?:a|act|activation|out|output|σ|sigmoid)", "a_o{}"),
    (r"(?:t|target)([12])", "t{}"),
    (r"(?:i|x|in|input)([12])", "i{}"),
    (r"(?:e|err|error|loss)o?([12])", "E{}"),
    (rf"(?:{_E}|cost|∑e|σe|sume)", "E_total"),
    (r"(?:iterations?|iter|steps?|epochs?|no|n|#|sno)", "iteration"),
    (_RATE, LEARNING_RATE),
)
_PATTERNS = tuple((re.compile(pattern), name) for pattern, name in _DIALECTS)
_NUMBER = r"([+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)"
_RATE_IN_TEXT = re.compile(rf"{_RATE}(?:=|:|is)*{_NUMBER}")


def _bare(header: str) -> str:
    folded = unicodedata.normalize("NFKC", header[:80]).replace("∆", "δ").casefold()
    return re.sub(r"[\s_{}\\$^()\[\]:;*'\"=]+", "", folded).replace("ς", "σ").rstrip(".,")


def column_of(header: Any) -> str | None:
    """Which column of our own table a header means, ``iteration``, ``η``, or None."""
    if not isinstance(header, str) or not header or len(header) > 80:
        return None
    bare = _bare(header)
    for pattern, name in _PATTERNS:
        if match := pattern.fullmatch(bare):
            return name.format(*match.groups())
    return None


@dataclass
class Table:
    """A table of the exercise: where its columns and rows are. Rows are sheet rows, from 1."""

    header_row: int
    columns: dict[str, int]
    first_row: int = 0
    last_row: int = 0
    by_column: dict[int, str] = field(default_factory=dict)

    def name_at(self, cell: Cell) -> str | None:
        """The quantity that a cell of the table holds, or None outside it."""
        if self.first_row <= cell[0] <= self.last_row:
            return self.by_column.get(cell[1])
        return None


def find_tables(sheet: Sheet) -> list[Table]:
    """Every table of the exercise in the sheet, in reading order; rows without a number end one."""
    headers: dict[int, list[tuple[int, str]]] = {}
    for (row, column), value in sheet.values.items():
        if isinstance(value, str) and (name := column_of(value)):
            headers.setdefault(row, []).append((column, name))
    tables = []
    for row, found in sorted(headers.items()):
        for columns in _split(sorted(found)):
            table = Table(row, columns)
            if _is_table(columns) and _find_rows(sheet, table):
                _drop_lone_rate(sheet, table)
                table.by_column = {at: name for name, at in columns.items()}
                tables.append(table)
    return tables


def _split(found: list[tuple[int, str]]) -> Iterator[dict[str, int]]:
    """Tables side by side: a name that comes again begins the next one, unless it is alone."""
    columns: dict[str, int] = {}
    rest: list[tuple[int, str]] = []
    for at, (column, name) in enumerate(found):
        if name in columns:
            remaining = {again for _, again in found[at:]}
            if _is_table(dict.fromkeys(remaining, 0)):
                rest = found[at:]
                break
            continue  # a helper column with a similar header
        columns[name] = column
    yield columns
    if rest:
        yield from _split(rest)


def _is_table(columns: dict[str, int]) -> bool:
    known = [name for name in columns if name in COLUMNS]
    computed = {COLUMNS[name] for name in known} - {Role.GIVEN, Role.WEIGHT}
    return len(known) >= FEWEST_COLUMNS and bool(computed)


def _find_rows(sheet: Sheet, table: Table) -> bool:
    """Set the first and last row of the table; false if no numbers and no formulas follow."""
    places = [column for name, column in table.columns.items() if name in COLUMNS]

    def filled(row: int) -> bool:
        cells = [(row, column) for column in places]
        numbers = words = 0
        for cell in cells:
            value = sheet.values.get(cell)
            if cell in sheet.formulas or number(value) is not None:
                numbers += 1
            elif value is not None:
                words += 1
        return numbers > words

    row = table.header_row + 1
    while row <= table.header_row + MOST_ROWS_BEFORE_DATA and not filled(row):
        row += 1
    if not filled(row):
        return False
    table.first_row = row
    while filled(row + 1):
        row += 1
    table.last_row = row
    return True


def _drop_lone_rate(sheet: Sheet, table: Table) -> None:
    """One number under ``η`` is a label's, beside the table; a column has one in each row."""
    column = table.columns.get(LEARNING_RATE)
    if column is not None:
        numbers = [
            row
            for row in range(table.first_row, table.last_row + 1)
            if number(sheet.values.get((row, column))) is not None
        ]
        if len(numbers) < 2 <= table.last_row - table.first_row + 1:
            del table.columns[LEARNING_RATE]


def learning_rate_beside(sheet: Sheet, table: Table) -> dict[Cell, float]:
    """Learning rates that the sheet says in words: ``η`` with a number right of it or below it, or
    ``LR = 0.5`` in one cell, outside the table's rows; by cell, in reading order.
    """
    found: dict[Cell, float] = {}
    for (row, column), value in sorted(sheet.values.items()):
        if not isinstance(value, str) or len(value) > 80:
            continue
        if column in table.by_column and table.header_row <= row <= table.last_row:
            continue
        if match := _RATE_IN_TEXT.fullmatch(_bare_rate(value)):
            found[row, column] = float(match[1].replace(",", "."))
        elif column_of(value) == LEARNING_RATE:
            for cell in ((row, column + 1), (row, column + 2), (row + 1, column)):
                if (rate := number(sheet.values.get(cell))) is not None:
                    found[cell] = rate
                    break
    return found


def _bare_rate(value: str) -> str:
    return re.sub(r"[\s_()\[\]]+", "", unicodedata.normalize("NFKC", value).casefold())
