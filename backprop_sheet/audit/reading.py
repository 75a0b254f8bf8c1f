"""Read the cells of an untrusted workbook. All sizes are checked before memory is needed for them.

openpyxl reads the workbook in its read-only mode and with defusedxml, once for the formulas and
once for their stored values.
"""

from __future__ import annotations

import datetime
import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from backprop_sheet.audit.strict_ooxml import to_transitional
from common.errors import GradsheetError

Cell = tuple[int, int]  # row and column, from 1

# For comparison: this project's workbook of six learning rates and 20,000 iterations has 30 MB,
# unpacked 340 MB, and 620,000 cells per sheet.
MAX_FILE_BYTES = 100 * 2**20
MAX_UNPACKED_BYTES = 800 * 2**20
MAX_PART_BYTES = 150 * 2**20
MAX_TAGS = 12_000_000  # per part, as openpyxl keeps about 100 bytes per row and string
MAX_CELLS = 1_200_000  # per sheet
MAX_POSITIONS = 40_000_000  # per sheet, including empty cells to the left of a cell
MAX_ROWS = 1_048_576
MAX_SHEETS = 500

_NUMBER_AS_TEXT = re.compile(r"\s*[-+]?\d{0,30}[.,]?\d{1,30}([eE][-+]?\d{1,3})?\s*")
# Office files have no document type declaration, without which there are no harmful entities.
_DOCTYPES = tuple("<!DOCTYPE".encode(coding) for coding in ("ascii", "utf-16-le", "utf-16-be"))
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old .xls, and the container of an encrypted .xlsx
_PLAIN_TITLE = re.compile(r"[^\W\d][\w.]*")
_LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}\d+|[Rr]\d*([Cc]\d*)?|[Cc]\d*")


class UnreadableWorkbookError(GradsheetError):
    """The workbook cannot be audited. The message says why, without the name of the file."""


class Address(NamedTuple):
    """A cell of a workbook. Rows and columns count from 1."""

    sheet: str
    row: int
    column: int

    @property
    def local(self) -> str:
        """The address without the sheet: ``B5``."""
        return f"{get_column_letter(self.column)}{self.row}"

    def text(self, home_sheet: str) -> str:
        """Return the address as in a formula of ``home_sheet``: ``B5`` or ``'Iter 2'!B5``."""
        if self.sheet == home_sheet:
            return self.local
        title = self.sheet
        if not _PLAIN_TITLE.fullmatch(title) or _LIKE_A_CELL.fullmatch(title):
            title = "'" + title.replace("'", "''") + "'"
        return f"{title}!{self.local}"


@dataclass
class Sheet:
    """One sheet: the stored values and the formulas of its cells, by (row, column).

    ``defined_names`` are those of the whole workbook, with the names in lower case.
    """

    title: str
    values: dict[Cell, Any] = field(default_factory=dict)
    formulas: dict[Cell, str] = field(default_factory=dict)
    defined_names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[tuple[Cell, str]]:
        """The cells with a text, in reading order."""
        texts = [(cell, value) for cell, value in self.values.items() if isinstance(value, str)]
        texts.sort(key=itemgetter(0))
        return texts


