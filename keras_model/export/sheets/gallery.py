"""The sheet Gallery: digits to choose from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS
from gradsheet.words import plural
from keras_model.data.mnist import SIDE
from keras_model.export.sheets.layout import (
    DRAW,
    GALLERY_LEFT,
    GALLERY_LIST_STEP,
    GALLERY_PER_ROW,
    GALLERY_PIXEL_SIZE,
    GALLERY_TOP,
    SAMPLE_CELL,
    square_width,
)
from keras_model.export.sheets.workbook_builder import WorkbookBuilder


def write_gallery(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet Gallery."""
    styles, count = builder.styles, len(builder.images)
    builder.write_heading(
        sheet,
        "Gallery",
        f"{count} {plural(count, 'digit')} to choose from. To classify one, type its sample "
        f"number into cell {SAMPLE_CELL} of the sheet {DRAW}.",
    )
    sheet.set_column_pixels(0, 1, 60)
    for offset, name in enumerate(("sample", "label")):
        sheet.write(GALLERY_TOP - 1, offset, name, styles.header(COLORS["slate"]))
    step = SIDE + 2
    last = GALLERY_LEFT + GALLERY_PER_ROW * step
    sheet.set_column_pixels(GALLERY_LEFT, last, square_width(GALLERY_PIXEL_SIZE))
    centered = styles.format(align="center")
    height = max(count * GALLERY_LIST_STEP, step * -(-count // GALLERY_PER_ROW))
    for row in range(GALLERY_TOP, GALLERY_TOP + height):
        sheet.set_row_pixels(row, GALLERY_PIXEL_SIZE)
    for index, (image, label) in enumerate(zip(builder.images, builder.labels, strict=True)):
        first = GALLERY_TOP + index * GALLERY_LIST_STEP
        for offset, number in enumerate((index + 1, int(label))):
            last_row = first + GALLERY_LIST_STEP - 1
            sheet.merge_range(first, offset, last_row, offset, number, centered)
        row, column = divmod(index, GALLERY_PER_ROW)
        top, left = GALLERY_TOP + row * step, GALLERY_LEFT + column * step
        write_pixel = _pixel_writer(sheet, image, top, left)
        builder.write_picture(sheet, top, left, SIDE, SIDE, write_pixel, max_value=255)
        below = top + SIDE, left, top + SIDE + 1, left + SIDE - 1
        sheet.merge_range(*below, f"sample {index + 1}: {label}", styles.note)


def _pixel_writer(
    sheet: Worksheet, image: np.ndarray, top: int, left: int
) -> Callable[[int, int, Format], None]:
    """Return a function that writes the pixel at a row and a column of an image."""

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        sheet.write_number(top + y, left + x, int(image[y, x]), cell_format)

    return write_pixel
