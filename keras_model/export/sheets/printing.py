"""How the digits workbook is printed: each sheet on one page or two, which can be read.

Of a sheet that is too large for that, the beginning is printed, and a note on it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import set_page
from keras_model.export.sheets.layout import DRAW, EXPLAIN, GALLERY, OUTPUT, PIXEL_SIZE, MapLayout
from keras_model.export.sheets.weights import WeightsPlace
from keras_model.export.sheets.workbook_builder import WorkbookBuilder

MAX_PAGES = 2
# Rows that two pages in portrait hold: of numbers at their size, of pixels as pictures of 3 cm.
NUMBER_ROWS, PIXEL_ROWS = 100, 450
# Rows and columns of weights that one page in landscape holds.
WEIGHT_ROWS, WEIGHT_COLUMNS = 45, 24
_NOTE_ROW = 3  # below the other notes of a sheet
_HEADING = 1050  # pixels, of the longest note
_COLUMN = 64  # pixels, of a column that no one has set


def set_up_printing(
    builder: WorkbookBuilder, sheets: Mapping[str, Worksheet], places: Sequence[WeightsPlace | None]
) -> None:
    """Set which part of each sheet is printed, on how many pages, and the zoom of the screen.

    Args:
        sheets: all sheets, written.
        places: where the weights of each stage are.
    """
    stacks = {
        layout.sheet: layout
        for layout in builder.layouts
        if isinstance(layout, MapLayout) and layout.per_row == 1 < layout.count
    }
    weights = {place.sheet for place in places if place is not None}
    for name, sheet in sheets.items():
        if name in stacks:
            right = stacks[name].left + stacks[name].width
            beside = max(0, _HEADING - right * PIXEL_SIZE) // _COLUMN
            _print_beginning(builder, sheet, PIXEL_ROWS, right + beside, MAX_PAGES)
        elif name == OUTPUT:
            _print_beginning(builder, sheet, NUMBER_ROWS, sheet.dim_colmax, MAX_PAGES)
        elif name in weights:
            _print_beginning(builder, sheet, WEIGHT_ROWS, WEIGHT_COLUMNS, 1)
        else:
            set_page(sheet, fit=(1, 1))
        if name not in (EXPLAIN, DRAW, GALLERY):
            sheet.set_zoom(80)


def _print_beginning(
    builder: WorkbookBuilder, sheet: Worksheet, rows: int, columns: int, pages: int
) -> None:
    """Print a sheet's first rows and columns on so many pages below each other."""
    set_page(sheet, fit=(1, pages), is_portrait=pages > 1)
    if sheet.dim_rowmax >= rows or sheet.dim_colmax > columns:
        what = "rows" if sheet.dim_colmax <= columns else "rows and columns"
        sheet.write(_NOTE_ROW, 0, f"Only the first {what} are printed.", builder.styles.note)
        sheet.print_area(0, 0, min(rows - 1, sheet.dim_rowmax), columns)
