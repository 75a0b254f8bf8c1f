"""Edit single parts of an Office Open XML package.

Loading and saving with openpyxl would lose stored values and some drawings. Here, the bytes of all
other parts stay the same.
"""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path

from lxml import etree

from common.errors import GradsheetError

MAX_PART_BYTES = 100 * 2**20  # the largest part that can be edited

_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_TRANSITIONAL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"


class AnnotationError(GradsheetError):
    """A workbook cannot be annotated. The message says why, without the name of the file."""


def parse_xml(data: bytes) -> etree._Element:
    """Parse untrusted XML: no document types, entities or files."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=False
    )
    return etree.fromstring(data, parser)


def to_bytes(root: etree._Element) -> bytes:
    """Serialize a part as Office writes it."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def xml_text(text: str) -> str:
    """Replace control characters, and other characters that XML 1.0 does not allow."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


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
        self._infos = {info.filename: info for info in self._archive.infolist()}
        self._changed: dict[str, bytes] = {}
        self._trees: dict[str, etree._Element] = {}
        self.workbook = self._find_workbook()
        self.main = etree.QName(self.tree(self.workbook)).namespace or ""
        is_strict = "purl.oclc.org" in self.main
        self.relationship_types = _STRICT if is_strict else _TRANSITIONAL

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def _find_workbook(self) -> str:
        for _, kind, target in self.relationships(""):
            if kind.endswith("/officeDocument"):
                return target
        raise AnnotationError("has no workbook part")

    # --- parts ---

    def has(self, name: str) -> bool:
        """Whether the package has a part of this name."""
        return name in self._infos or name in self._changed

    def read(self, name: str) -> bytes:
        """Return the bytes of a part, with the changes so far.

        Raises:
            AnnotationError: there is no such part, or it is too large.
        """
        if name in self._changed:
            return self._changed[name]
        if name not in self._infos:
            raise AnnotationError(f"has no part {name}")
        if self._infos[name].file_size > MAX_PART_BYTES:
            raise AnnotationError("has a sheet too large to annotate")
        return self._archive.read(name)

    def write(self, name: str, data: bytes, content_type: str = "") -> None:
        """Replace a part, or add one of a content type."""
        if content_type and not self.has(name):
            types = self.tree("[Content_Types].xml")
            override = etree.SubElement(types, f"{{{_CONTENT_TYPES}}}Override")
            override.set("PartName", f"/{name}")
            override.set("ContentType", content_type)
        self._changed[name] = data

    def tree(self, name: str) -> etree._Element:
        """Return a part as a tree; changes to it are saved."""
        if name not in self._trees:
            self._trees[name] = parse_xml(self.read(name))
        return self._trees[name]

    def peek(self, name: str) -> etree._Element:
        """Return a part as a tree that is not saved."""
        return self._trees[name] if name in self._trees else parse_xml(self.read(name))

    def declare_extension(self, extension: str, content_type: str) -> None:
        """Give all parts with an extension a content type, unless they have one."""
        types = self.tree("[Content_Types].xml")
        for default in types.iter(f"{{{_CONTENT_TYPES}}}Default"):
            if default.get("Extension", "").lower() == extension:
                return
        default = etree.Element(f"{{{_CONTENT_TYPES}}}Default")
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

    @staticmethod
    def _relationships_part(part: str) -> str:
        folder, name = posixpath.split(part)
        return posixpath.join(folder, "_rels", f"{name}.rels")

    def relationships(self, part: str) -> list[tuple[str, str, str]]:
        """Return id, type and target of a part's relationships; targets are part names."""
        name = self._relationships_part(part)
        if not self.has(name):
            return []
        found = []
        folder = posixpath.dirname(part)
        for one in self.peek(name).iter(f"{{{_RELATIONSHIPS}}}Relationship"):
            target = one.get("Target", "")
            if one.get("TargetMode") != "External":
                joined = target if target.startswith("/") else posixpath.join(folder, target)
                target = posixpath.normpath(joined).lstrip("/")
            found.append((one.get("Id", ""), one.get("Type", ""), target))
        return found

    def related(self, part: str, kind: str) -> tuple[str, str] | None:
        """Return the id and the target of the first relationship of a kind (``comments``)."""
        for identifier, full_type, target in self.relationships(part):
            if full_type.rsplit("/", 1)[-1] == kind and self.has(target):
                return identifier, target
        return None

    def relate(self, part: str, kind: str, target: str) -> str:
        """Add a relationship and return its id."""
        name = self._relationships_part(part)
        if not self.has(name):
            root = etree.Element(f"{{{_RELATIONSHIPS}}}Relationships", nsmap={None: _RELATIONSHIPS})
            self._changed[name] = to_bytes(root)
        used = {identifier for identifier, _, _ in self.relationships(part)}
        number = 1
        while f"rIdGradsheet{number}" in used:
            number += 1
        one = etree.SubElement(self.tree(name), f"{{{_RELATIONSHIPS}}}Relationship")
        one.set("Id", f"rIdGradsheet{number}")
        one.set("Type", f"{self.relationship_types}/{kind}")
        one.set("Target", f"/{target}")
        return f"rIdGradsheet{number}"

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
                archive.writestr(copy, self._archive.read(name) if data is None else data, None, 6)
            for name, data in self._changed.items():
                archive.writestr(name, data)
