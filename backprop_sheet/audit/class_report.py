"""The report of many workbooks: marks, the commonest mistakes, all findings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backprop_sheet.audit.results import (
    Finding,
    Problem,
    TableResult,
    WorkbookResult,
    number_text,
)
from common.files import CannotWriteError

if TYPE_CHECKING:  # XlsxWriter is loaded only where a report is written
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from common.look import Look

NOT_JUDGED = "not judged"
MAX_BARS = 20  # of the chart
MAX_LABEL = 80  # characters beside a bar

_LABEL_COLUMN = 6  # of the sheet Mistakes, hidden: what stands beside each bar

_KIND = "class_report"
_VERDICT_SHADES = {"right": "green", "wrong": "red", "incomplete": "amber", NOT_JUDGED: "slate"}
# What a spreadsheet takes for a formula when it opens a CSV file.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Mark:
    """One row of the marks: a table, or a file or table that could not be judged.

    Attributes:
        right_columns: the share of the judged columns without a finding, or None.
        first_finding: the first finding in words, or why it could not be judged.
    """

    file: str
    student: str
    sheet: str
    exercise: str
    verdict: str
    right_columns: float | None
    learning_rate: float | None
    rows: int | None
    findings: int
    first_finding: str


@dataclass(frozen=True)
class CommonMistake:
    """A cause of wrong cells in a column, and how many submissions have it.

    ``share`` is of the submissions that could be judged.
    """

    column: str
    cause: str
    submissions: int
    share: float
    example: str


class ClassReport:
    """Collects results one by one and keeps only what the report shows."""

    def __init__(self, roots: Iterable[Path]) -> None:
        """Start an empty report.

        Args:
            roots: the folders that were given; a student is the first folder below one.
        """
        self._roots = [root for root in roots if root.is_dir()]
        self.marks: list[Mark] = []
        self._findings: list[tuple[int, str, str, _FindingRow]] = []
        self._submissions: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._judged_files = 0

    def add(self, result: WorkbookResult) -> None:
        """Add the result of a file."""
        file, student = _encodable(str(result.path)), _encodable(self._student(result.path))
        self._judged_files += bool(result.tables)
        mistakes: set[tuple[str, str]] = set()
        for table in result.tables:
            number = len(self.marks)
            self.marks.append(_mark_of(table, file, student))
            for finding in table.findings:
                row = _FindingRow.of(table, finding)
                self._findings.append((number, file, student, row))
                key = (finding.column, finding.cause)
                mistakes.add(key)
                self._examples.setdefault(key, f"{file} [{table.sheet}] {finding.first_cell}")
        self._submissions.update(mistakes)
        for problem in result.problems:
            self.marks.append(_mark_of_problem(file, student, problem))

    def _student(self, path: Path) -> str:
        for root in self._roots:
            if path.is_relative_to(root):
                parts = path.relative_to(root).parts
                return parts[0] if len(parts) > 1 else path.stem
        return path.stem

    def commonest(self, count: int | None = None) -> list[CommonMistake]:
        """Return the commonest mistakes, those of most submissions first."""
        ordered = sorted(self._submissions.items(), key=lambda item: (-item[1], item[0]))
        return [
            CommonMistake(
                column,
                cause,
                number,
                number / self._judged_files,
                self._examples[column, cause],
            )
            for (column, cause), number in ordered[:count]
        ]

    # --- writing ---

    def write(self, path: Path, suffix: str) -> None:
        """Write the report.

        Args:
            path: where to write; an existing file is replaced.
            suffix: ``.xlsx`` for the workbook, ``.csv`` for the marks alone.

        Raises:
            CannotWriteError: the file cannot be written.
        """
        from xlsxwriter.exceptions import XlsxWriterException

        try:
            if suffix == ".csv":
                self._write_csv(path)
            else:
                self._write_workbook(path)
        except (OSError, XlsxWriterException) as error:
            raise CannotWriteError(f"cannot write the report: {error}") from error

    def _write_csv(self, path: Path) -> None:
        """Write the marks as UTF-8 with a byte-order mark, by which Excel knows the encoding."""
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([one.name for one in fields(Mark)])
            for one in self.marks:
                values = (getattr(one, field.name) for field in fields(Mark))
                writer.writerow([_csv_value(value) for value in values])

    def _write_workbook(self, path: Path) -> None:
        from xlsxwriter import Workbook

        from common.look import PLAIN_TEXT, Look
        from common.mark import mark

        workbook = Workbook(
            str(path),
            {
                "default_format_properties": PLAIN_TEXT,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        mark(workbook, _KIND, "A class's submissions")
        look = Look(workbook)
        marks, mistakes, findings = map(workbook.add_worksheet, ("Marks", "Mistakes", "Findings"))
        self._write_marks(marks, look)
        self._write_mistakes(mistakes, workbook, look)
        self._write_findings(findings, look)
        workbook.close()

    def _write_marks(self, sheet: Worksheet, look: Look) -> None:
        from common.look import SHADES

        headers = (
            ("file", 34), ("student", 18), ("sheet", 14), ("exercise", 12), ("verdict", 12),
            ("right columns", 14), ("learning rate", 13), ("rows", 8), ("findings", 10),
            ("first finding", 70), ("details", 12),
        )  # fmt: skip
        _start(sheet, look, headers, len(self.marks))
        first_rows: dict[int, int] = {}
        for row, (number, *_) in enumerate(self._findings, 1):
            first_rows.setdefault(number, row)
        text = look.format(valign="top", text_wrap=True)
        for row, one in enumerate(self.marks, 1):
            shade = SHADES[_VERDICT_SHADES[one.verdict]]
            verdict = look.format(
                valign="top", bold=True, font_color=shade.strong, bg_color=shade.pale
            )
            for column, value in enumerate((one.file, one.student, one.sheet, one.exercise)):
                sheet.write_string(row, column, value, text)
            sheet.write_string(row, 4, one.verdict, verdict)
            numbers = (
                (one.right_columns, "0%"), (one.learning_rate, "General"), (one.rows, "0"),
                (one.findings if one.rows is not None else None, "0"),
            )  # fmt: skip
            for column, (value, number_format) in enumerate(numbers, 5):
                cell = look.cell(number_format, valign="top", align="left")
                if value is None:
                    sheet.write_blank(row, column, None, cell)
                else:
                    sheet.write_number(row, column, value, cell)
            sheet.write_string(row, 9, one.first_finding, text)
            _set_height(sheet, row, headers, {9: one.first_finding, 0: one.file})
            if row - 1 in first_rows:
                place = f"internal:'Findings'!A{first_rows[row - 1] + 1}"
                sheet.write_url(row, 10, place, look.link, "findings →")

    def _write_mistakes(self, sheet: Worksheet, workbook: Workbook, look: Look) -> None:
        from common.look import GRID, SHADES

        headers = (
            ("column", 12), ("cause", 70), ("submissions", 12), ("share", 9), ("example", 60),
        )  # fmt: skip
        mistakes = self.commonest()
        _start(sheet, look, headers, len(mistakes))
        text = look.format(valign="top", text_wrap=True)
        number = look.cell("0", valign="top", align="left")
        share = look.cell("0%", valign="top", align="left")
        for row, one in enumerate(mistakes, 1):
            sheet.write_string(row, 0, one.column, text)
            sheet.write_string(row, 1, one.cause, text)
            sheet.write_number(row, 2, one.submissions, number)
            sheet.write_number(row, 3, one.share, share)
            sheet.write_string(row, 4, one.example, text)
            sheet.write_string(row, _LABEL_COLUMN, _short(f"{one.column}: {one.cause}"), text)
            _set_height(sheet, row, headers, {1: one.cause, 4: one.example})
        if not mistakes:
            sheet.write_string(0, _LABEL_COLUMN + 1, "No mistakes were found.", look.note)
            return
        bars = min(len(mistakes), MAX_BARS)
        chart = workbook.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": ["Mistakes", 0, 2],
                "categories": ["Mistakes", 1, _LABEL_COLUMN, bars, _LABEL_COLUMN],
                "values": ["Mistakes", 1, 2, bars, 2],
                "fill": {"color": SHADES["red"].strong},
                "gap": 40,
                "data_labels": {"value": True},
            }
        )
        few = "" if bars == len(mistakes) else f" (the {bars} commonest)"
        chart.set_title({"name": f"Submissions with each mistake{few}", "name_font": {"size": 12}})
        chart.set_y_axis({"reverse": True, "num_font": {"size": 8}})
        chart.set_x_axis({"min": 0, "major_gridlines": {"visible": True, "line": {"color": GRID}}})
        chart.set_legend({"none": True})
        chart.set_size({"width": 820, "height": 110 + 28 * bars})
        chart.show_hidden_data()
        sheet.set_column(_LABEL_COLUMN, _LABEL_COLUMN, 60, None, {"hidden": True})
        below = len(mistakes) + 2
        sheet.insert_chart(below, 0, chart, {"object_position": 3, "x_offset": 5})

    def _write_findings(self, sheet: Worksheet, look: Look) -> None:
        from common.look import DECIMALS

        headers = (
            ("file", 34), ("student", 18), ("sheet", 14), ("column", 12), ("first cell", 10),
            ("cells", 8), ("found", 16), ("expected", 16), ("cause", 60), ("formula", 60),
            ("right formula", 60),
        )  # fmt: skip
        _start(sheet, look, headers, len(self._findings))
        text = look.format(valign="top", text_wrap=True)
        count = look.cell("0", valign="top", align="left")
        number = look.cell(DECIMALS, valign="top", align="left")
        for row, (_, file, student, one) in enumerate(self._findings, 1):
            for column, value in (
                (0, file), (1, student), (2, one.sheet), (3, one.column), (4, one.first_cell),
                (8, one.cause), (9, one.formula), (10, one.right_formula),
            ):  # fmt: skip
                sheet.write_string(row, column, value, text)
            sheet.write_number(row, 5, one.count, count)
            _set_height(sheet, row, headers, {8: one.cause, 9: one.formula, 10: one.right_formula})
            for column, value in ((6, one.found), (7, one.expected)):
                if isinstance(value, float):
                    sheet.write_number(row, column, value, number)
                else:
                    sheet.write_string(row, column, number_text(value), text)


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is a report that this module wrote."""
    from common.mark import is_marked

    if path.suffix.lower() != ".csv":
        return is_marked(path, _KIND)
    header = ",".join(one.name for one in fields(Mark))
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline(len(header) + 2).strip() == header
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class _FindingRow:
    """What the report keeps of a finding."""

    sheet: str
    column: str
    first_cell: str
    count: int
    found: Any
    expected: Any
    cause: str
    formula: str
    right_formula: str

    @classmethod
    def of(cls, table: TableResult, finding: Finding) -> _FindingRow:
        return cls(
            table.sheet,
            finding.column,
            finding.first_cell,
            finding.count,
            float(finding.found) if isinstance(finding.found, int) else finding.found,
            finding.expected,
            finding.cause,
            finding.formula or "",
            finding.expected_formula,
        )


