"""A workbook of a network's receptive fields, with the formulas that the course's students use.

Of each layer, along one axis: n_in positions and a window of k positions with stride s and p
positions of padding on each side, with the jump j_in and the field r_in before it, give

    n_out = floor((n_in + 2p - k) / s) + 1
    j_out = j_in * s
    r_out = r_in + (k - 1) * j_in

as in Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285, and Araujo, Norris and Sim, 2019.
The values n_in, j_in and r_in of a layer are those that leave the layer before it; k, p and s are
typed and can be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.provenance import has_provenance, set_provenance
from gradsheet.excel.styles import COLORS, Styles, default_format, set_page
from gradsheet.printable import printable
from keras_model.layers.layer import Reads, shape_text
from keras_model.networks.architecture import Architecture, Place
from keras_model.networks.receptive_field import ReceptiveField, receptive_fields
from keras_model.networks.summary import COURSE_LIMITS

_KIND = "receptive_fields"
_HEADERS = (
    "no.", "layer", "n_in", "k", "p", "s", "j_in", "r_in", "n_out", "j_out", "r_out", "output",
    "parameters",
)  # fmt: skip
_NUMBER, _LAYER, _N_IN, _K, _P, _S, _J_IN, _R_IN, _N_OUT, _J_OUT, _R_OUT, _OUTPUT, _PARAMETERS = (
    range(len(_HEADERS))
)
_WIDTHS = {_NUMBER: 40, _LAYER: 250, _OUTPUT: 90, _PARAMETERS: 90}  # pixels
_TOP = 8  # the row of the headers, from 0; the picture's row follows it
_NOTES = (
    "n_out = floor((n_in + 2p − k) / s) + 1     j_out = j_in · s     r_out = r_in + (k − 1) · j_in",
    "n: side of the maps     k: side of the window, with dilation from its first to its last number"
    "     p: padding on each side     s: stride",
    "j (jump): how many pixels of the picture apart two neighbors are     r (receptive field): "
    "side of the square of pixels that a number depends on",
    "Change a yellow cell, and the numbers under the blue headers are calculated anew. Where one "
    "side has more padding than the other, p is the mean.",
)


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a workbook of :func:`write_table`, even if saved again."""
    return has_provenance(path, _KIND)


