"""The zip of annotated copies that Moodle's upload of feedback files takes.

Moodle gives a file to the student whom one of the folders in its path, or its name, names: ``Jane
Doe_10101_assignsubmission_file_/hw.xlsx``. So the copies keep the names of what was downloaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# How an earlier one is recognized.
COMMENT = b"Annotated copies written by gradsheet"


def is_feedback_zip(path: Path) -> bool:
    """Whether a file was written by :func:`write_feedback_zip`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == COMMENT
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def write_feedback_zip(folder: Path, copies: Iterable[Path], target: Path) -> None:
    """Write a zip of copies.

    Args:
        folder: that the copies are in.

    Raises:
        OSError: a file cannot be read or written.
    """
    used: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # workbooks are compressed
        archive.comment = COMMENT
        for copy in copies:
            name = _unused(copy.relative_to(folder).as_posix(), used)
            used.add(name.casefold())
            archive.write(copy, name)


def _unused(name: str, used: set[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name.casefold() in used:
        name = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        number += 1
    return name
