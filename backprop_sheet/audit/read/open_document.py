"""Read the cells of an untrusted OpenDocument spreadsheet (.ods; OpenDocument 1.3 part 3).

All sheets are in one part, which is parsed as a stream; a cell or row is written once with the
number of its repetitions. Only what has content is repeated, and only so often.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import IO, Any, NamedTuple

from backprop_sheet.audit.read.cell_values import plain_number
from backprop_sheet.audit.read.formulas import Formulas
from backprop_sheet.audit.read.limits import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_DEFINED_NAMES,
    MAX_ROWS,
    MAX_SHEETS,
    MAX_TEXT,
    REPAIR,
    UnreadableWorkbookError,
)
from backprop_sheet.audit.read.open_formula import excel_formula, excel_reference
from backprop_sheet.audit.read.package import Package
from backprop_sheet.audit.read.references import Cell
from backprop_sheet.audit.read.sheet_cells import SheetCells
from backprop_sheet.audit.read.xml_stream import XmlStream

CONTENT = "content.xml"
_MANIFEST, _ENCRYPTED = "META-INF/manifest.xml", b"encryption-data"
_ENCRYPTED_PART = "encrypted-package"
_MAX_REPEATED = MAX_CELLS  # cells of a workbook that only repetitions make

_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT = f"{_NS}table:1.0 ", f"{_NS}office:1.0 ", f"{_NS}text:1.0 "
_CALCEXT = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_NAMES = (f"{_TABLE}named-range", f"{_TABLE}named-expression")
# Whatever is in these is not shown in the cells of a sheet.
_SKIPPED = frozenset(
    (
        f"{_OFFICE}annotation", f"{_OFFICE}forms", f"{_OFFICE}event-listeners",
        f"{_TABLE}shapes", f"{_TABLE}dde-links", f"{_TABLE}tracked-changes",
        f"{_TABLE}content-validations", f"{_TEXT}ruby-text", f"{_TEXT}note",
    )
)  # fmt: skip
_NUMBERS = ("float", "percentage", "currency")
_DATE = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d(?:[.,]\d{1,20})?)Z?)?\s*", re.ASCII
)
_TIME = re.compile(
    r"\s*(-?)PT(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d{1,20})?)S)?\s*", re.ASCII
)
_DAY = 86_400  # seconds
_FIRST_DAY = date(1899, 12, 30).toordinal()  # number 0, unless the document says otherwise
_ERRORS = {"Err:503": "#NUM!", "Err:508": "#NAME?", "Err:524": "#REF!", "Err:525": "#NAME?"}


class ReadSheet(NamedTuple):
    """A sheet: its title, its cells, and the names that its formulas can use, case-folded."""

    title: str
    cells: SheetCells
    names: dict[str, str]


def is_open_document(package: Package) -> bool:
    """Whether a package is an OpenDocument file, encrypted ones included."""
    is_office = package.has("[Content_Types].xml")
    return not is_office and (package.has(CONTENT) or package.has(_ENCRYPTED_PART))


def read_open_document(
    package: Package, on_unreadable: Callable[[str, str], None] | None
) -> Iterator[ReadSheet]:
    """Yield the sheets one at a time, as :func:`backprop_sheet.audit.read.workbook.read_sheets`.

    Raises:
        UnreadableWorkbookError: the document is encrypted, damaged, too large or no spreadsheet.
        expat.ExpatError: it is not well-formed.
    """
    if package.has(_ENCRYPTED_PART) or _is_encrypted(package):
        raise UnreadableWorkbookError("is encrypted: remove the password")
    stream = XmlStream()
    handlers = _Handlers(_global_names(package), stream.text)
    with package.open(CONTENT) as part:
        for _ in stream.blocks(part, handlers.start, handlers.end):
            yield from _finished(handlers, on_unreadable)
    yield from _finished(handlers, on_unreadable)
    if not handlers.is_spreadsheet:
        raise UnreadableWorkbookError("is an OpenDocument file, but not a spreadsheet (.ods)")


def _is_encrypted(package: Package) -> bool:
    if not package.has(_MANIFEST):
        return False
    with package.open_small(_MANIFEST) as part:
        return _ENCRYPTED in part.read()


def _finished(
    handlers: _Handlers, on_unreadable: Callable[[str, str], None] | None
) -> Iterator[ReadSheet]:
    while handlers.finished:
        title, sheet = handlers.finished.popleft()
        if isinstance(sheet, ReadSheet):
            yield sheet
            del sheet  # before the next sheet is read
        elif on_unreadable is None:
            raise UnreadableWorkbookError(sheet)
        else:
            on_unreadable(title, sheet)


# ---------------------------------------------------------------------------------------------
# Names


def _global_names(package: Package) -> dict[str, str]:
    """Return the names of the whole workbook, which come after all sheets."""
    with package.open(CONTENT) as part:
        if not _has_names(part):
            return {}
    found: dict[str, str] = {}
    in_tables = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal in_tables
        if name == f"{_TABLE}table":
            in_tables += 1
        elif name in _NAMES and not in_tables:
            _add_name(found, attributes)

    def end(name: str) -> None:
        nonlocal in_tables
        in_tables -= name == f"{_TABLE}table"

    with package.open(CONTENT) as part:
        XmlStream().parse(part, start, end)
    return found


def _has_names(part: IO[bytes]) -> bool:
    """Whether there may be names; this is much faster than parsing."""
    before = b""
    while block := part.read(2**20):
        if b"named-" in before + block:
            return True
        before = block[-8:]
    return False


def _add_name(names: dict[str, str], attributes: Mapping[str, str]) -> None:
    if len(names) >= MAX_DEFINED_NAMES:
        raise UnreadableWorkbookError(f"has more than {MAX_DEFINED_NAMES:,} defined names")
    name = attributes.get(f"{_TABLE}name", "").casefold()
    address = attributes.get(f"{_TABLE}cell-range-address")
    expression = attributes.get(f"{_TABLE}expression")
    if address is not None:
        names[name] = excel_reference(address)
    elif expression is not None:
        names[name] = excel_formula(expression).removeprefix("=")


# ---------------------------------------------------------------------------------------------
# Cells


class _TooLargeError(Exception):
    """A sheet has more than can be checked."""


class _Handlers:
    """Handles the elements of the content.

    Attributes:
        finished: the titles of sheets that were read to their end, each with the sheet or with the
            reason why it cannot be read.
    """

    def __init__(self, names: dict[str, str], text: list[str]) -> None:
        self._text = text  # the pieces since the last element of a paragraph
        self.finished: deque[tuple[str, ReadSheet | str]] = deque()
        self.is_spreadsheet = False
        self._global_names, self._names = names, dict[str, str]()
        self._sheets = self._depth = self._skipped = self._paragraph = 0
        self._repeated = 0  # cells of the workbook that repetitions made
        self._first_day = _FIRST_DAY
        self._title: str | None = None  # of the sheet that is being read
        self._problem, self._is_external = "", False
        self._cells = SheetCells({}, Formulas())
        self._row = self._rows = self._column = self._columns = 0
        self._in_row: list[tuple[int, int, Any, str]] = []  # column, repetitions, value, formula
        self._cell: dict[str, str] | None = None
        self._cell_depth = 0
        self._paragraphs: list[str] = []
        self._pieces: list[str] = []

    def _take_text(self) -> None:
        """Keep what was read since the last element of a paragraph."""
        if self._text and len(self._pieces) < MAX_TEXT:
            self._pieces.append("".join(self._text)[:MAX_TEXT])
        self._text.clear()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._skipped:
            return
        if self._paragraph:
            self._take_text()
        if name in _SKIPPED or (name == f"{_TABLE}table" and self._title is not None):
            self._skipped = self._depth
        elif self._paragraph:
            self._start_in_paragraph(name, attributes)
        elif self._cell is not None:
            if name == f"{_TEXT}p" and self._depth == self._cell_depth + 1:
                self._paragraph, self._pieces = self._depth, []
                self._text.clear()
        elif name in _CELLS:
            self._start_cell(attributes)
        elif name == f"{_TABLE}table-row":
            self._start_row(attributes)
        elif name == f"{_TABLE}table":
            self._start_table(attributes)
        elif name == f"{_TABLE}table-source":
            self._is_external = True  # the values of another file, which no sheet shows
        elif name == f"{_OFFICE}spreadsheet":
            self.is_spreadsheet = True
        elif name == f"{_TABLE}null-date":
            day = _days(attributes.get(f"{_TABLE}date-value", ""), 0)
            self._first_day = int(day) if isinstance(day, float) else _FIRST_DAY
        elif name in _NAMES and self._title is not None:
            _add_name(self._names, attributes)

    def end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if self._skipped:
            if depth == self._skipped:
                self._skipped = 0
                self._text.clear()
        elif self._paragraph:
            self._take_text()
            if depth == self._paragraph:
                self._paragraphs.append("".join(self._pieces))
                self._paragraph = 0
        elif self._cell is not None:
            if depth == self._cell_depth:
                self._end_cell(self._cell)
        elif name == f"{_TABLE}table-row":
            self._end_row()
        elif name == f"{_TABLE}table" and self._title is not None:
            self._end_table(self._title)

    def _start_in_paragraph(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{_TEXT}s":
            spaces = _repetitions(attributes.get(f"{_TEXT}c", "1"), MAX_TEXT)
            self._pieces.append(" " * min(spaces, MAX_TEXT))
        elif name in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            self._pieces.append("\t" if name.endswith("tab") else "\n")

    # --- sheets and rows ---

    def _start_table(self, attributes: dict[str, str]) -> None:
        self._sheets += 1
        if self._sheets > MAX_SHEETS:
            raise UnreadableWorkbookError(f"has more than {MAX_SHEETS} sheets")
        self._title = attributes.get(f"{_TABLE}name", "")
        self._problem, self._is_external = "", False
        self._cells, self._names = SheetCells({}, Formulas()), dict(self._global_names)
        self._row = 1

    def _end_table(self, title: str) -> None:
        if not self._is_external:
            read = ReadSheet(title, self._cells, self._names)
            self.finished.append((title, self._problem or read))
        self._title, self._cells = None, SheetCells({}, Formulas())

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._rows = _repetitions(attributes.get(f"{_TABLE}number-rows-repeated", "1"), MAX_ROWS)
        self._in_row, self._column = [], 1

    def _end_row(self) -> None:
        if self._in_row and not self._problem:
            try:
                self._add_row()
            except _TooLargeError as error:
                self._problem = str(error)
                self._cells = SheetCells({}, Formulas())
        self._in_row = []
        self._row += self._rows

    def _add_row(self) -> None:
        """Add the cells of a row with content, as often as they are repeated."""
        written = len(self._in_row)
        once = sum(columns for _, columns, *_ in self._in_row)
        repeated = self._repeated + once * self._rows - written
        values, formulas = self._cells
        if repeated > _MAX_REPEATED:
            raise _TooLargeError("is too large to check")
        self._repeated = repeated
        last = max(column + columns - 1 for column, columns, *_ in self._in_row)
        if self._row + self._rows - 1 > MAX_ROWS or last > MAX_COLUMNS:
            raise _TooLargeError("has a cell outside the sheet")
        for row in range(self._row, self._row + self._rows):
            for first, columns, value, formula in self._in_row:
                for column in range(first, first + columns):
                    self._add((row, column), value, formula)
        if len(values) > MAX_CELLS or len(formulas) > MAX_CELLS:
            raise _TooLargeError("is too large to check")

    def _add(self, cell: Cell, value: Any, formula: str) -> None:
        if value is not None:
            self._cells.values[cell] = value
        if formula:
            self._cells.formulas[cell] = formula

    # --- cells ---

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._cell, self._cell_depth = attributes, self._depth
        self._paragraphs = []
        written = attributes.get(f"{_TABLE}number-columns-repeated", "1")
        self._columns = _repetitions(written, MAX_COLUMNS)

    def _end_cell(self, attributes: dict[str, str]) -> None:
        self._cell = None
        formula = attributes.get(f"{_TABLE}formula", "")
        value = _value(attributes, self._paragraphs, self._first_day)
        if (value is not None or formula) and not self._problem:
            written = excel_formula(formula) if formula else ""
            self._in_row.append((self._column, self._columns, value, written))
            if self._column > MAX_COLUMNS:
                self._problem = "has a cell outside the sheet"
        self._column += self._columns


def _repetitions(written: str, most: int) -> int:
    """Return how often a row, a cell or a space is repeated; ``most`` for more than that."""
    if written == "1":  # the usual case, for speed
        return 1
    text = written.strip()
    if not (text.isascii() and text.isdigit() and int(text[:12])):
        raise UnreadableWorkbookError(
            f"is damaged: something is repeated {written[:20]!r} times: {REPAIR}"
        )
    return min(int(text[:12]), most) if len(text) <= 12 else most


def _value(attributes: Mapping[str, str], paragraphs: list[str], first_day: int) -> Any:
    """Return what a cell stores; None for nothing. A date is the number that it is in Excel."""
    kind = attributes.get(f"{_OFFICE}value-type", "")
    shown = "\n".join(paragraphs)[:MAX_TEXT]
    if attributes.get(f"{_CALCEXT}value-type") == "error":
        return _ERRORS.get(shown, "#VALUE!" if shown.startswith("Err:") else shown) or None
    if kind in _NUMBERS:
        stored = attributes.get(f"{_OFFICE}value", "")
        return plain_number(stored) if stored else None
    if kind == "date":
        return _days(attributes.get(f"{_OFFICE}date-value", ""), first_day)
    if kind == "time":
        return _part_of_a_day(attributes.get(f"{_OFFICE}time-value", ""))
    if kind == "boolean":
        return attributes.get(f"{_OFFICE}boolean-value", "").strip() == "true"
    return attributes.get(f"{_OFFICE}string-value", "")[:MAX_TEXT] or shown or None


def _days(written: str, first_day: int) -> float | str | None:
    """Return the days since the first day. LibreOffice writes also small numbers in this way."""
    match = _DATE.fullmatch(written)
    try:
        day = date(*map(int, match.group(1, 2, 3))).toordinal() if match else 0
    except ValueError:
        match = None
    if match is None:
        return written[:MAX_TEXT] or None
    hours, minutes, seconds = ((part or "0").replace(",", ".") for part in match.group(4, 5, 6))
    return day - first_day + (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) / _DAY


def _part_of_a_day(written: str) -> float | str | None:
    match = _TIME.fullmatch(written)
    if match is None:
        return written[:MAX_TEXT] or None
    hours, minutes, seconds = ((part or "0").replace(",", ".") for part in match.group(2, 3, 4))
    size = (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) / _DAY
    return -size if match[1] else size
