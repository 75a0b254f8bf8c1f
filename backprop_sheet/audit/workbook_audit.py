"""Audit every table of an exercise in a workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import filterfalse
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.compare.inside_columns import computed_inside
from backprop_sheet.audit.compare.table_comparison import DEFAULT_TOLERANCE, Comparison, Labels
from backprop_sheet.audit.diagnose.table_result import diagnose
from backprop_sheet.audit.find.carried_exercise import filled_worksheet, packaged_as
from backprop_sheet.audit.find.given_sheets import GivenSheets
from backprop_sheet.audit.find.given_values import labeled_values
from backprop_sheet.audit.find.layouts import find_tables
from backprop_sheet.audit.find.other_sheets import (
    lacks_kinds,
    with_other_regions,
    with_other_sheets,
)
from backprop_sheet.audit.find.repeated_cells import repeats_other_cells
from backprop_sheet.audit.find.spread_forms import spread_form
from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.find.unknown_headers import labels_by_sheet, unknown_headers
from backprop_sheet.audit.own_networks import (
    OwnNetworks,
    explains_better,
    explains_more,
    fits_better,
    is_doubtful,
)
from backprop_sheet.audit.pasted_copies import ResultsWithoutCopies
from backprop_sheet.audit.read.feedback_sheet import is_feedback
from backprop_sheet.audit.read.references import Address, cell_of
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.read.workbook import UnreadableWorkbookError, number, read_sheets
from backprop_sheet.audit.recognition import NotRecognizedError, Recognized, recognize
from backprop_sheet.audit.report.reading_words import no_table, reading_notes, spread_over_sheets
from backprop_sheet.audit.results import Advice, Problem, TableResult, WorkbookResult
from backprop_sheet.audit.similarity.traces import file_trace
from backprop_sheet.audit.submissions.collection import SubmittedFile
from backprop_sheet.audit.workbook_exercises import WorkbookExercises
from backprop_sheet.equations.names import COMPUTED_KINDS, Kind, kind_of
from backprop_sheet.exercise.model import Exercise
from gradsheet.excel.provenance import BLANK_PROPERTY, property_of
from gradsheet.words import join

if TYPE_CHECKING:
    from backprop_sheet.audit.find.formula_regions import FormulaRegion
    from backprop_sheet.audit.given_check import FileCheck, GivenCheck
    from backprop_sheet.audit.network_of_table import ReadNetwork

MAX_NAMED = 6  # headers in a note
MAX_UNFILLED = 20  # tables of a workbook
NO_STORED_VALUES = (
    "has formulas without stored values: open and save it once in Excel or LibreOffice"
)


def audit_workbook(
    path: Path,
    exercise: Exercise | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    given: FileCheck | None = None,
) -> WorkbookResult:
    """Audit every table of an exercise in a workbook.

    Args:
        exercise: the exercise that the tables are of; None recognizes the packaged ones.
        tolerance: the largest relative difference that is still right.
        given: which given numbers the tables must have; None for any.

    Returns:
        The tables' results, and why the file or some of its tables could not be checked.
    """
    audit = _WorkbookAudit(path, exercise, tolerance, given)
    stop: list[Problem] = []
    try:
        audit.read()
    except UnreadableWorkbookError as error:
        stop = [Problem(str(error))]
    return audit.result(stop)


def audit_submitted(
    file: SubmittedFile,
    *,
    exercise: Exercise | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    given: GivenCheck | None = None,
) -> WorkbookResult:
    """Do as :func:`audit_workbook`. The result has the place of the file for the user."""
    of_file = None if given is None else given.of_file(file.shown)
    result = audit_workbook(file.path, exercise, tolerance, of_file)
    return replace(result.at(file.shown), trace=file_trace(file.path))


class _WorkbookAudit:
    """The audit of one workbook: what was found so far."""

    def __init__(
        self, path: Path, exercise: Exercise | None, tolerance: float, given: FileCheck | None
    ) -> None:
        self._path, self._exercise, self._tolerance = path, exercise, tolerance
        self._given = given
        self._exercises = WorkbookExercises(path, exercise)
        self._own_networks = OwnNetworks(path, exercise, tolerance)
        self._given_sheets = GivenSheets(lambda: read_sheets(path, lambda *_: None))
        self._results = ResultsWithoutCopies()
        self._networks: list[Exercise] = []
        self._problems: list[Problem] = []
        self._unreadable: list[Problem] = []
        self._without_values: list[str] = []
        self._joined: set[Address | None] = set()  # headers and first cells of joined tables

    def read(self) -> None:
        """Audit every table.

        Raises:
            UnreadableWorkbookError: the file, or one of its sheets with too many tables.
        """
        unfilled: list[Table] = []
        repeated: list[Table] = []
        # Unlike a generator, filterfalse does not keep a sheet while the next one is read.
        sheets = filterfalse(is_feedback, read_sheets(self._path, self._on_unreadable))
        for table in find_tables(filterfalse(self._own_networks.is_left_out, sheets)):
            if _lacks_values(table) and not (self._is_worksheet and _has_results(table)):
                self._without_values.append(table.sheet)
            elif repeats_other_cells(table):
                repeated = [*repeated, table][:MAX_UNFILLED]
            elif _has_values(table):
                self._audit(table)
            elif len(unfilled) < MAX_UNFILLED:
                unfilled.append(table)
            del table  # keeps only one sheet at a time in memory
        if self._has_nothing:
            # Beside a table with numbers, these are legends. Alone, they are a form not filled in.
            for table in unfilled:
                self._audit(table)
        if self._has_nothing:
            self._audit_by_formulas()
            spread = None if self._results else spread_form(self._own_networks.sheets.values())
            if spread is not None:
                self._audit(spread)
            if not self._results:
                for table in repeated:  # of numbers that could not be read where they stand
                    self._audit(table)
            if not self._results:
                self._problems += self._own_networks.reasons[:1]

    def result(self, stop: Sequence[Problem]) -> WorkbookResult:
        """Return the result; ``stop`` says why the audit ended early."""
        problems = [*self._problems, *self._unreadable, *stop]
        if not stop:
            is_alone = not (self._results or problems)
            problems += self._missing_values(is_alone=is_alone)
        networks = () if stop else tuple(self._networks)
        worksheet = filled_worksheet(self._path) if self._results else None
        tables = tuple(self._results)
        if self._given is not None:
            tables = self._given.of_all(tables)
        return WorkbookResult(self._path, tables, tuple(problems), networks, worksheet)

    def _missing_values(self, *, is_alone: bool) -> list[Problem]:
        """Return the problems of tables without stored values, or of a workbook without tables."""
        sheets = self._without_values
        if not is_alone:
            return [Problem(NO_STORED_VALUES, sheet) for sheet in dict.fromkeys(sheets)]
        if sheets:
            return [Problem(NO_STORED_VALUES)]
        kept = self._own_networks.sheets.values()
        if not any(sheet.values for sheet in kept):
            return [Problem("has no table: its cells are empty")]
        spread = spread_over_sheets(labels_by_sheet(kept))
        return [Problem(spread or no_table(unknown_headers(kept)))]

    @cached_property
    def _is_worksheet(self) -> bool:
        """Whether a worksheet of this project, whose formulas wait for what is typed."""
        return property_of(self._path, BLANK_PROPERTY) is not None

    @property
    def _has_nothing(self) -> bool:
        return not (self._results or self._problems or self._without_values)

    def _on_unreadable(self, sheet: str, reason: str) -> None:
        self._unreadable.append(Problem(reason, sheet))

    def _audit_by_formulas(self) -> None:
        """Audit the tables whose headers name too little: their formulas say what they are."""
        joined: set[str] = set()  # the sheets of tables over several sheets
        for regions in self._own_networks.regions_of_sheets():
            sheet = regions[0].sheet
            if sheet.title in joined:
                continue
            if not self._is_worksheet and sheet.formulas.keys().isdisjoint(sheet.values):
                self._without_values.append(sheet.title)
                continue
            read = self._own_networks.of_regions(regions)
            recognized = self._recognized_first(regions)
            if recognized is not None and (read is None or _explains_more(recognized, read)):
                self._add_recognized(recognized)
                table = recognized.reading.table
                joined |= table.sheets.keys() - set(table.given_sheets)
            elif read is not None:
                self._add(read)

    def _recognized_first(self, regions: Sequence[FormulaRegion]) -> Recognized | None:
        """Recognize the first of a sheet's tables that is of a known exercise."""
        for region in regions:
            table = region.table_by_headers()
            if repeats_other_cells(table):
                continue
            table, labels = self._with_sheets(table)
            with suppress(NotRecognizedError):
                return self._exercises.recognize(table, labels, self._tolerance)
        return None

    def _add(self, read: ReadNetwork) -> None:
        result = _result_of_own(read, str(self._path), self._exercise)
        self._append(replace(result, columns=read.columns), read.comparison)
        if self._exercise is None:
            self._networks.append(read.exercise)

    def _add_own(self, read: ReadNetwork, table: Table, labels: Labels) -> None:
        """Add the result of a table of another network, with mistakes on the sheet they are on.

        Of a table on several sheets, the formulas of one are read, and those of others are a part
        of them: the network is compared with the whole table, by its headers.
        """
        recognized = None
        wrong = read.comparison.wrong_columns
        sheets = table.sheets.keys() - set(table.given_sheets)
        if self._exercise is None and wrong and len(sheets) > 1:
            with suppress(NotRecognizedError):
                recognized = recognize(table, labels, [read.exercise], self._tolerance)
        if recognized is None or not 0 < recognized.comparison.wrong_columns <= wrong:
            self._add(read)
            return
        self._networks.append(read.exercise)
        self._add_recognized(replace(recognized, exercise=read.shape), _network_note(read))

    def _audit(self, table: Table) -> None:
        if self._is_joined(table):
            return
        table, labels = self._with_sheets(table)
        try:
            recognized = self._exercises.recognize(table, labels, self._tolerance)
        except NotRecognizedError as error:
            self._on_unknown(table, labels, error)
            return
        if other := self._exercises.other_than_given(table, labels, self._tolerance, recognized):
            self._add_problem(other)
            return
        noted = len(self._own_networks.reasons)
        read = self._read_better(table, recognized)
        if read is not None:
            self._add_own(read, table, labels)
            return
        comparison, left = recognized.comparison, recognized.reading.parameters_left
        reasons = self._own_networks.reasons[noted:][:1]
        if reasons and self._own_networks.is_of_another(table, comparison, left):
            self._add_problem(reasons[0])
        else:
            self._add_recognized(recognized)

    def _is_joined(self, table: Table) -> bool:
        """Whether a table is a part of another one. Several trainings may have one header."""
        if not table.names:
            return False
        is_further = table.top() != table.header(table.names[0])
        return all(
            (table.cell(name, 0) if is_further else table.header(name)) in self._joined
            for name in table.names
        )

    def _with_sheets(self, table: Table) -> tuple[Table, Labels]:
        """Return a table with its columns on other sheets, and the values outside of it."""
        referred = self._given_sheets.add_to(table)
        lacks_some = lacks_kinds(table)
        if lacks_some:
            table = with_other_regions(table)
        if table.given_sheets or lacks_some:
            table = with_other_sheets(table, self._given_sheets.others(table))
            referred |= self._given_sheets.add_to(table)
            for column in table.columns:
                self._joined |= {column.header, column.cells[0]}
        labels = labeled_values(table, referred)
        if self._given_sheets.add_lists(table, labels):
            labels = labeled_values(table, referred)
        return table, labels

    def _add_recognized(self, recognized: Recognized, *first_notes: str) -> None:
        reading = recognized.reading
        inside = computed_inside(recognized.comparison) if reading.is_all_used else {}
        result = diagnose(recognized.comparison, str(self._path), recognized.exercise, inside)
        missing = [one for one in recognized.comparison.data.missing if one not in inside]
        read_words = reading_notes(reading, missing, result.findings)
        notes = (*first_notes, *self._exercises.notes(result), *read_words, *result.warnings)
        result = replace(result, warnings=notes, columns=reading.columns)
        self._append(result, recognized.comparison)

    def _append(self, result: TableResult, comparison: Comparison) -> None:
        judged = result if self._given is None else self._given.judged(result, comparison)
        self._results.add(judged, comparison)

    def _on_unknown(self, table: Table, labels: Labels, error: NotRecognizedError) -> None:
        """Compare a table that fits no exercise with its own network, or say why not."""
        noted = len(self._own_networks.reasons)
        read = self._own_networks.of_table(table)
        if read is not None:
            self._add_own(read, table, labels)
            return
        if table.is_presumed:
            return  # other networks are looked for in the whole sheets
        problem = self._exercises.problem(table, labels, self._tolerance, error)
        if Advice.ANY_EXERCISE not in problem.advice:
            for reason in self._own_networks.reasons[noted:][:1]:  # a description would not help
                usual = (one for one in problem.advice if one is not Advice.DESCRIBE_NETWORK)
                advice = reason.advice or tuple(usual)
                problem = Problem(reason.text, table.sheet, advice, error.columns)
        self._add_problem(problem)

    def _add_problem(self, problem: Problem) -> None:
        if problem not in self._problems:  # a sheet may have many such tables
            self._problems.append(problem)

    def _read_better(self, table: Table, recognized: Recognized) -> ReadNetwork | None:
        """Return what the formulas of a table say, if that fits it better than its headers."""
        comparison, reading = recognized.comparison, recognized.reading
        unknown = reading.unexplained + sum(not column.quantity for column in reading.columns)
        if self._has_own_exercise:
            if not (comparison.wrong_columns or unknown or comparison.data.missing):
                return None
            read = self._own_networks.of_table(table)
            return read if read is not None and fits_better(read, comparison, unknown) else None
        left = reading.parameters_left
        if not is_doubtful(comparison, left):
            return None
        read = self._own_networks.of_table(table)
        return read if read is not None and explains_better(read, comparison, left) else None

    @cached_property
    def _has_own_exercise(self) -> bool:
        """Whether the tables must be of an exercise that is not packaged."""
        return self._exercise is not None and packaged_as(self._exercise) is None


