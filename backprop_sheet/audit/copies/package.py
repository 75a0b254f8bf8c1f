"""Edit single parts of an Office Open XML package.

Loading and saving with openpyxl would lose stored values and some drawings. Here, the bytes of all
other parts stay the same.

Programs that write workbooks take liberties: part names that differ in case, backslashes, parts
that are named but missing. Part names are compared as the Open Packaging Conventions ask for
(ECMA-376 part 2, 6.2.2.3), and the copy has every reference spelled like the part, since openpyxl
and LibreOffice compare them exactly.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from backprop_sheet.audit.read.open_document import CONTENT as OPEN_DOCUMENT_PART
from backprop_sheet.audit.read.package import part_key
from gradsheet.errors import GradsheetError

MAX_PART_BYTES = 100 * 2**20  # the largest part that can be edited

TYPES_PART = "[Content_Types].xml"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_TRANSITIONAL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SPREADSHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"


class AnnotationError(GradsheetError):
    """A workbook cannot be annotated. The message says why, without the name of the file."""


def parse_xml(data: bytes, *, recover: bool = False) -> etree._Element | None:
    """Parse untrusted XML: no document types, entities or files.

    Args:
        recover: read what can be read of XML that is not well-formed.

    Returns:
        The root; None if nothing could be recovered.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_pis=False,
        recover=recover,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        if not recover:
            raise
        return None


