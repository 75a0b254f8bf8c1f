"""What the sheets of the digits workbook share: where things stand, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.formulas import ReadyFormula
from common.look import PLAIN_TEXT, Look
from common.mark import mark
from keras_model.mnist import SIDE
from keras_model.weights import Weights

KIND = "digits"  # of workbook, as its mark says

EXPLAIN, DRAW, GALLERY, INPUT = "Explain", "Draw", "Gallery", "Input"
OUTPUT, DENSE = "Output", "Weights dense"

# Rows and columns count from 0.
TOP, LEFT = 5, 2  # the first map of a sheet; column 1 and the row above stay blank: padding
GAP = 1  # blank rows between the maps of a strip
KERNEL_TOP = 12  # the first row of the kernels on a sheet of weights
OF_NORM = ("γ gamma", "β beta", "mean", "variance", "scale", "shift")
NORM_TOP = 5
SCALE, SHIFT = NORM_TOP + 4, NORM_TOP + 5
CELL = 16  # pixels of a picture's cell

# Draw: my drawing, what is read, the answer.
SAMPLE_CELL = "F4"
MINE, SHOWN = 1, 31  # first columns
PICTURE_TOP = 7
ANSWER = 61  # first column of the answer
TABLE_TOP = 11  # of the ten rows of the answer

GALLERY_TOP, GALLERY_LEFT, ACROSS = 4, 4, 5

OUTPUT_COLUMNS = {"pooled": 1, "digit": 3, "logits": 4, "e^": 5, "probability": 6}

HIDDEN = ";;;"  # a picture's number shows where the cell is chosen, not in the cell


@dataclass(frozen=True)
class Maps:
    """Where the maps (side×side) of a layer stand on its sheet."""

    sheet: str
    side: int
    count: int
    across: int  # 1: a strip

    @property
    def pitch(self) -> int:
        """The rows from one map to the next below it."""
        return self.side + (GAP if self.across == 1 else 3)

    def origin(self, number: int) -> tuple[int, int]:
        """The first row and column of a map."""
        down, right = divmod(number, self.across)
        return TOP + down * self.pitch, LEFT + right * (self.side + 2)

    def area(self, number: int, row: int, column: int, size: int) -> str:
        """The cells of a pooling window, as a formula names them."""
        top, left = self.origin(number)
        return rectangle(self.sheet, top + row, left + column, size, size)

    @property
    def window_height(self) -> int:
        """The rows of a window through all maps, and so of a filter's kernels."""
        return (self.count - 1) * self.pitch + 3

    def window(self, row: int, column: int) -> str:
        """The 3×3 window about a pixel through all maps of the strip, with what is between."""
        return rectangle(self.sheet, TOP + row - 1, LEFT + column - 1, self.window_height, 3)


def rectangle(sheet: str, top: int, left: int, height: int, width: int, fixed: bool = False) -> str:
    """A rectangle of cells, as a formula names it; ``fixed`` with its $ signs."""
    first = xl_rowcol_to_cell(top, left, fixed, fixed)
    last = xl_rowcol_to_cell(top + height - 1, left + width - 1, fixed, fixed)
    return f"'{sheet}'!{first}:{last}"


def fixed_cell(sheet: str, row: int, column: int) -> str:
    """A cell, as a formula names it, with its $ signs."""
    return f"'{sheet}'!{xl_rowcol_to_cell(row, column, True, True)}"


def filter_column(index: int) -> int:
    """The first of the three columns of a filter on its sheet of weights."""
    return 1 + 4 * index


