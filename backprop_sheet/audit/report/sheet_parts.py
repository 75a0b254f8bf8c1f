"""What the sheets of a class report have in common: headers, texts, numbers and their formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.report.report_rows import NO_WORKBOOK, NOT_CHECKED, percent_decimals
from gradsheet.excel.styles import COLORS, GRID, Styles, set_page
from gradsheet.excel.text_height import column_width, row_height

Headers = Sequence[tuple[str, int]]  # the title and the width of each column

MAX_FILE_WIDTH = 60
_VERDICT_COLORS = {
    "right": "green",
    "wrong": "red",
    "incomplete": "amber",
    NOT_CHECKED: "slate",
    NO_WORKBOOK: "slate",
}


_CELL: Mapping[str, Any] = {"valign": "top", "bottom": 1, "bottom_color": GRID}  # a line below


def start(sheet: Worksheet, styles: Styles, headers: Headers, rows: int, frozen: int = 1) -> None:
    """Write the header row, freeze it and the first columns, and add a filter."""
    set_page(sheet)
    header = styles.header(COLORS["blue"], align="left")
    for column, (title, width) in enumerate(headers):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, header)
    sheet.freeze_panes(1, frozen)
    sheet.autofilter(0, 0, max(rows, 1), len(headers) - 1)
    sheet.repeat_rows(0)


def hide_empty(sheet: Worksheet, headers: Headers, filled: Mapping[str, Sequence[object]]) -> None:
    """Hide the columns that have nothing in any row.

    Args:
        filled: the values of the columns that may be hidden, by their titles.
    """
    for column, (title, width) in enumerate(headers):
        if title in filled and not any(filled[title]):
            sheet.set_column(column, column, width, None, {"hidden": True})


def write_texts(
    sheet: Worksheet, styles: Styles, row: int, headers: Headers, texts: Mapping[int, str]
) -> None:
    """Write wrapped texts, given by their columns, and make the row high enough."""
    wrapped = styles.format(**_CELL, text_wrap=True)
    for column, text in texts.items():
        sheet.write_string(row, column, text, wrapped)
    height = row_height((text, headers[column][1]) for column, text in texts.items())
    if height is not None:
        sheet.set_row(row, height)


def number_style(
    styles: Styles, number_format: str, *, align: str = "left", bold: bool = False
) -> Format:
    """Return the format of a number at the top of its cell."""
    return styles.cell(number_format, **_CELL, align=align, bold=bold)


def write_number(
    sheet: Worksheet, cell: tuple[int, int], value: float | None, style: Format
) -> None:
    """Write a number, or an empty cell for None."""
    if value is None:
        sheet.write_blank(*cell, None, style)
    else:
        sheet.write_number(*cell, value, style)


def write_verdict(sheet: Worksheet, styles: Styles, row: int, column: int, verdict: str) -> None:
    """Write a verdict in its color."""
    colors = COLORS[_VERDICT_COLORS[verdict]]
    style = styles.format(
        **_CELL, bold=True, font_color=colors.strong, bg_color=colors.pale, align="center"
    )
    sheet.write_string(row, column, verdict, style)


def write_link(sheet: Worksheet, styles: Styles, cell: tuple[int, int], target: int | None) -> None:
    """Write a link to a row of the sheet Findings, which is given from 0."""
    if target is None:
        sheet.write_blank(*cell, None, styles.format(**_CELL))
    else:
        place = f"internal:'Findings'!A{target + 1}"
        sheet.write_url(*cell, place, styles.link(**_CELL), "findings →")


def percent_format(share: float | None) -> str:
    """Return the number format of a share."""
    decimals = 0 if share is None else percent_decimals(share)
    return f"0.{'0' * decimals}%" if decimals else "0%"


def file_width(files: Sequence[str]) -> int:
    """Return the width of a column for the longest name of a file, in characters."""
    return column_width(files, 8, MAX_FILE_WIDTH)
