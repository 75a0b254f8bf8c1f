"""The parts of an Excel workbook, read without the help of a spreadsheet library.

Namespaces are left out of account, so that strict and prefixed files read like any other.
:func:`problems_of` checks what Excel repairs or refuses and LibreOffice forgives: the order of
elements, relationships, content types, counts, notes without a shape.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

from xlsxwriter.utility import xl_cell_to_rowcol, xl_rowcol_to_cell

Element = ElementTree.Element

WORKSHEET_ORDER = (
    *("sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr"),
    *("sheetProtection", "protectedRanges", "scenarios", "autoFilter", "sortState"),
    *("dataConsolidate", "customSheetViews", "mergeCells", "phoneticPr", "conditionalFormatting"),
    *("dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup", "headerFooter"),
    *("rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors", "smartTags"),
    *("drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF", "picture", "oleObjects"),
    *("controls", "webPublishItems", "tableParts", "extLst"),
)
WORKBOOK_ORDER = (
    *("fileVersion", "fileSharing", "workbookPr", "workbookProtection", "bookViews", "sheets"),
    *("functionGroups", "externalReferences", "definedNames", "calcPr", "oleSize"),
    *("customWorkbookViews", "pivotCaches", "smartTagPr", "smartTagTypes", "webPublishing"),
    *("fileRecoveryPr", "webPublishObjects", "extLst"),
)
STYLES_ORDER = (
    *("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs"),
    *("tableStyles", "colors", "extLst"),
)
_IGNORABLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Ignorable"


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its local name, whatever its namespace."""
    return next((value for key, value in element.items() if local(key) == name), None)


def child(element: Element | None, name: str) -> Element | None:
    """The first child of a local name."""
    if element is None:
        return None
    return next((one for one in element if local(one.tag) == name), None)


def children(element: Element | None, name: str) -> list[Element]:
    """All children of a local name."""
    return [] if element is None else [one for one in element if local(one.tag) == name]


def canonical(element: Element | None) -> str:
    """An element as text that does not depend on prefixes and the order of attributes."""
    if element is None:
        return ""
    attributes = "".join(f" {name}={value!r}" for name, value in sorted(element.items()))
    inside = (element.text or "").strip("\n") + "".join(
        canonical(one) + (one.tail or "").strip() for one in element
    )
    return f"<{element.tag}{attributes}>{inside}</>"


def texts(element: Element | None) -> str:
    """The text of all runs in a string item or a note."""
    if element is None:
        return ""
    return "".join(
        one.text or ""
        for one in element.iter()
        if local(one.tag) == "t"  # phonetic runs would be counted too; nobody here has any
    )


@dataclass(frozen=True)
class Relationship:
    """Where a relationship of a part leads; ``target`` is a part's name, if it is internal."""

    kind: str
    target: str
    external: bool
    type: str


@dataclass(frozen=True)
class Cell:
    """What a cell holds, its style aside."""

    type: str
    formula: str
    value: str
    inline: str
    inline_text: str
    style: int


@dataclass(frozen=True)
class Styles:
    """What a style index means."""

    number_format: str
    font: str
    fill: str
    border: str
    alignment: str
    protection: str
    solid: tuple[int, int, int] | None  # the color of a solid fill, if it is given as RGB

    @property
    def is_light_red(self) -> bool:
        """Whether it is a red that black text can be read on."""
        return self.solid is not None and is_light_red(*self.solid)


def _solid(fill: Element) -> tuple[int, int, int] | None:
    pattern = child(fill, "patternFill")
    color = child(pattern, "fgColor")
    if pattern is None or color is None or pattern.get("patternType") != "solid":
        return None
    rgb = color.get("rgb", "")[-6:]
    return (int(rgb[:2], 16), int(rgb[2:4], 16), int(rgb[4:], 16)) if rgb else None


def is_light_red(red: int, green: int, blue: int) -> bool:
    """Whether a color is a red that black text can be read on."""
    return (
        red >= 0xE0
        and min(green, blue) >= 0x80
        and max(green, blue) <= red - 0x18
        and abs(green - blue) <= 0x20
    )


