"""Say what a file is that is no Excel workbook (.xlsx), and what to do."""

from __future__ import annotations

from collections.abc import Collection

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of an old .xls, and of encrypted files
# Names in the container's directory.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLD = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))
_SAVE = "save it as .xlsx in Excel or LibreOffice"

_BEGINNING = 1000  # bytes of a file that tell whether it is a text
_NO_TEXT = frozenset(range(32)) - set(b"\t\n\f\r")

# What each kind of zip file has: the start of a part's name in lower case.
_ZIP_KINDS = (
    ("index/", "is an Apple Numbers document: export it as .xlsx"),
    ("word/", "is a Word document (.docx), not an Excel workbook (.xlsx)"),
    ("ppt/", "is a PowerPoint presentation (.pptx), not an Excel workbook (.xlsx)"),
    ("xl/workbook.bin", f"is a binary workbook (.xlsb): {_SAVE}"),
    ("xl/", "is damaged: it has no workbook part"),
)
_STARTS = (
    (b"PK", "is a truncated workbook (.xlsx)"),
    (b"%PDF", f"is a PDF, not an Excel workbook: {_SAVE}"),
    (b"<html", f"is a web page (HTML), not an Excel workbook: {_SAVE}"),
    (b"<!doctype html", f"is a web page (HTML), not an Excel workbook: {_SAVE}"),
    (b"<?xml", f"is an XML file, not an Excel workbook: {_SAVE}"),
)


def kind_of_ole(content: bytes) -> str:
    """Return what an OLE file is, in words that continue a sentence; ``""`` for other files."""
    if not content.startswith(_OLE):
        return ""
    if _ENCRYPTED in content:
        return "is encrypted: remove the password"
    if any(name in content for name in _OLD):
        return f"is an old Excel workbook (.xls): {_SAVE}"
    return "is encrypted, or an old .xls: remove the password, or save it as .xlsx"


def kind_of_zip(names: Collection[str]) -> str:
    """Return what a zip file is that has no workbook part.

    Args:
        names: of its members, in lower case.
    """
    for start, kind in _ZIP_KINDS:
        if any(name.startswith(start) for name in names):
            return kind
    return "is a zip file, but not an Excel workbook (.xlsx)"


def kind_of_other(content: bytes) -> str:
    """Return what a file is that is neither an OLE file nor a zip file."""
    beginning = content[:100].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, kind in _STARTS:
        if beginning.startswith(start.lower()):
            return kind
    if not _NO_TEXT & set(content[:_BEGINNING]):
        return f"is a text file such as .csv, not an Excel workbook: {_SAVE}"
    return "is not an Excel workbook (.xlsx)"
