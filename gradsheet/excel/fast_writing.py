"""Write large workbooks quickly: every use of XlsxWriter beyond its documented interface.

Four things take most of the time of writing a long table, and XlsxWriter has no setting for them:

- :class:`ReadyFormula` skips the search of formulas for functions that are newer than Excel 2007.
- :class:`RowWriter` writes a row of a table in one step. XlsxWriter takes one cell at a time,
  checks it, stores it, and writes it as XML when the next row begins. In constant-memory mode, it
  appends the XML of each finished row to a temporary file; RowWriter appends the same XML itself,
  from a template in which only row numbers and values change.
- :func:`cache_quickly` writes the numbers that a chart holds beside its references to cells in one
  step per series. Programs that do not read the cells, such as previews, draw these "caches".
- :func:`fast_compression` compresses at zlib's level 2: at the default level 6, compression takes
  half of the time of writing a large workbook. Level 2 takes a quarter of that, and the file is
  15 % larger.

If a version of XlsxWriter lacks a name in ``ROW_INTERNALS``, ``CHART_INTERNALS`` or
``FORMAT_INTERNALS``, the documented interface is used instead: the file is the same, but it takes
longer. A test says which names a new version has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import xlsxwriter.workbook
from xlsxwriter.chart import Chart
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

# The attributes of a worksheet, of a chart and of a format that are not documented.
ROW_INTERNALS = (
    "_check_dimensions", "_write_row", "_write_single_row", "_xml_end_tag", "constant_memory",
    "default_row_height", "fh", "previous_row", "row_data_fh", "row_info",
)  # fmt: skip
CHART_INTERNALS = (
    "_get_data_type", "_write_format_code", "_write_num_cache", "_write_pt_count", "_xml_end_tag",
    "_xml_start_tag",
)  # fmt: skip
FORMAT_INTERNALS = ("_get_xf_index",)
COMPRESSION_LEVEL = 2


def missing_internals(part: object, internals: Sequence[str]) -> list[str]:
    """Return the names that an object of XlsxWriter does not have."""
    return [name for name in internals if not hasattr(part, name)]


# --- formulas ---


class ReadyFormula(str):
    """A formula that XlsxWriter writes without searching it for newer functions.

    In a formula without ``_xlfn.``, XlsxWriter looks for functions that were added to Excel after
    2007 and marks them with this prefix. The search takes 29 regular expressions per formula and
    was 80 % of the time of writing a table. An instance of this class claims to contain the
    prefix, so that XlsxWriter skips the search. Use it only for formulas without such functions.
    If a later XlsxWriter tests for the prefix in another way, the file stays the same and is
    written more slowly.
    """

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part == "_xlfn." or str.__contains__(self, part)  # type: ignore[operator]


# --- rows of a table ---


@dataclass(frozen=True, slots=True)
class RowCell:
    """One cell of a template.

    Attributes:
        column: counts from 0.
        formula: without the leading ``=``. Row numbers are placeholders in braces: ``F{above}``;
            ``{row}`` is the cell's own row. None stands for a number without a formula.
        cell_format: the cell's format.
        whole: the value is a whole number and is written without decimals.
        text: the cell has this text instead of a formula or a number.
    """

    column: int
    formula: str | None
    cell_format: Format
    whole: bool = False
    text: str = ""


class RowTemplate:
    """The cells of rows that differ only in row numbers and values, in the order of columns."""

    def __init__(self, cells: Sequence[RowCell]) -> None:
        self.cells = tuple(cells)
        # Texts and placeholders alternate. Joining them is several times faster than str.format.
        self._parts = re.split(r"\{(\w+)\}", "".join(map(_cell_xml, self.cells)))

    def at(self, row: int, **numbers: int) -> FilledRow:
        """Insert the row numbers.

        Args:
            row: counts from 1, as in Excel.
            numbers: the row numbers of the other placeholders, also from 1.
        """
        numbers["row"] = row
        as_text = {name: str(number) for name, number in numbers.items()}
        parts = self._parts.copy()
        parts[1::2] = [as_text[name] for name in parts[1::2]]
        return FilledRow(self, row, numbers, "".join(parts))


@dataclass(frozen=True, slots=True)
class FilledRow:
    """A template with its row numbers. Several sheets can share it; only the values differ.

    ``xml`` is empty if the row has to be written cell by cell.
    """

    template: RowTemplate
    row: int
    numbers: dict[str, int]
    xml: str


class RowWriter:
    """Writes the rows of a worksheet from the top down."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet = sheet
        self._takes_rows = not missing_internals(sheet, ROW_INTERNALS) and sheet.constant_memory

    def write(self, filled: FilledRow, values: Sequence[float]) -> None:
        """Write a row below all rows written so far.

        Args:
            values: one number per cell that is not a text, in the order of the template. They must
                be Python numbers: the ``repr`` of NumPy's is different.
        """
        sheet = self._sheet
        if not (self._takes_rows and filled.xml):
            _write_cells(sheet, filled, values)
            return
        row = filled.row - 1
        cells = filled.template.cells
        for column in (cells[0].column, cells[-1].column):
            sheet._check_dimensions(row, column)  # extends the worksheet's used range
        sheet._write_single_row(row)  # writes the rest of the previous row
        sheet._write_row(row, None, sheet.row_info.get(row))
        sheet.fh.write(filled.xml % tuple(values))
        sheet._xml_end_tag("row")
        sheet.previous_row = row + 1  # this row is finished


