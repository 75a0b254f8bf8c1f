"""The digits workbook while it is written, and the formats that its sheets share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.fast_writing import ReadyFormula
from gradsheet.excel.provenance import set_provenance
from gradsheet.excel.styles import Styles, default_format
from gradsheet.page.style import light_color
from keras_model.data.mnist import SIDE
from keras_model.data.scaling import Scaling
from keras_model.export.sheets.layout import (
    INPUT,
    PIXEL_SIZE,
    ColumnLayout,
    Layout,
    MapLayout,
    square_width,
)
from keras_model.export.stages import OtherNetworkError, compute, sheet_stages
from keras_model.trained.network import TrainedNetwork

KIND = "digits"  # of workbook, for gradsheet.excel.provenance

FIRST_SAMPLE = 1  # of the gallery, from 1; 0 would be the user's drawing

HIDDEN = ";;;"  # number format of pictures: the number is in the formula bar, not in the cell


def example_drawing() -> np.ndarray:
    """Return a seven of two strokes (28, 28), 0 … 255: the first drawing in the workbook."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    ink = np.zeros((SIDE, SIDE))
    for (top, left), (bottom, right) in (((7, 8), (7, 19)), ((7, 19), (20, 12))):
        down, across = bottom - top, right - left
        # The nearest point of the stroke is this share of its length away from its start.
        share = ((rows - top) * down + (columns - left) * across) / (down**2 + across**2)
        share = np.clip(share, 0, 1)
        distance = np.hypot(rows - top - share * down, columns - left - share * across)
        ink = np.maximum(ink, np.clip(1.9 - distance, 0, 1))
    return np.round(255 * ink)