@dataclass(frozen=True)
class Note:
    """A legacy comment."""

    author: str
    text: str
    runs: str  # the text with its fonts


class Package:
    """The parts of a workbook."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            self.names = archive.namelist()
            self.parts = {name: archive.read(name) for name in self.names}
        self._trees: dict[str, Element] = {}

    def tree(self, part: str) -> Element:
        """A part's root element."""
        if part not in self._trees:
            self._trees[part] = ElementTree.fromstring(self.parts[part])
        return self._trees[part]

    def relationships(self, part: str = "") -> dict[str, Relationship]:
        """A part's relationships by id; "" is the package."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        found = {}
        for one in self.tree(rels) if rels in self.parts else ():
            external = one.get("TargetMode") == "External"
            target = str(one.get("Target"))
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            type_ = str(one.get("Type"))
            kind = type_.rpartition("/")[2]
            found[str(one.get("Id"))] = Relationship(kind, target, external, type_)
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts that a part leads to by relationships of a kind."""
        return [one.target for one in self.relationships(part).values() if one.kind == kind]

    @cached_property
    def workbook(self) -> str:
        """The workbook's part."""
        return self.related("", "officeDocument")[0]

    @cached_property
    def sheets(self) -> dict[str, str]:
        """The parts of all sheets by their names, in their order."""
        relationships = self.relationships(self.workbook)
        return {
            str(sheet.get("name")): relationships[str(attribute(sheet, "id"))].target
            for sheet in children(child(self.tree(self.workbook), "sheets"), "sheet")
        }

    @cached_property
    def worksheets(self) -> dict[str, str]:
        """The same without the chart sheets."""
        return {
            name: part
            for name, part in self.sheets.items()
            if local(self.tree(part).tag) == "worksheet"
        }

    @cached_property
    def defined_names(self) -> Counter[tuple[str, str | None, str]]:
        """The defined names: the name, the sheet that it belongs to, what it says."""
        sheets = list(self.sheets)
        found: Counter[tuple[str, str | None, str]] = Counter()
        for one in children(child(self.tree(self.workbook), "definedNames"), "definedName"):
            at = one.get("localSheetId")
            found[
                str(one.get("name")), None if at is None else sheets[int(at)], one.text or ""
            ] += 1
        return found

    @cached_property
    def strings(self) -> list[str]:
        """The shared strings."""
        parts = self.related(self.workbook, "sharedStrings")
        return [texts(one) for one in self.tree(parts[0])] if parts else []

    def cells(self, part: str) -> dict[str, Cell]:
        """The cells of a worksheet by their addresses."""
        found: dict[str, Cell] = {}
        row = -1
        for line in children(child(self.tree(part), "sheetData"), "row"):
            row = int(line.get("r", row + 2)) - 1
            column = -1
            for one in children(line, "c"):
                if "r" in one.attrib:
                    column = xl_cell_to_rowcol(one.attrib["r"])[1]
                else:
                    column += 1
                formula, value = child(one, "f"), child(one, "v")
                address = xl_rowcol_to_cell(row, column)
                assert address not in found, f"{address} is there twice"
                found[address] = Cell(
                    one.get("t", "n"),
                    canonical(formula),
                    "" if value is None else value.text or "",
                    canonical(child(one, "is")),
                    texts(child(one, "is")),
                    int(one.get("s", 0)),
                )
        return found

    def text_of(self, cell: Cell) -> str:
        """What a cell says, as text."""
        if cell.type == "s":
            return self.strings[int(cell.value)]
        if cell.type == "inlineStr":
            return cell.inline_text
        return cell.value

    @cached_property
    def looks(self) -> list[Styles]:
        """What the style indexes of cells mean."""
        parts = self.related(self.workbook, "styles")
        if not parts:
            return []
        root = self.tree(parts[0])
        formats = {
            str(one.get("numFmtId")): str(one.get("formatCode"))
            for one in children(child(root, "numFmts"), "numFmt")
        }
        fonts, borders = (
            [canonical(one) for one in child(root, name) or ()] for name in ("fonts", "borders")
        )
        fills = [(canonical(one), _solid(one)) for one in child(root, "fills") or ()]
        return [
            Styles(
                formats.get(number := one.get("numFmtId", "0"), number),
                fonts[int(one.get("fontId", 0))] if fonts else "",
                (fill := fills[int(one.get("fillId", 0))] if fills else ("", None))[0],
                borders[int(one.get("borderId", 0))] if borders else "",
                canonical(child(one, "alignment")),
                canonical(child(one, "protection")),
                fill[1],
            )
            for one in children(child(root, "cellXfs"), "xf")
        ]

    def look(self, cell: Cell) -> Styles | None:
        """What a cell looks like; None where the workbook has no styles."""
        return self.looks[cell.style] if self.looks else None

    def notes(self, part: str) -> dict[str, Note]:
        """The notes of a worksheet by their cells."""
        found = {}
        for comments in self.related(part, "comments"):
            root = self.tree(comments)
            authors = [one.text or "" for one in child(root, "authors") or ()]
            for one in child(root, "commentList") or ():
                found[one.attrib["ref"]] = Note(
                    authors[int(one.attrib["authorId"])],
                    texts(child(one, "text")),
                    canonical(child(one, "text")),
                )
        return found

    def links(self, part: str) -> dict[str, str]:
        """The cells of a worksheet that lead to a place in the workbook."""
        return {
            str(one.get("ref")): str(one.get("location"))
            for one in children(child(self.tree(part), "hyperlinks"), "hyperlink")
            if one.get("location")
        }

    def vml(self, part: str) -> str:
        """The shapes of a worksheet's notes and buttons, as text: Excel's are not always XML."""
        drawing = child(self.tree(part), "legacyDrawing")
        if drawing is None:
            return ""
        target = self.relationships(part)[str(attribute(drawing, "id"))].target
        return self.parts[target].decode("utf-8")


