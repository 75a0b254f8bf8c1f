"""Write results as text for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.report.report_rows import NO_WORKBOOK, NOT_CHECKED
from backprop_sheet.audit.results import VERDICTS, Problem, ReadColumn, TableResult, number_text
from gradsheet.input_files import is_folder
from gradsheet.printable import printable
from gradsheet.words import count

if TYPE_CHECKING:
    from backprop_sheet.audit.report.class_report import ClassReport

WIDTH = 80
MISTAKES_SHOWN = 3
FOLDERS_SHOWN = 5
MAX_SAME_REASON = 20  # lines with the same reason; more are one line
FILES_SHOWN = 3  # in that line


def as_text(result: TableResult, width: int = WIDTH) -> str:
    """Return one line for the table, and then its findings and notes."""
    rate = "?" if result.lr is None else f"{result.lr:g}"
    lines = [
        f"{result.verdict.upper():<10}  {result.file}  [{result.sheet}]  {result.exercise}, "
        f"{result.rows_text}, η = {rate}"
    ]
    for finding in result.findings:
        cells = (
            f"1 cell wrong, {finding.first_cell}"
            if finding.count == 1
            else f"{finding.count} cells wrong, the first is {finding.first_cell}"
        )
        lines.append(f"  {finding.column}: {cells}")
        if finding.meaning:
            lines += _row("meaning", finding.meaning, width)
        lines += _row("found", number_text(finding.found), width)
        lines += _row("expected", number_text(finding.expected), width)
        if finding.formula is not None:
            lines += _row("formula", finding.formula, width)
        lines += _row("correct", finding.right_formula, width)
        lines += _row("cause", finding.cause, width)
    for warning in result.warnings:
        lines += textwrap.wrap(
            f"note: {warning}", width, initial_indent="  ", subsequent_indent=" " * 8
        )
    return "\n".join(printable(line) for line in lines)


_WHY = {
    "header": "its header",
    "numbers": "its numbers",
    "formula": "the formulas",
    "": "nothing: not checked",
}


def unjudged_as_text(file: Path, problem: Problem) -> str:
    """Return one line for a table that could not be checked, and the table of its columns."""
    where = f"{file}  [{problem.sheet}]"
    return f"{NOT_CHECKED.upper()}  {printable(where)}\n{columns_as_text(problem.columns)}"


def columns_as_text(columns: Sequence[ReadColumn]) -> str:
    """Return a table of the columns: the cell, the header, what it was taken as, and why."""
    rows = [("cell", "header", "taken as", "because of")]
    for column in columns:
        header = " ".join(column.header.split())
        # What uses a column, or is like it, tells what it is where its own numbers are wrong.
        is_by_others = column.by == "numbers" and not column.agrees
        why = "the other columns" if is_by_others else _WHY[column.by]
        why += ", against its header" if column.is_against_header else ""
        if column.by and not column.quantity:  # w1+
            why += "; checked in the next row"
        elif column.is_used:
            why = "nothing; checked by the columns that use it"
        if not column.agrees:
            why += ", but its numbers do not follow"
        shown = textwrap.shorten(header, 28, placeholder="…") or "–"
        rows.append((column.cell, shown, column.quantity or "–", why))
    widths = [max(len(row[index]) for row in rows) for index in range(3)]
    lines = []
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        lines.append(f"  {'  '.join(cells)}  {row[3]}".rstrip())
    return "\n".join(printable(line) for line in lines)


def summary_lines(report: ClassReport, files: int, width: int = WIDTH) -> list[str]:
    """Return the summary of several files or tables.

    It has the verdicts, the most common mistakes, and the folders without a workbook.
    """
    verdicts = [mark.verdict for mark in report.tables]
    tables = sum(verdict in VERDICTS for verdict in verdicts)
    counts = [f"{verdicts.count(one)} {one}" for one in VERDICTS if one in verdicts]
    if unchecked := verdicts.count(NOT_CHECKED):
        counts.append(f"{unchecked} could not be checked")
    lines = [f"{count(files, 'file')}, {count(tables, 'table')}: {', '.join(counts)}"]
    mistakes = report.most_common(MISTAKES_SHOWN) if files > 1 else []
    if mistakes:
        lines.append("Most common mistakes:")
    for mistake in mistakes:
        lines += textwrap.wrap(
            f"{count(mistake.submissions, 'submission')}: {mistake.column}, {mistake.cause}",
            width,
            initial_indent="  ",
            subsequent_indent=" " * 4,
        )
    return lines + folder_lines(report)


def folder_lines(report: ClassReport) -> list[str]:
    """Return lines about the students without a workbook; only the first ones are named."""
    marks = [mark for mark in report.tables if mark.verdict == NO_WORKBOOK]
    if not marks:
        return []
    are_folders = all(mark.file and is_folder(Path(mark.file)) for mark in marks)
    lines = [f"{count(len(marks), 'folder' if are_folders else 'student')} without a workbook:"]
    for mark in marks[:FOLDERS_SHOWN]:
        who = mark.file if are_folders else mark.student or mark.file
        lines.append(f"  {who}: {mark.first_finding.removeprefix('no workbook: ')}")
    if len(marks) > FOLDERS_SHOWN:
        lines.append(f"  and {len(marks) - FOLDERS_SHOWN:,} more")
    return lines


def problem_lines(problems: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line per file that could not be checked; one line for many with the same reason.

    Args:
        problems: the names of files (or sheets of files), and the reasons, which continue a
            sentence that starts with the name.
    """
    places: dict[str, list[str]] = {}
    for place, reason in problems:
        places.setdefault(reason, []).append(place)
    lines = []
    for reason, same in places.items():
        if len(same) <= MAX_SAME_REASON:
            lines += [f"{place} {reason}" for place in same]
        else:
            what = "sheets" if same[0].endswith("]") else "files"
            first = ", ".join(same[:FILES_SHOWN])
            lines.append(f"each of {len(same):,} {what} ({first}, …) {reason}")
    return [printable(line) for line in lines]


def _row(label: str, value: str, width: int) -> list[str]:
    return textwrap.wrap(
        value,
        width,
        initial_indent=f"    {label:<9} ",
        subsequent_indent=" " * 14,
        break_long_words=False,
    )
