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
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.data.scaling import Scaling
from keras_model.export.sheets.draw import write_draw
from keras_model.export.sheets.explain import write_explain
from keras_model.export.sheets.gallery import write_gallery
from keras_model.export.sheets.layers import (
    margins_for,
    per_row_for,
    write_column,
    write_input,
    write_maps,
    write_output,
)
from keras_model.export.sheets.layout import (
    DRAW,
    EXPLAIN,
    GALLERY,
    INPUT,
    OUTPUT,
    OUTPUT_LEFT,
    SAMPLE_CELL,
    ColumnLayout,
    Layout,
    MapLayout,
    Margins,
)
from keras_model.export.sheets.printing import set_up_printing
from keras_model.export.sheets.weights import (
    WeightsPlace,
    has_weights,
    place_weights,
    write_weights,
)
from keras_model.export.sheets.workbook_builder import KIND, WorkbookBuilder
from keras_model.export.stages import Stage
from keras_model.trained.network import TrainedNetwork

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


def write_digits(
    network: TrainedNetwork, scaling: Scaling, images: np.ndarray, labels: np.ndarray, path: Path
) -> int:
    """Write the workbook.

    Args:
        scaling: of the pixels, before the network.
        images: the gallery, (n, 28, 28) uint8.
        labels: their digits, (n,).
        path: where to write; an existing file is replaced.

    Returns:
        The number of formulas in the workbook.

    Raises:
        TooLargeError: the workbook would be too large.
        OtherNetworkError: it would have numbers that no cell can hold.
    """
    builder = WorkbookBuilder(network, scaling, images, labels, path)
    _lay_out(builder)
    places = _weights_places(builder.stages)
    sheets = _add_sheets(builder, places)
    write_draw(builder, sheets[DRAW])
    write_gallery(builder, sheets[GALLERY])
    write_input(builder, sheets[INPUT])
    source: Layout = builder.input
    for stage, place, layout in zip(builder.stages, places, builder.layouts, strict=True):
        if place is not None:
            write_weights(builder, sheets[place.sheet], stage, place, source)
        if isinstance(layout, MapLayout):
            write_maps(builder, sheets[stage.name], stage, place, source, layout)
        else:
            write_column(builder, sheets[OUTPUT], stage, place, source, layout)
        source = layout
    write_output(builder, sheets[OUTPUT], builder.logits_column)
    write_explain(builder, sheets[EXPLAIN], places)
    set_up_printing(builder, sheets, places)
    sheets[DRAW].activate()
    sheets[DRAW].set_first_sheet()
    builder.workbook.close()
    return builder.formula_count


def _lay_out(builder: WorkbookBuilder) -> None:
    """Decide where the digit and the numbers of each stage are."""
    readers = [*builder.stages[1:], None]
    builder.input = MapLayout(INPUT, SIDE, SIDE, 1, 1, Margins(*margins_for(builder.stages[0])))
    column = OUTPUT_LEFT
    for stage, reader in zip(builder.stages, readers, strict=True):
        if stage.is_maps:
            margins = Margins(*margins_for(reader)) if reader is not None else Margins()
            height, width, count = stage.shape
            per_row = per_row_for(stage.shape, reader)
            builder.layouts.append(MapLayout(stage.name, height, width, count, per_row, margins))
        else:
            builder.layouts.append(ColumnLayout(column, stage.shape[0]))
            column += 1


def _weights_places(stages: list[Stage]) -> list[WeightsPlace | None]:
    places: list[WeightsPlace | None] = []
    for stage in stages:
        number = 1 + sum(place is not None for place in places)
        places.append(place_weights(stage, number) if has_weights(stage) else None)
    return places


def _add_sheets(
    builder: WorkbookBuilder, places: list[WeightsPlace | None]
) -> dict[str, Worksheet]:
    """Add all sheets, in the order of the layers."""
    names = [EXPLAIN, DRAW, GALLERY, INPUT]
    names += [stage.name for stage in builder.stages if stage.is_maps]
    names += [OUTPUT, *(place.sheet for place in places if place is not None)]
    return {name: builder.workbook.add_worksheet(name) for name in names}
