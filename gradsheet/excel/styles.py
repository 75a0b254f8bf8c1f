"""Styles that all workbooks share: colors, cell formats, charts and the page set-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xlsxwriter.chart import Chart
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.fast_writing import cache_quickly

# Every computer with a spreadsheet program has Arial or a font with the same character widths, so
# that texts fit into their columns.
FONT = "Arial"
INK = "#222B38"  # text
FAINT = "#6B7685"  # notes
GRID = "#E3E7EC"  # gridlines of charts
EDGE = "#C5CCD4"  # lines between groups of columns and rows


def default_format() -> dict[str, Any]:
    """Return the properties of a workbook's default format; XlsxWriter changes the dict."""
    return {"font_name": FONT, "font_size": 10}


@dataclass(frozen=True)
class ColorPair:
    """A strong color for text and bands, and a pale color for backgrounds."""

    strong: str
    pale: str


COLORS = {
    "amber": ColorPair("#8A5A00", "#FFF3D1"),
    "blue": ColorPair("#1D5C96", "#E1EDF8"),
    "violet": ColorPair("#64409B", "#EDE5F6"),
    "green": ColorPair("#2B7244", "#E1F1E5"),
    "red": ColorPair("#A63232", "#FBE5E3"),
    "slate": ColorPair("#46566A", "#E8ECF0"),
    "teal": ColorPair("#0E6670", "#DDF0F2"),
    "brown": ColorPair("#7A4A2B", "#F3E8E0"),
}

# Colors of the lines of a chart: the palette of Okabe and Ito, which people with color blindness
# can distinguish, with a darker yellow. Further lines repeat the colors with other dashes.
LINE_COLORS = (
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

# Number formats; "_)" leaves a space at the right edge of the cell. DECIMALS shows small numbers
# in scientific notation: 0.149781, but 3.40E-07. Alone, it shows all negative numbers so: if small
# numbers of both signs shared a part of the format, LibreOffice would show them without a minus
# sign. show_decimals changes the other negative numbers.
PLAIN = "General_)"
DECIMALS = "[>=0.0001]0.000000_);[<0]-0.00E+00_);0.00E+00_)"
_ZERO, _NEGATIVE = "0_)", "0.000000_)"
_FEWER_DIGITS = ((1e5, "0.00E+00_)"), (10, "0.00_)"))  # beyond this magnitude
_SMALLEST_NEGATIVE = -0.0001


class Styles:
    """The cell formats of one workbook. Each distinct format is created once."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._formats: dict[tuple[Any, ...], Format] = {}

    def format(self, **properties: Any) -> Format:
        """Return the default format with XlsxWriter's ``properties`` changed."""
        defaults = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "vcenter"}
        return self._format(defaults | properties)

    def differential(self, **properties: Any) -> Format:
        """Return a format for a conditional format, which changes only these ``properties``."""
        return self._format(properties)

    def _format(self, properties: dict[str, Any]) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self._workbook.add_format(properties)
        return self._formats[key]

    @property
    def title(self) -> Format:
        """The title of a sheet."""
        return self.format(font_size=18, bold=True)

    @property
    def section(self) -> Format:
        """The heading of a part of a sheet."""
        return self.format(font_size=12, bold=True, font_color=COLORS["blue"].strong)

    @property
    def note(self) -> Format:
        """An explanation in a light color."""
        return self.format(font_color=FAINT)

    def link(self, **more: Any) -> Format:
        """A link to another place in the workbook."""
        return self.format(font_color="#0563C1", underline=1, **more)

    def band(self, colors: ColorPair) -> Format:
        """The title of a group of columns, above their headers."""
        return self.format(
            bold=True, align="center", font_color="#FFFFFF", bg_color=colors.strong, border=1,
            border_color="#FFFFFF",
        )  # fmt: skip

    def header(self, colors: ColorPair, align: str = "center") -> Format:
        """The header of a column."""
        return self.format(
            bold=True, align=align, font_color=colors.strong, bg_color=colors.pale, bottom=1,
            bottom_color=colors.strong, text_wrap=True,
        )  # fmt: skip

    def cell(
        self, num_format: str = "General", *, group_starts: bool = False, **more: Any
    ) -> Format:
        """A number in a table; ``group_starts`` draws a line at its left."""
        edge = {"left": 1, "left_color": EDGE} if group_starts else {}
        return self.format(num_format=num_format, **edge, **more)

    @property
    def input(self) -> Format:
        """A cell for the user to type in: a yellow background, a border and a blue number."""
        return self.format(
            bold=True, font_color="#0000C0", bg_color="#FFE9A8", border=1, border_color="#C99700"
        )

    @property
    def given(self) -> Format:
        """A given value that stays as it is: a gray background and a border."""
        return self.format(bold=True, bg_color="#F1F3F5", border=1, border_color=EDGE)


