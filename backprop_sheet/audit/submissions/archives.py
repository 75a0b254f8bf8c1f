"""Unpack the workbooks of untrusted zips into a temporary folder, within limits.

A member's name decides nothing about where it is written: each is a file with a number as its name.
Neither links nor special files are made. A zip that was handed in has limits of its own, so that
one student's does not cost the others theirs.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from backprop_sheet.audit.read.limits import MAX_FILE_BYTES, brief
from gradsheet.errors import GradsheetError
from gradsheet.files import reason_of
from gradsheet.input_files import problem_with_file
from gradsheet.zip_directory import SmallReads

MEGABYTE = 2**20
MAX_ZIP_BYTES = 500 * MEGABYTE  # of a zip within another
MAX_MEMBERS = 50_000  # of a zip
MAX_OWN_MEMBERS = 10_000  # of a zip that was handed in, with all zips in it
MAX_DEPTH = 4  # zips within zips
MAX_FOLDERS = 20  # folders within folders
MAX_NAME = 255  # characters of a name
_BLOCK = 256 * 1024

# What damaged zips raise.
_ERRORS = (
    OSError, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800


class UnreadableZipError(GradsheetError):
    """A zip cannot be unpacked. The message continues a sentence that starts with its name."""


class LimitReachedError(UnreadableZipError):
    """A zip has more than may be unpacked, so that none of it is used."""


@dataclass
class Budget:
    """How much may still be unpacked.

    Attributes:
        limit: the bytes at the start.
        seconds: of real time, for opening and unpacking.
    """

    limit: int
    members: int
    seconds: float

    def __post_init__(self) -> None:
        self.left = self.limit
        self._end = time.monotonic() + self.seconds

    def use(self, size: int) -> None:
        """Take bytes from the budget.

        Raises:
            LimitReachedError: there is no time, or there are no bytes left.
        """
        self.left -= size
        if self.left < 0:
            raise LimitReachedError(f"unpacks to more than {self.limit // MEGABYTE:,} MB")
        if time.monotonic() > self._end:
            raise LimitReachedError(f"takes more than {self.seconds:.0f} seconds to unpack")

    def use_members(self, number: int) -> None:
        """Take members from the budget.

        Raises:
            LimitReachedError: there are not so many left.
        """
        self.members -= number
        if self.members < 0:
            raise LimitReachedError("has too many files")
        self.use(0)


def class_budget() -> Budget:
    """Return the limits of all zips that are given together."""
    return Budget(4096 * MEGABYTE, 200_000, 600.0)


def own_budget() -> Budget:
    """Return the limits of a zip that was handed in, with all zips in it."""
    return Budget(600 * MEGABYTE, MAX_OWN_MEMBERS, 20.0)


@dataclass(frozen=True)
class Member:
    """A file in a zip.

    Attributes:
        parts: the folders and the name, all of them harmless.
        modified: in seconds since 1970, in an unknown time zone.
        problem: why it is not unpacked, or "".
    """

    parts: tuple[str, ...]
    is_folder: bool
    modified: float
    problem: str
    info: zipfile.ZipInfo


class Zip:
    """An untrusted zip that is open for reading."""

    def __init__(self, path: Path, budgets: tuple[Budget, ...]) -> None:
        """Open a zip.

        Args:
            budgets: the limits that it counts for.

        Raises:
            UnreadableZipError: it is no zip, damaged, or too large.
        """
        problem = problem_with_file(path)
        if problem is not None:
            raise UnreadableZipError(problem)
        self._budgets = budgets
        try:
            if path.stat().st_size == 0:
                raise UnreadableZipError("is empty")
            self._file = path.open("rb")
        except OSError as error:
            raise UnreadableZipError(f"cannot be read: {reason_of(error)}") from error
        try:
            self._archive = zipfile.ZipFile(
                SmallReads(self._file, LimitReachedError("has too many files"))
            )
            number = len(self._archive.infolist())
            if number > MAX_MEMBERS:
                raise LimitReachedError(f"has more than {MAX_MEMBERS:,} files")
            for budget in budgets:
                budget.use_members(number)
        except UnreadableZipError:
            self._file.close()
            raise
        except _ERRORS as error:
            self._file.close()
            raise UnreadableZipError(_reason(path, error)) from error

    def __enter__(self) -> Zip:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    @property
    def is_workbook(self) -> bool:
        """Whether it is a workbook that was renamed."""
        names = {info.filename for info in self._archive.infolist()}
        return "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names)

    def members(self) -> Iterator[Member]:
        """Yield the files and folders that the zip has; of the same name only the last one."""
        members: dict[tuple[str, ...], Member] = {}
        for info in self._archive.infolist():
            member = _member_of(info)
            if member.parts:
                members.pop(member.parts, None)
                members[member.parts] = member
        yield from members.values()

    def unpack(self, member: Member, target: Path, limit: int = MAX_FILE_BYTES) -> None:
        """Write a member to a new file.

        Args:
            limit: its largest size in bytes.

        Raises:
            UnreadableZipError: it is too large, damaged, or uses up a budget.
        """
        if member.info.file_size > limit:
            raise UnreadableZipError(f"is larger than {limit // MEGABYTE} MB")
        try:
            with self._archive.open(member.info) as source, target.open("xb") as file:
                self._copy(source, file.write, limit)
        except _ERRORS as error:
            target.unlink(missing_ok=True)
            if shutil.disk_usage(target.parent).free < _BLOCK:
                raise UnreadableZipError(
                    f"needs more space than there is in {target.parent.parent}"
                ) from error
            raise UnreadableZipError(f"is damaged in the zip ({brief(error)})") from error
        except UnreadableZipError:
            target.unlink(missing_ok=True)
            raise

    def _copy(self, source: IO[bytes], write: Callable[[bytes], object], limit: int) -> None:
        size = 0
        while block := source.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise UnreadableZipError(f"is larger than {limit // MEGABYTE} MB")
            for budget in self._budgets:
                budget.use(len(block))
            write(block)


def _member_of(info: zipfile.ZipInfo) -> Member:
    parts, problem = _harmless(_name_of(info))
    mode = info.external_attr >> 16
    if info.flag_bits & _ENCRYPTED:
        problem = problem or "needs a password"
    elif stat.S_ISLNK(mode):
        problem = problem or "is a link, which is not followed"
    try:
        modified = datetime(*info.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        modified = 0.0
    is_folder = info.filename.endswith("/") and not problem
    return Member(parts, is_folder, modified, problem, info)


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return a member's name; macOS writes it in UTF-8 without saying so."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _harmless(name: str) -> tuple[tuple[str, ...], str]:
    """Return the parts of a name that leads nowhere else, and what is wrong with it, or ""."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    problem = ""
    is_elsewhere = name.startswith(("/", "\\")) or ".." in parts or ":" in (parts or [""])[0][:2]
    if is_elsewhere:
        problem = "has a name that leads out of the zip"
        parts = [part for part in parts[-1:] if part != ".."]
    elif len(parts) > MAX_FOLDERS:
        problem = f"is in more than {MAX_FOLDERS} folders within folders"
        parts = [*parts[:MAX_FOLDERS], parts[-1]]
    return tuple(
        part if len(part) <= MAX_NAME else f"{part[:MAX_NAME]}…" for part in parts
    ), problem


def _reason(path: Path, error: BaseException) -> str:
    try:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
    except OSError:
        is_zip = False
    return f"is a damaged or truncated zip ({brief(error)})" if is_zip else "is not a zip file"
