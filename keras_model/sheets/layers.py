"""A sheet for each layer, from the normalised digit to the ten probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.look import SHADES
from keras_model.mnist import CLASSES, DEVIATION, MEAN, SIDE
from keras_model.sheets.book import (
    DENSE,
    DRAW,
    KERNEL_TOP,
    LEFT,
    OUTPUT_COLUMNS,
    PICTURE_TOP,
    SCALE,
    SHIFT,
    SHOWN,
    TOP,
    Book,
    Maps,
    filter_column,
    fixed_cell,
    rectangle,
)


def write_input(book: Book, sheet: Worksheet) -> None:
    """Write the sheet of the normalised digit."""
    book.head(
        sheet,
        "The digit, as the network wants it",
        "(pixel / 255 - mean) / deviation, with the mean and the deviation of all training "
        "digits. The blank edge is the padding of the first convolution.",
    )
    sheet.set_column_pixels(0, 0, 90)
    book.picture_columns(sheet, 1, LEFT + SIDE, TOP + SIDE + 1)
    given = LEFT + SIDE + 2
    sheet.set_column_pixels(given, given + 1, 80)
    for row, (name, value) in enumerate((("mean", MEAN), ("deviation", DEVIATION))):
        sheet.write(TOP + row, given, name, book.look.section)
        sheet.write_number(TOP + row, given + 1, value, book.look.input)
    mean, deviation = (xl_rowcol_to_cell(TOP + row, given + 1, True, True) for row in range(2))

    def normalised(y: int, x: int, cell: Any) -> None:
        pixel = xl_rowcol_to_cell(PICTURE_TOP + y, SHOWN + x)
        book.formula(
            sheet, TOP + y, LEFT + x, f"=({DRAW}!{pixel}/255-{mean})/{deviation}", cell,
            book.layers.input[y, x],
        )  # fmt: skip

    book.frame(sheet, TOP, LEFT, SIDE, normalised)
    book.shade(sheet, TOP, LEFT, TOP + SIDE - 1, LEFT + SIDE - 1)


def write_normal(book: Book, sheet: Worksheet, number: int, before: Maps) -> None:
    """Write the sheet of a convolution with ReLU and normalisation, which reads ``before``."""
    maps, values = book.normal[number], book.layers.normal[number]
    kernels, convolution = book.kernels(number), book.weights.convolutions[number]
    _, _, channels, filters = convolution.kernel.shape
    book.head(
        sheet,
        f"Convolution {number + 1}, ReLU, batch normalisation: {filters} maps of "
        f"{maps.side}×{maps.side}",
        f"Each cell: the 3×3 window of '{before.sheet}'"
        + (f" through its {channels} maps" if channels > 1 else "")
        + f" times the filter on '{kernels}', summed; below 0 becomes 0; times scale, plus "
        "shift.",
    )
    sheet.set_column_pixels(0, 1, 20)
    down = -(-filters // maps.across)
    book.picture_columns(sheet, LEFT, LEFT + maps.across * (maps.side + 2), TOP + down * maps.pitch)
    windows = [[before.window(y, x) for x in range(maps.side)] for y in range(maps.side)]
    for index in range(filters):
        top, left = maps.origin(index)
        at = filter_column(index)
        kernel = rectangle(kernels, KERNEL_TOP, at, before.window_height, 3, fixed=True)
        scale, shift = fixed_cell(kernels, SCALE, at), fixed_cell(kernels, SHIFT, at)
        sheet.write(
            top - 1,
            left,
            f"map {index + 1}" if maps.side > 3 else f"{index + 1}",
            book.look.note,
        )

        def normal(y: int, x: int, cell: Any, index=index, top=top, left=left,
                   rest=f",{kernel}))*{scale}+{shift}") -> None:  # fmt: skip
            book.formula(
                sheet, top + y, left + x, f"=MAX(0,SUMPRODUCT({windows[y][x]}{rest}", cell,
                values[y, x, index],
            )  # fmt: skip

        book.frame(sheet, top, left, maps.side, normal)
        book.shade(sheet, top, left, top + maps.side - 1, left + maps.side - 1)


def write_pooled(book: Book, sheet: Worksheet, number: int) -> None:
    """Write the sheet of a pooling."""
    maps, source = book.pooled[number], book.normal[number]
    values, size = book.layers.pooled[number], book.weights.convolutions[number].pool
    left_out = source.side - maps.side * size
    book.head(
        sheet,
        f"Pooling {number + 1}: {maps.count} maps of {maps.side}×{maps.side}",
        f"Each cell: the largest of a {size}×{size} window of '{source.sheet}'."
        + (f" Its last {left_out} rows and columns are left out." if left_out else ""),
        "The maps stand one below the other, so that the next convolution's window goes "
        "through all; the blank row between two is its padding.",
    )
    sheet.set_column_pixels(0, 0, 70)
    book.picture_columns(sheet, 1, LEFT + maps.side, TOP + maps.count * maps.pitch)
    for index in range(maps.count):
        top, left = maps.origin(index)
        sheet.write(top, 0, f"map {index + 1}", book.look.note)

        def pooled(y: int, x: int, cell: Any, index=index, top=top, left=left) -> None:
            window = source.area(index, y * size, x * size, size)
            book.formula(sheet, top + y, left + x, f"=MAX({window})", cell, values[y, x, index])

        book.frame(sheet, top, left, maps.side, pooled)
        book.shade(sheet, top, left, top + maps.side - 1, left + maps.side - 1)


def write_output(book: Book, sheet: Worksheet) -> None:
    """Write the sheet of the last pooling, the logits and the probabilities."""
    look, layers, columns = book.look, book.layers, OUTPUT_COLUMNS
    source, size = book.normal[-1], book.weights.convolutions[-1].pool
    book.head(
        sheet,
        "From 50 maps to ten probabilities",
        f"Pooling 3: the largest of each 3×3 map of '{source.sheet}'. Logit of a digit: the "
        f"50 numbers times its column on '{DENSE}', summed.",
        "Probability: e^(logit - largest logit), divided by the ten's sum (softmax).",
    )
    sheet.set_column_pixels(0, 0, 80)
    sheet.set_column_pixels(1, 6, 100)
    heads = ("pooling 3", None, "digit", "logits", "e^(logit - max)", "probability")
    for column, name in enumerate(heads, start=1):
        if name:
            sheet.write(TOP - 1, column, name, look.header(SHADES["violet"]))
    number = look.cell("0.0000", align="center")
    count = len(book.weights.dense)
    pooled = layers.pooled[-1].ravel()
    for index in range(count):
        sheet.write(TOP + index, 0, f"map {index + 1}", look.note)
        book.formula(
            sheet, TOP + index, columns["pooled"],
            f"=MAX({source.area(index, 0, 0, size)})", number, pooled[index],
        )  # fmt: skip
    column = columns["pooled"]
    book.shade(sheet, TOP, column, TOP + count - 1, column, ink="#9DC3E6")
    pool_area = xl_range_abs(TOP, column, TOP + count - 1, column)
    logits, raised = (
        xl_range_abs(TOP, columns[name], TOP + CLASSES - 1, columns[name])
        for name in ("logits", "e^")
    )
    exponentials = np.exp(layers.logits - layers.logits.max())
    for digit in range(CLASSES):
        row = TOP + digit
        sheet.write_number(row, columns["digit"], digit, look.format(align="center", bold=True))
        weights = rectangle(DENSE, TOP, 1 + digit, count, 1)
        logit, power = (xl_rowcol_to_cell(row, columns[name]) for name in ("logits", "e^"))
        for name, text, value in (
            ("logits", f"=SUMPRODUCT({pool_area},{weights})", layers.logits[digit]),
            ("e^", f"=EXP({logit}-MAX({logits}))", exponentials[digit]),
            ("probability", f"={power}/SUM({raised})", layers.probabilities[digit]),
        ):
            book.formula(sheet, row, columns[name], text, number, value)
