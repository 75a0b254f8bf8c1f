"""What the sheet Feedback of annotated copies says above its findings, and how it is recognized."""

from __future__ import annotations

import re

from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.audit.results import VERDICTS

TITLE = "Feedback"
# The cause is between the column's name and the numbers. Otherwise, an audit of the copy would read
# "∂E/∂w3" and the number beside it as a label and its value.
HEADERS = ("sheet", "cell", "column", "cause", "found", "expected", "formula", "right formula")
_ENOUGH = {"cell", "column", "cause", "found", "expected"}
_SUMMARY = re.compile(rf".*: ({'|'.join(VERDICTS)}) \(.*\)", re.DOTALL)


def is_feedback(sheet: Sheet) -> bool:
    """Whether a sheet lists the findings of an earlier check.

    Programs change the sheet's name, its part and its properties when they save a copy; its texts
    stay. Without findings, there are the title and the summary of a table.
    """
    summary = str(sheet.values.get((2, 1), ""))
    if sheet.values.get((1, 1)) == TITLE and _SUMMARY.fullmatch(summary):
        return True
    for (row, column), text in sheet.texts:
        if text == "cause":
            near = range(max(column - len(HEADERS), 1), column + len(HEADERS))
            if {sheet.values.get((row, other)) for other in near} >= _ENOUGH:
                return True
    return False
