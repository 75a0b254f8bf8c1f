"""The trained network as a live workbook: from a drawn digit to the answer, cell by cell.

Each weight is typed once, on a sheet of weights; everything else is a formula with its value.

Maps that a convolution reads stand in a strip, one below the other with a blank row between: the
padding. The kernels of a filter stand in a strip of the same distances on their sheet. So one
SUMPRODUCT of two rectangles, three columns wide, sums a window through all maps: the rows between
the kernels are blank and count as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_cell_to_rowcol, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from common.formulas import ReadyFormula
from common.look import FONT, SHADES, Look
from common.mark import is_marked, mark
from keras_model.mnist import CLASSES, DEVIATION, MEAN, SIDE
from keras_model.weights import Convolution, Weights

__all__ = ["MOST_SAMPLES", "SAMPLE_CELL", "is_ours", "pick_samples", "write_digits"]

_KIND = "digits"
MOST_SAMPLES = 200
DRAW, GALLERY, INPUT, OUTPUT, DENSE = "Draw", "Gallery", "Input", "Output", "Weights dense"

# Rows and columns count from 0.
_TOP, _LEFT = 5, 2  # the first map of a sheet; column 1 and the row above stay blank: padding
_GAP = 1  # blank rows between the maps of a strip
_KERNEL_TOP = 12  # the first row of the kernels on a sheet of weights
_OF_NORM = ("γ gamma", "β beta", "mean", "variance", "scale", "shift")
_NORM_TOP = 5
_SCALE, _SHIFT = _NORM_TOP + 4, _NORM_TOP + 5
_CELL = 16  # pixels of a picture's cell

# Draw: my drawing, what is read, the answer.
SAMPLE_CELL = "F4"
_MINE, _SHOWN = 1, 31  # first columns
_PICTURE_TOP = 7
_ANSWER = 61  # first column of the answer
_TABLE_TOP = 11  # of the ten rows of the answer

_GALLERY_TOP, _GALLERY_LEFT, _ACROSS = 4, 4, 5

_HIDDEN = ";;;"  # a picture's number shows where the cell is chosen, not in the cell


@dataclass(frozen=True)
class _Maps:
    """Where the maps (side×side) of a layer stand on its sheet."""

    sheet: str
    side: int
    count: int
    across: int  # 1: a strip

    @property
    def pitch(self) -> int:
        return self.side + (_GAP if self.across == 1 else 3)

    def origin(self, number: int) -> tuple[int, int]:
        """The first row and column of a map."""
        down, right = divmod(number, self.across)
        return _TOP + down * self.pitch, _LEFT + right * (self.side + 2)

    def area(self, number: int, row: int, column: int, size: int) -> str:
        """The cells of a pooling window, as a formula names them."""
        top, left = self.origin(number)
        return _area(self.sheet, top + row, left + column, size, size)

    def window(self, row: int, column: int) -> str:
        """The 3×3 window about a pixel through all maps of the strip, with what is between."""
        height = (self.count - 1) * self.pitch + 3
        return _area(self.sheet, _TOP + row - 1, _LEFT + column - 1, height, 3)


def _area(sheet: str, top: int, left: int, height: int, width: int, fixed: bool = False) -> str:
    first = xl_rowcol_to_cell(top, left, fixed, fixed)
    last = xl_rowcol_to_cell(top + height - 1, left + width - 1, fixed, fixed)
    return f"'{sheet}'!{first}:{last}"


def _cell(sheet: str, row: int, column: int) -> str:
    return f"'{sheet}'!{xl_rowcol_to_cell(row, column, True, True)}"


def is_ours(path: Path) -> bool:
    """Whether the file is a workbook that :func:`write_digits` wrote, saved again or not."""
    return is_marked(path, _KIND)


def pick_samples(labels: np.ndarray, count: int) -> np.ndarray:
    """Which digits to show: the first 0, the first 1, … the first 9, the second 0, …

    Raises:
        ValueError: fewer than 1, more than :data:`MOST_SAMPLES`, or than there are.
    """
    most = min(MOST_SAMPLES, len(labels))
    if not 1 <= count <= most:
        raise ValueError(f"--samples must be from 1 to {most}, and {count} is not")
    places = np.arange(len(labels))
    turn = np.zeros(len(labels), int)  # which of its class a digit is
    for digit in range(CLASSES):
        turn[labels == digit] = np.arange((labels == digit).sum())
    return places[np.lexsort((labels, turn))][:count]


def example_drawing() -> np.ndarray:
    """A seven of two strokes (28, 28), 0 … 255: what stands in "my own drawing" at first."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    ink = np.zeros((SIDE, SIDE))
    for (top, left), (bottom, right) in (((7, 8), (7, 19)), ((7, 19), (20, 12))):
        along = np.array([bottom - top, right - left], float)
        length = along @ along
        t = np.clip(((rows - top) * along[0] + (columns - left) * along[1]) / length, 0, 1)
        distance = np.hypot(rows - top - t * along[0], columns - left - t * along[1])
        ink = np.maximum(ink, np.clip(1.9 - distance, 0, 1))
    return np.round(255 * ink)