@dataclass(frozen=True)
class AxisRow:
    """A layer along one axis, with the values of its formulas."""

    n_in: int
    window: int
    padding: float  # on each side
    stride: int
    field: ReceptiveField
    axis: int

    @property
    def n_out(self) -> int:
        """The number of positions that leave the layer."""
        return int((self.n_in + 2 * self.padding - self.window) // self.stride) + 1


def write_table(architecture: Architecture, name: str, path: Path) -> None:
    """Write the workbook: one sheet, or one for rows and one for columns where they differ.

    Args:
        name: of the network, for the title.
        path: where to write; an existing file is replaced.

    Raises:
        OSError, FileCreateError: the file cannot be written.
    """
    options = {"default_format_properties": default_format(), "in_memory": True}
    workbook = Workbook(str(path), options)
    title = f"Receptive fields of {printable(name)}"
    set_provenance(workbook, _KIND, "Receptive fields")
    styles = Styles(workbook)
    axes = [axis_rows(architecture, axis) for axis in range(2)]
    keys = [
        [(row.n_in, row.window, row.padding, row.stride) for row in rows if row] for rows in axes
    ]
    if keys[0] == keys[1]:
        sheets = [("Receptive field", axes[0])]
    else:
        sheets = [("Along rows", axes[1]), ("Along columns", axes[0])]
    for sheet_name, rows in sheets:
        sheet = workbook.add_worksheet(sheet_name)
        _write_sheet(sheet, styles, title, architecture, rows)
    workbook.close()


def axis_rows(architecture: Architecture, axis: int) -> list[AxisRow | None]:
    """Return each layer along an axis (0: up and down); None where it has no windows any more."""
    rows: list[AxisRow | None] = []
    fields = receptive_fields(architecture)
    for place, field in zip(architecture.places, fields, strict=True):
        windows = None if field.size is None else place.layer.windows(place.input_shape)
        if windows is None:
            rows.append(None)
            continue
        size, stride = windows[axis].size, windows[axis].stride
        n_in, n_out = _side(place.input_shape, axis), _side(place.output_shape, axis)
        padding = max((n_out - 1) * stride + size - n_in, 0)
        rows.append(AxisRow(n_in, size, padding / 2, stride, field, axis))
    return rows


def _side(shape: tuple[int, ...], axis: int) -> int:
    return shape[axis] if len(shape) > 1 else 1


def _write_sheet(
    sheet: Worksheet,
    styles: Styles,
    title: str,
    architecture: Architecture,
    rows: list[AxisRow | None],
) -> None:
    set_page(sheet)
    sheet.set_row(0, 28)
    sheet.write_string(0, 0, title, styles.title)
    for line, words in enumerate(_NOTES, start=2):
        sheet.write_string(line, 0, words, styles.note)
    for column, header in enumerate(_HEADERS):
        sheet.set_column_pixels(column, column, _WIDTHS.get(column, 62))
        align = "left" if column == _LAYER else "center"
        colors = COLORS["blue" if _N_IN <= column <= _R_OUT else "slate"]
        sheet.write_string(_TOP, column, header, styles.header(colors, align))
    _write_picture(sheet, styles, architecture)
    for line, (place, row) in enumerate(
        zip(architecture.places, rows, strict=True), start=_TOP + 2
    ):
        _write_layer(sheet, styles, line, place)
        if row is None:
            sheet.write_string(line, _R_OUT, "all", styles.cell(align="right"))
        else:
            _write_axis(sheet, styles, line, place, row)
    _write_totals(sheet, styles, architecture, _TOP + 3 + len(rows))
    sheet.freeze_panes(_TOP + 1, _LAYER + 1)


def _write_picture(sheet: Worksheet, styles: Styles, architecture: Architecture) -> None:
    """Write the row of the picture: every pixel sees itself, and its neighbor is one apart."""
    line = _TOP + 1
    sheet.write_string(line, _LAYER, "picture", styles.cell())
    side = architecture.input_shape[0] if len(architecture.input_shape) > 1 else None
    if side is not None:
        for column, value in ((_N_OUT, side), (_J_OUT, 1), (_R_OUT, 1)):
            sheet.write_number(line, column, value, styles.given)
    shape = shape_text(architecture.input_shape)
    sheet.write_string(line, _OUTPUT, shape, styles.cell(align="right"))


def _write_layer(sheet: Worksheet, styles: Styles, line: int, place: Place) -> None:
    sheet.write_number(line, _NUMBER, place.number, styles.cell(align="center"))
    sheet.write_string(line, _LAYER, printable(place.layer.description()), styles.cell())
    sheet.write_string(line, _OUTPUT, shape_text(place.output_shape), styles.cell(align="right"))
    if place.trainable:
        sheet.write_number(line, _PARAMETERS, place.trainable, styles.cell("#,##0"))


def _write_axis(sheet: Worksheet, styles: Styles, line: int, place: Place, row: AxisRow) -> None:
    """Write a layer's formulas with their values."""
    assert row.field.size is not None and row.field.jump is not None
    r_out, j_out = row.field.size[row.axis], row.field.jump[row.axis]
    j_in = j_out // row.stride
    r_in = r_out - (row.window - 1) * j_in
    n_in, k, p, s, jump, reach = (
        xl_rowcol_to_cell(line, column) for column in (_N_IN, _K, _P, _S, _J_IN, _R_IN)
    )
    for column, source, value in (
        (_N_IN, _N_OUT, row.n_in), (_J_IN, _J_OUT, j_in), (_R_IN, _R_OUT, r_in)
    ):  # fmt: skip
        above = xl_rowcol_to_cell(line - 1, source)
        sheet.write_formula(line, column, f"={above}", styles.cell(), value)
    if place.layer.reads is Reads.MAP:  # its window is the map, whatever its side
        sheet.write_formula(line, _K, f"={n_in}", styles.cell(), row.window)
    else:
        sheet.write_number(line, _K, row.window, styles.input)
    sheet.write_number(line, _P, row.padding, styles.input)
    sheet.write_number(line, _S, row.stride, styles.input)
    strong = styles.cell(bold=True)
    sheet.write_formula(
        line, _N_OUT, f"=INT(({n_in}+2*{p}-{k})/{s})+1", styles.cell(group_starts=True), row.n_out
    )
    sheet.write_formula(line, _J_OUT, f"={jump}*{s}", styles.cell(), j_out)
    sheet.write_formula(line, _R_OUT, f"={reach}+({k}-1)*{jump}", strong, r_out)


def _write_totals(sheet: Worksheet, styles: Styles, architecture: Architecture, line: int) -> None:
    """Write the number of parameters, and which of the course's limits it meets."""
    total = xl_rowcol_to_cell(line, _PARAMETERS)
    area = xl_range(_TOP + 2, _PARAMETERS, line - 2, _PARAMETERS)
    bold = styles.cell("#,##0", bold=True)
    sheet.write_string(line, _LAYER, "trainable parameters", styles.cell(bold=True))
    sheet.write_formula(line, _PARAMETERS, f"=SUM({area})", bold, architecture.trainable)
    for number, limit in enumerate(COURSE_LIMITS, start=1):
        sheet.write_string(
            line + number, _LAYER, f"the course's limit: fewer than {limit:,}", styles.cell()
        )
        words = "met" if architecture.trainable < limit else "not met"
        formula = f'=IF({total}<{limit},"met","not met")'
        sheet.write_formula(line + number, _PARAMETERS, formula, styles.cell(align="right"), words)
