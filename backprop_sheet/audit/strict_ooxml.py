"""Convert strict Office Open XML (ISO/IEC 29500-1) to the transitional variant for openpyxl.

Excel can save files as "Strict Open XML Spreadsheet". Their parts have other namespaces and
relationship types; everything else that this project reads is the same.
"""

from __future__ import annotations

import io
import zipfile

_STRICT = b"http://purl.oclc.org/ooxml/"
_NAMESPACES = (
    (
        b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
    (
        b"http://purl.oclc.org/ooxml/drawingml/main",
        b"http://schemas.openxmlformats.org/drawingml/2006/main",
    ),
)


def to_transitional(content: bytes) -> bytes:
    """Return a package with transitional namespaces; another package is returned as it is.

    Args:
        content: a zip file whose sizes have been checked.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if not any(
            _STRICT in archive.read(name)
            for name in archive.namelist()
            if name.lower() in ("_rels/.rels", "xl/workbook.xml")
        ):
            return content
        result = io.BytesIO()
        with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as copy:
            for info in archive.infolist():
                data = archive.read(info)
                if info.filename.lower().endswith((".xml", ".rels")):
                    for strict, transitional in _NAMESPACES:
                        data = data.replace(strict, transitional)
                copy.writestr(info.filename, data)
        return result.getvalue()