def set_page(
    sheet: Worksheet,
    *,
    tab_color: str | None = None,
    fit: tuple[int, int] | None = (1, 0),
    is_portrait: bool = False,
) -> None:
    """Hide the gridlines and set up printing: A4 in landscape or portrait, with page numbers.

    Args:
        tab_color: the color of the sheet's tab.
        fit: scale the printed sheet to this number of pages in width and in height; 0 stands for
            as many as needed. None does not scale it.
    """
    sheet.hide_gridlines(2)
    if tab_color is not None:
        sheet.set_tab_color(tab_color)
    sheet.set_paper(9)  # A4
    if not is_portrait:
        sheet.set_landscape()
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&F – &A&R&8page &P of &N")
    if fit is not None:
        sheet.fit_to_pages(*fit)


def shorten_large_numbers(sheet: Worksheet, styles: Styles, *area: int) -> None:
    """Show large numbers with fewer digits, so that they fit into their column instead of ####.

    Args:
        area: the first row and column, and the last ones.
    """
    for limit, num_format in _FEWER_DIGITS:
        sheet.conditional_format(
            *area,
            {
                "type": "cell",
                "criteria": "not between",
                "minimum": -limit,
                "maximum": limit,
                "format": styles.differential(num_format=num_format),
                "stop_if_true": True,
            },
        )


def shorten_zeros(sheet: Worksheet, styles: Styles, *area: int) -> None:
    """Show exact zeros as 0 instead of 0.00E+00.

    Args:
        area: the first row and column, and the last ones.
    """
    zero = {
        "type": "cell",
        "criteria": "==",
        "value": 0,
        "format": styles.differential(num_format=_ZERO),
    }
    sheet.conditional_format(*area, zero | {"stop_if_true": True})


def show_decimals(sheet: Worksheet, styles: Styles, *area: int) -> None:
    """Show negative numbers in the format DECIMALS as -0.149781 instead of -1.50E-01.

    Args:
        area: the first row and column, and the last ones.
    """
    negative = {
        "type": "cell",
        "criteria": "<=",
        "value": _SMALLEST_NEGATIVE,
        "format": styles.differential(num_format=_NEGATIVE),
    }
    sheet.conditional_format(*area, negative | {"stop_if_true": True})


def exceptions_from_decimals(cell: str) -> list[tuple[str, str]]:
    """Return conditions for a cell, and the number formats that replace DECIMALS, the first first.

    They are those of the functions above, for rules that also set a color: where the areas of two
    conditional formats overlap, LibreOffice applies only one of them.
    """
    large = [(f"ABS({cell})>{limit:.0f}", num_format) for limit, num_format in _FEWER_DIGITS]
    return [(f"{cell}=0", _ZERO), *large, (f"{cell}<={_SMALLEST_NEGATIVE}", _NEGATIVE)]


def line_style(index: int) -> dict[str, Any]:
    """Return XlsxWriter's ``line`` properties for the index-th line of a chart."""
    dash = _DASHES[index // len(LINE_COLORS) % len(_DASHES)]
    return {
        "color": LINE_COLORS[index % len(LINE_COLORS)],
        "width": 1.75,
        "dash_type": dash,
    }


def line_chart(
    workbook: Workbook, title: str, x_axis: str, y_axis: str, last_x: float, *, log: bool = False
) -> Chart:
    """Create a chart without lines yet, with numbers from 0 to ``last_x`` on its x axis."""
    chart = workbook.add_chart({"type": "scatter", "subtype": "straight"})
    cache_quickly(chart)
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
