"""Where the parts of the digits workbook are: sheet names, rows, columns and cell references.

Rows and columns count from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from xlsxwriter.utility import xl_rowcol_to_cell

# Names of sheets
EXPLAIN, DRAW, GALLERY, INPUT = "Explain", "Draw", "Gallery", "Input"
OUTPUT, DENSE = "Output", "Weights dense"

PIXEL_SIZE = 16  # screen pixels of the cell that shows one pixel of a picture

# The sheets of the layers. Column 1 and the row above the first map stay blank: they are padding.
FIRST_ROW, FIRST_COLUMN = 5, 2  # of the first map
MAP_GAP = 1  # blank rows between maps in one column

# The sheets of weights
NORM_TOP = 5
NORM_ROWS = ("γ gamma", "β beta", "mean", "variance", "scale", "shift")
SCALE_ROW, SHIFT_ROW = NORM_TOP + 4, NORM_TOP + 5
KERNEL_TOP = 12  # first row of the kernels

# The sheet Draw, from left to right: the user's drawing, the input of the network, the result
SAMPLE_CELL = "F4"
PICTURES_TOP = 7
DRAWING_LEFT, INPUT_LEFT, RESULT_LEFT = 1, 31, 61
RESULT_TABLE_TOP = 11

# The sheet Gallery. Its pixels are as high as the rows of the list of samples need to be.
GALLERY_PIXEL_SIZE = 14
GALLERY_TOP, GALLERY_LEFT, GALLERY_PER_ROW = 4, 4, 5

# The sheet Output
OUTPUT_COLUMNS = {"pooled": 1, "digit": 3, "logit": 4, "exponential": 5, "probability": 6}


@dataclass(frozen=True)
class FeatureMapLayout:
    """Where the feature maps (side×side) of one layer are on its sheet.

    Maps that a convolution reads have ``per_row`` 1: they are stacked in one column.
    """

    sheet: str
    side: int
    count: int
    per_row: int

    @property
    def row_step(self) -> int:
        """The number of rows from the top of a map to the top of the map below it."""
        return self.side + (MAP_GAP if self.per_row == 1 else 3)

    @property
    def stack_height(self) -> int:
        """The number of rows of a 3×3 window through all stacked maps."""
        return (self.count - 1) * self.row_step + 3

    def origin(self, index: int) -> tuple[int, int]:
        """Return the row and the column of a map's first pixel."""
        row, column = divmod(index, self.per_row)
        return FIRST_ROW + row * self.row_step, FIRST_COLUMN + column * (self.side + 2)

    def pooling_window(self, index: int, row: int, column: int, size: int) -> str:
        """Return the reference to a size×size window of one map."""
        top, left = self.origin(index)
        return cell_range(self.sheet, top + row, left + column, size, size)

    def convolution_window(self, row: int, column: int) -> str:
        """Return the reference to the 3×3 windows around a pixel, through all stacked maps."""
        top, left = FIRST_ROW + row - 1, FIRST_COLUMN + column - 1
        return cell_range(self.sheet, top, left, self.stack_height, 3)


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


def kernel_sheet(convolution: int) -> str:
    """Return the name of the sheet with the weights of a convolution, counted from 0."""
    return f"Weights {convolution + 1}"


def filter_column(index: int) -> int:
    """Return the first of the three columns of a filter on its sheet of weights."""
    return 1 + 4 * index
