"""The sheets of weights: each weight is typed in one cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.styles import shorten_large_numbers
from keras_model.export.sheets.layout import (
    WEIGHTS_TOP,
    ColumnLayout,
    Layout,
    MapLayout,
    absolute_cell,
    cell_range,
)
from keras_model.export.sheets.workbook_builder import WorkbookBuilder
from keras_model.export.stages import Stage
from keras_model.layers.convolution import Conv2D, DepthwiseConv2D
from keras_model.layers.layer import Layer, Weights
from keras_model.layers.normalization import BatchNormalization, Normalization, Rescaling

# How a weight is called on its sheet.
_WORDS = {
    "bias": "bias", "gamma": "γ gamma", "beta": "β beta", "moving_mean": "mean",
    "moving_variance": "variance", "mean": "mean", "variance": "variance", "scale": "scale",
    "offset": "offset",
}  # fmt: skip


@dataclass
class WeightsPlace:
    """Where the weights of a stage are.

    ``rows`` are the rows of the numbers per channel: one dictionary for each step of the stage.
    """

    sheet: str
    columns_per_channel: int
    rows: list[dict[str, int]] = field(default_factory=list)
    kernel_top: int = 0

    def column(self, channel: int) -> int:
        """Return the first column of a channel."""
        return 1 + channel * self.columns_per_channel

    def cell(self, step: int, name: str, channel: int) -> str:
        """Return the reference to a number of a channel."""
        return absolute_cell(self.sheet, self.rows[step][name], self.column(channel))


def has_weights(stage: Stage) -> bool:
    """Whether a stage needs a sheet of weights."""
    return any(numbers_per_channel(step.layer, weights) or weights
               for step, weights in zip(stage.steps, stage.weights, strict=True))  # fmt: skip


def numbers_per_channel(layer: Layer, weights: Weights) -> dict[str, np.ndarray]:
    """Return the numbers of a layer that a channel has one of each of: (channels,) or (1,)."""
    match layer:
        case Rescaling():
            return {"scale": np.array(layer.scale), "offset": np.array(layer.offset)}
        case Normalization():
            given = {"mean": layer.mean, "variance": layer.variance}
            return {
                name: np.atleast_1d(weights[name] if value is None else np.array(value))
                for name, value in given.items()
            }
        case _:
            return {name: value for name, value in weights.items() if value.ndim == 1}


def kernel_reach(layer: Layer) -> tuple[int, int]:
    """Return the rows and columns that a kernel takes, with the blanks of its dilation."""
    if not isinstance(layer, Conv2D | DepthwiseConv2D):
        return 1, 1
    height, width = (
        (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1 for axis in range(2)
    )
    return height, width


def place_weights(stage: Stage, number: int) -> WeightsPlace:
    """Return where the weights of a stage will be, on the sheet ``Weights number``."""
    is_convolution = isinstance(stage.layer, Conv2D | DepthwiseConv2D)
    width = kernel_reach(stage.layer)[1] + 1 if is_convolution else 1
    place = WeightsPlace(f"Weights {number}", width)
    row = WEIGHTS_TOP
    for step, weights in zip(stage.steps, stage.weights, strict=True):
        rows = {}
        if isinstance(step.layer, BatchNormalization):
            rows["epsilon"] = row
            row += 1
        for name in numbers_per_channel(step.layer, weights):
            rows[name] = row
            row += 1
        if isinstance(step.layer, BatchNormalization):
            rows |= {"scale": row, "shift": row + 1}
            row += 2
        place.rows.append(rows)
    place.kernel_top = row + 1
    return place


def write_weights(
    builder: WorkbookBuilder, sheet: Worksheet, stage: Stage, place: WeightsPlace, source: Layout
) -> None:
    """Write the sheet of weights of a stage, whose first layer reads ``source``."""
    total = sum(value.size for weights in stage.weights for value in weights.values())
    builder.write_heading(sheet, f"Weights of '{stage.name}': {total:,}", *_notes(stage, source))
    sheet.set_column_pixels(0, 0, 90)
    channels = stage.shape[-1]
    width = 52 if place.columns_per_channel > 1 else 70
    sheet.set_column_pixels(1, place.column(channels) - 1, width)
    header = builder.styles.section
    for channel in range(channels):
        sheet.write(WEIGHTS_TOP - 1, place.column(channel), f"{channel + 1}", header)
    for index, step in enumerate(stage.steps):
        _write_numbers(builder, sheet, place, index, stage.weights[index], step.layer, channels)
    last_row = max([WEIGHTS_TOP, *(row for rows in place.rows for row in rows.values())])
    styles = builder.styles
    shorten_large_numbers(sheet, styles, WEIGHTS_TOP, 1, last_row, place.column(channels) - 1)
    if "kernel" in stage.weights[0]:
        _write_kernels(builder, sheet, stage, place, source)
    sheet.freeze_panes(WEIGHTS_TOP, 1)


def _notes(stage: Stage, source: Layout) -> list[str]:
    notes = [f"One column per output: {stage.shape[-1]:,}."]
    if isinstance(stage.layer, Conv2D | DepthwiseConv2D):
        size = kernel_reach(stage.layer)
        notes = [f"The kernels of {size[0]}×{size[1]} of each of the {stage.shape[-1]} maps."]
        if isinstance(stage.layer, Conv2D) and isinstance(source, MapLayout) and source.count > 1:
            notes[0] += (
                f" Its {source.count} kernels are below each other, with the same row spacing as "
                f"the {source.count} maps on '{source.sheet}'."
            )
    if any(isinstance(step.layer, BatchNormalization) for step in stage.steps):
        notes.append("Batch normalization: scale = γ / √(variance + ε), shift = β - mean × scale.")
    return notes


def _write_numbers(
    builder: WorkbookBuilder,
    sheet: Worksheet,
    place: WeightsPlace,
    index: int,
    weights: Weights,
    layer: Layer,
    channels: int,
) -> None:
    """Write the numbers per channel of one layer of a stage."""
    rows, styles = place.rows[index], builder.styles
    weight = styles.cell("0.000", font_size=8, align="center")
    for name, values in numbers_per_channel(layer, weights).items():
        sheet.write(rows[name], 0, _WORDS[name], styles.section)
        for channel, value in enumerate(np.broadcast_to(values, (channels,))):
            if channel < len(values):
                sheet.write_number(rows[name], place.column(channel), float(value), weight)
            else:  # the one number of all channels is typed once
                first = xl_rowcol_to_cell(rows[name], place.column(0), True, True)
                builder.write_formula(
                    sheet, rows[name], place.column(channel), f"={first}", weight, float(value)
                )
    if isinstance(layer, BatchNormalization):
        _write_scale_and_shift(builder, sheet, place, rows, layer, weights)


def _write_scale_and_shift(
    builder: WorkbookBuilder,
    sheet: Worksheet,
    place: WeightsPlace,
    rows: Mapping[str, int],
    layer: BatchNormalization,
    weights: Weights,
) -> None:
    styles = builder.styles
    weight = styles.cell("0.000", font_size=8, align="center")
    sheet.write(rows["epsilon"], 0, "ε", styles.section)
    sheet.write_number(
        rows["epsilon"], 1, layer.epsilon, styles.cell("0E+00", font_size=8, align="center")
    )
    epsilon = xl_rowcol_to_cell(rows["epsilon"], 1, True, True)
    for name in ("scale", "shift"):
        sheet.write(rows[name], 0, name, styles.section)
    scales, shifts = layer.factors(weights)
    count = len(weights["moving_mean"])
    for channel, (scale, shift) in enumerate(
        zip(np.broadcast_to(scales, (count,)), np.broadcast_to(shifts, (count,)), strict=True)
    ):
        column = place.column(channel)
        cells = {name: xl_rowcol_to_cell(row, column) for name, row in rows.items()}
        gamma, beta = cells.get("gamma", "1"), cells.get("beta", "0")
        builder.write_formula(
            sheet, rows["scale"], column,
            f"={gamma}/SQRT({cells['moving_variance']}+{epsilon})", weight, scale,
        )  # fmt: skip
        builder.write_formula(
            sheet, rows["shift"], column,
            f"={beta}-{cells['moving_mean']}*{cells['scale']}", weight, shift,
        )  # fmt: skip


def _write_kernels(
    builder: WorkbookBuilder, sheet: Worksheet, stage: Stage, place: WeightsPlace, source: Layout
) -> None:
    """Write the kernel of each output: of a convolution, or one column of a dense layer."""
    kernel, layer, top = stage.weights[0]["kernel"], stage.layer, place.kernel_top
    note = builder.styles.note
    weight = builder.styles.cell("0.000", font_size=8, align="center")
    if isinstance(source, ColumnLayout):
        for (row, unit), value in np.ndenumerate(kernel):
            sheet.write_number(top + row, place.column(unit), float(value), weight)
        for row in range(len(kernel)):
            sheet.write(top + row, 0, f"input {row + 1}", note)
        end = place.column(kernel.shape[1]) - 1
        builder.diverging_color_scale(sheet, top, 1, top + len(kernel) - 1, end)
        return
    assert isinstance(layer, Conv2D | DepthwiseConv2D)
    is_depthwise = isinstance(layer, DepthwiseConv2D)
    if is_depthwise:  # (rows, columns, channels, multiplier): one kernel for each output
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    height, width = kernel_reach(layer)
    down, right = layer.dilation_rate
    for (i, j, channel, output), value in np.ndenumerate(kernel):
        row = top + channel * source.row_step + i * down
        sheet.write_number(row, place.column(output) + j * right, float(value), weight)
    bottom = top + (kernel.shape[2] - 1) * source.row_step + height - 1
    for output in range(kernel.shape[3]):
        left = place.column(output)
        builder.diverging_color_scale(sheet, top, left, bottom, left + width - 1)
    for channel in range(kernel.shape[2]):
        name = f"for map {channel + 1}" if kernel.shape[2] > 1 else "kernel"
        sheet.write(top + channel * source.row_step, 0, name, note)


def kernel_range(stage: Stage, place: WeightsPlace, output: int, source: Layout) -> str:
    """Return the reference to the kernel of one output."""
    column = place.column(output)
    if isinstance(source, ColumnLayout):
        return cell_range(place.sheet, place.kernel_top, column, source.count, 1, absolute=True)
    height, width = kernel_reach(stage.layer)
    rows = height if isinstance(stage.layer, DepthwiseConv2D) else source.stack_height(height)
    return cell_range(place.sheet, place.kernel_top, column, rows, width, absolute=True)
