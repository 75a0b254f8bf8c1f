"""The packaged exercises."""

from __future__ import annotations

from pathlib import Path

from gradsheet.errors import InvalidInputError

EXERCISES_FOLDER = Path(__file__).parent / "exercises"
DEFAULT_EXERCISE = "course"


def packaged_exercises() -> list[str]:
    """Return the names of the packaged exercises, the default one first."""
    found = sorted(path.stem for path in EXERCISES_FOLDER.glob("*.toml"))
    return sorted(found, key=lambda name: name != DEFAULT_EXERCISE)


def packaged_file(name: str) -> Path:
    """Return the file of a packaged exercise.

    Raises:
        InvalidInputError: there is no such exercise.
    """
    if name not in packaged_exercises():
        raise InvalidInputError(
            f"there is no exercise {name!r}: it must be one of "
            f"{', '.join(packaged_exercises())}, or a file ending in .toml"
        )
    return EXERCISES_FOLDER / f"{name}.toml"
