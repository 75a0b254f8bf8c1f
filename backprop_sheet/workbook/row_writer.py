"""Write whole rows of a table in one step.

XlsxWriter takes one cell at a time, checks it, stores it, and writes it as XML when the next row
begins. In a long table this takes most of the time. In constant-memory mode, XlsxWriter appends
the XML of each finished row to a temporary file; :func:`write_row` appends the same XML itself,
from a template in which only row numbers and values change.

The names in ``_INTERNALS`` are not part of XlsxWriter's documented interface. If one of them is
missing, rows are written cell by cell: the file is the same, but it takes longer. A test compares
both ways.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.ready_formula import ReadyFormula

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
    """A template with its row numbers. Several sheets can share it; only the values differ."""

    template: RowTemplate
    row: int
    numbers: dict[str, int]
    xml: str


def write_row(sheet: Worksheet, filled: FilledRow, values: Sequence[float]) -> None:
    """Write a row below all rows written so far.

    Args:
        values: one number per cell that is not a text, in the order of the template. They must be
            Python numbers: the ``repr`` of NumPy's is different.
    """
    if not (all(hasattr(sheet, name) for name in _INTERNALS) and sheet.constant_memory):
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
    """Return the XML that XlsxWriter writes, with placeholders for row numbers and the value."""
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
