"""Audit every table of an exercise in a workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import filterfalse
from pathlib import Path

from backprop_sheet.audit.compare.table_comparison import DEFAULT_TOLERANCE, Labels
from backprop_sheet.audit.diagnose.table_result import diagnose
from backprop_sheet.audit.find.carried_exercise import carried_exercise
from backprop_sheet.audit.find.given_sheets import GivenSheets
from backprop_sheet.audit.find.given_values import labeled_values
from backprop_sheet.audit.find.layouts import find_tables
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.feedback_sheet import is_feedback
from backprop_sheet.audit.read.workbook import UnreadableWorkbookError, number, read_sheets
from backprop_sheet.audit.recognition import (
    OtherNetworkError,
    Recognized,
    compare_with,
    packaged,
    recognize,
)
from backprop_sheet.audit.results import Problem, TableResult, WorkbookResult
from backprop_sheet.equations.names import COMPUTED_KINDS, Kind, kind_of
from backprop_sheet.exercise.model import Exercise

MAX_UNFILLED = 20  # tables of a workbook
NO_STORED_VALUES = (
    "has formulas without stored values: open and save it once in Excel or LibreOffice"
)


def audit_workbook(
    path: Path,
    exercise: Exercise | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
) -> WorkbookResult:
    """Audit every table of an exercise in a workbook.

    Args:
        exercise: the exercise that the tables are of; None recognizes the packaged ones.
        tolerance: the largest relative difference that is still right.

    Returns:
        The tables' results, and why the file or some of its tables could not be checked.
    """
    results: list[TableResult] = []
    problems: list[Problem] = []
    without_values: list[str] = []
    exercises = _Exercises(path, exercise)
    unreadable: list[Problem] = []

    def on_unreadable(sheet: str, reason: str) -> None:
        unreadable.append(Problem(reason, sheet))

    unfilled: list[Table] = []
    given_sheets = GivenSheets(lambda: read_sheets(path, lambda *_: None))

    def audit(table: Table) -> None:
        try:
            labels = labeled_values(table, given_sheets.add_to(table))
            recognized = exercises.recognize(table, labels, tolerance)
        except OtherNetworkError as error:
            problem = Problem(str(error), table.sheet, other_network=True)
            if problem not in problems:  # a sheet may have many such tables
                problems.append(problem)
            return
        result = diagnose(recognized.comparison, str(path), recognized.exercise)
        results.append(replace(result, warnings=(*exercises.notes(result), *result.warnings)))

    try:
        # Unlike a generator, filterfalse does not keep a sheet while the next one is read.
        for table in find_tables(filterfalse(is_feedback, read_sheets(path, on_unreadable))):
            if _lacks_values(table):
                without_values.append(table.sheet)
            elif _has_values(table):
                audit(table)
            elif len(unfilled) < MAX_UNFILLED:
                unfilled.append(table)
            del table  # keeps only one sheet at a time in memory
        if not (results or problems or without_values):
            # Beside a table with numbers, these are legends. Alone, they are a form not filled in.
            for table in unfilled:
                audit(table)
    except UnreadableWorkbookError as error:
        return WorkbookResult(path, tuple(results), (*problems, *unreadable, Problem(str(error))))
    problems += unreadable
    problems += _missing_values(without_values, is_alone=not (results or problems))
    return WorkbookResult(path, tuple(results), tuple(problems))


def _missing_values(sheets: Sequence[str], *, is_alone: bool) -> list[Problem]:
    """Return the problems of tables without stored values, or of a workbook without tables."""
    if not is_alone:
        return [Problem(NO_STORED_VALUES, sheet) for sheet in dict.fromkeys(sheets)]
    if sheets:
        return [Problem(NO_STORED_VALUES)]
    return [Problem("has no table of the exercise (headers such as w1, a_h1, E_total, ∂E/∂w1)")]


class _Exercises:
    """The exercises that the tables of a workbook can be of.

    Args:
        given: the only one; None stands for that which the workbook carries and the packaged ones.
    """

    def __init__(self, path: Path, given: Exercise | None) -> None:
        self._path, self._given = path, given

    @cached_property
    def _carried(self) -> Exercise | None:
        return carried_exercise(self._path) if self._given is None else None

    def recognize(self, table: Table, labels: Labels, tolerance: float) -> Recognized:
        """Find a table's exercise. One that has all columns of the carried exercise is of that.

        Raises:
            OtherNetworkError: the table is of another network.
        """
        if self._given is not None:
            return recognize(table, labels, [self._given], tolerance)
        if self._carried is None:
            return recognize(table, labels, _packaged(), tolerance)
        own = compare_with(self._carried, table, labels, tolerance)
        return own or recognize(table, labels, [*_packaged(), self._carried], tolerance)

    def notes(self, result: TableResult) -> list[str]:
        """Say that a table was compared with an exercise that only the workbook tells."""
        carried = self._carried
        if carried is None or carried.name or result.exercise != carried.title:
            return []
        loss = carried.training.loss.replace("_", " ")
        network = carried.network.describe()
        return [f"compared with the exercise that the workbook carries: {network}, {loss}"]


@lru_cache(maxsize=1)
def _packaged() -> Sequence[Exercise]:
    return packaged()


def _has_values(table: Table) -> bool:
    """Whether a computed column shows a number anywhere."""
    return any(
        number(table.value(name, record)) is not None for name, record in _computed_cells(table)
    )


def _lacks_values(table: Table) -> bool:
    """Whether the formulas of the computed columns have no values, as openpyxl saves them."""
    has_formulas = False
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


def not_checked(path: Path, reason: str) -> WorkbookResult:
    """Return the result of a workbook whose audit failed.

    Args:
        reason: continues "could not be checked:".
    """
    return WorkbookResult(path, problems=(Problem(f"could not be checked: {reason}"),))
