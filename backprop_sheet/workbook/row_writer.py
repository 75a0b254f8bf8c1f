"""Whole rows of a table, written in one step.

XlsxWriter takes one cell at a time, checks it, keeps it, and writes it as XML when the next row
begins. That is most of the time of a long table. In constant-memory mode the XML of each finished
row goes to a temporary file of the worksheet; :func:`write_row` appends the same XML itself, from
a template in which only row numbers and values change.

The names in ``_INTERNALS`` are not part of XlsxWriter's documented interface. Where one is
missing, rows are written cell by cell: the same file, only slower. A test compares both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from common.formulas import ReadyFormula

_INTERNALS = (
    "_check_dimensions", "_write_row", "_write_single_row", "_xml_end_tag", "constant_memory",
    "default_row_height", "fh", "previous_row", "row_data_fh", "row_info",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowCell:
    """One cell of a template.

    Attributes:
        column: counts from 0.
        formula: without the leading ``=``. Row numbers are placeholders in braces: ``F{above}``;
            ``{row}`` is the cell's own row. None: a typed number.
        cell_format: the cell's format.
        whole: the value is a whole number and is written as one.
        text: a text in place of a formula and a value.
    """

    column: int
    formula: str | None
    cell_format: Format
    whole: bool = False
    text: str = ""


class RowTemplate:
    """The cells of rows that differ in nothing but row numbers and values, by column."""

    def __init__(self, cells: Sequence[RowCell]) -> None:
        self.cells = tuple(cells)
        # Text and placeholders in turn: joining them is several times faster than str.format.
        self._parts = re.split(r"\{(\w+)\}", "".join(map(_cell_xml, self.cells)))

    def at(self, row: int, **numbers: int) -> FilledRow:
        """Put the row numbers in.

        Args:
            row: counts from 1, as in Excel.
            numbers: of the other placeholders, counted from 1 too.
        """
        numbers["row"] = row
        as_text = {name: str(number) for name, number in numbers.items()}
        parts = self._parts.copy()
        parts[1::2] = [as_text[name] for name in parts[1::2]]
        return FilledRow(self, row, numbers, "".join(parts))


@dataclass(frozen=True, slots=True)
class FilledRow:
    """A template with its row numbers; only the values are open. Several sheets may share it."""

    template: RowTemplate
    row: int
    numbers: dict[str, int]
    xml: str


def write_row(sheet: Worksheet, filled: FilledRow, values: Sequence[float]) -> None:
    """Write a row below all rows that the worksheet has so far.

    Args:
        values: a number for each cell that is not a text, in the order of the template. Numbers
            must be Python's own: NumPy's have another ``repr``.
    """
    if not (all(hasattr(sheet, name) for name in _INTERNALS) and sheet.constant_memory):
        _write_cells(sheet, filled, values)
        return
    row = filled.row - 1
    cells = filled.template.cells
    for column in (cells[0].column, cells[-1].column):
        sheet._check_dimensions(row, column)  # widens the worksheet's used range
    sheet._write_single_row(row)  # what is pending of the row before; the next row is this one
    sheet._write_row(row, None, sheet.row_info.get(row))
    sheet.fh.write(filled.xml % tuple(values))
    sheet._xml_end_tag("row")
    sheet.previous_row = row + 1  # this row is finished


def _cell_xml(cell: RowCell) -> str:
    """The XML as XlsxWriter writes it, with placeholders for row numbers and the value."""
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
