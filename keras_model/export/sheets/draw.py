"""The sheet Draw: the user's drawing, the input of the network, and the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_cell_to_rowcol, xl_range, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS, FONT, GRID
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.export.sheets.layout import (
    DRAW,
    DRAWING_LEFT,
    GALLERY,
    GALLERY_LEFT,
    GALLERY_LIST_STEP,
    GALLERY_PER_ROW,
    GALLERY_TOP,
    INPUT_LEFT,
    OUTPUT,
    OUTPUT_TOP,
    PICTURES_TOP,
    PIXEL_SIZE,
    RESULT_LEFT,
    RESULT_TABLE_TOP,
    SAMPLE_CELL,
    cell_range,
    square_width,
)
from keras_model.export.sheets.workbook_builder import (
    FIRST_SAMPLE,
    HIDDEN,
    WorkbookBuilder,
    example_drawing,
)

_BLANK_COLOR = "#FFFBEC"  # of cells to draw in


def write_draw(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet Draw."""
    styles, count = builder.styles, len(builder.images)
    sheet.set_zoom(90)
    builder.write_heading(
        sheet,
        "Draw a digit and see how it is classified",
        "Type the number of a gallery digit into the yellow cell, or type 0 and draw in the left "
        "grid: each cell is one pixel, from 0 (paper) to 255 (ink).",
        "To fill several pixels at once, select them, type 255 and press Ctrl+Enter. "
        "To erase pixels, select them and press Delete.",
    )
    sheet.write(3, 1, "Sample", styles.section)
    sample_row, sample_column = xl_cell_to_rowcol(SAMPLE_CELL)
    sheet.merge_range(
        sample_row, sample_column, sample_row, sample_column + 2, FIRST_SAMPLE, styles.input
    )
    choices = f"1 to {count}" if count > 1 else "1"
    sheet.write(3, 9, f"0 = your drawing, {choices} = a digit of the gallery", styles.note)
    sheet.data_validation(
        sample_row,
        sample_column,
        sample_row,
        sample_column,
        {
            "validate": "integer", "criteria": "between", "minimum": 0, "maximum": count,
            "error_title": "Sample", "error_message": f"Type a whole number from 0 to {count}.",
        },
    )  # fmt: skip
    sheet.set_column_pixels(0, 0, 14)
    sheet.set_column_pixels(1, RESULT_LEFT - 2, square_width(PIXEL_SIZE))
    sheet.set_column_pixels(RESULT_LEFT - 1, RESULT_LEFT - 1, 20)
    sheet.set_column_pixels(RESULT_LEFT, RESULT_LEFT, 110)
    sheet.set_column_pixels(RESULT_LEFT + 1, RESULT_LEFT + 2, 100)
    for row in range(PICTURES_TOP, PICTURES_TOP + SIDE):
        sheet.set_row_pixels(row, PIXEL_SIZE)
    title_row = PICTURES_TOP - 2
    sheet.write(title_row, DRAWING_LEFT, "Your drawing, used if the sample is 0", styles.section)
    sheet.write(title_row, INPUT_LEFT, "The input of the network", styles.section)
    _write_drawing(builder, sheet)
    sample = xl_rowcol_to_cell(sample_row, sample_column, True, True)
    _write_network_input(builder, sheet, sample)
    _write_result(builder, sheet, sample)