def number(value: Any) -> float | None:
    """Return a cell's number, also one stored as text (``"0,05"``); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER_AS_TEXT.fullmatch(value):
            return None
        value = value.replace(",", ".")
    if isinstance(value, (int, float, str)):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return None


def read_sheets(path: Path) -> Iterator[Sheet]:
    """Yield the workbook's sheets one at a time, without keeping them in memory.

    Raises:
        UnreadableWorkbookError: the file is not a workbook, encrypted, an old .xls, damaged, or
            too large.
    """
    content = _content(path)
    _check_archive(content)
    try:
        content = to_transitional(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about extensions that it cannot save
            options = {"read_only": True, "keep_links": False}
            formulas = load_workbook(io.BytesIO(content), data_only=False, **options)
            values = load_workbook(io.BytesIO(content), data_only=True, **options)
            defined = {
                name.casefold(): str(definition.value)
                for name, definition in formulas.defined_names.items()
            }
            if len(values.worksheets) > MAX_SHEETS:
                raise UnreadableWorkbookError(f"has more than {MAX_SHEETS} sheets")
            for written, shown in zip(formulas.worksheets, values.worksheets, strict=True):
                yield _read_sheet(written, shown, defined)
    except UnreadableWorkbookError:
        raise
    except MemoryError as error:
        raise UnreadableWorkbookError("is too large to check") from error
    # For damaged parts, openpyxl raises many kinds of exceptions.
    except Exception as error:
        raise UnreadableWorkbookError(
            f"is damaged or not an Excel workbook ({_brief(error)}): "
            "open and save it once in Excel or LibreOffice"
        ) from error


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # reading a device or a pipe may never end
            raise UnreadableWorkbookError("is not a file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableWorkbookError(f"is larger than {MAX_FILE_BYTES // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableWorkbookError(f"cannot be read: {error.strerror or error}") from error


def _check_archive(content: bytes) -> None:
    """Refuse a file that is not an intact zip file, or that is too large when unpacked."""
    if not content:
        raise UnreadableWorkbookError("is empty")
    if content.startswith(_OLE):
        raise UnreadableWorkbookError(
            "is encrypted, or an old .xls: remove the password, or save it as .xlsx"
        )
    if not zipfile.is_zipfile(io.BytesIO(content)):
        kind = "a truncated workbook" if content.startswith(b"PK") else "not an Excel workbook"
        raise UnreadableWorkbookError(f"is {kind} (.xlsx)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if not any(member.filename.lower().endswith("workbook.xml") for member in members):
                raise UnreadableWorkbookError("is a zip file, but not an Excel workbook (.xlsx)")
            if any(member.flag_bits & 1 for member in members):
                raise UnreadableWorkbookError("is encrypted: remove the password")
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise UnreadableWorkbookError(
                    f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB"
                )
            if any(member.file_size > MAX_PART_BYTES for member in members):
                raise UnreadableWorkbookError("has a part that is too large to check")
            for member in members:
                _check_part(archive, member)
    except UnreadableWorkbookError:
        raise
    except Exception as error:  # zlib, struct, NotImplementedError for odd compressions, …
        raise UnreadableWorkbookError(
            f"is a damaged or truncated zip file ({_brief(error)})"
        ) from error


def _check_part(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    tags, end = 0, b""
    with archive.open(member) as part:  # zipfile stops at file_size and checks the CRC
        while block := part.read(2**20):
            tags += block.count(b"<")
            if tags > MAX_TAGS:
                raise UnreadableWorkbookError("has a part that is too large to check")
            if any(doctype in end + block for doctype in _DOCTYPES):
                raise UnreadableWorkbookError(
                    "contains a document type or entities, which are not allowed in a workbook"
                )
            end = block[-20:]


def _read_sheet(written: Any, shown: Any, defined: dict[str, str]) -> Sheet:
    sheet = Sheet(written.title, defined_names=defined)
    for worksheet in (written, shown):
        worksheet.reset_dimensions()  # with a wrong <dimension>, rows would have a wrong length
    positions = 0
    rows = zip(written.iter_rows(values_only=True), shown.iter_rows(values_only=True), strict=True)
    for row, (formulas, values) in enumerate(rows, start=1):
        positions += len(values)
        if row > MAX_ROWS or positions > MAX_POSITIONS or len(sheet.values) > MAX_CELLS:
            raise UnreadableWorkbookError(f"has a sheet that is too large to check: {sheet.title}")
        for column, (formula, value) in enumerate(zip(formulas, values, strict=True), start=1):
            if formula is None and value is None:
                continue
            formula = getattr(formula, "text", formula)  # an array formula has the attribute text
            if isinstance(formula, str) and formula.startswith("=") and formula != value:
                sheet.formulas[row, column] = formula
            if value is not None:
                sheet.values[row, column] = _plain(value)
    return sheet


def _plain(value: Any) -> Any:
    """Convert dates and times to numbers: a number with a date format is read as a date."""
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return float(to_excel(value))
    return value


def _brief(error: Exception) -> str:
    words = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return words if len(words) <= 60 else words[:59] + "…"