def _cell_xml(cell: RowCell) -> str:
    """Return the XML that XlsxWriter writes, with placeholders for row numbers and the value.

    It is empty if XlsxWriter does not tell the index of the cell's format.
    """
    if missing_internals(cell.cell_format, FORMAT_INTERNALS):
        return ""
    start = f'<c r="{xl_col_to_name(cell.column)}{{row}}" s="{cell.cell_format._get_xf_index()}"'
    if cell.text:
        text = _escaped(cell.text).replace("%", "%%")
        return f'{start} t="inlineStr"><is><t>{text}</t></is></c>'
    if cell.formula is None:
        return f"{start}><v>{'%d' if cell.whole else '%.16G'}</v></c>"
    formula = _escaped(cell.formula).replace("%", "%%")
    return f"{start}><f>{formula}</f><v>{'%d' if cell.whole else '%r'}</v></c>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _write_cells(sheet: Worksheet, filled: FilledRow, values: Sequence[float]) -> None:
    row, remaining = filled.row - 1, iter(values)
    for cell in filled.template.cells:
        if cell.text:
            sheet.write_string(row, cell.column, cell.text, cell.cell_format)
            continue
        value = next(remaining)
        value = int(value) if cell.whole else value
        if cell.formula is None:
            sheet.write_number(row, cell.column, value, cell.cell_format)
        else:
            formula = ReadyFormula(cell.formula.format(**filled.numbers))
            sheet.write_formula(row, cell.column, formula, cell.cell_format, value)


# --- the numbers in charts ---


class CachedNumbers(list[float]):
    """The numbers of one series, none of which is missing."""

    @cached_property
    def xml(self) -> str:
        """The elements of all numbers. Several series can share them."""
        return _elements(len(self)) % tuple(self)


@lru_cache(maxsize=8)
def _elements(count: int) -> str:
    return "".join(f'<c:pt idx="{index}"><c:v>%r</c:v></c:pt>' for index in range(count))


def cache_quickly(chart: Chart) -> None:
    """Let a chart write the :class:`CachedNumbers` of its series in one step."""
    if not missing_internals(chart, CHART_INTERNALS):
        chart._get_data_type = partial(_data_type, chart._get_data_type)
        chart._write_num_cache = partial(_write_cache, chart, chart._write_num_cache)


def _data_type(original: Any, data: Sequence[Any] | None) -> str:
    return "num" if isinstance(data, CachedNumbers) and data else original(data)


def _write_cache(chart: Any, original: Any, data: Sequence[Any] | None) -> None:
    if not isinstance(data, CachedNumbers) or not hasattr(chart, "fh"):
        original(data)
        return
    chart._xml_start_tag("c:numCache")
    chart._write_format_code("General")
    chart._write_pt_count(len(data))
    chart.fh.write(data.xml)
    chart._xml_end_tag("c:numCache")


# --- compression ---


@contextmanager
def fast_compression() -> Iterator[None]:
    """Let XlsxWriter compress quickly inside the block.

    While it closes a workbook, the ``ZipFile`` that it uses is replaced by one with another level.
    """
    original = getattr(xlsxwriter.workbook, "ZipFile", None)
    if original is None:
        yield
        return
    xlsxwriter.workbook.ZipFile = partial(original, compresslevel=COMPRESSION_LEVEL)
    try:
        yield
    finally:
        xlsxwriter.workbook.ZipFile = original
