"""The sheet Findings of a class report: one row per finding, as much as may be told."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.report.report_rows import FindingRow
from backprop_sheet.audit.report.sheet_parts import (
    file_width,
    number_style,
    start,
    write_number,
    write_texts,
)
from backprop_sheet.audit.results import number_text
from gradsheet.excel.styles import DECIMALS, Styles, show_decimals

_VALUES = ("found", "expected")
_TEXTS = {
    "file": "file", "student": "student", "sheet": "sheet", "column": "column",
    "first cell": "first_cell", "cause": "cause", "formula": "formula",
    "right formula": "right_formula", "meaning": "meaning",
}  # fmt: skip


def write_findings(
    sheet: Worksheet, styles: Styles, rows: Sequence[FindingRow], level: FeedbackLevel
) -> None:
    """Write the sheet."""
    headers = _headers(rows, level)
    titles = [title for title, _ in headers]
    start(sheet, styles, headers, len(rows))
    if level.tells_values:
        first, last = titles.index("found"), titles.index("expected")
        show_decimals(sheet, styles, 1, first, max(1, len(rows)), last)
    for row, one in enumerate(rows, 1):
        texts = {
            column: str(getattr(one, _TEXTS[title]))
            for column, title in enumerate(titles)
            if title in _TEXTS
        }
        write_number(sheet, (row, titles.index("cells")), one.count, number_style(styles, "0"))
        for title in _VALUES if level.tells_values else ():
            column, value = titles.index(title), getattr(one, title)
            if isinstance(value, float):
                write_number(sheet, (row, column), value, number_style(styles, DECIMALS))
            else:
                texts[column] = number_text(value)
        write_texts(sheet, styles, row, headers, texts)


def _headers(rows: Sequence[FindingRow], level: FeedbackLevel) -> list[tuple[str, int]]:
    headers = [
        ("file", file_width([one.file for one in rows])), ("student", 18), ("sheet", 14),
        ("column", 12), ("first cell", 10), ("cells", 8),
    ]  # fmt: skip
    if level.tells_values:
        headers += [("found", 16), ("expected", 16)]
    if level.tells_causes:
        headers.append(("cause", 60))
    if level.tells_values:
        headers += [("formula", 60), ("right formula", 60)]
    return [*headers, ("meaning", 40)]
