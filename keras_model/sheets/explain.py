"""The sheet Explain: how to go through the workbook."""

from __future__ import annotations

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.look import SHADES
from keras_model.mnist import CLASSES, SIDE
from keras_model.sheets.book import (
    DENSE,
    DRAW,
    INPUT,
    OUTPUT,
    OUTPUT_COLUMNS,
    PICTURE_TOP,
    SAMPLE_CELL,
    SHOWN,
    TOP,
    Book,
)


def write_explain(book: Book, sheet: Worksheet) -> None:
    """Write the sheet Explain."""
    look = book.look
    sheet.set_column_pixels(0, 0, 24)
    for column, width in enumerate((120, 360, 150, 400), start=1):
        sheet.set_column_pixels(column, column, width)
    book.head(sheet, "A neural network that reads digits, in plain formulas")
    wrap = look.format(text_wrap=True)
    row = 2

    def paragraph(text: str, height: int = 22) -> None:
        nonlocal row
        sheet.merge_range(row, 1, row, 4, text, wrap)
        sheet.set_row_pixels(row, height)
        row += 1

    paragraph(
        "This is a trained convolutional network of 19,848 weights. Every weight is typed in "
        "one cell; everything else is a formula. Nothing but this workbook is needed to read a "
        "digit: change a pixel or a weight, and all that depends on it changes.",
        38,
    )
    row += 1
    sheet.write(row, 0, "How to go through it", look.section)
    row += 1
    shown = xl_rowcol_to_cell(PICTURE_TOP + 10, SHOWN + 14)
    window = xl_rowcol_to_cell(*book.normal[0].origin(0))
    logit = xl_rowcol_to_cell(TOP, OUTPUT_COLUMNS["logits"])
    for name, cell, text in (
        (DRAW, SAMPLE_CELL, "Type the number of a digit of the gallery, or 0, and draw."),
        (DRAW, shown, "Click a pixel that is read: it is taken from gallery or drawing."),
        (book.normal[0].sheet, window, "Click a cell of a map: nine pixels, nine weights."),
        (OUTPUT, logit, "Click a logit: fifty numbers times fifty weights."),
    ):
        sheet.write_url(row, 1, f"internal:'{name}'!{cell}", look.link, f"{name}!{cell}")
        sheet.write(row, 2, text, look.format())
        row += 1
    paragraph(
        "In Excel, Formulas > Trace Precedents (Alt, M, P) draws arrows to the cells that a "
        "formula reads; F2 frames them in colours; Ctrl+[ goes there.",
    )
    row += 1
    sheet.write(row, 0, "The layers, in the order in which a digit passes", look.section)
    row += 1
    for column, name in enumerate(("sheet", "what it does", "numbers", "formula"), start=1):
        sheet.write(row, column, name, look.header(SHADES["blue"], "left"))
    row += 1
    for name, what, numbers, formula in _layer_rows(book):
        sheet.write_url(row, 1, f"internal:'{name}'!A1", look.link, name)
        for column, text in ((2, what), (3, numbers), (4, formula)):
            sheet.write_string(row, column, text, wrap)
        sheet.set_row_pixels(row, 22)
        row += 1
    row += 1
    sheet.write(row, 0, "How one formula sums a window through many maps", look.section)
    row += 1
    paragraph(
        "A convolution multiplies a 3×3 window of each map by a 3×3 kernel, and sums. The maps "
        "that it reads stand one below the other, with a blank row between two. The kernels of "
        "a filter stand at the same distances on their sheet. So SUMPRODUCT of two rectangles, "
        "three columns wide, meets each kernel with its window; the rows between the kernels "
        "are blank, and count as 0. At a map's edge the window reaches over blank cells: that "
        "is the padding of 1.",
        66,
    )
    paragraph(
        "Dropout works in training alone, and so has no cells here. Batch normalisation's mean "
        "and variance were measured in training; here they only scale and shift. The order in "
        "this network is convolution, ReLU, normalisation, pooling.",
        38,
    )


def _layer_rows(book: Book) -> list[tuple[str, str, str, str]]:
    """The rows of the table of layers: sheet, what it does, how many numbers, formula."""
    rows = [
        (DRAW, "The digit, 0 to 255", f"{SIDE}×{SIDE}", "INDEX into the gallery, or drawing"),
        (INPUT, "Normalised", f"{SIDE}×{SIDE}", "(pixel / 255 - mean) / deviation"),
    ]
    for number, convolution in enumerate(book.weights.convolutions):
        normal, pooled = book.normal[number], book.pooled[number]
        size = convolution.pool
        rows.append(
            (
                normal.sheet,
                f"Convolution with {normal.count} filters, ReLU, normalisation",
                f"{normal.count} × {normal.side}×{normal.side}",
                "MAX(0, SUMPRODUCT(window, filter)) * scale + shift",
            )
        )
        if pooled.side > 1:
            rows.append(
                (
                    pooled.sheet,
                    f"The largest of each {size}×{size}",
                    f"{pooled.count} × {pooled.side}×{pooled.side}",
                    "MAX(window)",
                )
            )
    rows.append(
        (
            OUTPUT,
            "The largest of each map; dense layer; softmax",
            f"{len(book.weights.dense)}, then {CLASSES}",
            "SUMPRODUCT(pooled, weights); EXP(logit - max) / sum",
        )
    )
    for number, convolution in enumerate(book.weights.convolutions):
        numbers = convolution.kernel.size
        rows.append(
            (
                book.kernels(number),
                "Kernels; γ, β, mean, variance",
                f"{numbers:,} + {2 * len(convolution.gamma)} trained",
                "scale = γ / √(variance + ε), shift = β - mean * scale",
            )
        )
    rows.append((DENSE, "Weights of the dense layer", f"{book.weights.dense.size}", "typed"))
    return rows