class WorkbookBuilder:
    """One digits workbook: what is written into it, where, and in which formats.

    Attributes:
        digit: the gallery digit that is selected at first, number :data:`FIRST_SAMPLE`: (28, 28).
        scaled_digit: the same as the network takes it.
        stages: what the network computes from it; their values are stored beside the formulas.
        input, layouts: where the digit and the numbers of each stage are.
        logits, probabilities: of that digit, (10,).
        formula_count: the number of formulas written so far.

    Raises:
        TooLargeError: the workbook would be too large.
    """

    def __init__(
        self, network: TrainedNetwork, scaling: Scaling, images: np.ndarray, labels: np.ndarray,
        path: Path,
    ) -> None:  # fmt: skip
        self.network, self.scaling, self.images, self.labels = network, scaling, images, labels
        self.stages = sheet_stages(network)
        self.digit = images[FIRST_SAMPLE - 1].astype(float)
        self.scaled_digit = scaling.exactly(self.digit)
        self.logits = compute(self.stages, self.scaled_digit[..., None])
        self.probabilities = network.probabilities(self.logits)
        self.output_activation = network.architecture.output_activation
        self.workbook = Workbook(
            str(path), {"default_format_properties": default_format(), "in_memory": True}
        )
        set_provenance(self.workbook, KIND, "A digit classifier in formulas")
        self.styles = Styles(self.workbook)
        self.formula_count = 0
        self.input: MapLayout = MapLayout(INPUT, SIDE, SIDE, 1, 1)
        self.layouts: list[Layout] = []

    @property
    def rows_of_output(self) -> int:
        """The number of rows of the sheet Output."""
        counts = [layout.count for layout in self.layouts if isinstance(layout, ColumnLayout)]
        return max(counts, default=0)

    @property
    def logits_column(self) -> ColumnLayout:
        """Where the logits are."""
        last = self.layouts[-1]
        assert isinstance(last, ColumnLayout)
        return last

    @property
    def probability_column(self) -> int:
        """The column of the sheet Output with the probabilities."""
        return self.logits_column.column + (2 if self.output_activation == "sigmoid" else 3)

    def write_formula(
        self, sheet: Worksheet, row: int, column: int, formula: str, cell_format: Format, value: Any
    ) -> None:
        """Write a formula with its value and its format.

        Raises:
            OtherNetworkError: the value is infinite or not a number, which no cell can hold.
        """
        value = float(value) if isinstance(value, np.floating) else value
        if isinstance(value, float) and not math.isfinite(value):
            raise OtherNetworkError(
                f"cell {xl_rowcol_to_cell(row, column)} of the sheet {sheet.get_name()} would be "
                "infinite or not a number: the weights of its layer are too large"
            )
        sheet.write_formula(row, column, ReadyFormula(formula), cell_format, value)
        self.formula_count += 1

    def write_heading(self, sheet: Worksheet, title: str, *notes: str) -> None:
        """Write a sheet's title and the notes below it, one per row."""
        sheet.write(0, 0, title, self.styles.title)
        sheet.set_row(0, 28)
        for row, note in enumerate(notes, start=1):
            sheet.write(row, 0, note, self.styles.note)

    def set_square_cells(
        self, sheet: Worksheet, first_column: int, last_column: int, first_row: int, end_row: int
    ) -> None:
        """Make cells square, in these columns and rows."""
        sheet.set_column_pixels(first_column, last_column, square_width(PIXEL_SIZE))
        for row in range(first_row, end_row):
            sheet.set_row_pixels(row, PIXEL_SIZE)

    def color_scale(
        self,
        sheet: Worksheet,
        *area: int,
        max_value: float | None = None,
        min_color: str = light_color("scale-paper"),
        max_color: str = light_color("scale-ink"),
    ) -> None:
        """Color an area from its smallest value to its largest, or from 0 to ``max_value``.

        Args:
            area: the first row and column, and the last ones.
        """
        scale: dict[str, Any] = {
            "type": "2_color_scale", "min_color": min_color, "max_color": max_color,
        }  # fmt: skip
        if max_value is not None:
            scale |= {"min_type": "num", "min_value": 0, "max_type": "num", "max_value": max_value}
        sheet.conditional_format(*area, scale)

    def diverging_color_scale(self, sheet: Worksheet, *area: int) -> None:
        """Color an area blue below 0, white at 0 and orange above, as the page does.

        Both ends are as far from 0 as the value that is farthest.
        """
        values = xl_range_abs(*area)
        largest = f"MAX(MAX({values}),-MIN({values}))"
        scale: dict[str, Any] = {"type": "3_color_scale", "mid_type": "num", "mid_value": 0}
        for end, sign, color in (("min", "-", "negative"), ("max", "", "positive")):
            scale |= {
                f"{end}_type": "formula", f"{end}_value": f"={sign}{largest}",
                f"{end}_color": light_color(f"scale-{color}"),
            }  # fmt: skip
        scale["mid_color"] = light_color("scale-zero")
        sheet.conditional_format(*area, scale)

    def write_picture(
        self,
        sheet: Worksheet,
        top: int,
        left: int,
        height: int,
        width: int,
        write_pixel: Callable[[int, int, Format], None],
        *,
        max_value: float | None = None,
        has_own_scale: bool = True,
    ) -> None:
        """Write a picture with a frame and, unless the caller adds it, a color scale.

        Args:
            write_pixel: called with each pixel's row and column in the picture, and its format.
            max_value: see :meth:`color_scale`.
        """
        for row in range(height):
            for column in range(width):
                edges = {
                    name: 1
                    for name, is_edge in (
                        ("top", row == 0), ("bottom", row == height - 1),
                        ("left", column == 0), ("right", column == width - 1),
                    )
                    if is_edge
                }  # fmt: skip
                colors = {f"{name}_color": "#B5BDC8" for name in edges}
                cell_format = self.styles.format(num_format=HIDDEN, font_size=6, **edges, **colors)
                write_pixel(row, column, cell_format)
        if has_own_scale:
            end = (top + height - 1, left + width - 1)
            self.color_scale(sheet, top, left, *end, max_value=max_value)
