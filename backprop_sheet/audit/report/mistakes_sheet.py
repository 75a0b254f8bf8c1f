"""The sheet Mistakes of a class report: how many submissions have each mistake, with a chart."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.report.report_rows import CommonMistake
from backprop_sheet.audit.report.sheet_parts import (
    number_style,
    percent_format,
    start,
    write_number,
    write_texts,
)
from gradsheet.excel.styles import COLORS, GRID, Styles

MAX_BARS = 20  # in the chart
MAX_WHOLE = 10  # submissions up to which the axis counts by ones
MAX_LABEL = 80  # characters of the label of a bar

_LABEL_COLUMN = 6  # hidden, with the labels of the bars
_HEADERS = (
    ("column", 12), ("cause", 70), ("submissions", 12), ("share", 9), ("example", 60),
)  # fmt: skip


def write_mistakes(
    sheet: Worksheet, workbook: Workbook, styles: Styles, mistakes: Sequence[CommonMistake]
) -> None:
    """Write the sheet, the most common mistakes first."""
    start(sheet, styles, _HEADERS, len(mistakes))
    hidden = styles.format(valign="top", text_wrap=True)
    for row, one in enumerate(mistakes, 1):
        write_texts(sheet, styles, row, _HEADERS, {0: one.column, 1: one.cause, 4: one.example})
        write_number(sheet, (row, 2), one.submissions, number_style(styles, "0"))
        write_number(sheet, (row, 3), one.share, number_style(styles, percent_format(one.share)))
        label = f"{one.column}: {one.cause}" if one.cause else one.column
        sheet.write_string(row, _LABEL_COLUMN, _short(label), hidden)
    if not mistakes:
        sheet.write_string(0, _LABEL_COLUMN + 1, "No mistakes were found.", styles.note)
        return
    _draw_chart(sheet, workbook, len(mistakes), max(one.submissions for one in mistakes))


def _draw_chart(sheet: Worksheet, workbook: Workbook, mistakes: int, most: int) -> None:
    bars = min(mistakes, MAX_BARS)
    chart = workbook.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": ["Mistakes", 0, 2],
            "categories": ["Mistakes", 1, _LABEL_COLUMN, bars, _LABEL_COLUMN],
            "values": ["Mistakes", 1, 2, bars, 2],
            "fill": {"color": COLORS["red"].strong},
            "gap": 40,
            "data_labels": {"value": True},
        }
    )
    few = "" if bars == mistakes else f" (the {bars} most common)"
    chart.set_title({"name": f"Submissions with each mistake{few}", "name_font": {"size": 12}})
    chart.set_y_axis({"reverse": True, "num_font": {"size": 8}})
    axis: dict[str, object] = {
        "min": 0, "major_gridlines": {"visible": True, "line": {"color": GRID}},
    }  # fmt: skip
    if most < MAX_WHOLE:
        axis |= {"max": most + 1, "major_unit": 1}  # half a submission is no number of them
    chart.set_x_axis(axis)
    chart.set_legend({"none": True})
    chart.set_size({"width": 820, "height": 110 + 28 * bars})
    chart.show_hidden_data()
    sheet.set_column(_LABEL_COLUMN, _LABEL_COLUMN, 60, None, {"hidden": True})
    sheet.insert_chart(mistakes + 2, 0, chart, {"object_position": 3, "x_offset": 5})


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"
