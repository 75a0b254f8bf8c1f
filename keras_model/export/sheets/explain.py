"""The sheet Explain: what the workbook contains and how to explore it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.export.sheets.layout import (
    DENSE,
    DRAW,
    FIRST_ROW,
    GALLERY,
    INPUT,
    INPUT_LEFT,
    OUTPUT,
    OUTPUT_COLUMNS,
    PICTURES_TOP,
    SAMPLE_CELL,
    kernel_sheet,
)
from keras_model.export.sheets.workbook_builder import WorkbookBuilder


def write_explain(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet Explain."""
    sheet.set_column_pixels(0, 0, 24)
    for column, width in enumerate((120, 400, 170, 420), start=1):
        sheet.set_column_pixels(column, column, width)
    builder.write_heading(sheet, "A neural network that classifies digits, in plain formulas")
    page = _Page(builder, sheet)
    page.write_paragraph(
        "This workbook contains a trained convolutional neural network with 19,848 trained "
        "parameters. Each parameter is typed in one cell. Everything else is a formula, so you can "
        "change a pixel or a weight and see every result that depends on it change.",
        2,
    )
    page.write_section("How to explore it")
    page.write_links(_places(builder))
    page.write_paragraph(
        "In Excel, Formulas > Trace Precedents draws arrows from the cells that a formula uses. "
        "F2 highlights these cells in colors, and Ctrl+[ selects them.",
        1,
    )
    page.write_section("The layers, from input to output, and the sheets with their weights")
    page.write_table(("sheet", "contents", "numbers", "formula"), _sheet_rows(builder))
    page.write_section("How one formula adds the windows of many maps")
    page.write_paragraph(
        "A convolution multiplies a 3×3 window of each map by a 3×3 kernel and adds all products. "
        "The maps that it reads are below each other on their sheet, with one blank row between "
        "two maps. The kernels of a filter are below each other with the same row spacing. "
        "SUMPRODUCT of two ranges, each three columns wide, therefore multiplies each window by "
        "its own kernel. The rows between the kernels are blank and count as 0. At the edge of a "
        "map, the window includes blank cells: this is the padding of 1.",
        4,
    )
    page.write_paragraph(
        "Dropout is active only during training, so it has no cells here. Batch normalization "
        "uses the mean and the variance that were estimated during training, so here it is one "
        "multiplication and one addition. The order in this network is convolution, ReLU, "
        "batch normalization, max pooling.",
        2,
    )


class _Page:
    """A sheet of text, written from the top down; ``row`` is the next one."""

    def __init__(self, builder: WorkbookBuilder, sheet: Worksheet) -> None:
        self.styles, self.sheet, self.row = builder.styles, sheet, 2
        self.wrapped = self.styles.format(text_wrap=True)

    def write_section(self, title: str) -> None:
        """Write a title with a blank row above it."""
        self.sheet.write(self.row + 1, 0, title, self.styles.section)
        self.row += 2

    def write_paragraph(self, text: str, lines: int) -> None:
        """Write a text that takes so many lines."""
        self.sheet.merge_range(self.row, 1, self.row, 4, text, self.wrapped)
        self.sheet.set_row_pixels(self.row, 8 + 16 * lines)
        self.row += 1

    def write_links(self, places: Iterable[tuple[str, str, str]]) -> None:
        """Write a link to each sheet and cell, with a text beside it."""
        for name, cell, text in places:
            address = f"internal:'{name}'!{cell}"
            self.sheet.write_url(self.row, 1, address, self.styles.link(), f"{name}!{cell}")
            self.sheet.write(self.row, 2, text, self.styles.format())
            self.row += 1

    def write_table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table whose first column links to sheets."""
        for column, name in enumerate(header, start=1):
            self.sheet.write(self.row, column, name, self.styles.header(COLORS["blue"], "left"))
        self.row += 1
        for name, *texts in rows:
            self.sheet.write_url(self.row, 1, f"internal:'{name}'!A1", self.styles.link(), name)
            for column, text in enumerate(texts, start=2):
                self.sheet.write_string(self.row, column, text, self.wrapped)
            self.sheet.set_row_pixels(self.row, 22)
            self.row += 1


def _places(builder: WorkbookBuilder) -> list[tuple[str, str, str]]:
    """Return where to explore the workbook: sheet, cell, what to do there."""
    input_cell = xl_rowcol_to_cell(PICTURES_TOP + 10, INPUT_LEFT + 14)
    map_cell = xl_rowcol_to_cell(*builder.normalized[0].origin(0))
    logit_cell = xl_rowcol_to_cell(FIRST_ROW, OUTPUT_COLUMNS["logit"])
    count = len(builder.weights.dense)
    return [
        (DRAW, SAMPLE_CELL, "Type the number of a gallery digit here, or type 0 and draw a digit."),
        (DRAW, input_cell, "Select an input pixel: its formula copies the drawing or the gallery."),
        (
            builder.normalized[0].sheet,
            map_cell,
            "Select a cell of a feature map: it multiplies 9 pixels by 9 weights.",
        ),
        (OUTPUT, logit_cell, f"Select a logit: it multiplies {count} values by {count} weights."),
    ]


def _sheet_rows(builder: WorkbookBuilder) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of layers: sheet, contents, how many numbers, formula."""
    size = f"{SIDE}×{SIDE}"
    rows = [
        (DRAW, "Pixels of the digit, 0 to 255", size, f"the drawing, or INDEX into {GALLERY}"),
        (INPUT, "Normalized pixels", size, "(pixel / 255 - mean) / deviation"),
    ]
    for number, convolution in enumerate(builder.weights.convolutions):
        normalized, pooled = builder.normalized[number], builder.pooled[number]
        rows.append(
            (
                normalized.sheet,
                f"Convolution with {normalized.count} filters, ReLU, batch normalization",
                f"{normalized.count} × {normalized.side}×{normalized.side}",
                "MAX(0, SUMPRODUCT(window, filter)) * scale + shift",
            )
        )
        if pooled.side > 1:
            rows.append(
                (
                    pooled.sheet,
                    f"Maximum of each {convolution.pool_size}×{convolution.pool_size} window",
                    f"{pooled.count} × {pooled.side}×{pooled.side}",
                    "MAX(window)",
                )
            )
    rows.append(
        (
            OUTPUT,
            "Maximum of each map, dense layer, softmax",
            f"{len(builder.weights.dense)}, then {CLASSES}",
            "SUMPRODUCT(maxima, weights); EXP(logit - max) / sum",
        )
    )
    for number, convolution in enumerate(builder.weights.convolutions):
        rows.append(
            (
                kernel_sheet(number),
                "Kernels; γ, β, mean and variance of each filter",
                f"{convolution.kernel.size:,} + {4 * len(convolution.gamma)}",
                "scale = γ / √(variance + ε), shift = β - mean * scale",
            )
        )
    rows.append(
        (DENSE, "Weights of the dense layer", f"{builder.weights.dense.size}", "no formula")
    )
    return rows
