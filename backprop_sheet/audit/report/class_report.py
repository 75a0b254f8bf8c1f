"""The report on many workbooks: marks, the most common mistakes, and all findings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from backprop_sheet.audit.results import (
    Finding,
    Problem,
    TableResult,
    WorkbookResult,
    number_text,
)
from backprop_sheet.audit.submissions.collection import Submission, Submissions
from gradsheet.printable import printable

if TYPE_CHECKING:  # XlsxWriter is loaded only where a report is written
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from gradsheet.excel.styles import Styles

NOT_CHECKED = "not checked"
NO_WORKBOOK = "no workbook"
MAX_BARS = 20  # in the chart
_SAME_COLUMNS = 10  # of a CSV file, by which it is recognized
MAX_LABEL = 80  # characters of the label of a bar

_LABEL_COLUMN = 6  # a hidden column of the sheet Mistakes with the labels of the bars

_KIND = "class_report"
_VERDICT_COLORS = {
    "right": "green",
    "wrong": "red",
    "incomplete": "amber",
    NOT_CHECKED: "slate",
    NO_WORKBOOK: "slate",
}
# The first characters by which a spreadsheet recognizes a formula in a CSV file.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Mark:
    """One row of the marks: a table, or a file, table or folder that could not be checked.

    Attributes:
        right_columns: :attr:`TableResult.right_share`.
        first_finding: the first finding in words, why the file could not be checked, or what is in
            a folder without a workbook.
        not_checked: the needed columns that were not, or not in all rows, checked.
        typed: the columns with typed numbers instead of formulas; ``all`` stands for all of them.
        stored_as_text: the columns with numbers that are stored as text.
        rounded: the columns with numbers that are right to the typed digits.
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
    not_checked: str = ""
    typed: str = ""
    stored_as_text: str = ""
    rounded: str = ""


@dataclass(frozen=True)
class CommonMistake:
    """A cause of wrong cells in a column, and how many submissions have it.

    All files of one student are one submission. ``share`` is the share of the submissions that
    could be checked.
    """

    column: str
    cause: str
    submissions: int
    share: float
    example: str