def _explains_more(recognized: Recognized, read: ReadNetwork) -> bool:
    """Whether a known exercise explains more of a table than what its formulas describe."""
    reading = recognized.reading
    second = min(1, reading.table.records - 1)
    unknown = sum(
        read_as.names_quantity and not read_as.quantity and column.formula(second) is not None
        for read_as, column in zip(reading.columns, reading.table.columns, strict=False)
    )
    return explains_more(recognized.comparison, unknown, read)


def _result_of_own(read: ReadNetwork, file: str, given: Exercise | None) -> TableResult:
    """Return the result of a table that was compared with what its formulas describe."""
    inside = {} if read.unexplained else computed_inside(read.comparison)
    if given is not None:
        return diagnose(read.comparison, file, given.name or given.title, inside)
    known = packaged_as(read.exercise)
    if known is not None:  # under headers that were not recognized
        result = diagnose(read.comparison, file, known.name, inside)
        return replace(result, warnings=(*_header_notes(read, result), *result.warnings))
    result = diagnose(read.comparison, file, read.shape, inside)
    note = _network_note(read, with_optimizer=result.lr is not None)
    return replace(result, warnings=(note, *_header_notes(read, result), *result.warnings))


def _network_note(read: ReadNetwork, *, with_optimizer: bool = True) -> str:
    """Say which network a table was compared with."""
    words = read.description(with_optimizer=with_optimizer)
    return f"checked against the network that its formulas describe: {words}"


