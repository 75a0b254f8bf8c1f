"""The sheets of the layers, from the normalized digit to the ten probabilities."""

from __future__ import annotations

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS
from keras_model.data.mnist import CLASSES, DEVIATION, MEAN, SIDE
from keras_model.export.sheets.layout import (
    DENSE,
    DRAW,
    FIRST_COLUMN,
    FIRST_ROW,
    INPUT_LEFT,
    KERNEL_TOP,
    OUTPUT_COLUMNS,
    PICTURES_TOP,
    SCALE_ROW,
    SHIFT_ROW,
    absolute_cell,
    cell_range,
    filter_column,
    kernel_sheet,
)
from keras_model.export.sheets.workbook_builder import WorkbookBuilder


def write_input(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet of the normalized digit."""
    builder.write_heading(
        sheet,
        "The normalized digit",
        "Each cell is (pixel / 255 - mean) / deviation, with the mean and the standard deviation "
        "of the pixels of all training digits.",
        "The blank cells around the digit are the padding of the first convolution.",
    )
    sheet.set_column_pixels(0, 0, 90)
    builder.set_square_cells(sheet, 1, FIRST_COLUMN + SIDE, FIRST_ROW + SIDE + 1)
    constants_column = FIRST_COLUMN + SIDE + 2
    sheet.set_column_pixels(constants_column, constants_column + 1, 80)
    for row, (name, value) in enumerate((("mean", MEAN), ("deviation", DEVIATION))):
        sheet.write(FIRST_ROW + row, constants_column, name, builder.styles.section)
        sheet.write_number(FIRST_ROW + row, constants_column + 1, value, builder.styles.input)
    mean, deviation = (
        xl_rowcol_to_cell(FIRST_ROW + row, constants_column + 1, True, True) for row in range(2)
    )

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        pixel = xl_rowcol_to_cell(PICTURES_TOP + y, INPUT_LEFT + x)
        builder.write_formula(
            sheet, FIRST_ROW + y, FIRST_COLUMN + x, f"=({DRAW}!{pixel}/255-{mean})/{deviation}",
            cell_format, builder.activations.input[y, x],
        )  # fmt: skip

    builder.write_picture(sheet, FIRST_ROW, FIRST_COLUMN, SIDE, write_pixel)


def write_convolution(builder: WorkbookBuilder, sheet: Worksheet, number: int) -> None:
    """Write the sheet of a convolution (counted from 0), its ReLU and its normalization."""
    layout, source = builder.normalized[number], (builder.input, *builder.pooled)[number]
    values = builder.activations.normalized[number]
    kernels = kernel_sheet(number)
    builder.write_heading(
        sheet,
        f"Convolution {number + 1}, ReLU and batch normalization: {layout.count} maps of "
        f"{layout.side}×{layout.side}",
        "Convolution: multiply the 3×3 window"
        + (f"s of the {source.count} maps" if source.count > 1 else "")
        + f" on '{source.sheet}' by the weights of a filter on '{kernels}' and add the products.",
        "ReLU: replace a negative sum by 0. Batch normalization: multiply by the filter's scale "
        "and add its shift.",
    )
    sheet.set_column_pixels(0, 1, 20)
    builder.set_square_cells(
        sheet,
        FIRST_COLUMN,
        FIRST_COLUMN + layout.per_row * (layout.side + 2),
        FIRST_ROW + -(-layout.count // layout.per_row) * layout.row_step,
    )
    windows = {
        (y, x): source.convolution_window(y, x)
        for y in range(layout.side)
        for x in range(layout.side)
    }
    for index in range(layout.count):
        top, left = layout.origin(index)
        column = filter_column(index)
        kernel = cell_range(kernels, KERNEL_TOP, column, source.stack_height, 3, absolute=True)
        scale, shift = (absolute_cell(kernels, row, column) for row in (SCALE_ROW, SHIFT_ROW))
        name = f"map {index + 1}" if layout.side > 3 else f"{index + 1}"
        sheet.write(top - 1, left, name, builder.styles.note)
        formulas = {
            place: f"=MAX(0,SUMPRODUCT({window},{kernel}))*{scale}+{shift}"
            for place, window in windows.items()
        }
        _write_map(builder, sheet, (top, left), formulas, values[..., index])


def write_pooling(builder: WorkbookBuilder, sheet: Worksheet, number: int) -> None:
    """Write the sheet of the max pooling after a convolution, counted from 0."""
    layout, source = builder.pooled[number], builder.normalized[number]
    values = builder.activations.pooled[number]
    size = builder.weights.convolutions[number].pool_size
    unused = source.side - layout.side * size
    builder.write_heading(
        sheet,
        f"Max pooling {number + 1}: {layout.count} maps of {layout.side}×{layout.side}",
        f"Each cell is the maximum of a {size}×{size} window on '{source.sheet}'."
        + (f" The last {unused} rows and columns there are not used." if unused else ""),
        "The maps are below each other, so that one range of cells covers the same window of all "
        "maps. The blank cells around each map are the padding of the next convolution.",
    )
    sheet.set_column_pixels(0, 0, 70)
    builder.set_square_cells(
        sheet, 1, FIRST_COLUMN + layout.side, FIRST_ROW + layout.count * layout.row_step
    )
    for index in range(layout.count):
        top, left = layout.origin(index)
        sheet.write(top, 0, f"map {index + 1}", builder.styles.note)
        formulas = {
            (y, x): f"=MAX({source.pooling_window(index, y * size, x * size, size)})"
            for y in range(layout.side)
            for x in range(layout.side)
        }
        _write_map(builder, sheet, (top, left), formulas, values[..., index])


def _write_map(
    builder: WorkbookBuilder,
    sheet: Worksheet,
    origin: tuple[int, int],
    formulas: dict[tuple[int, int], str],
    values: np.ndarray,
) -> None:
    """Write a feature map with its frame and colors.

    Args:
        origin: the row and the column of its first pixel on the sheet.
        formulas: the formula of each pixel, by its row and its column in the map.
        values: the value of each pixel, (side, side).
    """
    top, left = origin

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        builder.write_formula(sheet, top + y, left + x, formulas[y, x], cell_format, values[y, x])

    builder.write_picture(sheet, top, left, len(values), write_pixel)


def write_output(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet of the last max pooling, the logits and the probabilities."""
    styles, activations, columns = builder.styles, builder.activations, OUTPUT_COLUMNS
    last = len(builder.normalized)
    source, size = builder.normalized[-1], builder.weights.convolutions[-1].pool_size
    count = len(builder.weights.dense)
    builder.write_heading(
        sheet,
        f"From {count} maps to {CLASSES} probabilities",
        f"Max pooling {last}: the maximum of each {size}×{size} map on '{source.sheet}'.",
        f"Logit of a digit: multiply the {count} maxima by the digit's column on '{DENSE}' and add "
        "the products.",
        "Probability (softmax): e^(logit - largest logit), divided by the sum of these ten values.",
    )
    sheet.set_column_pixels(0, 0, 80)
    sheet.set_column_pixels(1, 6, 100)
    for column, name in (
        (columns["pooled"], f"max pooling {last}"),
        (columns["digit"], "digit"),
        (columns["logit"], "logit"),
        (columns["exponential"], "e^(logit - max)"),
        (columns["probability"], "probability"),
    ):
        sheet.write(FIRST_ROW - 1, column, name, styles.header(COLORS["violet"]))
    number = styles.cell("0.0000", align="center")
    pooled = activations.pooled[-1].ravel()
    column = columns["pooled"]
    for index in range(count):
        row = FIRST_ROW + index
        sheet.write(row, 0, f"map {index + 1}", styles.note)
        window = source.pooling_window(index, 0, 0, size)
        builder.write_formula(sheet, row, column, f"=MAX({window})", number, pooled[index])
    end_row = FIRST_ROW + count - 1
    builder.color_scale(sheet, FIRST_ROW, column, end_row, column, max_color="#9DC3E6")
    pooled_range = xl_range_abs(FIRST_ROW, column, end_row, column)
    logits, exponentials = (
        xl_range_abs(FIRST_ROW, columns[name], FIRST_ROW + CLASSES - 1, columns[name])
        for name in ("logit", "exponential")
    )
    exponential_values = np.exp(activations.logits - activations.logits.max())
    for digit in range(CLASSES):
        row = FIRST_ROW + digit
        sheet.write_number(row, columns["digit"], digit, styles.format(align="center", bold=True))
        weights = cell_range(DENSE, FIRST_ROW, 1 + digit, count, 1)
        logit, exponential = (
            xl_rowcol_to_cell(row, columns[name]) for name in ("logit", "exponential")
        )
        for name, formula, value in (
            ("logit", f"=SUMPRODUCT({pooled_range},{weights})", activations.logits[digit]),
            ("exponential", f"=EXP({logit}-MAX({logits}))", exponential_values[digit]),
            ("probability", f"={exponential}/SUM({exponentials})",
             activations.probabilities[digit]),
        ):  # fmt: skip
            builder.write_formula(sheet, row, columns[name], formula, number, value)
