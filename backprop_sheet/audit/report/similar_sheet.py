"""The sheet Similar: pairs of workbooks with more in common than chance explains."""

from __future__ import annotations

import os
from pathlib import Path

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.read.references import cell_text
from backprop_sheet.audit.report.report_rows import shown
from backprop_sheet.audit.report.sheet_parts import start, write_texts
from backprop_sheet.audit.similarity.pairs import OWN_WORKBOOK, Place, Similarities
from gradsheet.excel.styles import Styles
from gradsheet.printable import printable

_HEADERS = (
    ("student", 24), ("other student", 24), ("what they have in common", 80),
    ("by chance", 20), ("place", 34), ("other place", 34),
)  # fmt: skip
_NOTE = (
    "Evidence to look at, not a verdict: the pairs whose workbooks have more in common than chance "
    "explains in this class, the least probable first."
)
_NOBODY = "No two workbooks have more in common than chance explains in this class."
_MAX_LINK = 2_000  # characters; Excel allows 2,079


def write_similar(
    sheet: Worksheet,
    styles: Styles,
    similarities: Similarities,
    level: FeedbackLevel,
    folder: Path,
) -> None:
    """Write the sheet.

    Args:
        level: how much is told about the mistakes that are the same.
        folder: where the report is; its links to the files are relative to it.
    """
    pairs, own_workbooks = similarities.pairs(level), similarities.own_workbooks
    start(sheet, styles, _HEADERS, len(pairs) + len(own_workbooks), frozen=2)
    links = _Links(sheet, styles, folder)
    for row, pair in enumerate(pairs, 1):
        words = (*map(shown, pair.students), shown(pair.evidence), _chance(pair.chance))
        places = map(links.text, pair.places)
        texts = dict(enumerate((*words, *places)))
        write_texts(sheet, styles, row, _HEADERS, texts)
        for column, place in enumerate(pair.places, len(words)):
            links.write(row, column, place)
    for row, own in enumerate(own_workbooks, len(pairs) + 1):
        texts = {0: shown(own.student), 2: OWN_WORKBOOK, 4: links.text(own.place)}
        write_texts(sheet, styles, row, _HEADERS, texts)
        links.write(row, 4, own.place)
    below = len(pairs) + len(own_workbooks) + 2
    sheet.write_string(below, 0, _NOTE if pairs else _NOBODY, styles.note)


class _Links:
    """Writes links to the cells of the files that were checked."""

    def __init__(self, sheet: Worksheet, styles: Styles, folder: Path) -> None:
        self._sheet, self._folder = sheet, folder
        self._link = styles.link(valign="top", text_wrap=True)
        self._text = styles.format(valign="top", text_wrap=True)

    def write(self, row: int, column: int, place: Place) -> None:
        target = self._target(place)
        if target is None:
            self._sheet.write_string(row, column, self.text(place), self._text)
        else:
            self._sheet.write_url(row, column, target, self._link, self.text(place))

    @staticmethod
    def text(place: Place) -> str:
        """Return the file's name, with the cell if it is one; the link has the whole path."""
        where = f" [{place.sheet}] {cell_text(place.cell)}" if place.sheet else ""
        return shown(f"{place.file.name}{where}")

    def _target(self, place: Place) -> str | None:
        """Return the address of a file, or of the zip that it is in; None if there is no link."""
        file = place.file
        while not file.exists() and file != file.parent:
            file = file.parent
        if not file.is_file():
            return None
        try:
            name = os.path.relpath(file.resolve(), self._folder.resolve())
        except ValueError:  # on another drive of Windows
            name = str(file.resolve())
        cell = ""
        if place.sheet and file == place.file:
            title = place.sheet.replace("'", "''")
            cell = f"#'{title}'!{cell_text(place.cell)}"
        target = f"external:{name}{cell}"
        is_plain = "#" not in name + place.sheet and printable(target) == target
        return target if is_plain and len(target) < _MAX_LINK else None


def _chance(chance: float) -> str:
    """Say how improbable a pair is: in one of so many classes such as this."""
    classes = 1 / chance
    if classes > 0.5e9:
        return "less than 1 in 1,000,000,000 classes"
    digits = len(f"{classes:.0f}") - 2
    return f"1 in {round(classes, -max(digits, 0)):,.0f} classes"
