"""The sheets of weights: each weight is typed in one cell."""

from __future__ import annotations

import numpy as np
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS, shorten_large_numbers
from keras_model.data.mnist import CLASSES
from keras_model.export.sheets.layout import (
    FIRST_ROW,
    KERNEL_TOP,
    NORM_ROWS,
    NORM_TOP,
    SCALE_ROW,
    SHIFT_ROW,
    filter_column,
)
from keras_model.export.sheets.workbook_builder import WorkbookBuilder


def write_kernels(builder: WorkbookBuilder, sheet: Worksheet, number: int) -> None:
    """Write the kernels and the batch normalization of a convolution, counted from 0."""
    styles, convolution = builder.styles, builder.weights.convolutions[number]
    source = (builder.input, *builder.pooled)[number]
    _, _, channels, filters = convolution.kernel.shape
    notes = [f"Each of the {filters} filters has three columns."]
    if channels > 1:
        notes[0] += (
            f" Its {channels} kernels are below each other, with the same row spacing as the "
            f"{channels} maps on '{source.sheet}'."
        )
    notes.append("Batch normalization: scale = γ / √(variance + ε), shift = β - mean × scale.")
    builder.write_heading(
        sheet, f"Weights of convolution {number + 1}: {channels * filters} kernels of 3×3", *notes
    )
    sheet.set_column_pixels(0, 0, 90)
    sheet.set_column_pixels(1, filter_column(filters) - 1, 52)
    sheet.write(NORM_TOP - 2, 0, "ε", styles.section)
    # One column is too narrow for it: LibreOffice and Excel would show ###.
    sheet.merge_range(
        NORM_TOP - 2, 1, NORM_TOP - 2, 2, convolution.epsilon, styles.cell("0.0E+00", align="left")
    )
    epsilon = xl_rowcol_to_cell(NORM_TOP - 2, 1, True, True)
    for row, name in enumerate(NORM_ROWS):
        sheet.write(NORM_TOP + row, 0, name, styles.section)
    weight = styles.cell("0.000", font_size=8, align="center")
    parameters = (convolution.gamma, convolution.beta, convolution.mean, convolution.variance)
    for index in range(filters):
        left = filter_column(index)
        sheet.write(NORM_TOP - 1, left, f"filter {index + 1}", styles.section)
        for row, values in enumerate(parameters):
            sheet.write_number(NORM_TOP + row, left, values[index], weight)
        gamma, beta, mean, variance, scale = (
            xl_rowcol_to_cell(NORM_TOP + row, left) for row in range(5)
        )
        builder.write_formula(
            sheet, SCALE_ROW, left, f"={gamma}/SQRT({variance}+{epsilon})", weight,
            convolution.scale[index],
        )  # fmt: skip
        builder.write_formula(
            sheet, SHIFT_ROW, left, f"={beta}-{mean}*{scale}", weight, convolution.shift[index]
        )
        for channel in range(channels):
            top = KERNEL_TOP + channel * source.row_step
            for i in range(3):
                for j in range(3):
                    value = convolution.kernel[i, j, channel, index]
                    sheet.write_number(top + i, left + j, value, weight)
        bottom = KERNEL_TOP + source.stack_height - 1
        builder.diverging_color_scale(sheet, KERNEL_TOP, left, bottom, left + 2)
    shorten_large_numbers(sheet, styles, NORM_TOP, 1, SHIFT_ROW, filter_column(filters) - 1)
    for channel in range(channels):
        name = f"for map {channel + 1}" if channels > 1 else "kernel"
        sheet.write(KERNEL_TOP + channel * source.row_step, 0, name, styles.note)
    sheet.freeze_panes(NORM_TOP, 1)


def write_dense(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet with the dense layer's weights."""
    weights = builder.weights.dense
    builder.write_heading(
        sheet,
        f"Weights of the dense layer: {weights.size}",
        "One row per map of the last pooling, one column per digit.",
    )
    weight = builder.styles.cell("0.0000", align="center")
    sheet.set_column_pixels(0, CLASSES, 70)
    for digit in range(CLASSES):
        sheet.write(FIRST_ROW - 1, 1 + digit, digit, builder.styles.header(COLORS["violet"]))
    for (row, digit), value in np.ndenumerate(weights):
        sheet.write_number(FIRST_ROW + row, 1 + digit, value, weight)
    for row in range(len(weights)):
        sheet.write(FIRST_ROW + row, 0, f"map {row + 1}", builder.styles.note)
    builder.diverging_color_scale(sheet, FIRST_ROW, 1, FIRST_ROW + len(weights) - 1, CLASSES)
    sheet.freeze_panes(FIRST_ROW, 1)
