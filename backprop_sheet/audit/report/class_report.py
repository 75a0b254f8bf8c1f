"""The report on a class: marks, tables, the most common mistakes, and all findings."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from backprop_sheet.audit.compare.completeness import column_words
from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.report.report_rows import (
    CommonMistake,
    FindingRow,
    TableRow,
    percent_decimals,
    shown,
)
from backprop_sheet.audit.report.student_rows import (
    JudgedFile,
    JudgedTable,
    StudentRow,
    student_row,
)
from backprop_sheet.audit.results import TableResult, WorkbookResult
from backprop_sheet.audit.similarity.pairs import Similarities, origin_note
from backprop_sheet.audit.submissions.collection import Submission, Submissions
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.marking.points import PointRules, points_of
from gradsheet.csv_values import csv_value

_KIND = "class_report"
_NUMBERED = re.compile("([A-Za-z])([0-9]+)$")
# The first columns of a CSV file, by which it is recognized. Versions differ in the others.
_SAME_COLUMNS = "file,student,sheet,exercise,verdict,"


@dataclass(frozen=True)
class ReportOptions:
    """What a report tells.

    Attributes:
        rules: what points are given for.
        level: how much is told about mistakes.
    """

    rules: PointRules = field(default_factory=PointRules)
    level: FeedbackLevel = FeedbackLevel.FULL


def _mistakes(table: TableResult) -> dict[str, tuple[str, str]]:
    """Return for each wrong column the words for all that one mistake made wrong, and its cause.

    What is wrong in every column of a kind for the same cause, such as all updates, is one mistake;
    a cause that names its own weight is then the same, too.
    """
    of_kind: dict[Kind | None, set[str]] = {}
    for column in table.audited_columns:
        of_kind.setdefault(_kind_of(column), set()).add(column)
    alike: dict[tuple[Kind | None, str], dict[str, str]] = {}
    for finding in table.findings:
        cause = _without_own_name(finding.cause, finding.column, "…")
        columns = alike.setdefault((_kind_of(finding.column), cause), {})
        columns[finding.column] = _without_own_name(finding.cause, finding.column, "")
    found = {finding.column: (finding.column, finding.cause) for finding in table.findings}
    for (kind, cause), columns in alike.items():
        if kind is not None and cause and len(columns) > 1 and set(columns) == of_kind.get(kind):
            shown = next(iter(columns.values()))
            found |= dict.fromkeys(columns, (column_words(list(columns)), shown))
    return found


def _without_own_name(cause: str, column: str, name: str) -> str:
    """Return a cause with a name, or the letter alone, for the parameter or neuron of its column.

    Those of an error are its output and the target.

    Args:
        name: what stands instead; "" for the letter.
    """
    match = _NUMBERED.search(column)
    if match is None:
        return cause
    letter, number = match.groups()
    letters = f"{letter}ot" if kind_of(column) is Kind.ERROR else letter
    own = re.compile(rf"(?<![A-Za-z0-9])([{letters}]){number}(?![0-9])")
    return own.sub(lambda found: name or found[1], cause)


def _kind_of(column: str) -> Kind | None:
    """Return the kind of a column; biases are updated as weights are."""
    kind = kind_of(column)
    return Kind.WEIGHT if kind is Kind.BIAS else kind


class ClassReport:
    """Collects results one by one and keeps only what the report needs.

    Attributes:
        tables: a row per table, and per file or student without one.
    """

    def __init__(self, submissions: Submissions, options: ReportOptions | None = None) -> None:
        """Start an empty report.

        Args:
            submissions: say whose each file is.
        """
        self.options = options or ReportOptions()
        self.tables: list[TableRow] = []
        self._submitted = submissions
        self._findings: list[FindingRow] = []
        self._files: dict[Path, JudgedFile] = {}
        self._submissions: Counter[tuple[str, str]] = Counter()
        self._counted: set[tuple[Path, str, str]] = set()
        self._examples: dict[tuple[str, str], str] = {}
        self._checked: set[Path] = set()
        self._similarities = Similarities()

    def add(self, result: WorkbookResult) -> None:
        """Add the result of a file."""
        owner = self._submitted.of(result.path)
        file, student = shown(str(result.path)), shown(owner.student)
        judged = self._files[result.path] = JudgedFile(note=origin_note(result.trace))
        rules = self.options.rules.of_worksheet(result.worksheet)
        self._similarities.add(owner, result)
        if result.tables:
            self._checked.add(owner.place)
        for table in result.tables:
            number, points = len(self.tables), points_of(table, rules)
            row = TableRow.of(table, file, student, points, self.options.level)
            self.tables.append(row)
            judged.tables.append(JudgedTable.of(number, row, table, points, rules))
            self._add_findings(table, number, owner.place)
        for problem in result.problems:
            row = TableRow.of_problem(problem, file, student)
            self.tables.append(row)
            judged.problem = judged.problem or row.first_finding

    def _add_findings(self, table: TableResult, number: int, submission: Path) -> None:
        mistakes = _mistakes(table) if self.options.level.tells_causes else {}
        for finding in table.findings:
            row = FindingRow.of(number, self.tables[number], finding)
            self._findings.append(row)
            key = mistakes.get(finding.column, (finding.column, finding.cause))
            self._examples.setdefault(key, f"{row.file} [{row.sheet}] {row.first_cell}")
            if (submission, *key) not in self._counted:
                self._counted.add((submission, *key))
                self._submissions[key] += 1

    def add_without_workbook(self, submission: Submission) -> None:
        """Add a student without a workbook."""
        place = "" if submission.place == Path() else str(submission.place)
        self.tables.append(TableRow.without_workbook(place, submission.student, submission.content))

    def students(self) -> list[StudentRow]:
        """Return a row per student, with the points."""
        return [student_row(one, self._files) for one in self._submitted.students]

    def findings_in(self, table: int) -> list[FindingRow]:
        """Return the findings in a table, which is given by its number."""
        return self._findings_by_table.get(table, [])

    @cached_property
    def _findings_by_table(self) -> dict[int, list[FindingRow]]:
        """All findings, when all files were added."""
        found: dict[int, list[FindingRow]] = {}
        for row in self._findings:
            found.setdefault(row.table, []).append(row)
        return found

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

    def _told_mistakes(self) -> list[CommonMistake]:
        """Return the mistakes as the report tells them: if not by cause, then by column."""
        if self.options.level.tells_causes:
            return self.most_common()
        submissions: dict[str, set[Path]] = {}
        for submission, column, _ in self._counted:
            submissions.setdefault(column, set()).add(submission)
        examples = {column: self._examples[column, cause] for column, cause in self._examples}
        ordered = sorted(submissions.items(), key=lambda item: (-len(item[1]), item[0]))
        every = len(self._checked)
        return [
            CommonMistake(column, "", len(having), len(having) / every, examples[column])
            for column, having in ordered
        ]

    # --- writing ---

    def write(self, path: Path, suffix: str) -> None:
        """Write the report.

        Args:
            path: where to write; an existing file is replaced.
            suffix: ``.xlsx`` for the workbook, ``.csv`` for the tables alone.

        Raises:
            OSError, FileCreateError: the file cannot be written.
        """
        if suffix == ".csv":
            self._write_csv(path)
        else:
            self._write_workbook(path)

    def _write_csv(self, path: Path) -> None:
        """Write the tables as UTF-8 with a byte order mark, so that Excel uses this encoding."""
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([one.name for one in fields(TableRow)])
            writer.writerows(map(_csv_row, self.tables))

    def _write_workbook(self, path: Path) -> None:
        from xlsxwriter import Workbook

        from backprop_sheet.audit.report.findings_sheet import write_findings
        from backprop_sheet.audit.report.marks_sheet import write_marks
        from backprop_sheet.audit.report.mistakes_sheet import write_mistakes
        from backprop_sheet.audit.report.similar_sheet import write_similar
        from backprop_sheet.audit.report.tables_sheet import write_tables
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
        styles, level = Styles(workbook), self.options.level
        marks, tables = workbook.add_worksheet("Marks"), workbook.add_worksheet("Tables")
        links = dict(self._links()) if level.tells_places else {}
        write_marks(marks, styles, self.students(), links, self.options.rules.points)
        write_tables(tables, styles, self.tables, links)
        if level.tells_places:
            mistakes = workbook.add_worksheet("Mistakes")
            write_mistakes(mistakes, workbook, styles, self._told_mistakes())
            write_findings(workbook.add_worksheet("Findings"), styles, self._findings, level)
        similar = workbook.add_worksheet("Similar")
        write_similar(similar, styles, self._similarities, level, path.parent)
        workbook.close()

    def _links(self) -> Iterator[tuple[int, int]]:
        """Yield the tables with findings, and the row of the first one on its sheet."""
        for row, finding in reversed(list(enumerate(self._findings, 1))):
            yield finding.table, row


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is a report of :meth:`ClassReport.write`."""
    from gradsheet.excel.provenance import has_provenance

    if path.suffix.lower() != ".csv":
        return has_provenance(path, _KIND)
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline(1_000).startswith(_SAME_COLUMNS)
    except (OSError, ValueError):
        return False


def _csv_row(row: TableRow) -> list[Any]:
    values = {one.name: getattr(row, one.name) for one in fields(TableRow)}
    if (share := row.right_columns) is not None:  # as it is shown in the workbook
        values["right_columns"] = round(share, percent_decimals(share) + 2)
    return [csv_value(value) for value in values.values()]
