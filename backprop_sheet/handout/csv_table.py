"""Read a CSV file as a course system exports it: any usual encoding and delimiter."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from gradsheet.errors import InvalidInputError
from gradsheet.files import reason_of
from gradsheet.input_files import problem_with_file
from gradsheet.printable import printable

MAX_FILE_BYTES = 20 * 2**20
MAX_ROWS = 20_000
_DELIMITERS = (",", ";", "\t")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class CsvTable:
    """The cells of a CSV file.

    Attributes:
        label: the file, for messages.
        header: the cells of the first row, without spaces around them.
        rows: the other rows; each has at least as many cells as the header.
        encoding: the encoding of the file, without its byte order mark.
        byte_order_mark: the bytes before the text.
        delimiter: the character between cells.
        text: the whole text.
    """

    label: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str
    byte_order_mark: bytes
    delimiter: str
    text: str


def read_csv(path: Path) -> CsvTable:
    """Read a CSV file.

    Raises:
        InvalidInputError: it cannot be read, is too large, or has no rows of cells.
    """
    label = printable(str(path))
    problem = problem_with_file(path)
    if problem is not None:
        raise InvalidInputError(f"{label} {problem}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {label}: {reason_of(error)}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInputError(f"{label} is larger than {MAX_FILE_BYTES // 2**20} MB")
    text, encoding, mark = _decode(content, label)
    delimiter = _delimiter(text)
    rows = _rows(text, delimiter, label)
    if not rows:
        raise InvalidInputError(f"{label} is empty")
    if len(rows[0]) < 2:
        raise InvalidInputError(f"{label} is not a CSV file with a header row and columns")
    header = tuple(cell.strip() for cell in rows[0])
    padded = tuple((*row, *[""] * (len(header) - len(row))) for row in rows[1:])
    return CsvTable(label, header, padded, encoding, mark, delimiter, text)


def _decode(content: bytes, label: str) -> tuple[str, str, bytes]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding), encoding, mark
            except UnicodeDecodeError as error:
                raise InvalidInputError(f"{label} is not a text file") from error
    if b"\0" in content:
        raise InvalidInputError(f"{label} is not a text file: export it as CSV")
    try:
        return content.decode("utf-8"), "utf-8", b""
    except UnicodeDecodeError:
        # Excel's own "CSV" in western countries; the bytes that it leaves open stay as they are.
        return content.decode("cp1252", "surrogateescape"), "cp1252", b""


def _delimiter(text: str) -> str:
    """Return the delimiter: the character that stands most often outside of quotes in line 1."""
    counts = dict.fromkeys(_DELIMITERS, 0)
    is_quoted = False
    for character in text:
        if character == '"':
            is_quoted = not is_quoted
        elif character in "\r\n" and not is_quoted:
            break
        elif character in counts and not is_quoted:
            counts[character] += 1
    return max(_DELIMITERS, key=counts.__getitem__)


def _rows(text: str, delimiter: str, label: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(tuple(row))
            if len(rows) > MAX_ROWS:
                raise InvalidInputError(f"{label} has more rows than the limit, {MAX_ROWS:,}")
    except csv.Error as error:
        if "field limit" in str(error):
            limit = f"{csv.field_size_limit():,} characters"
            raise InvalidInputError(f"{label} has a cell of more than {limit}") from error
        raise InvalidInputError(f"{label} is not a CSV file: {error}") from error
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    return rows