def write_digits(
    weights: Weights, images: np.ndarray, labels: np.ndarray, path: Path, *, chosen: int = 1
) -> int:
    """Write the workbook; the number of its formulas.

    Args:
        images: the gallery, (n, 28, 28) uint8. labels: (n,).
        chosen: which of them, from 1, is read at first; 0 is the reader's own drawing.
    """
    return _Digits(weights, images, labels, path, chosen).write()


class _Digits:
    """One workbook in the making."""

    def __init__(
        self, weights: Weights, images: np.ndarray, labels: np.ndarray, path: Path, chosen: int
    ) -> None:
        self.weights, self.images, self.labels, self.chosen = weights, images, labels, chosen
        self.digit = example_drawing() if chosen == 0 else images[chosen - 1].astype(float)
        self.layers = weights.layers(self.digit)
        self.workbook = Workbook(
            str(path), {"default_format_properties": {"font_name": FONT, "font_size": 10}}
        )
        mark(self.workbook, _KIND, "A digit reader, cell by cell")
        self.look = Look(self.workbook)
        self.formulas = 0
        self.read = _Maps(INPUT, SIDE, 1, 1)
        side, before = SIDE, 1
        self.normal: list[_Maps] = []
        self.pooled: list[_Maps] = []
        for number, convolution in enumerate(weights.convolutions, start=1):
            filters = convolution.kernel.shape[-1]
            self.normal.append(_Maps(f"Conv {number}", side, filters, 4 if side > 14 else 8))
            side, before = side // convolution.pool, filters
            self.pooled.append(_Maps(f"Pool {number}", side, filters, 1))
        assert side == 1 and before == len(weights.dense)

    def write(self) -> int:
        """All sheets, in the order in which a digit passes through them."""
        names = ["Explain", DRAW, GALLERY, INPUT]
        for normal, pooled in zip(self.normal, self.pooled, strict=True):
            names += [normal.sheet, pooled.sheet]
        names[-1] = OUTPUT  # the last pooling makes a single number of each map
        names += [self._kernels(number) for number in range(len(self.normal))] + [DENSE]
        sheets = {name: self.workbook.add_worksheet(name) for name in names}
        for name, sheet in sheets.items():
            sheet.hide_gridlines(2)
            sheet.set_paper(9)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 1)
            if name not in ("Explain", DRAW):
                sheet.set_zoom(60 if name == "Conv 1" else 80)
        self._write_draw(sheets[DRAW])
        self._write_gallery(sheets[GALLERY])
        self._write_input(sheets[INPUT])
        before = self.read
        for number, convolution in enumerate(self.weights.convolutions):
            normal, pooled = self.normal[number], self.pooled[number]
            self._write_kernels(sheets[self._kernels(number)], number, convolution)
            self._write_normal(sheets[normal.sheet], number, before)
            if pooled.side > 1:
                self._write_pooled(sheets[pooled.sheet], number)
            before = pooled
        self._write_dense(sheets[DENSE])
        self._write_output(sheets[OUTPUT])
        self._write_explain(sheets["Explain"])
        sheets[DRAW].activate()
        sheets[DRAW].set_first_sheet()
        self.workbook.close()
        return self.formulas

    # --- small things ---

    @staticmethod
    def _kernels(number: int) -> str:
        return f"Weights {number + 1}"

    def _formula(
        self, sheet: Worksheet, row: int, column: int, text: str, cell: Any, value: Any
    ) -> None:
        value = float(value) if isinstance(value, np.floating) else value
        sheet.write_formula(row, column, ReadyFormula(text), cell, value)
        self.formulas += 1

    def _head(self, sheet: Worksheet, title: str, *notes: str) -> None:
        sheet.write(0, 0, title, self.look.title)
        sheet.set_row(0, 28)
        for row, note in enumerate(notes, start=1):
            sheet.write(row, 0, note, self.look.note)

    def _picture_columns(self, sheet: Worksheet, first: int, last: int, rows: int) -> None:
        sheet.set_column_pixels(first, last, _CELL)
        for row in range(_TOP - 1, rows):
            sheet.set_row_pixels(row, _CELL)

    def _shade(
        self, sheet: Worksheet, *area: int, most: float | None = None, ink: str = "#17375E"
    ) -> None:
        """White for the least, ``ink`` for the most (of the area, or 0 to ``most``)."""
        scale: dict[str, Any] = {
            "type": "2_color_scale", "min_color": "#FFFFFF", "max_color": ink,
        }  # fmt: skip
        if most is not None:
            scale |= {"min_type": "num", "min_value": 0, "max_type": "num", "max_value": most}
        sheet.conditional_format(*area, scale)

    def _shade_signed(self, sheet: Worksheet, *area: int) -> None:
        """Red below 0, white at 0, blue above."""
        sheet.conditional_format(
            *area,
            {
                "type": "3_color_scale", "min_color": "#C8553D", "mid_color": "#FFFFFF",
                "max_color": "#2E6DA4", "mid_type": "num", "mid_value": 0,
            },
        )  # fmt: skip

    def _frame(self, sheet: Worksheet, top: int, left: int, side: int, cells: Callable) -> None:
        """Call ``cells(row, column, format)`` for a picture, whose format has its outer edge."""
        for row in range(side):
            for column in range(side):
                edge = {
                    name: 1
                    for name, at in (
                        ("top", row == 0), ("bottom", row == side - 1),
                        ("left", column == 0), ("right", column == side - 1),
                    )
                    if at
                }  # fmt: skip
                colour = {f"{name}_color": "#B5BDC8" for name in edge}
                cell = self.look.format(num_format=_HIDDEN, font_size=6, **edge, **colour)
                cells(row, column, cell)

    # --- the sheets ---

    def _write_draw(self, sheet: Worksheet) -> None:
        look = self.look
        sheet.set_zoom(90)
        self._head(
            sheet,
            "Draw a digit, and see it read",
            "Choose a digit of the gallery in the yellow cell, or 0 for your own drawing: the "
            "left grid, to type into, 0 for paper to 255 for ink",
            "(select some cells, type 255, then Ctrl+Enter fills them all; Delete wipes them).",
        )
        count = len(self.images)
        sheet.write(3, 1, "Sample", look.section)
        row, column = xl_cell_to_rowcol(SAMPLE_CELL)
        sheet.merge_range(row, column, row, column + 2, self.chosen, look.input)
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
        top = _PICTURE_TOP
        sheet.set_column_pixels(0, 0, 14)
        sheet.set_column_pixels(1, _ANSWER - 2, _CELL)
        sheet.set_column_pixels(_ANSWER - 1, _ANSWER - 1, 20)
        sheet.set_column_pixels(_ANSWER, _ANSWER, 110)
        sheet.set_column_pixels(_ANSWER + 1, _ANSWER + 2, 100)
        for line in range(top, top + SIDE):
            sheet.set_row_pixels(line, _CELL)
        sheet.write(top - 2, _MINE, "My own drawing (sample 0)", look.section)
        sheet.write(top - 2, _SHOWN, "What the network reads", look.section)

        drawing = example_drawing()
        own = self.look.format(
            num_format=_HIDDEN, font_size=6, border=1, border_color="#F0DFA8", bg_color="#FFFBEC"
        )
        for (y, x), value in np.ndenumerate(drawing):
            if value:
                sheet.write_number(top + y, _MINE + x, value, own)
            else:
                sheet.write_blank(top + y, _MINE + x, None, own)
        area = (top, _MINE, top + SIDE - 1, _MINE + SIDE - 1)
        sheet.data_validation(
            *area,
            {
                "validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 255,
                "error_title": "Pixel", "error_message": "A number from 0 (paper) to 255 (ink).",
            },
        )  # fmt: skip
        # Blank cells keep their own pale yellow; ink covers it.
        sheet.conditional_format(
            *area,
            {
                "type": "2_color_scale", "min_color": "#FFFBEC", "max_color": "#17375E",
                "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 255,
            },
        )  # fmt: skip

        sample = xl_rowcol_to_cell(row, column, True, True)
        height = (-(-count // _ACROSS)) * (SIDE + 2)
        gallery = _area(
            GALLERY, _GALLERY_TOP, _GALLERY_LEFT, height, _ACROSS * (SIDE + 2), fixed=True
        )

        def shown(y: int, x: int, cell: Any) -> None:
            mine = xl_rowcol_to_cell(top + y, _MINE + x)
            self._formula(
                sheet,
                top + y,
                _SHOWN + x,
                f"=IF({sample}=0,{mine},INDEX({gallery},"
                f"INT(({sample}-1)/{_ACROSS})*{SIDE + 2}+{y + 1},"
                f"MOD({sample}-1,{_ACROSS})*{SIDE + 2}+{x + 1}))",
                cell,
                self.digit[y, x],
            )

        self._frame(sheet, top, _SHOWN, SIDE, shown)
        self._shade(sheet, top, _SHOWN, top + SIDE - 1, _SHOWN + SIDE - 1, most=255)
        self._write_answer(sheet, sample)

    def _write_answer(self, sheet: Worksheet, sample: str) -> None:
        look, layers = self.look, self.layers
        big = look.format(font_size=28, bold=True, align="center", font_color=SHADES["blue"].strong)
        plain = look.format(font_size=14, align="center")
        last = _TABLE_TOP + CLASSES
        probabilities = f"{xl_rowcol_to_cell(_TABLE_TOP + 1, _ANSWER + 2)}:" + xl_rowcol_to_cell(
            last, _ANSWER + 2
        )
        read = int(layers.logits.argmax())
        sheet.merge_range(3, _ANSWER, 5, _ANSWER, "read as", look.section)
        sheet.merge_range(3, _ANSWER + 1, 5, _ANSWER + 1, "", big)
        self._formula(
            sheet, 3, _ANSWER + 1, f"=MATCH(MAX({probabilities}),{probabilities},0)-1", big, read
        )
        sheet.merge_range(3, _ANSWER + 2, 5, _ANSWER + 2, "", plain)
        share = look.format(font_size=14, align="center", num_format="0.0%")
        self._formula(
            sheet, 3, _ANSWER + 2, f"=MAX({probabilities})", share, layers.probabilities.max()
        )
        sheet.merge_range(7, _ANSWER, 8, _ANSWER, "label", look.section)
        labels = _area(GALLERY, _GALLERY_TOP, 1, len(self.labels), 1, fixed=True)
        label = "unknown" if self.chosen == 0 else int(self.labels[self.chosen - 1])
        sheet.merge_range(7, _ANSWER + 1, 8, _ANSWER + 1, "", plain)
        self._formula(
            sheet, 7, _ANSWER + 1, f'=IF({sample}=0,"unknown",INDEX({labels},{sample}))', plain,
            label,
        )  # fmt: skip
        verdict = "" if self.chosen == 0 else ("right" if read == label else "wrong")
        sheet.merge_range(7, _ANSWER + 2, 8, _ANSWER + 2, "", plain)
        answer, right = (xl_rowcol_to_cell(at, _ANSWER + 1) for at in (3, 7))
        self._formula(
            sheet, 7, _ANSWER + 2,
            f'=IF({sample}=0,"",IF({answer}={right},"right","wrong"))', plain, verdict,
        )  # fmt: skip
        for offset, name in enumerate(("digit", "logits", "probability")):
            sheet.write(_TABLE_TOP, _ANSWER + offset, name, look.header(SHADES["blue"]))
        for digit in range(CLASSES):
            at = _TABLE_TOP + 1 + digit
            sheet.write_number(at, _ANSWER, digit, look.format(align="center", bold=True))
            for offset, values, num_format, name in (
                (1, layers.logits, "0.0000", "logits"),
                (2, layers.probabilities, "0.00%", "probability"),
            ):
                column = self._output_columns()[name]
                self._formula(
                    sheet,
                    at,
                    _ANSWER + offset,
                    f"={_cell(OUTPUT, _TOP + digit, column)}".replace("$", ""),
                    look.cell(num_format, align="center"),
                    values[digit],
                )
        sheet.conditional_format(
            _TABLE_TOP + 1, _ANSWER + 2, last, _ANSWER + 2,
            {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True,
             "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 1},
        )  # fmt: skip
        chart = self.workbook.add_chart({"type": "column"})
        font = {"name": FONT, "size": 9}
        chart.add_series(
            {
                "name": "probability",
                "categories": [DRAW, _TABLE_TOP + 1, _ANSWER, last, _ANSWER],
                "values": [DRAW, _TABLE_TOP + 1, _ANSWER + 2, last, _ANSWER + 2],
                "fill": {"color": SHADES["blue"].strong},
                "gap": 40,
            }
        )
        chart.set_title({"name": "Probability of each digit", "name_font": font | {"size": 11}})
        chart.set_legend({"none": True})
        chart.set_y_axis(
            {
                "min": 0, "max": 1, "num_format": "0%", "num_font": font, "major_unit": 0.25,
                "major_gridlines": {"visible": True, "line": {"color": "#E3E7EC"}},
            }
        )  # fmt: skip
        chart.set_x_axis({"num_font": font})
        chart.set_size({"width": 312, "height": 13 * _CELL})
        sheet.insert_chart(last + 1, _ANSWER, chart, {"y_offset": 6})

    def _write_gallery(self, sheet: Worksheet) -> None:
        look = self.look
        self._head(
            sheet,
            "Gallery",
            f"{len(self.images)} digits that the network was not trained on. Sheet {DRAW} reads "
            "the one whose number stands in its yellow cell.",
        )
        sheet.set_column_pixels(0, 1, 60)
        for offset, name in enumerate(("sample", "label")):
            sheet.write(_GALLERY_TOP - 1, offset, name, look.header(SHADES["slate"]))
        sheet.set_column_pixels(_GALLERY_LEFT, _GALLERY_LEFT + _ACROSS * (SIDE + 2), _CELL * 5 // 8)
        centred = look.format(align="center")
        rows = max(
            _GALLERY_TOP + len(self.images),
            _GALLERY_TOP + (SIDE + 2) * -(-len(self.images) // _ACROSS),
        )
        for row in range(_GALLERY_TOP, rows):
            sheet.set_row_pixels(row, 14)
        for number, (image, label) in enumerate(zip(self.images, self.labels, strict=True)):
            sheet.write_number(_GALLERY_TOP + number, 0, number + 1, centred)
            sheet.write_number(_GALLERY_TOP + number, 1, int(label), centred)
            down, right = divmod(number, _ACROSS)
            top = _GALLERY_TOP + down * (SIDE + 2)
            left = _GALLERY_LEFT + right * (SIDE + 2)

            def pixel(y: int, x: int, cell: Any, image=image, top=top, left=left) -> None:
                sheet.write_number(top + y, left + x, int(image[y, x]), cell)

            self._frame(sheet, top, left, SIDE, pixel)
            self._shade(sheet, top, left, top + SIDE - 1, left + SIDE - 1, most=255)
            sheet.write(top + SIDE, left, f"sample {number + 1}: a {label}", look.note)

    def _write_input(self, sheet: Worksheet) -> None:
        self._head(
            sheet,
            "The digit, as the network wants it",
            "(pixel / 255 - mean) / deviation, with the mean and the deviation of all training "
            "digits. The blank edge is the padding of the first convolution.",
        )
        sheet.set_column_pixels(0, 0, 90)
        self._picture_columns(sheet, 1, _LEFT + SIDE, _TOP + SIDE + 1)
        given = _LEFT + SIDE + 2
        sheet.set_column_pixels(given, given + 1, 80)
        for row, (name, value) in enumerate((("mean", MEAN), ("deviation", DEVIATION))):
            sheet.write(_TOP + row, given, name, self.look.section)
            sheet.write_number(_TOP + row, given + 1, value, self.look.input)
        mean, deviation = (xl_rowcol_to_cell(_TOP + row, given + 1, True, True) for row in range(2))

        def normalised(y: int, x: int, cell: Any) -> None:
            pixel = xl_rowcol_to_cell(_PICTURE_TOP + y, _SHOWN + x)
            self._formula(
                sheet, _TOP + y, _LEFT + x, f"=({DRAW}!{pixel}/255-{mean})/{deviation}", cell,
                self.layers.input[y, x],
            )  # fmt: skip

        self._frame(sheet, _TOP, _LEFT, SIDE, normalised)
        self._shade(sheet, _TOP, _LEFT, _TOP + SIDE - 1, _LEFT + SIDE - 1)

    def _write_kernels(self, sheet: Worksheet, number: int, convolution: Convolution) -> None:
        look, before = self.look, (self.read, *self.pooled)[number]
        _, _, channels, filters = convolution.kernel.shape
        through = (
            ""
            if channels == 1
            else (
                f" A filter's {channels} kernels stand below each other, at the distances of the "
                f"{channels} maps on '{before.sheet}'."
            )
        )
        self._head(
            sheet,
            f"Weights of convolution {number + 1}: {channels * filters} kernels of 3×3",
            f"{filters} filters, side by side.{through}",
            "Batch normalisation: scale = γ / √(variance + ε), shift = β - mean·scale.",
        )
        sheet.set_column_pixels(0, 0, 90)
        sheet.set_column_pixels(1, 4 * filters, 44)
        sheet.write(_NORM_TOP - 2, 0, "ε", look.section)
        sheet.write_number(_NORM_TOP - 2, 1, convolution.epsilon, look.cell("0.0E+00"))
        epsilon = xl_rowcol_to_cell(_NORM_TOP - 2, 1, True, True)
        for row, name in enumerate(_OF_NORM):
            sheet.write(_NORM_TOP + row, 0, name, look.section)
        weight = look.cell("0.000", font_size=8, align="center")
        of_norm = (
            convolution.gamma, convolution.beta, convolution.mean, convolution.variance,
        )  # fmt: skip
        for index in range(filters):
            left = 1 + 4 * index
            sheet.write(_NORM_TOP - 1, left, f"filter {index + 1}", look.section)
            for row, values in enumerate(of_norm):
                sheet.write_number(_NORM_TOP + row, left, values[index], weight)
            gamma, beta, mean, variance, scale = (
                xl_rowcol_to_cell(_NORM_TOP + row, left) for row in range(5)
            )
            self._formula(
                sheet, _SCALE, left, f"={gamma}/SQRT({variance}+{epsilon})", weight,
                convolution.scale[index],
            )  # fmt: skip
            self._formula(
                sheet, _SHIFT, left, f"={beta}-{mean}*{scale}", weight, convolution.shift[index]
            )
            for channel in range(channels):
                top = _KERNEL_TOP + channel * before.pitch
                for i in range(3):
                    for j in range(3):
                        value = convolution.kernel[i, j, channel, index]
                        sheet.write_number(top + i, left + j, value, weight)
            height = (channels - 1) * before.pitch + 3
            self._shade_signed(sheet, _KERNEL_TOP, left, _KERNEL_TOP + height - 1, left + 2)
        for channel in range(channels):
            name = f"for map {channel + 1}" if channels > 1 else "kernel"
            sheet.write(_KERNEL_TOP + channel * before.pitch, 0, name, look.note)
        sheet.freeze_panes(_NORM_TOP, 1)

    def _write_normal(self, sheet: Worksheet, number: int, before: _Maps) -> None:
        maps, values = self.normal[number], self.layers.normal[number]
        kernels, convolution = self._kernels(number), self.weights.convolutions[number]
        _, _, channels, filters = convolution.kernel.shape
        self._head(
            sheet,
            f"Convolution {number + 1}, ReLU, batch normalisation: {filters} maps of "
            f"{maps.side}×{maps.side}",
            f"Each cell: the 3×3 window of '{before.sheet}'"
            + (f" through its {channels} maps" if channels > 1 else "")
            + f" times the filter on '{kernels}', summed; below 0 becomes 0; times scale, plus "
            "shift.",
        )
        sheet.set_column_pixels(0, 1, 20)
        down = -(-filters // maps.across)
        self._picture_columns(
            sheet, _LEFT, _LEFT + maps.across * (maps.side + 2), _TOP + down * maps.pitch
        )
        height = (channels - 1) * before.pitch + 3
        windows = [[before.window(y, x) for x in range(maps.side)] for y in range(maps.side)]
        for index in range(filters):
            top, left = maps.origin(index)
            at = 1 + 4 * index
            kernel = _area(kernels, _KERNEL_TOP, at, height, 3, fixed=True)
            scale, shift = _cell(kernels, _SCALE, at), _cell(kernels, _SHIFT, at)
            sheet.write(
                top - 1,
                left,
                f"map {index + 1}" if maps.side > 3 else f"{index + 1}",
                self.look.note,
            )

            def normal(y: int, x: int, cell: Any, index=index, top=top, left=left,
                       rest=f",{kernel}))*{scale}+{shift}") -> None:  # fmt: skip
                self._formula(
                    sheet, top + y, left + x, f"=MAX(0,SUMPRODUCT({windows[y][x]}{rest}", cell,
                    values[y, x, index],
                )  # fmt: skip

            self._frame(sheet, top, left, maps.side, normal)
            self._shade(sheet, top, left, top + maps.side - 1, left + maps.side - 1)

    def _write_pooled(self, sheet: Worksheet, number: int) -> None:
        maps, source = self.pooled[number], self.normal[number]
        values, size = self.layers.pooled[number], self.weights.convolutions[number].pool
        left_out = source.side - maps.side * size
        self._head(
            sheet,
            f"Pooling {number + 1}: {maps.count} maps of {maps.side}×{maps.side}",
            f"Each cell: the largest of a {size}×{size} window of '{source.sheet}'."
            + (f" Its last {left_out} rows and columns are left out." if left_out else ""),
            "The maps stand one below the other, so that the next convolution's window goes "
            "through all; the blank row between two is its padding.",
        )
        sheet.set_column_pixels(0, 0, 70)
        self._picture_columns(sheet, 1, _LEFT + maps.side, _TOP + maps.count * maps.pitch)
        for index in range(maps.count):
            top, left = maps.origin(index)
            sheet.write(top, 0, f"map {index + 1}", self.look.note)

            def pooled(y: int, x: int, cell: Any, index=index, top=top, left=left) -> None:
                window = source.area(index, y * size, x * size, size)
                self._formula(
                    sheet, top + y, left + x, f"=MAX({window})", cell, values[y, x, index]
                )

            self._frame(sheet, top, left, maps.side, pooled)
            self._shade(sheet, top, left, top + maps.side - 1, left + maps.side - 1)

    def _write_dense(self, sheet: Worksheet) -> None:
        self._head(
            sheet,
            f"Weights of the dense layer: {self.weights.dense.size}",
            "A row for each map, a column for each digit.",
        )
        weight = self.look.cell("0.0000", align="center")
        sheet.set_column_pixels(0, CLASSES, 70)
        for digit in range(CLASSES):
            sheet.write(_TOP - 1, 1 + digit, digit, self.look.header(SHADES["violet"]))
        for (row, digit), value in np.ndenumerate(self.weights.dense):
            sheet.write_number(_TOP + row, 1 + digit, value, weight)
        for row in range(len(self.weights.dense)):
            sheet.write(_TOP + row, 0, f"map {row + 1}", self.look.note)
        self._shade_signed(sheet, _TOP, 1, _TOP + len(self.weights.dense) - 1, CLASSES)
        sheet.freeze_panes(_TOP, 1)

    @staticmethod
    def _output_columns() -> dict[str, int]:
        return {"pooled": 1, "digit": 3, "logits": 4, "e^": 5, "probability": 6}

    def _write_output(self, sheet: Worksheet) -> None:
        look, layers, columns = self.look, self.layers, self._output_columns()
        source, size = self.normal[-1], self.weights.convolutions[-1].pool
        self._head(
            sheet,
            "From 50 maps to ten probabilities",
            f"Pooling 3: the largest of each 3×3 map of '{source.sheet}'. Logit of a digit: the "
            f"50 numbers times its column on '{DENSE}', summed.",
            "Probability: e^(logit - largest logit), divided by the ten's sum (softmax).",
        )
        sheet.set_column_pixels(0, 0, 80)
        sheet.set_column_pixels(1, 6, 100)
        heads = ("pooling 3", None, "digit", "logits", "e^(logit - max)", "probability")
        for column, name in enumerate(heads, start=1):
            if name:
                sheet.write(_TOP - 1, column, name, look.header(SHADES["violet"]))
        number = look.cell("0.0000", align="center")
        count = len(self.weights.dense)
        pooled = layers.pooled[-1].ravel()
        for index in range(count):
            sheet.write(_TOP + index, 0, f"map {index + 1}", look.note)
            self._formula(
                sheet, _TOP + index, columns["pooled"],
                f"=MAX({source.area(index, 0, 0, size)})", number, pooled[index],
            )  # fmt: skip
        column = columns["pooled"]
        self._shade(sheet, _TOP, column, _TOP + count - 1, column, ink="#9DC3E6")
        pool_area = _area(OUTPUT, _TOP, columns["pooled"], count, 1, fixed=True).split("!")[1]
        logits, raised = (
            _area(OUTPUT, _TOP, columns[name], CLASSES, 1, fixed=True).split("!")[1]
            for name in ("logits", "e^")
        )
        exponentials = np.exp(layers.logits - layers.logits.max())
        for digit in range(CLASSES):
            row = _TOP + digit
            sheet.write_number(row, columns["digit"], digit, look.format(align="center", bold=True))
            weights = _area(DENSE, _TOP, 1 + digit, count, 1)
            logit, power = (xl_rowcol_to_cell(row, columns[name]) for name in ("logits", "e^"))
            for name, text, value in (
                ("logits", f"=SUMPRODUCT({pool_area},{weights})", layers.logits[digit]),
                ("e^", f"=EXP({logit}-MAX({logits}))", exponentials[digit]),
                ("probability", f"={power}/SUM({raised})", layers.probabilities[digit]),
            ):
                self._formula(sheet, row, columns[name], text, number, value)

    def _write_explain(self, sheet: Worksheet) -> None:
        look = self.look
        sheet.set_column_pixels(0, 0, 24)
        for column, width in enumerate((120, 360, 150, 400), start=1):
            sheet.set_column_pixels(column, column, width)
        sheet.write(0, 0, "A neural network that reads digits, in plain formulas", look.title)
        sheet.set_row(0, 28)
        wrap = look.format(text_wrap=True)
        row = 2

        def paragraph(text: str, height: int = 22) -> None:
            nonlocal row
            sheet.merge_range(row, 1, row, 4, text, wrap)
            sheet.set_row_pixels(row, height)
            row += 1

        paragraph(
            "This is a trained convolutional network of 19,848 weights. Every weight is typed in "
            "one cell; everything else is a formula. Nothing but this workbook is needed to read a "
            "digit: change a pixel or a weight, and all that depends on it changes.",
            38,
        )
        row += 1
        sheet.write(row, 0, "How to go through it", look.section)
        row += 1
        shown = xl_rowcol_to_cell(_PICTURE_TOP + 10, _SHOWN + 14)
        window = xl_rowcol_to_cell(*self.normal[0].origin(0))
        logit = xl_rowcol_to_cell(_TOP, self._output_columns()["logits"])
        for name, cell, text in (
            (DRAW, SAMPLE_CELL, "Type the number of a digit of the gallery, or 0, and draw."),
            (DRAW, shown, "Click a pixel that is read: it is taken from gallery or drawing."),
            (self.normal[0].sheet, window, "Click a cell of a map: nine pixels, nine weights."),
            (OUTPUT, logit, "Click a logit: fifty numbers times fifty weights."),
        ):
            sheet.write_url(row, 1, f"internal:'{name}'!{cell}", look.link, f"{name}!{cell}")
            sheet.write(row, 2, text, look.format())
            row += 1
        paragraph(
            "In Excel, Formulas > Trace Precedents (Alt, M, P) draws arrows to the cells that a "
            "formula reads; F2 frames them in colours; Ctrl+[ goes there.",
        )
        row += 1
        sheet.write(row, 0, "The layers, in the order in which a digit passes", look.section)
        row += 1
        for column, name in enumerate(("sheet", "what it does", "numbers", "formula"), start=1):
            sheet.write(row, column, name, look.header(SHADES["blue"], "left"))
        row += 1
        for name, what, numbers, formula in self._layer_rows():
            sheet.write_url(row, 1, f"internal:'{name}'!A1", look.link, name)
            for column, text in ((2, what), (3, numbers), (4, formula)):
                sheet.write_string(row, column, text, wrap)
            sheet.set_row_pixels(row, 22)
            row += 1
        row += 1
        sheet.write(row, 0, "How one formula sums a window through many maps", look.section)
        row += 1
        paragraph(
            "A convolution multiplies a 3×3 window of each map by a 3×3 kernel, and sums. The maps "
            "that it reads stand one below the other, with a blank row between two. The kernels of "
            "a filter stand at the same distances on their sheet. So SUMPRODUCT of two rectangles, "
            "three columns wide, meets each kernel with its window; the rows between the kernels "
            "are blank, and count as 0. At a map's edge the window reaches over blank cells: that "
            "is the padding of 1.",
            66,
        )
        paragraph(
            "Dropout works in training alone, and so has no cells here. Batch normalisation's mean "
            "and variance were measured in training; here they only scale and shift. The order in "
            "this network is convolution, ReLU, normalisation, pooling.",
            38,
        )

    def _layer_rows(self) -> list[tuple[str, str, str, str]]:
        """The rows of the table of layers: sheet, what it does, how many numbers, formula."""
        rows = [
            (DRAW, "The digit, 0 to 255", f"{SIDE}×{SIDE}", "INDEX into the gallery, or drawing"),
            (INPUT, "Normalised", f"{SIDE}×{SIDE}", "(pixel / 255 - mean) / deviation"),
        ]
        for number, convolution in enumerate(self.weights.convolutions):
            normal, pooled = self.normal[number], self.pooled[number]
            size = convolution.pool
            rows.append(
                (
                    normal.sheet,
                    f"Convolution with {normal.count} filters, ReLU, normalisation",
                    f"{normal.count} × {normal.side}×{normal.side}",
                    "MAX(0, SUMPRODUCT(window, filter)) * scale + shift",
                )
            )
            if pooled.side > 1:
                rows.append(
                    (
                        pooled.sheet,
                        f"The largest of each {size}×{size}",
                        f"{pooled.count} × {pooled.side}×{pooled.side}",
                        "MAX(window)",
                    )
                )
        rows.append(
            (
                OUTPUT,
                "The largest of each map; dense layer; softmax",
                f"{len(self.weights.dense)}, then {CLASSES}",
                "SUMPRODUCT(pooled, weights); EXP(logit - max) / sum",
            )
        )
        for number, convolution in enumerate(self.weights.convolutions):
            numbers = convolution.kernel.size
            rows.append(
                (
                    self._kernels(number),
                    "Kernels; γ, β, mean, variance",
                    f"{numbers:,} + {2 * len(convolution.gamma)} trained",
                    "scale = γ / √(variance + ε), shift = β - mean * scale",
                )
            )
        rows.append((DENSE, "Weights of the dense layer", f"{self.weights.dense.size}", "typed"))
        return rows
