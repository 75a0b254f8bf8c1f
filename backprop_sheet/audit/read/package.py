"""Find and open the parts of an untrusted package (a zip file, ISO/IEC 29500-2)."""

from __future__ import annotations

import io
import posixpath
import zipfile
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote

from backprop_sheet.audit.read.file_kind import kind_of_ole, kind_of_other, kind_of_zip
from backprop_sheet.audit.read.limits import (
    MAX_FILE_BYTES,
    MAX_PART_BYTES,
    MAX_PARTS,
    MAX_SMALL_PART_BYTES,
    MAX_UNPACKED_BYTES,
    UnreadableWorkbookError,
    brief,
)
from backprop_sheet.audit.read.xml_stream import RELATIONSHIP, XmlStream
from gradsheet.files import reason_of
from gradsheet.input_files import problem_with_file


class Relationship(NamedTuple):
    """A relationship of a part: its type without the namespace, and the part that it targets."""

    kind: str
    target: str


class Package:
    """A package that is open for reading. All sizes are checked before memory is needed for them.

    Part names are equal regardless of case, of percent-encoding, and of the kind of slash.
    """

    def __init__(self, content: bytes) -> None:
        """Open a package.

        Raises:
            UnreadableWorkbookError: the content is no zip file, damaged, encrypted or too large.
        """
        self._archive = _open(content)
        members = self._archive.infolist()
        _check(members)
        self._parts = {part_key(member.filename): member for member in members}

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def key(self, name: str) -> str:
        """Return what is equal for all spellings of a part's name."""
        return part_key(name)

    def has(self, name: str) -> bool:
        """Whether the package has a part of this name."""
        return part_key(name) in self._parts

    def open(self, name: str) -> IO[bytes]:
        """Open a part.

        Raises:
            KeyError: there is no such part.
        """
        return self._archive.open(self._parts[part_key(name)])

    def open_small(self, name: str) -> IO[bytes]:
        """Open a part that has only lists.

        Raises:
            UnreadableWorkbookError: it is too large.
            KeyError: there is no such part.
        """
        if self._parts[part_key(name)].file_size > MAX_SMALL_PART_BYTES:
            raise UnreadableWorkbookError("has a part that is too large to check")
        return self.open(name)

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Return a part's relationships to other parts, by id; ``""`` is the package itself."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, Relationship] = {}
        if not self.has(rels):
            return found

        def start(element: str, attributes: dict[str, str]) -> None:
            if element == RELATIONSHIP and attributes.get("TargetMode") != "External":
                kind = attributes.get("Type", "").rpartition("/")[2]
                target = attributes.get("Target", "").replace("\\", "/")
                where = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                found.setdefault(attributes.get("Id", ""), Relationship(kind, where))

        with self.open_small(rels) as stream:
            XmlStream().parse(stream, start, lambda _: None)
        return found

    def workbook(self) -> str:
        """Return the name of the workbook part.

        Raises:
            UnreadableWorkbookError: the package is something else, which the message names.
        """
        for relationship in self.relationships("").values():
            if relationship.kind == "officeDocument" and self.has(relationship.target):
                if relationship.target.lower().endswith(".bin"):
                    raise UnreadableWorkbookError(
                        "is a binary workbook (.xlsb): save it as .xlsx in Excel or LibreOffice"
                    )
                return relationship.target
        raise UnreadableWorkbookError(kind_of_zip(self._parts))


def part_key(name: str) -> str:
    """Return what is equal for all spellings of a part's name."""
    return unquote(name.replace("\\", "/")).lstrip("/").lower()


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        UnreadableWorkbookError: it is not a regular file, cannot be read or is too large.
    """
    try:
        problem = problem_with_file(path)
        if problem is not None and problem.startswith("is "):  # reading a pipe may never end
            raise UnreadableWorkbookError(problem)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableWorkbookError(f"is larger than {MAX_FILE_BYTES // 2**20} MB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UnreadableWorkbookError(f"cannot be read: {reason_of(error)}") from error


def _open(content: bytes) -> zipfile.ZipFile:
    if not content:
        raise UnreadableWorkbookError("is empty")
    if reason := kind_of_ole(content):
        raise UnreadableWorkbookError(reason)
    stream = io.BytesIO(content)
    if not zipfile.is_zipfile(stream):
        raise UnreadableWorkbookError(kind_of_other(content))
    try:
        return zipfile.ZipFile(stream)
    except Exception as error:  # zlib, struct, NotImplementedError for odd versions, …
        raise UnreadableWorkbookError(
            f"is a damaged or truncated zip file ({brief(error)})"
        ) from error


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an encrypted package, and one that is too large when unpacked."""
    if len(members) > MAX_PARTS:
        raise UnreadableWorkbookError(f"has more than {MAX_PARTS:,} parts")
    if any(member.flag_bits & 1 for member in members):
        raise UnreadableWorkbookError("is encrypted: remove the password")
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise UnreadableWorkbookError(f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB")
    if any(member.file_size > MAX_PART_BYTES for member in members):
        raise UnreadableWorkbookError("has a part that is too large to check")
