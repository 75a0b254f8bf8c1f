"""The sheet Tables of a class report: one row per table, and per file that was not checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.report.report_rows import TableRow, in_short
from backprop_sheet.audit.report.sheet_parts import (
    file_width,
    hide_empty,
    number_style,
    percent_format,
    start,
    write_link,
    write_number,
    write_texts,
    write_verdict,
)
from gradsheet.excel.styles import Styles
from gradsheet.excel.text_height import column_width


def write_tables(
    sheet: Worksheet, styles: Styles, rows: Sequence[TableRow], links: Mapping[int, int]
) -> None:
    """Write the sheet.

    Args:
        links: the rows of the sheet Findings with the first finding of a table, by its number.
    """
    headers = (
        ("file", file_width([one.file for one in rows])), ("student", 18), ("sheet", 14),
        ("exercise", column_width([one.exercise for one in rows], 12, 50)), ("verdict", 13),
        ("points", 9), ("right columns", 14), ("learning rate", 13), ("rows", 8),
        ("findings", 10), ("first finding", 70), ("not checked", 20), ("typed", 16),
        ("stored as text", 16), ("rounded", 16), ("details", 12),
    )  # fmt: skip
    start(sheet, styles, headers, len(rows))
    filled: dict[str, Sequence[object]] = {
        "student": [one.student for one in rows],
        "points": [one.points is not None for one in rows],
        "not checked": [one.not_checked for one in rows],
        "typed": [one.typed for one in rows],
        "stored as text": [one.stored_as_text for one in rows],
        "rounded": [one.rounded for one in rows],
    }
    hide_empty(sheet, headers, filled)
    for number, one in enumerate(rows):
        row = number + 1
        texts = {
            0: one.file, 1: one.student, 2: one.sheet, 3: one.exercise, 10: one.first_finding,
            11: in_short(one.not_checked), 12: in_short(one.typed),
            13: in_short(one.stored_as_text), 14: in_short(one.rounded),
        }  # fmt: skip
        write_texts(sheet, styles, row, headers, texts)
        write_verdict(sheet, styles, row, 4, one.verdict)
        numbers = (
            (one.points, "0.00"), (one.right_columns, percent_format(one.right_columns)),
            (one.learning_rate, "General"), (one.rows, "0"),
            (one.findings if one.rows is not None else None, "0"),
        )  # fmt: skip
        for column, (value, number_format) in enumerate(numbers, 5):
            write_number(sheet, (row, column), value, number_style(styles, number_format))
        write_link(sheet, styles, (row, 15), links.get(number))
