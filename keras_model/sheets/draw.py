"""The sheet Draw: my drawing, what the network reads, and its answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from xlsxwriter.utility import xl_cell_to_rowcol, xl_range, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.look import FONT, GRID, SHADES
from keras_model.mnist import CLASSES, SIDE
from keras_model.sheets.book import (
    ACROSS,
    ANSWER,
    CELL,
    DRAW,
    GALLERY,
    GALLERY_LEFT,
    GALLERY_TOP,
    HIDDEN,
    MINE,
    OUTPUT,
    OUTPUT_COLUMNS,
    PICTURE_TOP,
    SAMPLE_CELL,
    SHOWN,
    TABLE_TOP,
    TOP,
    Book,
    example_drawing,
    rectangle,
)


def write_draw(book: Book, sheet: Worksheet) -> None:
    """Write the sheet Draw."""
    look = book.look
    sheet.set_zoom(90)
    book.head(
        sheet,
        "Draw a digit, and see it read",
        "Choose a digit of the gallery in the yellow cell, or 0 for your own drawing: the "
        "left grid, to type into, 0 for paper to 255 for ink",
        "(select some cells, type 255, then Ctrl+Enter fills them all; Delete wipes them).",
    )
    count = len(book.images)
    sheet.write(3, 1, "Sample", look.section)
    row, column = xl_cell_to_rowcol(SAMPLE_CELL)
    sheet.merge_range(row, column, row, column + 2, book.chosen, look.input)
    sheet.write(3, 9, f"0: my own drawing, 1 to {count}: the gallery", look.note)
    sheet.data_validation(
        row,
        column,
        row,
        column,
        {
            "validate": "integer", "criteria": "between", "minimum": 0, "maximum": count,
            "error_title": "Sample", "error_message": f"A whole number from 0 to {count}.",
        },
    )  # fmt: skip
    top = PICTURE_TOP
    sheet.set_column_pixels(0, 0, 14)
    sheet.set_column_pixels(1, ANSWER - 2, CELL)
    sheet.set_column_pixels(ANSWER - 1, ANSWER - 1, 20)
    sheet.set_column_pixels(ANSWER, ANSWER, 110)
    sheet.set_column_pixels(ANSWER + 1, ANSWER + 2, 100)
    for line in range(top, top + SIDE):
        sheet.set_row_pixels(line, CELL)
    sheet.write(top - 2, MINE, "My own drawing, read when the sample is 0", look.section)
    sheet.write(top - 2, SHOWN, "What the network reads", look.section)

    drawing = example_drawing()
    own = book.look.format(
        num_format=HIDDEN, font_size=6, border=1, border_color="#F0DFA8", bg_color="#FFFBEC"
    )
    for (y, x), value in np.ndenumerate(drawing):
        if value:
            sheet.write_number(top + y, MINE + x, value, own)
        else:
            sheet.write_blank(top + y, MINE + x, None, own)
    area = (top, MINE, top + SIDE - 1, MINE + SIDE - 1)
    sheet.data_validation(
        *area,
        {
            "validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 255,
            "error_title": "Pixel", "error_message": "A number from 0 (paper) to 255 (ink).",
        },
    )  # fmt: skip
    # Blank cells keep their own pale yellow; ink covers it.
    book.shade(sheet, *area, most=255, paper="#FFFBEC")

    sample = xl_rowcol_to_cell(row, column, True, True)
    height = (-(-count // ACROSS)) * (SIDE + 2)
    gallery = rectangle(GALLERY, GALLERY_TOP, GALLERY_LEFT, height, ACROSS * (SIDE + 2), fixed=True)

    def shown(y: int, x: int, cell: Any) -> None:
        mine = xl_rowcol_to_cell(top + y, MINE + x)
        book.formula(
            sheet,
            top + y,
            SHOWN + x,
            f"=IF({sample}=0,{mine},INDEX({gallery},"
            f"INT(({sample}-1)/{ACROSS})*{SIDE + 2}+{y + 1},"
            f"MOD({sample}-1,{ACROSS})*{SIDE + 2}+{x + 1}))",
            cell,
            book.digit[y, x],
        )

    book.frame(sheet, top, SHOWN, SIDE, shown)
    book.shade(sheet, top, SHOWN, top + SIDE - 1, SHOWN + SIDE - 1, most=255)
    _write_answer(book, sheet, sample)


def _write_answer(book: Book, sheet: Worksheet, sample: str) -> None:
    look, layers = book.look, book.layers
    big = look.format(font_size=28, bold=True, align="center", font_color=SHADES["blue"].strong)
    plain = look.format(font_size=14, align="center")
    last = TABLE_TOP + CLASSES
    probabilities = xl_range(TABLE_TOP + 1, ANSWER + 2, last, ANSWER + 2)
    read = int(layers.logits.argmax())
    sheet.merge_range(3, ANSWER, 5, ANSWER, "read as", look.section)
    sheet.merge_range(3, ANSWER + 1, 5, ANSWER + 1, "", big)
    book.formula(
        sheet, 3, ANSWER + 1, f"=MATCH(MAX({probabilities}),{probabilities},0)-1", big, read
    )
    sheet.merge_range(3, ANSWER + 2, 5, ANSWER + 2, "", plain)
    share = look.format(font_size=14, align="center", num_format="0.0%")
    book.formula(sheet, 3, ANSWER + 2, f"=MAX({probabilities})", share, layers.probabilities.max())
    sheet.merge_range(7, ANSWER, 8, ANSWER, "label", look.section)
    labels = rectangle(GALLERY, GALLERY_TOP, 1, len(book.labels), 1, fixed=True)
    label = "unknown" if book.chosen == 0 else int(book.labels[book.chosen - 1])
    sheet.merge_range(7, ANSWER + 1, 8, ANSWER + 1, "", plain)
    book.formula(
        sheet, 7, ANSWER + 1, f'=IF({sample}=0,"unknown",INDEX({labels},{sample}))', plain,
        label,
    )  # fmt: skip
    verdict = "" if book.chosen == 0 else ("right" if read == label else "wrong")
    sheet.merge_range(7, ANSWER + 2, 8, ANSWER + 2, "", plain)
    answer, right = (xl_rowcol_to_cell(at, ANSWER + 1) for at in (3, 7))
    book.formula(
        sheet, 7, ANSWER + 2,
        f'=IF({sample}=0,"",IF({answer}={right},"right","wrong"))', plain, verdict,
    )  # fmt: skip
    for offset, name in enumerate(("digit", "logits", "probability")):
        sheet.write(TABLE_TOP, ANSWER + offset, name, look.header(SHADES["blue"]))
    for digit in range(CLASSES):
        at = TABLE_TOP + 1 + digit
        sheet.write_number(at, ANSWER, digit, look.format(align="center", bold=True))
        for offset, values, num_format, name in (
            (1, layers.logits, "0.0000", "logits"),
            (2, layers.probabilities, "0.00%", "probability"),
        ):
            there = xl_rowcol_to_cell(TOP + digit, OUTPUT_COLUMNS[name])
            book.formula(
                sheet,
                at,
                ANSWER + offset,
                f"='{OUTPUT}'!{there}",
                look.cell(num_format, align="center"),
                values[digit],
            )
    sheet.conditional_format(
        TABLE_TOP + 1, ANSWER + 2, last, ANSWER + 2,
        {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True,
         "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 1},
    )  # fmt: skip
    chart = book.workbook.add_chart({"type": "column"})
    font = {"name": FONT, "size": 9}
    chart.add_series(
        {
            "name": "probability",
            "categories": [DRAW, TABLE_TOP + 1, ANSWER, last, ANSWER],
            "values": [DRAW, TABLE_TOP + 1, ANSWER + 2, last, ANSWER + 2],
            "fill": {"color": SHADES["blue"].strong},
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
    chart.set_size({"width": 312, "height": 13 * CELL})
    sheet.insert_chart(last + 1, ANSWER, chart, {"y_offset": 6})
