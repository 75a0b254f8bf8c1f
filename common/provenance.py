"""A custom property that tells which workbooks this project has written."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from xlsxwriter.workbook import Workbook

# Excel and LibreOffice keep custom properties when they save a workbook.
_PROPERTY = "gradsheet"
_PART, _MAX_PART_BYTES = "docProps/custom.xml", 100_000


def set_provenance(workbook: Workbook, kind: str, title: str) -> None:
    """Record that this project wrote a workbook, and which ``kind`` of workbook it is."""
    workbook.set_custom_property(_PROPERTY, kind)
    workbook.set_properties({"title": title, "comments": "Written by gradsheet"})


def has_provenance(path: Path, kind: str) -> bool:
    """Whether a file is a workbook with :func:`set_provenance` of this kind.

    It also is after Excel or LibreOffice has saved it. For any other file, damaged ones included,
    the answer is False.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_PART) as part:
            properties = fromstring(part.read(_MAX_PART_BYTES))
    except (
        OSError, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError,
        zipfile.BadZipFile, zlib.error, ParseError, DefusedXmlException,
    ):  # fmt: skip
        return False
    return any(
        element.get("name") == _PROPERTY and "".join(element.itertext()).strip() == kind
        for element in properties
    )
