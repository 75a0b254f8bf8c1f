"""Notes on cells (Excel's legacy comments): the comments part and its drawing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree
from openpyxl.utils import get_column_letter

from backprop_sheet.audit.annotation.cells import insert_legacy_drawing
from backprop_sheet.audit.annotation.package import Package, to_bytes
from backprop_sheet.audit.reading import Cell

AUTHOR = "gradsheet"

_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_DRAWING_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
_SHAPE_TYPE = (
    '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" '
    'path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/>'
    '<v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_EMPTY_DRAWING = (
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


def add_notes(package: Package, sheet_part: str, notes: Mapping[Cell, str]) -> None:
    """Add notes to cells of a sheet. The text is added to an existing note of a cell."""
    related = package.related(sheet_part, "comments")
    if related is None:
        comments_part = package.unused_name("xl/comments{}.xml")
        root = etree.Element(f"{{{package.main}}}comments", nsmap={None: package.main})
        etree.SubElement(root, f"{{{package.main}}}authors")
        etree.SubElement(root, f"{{{package.main}}}commentList")
        package.write(comments_part, to_bytes(root), _COMMENTS_TYPE)
        package.relate(sheet_part, "comments", comments_part)
    else:
        comments_part = related[1]
    comments = package.tree(comments_part)
    author = _author(comments, package.main)
    listed = comments.find(f"{{{package.main}}}commentList")
    assert listed is not None
    existing = {comment.get("ref"): comment for comment in listed}
    threaded = _threaded_cells(package, sheet_part)
    new: dict[Cell, str] = {}
    for cell, text in notes.items():
        reference = f"{get_column_letter(cell[1])}{cell[0]}"
        if reference in threaded:
            continue  # Excel shows the thread instead of a note; the Feedback sheet has the text
        if reference in existing:
            _append_run(existing[reference], package.main, f"\n\n{text}")
            continue
        comment = etree.SubElement(listed, f"{{{package.main}}}comment")
        comment.set("ref", reference)
        comment.set("authorId", str(author))
        etree.SubElement(comment, f"{{{package.main}}}text")
        _append_run(comment, package.main, text)
        new[cell] = text
    if new:
        _draw(package, sheet_part, new)


def _author(comments: etree._Element, main: str) -> int:
    """Return the index of :data:`AUTHOR` in the list of authors, to which it is added if needed."""
    authors = comments.find(f"{{{main}}}authors")
    if authors is None:
        authors = etree.Element(f"{{{main}}}authors")
        comments.insert(0, authors)
    known = [author.text for author in authors]
    if AUTHOR in known:
        return known.index(AUTHOR)
    etree.SubElement(authors, f"{{{main}}}author").text = AUTHOR
    return len(known)


def _append_run(comment: etree._Element, main: str, text: str) -> None:
    into = comment.find(f"{{{main}}}text")
    if into is None:
        into = etree.SubElement(comment, f"{{{main}}}text")
    run = etree.Element(f"{{{main}}}r")
    written = etree.SubElement(run, f"{{{main}}}t")
    written.text = text
    written.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    # Runs come before phonetic text in the schema.
    last = [child for child in into if etree.QName(child).localname in ("t", "r")]
    if last:
        last[-1].addnext(run)
    else:
        into.insert(0, run)


def _threaded_cells(package: Package, sheet_part: str) -> set[str]:
    related = package.related(sheet_part, "threadedComment")
    if related is None:
        return set()
    return {element.get("ref", "") for element in package.peek(related[1])}


def _draw(package: Package, sheet_part: str, notes: Mapping[Cell, str]) -> None:
    """Add one hidden shape per note to the drawing of the sheet's notes.

    The drawing is VML. As some programs write it as HTML and not as XML, it is edited as text.
    """
    sheet = package.tree(sheet_part)
    reference = sheet.find(f"{{{package.main}}}legacyDrawing")
    targets = {identifier: target for identifier, _, target in package.relationships(sheet_part)}
    identifier = ""
    if reference is not None:
        identifier = reference.get(f"{{{package.relationship_types}}}id", "")
    if targets.get(identifier) and package.has(targets[identifier]):
        part = targets[identifier]
        drawing = package.read(part).decode("utf-8", errors="surrogateescape")
    else:
        part = package.unused_name("xl/drawings/vmlDrawingGradsheet{}.vml")
        drawing = _EMPTY_DRAWING
        package.declare_extension("vml", _DRAWING_TYPE)
        insert_legacy_drawing(sheet, package, package.relate(sheet_part, "vmlDrawing", part))
    end = drawing.rfind("</xml>")
    if end < 0:
        end = len(drawing)
    numbers = [int(number) for number in re.findall(r"_x0000_s(\d{1,9})", drawing)]
    number = max([1024, *numbers])
    shapes = [] if "_x0000_t202" in drawing else [_with_namespaces(_SHAPE_TYPE)]
    for (row, column), text in notes.items():
        number += 1
        lines = sum(-(-max(len(line), 1) // _LINE_CHARACTERS) for line in text.split("\n")) + 1
        shapes.append(
            _SHAPE.format(
                number=number,
                height=lines * _LINE_POINTS,
                row=row - 1,
                column=column - 1,
                anchor=f"{column}, 15, {max(row - 2, 0)}, 4, {column + 6}, 15, {row + lines}, 4",
            )
        )
    drawing = drawing[:end] + "".join(shapes) + drawing[end:]
    package.write(part, drawing.encode("utf-8", errors="surrogateescape"))


def _with_namespaces(element: str) -> str:
    return element.replace(
        "<v:shapetype ",
        '<v:shapetype xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:o="urn:schemas-microsoft-com:office:office" ',
        1,
    )
