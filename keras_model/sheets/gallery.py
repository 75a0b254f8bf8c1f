"""The sheet Gallery: digits to choose from."""

from __future__ import annotations

from typing import Any

from xlsxwriter.worksheet import Worksheet

from common.look import SHADES
from keras_model.mnist import SIDE
from keras_model.sheets.book import ACROSS, CELL, DRAW, GALLERY_LEFT, GALLERY_TOP, Book


def write_gallery(book: Book, sheet: Worksheet) -> None:
    """Write the sheet Gallery."""
    look = book.look
    book.head(
        sheet,
        "Gallery",
        f"{len(book.images)} digits to choose from. Sheet {DRAW} reads "
        "the one whose number stands in its yellow cell.",
    )
    sheet.set_column_pixels(0, 1, 60)
    for offset, name in enumerate(("sample", "label")):
        sheet.write(GALLERY_TOP - 1, offset, name, look.header(SHADES["slate"]))
    sheet.set_column_pixels(GALLERY_LEFT, GALLERY_LEFT + ACROSS * (SIDE + 2), CELL * 5 // 8)
    centred = look.format(align="center")
    rows = max(
        GALLERY_TOP + len(book.images),
        GALLERY_TOP + (SIDE + 2) * -(-len(book.images) // ACROSS),
    )
    for row in range(GALLERY_TOP, rows):
        sheet.set_row_pixels(row, 14)
    for number, (image, label) in enumerate(zip(book.images, book.labels, strict=True)):
        sheet.write_number(GALLERY_TOP + number, 0, number + 1, centred)
        sheet.write_number(GALLERY_TOP + number, 1, int(label), centred)
        down, right = divmod(number, ACROSS)
        top = GALLERY_TOP + down * (SIDE + 2)
        left = GALLERY_LEFT + right * (SIDE + 2)

        def pixel(y: int, x: int, cell: Any, image=image, top=top, left=left) -> None:
            sheet.write_number(top + y, left + x, int(image[y, x]), cell)

        book.frame(sheet, top, left, SIDE, pixel)
        book.shade(sheet, top, left, top + SIDE - 1, left + SIDE - 1, most=255)
        sheet.write(top + SIDE, left, f"sample {number + 1}: a {label}", look.note)
