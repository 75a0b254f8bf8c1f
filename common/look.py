"""The look of a workbook: colours, cell formats and charts that all our workbooks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xlsxwriter.chart import Chart
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

# Arial is on every computer that has a spreadsheet (or a font of the same widths), so that columns
# come out as wide as they were meant to.
FONT = "Arial"
PLAIN_TEXT = {"font_name": FONT, "font_size": 10}  # of cells that have no other format
INK = "#222B38"
FAINT = "#6B7685"
GRID = "#E3E7EC"
EDGE = "#C5CCD4"  # lines between groups of columns and rows


@dataclass(frozen=True)
class Shade:
    """A colour to write with or to fill a band with, and a pale one to lay under text."""

    strong: str
    pale: str


SHADES = {
    "amber": Shade("#8A5A00", "#FFF3D1"),
    "blue": Shade("#1D5C96", "#E1EDF8"),
    "violet": Shade("#64409B", "#EDE5F6"),
    "green": Shade("#2B7244", "#E1F1E5"),
    "red": Shade("#A63232", "#FBE5E3"),
    "slate": Shade("#46566A", "#E8ECF0"),
    "teal": Shade("#0E6670", "#DDF0F2"),
    "brown": Shade("#7A4A2B", "#F3E8E0"),
}

# Lines that must be told apart, most different first (Okabe and Ito's palette, its yellow
# darkened, which colour-blind people can tell apart too); then the same again in dashes.
LINE_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#B8860B",
    "#5D3A9B",
    "#444444",
)
_DASHES = ("solid", "dash", "round_dot", "long_dash_dot")

# Number formats; "_)" keeps the digits off the cell's edge. Tiny numbers are in scientific
# notation, so that 0.149781 and 3.4E-07 both show what they are.
PLAIN = "General_)"
DECIMALS = "[>=0.0001]0.000000_);[<=-0.0001]-0.000000_);0.00E+00_)"


class Look:
    """The cell formats of one workbook, each made once."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._made: dict[tuple[Any, ...], Format] = {}

    def format(self, **properties: Any) -> Format:
        """A format with XlsxWriter's ``properties`` on top of our font."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            ours = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "vcenter"}
            self._made[key] = self._workbook.add_format(ours | properties)
        return self._made[key]

    def only(self, **properties: Any) -> Format:
        """A format with these ``properties`` and nothing else, to lay over another."""
        key = ("only", *sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._workbook.add_format(properties)
        return self._made[key]

    @property
    def title(self) -> Format:
        """The name of a sheet, at its top."""
        return self.format(font_size=18, bold=True)

    @property
    def section(self) -> Format:
        """The name of a part of a sheet."""
        return self.format(font_size=12, bold=True, font_color=SHADES["blue"].strong)

    @property
    def note(self) -> Format:
        """An explanation beside the matter."""
        return self.format(font_color=FAINT)

    @property
    def link(self) -> Format:
        """A way to another place in the workbook."""
        return self.format(font_color="#0563C1", underline=1)

    def band(self, shade: Shade) -> Format:
        """The name of a group of columns, above their headers."""
        return self.format(
            bold=True, align="center", font_color="#FFFFFF", bg_color=shade.strong, border=1,
            border_color="#FFFFFF",
        )  # fmt: skip

    def header(self, shade: Shade, align: str = "center") -> Format:
        """The name of a column."""
        return self.format(
            bold=True, align=align, font_color=shade.strong, bg_color=shade.pale, bottom=1,
            bottom_color=shade.strong, text_wrap=True,
        )  # fmt: skip

    def cell(
        self, num_format: str = "General", *, group_starts: bool = False, **more: Any
    ) -> Format:
        """A number of a table, with a line at its left where a new group of columns starts."""
        edge = {"left": 1, "left_color": EDGE} if group_starts else {}
        return self.format(num_format=num_format, **edge, **more)

    @property
    def input(self) -> Format:
        """A cell to type in: amber, framed, its number blue."""
        return self.format(
            bold=True, font_color="#0000C0", bg_color="#FFE9A8", border=1, border_color="#C99700"
        )


def shorten_large_numbers(sheet: Worksheet, look: Look, *area: int) -> None:
    """Numbers too long for their column lose decimals there instead of becoming ####.

    Args:
        area: the first row and column, and the last ones.
    """
    for limit, num_format in ((1e5, "0.00E+00_)"), (10, "0.00_)")):
        sheet.conditional_format(
            *area,
            {
                "type": "cell",
                "criteria": "not between",
                "minimum": -limit,
                "maximum": limit,
                "format": look.only(num_format=num_format),
                "stop_if_true": True,
            },
        )


def shorten_zeros(sheet: Worksheet, look: Look, *area: int) -> None:
    """Show exact zeros as 0, where a format for tiny numbers would show 0.00E+00.

    Args:
        area: the first row and column, and the last ones.
    """
    zero = {"type": "cell", "criteria": "==", "value": 0, "format": look.only(num_format="0_)")}
    sheet.conditional_format(*area, zero | {"stop_if_true": True})


def line_style(index: int) -> dict[str, Any]:
    """XlsxWriter's ``line`` of the index-th of several lines in a chart."""
    dash = _DASHES[index // len(LINE_COLOURS) % len(_DASHES)]
    return {
        "color": LINE_COLOURS[index % len(LINE_COLOURS)],
        "width": 1.75,
        "dash_type": dash,
    }


def line_chart(
    workbook: Workbook, title: str, x_axis: str, y_axis: str, last_x: float, *, log: bool = False
) -> Chart:
    """An empty chart for lines over a number axis from 0 to ``last_x``."""
    chart = workbook.add_chart({"type": "scatter", "subtype": "straight"})
    font = {"name": FONT, "size": 9, "color": INK}
    axis = {
        "num_font": font,
        "name_font": font | {"bold": False},
        "label_position": "low",
        "line": {"color": "#9AA4B0"},
    }
    chart.set_title({"name": title, "name_font": font | {"size": 12}, "overlay": False})
    chart.set_x_axis(
        axis | {"name": x_axis, "min": 0, "max": last_x, "major_gridlines": {"visible": False}}
    )
    y = axis | {"name": y_axis, "major_gridlines": {"visible": True, "line": {"color": GRID}}}
    chart.set_y_axis(y | ({"log_base": 10, "num_format": "General"} if log else {}))
    chart.set_legend({"position": "right", "font": font})
    chart.set_chartarea({"border": {"color": GRID}})
    return chart
