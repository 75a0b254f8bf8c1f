"""Anybody's workbook as plain cells. The file is untrusted: every size is bounded before it counts.

openpyxl reads it, in its streaming mode and with defusedxml, once for the formulas and once for the
values stored beside them.
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
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

Cell = tuple[int, int]  # row and column, from 1

# The largest honest workbook is our own with six rates and 20,000 iterations: 30 MB, 340 MB
# unpacked, 620,000 cells a sheet.
LARGEST_FILE = 100 * 2**20
LARGEST_UNPACKED = 800 * 2**20
LARGEST_PART = 150 * 2**20
MOST_TAGS = 12_000_000  # in one part: openpyxl keeps some 100 bytes for each row and string
MOST_CELLS = 1_200_000  # in one sheet
MOST_POSITIONS = 40_000_000  # in one sheet, the empty ones to the left of a cell counted in
MOST_ROWS = 1_048_576
MOST_SHEETS = 500

_NUMBER_AS_TEXT = re.compile(r"\s*[-+]?\d{0,30}[.,]?\d{1,30}([eE][-+]?\d{1,3})?\s*")
# A document type is forbidden in Office files, and all that entities could do harm with.
_DOCTYPES = tuple("<!DOCTYPE".encode(coding) for coding in ("ascii", "utf-16-le", "utf-16-be"))
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old .xls, and the wrapper of an encrypted .xlsx


class CannotJudgeError(Exception):
    """The file cannot be judged; the message says why and what to do, without its name."""


@dataclass
class Sheet:
    """One sheet: the values as they are shown and the formulas behind them, by (row, column)."""

    title: str
    values: dict[Cell, Any] = field(default_factory=dict)
    formulas: dict[Cell, str] = field(default_factory=dict)
    defined_names: dict[str, str] = field(default_factory=dict)


def address(cell: Cell) -> str:
    """(4, 2) as ``B4``."""
    return f"{get_column_letter(cell[1])}{cell[0]}"


def number(value: Any) -> float | None:
    """A cell's number, also one that is stored as text (``"0,05"``); None for anything else."""
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
    """The workbook's sheets, one at a time.

    Raises:
        CannotJudgeError: not a workbook, encrypted, an old .xls, damaged, too large.
    """
    content = _content(path)
    _check_archive(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about extensions that openpyxl does not keep
            options = {"read_only": True, "keep_links": False}
            formulas = load_workbook(io.BytesIO(content), data_only=False, **options)
            values = load_workbook(io.BytesIO(content), data_only=True, **options)
            defined = {
                name.casefold(): str(definition.value)
                for name, definition in formulas.defined_names.items()
            }
            if len(values.worksheets) > MOST_SHEETS:
                raise CannotJudgeError(f"has more than {MOST_SHEETS} sheets")
            for written, shown in zip(formulas.worksheets, values.worksheets, strict=True):
                yield _read_sheet(written, shown, defined)
    except CannotJudgeError:
        raise
    except MemoryError as error:
        raise CannotJudgeError("is too large to judge") from error
    # openpyxl meets damaged parts with whatever its attribute access or conversion raises.
    except Exception as error:
        raise CannotJudgeError(
            f"is damaged or not an Excel workbook ({_brief(error)}): "
            "open and save it once in Excel or LibreOffice"
        ) from error


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a device or a pipe would never end
            raise CannotJudgeError("is not a file")
        if path.stat().st_size > LARGEST_FILE:
            raise CannotJudgeError(f"is larger than {LARGEST_FILE // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise CannotJudgeError(f"cannot be read: {error.strerror or error}") from error


def _check_archive(content: bytes) -> None:
    """Refuse what is not a sound zip, and what would unpack to too much."""
    if not content:
        raise CannotJudgeError("is empty")
    if content.startswith(_OLE):
        raise CannotJudgeError(
            "is encrypted, or an old .xls: remove the password, or save it as .xlsx"
        )
    if not zipfile.is_zipfile(io.BytesIO(content)):
        kind = "a truncated workbook" if content.startswith(b"PK") else "not an Excel workbook"
        raise CannotJudgeError(f"is {kind} (.xlsx)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if not any(member.filename.lower().endswith("workbook.xml") for member in members):
                raise CannotJudgeError("is a zip file, but not an Excel workbook (.xlsx)")
            if any(member.flag_bits & 1 for member in members):
                raise CannotJudgeError("is encrypted: remove the password")
            if sum(member.file_size for member in members) > LARGEST_UNPACKED:
                raise CannotJudgeError(f"unpacks to more than {LARGEST_UNPACKED // 2**20} MB")
            if any(member.file_size > LARGEST_PART for member in members):
                raise CannotJudgeError("has a part too large to judge")
            for member in members:
                tags, end = 0, b""
                with archive.open(member) as part:  # zipfile stops at file_size, checks the CRC
                    while block := part.read(2**20):
                        tags += block.count(b"<")
                        if tags > MOST_TAGS:
                            raise CannotJudgeError("has a part too large to judge")
                        if any(doctype in end + block for doctype in _DOCTYPES):
                            raise CannotJudgeError(
                                "holds a document type or entities, which no honest workbook does"
                            )
                        end = block[-20:]
    except CannotJudgeError:
        raise
    except Exception as error:  # zlib, struct, NotImplementedError for odd compressions, …
        raise CannotJudgeError(f"is a damaged or truncated zip file ({_brief(error)})") from error


def _read_sheet(written: Any, shown: Any, defined: dict[str, str]) -> Sheet:
    sheet = Sheet(written.title, defined_names=defined)
    for worksheet in (written, shown):
        worksheet.reset_dimensions()  # a wrong <dimension> would cut or pad the rows
    positions = 0
    rows = zip(written.iter_rows(values_only=True), shown.iter_rows(values_only=True), strict=True)
    for row, (formulas, values) in enumerate(rows, start=1):
        positions += len(values)
        if row > MOST_ROWS or positions > MOST_POSITIONS or len(sheet.values) > MOST_CELLS:
            raise CannotJudgeError(f"has a sheet too large to judge: {sheet.title}")
        for column, (formula, value) in enumerate(zip(formulas, values, strict=True), start=1):
            if formula is None and value is None:
                continue
            formula = getattr(formula, "text", formula)  # of an array formula
            if isinstance(formula, str) and formula.startswith("=") and formula != value:
                sheet.formulas[row, column] = formula
            if value is not None:
                sheet.values[row, column] = _plain(value)
    return sheet


def _plain(value: Any) -> Any:
    """Numbers that a date format hides are numbers again."""
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return float(to_excel(value))
    return value


def _brief(error: Exception) -> str:
    words = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return words if len(words) <= 60 else words[:59] + "…"