def to_bytes(root: etree._Element) -> bytes:
    """Serialize a part as Office writes it."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def xml_text(text: str) -> str:
    """Replace control characters, and other characters that XML 1.0 does not allow."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def whole_number(text: str | None, default: int) -> int:
    """Return the number of an attribute; the default for anything but a whole number >= 0."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def xml_name(namespace: str, name: str) -> str:
    """Return the name of an element or attribute in a namespace, as lxml writes it."""
    return f"{{{namespace}}}{name}"


def elements(parent: etree._Element) -> list[etree._Element]:
    """Return the children without comments and processing instructions."""
    return [child for child in parent if isinstance(child.tag, str)]


def splice_alternatives(listed: etree._Element) -> None:
    """Replace alternative contents (ECMA-376 part 3) by what every program understands."""
    for alternative in listed.findall("{*}AlternateContent"):
        fallback = alternative.find("{*}Fallback")
        for child in () if fallback is None else elements(fallback):
            alternative.addprevious(child)
        listed.remove(alternative)


def _rels_name(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


class Package:
    """A package that is open for editing.

    Attributes:
        workbook: the name of the workbook part.
        main: the namespace of SpreadsheetML in this package, transitional or strict.
        relationship_types: the prefix of its relationship types, which is also the namespace of
            ``r:id``.
    """

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self._changed: dict[str, bytes] = {}
        self._trees: dict[str, etree._Element] = {}
        self._names: dict[str, str] = {}
        for info in self._archive.infolist():
            name = info.filename.replace("\\", "/")
            name = TYPES_PART if part_key(name) == part_key(TYPES_PART) else name.lstrip("/")
            self._infos[name] = info
            self._names[part_key(name)] = name
        self._spell_relationships_parts()
        if not self.has(TYPES_PART):
            if self.has(OPEN_DOCUMENT_PART):
                raise AnnotationError(
                    "it is an OpenDocument file (.ods): save it as .xlsx in LibreOffice for one"
                )
            raise AnnotationError(f"has no {TYPES_PART}")
        self.workbook = self._find_workbook()
        workbook = parse_xml(self.read(self.workbook))
        assert workbook is not None
        self.main = etree.QName(workbook).namespace or ""
        self.relationship_types = _STRICT if "purl.oclc.org" in self.main else _TRANSITIONAL

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def _spell_relationships_parts(self) -> None:
        """Name each part of relationships exactly after its part."""
        for name in [name for name in self._infos if name.lower().endswith(".rels")]:
            folder, _, file = name.rpartition("/")
            owner = posixpath.join(posixpath.dirname(folder), file[: -len(".rels")])
            right = _rels_name(self._names.get(part_key(owner), owner))
            if right != name and part_key(right) == part_key(name) and right not in self._infos:
                self._infos = {right if old == name else old: i for old, i in self._infos.items()}
                self._names[part_key(right)] = right

    def _find_workbook(self) -> str:
        for _, kind, target in self.relationships(""):
            if kind.endswith("/officeDocument") and self.has(target):
                return self.name(target)
        raise AnnotationError("has no workbook part")

    # --- parts ---

    def name(self, name: str) -> str:
        """Return a part's name as the package spells it."""
        return name if name in self._infos else self._names.get(part_key(name), name)

    def has(self, name: str) -> bool:
        """Whether the package has a part of this name."""
        name = self.name(name)
        return name in self._infos or name in self._changed

    def read(self, name: str) -> bytes:
        """Return the bytes of a part, with the changes so far.

        Raises:
            AnnotationError: there is no such part, or it is too large.
        """
        name = self.name(name)
        if name in self._changed:
            return self._changed[name]
        if name not in self._infos:
            raise AnnotationError(f"has no part {name}")
        if self._infos[name].file_size > MAX_PART_BYTES:
            raise AnnotationError("has a sheet too large to annotate")
        return self._archive.read(self._infos[name])

    def write(self, name: str, data: bytes, content_type: str = "") -> None:
        """Replace a part, or add one of a content type."""
        name = self.name(name)
        if content_type:
            self._declare_part(name, content_type)
        self._names[part_key(name)] = name
        self._trees.pop(name, None)
        self._changed[name] = data

    def remove(self, name: str) -> None:
        """Remove a part and its relationships."""
        for part in (self.name(name), self.name(_rels_name(self.name(name)))):
            self._names.pop(part_key(part), None)
            for parts in (self._infos, self._changed, self._trees):
                parts.pop(part, None)
        for override in self._overrides(name):
            self.tree(TYPES_PART).remove(override)

    def tree(self, name: str, *, recover: bool = False) -> etree._Element:
        """Return a part as a tree; changes to it are saved.

        Comments and processing instructions are left out: some programs take them for elements.

        Args:
            recover: read what can be read; a part that is not XML is an empty ``damaged`` element.
        """
        name = self.name(name)
        if name not in self._trees:
            root = self.peek(name, recover=recover)
            etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
            self._trees[name] = root
        return self._trees[name]

    def peek(self, name: str, *, recover: bool = False) -> etree._Element:
        """Return a part as a tree that is not saved."""
        name = self.name(name)
        if name in self._trees:
            return self._trees[name]
        root = parse_xml(self.read(name), recover=recover)
        return etree.Element("damaged") if root is None else root

    def repaired(self, name: str) -> tuple[etree._Element, bool]:
        """Return a part as :meth:`peek` does, and whether it is not well-formed."""
        try:
            return self.peek(name), False
        except (etree.XMLSyntaxError, ValueError):
            return self.peek(name, recover=True), True

    def keep(self, name: str, root: etree._Element) -> None:
        """Save a tree that :meth:`peek` returned."""
        self._trees[self.name(name)] = root

    def parts(self) -> list[str]:
        """Return the names of all parts."""
        return list(dict.fromkeys((*self._infos, *self._changed)))

    def _types(self) -> etree._Element:
        types = self.tree(TYPES_PART, recover=True)
        if types.tag != xml_name(_CONTENT_TYPES, "Types"):
            raise AnnotationError(f"has a damaged {TYPES_PART}")
        return types

    def _overrides(self, name: str) -> list[etree._Element]:
        overrides = self._types().findall(xml_name(_CONTENT_TYPES, "Override"))
        return [one for one in overrides if part_key(one.get("PartName", "")) == part_key(name)]

    def _declare_part(self, name: str, content_type: str) -> None:
        for override in self._overrides(name):
            self._types().remove(override)
        override = etree.SubElement(self._types(), xml_name(_CONTENT_TYPES, "Override"))
        override.set("PartName", f"/{name}")
        override.set("ContentType", content_type)

    def declare_extension(self, extension: str, content_type: str) -> None:
        """Give all parts with an extension a content type, unless they have one."""
        types = self._types()
        for default in types.iter(xml_name(_CONTENT_TYPES, "Default")):
            if default.get("Extension", "").lower() == extension:
                return
        default = etree.Element(xml_name(_CONTENT_TYPES, "Default"))
        default.set("Extension", extension)
        default.set("ContentType", content_type)
        types.insert(0, default)

    def unused_name(self, pattern: str) -> str:
        """Return ``pattern`` with the first number for which there is no part yet."""
        number = 1
        while self.has(pattern.format(number)):
            number += 1
        return pattern.format(number)

    # --- relationships ---

    def _targets(self, root: etree._Element, folder: str) -> Iterator[tuple[etree._Element, str]]:
        """Yield relationships with their targets, which are part names if internal."""
        for relationship in root.findall(xml_name(_RELATIONSHIPS, "Relationship")):
            target = relationship.get("Target", "")
            if relationship.get("TargetMode") != "External":
                path = target.replace("\\", "/")
                joined = path if path.startswith("/") else posixpath.join(folder, path)
                target = self.name(posixpath.normpath(joined).lstrip("/"))
            yield relationship, target

    def relationships(self, part: str) -> list[tuple[str, str, str]]:
        """Return id, type and target of a part's relationships; targets are part names."""
        name = _rels_name(part)
        if not self.has(name):
            return []
        root = self.peek(name, recover=True)
        return [
            (relationship.get("Id", ""), relationship.get("Type", ""), target)
            for relationship, target in self._targets(root, posixpath.dirname(part))
        ]

    def related(self, part: str, kind: str) -> tuple[str, str] | None:
        """Return the id and the target of the first relationship of a kind (``comments``)."""
        for identifier, full_type, target in self.relationships(part):
            if full_type.rsplit("/", 1)[-1] == kind and self.has(target):
                return identifier, target
        return None

    def relate(self, part: str, kind: str, target: str, *, is_single: bool = False) -> str:
        """Add a relationship and return its id.

        Args:
            kind: the last word of the relationship's type, or the whole type.
            is_single: use one of the same kind, if a part has only one.
        """
        name = _rels_name(part)
        for identifier, full_type, _ in self.relationships(part) if is_single else ():
            if full_type.rsplit("/", 1)[-1] == kind.rsplit("/", 1)[-1]:
                self.redirect(part, identifier, target)
                return identifier
        tag = xml_name(_RELATIONSHIPS, "Relationships")
        if not self.has(name) or self.peek(name, recover=True).tag != tag:
            root = etree.Element(tag, nsmap={None: _RELATIONSHIPS})
            self.write(name, to_bytes(root))
        used = {identifier for identifier, _, _ in self.relationships(part)}
        number = 1
        while f"rIdGradsheet{number}" in used:
            number += 1
        one = etree.SubElement(
            self.tree(name, recover=True), xml_name(_RELATIONSHIPS, "Relationship")
        )
        one.set("Id", f"rIdGradsheet{number}")
        one.set("Type", kind if "/" in kind else f"{self.relationship_types}/{kind}")
        one.set("Target", f"/{target}")
        return f"rIdGradsheet{number}"

    def redirect(self, part: str, identifier: str, target: str) -> None:
        """Let a relationship lead to another part."""
        for relationship in self.tree(_rels_name(part), recover=True).iter("{*}Relationship"):
            if relationship.get("Id") == identifier:
                relationship.set("Target", f"/{target}")

    def spell_references(self) -> None:
        """Spell the names in relationships and content types like the parts themselves.

        Relationships to missing parts are removed, unless their ids are used.
        """
        for declared in list(self._types()):
            if not declared.get("ContentType") or len(declared.attrib) < 2:
                self._types().remove(declared)
        self._declare_main_parts()
        for override in self._types().findall(xml_name(_CONTENT_TYPES, "Override")):
            part_name = override.get("PartName", "")
            if not self.has(part_name):
                self._types().remove(override)
            elif part_name.lstrip("/") != self.name(part_name):
                override.set("PartName", f"/{self.name(part_name)}")
        for part in ("", *(part for part in self.parts() if not part.endswith((".rels", "/")))):
            self._spell_targets(part)

    def _is_edited(self, part: str) -> bool:
        """Whether a part's relationships are edited; those of drawings and the like are not."""
        return part in ("", self.workbook) or any(
            part == target for _, _, target in self.relationships(self.workbook)
        )

    def _declare_main_parts(self) -> None:
        """Give the parts without which no workbook opens their content types, if they have none."""
        main = "sheet.main" if not self.has("xl/vbaProject.bin") else ""
        kinds = [(self.workbook, main)] if main else []
        for _, full_type, target in self.relationships(self.workbook):
            kind = full_type.rsplit("/", 1)[-1]
            if kind in ("worksheet", "sharedStrings", "styles") and self.has(target):
                kinds.append((target, kind))
        specific = {
            default.get("Extension", "").lower()
            for default in self._types().iter(xml_name(_CONTENT_TYPES, "Default"))
            if default.get("ContentType") != "application/xml"
        }
        for part, kind in kinds:
            if not self._overrides(part) and part.rpartition(".")[2].lower() not in specific:
                self._declare_part(part, f"{_SPREADSHEET_TYPE}.{kind}+xml")

    def _spell_targets(self, part: str) -> None:
        name = _rels_name(part)
        folder = posixpath.dirname(part)
        if not self.has(name):
            return
        is_edited = self._is_edited(part)
        root, is_damaged = self.repaired(name)
        if is_damaged and not is_edited:
            return
        changed = is_damaged
        if root.tag != xml_name(_RELATIONSHIPS, "Relationships"):
            if is_edited:
                self.remove(name)
            return
        strays = [child for child in root if child.tag != xml_name(_RELATIONSHIPS, "Relationship")]
        for stray in strays if is_edited else ():
            root.remove(stray)
            changed = True
        for relationship, target in list(self._targets(root, folder)):
            if relationship.get("TargetMode") == "External":
                continue
            written = relationship.get("Target", "")
            if is_edited and not (relationship.get("Id") and relationship.get("Type")):
                root.remove(relationship)
                changed = True
                continue
            joined = written if written.startswith("/") else posixpath.join(folder, written)
            if not self.has(target):
                if not is_edited or self._mentions(part, relationship.get("Id", "")):
                    continue
                root.remove(relationship)
            elif posixpath.normpath(joined).lstrip("/") != target:
                relationship.set("Target", f"/{target}")
            else:
                continue
            changed = True
        if changed:
            self.keep(name, root)

    def _mentions(self, part: str, identifier: str) -> bool:
        if not part or not self.has(part):
            return False
        data = to_bytes(self._trees[part]) if part in self._trees else self.read(part)
        return any(f"{quote}{identifier}{quote}".encode() in data for quote in "\"'")

    # --- saving ---

    def save(self, path: Path) -> None:
        """Write the package: the parts in their order, then the new ones."""
        for name, tree in self._trees.items():
            self._changed[name] = to_bytes(tree)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, info in self._infos.items():
                data = self._changed.pop(name, None)
                copy = zipfile.ZipInfo(name, info.date_time)
                copy.external_attr = info.external_attr
                copy.compress_type = (
                    info.compress_type
                    if info.compress_type == zipfile.ZIP_STORED
                    else zipfile.ZIP_DEFLATED
                )
                archive.writestr(copy, self._archive.read(info) if data is None else data, None, 6)
            for name, data in self._changed.items():
                archive.writestr(name, data)
