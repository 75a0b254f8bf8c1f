"""Mend damaged parts as far as a copy needs it to be opened.

Excel, LibreOffice and openpyxl forgive different things. A copy should open in all of them, also
where its original opens in one only. Nothing of a sound workbook is changed here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import count
from typing import Any
from xml.parsers import expat

from lxml import etree
from openpyxl.packaging.core import DocumentProperties
from openpyxl.packaging.custom import CustomPropertyList
from openpyxl.packaging.workbook import WorkbookPackage
from openpyxl.styles.borders import Border
from openpyxl.styles.cell_style import CellStyle
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.styles.fills import Fill
from openpyxl.styles.fonts import Font
from openpyxl.styles.named_styles import _NamedCellStyle
from openpyxl.styles.numbers import NumberFormat
from openpyxl.styles.stylesheet import Stylesheet
from openpyxl.styles.table import TableStyle
from openpyxl.utils.cell import coordinate_to_tuple

from backprop_sheet.audit.copies.cells import positions, row_of
from backprop_sheet.audit.copies.package import (
    AnnotationError,
    Package,
    elements,
    splice_alternatives,
    whole_number,
    xml_name,
)
from backprop_sheet.audit.read.references import cell_text

Reader = Callable[[etree._Element], bool]

_ITEM_CLASSES: dict[str, Any] = {
    "numFmts": NumberFormat,
    "fonts": Font,
    "fills": Fill,
    "borders": Border,
    "cellStyleXfs": CellStyle,
    "cellXfs": CellStyle,
    "cellStyles": _NamedCellStyle,
    "dxfs": DifferentialStyle,
    "tableStyles": TableStyle,
}


def openpyxl_reads(kind: Any, root: etree._Element) -> bool:
    """Whether one of openpyxl's classes can be made of an element."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind.from_tree(deepcopy(root)) is not None
    except Exception:  # openpyxl raises many kinds for damaged parts
        return False


class StylesReader:
    """Whether openpyxl reads an item of a list of the styles."""

    def __init__(self, name: str) -> None:
        self._kind = _ITEM_CLASSES.get(name)

    def __call__(self, item: etree._Element) -> bool:
        """Whether it reads this one."""
        return self._kind is None or openpyxl_reads(self._kind, item)

    @staticmethod
    def reads(root: etree._Element) -> bool:
        """Whether openpyxl reads all the styles."""
        return openpyxl_reads(Stylesheet, root)


def prune(root: etree._Element, reads: Reader) -> None:
    """Remove from an element what keeps it from being read.

    First any one attribute or descendant, and if that does not help, all of them.
    """
    if reads(root):
        return
    for element in (root, *_descendants(root)):
        for name, value in list(element.attrib.items()):
            if name == "val":
                continue  # an element without it says nothing
            del element.attrib[name]
            if reads(root):
                return
            element.set(name, value)
    for child in _descendants(root):
        parent = child.getparent()
        place = parent.index(child)
        parent.remove(child)
        if reads(root):
            return
        parent.insert(place, child)
    for child in elements(root):
        root.remove(child)
        if reads(root):
            return
    root.attrib.clear()


def _descendants(root: etree._Element) -> list[etree._Element]:
    return [child for child in root.iterdescendants() if isinstance(child.tag, str)]


# --- worksheets ---

_MAX_SHEET_ID = 65_534

# Fast searches in the text of a sheet: is there anything that may need to be mended?
_STYLE = re.compile(rb"""\s(?:s|style)\s*=\s*["']([^"']*)["']""")
_ODD_REFERENCE = re.compile(
    rb"""<(?:\w+:)?(?:c\s[^>]*?\br=["'](?![A-Z]{1,3}\d{1,7}["'])|row\s[^>]*?\br=["'](?!\d{1,7}["']))"""
)
_IDENTIFIER = re.compile(rb""":id\s*=\s*["']([^"']*)["']""")