def place(location: str) -> tuple[str, str]:
    """The sheet and the cell of a link's location or of an address."""
    match = re.fullmatch(r"#?(?:'((?:[^']|'')+)'|([^'!]+))!\$?([A-Z]+)\$?(\d+)(?::.*)?", location)
    assert match, f"{location!r} is no place in a workbook"
    return (match[1] or match[2]).replace("''", "'"), match[3] + match[4]


# ---------------------------------------------------------------------------------------------
# What Excel would repair


def problems_of(file: Path | Package) -> list[str]:
    """What is wrong with a workbook's package; nothing, if it is in order."""
    package = file if isinstance(file, Package) else Package(file)
    return [
        *_package_problems(package),
        *_workbook_problems(package),
        *_style_problems(package),
        *(
            f"{part}: {problem}"
            for part in package.worksheets.values()
            for problem in _sheet_problems(package, part)
        ),
    ]


def _package_problems(package: Package) -> Iterator[str]:
    for name, count in Counter(package.names).items():
        if count > 1:
            yield f"{name} is in the archive {count} times"
    types = package.tree("[Content_Types].xml")
    defaults = [str(one.get("Extension")).lower() for one in children(types, "Default")]
    overrides = [str(one.get("PartName")) for one in children(types, "Override")]
    for names, what in ((defaults, "extension"), (overrides, "part")):
        yield from (f"{what} {one} has two types" for one, n in Counter(names).items() if n > 1)
    yield from (f"{one} has a type, but is not there" for one in overrides
                if one.lstrip("/") not in package.parts)  # fmt: skip
    for name in package.parts:
        if name == "[Content_Types].xml" or name.endswith("/"):
            continue
        if f"/{name}" not in overrides and name.rpartition(".")[2].lower() not in defaults:
            yield f"{name} has no content type"
        if name.endswith((".xml", ".rels")):
            try:
                root = package.tree(name)
            except ElementTree.ParseError as error:
                yield f"{name} is not XML: {error}"
                continue
            declared = _declared(package.parts[name])
            for prefix in root.get(_IGNORABLE, "").split():
                if prefix not in declared:
                    yield f"{name} ignores {prefix}, which it does not declare"
        if name.endswith(".rels"):
            folder, _, owner = name.rpartition("/_rels/" if "/" in name[6:] else "_rels/")
            part = posixpath.join(folder, owner.removesuffix(".rels"))
            if part and part not in package.parts:
                yield f"{name} belongs to no part"
            ids = [str(one.get("Id")) for one in package.tree(name)]
            yield from (f"{name} has {one} twice" for one, n in Counter(ids).items() if n > 1)
            for one in package.relationships(part).values():
                if not one.external and one.target not in package.parts:
                    yield f"{name} leads to {one.target}, which is not there"