class ClassReport:
    """Collects results one by one and keeps only what the report needs."""

    def __init__(self, submissions: Submissions) -> None:
        """Start an empty report.

        Args:
            submissions: say whose each file is.
        """
        self._submitted = submissions
        self.marks: list[Mark] = []
        self._findings: list[tuple[int, str, str, _FindingRow]] = []
        self._submissions: Counter[tuple[str, str]] = Counter()
        self._counted: set[tuple[Path, str, str]] = set()
        self._examples: dict[tuple[str, str], str] = {}
        self._checked: set[Path] = set()

    def add(self, result: WorkbookResult) -> None:
        """Add the result of a file."""
        owner = self._submitted.of(result.path)
        submission = owner.place
        file, student = _shown(str(result.path)), _shown(owner.student)
        if result.tables:
            self._checked.add(submission)
        for table in result.tables:
            number = len(self.marks)
            self.marks.append(_mark_of(table, file, student))
            for finding in table.findings:
                row = _FindingRow.of(table, finding)
                self._findings.append((number, file, student, row))
                key = (finding.column, finding.cause)
                self._examples.setdefault(key, f"{file} [{row.sheet}] {row.first_cell}")
                if (submission, *key) not in self._counted:
                    self._counted.add((submission, *key))
                    self._submissions[key] += 1
        for problem in result.problems:
            self.marks.append(_mark_of_problem(file, student, problem))

    def add_without_workbook(self, submission: Submission) -> None:
        """Add a student without a workbook."""
        self.marks.append(
            Mark(
                _shown(str(submission.place)), _shown(submission.student), "", "", NO_WORKBOOK,
                None, None, None, 0, f"no workbook: {_shown(submission.content)}",
            )
        )  # fmt: skip

    def most_common(self, count: int | None = None) -> list[CommonMistake]:
        """Return the mistakes, those in most submissions first; at most ``count`` of them."""
        ordered = sorted(self._submissions.items(), key=lambda item: (-item[1], item[0]))
        return [
            CommonMistake(
                column,
                cause,
                number,
                number / len(self._checked),
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
            OSError, FileCreateError: the file cannot be written.
        """
        if suffix == ".csv":
            self._write_csv(path)
        else:
            self._write_workbook(path)

    @property
    def _file_width(self) -> int:
        """The width of a column for the longest name of a file, in characters."""
        return min(max((len(one.file) for one in self.marks), default=0) + 2, 60)

    def _write_csv(self, path: Path) -> None:
        """Write the marks as UTF-8 with a byte order mark, so that Excel uses this encoding."""
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([one.name for one in fields(Mark)])
            for one in self.marks:
                values = {field.name: getattr(one, field.name) for field in fields(Mark)}
                if (share := one.right_columns) is not None:  # as it is shown in the workbook
                    values["right_columns"] = round(share, _percent_decimals(share) + 2)
                writer.writerow([_csv_value(value) for value in values.values()])

    def _write_workbook(self, path: Path) -> None:
        from xlsxwriter import Workbook

        from gradsheet.excel.provenance import set_provenance
        from gradsheet.excel.styles import Styles, default_format

        workbook = Workbook(
            str(path),
            {
                "default_format_properties": default_format(),
                "in_memory": True,  # no temporary files beside it
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        set_provenance(workbook, _KIND, "A class's submissions")
        styles = Styles(workbook)
        marks, mistakes, findings = map(workbook.add_worksheet, ("Marks", "Mistakes", "Findings"))
        self._write_marks(marks, styles)
        self._write_mistakes(mistakes, workbook, styles)
        self._write_findings(findings, styles)
        workbook.close()

    def _write_marks(self, sheet: Worksheet, styles: Styles) -> None:
        from gradsheet.excel.styles import COLORS

        headers = (
            ("file", self._file_width), ("student", 18), ("sheet", 14), ("exercise", 12),
            ("verdict", 12), ("right columns", 14), ("learning rate", 13), ("rows", 8),
            ("findings", 10), ("first finding", 70), ("not checked", 20), ("typed", 16),
            ("stored as text", 16), ("rounded", 16), ("details", 12),
        )  # fmt: skip
        _start(sheet, styles, headers, len(self.marks))
        first_rows: dict[int, int] = {}
        for row, (number, *_) in enumerate(self._findings, 1):
            first_rows.setdefault(number, row)
        text = styles.format(valign="top", text_wrap=True)
        for row, one in enumerate(self.marks, 1):
            colors = COLORS[_VERDICT_COLORS[one.verdict]]
            verdict = styles.format(
                valign="top", bold=True, font_color=colors.strong, bg_color=colors.pale
            )
            texts = {
                0: one.file, 1: one.student, 2: one.sheet, 3: one.exercise, 9: one.first_finding,
                10: one.not_checked, 11: one.typed, 12: one.stored_as_text, 13: one.rounded,
            }  # fmt: skip
            for column, words in texts.items():
                sheet.write_string(row, column, words, text)
            _set_height(sheet, row, headers, texts)
            sheet.write_string(row, 4, one.verdict, verdict)
            numbers = (
                (one.right_columns, _percent_format(one.right_columns)),
                (one.learning_rate, "General"), (one.rows, "0"),
                (one.findings if one.rows is not None else None, "0"),
            )  # fmt: skip
            for column, (value, number_format) in enumerate(numbers, 5):
                cell = styles.cell(number_format, valign="top", align="left")
                if value is None:
                    sheet.write_blank(row, column, None, cell)
                else:
                    sheet.write_number(row, column, value, cell)
            if row - 1 in first_rows:
                place = f"internal:'Findings'!A{first_rows[row - 1] + 1}"
                sheet.write_url(row, 14, place, styles.link(valign="top"), "findings →")

    def _write_mistakes(self, sheet: Worksheet, workbook: Workbook, styles: Styles) -> None:
        from gradsheet.excel.styles import COLORS, GRID

        headers = (
            ("column", 12), ("cause", 70), ("submissions", 12), ("share", 9), ("example", 60),
        )  # fmt: skip
        mistakes = self.most_common()
        _start(sheet, styles, headers, len(mistakes))
        text = styles.format(valign="top", text_wrap=True)
        number = styles.cell("0", valign="top", align="left")
        for row, one in enumerate(mistakes, 1):
            sheet.write_string(row, 0, one.column, text)
            sheet.write_string(row, 1, one.cause, text)
            sheet.write_number(row, 2, one.submissions, number)
            share = styles.cell(_percent_format(one.share), valign="top", align="left")
            sheet.write_number(row, 3, one.share, share)
            sheet.write_string(row, 4, one.example, text)
            sheet.write_string(row, _LABEL_COLUMN, _short(f"{one.column}: {one.cause}"), text)
            _set_height(sheet, row, headers, {0: one.column, 1: one.cause, 4: one.example})
        if not mistakes:
            sheet.write_string(0, _LABEL_COLUMN + 1, "No mistakes were found.", styles.note)
            return
        bars = min(len(mistakes), MAX_BARS)
        chart = workbook.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": ["Mistakes", 0, 2],
                "categories": ["Mistakes", 1, _LABEL_COLUMN, bars, _LABEL_COLUMN],
                "values": ["Mistakes", 1, 2, bars, 2],
                "fill": {"color": COLORS["red"].strong},
                "gap": 40,
                "data_labels": {"value": True},
            }
        )
        few = "" if bars == len(mistakes) else f" (the {bars} most common)"
        chart.set_title({"name": f"Submissions with each mistake{few}", "name_font": {"size": 12}})
        chart.set_y_axis({"reverse": True, "num_font": {"size": 8}})
        chart.set_x_axis({"min": 0, "major_gridlines": {"visible": True, "line": {"color": GRID}}})
        chart.set_legend({"none": True})
        chart.set_size({"width": 820, "height": 110 + 28 * bars})
        chart.show_hidden_data()
        sheet.set_column(_LABEL_COLUMN, _LABEL_COLUMN, 60, None, {"hidden": True})
        below = len(mistakes) + 2
        sheet.insert_chart(below, 0, chart, {"object_position": 3, "x_offset": 5})

    def _write_findings(self, sheet: Worksheet, styles: Styles) -> None:
        from gradsheet.excel.styles import DECIMALS, show_decimals

        headers = (
            ("file", self._file_width), ("student", 18), ("sheet", 14), ("column", 12),
            ("first cell", 10), ("cells", 8), ("found", 16), ("expected", 16), ("cause", 60),
            ("formula", 60), ("right formula", 60), ("meaning", 40),
        )  # fmt: skip
        _start(sheet, styles, headers, len(self._findings))
        text = styles.format(valign="top", text_wrap=True)
        count = styles.cell("0", valign="top", align="left")
        number = styles.cell(DECIMALS, valign="top", align="left")
        show_decimals(sheet, styles, 1, 6, max(1, len(self._findings)), 7)
        for row, (_, file, student, one) in enumerate(self._findings, 1):
            texts = {
                0: file, 1: student, 2: one.sheet, 3: one.column, 4: one.first_cell,
                8: one.cause, 9: one.formula, 10: one.right_formula, 11: one.meaning,
            }  # fmt: skip
            sheet.write_number(row, 5, one.count, count)
            for column, value in ((6, one.found), (7, one.expected)):
                if isinstance(value, float):
                    sheet.write_number(row, column, value, number)
                else:
                    texts[column] = number_text(value)
            for column, value in texts.items():
                sheet.write_string(row, column, value, text)
            _set_height(sheet, row, headers, texts)


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is a report of :meth:`ClassReport.write`."""
    from gradsheet.excel.provenance import has_provenance

    if path.suffix.lower() != ".csv":
        return has_provenance(path, _KIND)
    # Other versions have other columns after these.
    header = ",".join(one.name for one in fields(Mark)[:_SAME_COLUMNS])
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline(1_000).startswith(header)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class _FindingRow:
    """The parts of a finding that the report needs."""

    sheet: str
    column: str
    first_cell: str
    count: int
    found: Any
    expected: Any
    cause: str
    formula: str
    right_formula: str
    meaning: str

    @classmethod
    def of(cls, table: TableResult, finding: Finding) -> _FindingRow:
        return cls(
            _shown(table.sheet),
            finding.column,
            _shown(finding.first_cell),
            finding.count,
            float(finding.found) if isinstance(finding.found, int) else finding.found,
            finding.expected,
            finding.cause,
            finding.formula or "",
            finding.expected_formula,
            finding.meaning,
        )


def _shown(text: str) -> str:
    """Return a name that can be encoded in UTF-8, with its control characters escaped.

    A character that changes the direction of text could make a name look like another one.
    """
    return printable(text.encode("utf-8", errors="replace").decode("utf-8"))


def _percent_decimals(share: float) -> int:
    """Return how many decimals a percentage needs so that only 1 is 100 % and only 0 is 0 %."""
    return next((n for n in range(4) if 0 < round(share, n + 2) < 1 or share in (0, 1)), 4)


def _percent_format(share: float | None) -> str:
    decimals = 0 if share is None else _percent_decimals(share)
    return f"0.{'0' * decimals}%" if decimals else "0%"


def _names(columns: Sequence[str], table: TableResult) -> str:
    """Name columns of a table; ``all`` if these are all of its audited ones."""
    if columns and set(columns) >= set(table.audited_columns):
        return "all"
    return ", ".join(columns)


def _mark_of(table: TableResult, file: str, student: str) -> Mark:
    return Mark(
        file,
        student,
        _shown(table.sheet),
        _shown(table.exercise),
        table.verdict,
        table.right_share,
        table.lr,
        table.rows,
        len(table.findings),
        _shown(_first_words(table)),
        ", ".join(table.unchecked_columns),
        _names(table.typed_columns, table),
        _names(table.text_columns, table),
        _names(table.rounded_columns, table),
    )


def _first_words(table: TableResult) -> str:
    if table.findings:
        first = table.findings[0]
        return f"{first.column} at {first.first_cell}: {first.cause}"
    return "; ".join(table.warnings[:1]) if table.verdict != "right" else ""


def _mark_of_problem(file: str, student: str, problem: Problem) -> Mark:
    sheet, reason = _shown(problem.sheet), _shown(problem.text)
    return Mark(file, student, sheet, "", NOT_CHECKED, None, None, None, 0, reason)


def _csv_value(value: Any) -> Any:
    """Return a value for a CSV file, with an apostrophe before what would become a formula.

    Programs ignore spaces before a formula, and some read full-width signs as the usual ones, which
    NFKC makes of them.
    """
    if isinstance(value, str):
        starts = normalize("NFKC", value).lstrip().startswith(_FORMULA_SIGNS)
        return f"'{value}" if starts else value
    return "" if value is None else value


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"


def _set_height(
    sheet: Worksheet, row: int, headers: Sequence[tuple[str, int]], texts: Mapping[int, str]
) -> None:
    """Make a row high enough for its wrapped texts, which are given by their columns."""
    from gradsheet.excel.text_height import row_height

    height = row_height((text, headers[column][1]) for column, text in texts.items())
    if height is not None:
        sheet.set_row(row, height)


def _start(sheet: Worksheet, styles: Styles, headers: Sequence[tuple[str, int]], rows: int) -> None:
    """Write the header row, freeze it, and add a filter to the rows below."""
    from gradsheet.excel.styles import COLORS, set_page

    set_page(sheet)
    header = styles.header(COLORS["blue"], align="left")
    for column, (title, width) in enumerate(headers):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, header)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(rows, 1), len(headers) - 1)
    sheet.repeat_rows(0)
