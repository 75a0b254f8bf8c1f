"""The drawing of a sheet's notes: one hidden shape per note, in VML."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

from backprop_sheet.audit.copies.package import Package, elements, parse_xml, xml_name
from backprop_sheet.audit.read.workbook import Cell

_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_SHAPE_TYPE = (
    '<v:shapetype xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:o="urn:schemas-microsoft-com:office:office" '
    'id="_x0000_t202" coordsize="21600,21600" o:spt="202" '
    'path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/>'
    '<v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_EMPTY = (
    '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
    ' xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit">'
    '<o:idmap v:ext="edit" data="1"/></o:shapelayout></xml>'
)
# Each shape declares its namespaces, as the drawing may use other prefixes for them.
_SHAPE = (
    '<v:shape xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:x="urn:schemas-microsoft-com:office:excel" id="_x0000_s{number}" type="#_x0000_t202" '
    'style="position:absolute;margin-left:60pt;margin-top:2pt;width:300pt;height:{height}pt;'
    'z-index:{number};visibility:hidden" fillcolor="#fff3d1" o:insetmode="auto">'
    '<v:fill color2="#fff3d1"/><v:shadow color="black" obscured="t"/>'
    '<v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto">'
    '<div style="text-align:left"></div></v:textbox><x:ClientData ObjectType="Note">'
    "<x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor><x:AutoFill>False</x:AutoFill>"
    "<x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"
)
_LINE_POINTS, _LINE_CHARACTERS = 13, 58

_NOTE = re.compile(r"""ObjectType\s*=\s*['"]Note['"][^>]*>(.*?)</\w+:ClientData>""", re.DOTALL)
_SHAPES = re.compile(r"<(\w+:)?shape\s.*?</\1shape>", re.DOTALL)
_PLACE = tuple(re.compile(rf"<\w+:{name}>\s*(\d{{1,9}})") for name in ("Row", "Column"))
# Excel writes line breaks like HTML, so that its drawings are not always XML.
_BREAK = re.compile(r"<br\s*>", re.IGNORECASE)

# The elements that follow legacyDrawing in the schema of a worksheet (ECMA-376, CT_Worksheet).
_AFTER_LEGACY_DRAWING = (
    *("legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems"),
    *("tableParts", "extLst"),
)


def draw_notes(package: Package, sheet_part: str, notes: Mapping[Cell, str]) -> None:
    """Add a hidden shape for each note that has none to the drawing of the sheet's notes.

    The drawing is edited as text, as it need not be XML. A damaged one is replaced.

    Args:
        notes: the texts of all notes of the sheet.
    """
    part = _drawing_part(package, sheet_part)
    drawing = _EMPTY
    if package.has(part):
        drawing = package.read(part).decode("utf-8", errors="surrogateescape")
        if not _is_sound(drawing):
            drawing = _EMPTY
    drawing = _SHAPES.sub(lambda shape: _kept(shape[0], notes), drawing)
    drawn = set(_drawn_cells(drawing))
    new = {cell: text for cell, text in notes.items() if cell not in drawn}
    end = drawing.rindex("</")
    numbers = [int(number) for number in re.findall(r"_x0000_s(\d{1,9})", drawing)]
    first = max([1024, *numbers]) + 1
    shapes = [] if 'id="_x0000_t202"' in drawing.replace("'", '"') else [_SHAPE_TYPE]
    shapes += [_shape(number, cell, text) for number, (cell, text) in enumerate(new.items(), first)]
    drawing = drawing[:end] + "".join(shapes) + drawing[end:]
    package.write(part, drawing.encode("utf-8", errors="surrogateescape"))


def _drawing_part(package: Package, sheet_part: str) -> str:
    """Return the part of the drawing; a sheet without one gets a reference to a new one.

    The schema allows one ``legacyDrawing``. It may stand among alternative contents.
    """
    sheet = package.tree(sheet_part)
    targets = {identifier: target for identifier, _, target in package.relationships(sheet_part)}
    attribute = xml_name(package.relationship_types, "id")
    references = list(sheet.iter(xml_name(package.main, "legacyDrawing")))
    led = [one for one in references if package.has(targets.get(one.get(attribute, ""), ""))]
    kept = led[0] if led else None
    for reference in references:
        parent = reference.getparent()
        if parent is not None and (reference is not kept or parent is not sheet):
            parent.remove(reference)
    if kept is None:
        part = package.unused_name("xl/drawings/vmlDrawingGradsheet{}.vml")
        kept = etree.Element(xml_name(package.main, "legacyDrawing"))
        kept.set(attribute, package.relate(sheet_part, "vmlDrawing", part))
    else:
        part = targets[kept.get(attribute, "")]
    if kept.getparent() is not sheet:
        _insert(sheet, kept)
    if part.lower().endswith(".vml"):
        package.declare_extension("vml", _TYPE)
    return part


def _insert(sheet: etree._Element, reference: etree._Element) -> None:
    """Insert the reference to the drawing in the order of the schema."""
    for child in elements(sheet):
        if etree.QName(child).localname in _AFTER_LEGACY_DRAWING:
            child.addprevious(reference)
            return
    sheet.append(reference)


def _is_sound(drawing: str) -> bool:
    """Whether a drawing is like XML, but for line breaks, and shapes can be added to it."""
    text = _BREAK.sub("<br/>", drawing)
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    try:
        root = parse_xml(re.sub(r"^\ufeff?\s*<\?xml[^>]*\?>", "", text).encode())
    except (etree.XMLSyntaxError, ValueError):
        return False
    return root is not None and text.rstrip().endswith(">") and "</" in text[text.rindex("<") :]


def _kept(shape: str, notes: Mapping[Cell, str]) -> str:
    """Return a shape, or nothing for one whose note is gone."""
    return shape if all(cell in notes for cell in _drawn_cells(shape)) else ""


def _drawn_cells(drawing: str) -> list[Cell]:
    cells = []
    for data in _NOTE.findall(drawing):
        row, column = (place.search(data) for place in _PLACE)
        if row and column:
            cells.append((int(row[1]) + 1, int(column[1]) + 1))
    return cells


def _shape(number: int, cell: Cell, text: str) -> str:
    row, column = cell
    lines = sum(-(-max(len(line), 1) // _LINE_CHARACTERS) for line in text.split("\n")) + 1
    return _SHAPE.format(
        number=number,
        height=lines * _LINE_POINTS,
        row=row - 1,
        column=column - 1,
        anchor=f"{column}, 15, {max(row - 2, 0)}, 4, {column + 6}, 15, {row + lines}, 4",
    )
