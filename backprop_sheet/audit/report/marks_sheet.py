"""The sheet Marks of a class report: one row per student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.report.sheet_parts import (
    Headers,
    hide_empty,
    number_style,
    start,
    write_link,
    write_number,
    write_texts,
    write_verdict,
)
from backprop_sheet.audit.report.student_rows import StudentRow
from backprop_sheet.exercise.column_groups import ColumnGroup
from gradsheet.excel.styles import COLORS, Styles
from gradsheet.excel.text_height import column_width

_POINTS, _VERDICT, _FINDINGS = 2, 3 + len(ColumnGroup), 4 + len(ColumnGroup)
_MAX_WIDTH = 40


def write_marks(
    sheet: Worksheet,
    styles: Styles,
    rows: Sequence[StudentRow],
    links: Mapping[int, int],
    points: float,
) -> None:
    """Write the sheet.

    Args:
        links: the rows of the sheet Findings with the first finding of a table, by its number.
        points: of a table without a mistake.
    """
    headers = (
        ("student", column_width([one.student for one in rows], 16, _MAX_WIDTH)),
        ("id", column_width([one.identifier for one in rows], 8, _MAX_WIDTH)),
        (f"points of {points:g}", 12), *((group.value, 10) for group in ColumnGroup),
        ("verdict", 13), ("findings", 10), ("remarks", 64),
        ("not checked", 18), ("typed", 14), ("stored as text", 14), ("rounded", 22),
        ("sent", column_width([one.sent for one in rows], 16, _MAX_WIDTH)), ("late", 7),
        ("other attempts", 20), ("details", 12),
    )  # fmt: skip
    start(sheet, styles, headers, len(rows), frozen=3)
    _align_headers(sheet, styles, headers)
    _hide_empty(sheet, headers, rows)
    for row, one in enumerate(rows, 1):
        after = _FINDINGS + 1
        texts = dict(
            enumerate(
                (one.remarks, one.not_checked, one.typed, one.stored_as_text, one.rounded,
                 one.sent, "late" if one.is_late else "", one.others),
                after,
            )
        )  # fmt: skip
        write_texts(sheet, styles, row, headers, {0: one.student, 1: one.identifier} | texts)
        cell = (row, _POINTS)
        write_number(
            sheet, cell, one.points, number_style(styles, "0.00_)", bold=True, align="right")
        )
        for column, group in enumerate(ColumnGroup, _POINTS + 1):
            points_of_group = one.by_group.get(group)
            cell = (row, column)
            write_number(
                sheet, cell, points_of_group, number_style(styles, "0.00_)", align="right")
            )
        write_verdict(sheet, styles, row, _VERDICT, one.verdict)
        write_number(sheet, (row, _FINDINGS), one.findings, number_style(styles, "0"))
        link = None if one.table is None else links.get(one.table)
        write_link(sheet, styles, (row, len(headers) - 1), link)
    if rows:
        sheet.conditional_format(1, _POINTS, len(rows), _POINTS, _color_scale(points))


def _align_headers(sheet: Worksheet, styles: Styles, headers: Headers) -> None:
    """Write the headers of the points above the right ends of the numbers."""
    for column in range(_POINTS, _VERDICT):
        header = styles.header(COLORS["blue"], align="right")
        sheet.write_string(0, column, headers[column][0], header)
    sheet.write_string(0, _VERDICT, "verdict", styles.header(COLORS["blue"]))


def _hide_empty(sheet: Worksheet, headers: Headers, rows: Sequence[StudentRow]) -> None:
    """Hide the columns of what is not there in this class."""
    filled: dict[str, Sequence[object]] = {
        **{group.value: [group in one.by_group for one in rows] for group in ColumnGroup},
        "id": [one.identifier for one in rows],
        "not checked": [one.not_checked for one in rows],
        "typed": [one.typed for one in rows],
        "stored as text": [one.stored_as_text for one in rows],
        "rounded": [one.rounded for one in rows],
        "late": [one.is_late for one in rows],
        "other attempts": [one.others for one in rows],
    }
    hide_empty(sheet, headers, filled)


def _color_scale(points: float) -> dict[str, object]:
    """Return a scale from no points to all."""
    colors = [COLORS[name].pale for name in ("red", "amber", "green")]
    return {
        "type": "3_color_scale",
        "min_type": "num", "min_value": 0, "min_color": colors[0],
        "mid_type": "num", "mid_value": points / 2, "mid_color": colors[1],
        "max_type": "num", "max_value": points, "max_color": colors[2],
    }  # fmt: skip
