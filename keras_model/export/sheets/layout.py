"""Where the parts of the digits workbook are: sheet names, rows, columns and cell references.

Rows and columns count from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xlsxwriter.utility import xl_rowcol_to_cell

# Names of sheets
EXPLAIN, DRAW, GALLERY, INPUT, OUTPUT = "Explain", "Draw", "Gallery", "Input", "Output"

PIXEL_SIZE = 16  # screen pixels of the cell that shows one pixel of a picture

# The sheets of the layers: the first row and column that a map or its padding may have
FIRST_ROW, FIRST_COLUMN = 4, 1

# The sheets of weights: the first row below the headings
WEIGHTS_TOP = 5

# The sheet Draw, from left to right: the user's drawing, the input of the network, the result
SAMPLE_CELL = "F4"
PICTURES_TOP = 7
DRAWING_LEFT, INPUT_LEFT, RESULT_LEFT = 1, 31, 61
RESULT_TABLE_TOP = 11

# The sheet Gallery. So narrow columns are as wide in LibreOffice as in Excel, see square_width.
GALLERY_PIXEL_SIZE = 9
GALLERY_LIST_STEP = 2  # rows of pixels, for a row of the list of samples
GALLERY_TOP, GALLERY_LEFT, GALLERY_PER_ROW = 4, 4, 5

# The sheet Output: a column for each stage without maps, then the probabilities
OUTPUT_TOP, OUTPUT_LEFT = 7, 1


def square_width(pixels: int) -> float:
    """Return the width of a column that has so many pixels in Excel and is narrow in LibreOffice.

    Excel takes 7 pixels for a digit of Arial and rounds a column to whole pixels; LibreOffice takes
    7.415 and does not round. Both round the heights of rows. Of the widths that Excel shows alike,
    which a file has in 256ths of a digit, this is the least: 9 pixels are 9.04 in LibreOffice, and
    16 are 16.5 instead of 16.9.
    """
    return math.ceil((pixels - 0.49) / 7 * 256) * 7 / 256


@dataclass(frozen=True)
class Margins:
    """Blank rows and columns around each map, which its reader counts as padding."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class MapLayout:
    """Where the maps of a stage are on its sheet.

    Maps that a convolution reads have ``per_row`` 1: they are stacked in one column, with the
    blank rows of the padding between them, and at least one.
    """

    sheet: str
    height: int
    width: int
    count: int
    per_row: int
    margins: Margins = Margins()

    @property
    def top(self) -> int:
        """The first row of the first map."""
        return FIRST_ROW + max(1, self.margins.top)

    @property
    def left(self) -> int:
        """The first column of the first map."""
        return FIRST_COLUMN + max(1, self.margins.left)

    @property
    def row_step(self) -> int:
        """The number of rows from the top of a map to the top of the map below it."""
        margins = self.margins
        if self.per_row == 1:
            return self.height + max(1, margins.top, margins.bottom)
        return self.height + margins.top + margins.bottom + 2  # a row for the map's name

    @property
    def column_step(self) -> int:
        """The number of columns from a map to the one beside it."""
        return self.width + max(2, self.margins.left, self.margins.right)

    def origin(self, index: int) -> tuple[int, int]:
        """Return the row and the column of a map's first pixel."""
        row, column = divmod(index, self.per_row)
        return self.top + row * self.row_step, self.left + column * self.column_step

    def stack_height(self, reach: int) -> int:
        """Return the number of rows of a window of ``reach`` rows through all stacked maps."""
        return (self.count - 1) * self.row_step + reach

    def cell(self, index: int, row: int, column: int) -> str:
        """Return the reference to a pixel of a map."""
        top, left = self.origin(index)
        return f"'{self.sheet}'!{xl_rowcol_to_cell(top + row, left + column)}"

    def window(self, index: int, row: int, column: int, height: int, width: int) -> str:
        """Return the reference to a window of one map."""
        top, left = self.origin(index)
        return cell_range(self.sheet, top + row, left + column, height, width)

    def stacked_window(self, row: int, column: int, height: int, width: int) -> str:
        """Return the reference to the same window of all stacked maps."""
        return cell_range(
            self.sheet, self.top + row, self.left + column, self.stack_height(height), width
        )


@dataclass(frozen=True)
class ColumnLayout:
    """Where the numbers of a stage without maps are: one below the other on the sheet Output."""

    column: int
    count: int

    def cell(self, index: int) -> str:
        """Return the reference to a number."""
        return f"'{OUTPUT}'!{xl_rowcol_to_cell(OUTPUT_TOP + index, self.column)}"

    def all_cells(self) -> str:
        """Return the reference to all numbers."""
        return cell_range(OUTPUT, OUTPUT_TOP, self.column, self.count, 1, absolute=True)


Layout = MapLayout | ColumnLayout


def cell_range(
    sheet: str, top: int, left: int, height: int, width: int, *, absolute: bool = False
) -> str:
    """Return the reference to a range of cells, such as ``'Pool 1'!C6:D7``."""
    first = xl_rowcol_to_cell(top, left, absolute, absolute)
    last = xl_rowcol_to_cell(top + height - 1, left + width - 1, absolute, absolute)
    return f"'{sheet}'!{first}:{last}"


def absolute_cell(sheet: str, row: int, column: int) -> str:
    """Return the absolute reference to a cell, such as ``'Weights 1'!$B$10``."""
    return f"'{sheet}'!{xl_rowcol_to_cell(row, column, True, True)}"
