"""Parse the XML of an untrusted part as a stream of events, without building a tree.

Expat loads nothing from outside. Document types, and with them entities, are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any
from xml.parsers import expat

from backprop_sheet.audit.read.limits import MAX_TAGS, UnreadableWorkbookError

# Transitional and strict Office Open XML (ISO/IEC 29500) differ in their namespaces only.
_MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_RELATIONSHIP_IDS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships id",
    "http://purl.oclc.org/ooxml/officeDocument/relationships id",
)
RELATIONSHIP = "http://schemas.openxmlformats.org/package/2006/relationships Relationship"
_BLOCK = 2**16
_LONGEST_TEXT = 16  # blocks of text that are kept of one element

Attributes = Mapping[str, str]


class XmlStream:
    """A parser of one part.

    Attributes:
        text: the pieces of text since it was last cleared. Handlers clear it when an element
            starts whose text they want.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self.text.append
        self._parser.StartDoctypeDeclHandler = _refuse_document_type

    def parse(
        self,
        part: IO[bytes],
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
    ) -> None:
        """Parse a part. Names are those of :func:`main_names`, or ``namespace name``.

        Raises:
            UnreadableWorkbookError: the part has a document type.
            expat.ExpatError: the part is not well-formed.
        """
        for _ in self.blocks(part, start, end):
            pass

    def blocks(
        self,
        part: IO[bytes],
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
    ) -> Iterator[None]:
        """Do as :meth:`parse`, and pause after each block."""
        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        text, tags = self.text, 0
        while block := part.read(_BLOCK):
            tags += block.count(b"<")
            if tags > MAX_TAGS:
                raise UnreadableWorkbookError("is too large to check")
            self._parser.Parse(block, False)
            if len(text) > _LONGEST_TEXT:  # longer than any text of a cell
                del text[_LONGEST_TEXT:]
            yield
        self._parser.Parse(b"", True)


def _refuse_document_type(*_: Any) -> None:
    raise UnreadableWorkbookError(
        "contains a document type or entities, which are not allowed in a workbook"
    )


def main_names(*names: str) -> dict[str, str]:
    """Map the full names of elements of SpreadsheetML, of both namespaces, to the short ones."""
    return {f"{namespace} {name}": name for namespace in _MAIN for name in names}


def relationship_id(attributes: Attributes) -> str:
    """Return the attribute ``r:id``, or ``""``."""
    return next((attributes[name] for name in _RELATIONSHIP_IDS if name in attributes), "")
