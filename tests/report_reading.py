"""The tables of a class report, found by their headers, whatever stands above them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from class_of_submissions import Submission
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

# How the headers of each sheet read; the order is that of the columns.
MARKS = {
    "file": r"file",
    "student": r"student",
    "sheet": r"sheet",
    "exercise": r"exercise",
    "verdict": r"verdict",
    "share": r".*(share|right|%)",
    "lr": r"learning rate|lr$|η",
    "rows": r"(number of )?rows",
    "findings": r"(number of )?findings",
    "first": r"(the )?first",
    "link": r".*(detail|link)",
}
MISTAKES = {
    "column": r"column|quantity",
    "cause": r"cause|mistake",
    "submissions": r".*submissions",
    "share": r".*(share|%)",
    "example": r".*example",
}
FINDINGS = {
    "file": r"file",
    "sheet": r"sheet",
    "column": r"column|quantity",
    "first_cell": r"(the )?(first )?(wrong )?cell$",
    "count": r".*(cells|count)",
    "found": r"found",
    "expected": r"expected( value)?$",
    "formula": r"formula|formula found",
    "expected_formula": r"(the )?(right|expected|correct) formula|right is",
    "cause": r"cause",
}
JUDGED = ("right", "wrong", "incomplete")


@dataclass
class Listing:
    """A table of the report: where its header is, and its rows by the names above."""

    header: int  # the row's number, from 1
    columns: dict[str, int]  # from 1
    rows: list[dict[str, Any]]

    def cell(self, name: str, row: int) -> str:
        """The address of a value; row 0 is the first one below the header."""
        return f"{get_column_letter(self.columns[name])}{self.header + 1 + row}"


def listing(rows: Iterable[Sequence[Any]], names: Mapping[str, str]) -> Listing:
    """Find the header among the first rows, and read what is below it."""
    rows = [list(row) for row in rows]
    for header, row in enumerate(rows[:12], 1):
        left = {
            n: str(text).strip().lower().replace("_", " ")
            for n, text in enumerate(row, 1)
            if text is not None
        }
        columns = {}
        for name, pattern in names.items():
            found = [n for n, text in left.items() if re.match(pattern, text)]
            if found:
                columns[name] = found[0]
                del left[found[0]]
        if not set(columns) >= set(names) - {"link"}:
            continue
        values = [
            {name: row[column - 1] for name, column in columns.items()}
            for row in rows[header:]
            if any(value not in (None, "") for value in row)
        ]
        return Listing(header, columns, values)
    raise AssertionError(f"no header with {', '.join(names)} in {rows[:6]}")


def read_sheet(sheet: Worksheet, names: Mapping[str, str]) -> Listing:
    return listing(sheet.iter_rows(values_only=True), names)


def read_csv(path: Path) -> tuple[Listing, list[list[str]]]:
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), "Excel would take it for another encoding"
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    names = {name: pattern for name, pattern in MARKS.items() if name != "link"}
    return listing(rows, names), rows


def plain(text: Any) -> str:
    """A name without what a report may leave out or write in another way."""
    text = str(text)
    if text[:1] == "'" and text[1:2] in tuple("=+-@\t"):
        text = text[1:]
    text = re.sub(r"\\x[0-9a-f]{2}|\\u?[0-9a-f]{4}|_x[0-9a-fA-F]{4}_", "", text)
    return "".join(sign for sign in text if sign.isprintable() and sign not in "?\ufffd ")


def same_file(shown: Any, submission: Submission) -> bool:
    return plain(shown) in (plain(submission.path), plain(submission.below))


def rows_by_submission(
    submissions: Sequence[Submission], marks: Listing
) -> list[tuple[Submission, list[dict[str, Any]]]]:
    """The rows of each submission; they must be in the order in which the files were found."""
    left = list(marks.rows)
    found = []
    for submission in submissions:
        rows = []
        while left and same_file(left[0]["file"], submission):
            rows.append(left.pop(0))
        assert rows, f"{submission.path} is missing, or not in its place, before {left[:1]}"
        found.append((submission, rows))
    assert not left, f"rows of no submission, or not in the given order: {left[:3]}"
    return found