def _encodable(text: str) -> str:
    """A file name as UTF-8 can hold it: some file systems have names that are no text."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _mark_of(table: TableResult, file: str, student: str) -> Mark:
    wrong = {finding.column for finding in table.findings}
    judged = set(table.judged_columns) | wrong
    return Mark(
        file,
        student,
        table.sheet,
        table.exercise,
        table.verdict,
        1 - len(wrong) / len(judged) if judged else None,
        table.lr,
        table.rows,
        len(table.findings),
        _first_words(table),
    )


def _first_words(table: TableResult) -> str:
    if table.findings:
        first = table.findings[0]
        return f"{first.column} at {first.first_cell}: {first.cause}"
    return "; ".join(table.warnings[:1]) if table.verdict != "right" else ""


def _mark_of_problem(file: str, student: str, problem: Problem) -> Mark:
    reason = problem.text
    if problem.other_network:
        reason = f"looks like another network ({problem.text})"
    return Mark(file, student, problem.sheet, "", NOT_JUDGED, None, None, None, 0, reason)


def _csv_value(value: Any) -> Any:
    """A value for a CSV file; a text never becomes a formula."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_SIGNS) else value
    return "" if value is None else value


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"


def _set_height(
    sheet: Worksheet, row: int, headers: Sequence[tuple[str, int]], texts: Mapping[int, str]
) -> None:
    """Make a row as high as its longest wrapped text needs."""
    lines = max(-(-len(text) // headers[column][1]) for column, text in texts.items())
    if lines > 1:
        sheet.set_row(row, 13.5 * min(lines, 30))


def _start(sheet: Worksheet, look: Look, headers: Sequence[tuple[str, int]], rows: int) -> None:
    """Write the header row; freeze it and make the rows below it filterable."""
    from common.look import SHADES

    sheet.hide_gridlines(2)
    header = look.header(SHADES["blue"], align="left")
    for column, (title, width) in enumerate(headers):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, header)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(rows, 1), len(headers) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
