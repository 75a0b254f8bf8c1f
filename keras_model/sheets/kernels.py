"""The weights, each typed once."""

from __future__ import annotations

import numpy as np
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.look import SHADES
from keras_model.mnist import CLASSES
from keras_model.sheets.book import (
    KERNEL_TOP,
    NORM_TOP,
    OF_NORM,
    SCALE,
    SHIFT,
    TOP,
    Book,
    filter_column,
)
from keras_model.weights import Convolution


def write_kernels(book: Book, sheet: Worksheet, number: int, convolution: Convolution) -> None:
    """Write the sheet with a convolution's kernels and its normalisation."""
    look, before = book.look, (book.read, *book.pooled)[number]
    _, _, channels, filters = convolution.kernel.shape
    through = (
        ""
        if channels == 1
        else (
            f" A filter's {channels} kernels stand below each other, at the distances of the "
            f"{channels} maps on '{before.sheet}'."
        )
    )
    book.head(
        sheet,
        f"Weights of convolution {number + 1}: {channels * filters} kernels of 3×3",
        f"{filters} filters, side by side.{through}",
        "Batch normalisation: scale = γ / √(variance + ε), shift = β - mean·scale.",
    )
    sheet.set_column_pixels(0, 0, 90)
    sheet.set_column_pixels(1, filter_column(filters) - 1, 44)
    sheet.write(NORM_TOP - 2, 0, "ε", look.section)
    sheet.write_number(NORM_TOP - 2, 1, convolution.epsilon, look.cell("0.0E+00"))
    epsilon = xl_rowcol_to_cell(NORM_TOP - 2, 1, True, True)
    for row, name in enumerate(OF_NORM):
        sheet.write(NORM_TOP + row, 0, name, look.section)
    weight = look.cell("0.000", font_size=8, align="center")
    of_norm = (
        convolution.gamma, convolution.beta, convolution.mean, convolution.variance,
    )  # fmt: skip
    for index in range(filters):
        left = filter_column(index)
        sheet.write(NORM_TOP - 1, left, f"filter {index + 1}", look.section)
        for row, values in enumerate(of_norm):
            sheet.write_number(NORM_TOP + row, left, values[index], weight)
        gamma, beta, mean, variance, scale = (
            xl_rowcol_to_cell(NORM_TOP + row, left) for row in range(5)
        )
        book.formula(
            sheet, SCALE, left, f"={gamma}/SQRT({variance}+{epsilon})", weight,
            convolution.scale[index],
        )  # fmt: skip
        book.formula(
            sheet, SHIFT, left, f"={beta}-{mean}*{scale}", weight, convolution.shift[index]
        )
        for channel in range(channels):
            top = KERNEL_TOP + channel * before.pitch
            for i in range(3):
                for j in range(3):
                    value = convolution.kernel[i, j, channel, index]
                    sheet.write_number(top + i, left + j, value, weight)
        book.shade_signed(sheet, KERNEL_TOP, left, KERNEL_TOP + before.window_height - 1, left + 2)
    for channel in range(channels):
        name = f"for map {channel + 1}" if channels > 1 else "kernel"
        sheet.write(KERNEL_TOP + channel * before.pitch, 0, name, look.note)
    sheet.freeze_panes(NORM_TOP, 1)


def write_dense(book: Book, sheet: Worksheet) -> None:
    """Write the sheet with the dense layer's weights."""
    book.head(
        sheet,
        f"Weights of the dense layer: {book.weights.dense.size}",
        "A row for each map, a column for each digit.",
    )
    weight = book.look.cell("0.0000", align="center")
    sheet.set_column_pixels(0, CLASSES, 70)
    for digit in range(CLASSES):
        sheet.write(TOP - 1, 1 + digit, digit, book.look.header(SHADES["violet"]))
    for (row, digit), value in np.ndenumerate(book.weights.dense):
        sheet.write_number(TOP + row, 1 + digit, value, weight)
    for row in range(len(book.weights.dense)):
        sheet.write(TOP + row, 0, f"map {row + 1}", book.look.note)
    book.shade_signed(sheet, TOP, 1, TOP + len(book.weights.dense) - 1, CLASSES)
    sheet.freeze_panes(TOP, 1)
