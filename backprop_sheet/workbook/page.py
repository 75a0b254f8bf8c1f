"""The page set-up that all sheets of the workbook share."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet


def set_up_page(sheet: Worksheet, tab_color: str) -> None:
    """Hide the grid, colour the tab, and print on A4 in landscape with page numbers."""
    sheet.hide_gridlines(2)
    sheet.set_default_row(15)
    sheet.set_tab_color(tab_color)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&F  ·  &A&R&8page &P of &N")


def excel_number(value: float) -> str:
    """A limit in a message, as Excel would show it: ``1E+40``, ``0.5``."""
    return f"{value:g}".upper() if value < 1e5 else f"1E+{len(str(int(value))) - 1}"