def example_drawing() -> np.ndarray:
    """A seven of two strokes (28, 28), 0 … 255: what stands in "my own drawing" at first."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    ink = np.zeros((SIDE, SIDE))
    for (top, left), (bottom, right) in (((7, 8), (7, 19)), ((7, 19), (20, 12))):
        along = np.array([bottom - top, right - left], float)
        length = along @ along
        t = np.clip(((rows - top) * along[0] + (columns - left) * along[1]) / length, 0, 1)
        distance = np.hypot(rows - top - t * along[0], columns - left - t * along[1])
        ink = np.maximum(ink, np.clip(1.9 - distance, 0, 1))
    return np.round(255 * ink)


class Book:
    """One workbook in the making, with the digit that it shows at first and what becomes of it.

    ``read``, ``normal`` and ``pooled`` tell where the maps of the layers stand.
    """

    def __init__(
        self, weights: Weights, images: np.ndarray, labels: np.ndarray, path: Path, chosen: int
    ) -> None:
        self.weights, self.images, self.labels, self.chosen = weights, images, labels, chosen
        self.digit = example_drawing() if chosen == 0 else images[chosen - 1].astype(float)
        self.layers = weights.layers(self.digit)
        self.workbook = Workbook(str(path), {"default_format_properties": PLAIN_TEXT})
        mark(self.workbook, KIND, "A digit reader, cell by cell")
        self.look = Look(self.workbook)
        self.formulas = 0  # written so far
        self.read = Maps(INPUT, SIDE, 1, 1)
        side, before = SIDE, 1
        self.normal: list[Maps] = []
        self.pooled: list[Maps] = []
        for number, convolution in enumerate(weights.convolutions, start=1):
            filters = convolution.kernel.shape[-1]
            self.normal.append(Maps(f"Conv {number}", side, filters, 4 if side > 14 else 8))
            side, before = side // convolution.pool, filters
            self.pooled.append(Maps(f"Pool {number}", side, filters, 1))
        assert side == 1 and before == len(weights.dense)

    @staticmethod
    def kernels(number: int) -> str:
        """The sheet with the weights of a convolution, counted from 0."""
        return f"Weights {number + 1}"

    def formula(
        self, sheet: Worksheet, row: int, column: int, text: str, cell: Any, value: Any
    ) -> None:
        """Write a formula with its value and its format."""
        value = float(value) if isinstance(value, np.floating) else value
        sheet.write_formula(row, column, ReadyFormula(text), cell, value)
        self.formulas += 1

    def head(self, sheet: Worksheet, title: str, *notes: str) -> None:
        """A sheet's title and what there is to know about it."""
        sheet.write(0, 0, title, self.look.title)
        sheet.set_row(0, 28)
        for row, note in enumerate(notes, start=1):
            sheet.write(row, 0, note, self.look.note)

    def picture_columns(self, sheet: Worksheet, first: int, last: int, rows: int) -> None:
        """Square cells in some columns, from the first map's row on."""
        sheet.set_column_pixels(first, last, CELL)
        for row in range(TOP - 1, rows):
            sheet.set_row_pixels(row, CELL)

    def shade(
        self,
        sheet: Worksheet,
        *area: int,
        most: float | None = None,
        ink: str = "#17375E",
        paper: str = "#FFFFFF",
    ) -> None:
        """``paper`` for the least, ``ink`` for the most (of the area, or 0 to ``most``)."""
        scale: dict[str, Any] = {
            "type": "2_color_scale", "min_color": paper, "max_color": ink,
        }  # fmt: skip
        if most is not None:
            scale |= {"min_type": "num", "min_value": 0, "max_type": "num", "max_value": most}
        sheet.conditional_format(*area, scale)

    def shade_signed(self, sheet: Worksheet, *area: int) -> None:
        """Red below 0, white at 0, blue above."""
        sheet.conditional_format(
            *area,
            {
                "type": "3_color_scale", "min_color": "#C8553D", "mid_color": "#FFFFFF",
                "max_color": "#2E6DA4", "mid_type": "num", "mid_value": 0,
            },
        )  # fmt: skip

    def frame(self, sheet: Worksheet, top: int, left: int, side: int, cells: Callable) -> None:
        """Call ``cells(row, column, format)`` for a picture, whose format has its outer edge."""
        for row in range(side):
            for column in range(side):
                edge = {
                    name: 1
                    for name, at in (
                        ("top", row == 0), ("bottom", row == side - 1),
                        ("left", column == 0), ("right", column == side - 1),
                    )
                    if at
                }  # fmt: skip
                colour = {f"{name}_color": "#B5BDC8" for name in edge}
                cell = self.look.format(num_format=HIDDEN, font_size=6, **edge, **colour)
                cells(row, column, cell)
