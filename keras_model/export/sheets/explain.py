"""The sheet Explain: what the workbook contains and how to explore it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.export.sheets.layout import (
    DRAW,
    GALLERY,
    INPUT,
    INPUT_LEFT,
    OUTPUT,
    OUTPUT_TOP,
    PICTURES_TOP,
    SAMPLE_CELL,
    MapLayout,
)
from keras_model.export.sheets.weights import WeightsPlace
from keras_model.export.sheets.workbook_builder import WorkbookBuilder
from keras_model.export.stages import Stage
from keras_model.layers.layer import Cells, Reads, shape_text

_WIDTHS = (120, 400, 170, 420)  # pixels of the columns of text
_CHARACTER = 7  # pixels, of most


def write_explain(
    builder: WorkbookBuilder, sheet: Worksheet, places: Sequence[WeightsPlace | None]
) -> None:
    """Write the sheet Explain.

    Args:
        places: where the weights of each stage are.
    """
    sheet.set_column_pixels(0, 0, 24)
    for column, width in enumerate(_WIDTHS, start=1):
        sheet.set_column_pixels(column, column, width)
    builder.write_heading(sheet, "A neural network that classifies digits, in plain formulas")
    page = _Page(builder, sheet)
    page.write_paragraph(
        f"This workbook contains a trained neural network with "
        f"{builder.network.architecture.trainable:,} trained parameters. Each parameter is typed "
        "in one cell. Everything else is a formula, so you can change a pixel or a weight and see "
        "every result that depends on it change.",
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
    page.write_table(("sheet", "contents", "numbers", "formula"), _sheet_rows(builder, places))
    layers = builder.network.architecture
    if any(stage.layer.reads == Reads.WINDOWS for stage in builder.stages):
        page.write_section("How one formula adds the windows of many maps")
        page.write_paragraph(
            "A convolution multiplies a window of each map by a kernel and adds all products. The "
            "maps that it reads are below each other on their sheet, with blank rows between two "
            "maps. The kernels of an output are below each other with the same row spacing. "
            "SUMPRODUCT of two ranges therefore multiplies each window by its own kernel. The rows "
            "between the kernels are blank and count as 0. At the edge of a map, a window may "
            "include blank cells: these are the padding.",
            4,
        )
    if layers.has("Dropout", "SpatialDropout2D"):
        page.write_paragraph("Dropout is active only during training, so it has no cells here.", 1)
    if layers.has("BatchNormalization"):
        page.write_paragraph(
            "Batch normalization uses the mean and the variance that were estimated during "
            "training, so here it is one multiplication and one addition.",
            1,
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
            lines = max(
                math.ceil(len(text) * _CHARACTER / width)
                for text, width in zip((name, *texts), _WIDTHS, strict=True)
            )
            self.sheet.set_row_pixels(self.row, 6 + 16 * max(1, lines))
            self.row += 1


def _places(builder: WorkbookBuilder) -> list[tuple[str, str, str]]:
    """Return where to explore the workbook: sheet, cell, what to do there."""
    input_cell = xl_rowcol_to_cell(PICTURES_TOP + 10, INPUT_LEFT + 14)
    logit_cell = xl_rowcol_to_cell(OUTPUT_TOP, builder.logits_column.column)
    places = [
        (DRAW, SAMPLE_CELL, "Type the number of a gallery digit here, or type 0 and draw a digit."),
        (DRAW, input_cell, "Select an input pixel: its formula copies the drawing or the gallery."),
    ]
    for stage, layout in zip(builder.stages, builder.layouts, strict=True):
        if isinstance(layout, MapLayout):
            text = f"Select a cell of a map: {stage.layer.description()}."
            places.append((layout.sheet, xl_rowcol_to_cell(*layout.origin(0)), text))
            break
    places.append(
        (
            OUTPUT,
            logit_cell,
            "Select a logit: the number of a digit before its probability is computed.",
        )
    )
    return places


def _sheet_rows(
    builder: WorkbookBuilder, places: Sequence[WeightsPlace | None]
) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of layers: sheet, contents, how many numbers, formula."""
    size = f"{SIDE}×{SIDE}"
    rows = [
        (DRAW, "Pixels of the digit, 0 to 255", size, f"the drawing, or INDEX into {GALLERY}"),
        (INPUT, f"Pixels {builder.scaling.words}", size, "see the sheet"),
    ]
    for stage in builder.stages:
        words = ", ".join(step.layer.description() for step in stage.steps)
        count = f"{stage.shape[-1]} × {shape_text(stage.shape[:2])}" if stage.is_maps else ""
        count = count or f"{stage.shape[0]}"
        sheet = stage.name if stage.is_maps else OUTPUT
        rows.append((sheet, words, count, _general_formula(stage)))
    is_sigmoid = builder.output_activation == "sigmoid"
    probability = "1/(1+EXP(-logit))" if is_sigmoid else "EXP(logit - max) / sum"
    rows.append((OUTPUT, "Probabilities", f"{CLASSES}", probability))
    for stage, place in zip(builder.stages, places, strict=True):
        if place is not None:
            total = sum(value.size for weights in stage.weights for value in weights.values())
            rows.append((place.sheet, f"Weights of '{stage.name}'", f"{total:,}", ""))
    return rows


def _general_formula(stage: Stage) -> str:
    """Return the formula of a stage with words in place of its references."""
    names = {
        Reads.WINDOWS: "windows", Reads.WINDOW: "window", Reads.MAP: "map", Reads.ALL: "inputs",
        Reads.CHANNELS: "channels", Reads.NUMBER: "number", Reads.PLACE: "number",
    }  # fmt: skip
    text = names[stage.layer.reads]
    for step, weights in zip(stage.steps, stage.weights, strict=True):
        words = {name: name for name in (*weights, "scale", "shift", "offset", "mean", "variance")}
        text = step.layer.formula(Cells(text, "number", words))
    return text