def _declared(data: bytes) -> set[str]:
    """The prefixes that the root element declares."""
    match = re.search(rb"<[A-Za-z][^>]*>", data)
    return set(re.findall(r"xmlns:(\w+)=", match[0].decode())) if match else set()


def _order_problems(root: Element, order: tuple[str, ...]) -> Iterator[str]:
    last = -1
    for one in root:
        name = local(one.tag)
        if name not in order:
            continue
        at = order.index(name)
        if at < last or (at == last and name != "conditionalFormatting"):
            yield f"<{name}> is in the wrong place, after <{order[last]}>"
        last = max(at, last)


def _workbook_problems(package: Package) -> Iterator[str]:
    root = package.tree(package.workbook)
    yield from _order_problems(root, WORKBOOK_ORDER)
    sheets = children(child(root, "sheets"), "sheet")
    for name in ("name", "sheetId", "id"):
        values = [str(attribute(one, name)).lower() for one in sheets]
        if len(set(values)) < len(values):
            yield f"two sheets have one {name}: {values}"
    for one in sheets:
        name = str(one.get("name"))
        if len(name) > 31 or re.search(r"[][:*?/\\]", name):
            yield f"{name!r} cannot be a sheet's name"
        if not 1 <= int(one.attrib["sheetId"]) <= 65534:
            yield f"the sheet {name!r} has the number {one.attrib['sheetId']}"
    names: Counter[tuple[str, str | None]] = Counter()
    for one in children(child(root, "definedNames"), "definedName"):
        at = one.get("localSheetId")
        names[str(one.get("name")).lower(), at] += 1
        if at is not None and int(at) >= len(sheets):
            yield f"the name {one.get('name')} belongs to sheet {at} of {len(sheets)}"
    yield from (f"the name {one} is defined twice" for one, n in names.items() if n > 1)
    views = children(child(root, "bookViews"), "workbookView")
    active = int(views[0].get("activeTab", 0)) if views else 0
    if active >= len(sheets):
        yield f"sheet {active} of {len(sheets)} is open"
        return
    if sheets[active].get("state", "visible") != "visible":
        yield "the open sheet is hidden"
    chosen = [
        at
        for at, part in enumerate(package.sheets.values())
        for view in children(child(package.tree(part), "sheetViews"), "sheetView")
        if view.get("tabSelected") in ("1", "true")
    ]
    if len(chosen) > 1 or (chosen and chosen != [active]):
        # Two selected sheets are a group: what is typed into one is typed into both.
        yield f"sheet {active} is open, but {chosen} are selected"


def _style_problems(package: Package) -> Iterator[str]:
    parts = package.related(package.workbook, "styles")
    if not parts:
        return
    root = package.tree(parts[0])
    yield from _order_problems(root, STYLES_ORDER)
    sizes = {}
    for one in root:
        sizes[local(one.tag)] = len(one)
        if one.get("count") is not None and int(one.attrib["count"]) != len(one):
            yield f"<{local(one.tag)}> counts {one.get('count')}, has {len(one)}"
    patterns = [
        (attribute(one[0], "patternType") or "none") if len(one) else None
        for one in children(child(root, "fills"), "fill")[:2]
    ]
    if patterns not in (["none", "gray125"], ["none"]):
        yield f"the first two fills are {patterns}: Excel keeps them for none and gray125"
    known = {one.get("numFmtId") for one in children(child(root, "numFmts"), "numFmt")}
    for xfs in ("cellStyleXfs", "cellXfs"):
        for one in children(child(root, xfs), "xf"):
            for name, whole in (("fontId", "fonts"), ("fillId", "fills"), ("borderId", "borders"),
                                ("xfId", "cellStyleXfs")):  # fmt: skip
                if int(one.get(name, 0)) >= max(sizes.get(whole, 0), 1):
                    yield f"<xf> with {name} {one.get(name)} of {sizes.get(whole, 0)}"
            if int(one.get("numFmtId", 0)) >= 164 and one.get("numFmtId") not in known:
                yield f"<xf> with the unknown number format {one.get('numFmtId')}"