def _write_drawing(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the grid to draw in."""
    top, left = PICTURES_TOP, DRAWING_LEFT
    pixel_format = builder.styles.format(
        num_format=HIDDEN, font_size=6, border=1, border_color="#F0DFA8", bg_color=_BLANK_COLOR
    )
    for (y, x), value in np.ndenumerate(example_drawing()):
        if value:
            sheet.write_number(top + y, left + x, value, pixel_format)
        else:
            sheet.write_blank(top + y, left + x, None, pixel_format)
    area = (top, left, top + SIDE - 1, left + SIDE - 1)
    sheet.data_validation(
        *area,
        {
            "validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 255,
            "error_title": "Pixel",
            "error_message": "Type a number from 0 (paper) to 255 (ink).",
        },
    )  # fmt: skip
    # A color scale leaves blank cells in their own format: give 0 the same color.
    builder.color_scale(sheet, *area, max_value=255, min_color=_BLANK_COLOR)


def _write_network_input(builder: WorkbookBuilder, sheet: Worksheet, sample: str) -> None:
    """Write the digit that is classified: a copy of the drawing or of a gallery digit."""
    step = SIDE + 2
    height = -(-len(builder.images) // GALLERY_PER_ROW) * step
    gallery = cell_range(
        GALLERY, GALLERY_TOP, GALLERY_LEFT, height, GALLERY_PER_ROW * step, absolute=True
    )

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        drawn = xl_rowcol_to_cell(PICTURES_TOP + y, DRAWING_LEFT + x)
        builder.write_formula(
            sheet,
            PICTURES_TOP + y,
            INPUT_LEFT + x,
            f"=IF({sample}=0,{drawn},INDEX({gallery},"
            f"INT(({sample}-1)/{GALLERY_PER_ROW})*{step}+{y + 1},"
            f"MOD({sample}-1,{GALLERY_PER_ROW})*{step}+{x + 1}))",
            cell_format,
            builder.digit[y, x],
        )

    builder.write_picture(sheet, PICTURES_TOP, INPUT_LEFT, SIDE, SIDE, write_pixel, max_value=255)


def _write_result(builder: WorkbookBuilder, sheet: Worksheet, sample: str) -> None:
    """Write the prediction, the label, and the logits and probabilities with their chart."""
    styles = builder.styles
    left, column, right = RESULT_LEFT, RESULT_LEFT + 1, RESULT_LEFT + 2
    first, last = RESULT_TABLE_TOP + 1, RESULT_TABLE_TOP + CLASSES
    prediction_row, label_row = 3, 7
    large = styles.format(font_size=28, bold=True, align="center", font_color=COLORS["blue"].strong)
    medium = styles.format(font_size=14, align="center")
    percent = styles.format(font_size=14, align="center", num_format="0.0%")

    def write_row(row: int, height: int, name: str, *cells: tuple[str, Format, Any]) -> None:
        """Write a name and two formulas (formula, format, value) in cells of several rows."""
        sheet.merge_range(row, left, row + height - 1, left, name, styles.section)
        for place, (formula, cell_format, value) in zip((column, right), cells, strict=True):
            sheet.merge_range(row, place, row + height - 1, place, "", cell_format)
            builder.write_formula(sheet, row, place, formula, cell_format, value)

    predicted = int(builder.logits.argmax())
    probabilities = xl_range(first, right, last, right)
    write_row(
        prediction_row, 3, "prediction",
        (f"=MATCH(MAX({probabilities}),{probabilities},0)-1", large, predicted),
        (f"=MAX({probabilities})", percent, builder.probabilities.max()),
    )  # fmt: skip

    label = int(builder.labels[FIRST_SAMPLE - 1])
    height = GALLERY_LIST_STEP * len(builder.labels)
    labels = cell_range(GALLERY, GALLERY_TOP, 1, height, 1, absolute=True)
    row_of_label = f"{GALLERY_LIST_STEP}*{sample}-{GALLERY_LIST_STEP - 1}"
    verdict = "correct" if predicted == label else "wrong"
    prediction_cell, label_cell = (
        xl_rowcol_to_cell(row, column) for row in (prediction_row, label_row)
    )
    write_row(
        label_row, 2, "label",
        (f'=IF({sample}=0,"unknown",INDEX({labels},{row_of_label}))', medium, label),
        (f'=IF({sample}=0,"",IF({prediction_cell}={label_cell},"correct","wrong"))', medium,
         verdict),
    )  # fmt: skip

    for offset, name in enumerate(("digit", "logit", "probability")):
        sheet.write(RESULT_TABLE_TOP, left + offset, name, styles.header(COLORS["blue"]))
    for digit in range(CLASSES):
        row = first + digit
        sheet.write_number(row, left, digit, styles.format(align="center", bold=True))
        for place, source_column, values, num_format in (
            (column, builder.logits_column.column, builder.logits, "0.0000"),
            (right, builder.probability_column, builder.probabilities, "0.00%"),
        ):
            source = xl_rowcol_to_cell(OUTPUT_TOP + digit, source_column)
            cell_format = styles.cell(num_format, align="center")
            builder.write_formula(
                sheet, row, place, f"='{OUTPUT}'!{source}", cell_format, values[digit]
            )
    sheet.conditional_format(
        first, right, last, right,
        {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True,
         "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 1},
    )  # fmt: skip
    _insert_chart(builder, sheet, first, last)


def _insert_chart(builder: WorkbookBuilder, sheet: Worksheet, first: int, last: int) -> None:
    """Insert a chart of the probabilities in these rows of the table."""
    chart = builder.workbook.add_chart({"type": "column"})
    font = {"name": FONT, "size": 9}
    chart.add_series(
        {
            "name": "probability",
            "categories": [DRAW, first, RESULT_LEFT, last, RESULT_LEFT],
            "values": [DRAW, first, RESULT_LEFT + 2, last, RESULT_LEFT + 2],
            "fill": {"color": COLORS["blue"].strong},
            "gap": 40,
        }
    )
    chart.set_title({"name": "Probability of each digit", "name_font": font | {"size": 11}})
    chart.set_legend({"none": True})
    chart.set_y_axis(
        {
            "min": 0, "max": 1, "num_format": "0%", "num_font": font, "major_unit": 0.25,
            "major_gridlines": {"visible": True, "line": {"color": GRID}},
        }
    )  # fmt: skip
    chart.set_x_axis({"num_font": font})
    chart.set_size({"width": 312, "height": 13 * PIXEL_SIZE})
    sheet.insert_chart(last + 1, RESULT_LEFT, chart, {"y_offset": 6})
