"""The mark by which we know a workbook of ours again."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from xlsxwriter.workbook import Workbook

# Excel and LibreOffice keep a document's own properties when they save it.
_MARK = "gradsheet"
_MEMBER, _MOST_BYTES = "docProps/custom.xml", 100_000


def mark(workbook: Workbook, kind: str, title: str) -> None:
    """Mark a workbook as one of ours, of a ``kind``."""
    workbook.set_custom_property(_MARK, kind)
    workbook.set_properties({"title": title, "comments": "Written by gradsheet"})


def is_marked(path: Path, kind: str) -> bool:
    """Whether the file is a workbook of that kind that :func:`mark` marked, saved again or not.

    Whatever else the file is, or holds, the answer is False.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            properties = fromstring(member.read(_MOST_BYTES))
    except (
        OSError, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError,
        zipfile.BadZipFile, zlib.error, ParseError, DefusedXmlException,
    ):  # fmt: skip
        return False
    return any(
        element.get("name") == _MARK and "".join(element.itertext()).strip() == kind
        for element in properties
    )