def _sheet_problems(package: Package, part: str) -> Iterator[str]:
    root = package.tree(part)
    yield from _order_problems(root, WORKSHEET_ORDER)
    relationships = package.relationships(part)
    for one in root.iter():
        for key, value in one.items():
            if key.endswith("relationships}id") and value not in relationships:
                yield f"<{local(one.tag)}> leads to {value}, which is no relationship"
    styles = max(len(package.looks), 1)
    last = -1
    for line in children(child(root, "sheetData"), "row"):
        row = int(line.get("r", last + 2)) - 1
        if row <= last:
            yield f"row {row + 1} after row {last + 1}"
        last, column = row, -1
        for cell in children(line, "c"):
            if "r" in cell.attrib:
                cell_row, cell_column = xl_cell_to_rowcol(cell.attrib["r"])
                if cell_row != row or cell_column <= column:
                    yield f"{cell.attrib['r']} is in the wrong place"
                column = cell_column
            if int(cell.get("s", 0)) >= styles:
                yield f"{cell.get('r')} has the style {cell.get('s')} of {styles}"
            value = child(cell, "v")
            if cell.get("t") == "s" and (
                value is None or int(value.text or -1) not in range(len(package.strings))
            ):
                yield f"{cell.get('r')} has a string that is not there"
            if "".join(map(local, (one.tag for one in cell))) not in ("", "f", "v", "fv", "is"):
                yield f"{cell.get('r')} holds {[local(one.tag) for one in cell]}"
    for one in children(child(root, "hyperlinks"), "hyperlink"):
        location = one.get("location")
        is_in_another_file = any(local(key) == "id" for key in one.attrib)
        if location and not is_in_another_file and place(location)[0] not in package.sheets:
            yield f"a link leads to {location}"
    yield from _note_problems(package, part)


def _note_problems(package: Package, part: str) -> Iterator[str]:
    parts = package.related(part, "comments")
    if len(parts) > 1:
        yield "two parts of notes"
    shapes = Counter(
        tuple(int(re.search(rf"<\w+:{name}>\s*(\d+)", data)[1]) for name in ("Row", "Column"))
        for data in re.findall(
            r'ObjectType=[\'"]Note[\'"][^>]*>(.*?)</\w+:ClientData>', package.vml(part), re.DOTALL
        )
    )
    notes: Counter[tuple[int, int]] = Counter()
    for comments in parts:
        root = package.tree(comments)
        yield from _order_problems(root, ("authors", "commentList", "extLst"))
        authors = len(child(root, "authors") or ())
        for one in child(root, "commentList") or ():
            notes[xl_cell_to_rowcol(one.attrib["ref"])] += 1
            if int(one.attrib["authorId"]) >= authors:
                yield f"the note of {one.attrib['ref']} has no author"
            for text in one.iter():
                said = text.text or ""
                space = text.get("{http://www.w3.org/XML/1998/namespace}space")
                if local(text.tag) == "t" and said != said.strip() and space != "preserve":
                    yield f"the note of {one.attrib['ref']} loses spaces at its ends"
    if notes != shapes:
        yield f"notes of {sorted(notes)}, shapes of {sorted(shapes)}"
    if max(notes.values(), default=0) > 1:
        yield "two notes on one cell"
    ids = re.findall(r'<v:shape\s[^>]*?id=[\'"]([^\'"]+)', package.vml(part))
    yield from (f"two shapes are called {one}" for one, n in Counter(ids).items() if n > 1)


def differing_children(
    before: Element, after: Element, ignored: Mapping[str, str] | tuple[str, ...] = ()
) -> list[str]:
    """The names of the children, but the ignored ones, that two elements do not have alike."""
    found = []
    for name in dict.fromkeys(local(one.tag) for one in (*before, *after)):
        if name in ignored:
            continue
        left, right = children(before, name), children(after, name)
        if list(map(canonical, left)) != list(map(canonical, right)):
            found.append(name)
    return found