def mend_sheet(package: Package, part: str, max_formats: int) -> int:
    """Mend the indexes, references and ids of a sheet that lead nowhere.

    Args:
        max_formats: how many cell formats there may be.

    Returns:
        How many cell formats the sheet needs.

    Raises:
        AnnotationError: the sheet is not well-formed XML, so that no program opens the file.
    """
    data = package.read(part)
    try:
        expat.ParserCreate(namespace_separator=" ").Parse(data, True)
    except expat.ExpatError as error:
        raise AnnotationError(f"cannot be annotated: {part} is damaged ({error})") from error
    indexes = {index.decode("ascii", "replace") for index in _STYLE.findall(data)}
    bad = {index for index in indexes if whole_number(index, max_formats) >= max_formats}
    identifiers = {
        identifier
        for identifier, _, target in package.relationships(part)
        if "://" in target or target.startswith("mailto:") or package.has(target)
    }
    dangling = {
        identifier.decode("utf-8", "replace") for identifier in _IDENTIFIER.findall(data)
    } - identifiers
    if bad or dangling or _ODD_REFERENCE.search(data):
        sheet = package.peek(part)
        changes = [
            _mend_indexes(sheet, package.main, max_formats),
            _remove_dangling(sheet, package.relationship_types, identifiers),
            _mend_references(sheet, package.main),
        ]
        if any(changes):
            package.keep(part, sheet)
    return max((int(index) + 1 for index in indexes - bad), default=0)


def _mend_indexes(sheet: etree._Element, main: str, max_formats: int) -> bool:
    changed = False
    for name, attribute in (("c", "s"), ("row", "s"), ("col", "style")):
        for element in sheet.iter(xml_name(main, name)):
            index = element.get(attribute)
            if index is not None and whole_number(index, max_formats) >= max_formats:
                del element.attrib[attribute]
                changed = True
    return changed


def _remove_dangling(sheet: etree._Element, namespace: str, identifiers: set[str]) -> bool:
    attribute = xml_name(namespace, "id")
    dangling = [
        element
        for element in sheet.iter("*")
        if element.get(attribute) is not None and element.get(attribute) not in identifiers
    ]
    for element in dangling:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
            if not len(parent) and parent.getparent() is not None:
                parent.getparent().remove(parent)  # such as tableParts without any
            elif parent.get("count") is not None:
                parent.set("count", str(len(elements(parent))))
    return bool(dangling)


def _mend_references(sheet: etree._Element, main: str) -> bool:
    """Write the place of cells and rows whose references no program can read."""
    changed = False
    for row in sheet.iter(xml_name(main, "row")):
        if row.get("r") is not None and row_of(row) is None:
            del row.attrib["r"]
            changed = True
    for cell, (row_number, column) in positions(sheet, main):
        reference = cell.get("r")
        if reference is not None and not _is_readable(reference):
            cell.set("r", cell_text((row_number, column)))
            changed = True
    return changed


def _is_readable(reference: str) -> bool:
    try:
        coordinate_to_tuple(reference)
    except Exception:  # ValueError, KeyError, UnboundLocalError, …
        return False
    return True


# --- properties ---


def mend_properties(package: Package) -> None:
    """Remove from the document's properties what openpyxl refuses, such as an impossible date."""
    for part, kind in (
        ("docProps/core.xml", DocumentProperties),
        ("docProps/custom.xml", CustomPropertyList),
    ):
        if not package.has(part):
            continue
        root, is_damaged = package.repaired(part)
        if is_damaged:
            package.remove(part)
        elif not openpyxl_reads(kind, root):
            prune(root, partial(openpyxl_reads, kind))
            package.keep(part, root)


# --- the workbook part ---


def mend_workbook(package: Package) -> None:
    """Mend the workbook part: the list of its sheets, the open sheet, what openpyxl refuses."""
    workbook = package.tree(package.workbook)
    sheets = workbook.find(xml_name(package.main, "sheets"))
    if sheets is None:
        raise AnnotationError("has no list of sheets")
    splice_alternatives(sheets)
    used: set[int] = set()
    for sheet in elements(sheets):
        if sheet.tag != xml_name(package.main, "sheet"):
            sheets.remove(sheet)
            continue
        number = whole_number(sheet.get("sheetId"), 0)
        if not 1 <= number <= _MAX_SHEET_ID or number in used:
            number = next(free for free in count(1) if free not in used)
            sheet.set("sheetId", str(number))
        used.add(number)
    for view in workbook.iter(xml_name(package.main, "workbookView")):
        for name in ("activeTab", "firstSheet"):
            if whole_number(view.get(name), len(sheets)) >= len(sheets):
                view.attrib.pop(name, None)
    for child in elements(workbook):
        if openpyxl_reads(WorkbookPackage, workbook):
            return
        if child is not sheets:
            place = workbook.index(child)
            workbook.remove(child)
            if not openpyxl_reads(WorkbookPackage, workbook):
                workbook.insert(place, child)
