"""Find the cells of a sheet in its XML, and change the styles that they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from lxml import etree
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string

from backprop_sheet.audit.annotation.package import AnnotationError, Package
from backprop_sheet.audit.reading import Cell

LIGHT_RED = "FFFFC7CE"  # Excel's own "Light Red Fill"

# The elements that follow legacyDrawing in the schema of a worksheet (ECMA-376, CT_Worksheet).
_AFTER_LEGACY_DRAWING = (
    *("legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems"),
    *("tableParts", "extLst"),
)


def cells_of(sheet: etree._Element, main: str, wanted: set[Cell]) -> Iterator[etree._Element]:
    """Yield the ``c`` elements of some cells. Rows and cells need not have their numbers."""
    row_number = 0
    rows = {row for row, _ in wanted}
    for row in sheet.iter(f"{{{main}}}row"):
        row_number = int(row.get("r", row_number + 1))
        if row_number not in rows:
            continue
        column_number = 0
        for cell in row.iter(f"{{{main}}}c"):
            reference = cell.get("r")
            if reference:
                column_number = column_index_from_string(coordinate_from_string(reference)[0])
            else:
                column_number += 1
            if (row_number, column_number) in wanted:
                yield cell


def insert_legacy_drawing(sheet: etree._Element, package: Package, identifier: str) -> None:
    """Insert a reference to the drawing of the notes, in the order of the schema."""
    element = etree.Element(f"{{{package.main}}}legacyDrawing")
    element.set(f"{{{package.relationship_types}}}id", identifier)
    for child in sheet:
        if isinstance(child.tag, str) and etree.QName(child).localname in _AFTER_LEGACY_DRAWING:
            child.addprevious(element)
            return
    sheet.append(element)


_STYLES_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_PLAIN_STYLES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="{main}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill>
<patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


def _add_styles(package: Package) -> str:
    """Add the styles that a workbook without a styles part has by default."""
    part = "xl/styles.xml"  # the name that every program uses and some programs expect
    package.write(part, _PLAIN_STYLES.format(main=package.main).encode(), _STYLES_TYPE)
    package.relate(package.workbook, "styles", part)
    return part


class Styles:
    """The styles part. Cell formats are added; existing formats are not changed."""

    def __init__(self, package: Package) -> None:
        self._main = package.main
        related = package.related(package.workbook, "styles")
        part = related[1] if related is not None else _add_styles(package)
        self._root = package.tree(part)
        self._red_fill: int | None = None
        self._filled: dict[int, int] = {}

    def _list(self, name: str) -> etree._Element:
        element = self._root.find(f"{{{self._main}}}{name}")
        if element is None:
            raise AnnotationError(f"has no {name} in its styles")
        return element

    def _append(self, name: str, element: etree._Element) -> int:
        """Add an element to a list of the styles and return its index."""
        into = self._list(name)
        into.append(element)
        count = sum(isinstance(child.tag, str) for child in into)
        into.set("count", str(count))
        return count - 1

    def _element(self, name: str, **attributes: str) -> etree._Element:
        element = etree.Element(f"{{{self._main}}}{name}")
        for key, value in attributes.items():
            element.set(key, value)
        return element

    def _fill(self, color: str) -> int:
        fill = self._element("fill")
        pattern = self._element("patternFill", patternType="solid")
        pattern.append(self._element("fgColor", rgb=color))
        pattern.append(self._element("bgColor", indexed="64"))
        fill.append(pattern)
        return self._append("fills", fill)

    def with_red_fill(self, style: int) -> int:
        """Return the index of a style that adds a light red fill to another style."""
        if style not in self._filled:
            if self._red_fill is None:
                self._red_fill = self._fill(LIGHT_RED)
            formats = [one for one in self._list("cellXfs") if isinstance(one.tag, str)]
            copy = deepcopy(formats[style] if style < len(formats) else formats[0])
            copy.set("fillId", str(self._red_fill))
            copy.set("applyFill", "1")
            self._filled[style] = self._append("cellXfs", copy)
        return self._filled[style]

    def text_style(
        self, *, bold: bool = False, size: int = 10, color: str = "FF222B38", fill: str = ""
    ) -> int:
        """Return the index of a style for wrapped text at the top of its cell."""
        font = self._element("font")
        if bold:
            font.append(self._element("b"))
        font.append(self._element("sz", val=str(size)))
        font.append(self._element("color", rgb=color))
        font.append(self._element("name", val="Arial"))
        xf = self._element(
            "xf",
            numFmtId="0",
            fontId=str(self._append("fonts", font)),
            fillId=str(self._fill(fill)) if fill else "0",
            borderId="0",
            xfId="0",
            applyFont="1",
            applyFill="1",
            applyAlignment="1",
        )
        xf.append(self._element("alignment", vertical="top", wrapText="1"))
        return self._append("cellXfs", xf)
