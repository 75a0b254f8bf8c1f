"""Marks that tell which workbooks this project has written, and carry a text."""

from __future__ import annotations

import base64
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:  # reading a mark does not need XlsxWriter
    from xlsxwriter.workbook import Workbook

# Excel and LibreOffice keep custom properties when they save a workbook.
_PROPERTY = "gradsheet"
_PART, _MAX_PART_BYTES = "docProps/custom.xml", 400_000
# The same in an OpenDocument file, as LibreOffice saves a workbook.
_OPEN_DOCUMENT_PART = "meta.xml"
_USER_DEFINED = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}user-defined"
_USER_DEFINED_NAME = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}name"
# Programs that drop custom properties keep defined names. This one stands for a text.
_NAME = "_gradsheet"
_NAMED_KIND = re.compile(
    rb'<(?:\w+:)?definedName\b[^<>]*\bname="_gradsheet"[^<>]*>(?:"|&quot;)(\w+)(?:"|&quot;)<'
)
_WORKBOOK_PART, _MAX_WORKBOOK_BYTES = re.compile(r"/?xl/workbook\d*\.xml", re.I), 2_000_000
# What damaged files raise.
_ERRORS = (
    OSError, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, ParseError, DefusedXmlException,
)  # fmt: skip
EXERCISE = "backprop_sheet"  # the kind of workbook that contains an exercise
# The other kinds, in words.
OUTPUTS = {
    "class_report": "a report",
    "sweep": "a report on many trainings",
    "digits": "a workbook of the digit classifier",
    "model_report": "a report on models",
    "receptive_fields": "a table of receptive fields",
}
# What a worksheet says about itself: its blank groups, and the id of its student.
BLANK_PROPERTY, STUDENT_PROPERTY = "gradsheet blank", "gradsheet student"
# Excel shows at most 255 characters of a property, so a text is carried in several.
_CARRIED, _CARRIED_LENGTH = "gradsheet text", 250


def set_provenance(
    workbook: Workbook,
    kind: str,
    title: str,
    carried: str = "",
    properties: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Record that this project wrote a workbook, and which ``kind`` of workbook it is.

    Args:
        carried: a text that :func:`carried_text` returns. It is compressed.
        properties: further properties of the document, by name, which :func:`property_of` returns.
    """
    workbook.set_custom_property(_PROPERTY, kind)
    for name, value in properties.items():
        workbook.set_custom_property(name, value[:_CARRIED_LENGTH], "text")
    workbook.define_name(_NAME, f'="{kind}"')
    if carried:
        packed = base64.b64encode(zlib.compress(carried.encode("utf-8"))).decode("ascii")
        for number, start in enumerate(range(0, len(packed), _CARRIED_LENGTH), 1):
            part = packed[start : start + _CARRIED_LENGTH]
            workbook.set_custom_property(f"{_CARRIED} {number}", part, "text")
    workbook.set_properties({"title": title, "comments": "Written by gradsheet"})


def has_provenance(path: Path, kind: str) -> bool:
    """Whether a file is a workbook with :func:`set_provenance` of this kind.

    It also is after Excel or LibreOffice has saved it. For any other file, damaged ones included,
    the answer is False.
    """
    return kind_of_workbook(path) == kind


def kind_of_workbook(path: Path) -> str | None:
    """Return the kind with which :func:`set_provenance` marked a workbook; None for other files."""
    return _properties(path).get(_PROPERTY) or _named_kind(path)


def _named_kind(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(filter(_WORKBOOK_PART.fullmatch, archive.namelist()))
            with archive.open(name) as part:
                match = _NAMED_KIND.search(part.read(_MAX_WORKBOOK_BYTES))
    except (*_ERRORS, StopIteration):
        return None
    return match[1].decode("ascii", "replace") if match else None


def carried_text(path: Path, max_bytes: int) -> str | None:
    """Return the text that a workbook carries.

    Returns:
        None if it carries none, if the text is damaged, or if it has more than ``max_bytes``.
    """
    properties = _properties(path)
    parts: list[str] = []
    while part := properties.get(f"{_CARRIED} {len(parts) + 1}"):
        parts.append(part)
    if not parts:
        return None
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(base64.b64decode("".join(parts), validate=True), max_bytes)
        return content.decode("utf-8") if unpacker.eof else None
    except (ValueError, zlib.error):
        return None


def property_of(path: Path, name: str) -> str | None:
    """Return a property of a document; None if it has no such property, or is damaged."""
    return _properties(path).get(name)


def _properties(path: Path) -> dict[str, str]:
    """Return the texts of the custom properties; of a damaged file, none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            name = _PART if _PART in names else _OPEN_DOCUMENT_PART
            with archive.open(name) as part:
                properties = fromstring(part.read(_MAX_PART_BYTES))
    except _ERRORS:
        return {}
    if name == _PART:
        named = [(element.get("name", ""), element) for element in properties]
    else:
        found = properties.iter(_USER_DEFINED)
        named = [(element.get(_USER_DEFINED_NAME, ""), element) for element in found]
    return {name: "".join(element.itertext()).strip() for name, element in named}
