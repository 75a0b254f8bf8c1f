"""The sheets of the stages: each cell computes one number of a layer from those before it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import COLORS
from gradsheet.words import plural
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.data.scaling import Scaling
from keras_model.export.sheets.layout import (
    DRAW,
    INPUT_LEFT,
    OUTPUT_TOP,
    PICTURES_TOP,
    ColumnLayout,
    Layout,
    MapLayout,
)
from keras_model.export.sheets.weights import WeightsPlace, kernel_range
from keras_model.export.sheets.workbook_builder import WorkbookBuilder
from keras_model.export.stages import Stage
from keras_model.layers.convolution import Conv2D, DepthwiseConv2D
from keras_model.layers.layer import Cells, Reads, Shape
from keras_model.layers.padding import output_sides
from keras_model.layers.pooling import Pooling
from keras_model.layers.reshaping import ZeroPadding2D

Place = tuple[int, ...]  # (row, column, channel) of a map, or (index,)


def write_input(builder: WorkbookBuilder, sheet: Worksheet) -> None:
    """Write the sheet of the scaled digit."""
    layout, scaling = builder.input, builder.scaling
    formula, constants = _scaled(scaling)
    builder.write_heading(
        sheet,
        "The digit as the network takes it",
        f"Each cell is {formula.format(pixel='pixel', mean='mean', deviation='deviation')}, of the "
        f"pixel on '{DRAW}'.",
        "Blank cells around the digit are the padding of the next layer."
        if layout.margins.top
        else "",
    )
    sheet.set_column_pixels(0, 0, 90)
    end = layout.left + SIDE
    builder.set_square_cells(sheet, 1, end, layout.top, layout.top + SIDE)
    sheet.set_column_pixels(end + 2, end + 3, 80)
    cells = {}
    for row, (name, value) in enumerate(constants.items(), start=layout.top):
        sheet.write(row, end + 2, name, builder.styles.section)
        sheet.write_number(row, end + 3, value, builder.styles.input)
        cells[name] = xl_rowcol_to_cell(row, end + 3, True, True)

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        pixel = f"{DRAW}!{xl_rowcol_to_cell(PICTURES_TOP + y, INPUT_LEFT + x)}"
        builder.write_formula(
            sheet, layout.top + y, layout.left + x, f"={formula.format(pixel=pixel, **cells)}",
            cell_format, builder.scaled_digit[y, x],
        )  # fmt: skip

    builder.write_picture(sheet, layout.top, layout.left, SIDE, SIDE, write_pixel)


def _scaled(scaling: Scaling) -> tuple[str, dict[str, float]]:
    """Return the formula of a scaled pixel, and the constants in it."""
    formula = "{pixel}" if scaling.divisor == 1 else f"{{pixel}}/{scaling.divisor:g}"
    if (scaling.mean, scaling.deviation) == (0, 1):
        return formula, {}
    return f"({formula}-{{mean}})/{{deviation}}", {
        "mean": scaling.mean, "deviation": scaling.deviation,
    }  # fmt: skip


def write_maps(
    builder: WorkbookBuilder, sheet: Worksheet, stage: Stage, place: WeightsPlace | None,
    source: Layout, layout: MapLayout,
) -> None:  # fmt: skip
    """Write the sheet of a stage of maps."""
    height, width, count = stage.shape
    words = ", ".join(step.layer.description() for step in stage.steps)
    builder.write_heading(
        sheet,
        f"{stage.name}: {count} {plural(count, 'map')} of {height}×{width}",
        f"{words}. {sentence(stage, source, place)}",
        _where(layout),
    )
    is_stacked = layout.per_row == 1
    sheet.set_column_pixels(0, 0, 70 if is_stacked else 20)
    last_top = layout.origin(count - 1)[0]
    right = layout.left + layout.per_row * layout.column_step
    builder.set_square_cells(sheet, 1, right, layout.top, last_top + height)
    formula_at = formulas(stage, place, source)
    for index in range(count):
        top, left = layout.origin(index)
        name = f"map {index + 1}" if is_stacked or width > 3 else f"{index + 1}"
        name_at = (top, 0) if is_stacked else (top - layout.margins.top - 1, left)
        sheet.write(*name_at, name, builder.styles.note)
        write_pixel = _pixel_writer(builder, sheet, stage, formula_at, index, (top, left))
        builder.write_picture(sheet, top, left, height, width, write_pixel, has_own_scale=False)
    last_row = last_top + height - 1
    builder.diverging_color_scale(sheet, layout.top, layout.left, last_row, right)


def _pixel_writer(
    builder: WorkbookBuilder, sheet: Worksheet, stage: Stage, formula_at: Callable[[Place], str],
    index: int, origin: tuple[int, int],
) -> Callable[[int, int, Format], None]:  # fmt: skip
    top, left = origin

    def write_pixel(y: int, x: int, cell_format: Format) -> None:
        builder.write_formula(
            sheet, top + y, left + x, f"={formula_at((y, x, index))}", cell_format,
            stage.values[y, x, index],
        )  # fmt: skip

    return write_pixel


def _where(layout: MapLayout) -> str:
    if layout.per_row > 1:
        return ""
    text = "The maps are below each other, so that one range covers the same window of all maps."
    if layout.margins != type(layout.margins)():
        text += " The blank cells around each map are the padding of the next layer."
    return text


def write_column(
    builder: WorkbookBuilder, sheet: Worksheet, stage: Stage, place: WeightsPlace | None,
    source: Layout, layout: ColumnLayout,
) -> None:  # fmt: skip
    """Write a stage without maps as a column of the sheet Output."""
    styles, column = builder.styles, layout.column
    sheet.set_column_pixels(column, column, 110)
    sheet.write(OUTPUT_TOP - 1, column, stage.name, styles.header(COLORS["violet"]))
    number = styles.cell("0.0000", align="center")
    formula_at = formulas(stage, place, source)
    for index in range(layout.count):
        builder.write_formula(
            sheet, OUTPUT_TOP + index, column, f"={formula_at((index,))}", number,
            stage.values[index],
        )  # fmt: skip
    end = OUTPUT_TOP + layout.count - 1
    builder.color_scale(sheet, OUTPUT_TOP, column, end, column, max_color="#9DC3E6")


def write_output(builder: WorkbookBuilder, sheet: Worksheet, logits: ColumnLayout) -> None:
    """Write the heading of the sheet Output and its last columns: digit and probability."""
    styles = builder.styles
    is_sigmoid = builder.output_activation == "sigmoid"
    builder.write_heading(
        sheet,
        f"From numbers without maps to {CLASSES} probabilities",
        "Each column is computed from the one before it; the last number of each digit before its "
        "probability is the logit.",
        "Probability (sigmoid): 1 / (1 + e^-logit)."
        if is_sigmoid
        else "Probability (softmax): e^(logit - largest logit), divided by the sum of these ten "
        "values.",
    )
    sheet.set_column_pixels(0, 0, 60)
    sheet.repeat_rows(OUTPUT_TOP - 1)
    digit_column = logits.column + 1
    sheet.set_column_pixels(digit_column, digit_column + 2, 110)
    header = styles.header(COLORS["violet"])
    number = styles.cell("0.0000", align="center")
    names = ("digit", "probability") if is_sigmoid else ("digit", "e^(logit - max)", "probability")
    for offset, name in enumerate(names):
        sheet.write(OUTPUT_TOP - 1, digit_column + offset, name, header)
    all_logits = logits.all_cells()
    exponentials = np.exp(builder.logits - builder.logits.max())
    end = OUTPUT_TOP + CLASSES - 1
    for digit in range(CLASSES):
        row, logit = OUTPUT_TOP + digit, logits.cell(digit)
        bold = styles.format(align="center", bold=True)
        sheet.write_number(row, digit_column, digit, bold)
        column = digit_column + 1
        if is_sigmoid:
            formula = f"=1/(1+EXP(-{logit}))"
        else:
            builder.write_formula(
                sheet, row, column, f"=EXP({logit}-MAX({all_logits}))", number, exponentials[digit]
            )
            own = xl_rowcol_to_cell(row, column)
            first, last = (xl_rowcol_to_cell(at, column, True, True) for at in (OUTPUT_TOP, end))
            formula, column = f"={own}/SUM({first}:{last})", column + 1
        builder.write_formula(sheet, row, column, formula, number, builder.probabilities[digit])
    for row in range(builder.rows_of_output):
        sheet.write_number(OUTPUT_TOP + row, 0, row + 1, styles.note)


def formulas(stage: Stage, place: WeightsPlace | None, source: Layout) -> Callable[[Place], str]:
    """Return a function that gives the formula of a cell of a stage, without ``=``."""
    inputs = _inputs(stage, source)

    def formula(at: Place) -> str:
        reads, number = inputs(at)
        channel = at[-1]
        text = ""
        for index, step in enumerate(stage.steps):
            weights = {}
            if place is not None:
                weights = {name: place.cell(index, name, channel) for name in place.rows[index]}
                if "kernel" in stage.weights[index]:
                    weights["kernel"] = kernel_range(stage, place, channel, source)
            cells = Cells(reads, number, weights) if index == 0 else Cells(text, text, weights)
            is_padding = index == 0 and not reads
            text = "0" if is_padding else step.layer.formula(cells)
        return text

    return formula


def _inputs(stage: Stage, source: Layout) -> Callable[[Place], tuple[str, str]]:
    """Return what gives the cells that a place of a stage's first layer reads, by its place.

    It returns the range or cell, and the cell at the same place where there is one.
    """
    layer, shape = stage.layer, stage.input_shape
    match layer.reads:
        case Reads.NUMBER:
            return lambda at: (cell_of(source, at),) * 2
        case Reads.CHANNELS:
            return lambda at: (_channels(source, at, shape), cell_of(source, at))
        case Reads.MAP:
            assert isinstance(source, MapLayout)
            return lambda at: (source.window(at[-1], 0, 0, shape[0], shape[1]), "")
        case Reads.ALL:
            assert isinstance(source, ColumnLayout)
            return lambda at: (source.all_cells(), "")
        case Reads.WINDOW | Reads.WINDOWS:
            assert isinstance(source, MapLayout)
            return _windows(stage, source)
        case Reads.PLACE:
            return lambda at: (_moved(stage, source, at), "")


def cell_of(source: Layout, at: Place) -> str:
    """Return the reference to the number at a place."""
    if isinstance(source, ColumnLayout):
        return source.cell(at[-1])
    return source.cell(at[2], at[0], at[1])


def _channels(source: Layout, at: Place, shape: Shape) -> str:
    if isinstance(source, ColumnLayout):
        return source.all_cells()
    return ",".join(source.cell(channel, at[0], at[1]) for channel in range(shape[-1]))


def _windows(stage: Stage, source: MapLayout) -> Callable[[Place], tuple[str, str]]:
    layer, shape = stage.layer, stage.input_shape
    assert isinstance(layer, Conv2D | DepthwiseConv2D | Pooling)
    rows, columns = layer.windows(shape)
    is_pooling = isinstance(layer, Pooling)
    is_stacked = layer.reads == Reads.WINDOWS
    multiplier = stage.steps[0].output_shape[-1] // shape[-1] if not is_stacked else 1

    def window(at: Place) -> tuple[str, str]:
        top, left = at[0] * rows.stride - rows.before, at[1] * columns.stride - columns.before
        height, width = rows.size, columns.size
        if is_pooling:  # beyond the edge there may be other maps
            bottom, right = min(top + height, shape[0]), min(left + width, shape[1])
            top, left = max(top, 0), max(left, 0)
            height, width = bottom - top, right - left
        if is_stacked:
            return source.stacked_window(top, left, height, width), ""
        return source.window(at[2] // multiplier, top, left, height, width), ""

    return window


def _moved(stage: Stage, source: Layout, at: Place) -> str:
    """Return the cell that a layer copies to a place; empty where it puts a 0."""
    shape = stage.input_shape
    if isinstance(stage.layer, ZeroPadding2D):
        (top, _), (left, _) = stage.layer.padding
        row, column = at[0] - top, at[1] - left
        is_inside = 0 <= row < shape[0] and 0 <= column < shape[1]
        return cell_of(source, (row, column, at[2])) if is_inside else ""
    index = np.ravel_multi_index(at, stage.steps[0].output_shape)
    return cell_of(source, tuple(int(place) for place in np.unravel_index(index, shape)))


def sentence(stage: Stage, source: Layout, place: WeightsPlace | None) -> str:
    """Return what a cell of a stage does, as a sentence."""
    sheet = source.sheet if isinstance(source, MapLayout) else "Output"
    weights = f" on '{place.sheet}'" if place is not None else ""
    match stage.layer.reads:
        case Reads.WINDOWS:
            text = f"Each cell multiplies a window of all maps on '{sheet}' by a kernel{weights}."
        case Reads.WINDOW:
            text = f"Each cell is computed from a window of one map on '{sheet}'."
        case Reads.MAP:
            text = f"Each cell is computed from a whole map on '{sheet}'."
        case Reads.ALL:
            text = f"Each cell multiplies all numbers of the column before it by weights{weights}."
        case Reads.CHANNELS:
            text = f"Each cell is computed from all channels of its place on '{sheet}'."
        case Reads.NUMBER | Reads.PLACE:
            text = f"Each cell is computed from one cell on '{sheet}'."
    return text


def margins_for(stage: Stage) -> tuple[int, int, int, int]:
    """Return the blank rows and columns that a stage reads around the maps before it.

    Returns:
        Above, below, to the left, to the right.
    """
    layer, shape = stage.layer, stage.input_shape
    if not isinstance(layer, Conv2D | DepthwiseConv2D):
        return 0, 0, 0, 0
    windows = layer.windows(shape)
    sides = output_sides(
        shape, layer.kernel_size, layer.strides, layer.padding, layer.dilation_rate
    )
    amounts = []
    for axis, window in enumerate(windows):
        end = (sides[axis] - 1) * window.stride - window.before + window.size
        amounts += [window.before, max(0, end - shape[axis])]
    return amounts[0], amounts[1], amounts[2], amounts[3]


def per_row_for(shape: Shape, reader: Stage | None) -> int:
    """Return how many maps to put beside each other: one if the next stage reads windows of all."""
    if reader is not None and reader.layer.reads == Reads.WINDOWS:
        return 1
    return 4 if shape[1] > 14 else min(shape[2], 8 if shape[1] > 3 else 16)
