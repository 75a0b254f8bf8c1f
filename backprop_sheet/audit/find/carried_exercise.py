"""The exercise that a workbook of the command ``sheet`` carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backprop_sheet.audit.recognition import PackagedExercises
from backprop_sheet.audit.results import FilledWorksheet
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.exercise_file import MAX_FILE_BYTES, parse_exercise
from backprop_sheet.exercise.model import Exercise, Training
from gradsheet.errors import InvalidInputError
from gradsheet.excel.provenance import BLANK_PROPERTY, carried_text, property_of


def carried_exercise(path: Path) -> Exercise | None:
    """Return the exercise that a workbook carries, or None.

    The file is untrusted: the text's size is limited, and it is checked as an exercise file is. If
    a packaged exercise has the same equations, that is returned.
    """
    exercise = _as_carried(path)
    return None if exercise is None else packaged_as(exercise) or exercise


def filled_worksheet(path: Path) -> FilledWorksheet | None:
    """Return what a worksheet says about itself; None for other workbooks."""
    words = (property_of(path, BLANK_PROPERTY) or "").split(",")
    blank = tuple(group for group in ColumnGroup if group in words)
    exercise = _as_carried(path) if blank else None
    if exercise is None:
        return None
    return FilledWorksheet(blank, exercise.marks, exercise.training.iterations)


def _as_carried(path: Path) -> Exercise | None:
    text = carried_text(path, MAX_FILE_BYTES)
    if text is None:
        return None
    try:
        return parse_exercise(text)
    except InvalidInputError:
        return None


def packaged_as(exercise: Exercise) -> Exercise | None:
    """Return the packaged exercise with the same equations, or None."""
    same = (other for other in PackagedExercises() if _structure(other) == _structure(exercise))
    return next(same, None)


def _structure(exercise: Exercise) -> tuple[object, Training, int]:
    """Return what the equations follow from."""
    training = replace(exercise.training, learning_rates=(), iterations=0)
    return exercise.network, training, len(exercise.samples)
