"""Take out of a workbook what an earlier annotation added, when a copy is annotated again."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.parsers import expat

from lxml import etree

from backprop_sheet.audit.copies.cells import positions
from backprop_sheet.audit.copies.drawing import draw_notes
from backprop_sheet.audit.copies.notes import Comments
from backprop_sheet.audit.copies.package import Package, whole_number
from backprop_sheet.audit.copies.styles import Styles
from backprop_sheet.audit.copies.threads import remove_replies
from backprop_sheet.audit.read.feedback_sheet import TITLE, is_feedback
from backprop_sheet.audit.read.limits import (
    MAX_SMALL_PART_BYTES,
    MAX_STRINGS,
    UnreadableWorkbookError,
)
from backprop_sheet.audit.read.sheet_cells import read_shared_strings, read_sheet_cells
from backprop_sheet.audit.read.workbook import Sheet

# The text of a note that an earlier annotation wrote, with what set it off from a student's own.
_FINDING = re.compile(
    r"(?:\n*Reply:\n *|\n\n|^)[^\n]*: (?:1 cell|\d+ cells) wrong(?:\nmeaning: [^\n]*)?"
    r"(?:\nfound: [^\n]*\nexpected: [^\n]*)?"  # as much as --feedback told
    r"(?:\nright formula: [^\n]*)?(?:\ncause: [^\n]*)?"  # a long note is cut off
)


def earlier_feedback(package: Package, parts: dict[str, str]) -> str | None:
    """Return the title of the sheet Feedback of an earlier annotation.

    Args:
        parts: the parts of the sheets, by title.
    """
    for title, part in parts.items():
        # Other sheets are not read, as they may be large.
        if title.startswith(TITLE) and is_feedback(Sheet(title, _values(package, part))):
            return title
    return None


def _values(package: Package, part: str) -> dict[tuple[int, int], Any]:
    def strings() -> list[str]:
        related = package.related(package.workbook, "sharedStrings")
        if related is None:
            return []
        return read_shared_strings(io.BytesIO(package.read(related[1])), MAX_STRINGS)

    data = package.read(part)
    if len(data) > MAX_SMALL_PART_BYTES:
        return {}
    try:
        return read_sheet_cells(io.BytesIO(data), strings).values
    except (UnreadableWorkbookError, expat.ExpatError):
        return {}


def remove_marks(package: Package, styles: Styles, part: str) -> None:
    """Remove the red fills, the notes and the replies of an earlier annotation from a sheet."""
    sheet = package.peek(part)
    changed = False
    for cell, _ in positions(sheet, package.main):
        style = whole_number(cell.get("s"), 0)
        if styles.is_red(style):
            cell.set("s", str(styles.without_fill(style)))
            changed = True
    if changed:
        package.keep(part, sheet)
    related = package.related(part, "comments")
    if related is None:
        return
    remove_replies(package, part)
    comments = Comments(package, related[1])
    changed = False
    for comment in comments.by_cell().values():
        changed |= _remove_findings(comment)
        if not "".join(comment.itertext()).strip():
            comment.getparent().remove(comment)
    if changed:
        draw_notes(package, part, comments.texts())


def _remove_findings(comment: etree._Element) -> bool:
    changed = False
    for text in comment.iter("{*}t"):
        kept = _FINDING.sub("", text.text or "")
        changed |= kept != (text.text or "")
        text.text = kept
    return changed
