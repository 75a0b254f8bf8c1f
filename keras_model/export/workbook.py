"""Writing the trained network as a workbook of formulas, from the drawn digit to the prediction.

Each weight is typed in one cell of a sheet of weights; everything else is a formula with its value.

The feature maps that a convolution reads are stacked in one column of maps with a blank row between
two of them, which is the padding. The kernels of a filter are stacked with the same row spacing on
their sheet. One SUMPRODUCT of two ranges, each three columns wide, therefore adds the windows of
all maps: the rows between the kernels are blank and count as 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.provenance import has_provenance
from gradsheet.excel.styles import set_page
from keras_model.data.mnist import CLASSES
from keras_model.export.sheets.draw import write_draw
from keras_model.export.sheets.explain import write_explain
from keras_model.export.sheets.gallery import write_gallery
from keras_model.export.sheets.kernels import write_dense, write_kernels
from keras_model.export.sheets.layers import (
    write_convolution,
    write_input,
    write_output,
    write_pooling,
)
from keras_model.export.sheets.layout import (
    DENSE,
    DRAW,
    EXPLAIN,
    GALLERY,
    INPUT,
    OUTPUT,
    SAMPLE_CELL,
    kernel_sheet,
)
from keras_model.export.sheets.workbook_builder import KIND, WorkbookBuilder
from keras_model.export.weights import Weights

__all__ = ["SAMPLE_CELL", "check_samples", "pick_samples", "write_digits", "written_by_gradsheet"]

MAX_SAMPLES = 200


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a workbook that :func:`write_digits` wrote, even if saved again."""
    return has_provenance(path, KIND)


def check_samples(count: int, available: int = MAX_SAMPLES) -> None:
    """Check the number of digits for a gallery.

    Raises:
        ValueError: fewer than 1, or more than :data:`MAX_SAMPLES` or the available digits.
    """
    limit = min(MAX_SAMPLES, available)
    if not 1 <= count <= limit:
        raise ValueError(f"must be 1 to {limit}, got {count}")


def pick_samples(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the digits for a gallery: the first 0, the first 1, …, the second 0, ….

    Raises:
        ValueError: see :func:`check_samples`.
    """
    check_samples(count, len(labels))
    occurrence = np.zeros(len(labels), int)  # how many digits with the same label come before
    for digit in range(CLASSES):
        occurrence[labels == digit] = np.arange((labels == digit).sum())
    return np.lexsort((labels, occurrence))[:count]


def write_digits(weights: Weights, images: np.ndarray, labels: np.ndarray, path: Path) -> int:
    """Write the workbook.

    Args:
        images: the gallery, (n, 28, 28) uint8.
        labels: their digits, (n,).
        path: where to write; an existing file is replaced.

    Returns:
        The number of formulas in the workbook.
    """
    builder = WorkbookBuilder(weights, images, labels, path)
    convolutions = range(len(weights.convolutions))
    # All sheets, in the order of the layers.
    names = [EXPLAIN, DRAW, GALLERY, INPUT]
    for number in convolutions:
        names += [builder.normalized[number].sheet, builder.pooled[number].sheet]
    names[-1] = OUTPUT  # the last pooling has one number per map
    names += [*map(kernel_sheet, convolutions), DENSE]
    sheets = {name: builder.workbook.add_worksheet(name) for name in names}
    for sheet in sheets.values():
        _set_up_page(sheet)
    write_draw(builder, sheets[DRAW])
    write_gallery(builder, sheets[GALLERY])
    write_input(builder, sheets[INPUT])
    for number in convolutions:
        write_kernels(builder, sheets[kernel_sheet(number)], number)
        write_convolution(builder, sheets[builder.normalized[number].sheet], number)
        if builder.pooled[number].side > 1:
            write_pooling(builder, sheets[builder.pooled[number].sheet], number)
    write_dense(builder, sheets[DENSE])
    write_output(builder, sheets[OUTPUT])
    write_explain(builder, sheets[EXPLAIN])
    sheets[DRAW].activate()
    sheets[DRAW].set_first_sheet()
    builder.workbook.close()
    return builder.formula_count


def _set_up_page(sheet: Worksheet) -> None:
    """Set how many pages a sheet is printed on, and its zoom."""
    name = sheet.get_name()
    is_tall, is_wide = name.startswith(("Pool", "Weights")), name.startswith("Weights")
    set_page(sheet, fit=(0 if is_wide else 1, 0 if is_tall else 1))
    if name not in (EXPLAIN, DRAW):
        sheet.set_zoom(60 if name in ("Conv 1", GALLERY) else 80)