def _header_notes(read: ReadNetwork, result: TableResult) -> Iterator[str]:
    """Say which columns the findings are about, and which columns were not checked."""
    named = {
        finding.column: header
        for finding in result.findings
        if (header := read.headers.get(finding.column)) and quantity_name(header) != finding.column
    }
    if named:
        cells = {column.quantity: f" ({column.cell})" for column in read.columns if column.cell}
        words = (
            f"{name} is the column {header!r}{cells.get(name, '')}"
            for name, header in named.items()
        )
        yield join(words)
    # What right quantities are computed from is checked with them.
    told = _headers_of_findings(read, result) | read.checked
    if unexplained := [header for header in read.unexplained if header not in told]:
        words = (repr(header) for header in unexplained[:MAX_NAMED])
        more = len(unexplained) - MAX_NAMED
        others = [f"{more} more"] if more > 0 else []
        yield f"not checked, as no quantity has such formulas: {join([*words, *others])}"


def _headers_of_findings(read: ReadNetwork, result: TableResult) -> set[str]:
    """Return the headers of columns without a quantity in which a mistake was found: Δw1."""
    table = read.comparison.data.table
    firsts = [table.in_first_record(each.cells[0]) for each in result.findings if each.cells]
    across = 0 if table.layout is Layout.COLUMNS else 1
    lines = {(first.sheet, first[1 + across]) for first in firsts}
    return {
        column.header
        for column in read.columns
        if not column.quantity
        and (cell := cell_of(column.cell)) is not None
        and (table.sheet, cell[across]) in lines
    }


