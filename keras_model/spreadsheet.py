"""The trained network as a live workbook: from a drawn digit to the answer, cell by cell.

Each weight is typed once, on a sheet of weights; everything else is a formula with its value.

Maps that a convolution reads stand in a strip, one below the other with a blank row between: the
padding. The kernels of a filter stand in a strip of the same distances on their sheet. So one
SUMPRODUCT of two rectangles, three columns wide, sums a window through all maps: the rows between
the kernels are blank and count as 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.mark import is_marked
from keras_model.mnist import CLASSES
from keras_model.sheets.book import DENSE, DRAW, EXPLAIN, GALLERY, INPUT, KIND, OUTPUT, Book
from keras_model.sheets.draw import SAMPLE_CELL, write_draw
from keras_model.sheets.explain import write_explain
from keras_model.sheets.gallery import write_gallery
from keras_model.sheets.kernels import write_dense, write_kernels
from keras_model.sheets.layers import write_input, write_normal, write_output, write_pooled
from keras_model.weights import Weights

__all__ = ["SAMPLE_CELL", "check_samples", "is_ours", "pick_samples", "write_digits"]

MOST_SAMPLES = 200


def is_ours(path: Path) -> bool:
    """Whether the file is a workbook that :func:`write_digits` wrote, saved again or not."""
    return is_marked(path, KIND)


def check_samples(count: int, there: int = MOST_SAMPLES) -> None:
    """Whether a gallery holds as many, of the digits that there are.

    Raises:
        ValueError: fewer than 1, more than :data:`MOST_SAMPLES`, or than there are.
    """
    most = min(MOST_SAMPLES, there)
    if not 1 <= count <= most:
        raise ValueError(f"--samples must be from 1 to {most}, and {count} is not")


def pick_samples(labels: np.ndarray, count: int) -> np.ndarray:
    """Which digits to show: the first 0, the first 1, … the first 9, the second 0, …

    Raises:
        ValueError: see :func:`check_samples`.
    """
    check_samples(count, len(labels))
    places = np.arange(len(labels))
    turn = np.zeros(len(labels), int)  # which of its class a digit is
    for digit in range(CLASSES):
        turn[labels == digit] = np.arange((labels == digit).sum())
    return places[np.lexsort((labels, turn))][:count]


def write_digits(
    weights: Weights, images: np.ndarray, labels: np.ndarray, path: Path, *, chosen: int = 1
) -> int:
    """Write the workbook; the number of its formulas.

    Args:
        images: the gallery, (n, 28, 28) uint8. labels: (n,).
        chosen: which of them, from 1, is read at first; 0 is the reader's own drawing.
    """
    book = Book(weights, images, labels, path, chosen)
    # All sheets, in the order in which a digit passes through them.
    names = [EXPLAIN, DRAW, GALLERY, INPUT]
    for normal, pooled in zip(book.normal, book.pooled, strict=True):
        names += [normal.sheet, pooled.sheet]
    names[-1] = OUTPUT  # the last pooling makes a single number of each map
    names += [book.kernels(number) for number in range(len(book.normal))] + [DENSE]
    sheets = {name: book.workbook.add_worksheet(name) for name in names}
    for name, sheet in sheets.items():
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.set_landscape()
        strip = name.startswith(("Pool", "Weights"))
        sheet.fit_to_pages(0 if name.startswith("Weights") else 1, 0 if strip else 1)
        if name not in (EXPLAIN, DRAW):
            sheet.set_zoom(60 if name == "Conv 1" else 80)
    write_draw(book, sheets[DRAW])
    write_gallery(book, sheets[GALLERY])
    write_input(book, sheets[INPUT])
    before = book.read
    for number, convolution in enumerate(book.weights.convolutions):
        normal, pooled = book.normal[number], book.pooled[number]
        write_kernels(book, sheets[book.kernels(number)], number, convolution)
        write_normal(book, sheets[normal.sheet], number, before)
        if pooled.side > 1:
            write_pooled(book, sheets[pooled.sheet], number)
        before = pooled
    write_dense(book, sheets[DENSE])
    write_output(book, sheets[OUTPUT])
    write_explain(book, sheets[EXPLAIN])
    sheets[DRAW].activate()
    sheets[DRAW].set_first_sheet()
    book.workbook.close()
    return book.formulas
