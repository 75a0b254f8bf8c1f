"""Which exercise a table of a workbook is of: a given one, a carried one, or a packaged one."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from backprop_sheet.audit.compare.table_comparison import Labels
from backprop_sheet.audit.find.carried_exercise import carried_exercise
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.own_networks import is_doubtful
from backprop_sheet.audit.recognition import (
    NotRecognizedError,
    OtherNetworkError,
    PackagedExercises,
    Recognized,
    TiedColumnsError,
    compare_with,
    recognize,
)
from backprop_sheet.audit.results import Advice, Problem, ReadColumn, TableResult
from backprop_sheet.exercise.model import Exercise

MIN_WRONG_OF_OTHER = 3  # columns that are wrong in a table of another exercise than the given one


class WorkbookExercises:
    """The exercises that the tables of a workbook can be of."""

    def __init__(self, path: Path, given: Exercise | None) -> None:
        """Know the workbook.

        Args:
            given: the only exercise; None stands for that which the workbook carries, and the
                packaged ones.
        """
        self._path, self._given = path, given

    @cached_property
    def _carried(self) -> Exercise | None:
        return carried_exercise(self._path) if self._given is None else None

    def recognize(self, table: Table, labels: Labels, tolerance: float) -> Recognized:
        """Find a table's exercise. One that has all columns of the carried exercise is of that.

        Raises:
            NotRecognizedError: the table fits none of them, or is of another network.
        """
        if self._given is not None:
            return recognize(table, labels, [self._given], tolerance)
        if self._carried is None:
            return recognize(table, labels, PackagedExercises(), tolerance)
        own = compare_with(self._carried, table, labels, tolerance)
        return own or recognize(table, labels, PackagedExercises(self._carried), tolerance)

    def problem(
        self, table: Table, labels: Labels, tolerance: float, error: NotRecognizedError
    ) -> Problem:
        """Say why a table could not be checked, and what helps."""
        given, columns = self._given, error.columns
        start = "could not be checked: "
        if given is not None:
            if fitting := self._fitting(table, labels, tolerance):
                return _of_other(fitting, given, table, columns)
            start += f"it does not fit the exercise {_name_of(given)}: "
        if isinstance(error, OtherNetworkError):
            text = f"{start}its numbers are right for another network, {error}"
            return Problem(text, table.sheet, (Advice.DESCRIBE_NETWORK,), columns)
        advice: tuple[Advice, ...] = (Advice.SHOW_COLUMNS, Advice.DESCRIBE_NETWORK)
        if isinstance(error, TiedColumnsError):
            advice = (Advice.SHOW_COLUMNS,)
        return Problem(f"{start}{error}", table.sheet, advice, columns)

    def other_than_given(
        self, table: Table, labels: Labels, tolerance: float, found: Recognized
    ) -> Problem | None:
        """Say that a table, with the mistakes in it, is of another exercise than the given one.

        The other one has another network, and leaves less than half as many columns wrong. With the
        same network, another loss or optimizer than the given one is a mistake.
        """
        wrong = found.comparison.wrong_columns
        if self._given is None or wrong < MIN_WRONG_OF_OTHER:
            return None
        network = self._given.network
        others = [exercise for exercise in PackagedExercises() if exercise.network != network]
        try:
            other = recognize(table, labels, others, tolerance)
        except NotRecognizedError:
            return None
        if 2 * other.comparison.wrong_columns >= wrong:
            return None
        return _of_other(other.exercise, self._given, table, found.reading.columns)

    def _fitting(self, table: Table, labels: Labels, tolerance: float) -> str:
        """Return what a table fits that does not fit the given exercise; "" if nothing."""
        try:
            found = recognize(table, labels, PackagedExercises(), tolerance)
        except NotRecognizedError:
            return ""
        return "" if is_doubtful(found.comparison) else found.exercise

    def notes(self, result: TableResult) -> list[str]:
        """Say that a table was compared with an exercise that only the workbook tells."""
        carried = self._carried
        if carried is None or carried.name or result.exercise != carried.title:
            return []
        loss = carried.training.loss.replace("_", " ")
        network = carried.network.describe()
        return [f"compared with the exercise that the workbook carries: {network}, {loss}"]


def _of_other(
    exercise: str, given: Exercise, table: Table, columns: tuple[ReadColumn, ...]
) -> Problem:
    text = f"could not be checked: it fits the exercise {exercise}, not {_name_of(given)}"
    return Problem(text, table.sheet, (Advice.ANY_EXERCISE,), columns)


def _name_of(exercise: Exercise) -> str:
    return exercise.name or f"{exercise.title!r}"
