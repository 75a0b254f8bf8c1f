"""What a workbook and its tables tell about where they come from, collected while they are checked.

Traces are small, and no file loses its result because of them: whatever cannot be read is left out.
"""

from __future__ import annotations

import hashlib
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from defusedxml.ElementTree import fromstring

from backprop_sheet.audit.compare.record_values import Mask
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.results import Finding
from backprop_sheet.audit.similarity.model import FileTrace, Slip, TableTrace
from backprop_sheet.equations.names import GIVEN_KINDS, PARAMETER_KINDS, kind_of
from gradsheet.excel.provenance import BLANK_PROPERTY, EXERCISE, kind_of_workbook, property_of
from gradsheet.input_files import problem_with_file

MIN_NUMBERS = 4  # different given numbers of a table; fewer say nothing
_MAX_HEADERS = 200
_MAX_NAME = 80  # characters of an author
_CORE, _META, _MAX_BYTES = "docProps/core.xml", "meta.xml", 400_000
_AUTHORS, _CREATED = ("creator", "initial-creator"), ("created", "creation-date")
# Excel and other programs give new files these times, whenever they are made.
_TIMES_OF_PROGRAMS = (
    "1996-10-14T23:33:28", "1996-12-17T01:32:42", "2006-09-13T11:21:51", "2006-09-16T00:00:00",
    "2006-09-28T05:33:49", "2013-10-22T00:00:00", "2015-06-05T18:17:20", "2015-06-05T18:19:34",
    "2011-08-01T14:22:18", "1899-12-30T00:00:00", "1970-01-01T00:00:00", "1980-01-01T00:00:00",
)  # fmt: skip
# Programs that write workbooks name themselves where a person's name belongs.
_PROGRAMS = ("openpyxl", "xlsxwriter", "apache poi", "pandas", "sheetjs", "exceljs", "calc", "user")
_DECIMAL = re.compile(r"\d+[.,]\d+(?:e[-+]?\d+)?", re.I)


def file_trace(path: Path) -> FileTrace | None:
    """Return what a file tells besides its tables; None if it cannot be read."""
    if problem_with_file(path) is not None:  # reading a pipe may never end
        return None
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        kind = kind_of_workbook(path)
        if kind == EXERCISE:  # made at one time for a whole class
            is_worksheet = property_of(path, BLANK_PROPERTY) is not None
            return FileTrace(digest, is_ours=True, has_solution=not is_worksheet)
        return FileTrace(digest, *_origin(path))
    except Exception:
        return None


def _origin(path: Path) -> tuple[str, str]:
    """Return the author of a document, and when it was made, to the second; "" if unknown."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = _CORE if _CORE in archive.namelist() else _META
            with archive.open(name) as part:
                properties = fromstring(part.read(_MAX_BYTES))
    except Exception:  # of damaged parts: zlib, zipfile, defusedxml, …
        return "", ""
    found: dict[str, str] = {}
    for element in properties.iter():
        local = str(element.tag).rpartition("}")[2]
        found.setdefault(local, "".join(element.itertext()).strip())
    author = next((found[name] for name in _AUTHORS if found.get(name)), "")[:_MAX_NAME]
    created = next((found[name] for name in _CREATED if found.get(name)), "")[:19]
    if author.casefold() in _PROGRAMS:
        author = ""
    return ("", "") if created in _TIMES_OF_PROGRAMS else (author, created)


def table_trace(comparison: Comparison, findings: Sequence[Finding]) -> TableTrace | None:
    """Return what a table tells: its given numbers, its looks, and its mistakes."""
    try:
        data = comparison.data
        numbers = tuple(_given_numbers(comparison))
        enough = len({value for _, value in numbers}) >= MIN_NUMBERS
        headers = tuple(column.text.strip() for column in data.table.columns[:_MAX_HEADERS])
        first = min(cell[1:] for name in data.columns if (cell := data.table.cell(name, 0)))
        return TableTrace(
            data.table.sheet,
            digest_of(numbers) if enough else "",
            digest_of((data.table.sheet, data.table.layout, first, headers)),
            (first[0], first[1]),
            tuple(_slips(comparison, findings)),
        )
    except Exception:  # as a mistake in this must not cost a table its result
        return None


def digest_of(value: object) -> str:
    """Return a short text that is equal for equal values."""
    return hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest()[:16]


def _given_numbers(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Yield the inputs and targets, and the parameters in the first row."""
    data = comparison.data
    rows = min(data.system.rows_per_iteration, data.records)
    for name in sorted(data.values):
        kind = kind_of(name)
        if kind in GIVEN_KINDS or kind in PARAMETER_KINDS:
            for value in data.values[name][: rows if kind in GIVEN_KINDS else 1].tolist():
                if not math.isnan(value):
                    yield name, f"{value:.9g}"


def _slips(comparison: Comparison, findings: Sequence[Finding]) -> Iterator[Slip]:
    """Yield the mistakes, each with the pattern of the rows that it is in."""
    for finding in findings:
        compared = comparison.by_column.get(finding.column)
        pattern = "" if compared is None else _pattern(compared.wrong)
        first = finding.cells[0] if finding.cells else None
        yield Slip(
            finding.column,
            _DECIMAL.sub("#", finding.cause),
            pattern,
            finding.formula is None,
            first.sheet if first else comparison.data.table.sheet,
            (first.row, first.column) if first else (1, 1),
        )


def _pattern(wrong: Mask) -> str:
    """Say which rows are wrong, in the same words for tables of different lengths."""
    rows = np.flatnonzero(wrong).tolist()
    if not rows:
        return ""
    if rows[-1] == len(wrong) - 1 and len(rows) == len(wrong) - rows[0]:
        return "all" if rows[0] <= 1 else f"from {rows[0]}"
    return ",".join(map(str, rows[:50]))
