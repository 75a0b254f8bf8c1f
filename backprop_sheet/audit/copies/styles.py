"""The styles of a workbook: formats are added, and what is damaged is mended."""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from backprop_sheet.audit.copies.mending import StylesReader, prune
from backprop_sheet.audit.copies.package import (
    Package,
    elements,
    parse_xml,
    splice_alternatives,
    whole_number,
    xml_name,
)

LIGHT_RED = "FFFFC7CE"  # Excel's own "Light Red Fill"
MAX_FORMATS = 65_490  # Excel's limit

PART = "xl/styles.xml"  # the name that every program uses and some programs expect
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_PLAIN = """<styleSheet xmlns="{main}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/>
</font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill>
<patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""

# The lists of the styles in the order of the schema (ECMA-376, CT_Stylesheet), and their items.
_ITEMS = {
    "numFmts": "numFmt",
    "fonts": "font",
    "fills": "fill",
    "borders": "border",
    "cellStyleXfs": "xf",
    "cellXfs": "xf",
    "cellStyles": "cellStyle",
    "dxfs": "dxf",
    "tableStyles": "tableStyle",
    "colors": "",
    "extLst": "ext",
}
_LISTED = {"fontId": "fonts", "fillId": "fills", "borderId": "borders", "xfId": "cellStyleXfs"}


class Styles:
    """The styles part. Cell formats are added; existing formats are not changed.

    What another program would stumble over is mended: lists that are missing or empty, elements
    that do not belong into a list (which would shift the numbers of those behind them), and indexes
    that lead nowhere.
    """

    def __init__(self, package: Package) -> None:
        self._main = package.main
        self._root = _styles_tree(package)
        self._red_fill: int | None = None
        self._filled: dict[int, int] = {}
        self._unfilled: dict[int, int] = {}
        self._mend_lists()
        self._mend_indexes()
        if not StylesReader.reads(self._root):
            self._mend_items()

    # --- mending ---

    def _mend_lists(self) -> None:
        plain = parse_xml(_PLAIN.format(main=self._main).encode())
        assert plain is not None
        for name, item in _ITEMS.items():
            lists = self._root.findall(xml_name(self._main, name))
            for other in lists[1:]:
                self._root.remove(other)
            default = plain.find(xml_name(self._main, name))
            if not lists and default is not None:
                self._insert(default)
            elif lists and item:
                splice_alternatives(lists[0])
                strays = [
                    child for child in elements(lists[0]) if child.tag != xml_name(self._main, item)
                ]
                for child in strays:
                    lists[0].remove(child)
                if default is not None:
                    # Excel keeps the first two fills for "none" and "gray125".
                    lists[0].extend(elements(default)[len(lists[0]) :])
                if lists[0].get("count") is not None:
                    lists[0].set("count", str(len(lists[0])))
        known = {xml_name(self._main, name) for name in _ITEMS}
        for child in elements(self._root):
            if child.tag not in known:
                self._root.remove(child)

    def _insert(self, element: etree._Element) -> None:
        """Insert a list in the order of the schema."""
        names = list(_ITEMS)
        start = names.index(etree.QName(element).localname)
        later = {xml_name(self._main, name) for name in names[start:]}
        for child in elements(self._root):
            if child.tag in later:
                child.addprevious(element)
                return
        self._root.append(element)

    def _mend_indexes(self) -> None:
        """Let indexes that lead nowhere lead to the first item of their list."""
        sizes = {name: len(self._list(name)) for name in _LISTED.values()}
        for xf in (*self._list("cellStyleXfs"), *self._list("cellXfs")):
            for attribute, name in _LISTED.items():
                value = xf.get(attribute)
                if value is not None and whole_number(value, sizes[name]) >= sizes[name]:
                    xf.set(attribute, "0")
        for style in self._list("cellStyles"):
            if whole_number(style.get("xfId"), -1) not in range(sizes["cellStyleXfs"]):
                style.set("xfId", "0")

    def _mend_items(self) -> None:
        """Remove from the items what openpyxl, and Excel's check of the file, would refuse."""
        for name, item in _ITEMS.items():
            listed = self._root.find(xml_name(self._main, name))
            if listed is None or not item:
                continue
            reader = StylesReader(name)
            for child in elements(listed):
                prune(child, reader)
                if name == "fills" and not elements(child):
                    child.append(self._element("patternFill", patternType="none"))
        if not StylesReader.reads(self._root):
            for name in ("extLst", "colors", "tableStyles"):
                if (child := self._root.find(xml_name(self._main, name))) is not None:
                    self._root.remove(child)

    # --- adding ---

    def _list(self, name: str) -> etree._Element:
        element = self._root.find(xml_name(self._main, name))
        assert element is not None, name
        return element

    def _append(self, name: str, element: etree._Element) -> int:
        """Add an element to a list of the styles and return its index."""
        into = self._list(name)
        into.append(element)
        into.set("count", str(len(into)))
        return len(into) - 1

    def _element(self, name: str, **attributes: str) -> etree._Element:
        element = etree.Element(xml_name(self._main, name))
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

    @property
    def formats(self) -> int:
        """The number of cell formats."""
        return len(self._list("cellXfs"))

    def provide(self, count: int) -> None:
        """Add plain formats until there are ``count``, as cells have their indexes."""
        for _ in range(self.formats, min(count, MAX_FORMATS)):
            xf = self._element("xf", numFmtId="0", fontId="0", fillId="0", borderId="0", xfId="0")
            self._append("cellXfs", xf)

    def with_red_fill(self, style: int) -> int:
        """Return the index of a style that adds a light red fill to another style."""
        if style not in self._filled:
            if self._red_fill is None:
                self._red_fill = self._fill(LIGHT_RED)
            formats = self._list("cellXfs")
            copy = deepcopy(formats[style] if 0 <= style < len(formats) else formats[0])
            copy.set("fillId", str(self._red_fill))
            copy.set("applyFill", "1")
            self._filled[style] = self._append("cellXfs", copy)
        return self._filled[style]

    def is_red(self, style: int) -> bool:
        """Whether a style has the light red fill, and no other."""
        formats, fills = self._list("cellXfs"), self._list("fills")
        if style >= len(formats):
            return False
        fill = fills[whole_number(formats[style].get("fillId"), 0)]
        pattern, color_of = (xml_name(self._main, name) for name in ("patternFill", "fgColor"))
        color = fill.find(f"{pattern}/{color_of}")
        return color is not None and color.get("rgb", "").upper() == LIGHT_RED

    def without_fill(self, style: int) -> int:
        """Return the index of a style that removes the fill from another style."""
        if style not in self._unfilled:
            copy = deepcopy(self._list("cellXfs")[style])
            copy.set("fillId", "0")
            self._unfilled[style] = self._append("cellXfs", copy)
        return self._unfilled[style]

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


def _styles_tree(package: Package) -> etree._Element:
    """Return the root of the styles part, which is added if it is missing or not readable.

    A part of another name gets the usual one, which openpyxl expects.
    """
    related = package.related(package.workbook, "styles")
    root = None if related is None else package.tree(related[1], recover=True)
    if related is None or root is None or root.tag != xml_name(package.main, "styleSheet"):
        if related is not None:
            package.remove(related[1])
        root = parse_xml(_PLAIN.format(main=package.main).encode())
    if related is None:
        package.relate(package.workbook, "styles", PART, is_single=True)
    elif related[1] != PART:
        package.remove(related[1])
        package.redirect(package.workbook, related[0], PART)
    assert root is not None
    if related is None or related[1] != PART or not package.has(PART):
        package.write(PART, b"", _TYPE)
    package.keep(PART, root)
    return root
