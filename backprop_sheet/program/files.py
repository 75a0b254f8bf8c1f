"""Programs as files."""

from __future__ import annotations

from pathlib import Path

from backprop_sheet.exercise.model import Exercise
from backprop_sheet.program.notebook import as_notebook
from backprop_sheet.program.program import PROVENANCE, as_script, program_of
from gradsheet.files import start_of

_MARKS = {".py": f"# {PROVENANCE}\n", ".ipynb": '"generator": "gradsheet"'}
SUFFIXES = tuple(_MARKS)


def program_text(exercise: Exercise, path: Path, framework: str) -> str:
    """Return the program of an exercise in the format of the path's suffix.

    Args:
        framework: ``torch`` or ``keras``.

    Raises:
        InvalidInputError: the framework cannot compute the exercise.
    """
    program = program_of(exercise, framework)
    write = {".py": as_script, ".ipynb": as_notebook}[path.suffix.lower()]
    return write(exercise, program)


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a program that gradsheet wrote."""
    mark = _MARKS.get(path.suffix.lower())
    return mark is not None and mark in start_of(path, 64)
