"""Read the cells of a worksheet part: their stored values and their formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import IO, Any, NamedTuple

from backprop_sheet.audit.read.cell_values import plain_number, plain_text, plain_value
from backprop_sheet.audit.read.formulas import ArrayFormula, Formulas, SharedFormula
from backprop_sheet.audit.read.limits import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT,
    UnreadableWorkbookError,
)
from backprop_sheet.audit.read.references import Cell, cell_text
from backprop_sheet.audit.read.xml_stream import XmlStream, main_names
from gradsheet.excel.column_letters import number_of_column

_NAMES = main_names("worksheet", "row", "c", "v", "f", "is", "t", "rPh")
MAX_ARRAY_CELLS = 10_000  # of a sheet's formulas of several cells; the others keep their values

_LETTERS = re.compile("[A-Z]{1,3}")
_REFERENCE = re.compile(r"\s*([A-Za-z]{1,3})([0-9]{1,7})\s*", re.ASCII)


class _Columns(dict[str, int | None]):
    """The numbers of columns by their letters, each found when it is first needed."""

    def __missing__(self, letters: str) -> int | None:
        if not _LETTERS.fullmatch(letters):
            return None
        column = number_of_column(letters)
        self[letters] = column if column <= MAX_COLUMNS else None
        return self[letters]


_COLUMNS = _Columns()


class SheetCells(NamedTuple):
    """The cells of a sheet.

    Attributes:
        values: the stored values: float, str or bool. A cell without one is left out.
        formulas: the formulas, with their leading ``=``.
    """

    values: dict[Cell, Any]
    formulas: Formulas


def read_sheet_cells(part: IO[bytes], shared_strings: Callable[[], Sequence[str]]) -> SheetCells:
    """Read a worksheet part.

    Args:
        shared_strings: returns the workbook's shared strings; called if a cell needs them.

    Raises:
        UnreadableWorkbookError: a cell is outside the sheet or refers to a string that does not
            exist, there are too many cells, or the part is not a worksheet.
        expat.ExpatError: the part is not well-formed.
    """
    cells = SheetCells({}, Formulas())
    handlers = _Handlers(cells, shared_strings)
    try:
        handlers.read(part)
    finally:
        handlers.detach()
    return cells


class _Handlers:
    """Handles the elements of a worksheet part."""

    def __init__(self, cells: SheetCells, shared_strings: Callable[[], Sequence[str]]) -> None:
        self._values, self._formulas = cells
        self._shared_strings = shared_strings
        self._strings: Sequence[str] | None = None
        self._shared: dict[str, SharedFormula] = {}
        self._array_cells = 0  # of arrays with several cells
        self._row, self._row_text, self._column = 0, "0", 0
        self._kind, self._stored = "", ""
        self._formula: dict[str, str] | None = None
        self._formula_text = ""
        self._is_in_cell = self._is_phonetic = self._is_worksheet = False
        self._stream = XmlStream()
        self._text = self._stream.text
        self._starts = self._handlers(
            row=self._start_row, c=self._start_cell, v=self._start_text, f=self._start_formula,
            t=self._start_text, rPh=self._start_phonetic, worksheet=self._start_worksheet,
        )  # fmt: skip
        self._ends = self._handlers(
            c=self._end_cell, v=self._end_value, f=self._end_formula, t=self._end_inline_text,
            rPh=self._end_phonetic,
        )  # fmt: skip

    @staticmethod
    def _handlers(**handlers: Callable[..., None]) -> dict[str, Callable[..., None]]:
        return {full: handlers[name] for full, name in _NAMES.items() if name in handlers}

    def read(self, part: IO[bytes]) -> None:
        starts, ends = self._starts, self._ends

        def start(name: str, attributes: dict[str, str]) -> None:
            if handler := starts.get(name):
                handler(attributes)

        def end(name: str) -> None:
            if handler := ends.get(name):
                handler()

        self._stream.parse(part, start, end)
        if not self._is_worksheet:
            raise UnreadableWorkbookError("is not a worksheet")

    def detach(self) -> None:
        """Forget the cells, as the handlers refer to themselves and stay in memory for a while."""
        self._values, self._formulas = {}, Formulas()

    def _start_worksheet(self, _: dict[str, str]) -> None:
        self._is_worksheet = True

    # --- rows and cells ---

    def _start_row(self, attributes: dict[str, str]) -> None:
        text = attributes.get("r")
        if text is None:
            row = self._row + 1
        else:
            try:
                row = int(float(text))
            except (ValueError, OverflowError):
                row = 0
        if not 1 <= row <= MAX_ROWS:
            raise UnreadableWorkbookError(f"has a row with an impossible number: {text or row}")
        self._row, self._row_text, self._column = row, str(row), 0

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
            if self._column > MAX_COLUMNS or not self._row:
                raise UnreadableWorkbookError("has a cell outside the sheet")
        else:
            row = self._row_text
            column = _COLUMNS[reference[: -len(row)]]
            if column is not None and reference.endswith(row):  # the usual case, for speed
                self._column = column
            else:
                self._place(reference)
        self._kind = attributes.get("t", "")
        self._stored = ""
        self._formula = None
        self._is_in_cell = True
        self._is_phonetic = False

    def _place(self, reference: str) -> None:
        """Set the position of a cell whose reference is unusual."""
        match = _REFERENCE.fullmatch(reference)
        row, column = (int(match[2]), number_of_column(match[1])) if match else (0, 0)
        if not (1 <= row <= MAX_ROWS and 1 <= column <= MAX_COLUMNS):
            raise UnreadableWorkbookError(f"has a cell with an impossible reference: {reference}")
        self._row, self._row_text, self._column = row, str(row), column

    def _end_cell(self) -> None:
        self._is_in_cell = False
        cell = (self._row, self._column)
        if self._formula is not None:
            self._add_formula(cell, self._formula)
        if stored := self._stored:
            kind = self._kind
            if kind in ("", "n"):
                self._values[cell] = plain_number(stored)
            elif kind == "s":
                self._values[cell] = self._string(stored)
            else:
                self._values[cell] = plain_value(stored, kind)
        if len(self._values) > MAX_CELLS or len(self._formulas) > MAX_CELLS:
            raise UnreadableWorkbookError("is too large to check")

    def _string(self, index: str) -> str:
        if self._strings is None:
            self._strings = self._shared_strings()
        try:
            at = int(index) if len(index) < 10 else -1
        except ValueError:
            at = -1
        if not 0 <= at < len(self._strings):
            cell = cell_text((self._row, self._column))
            raise UnreadableWorkbookError(f"is damaged: the text of cell {cell} is missing")
        return self._strings[at]

    # --- what a cell has ---

    def _start_text(self, _: dict[str, str]) -> None:
        self._text.clear()

    def _end_value(self) -> None:
        if self._is_in_cell and self._kind != "inlineStr":
            self._stored = "".join(self._text)[:MAX_TEXT]

    def _end_inline_text(self) -> None:
        if self._is_in_cell and self._kind == "inlineStr" and not self._is_phonetic:
            self._stored = (self._stored + "".join(self._text))[:MAX_TEXT]

    def _start_phonetic(self, _: dict[str, str]) -> None:
        self._is_phonetic = True

    def _end_phonetic(self) -> None:
        self._is_phonetic = False

    def _start_formula(self, attributes: dict[str, str]) -> None:
        self._text.clear()
        self._formula = attributes

    def _end_formula(self) -> None:
        if self._is_in_cell:
            self._formula_text = "=" + "".join(self._text)

    def _add_formula(self, cell: Cell, attributes: dict[str, str]) -> None:
        text, kind = self._formula_text, attributes.get("t") if attributes else None
        if kind == "shared":
            index = attributes.get("si", "")
            shared = self._shared.get(index)
            if shared is None and text != "=":
                shared = self._shared[index] = SharedFormula(text, *cell)
            if shared is not None:
                self._formulas[cell] = shared
                return
        elif kind == "array":
            block = _block_of(attributes.get("ref", ""))
            if len(block) > 1 and self._array_cells + len(block) <= MAX_ARRAY_CELLS:
                self._array_cells += len(block)
                array = ArrayFormula(text, *block[0])
                self._formulas.update(dict.fromkeys(block, array))
                return
        elif kind == "dataTable":
            text = f"=TABLE({attributes.get('r1', '')},{attributes.get('r2', '')})"
        self._formulas[cell] = text


def _block_of(reference: str) -> list[Cell]:
    """Return the cells of a range, row by row; [] if it is none, or a large one."""
    ends = [_REFERENCE.fullmatch(end) for end in reference.split(":")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return []
    (left, top), (right, bottom) = (
        (number_of_column(end[1]), int(end[2])) for end in ends if end is not None
    )
    is_inside = 1 <= top <= bottom <= MAX_ROWS and 1 <= left <= right <= MAX_COLUMNS
    if not is_inside or (bottom - top + 1) * (right - left + 1) > MAX_ARRAY_CELLS:
        return []
    return [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]


def read_shared_strings(part: IO[bytes], most: int) -> list[str]:
    """Return the shared strings: rich texts without their formats, and without phonetic texts.

    Raises:
        UnreadableWorkbookError: there are more than ``most``.
        expat.ExpatError: the part is not well-formed.
    """
    names = main_names("si", "t", "rPh")
    stream = XmlStream()
    strings: list[str] = []
    pieces: list[str] = []
    is_phonetic = False

    def start(full: str, _: dict[str, str]) -> None:
        nonlocal is_phonetic
        name = names.get(full)
        if name == "t":
            stream.text.clear()
        elif name == "si":
            pieces.clear()
        elif name == "rPh":
            is_phonetic = True

    def end(full: str) -> None:
        nonlocal is_phonetic
        name = names.get(full)
        if name == "t":
            if not is_phonetic and len(pieces) < MAX_TEXT:
                pieces.append("".join(stream.text)[:MAX_TEXT])
        elif name == "si":
            strings.append(plain_text("".join(pieces)[:MAX_TEXT]))
            if len(strings) > most:
                raise UnreadableWorkbookError("has too many texts to check")
        elif name == "rPh":
            is_phonetic = False

    stream.parse(part, start, end)
    return strings