def _has_values(table: Table) -> bool:
    """Whether a computed column shows a number anywhere."""
    return table.is_presumed or any(
        number(table.value(name, record)) is not None for name, record in _computed_cells(table)
    )


def _has_results(table: Table) -> bool:
    """Whether a formula of the table has a value, such as those of a worksheet's given numbers."""
    return any(
        table.formula(name, record) is not None and table.value(name, record) is not None
        for name in table.names
        for record in range(table.records)
    )


def _lacks_values(table: Table) -> bool:
    """Whether the formulas of the computed columns have no values, as openpyxl saves them."""
    has_formulas = False
    if table.is_presumed:
        return False
    for name, record in _computed_cells(table):
        if table.formula(name, record) is not None:
            if table.value(name, record) is not None:
                return False
            has_formulas = True
    return has_formulas


def _computed_cells(table: Table) -> Iterator[tuple[str, int]]:
    for name in table.names:
        if kind_of(name) in COMPUTED_KINDS - {Kind.STATE}:
            yield from ((name, record) for record in range(table.records))


def not_checked(file: SubmittedFile, reason: str) -> WorkbookResult:
    """Return the result of a workbook whose audit failed.

    Args:
        reason: continues "could not be checked:".
    """
    problem = Problem(f"could not be checked: {reason}")
    return WorkbookResult(file.path, problems=(problem,)).at(file.shown)
