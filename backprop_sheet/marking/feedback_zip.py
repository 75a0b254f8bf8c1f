"""The zip of annotated copies that Moodle's upload of feedback files takes.

Moodle gives a file to the student whom one of the folders in its path, or its name, names: ``Jane
Doe_10101_assignsubmission_file_/hw.xlsx``. So the copies keep the names of what was downloaded.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# How an earlier one is recognized.
COMMENT = b"Annotated copies written by gradsheet"

_OWNER = re.compile(r"(.+?_\d+_assignsubmission_[a-z]+_).*\.zip", re.IGNORECASE | re.DOTALL)


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
            name = _unused(name_in_zip(copy.relative_to(folder).as_posix()), used)
            used.add(name.casefold())
            archive.write(copy, name)


def name_in_zip(place: str) -> str:
    """Return the name of a copy, without the zips of students that the workbook was in.

    Args:
        place: where the workbook was in what was downloaded, with ``/`` between folders.
    """
    *folders, name = place.split("/")
    kept = []
    for folder in folders:
        if not folder.lower().endswith(".zip"):
            kept.append(folder)
        elif match := _OWNER.fullmatch(folder):
            kept.append(match[1])  # all in one folder: the zip's name tells whose it is
    return "/".join([*kept, name])


def _unused(name: str, used: set[str]) -> str:
    path, number = PurePosixPath(name), 2
    while name.casefold() in used:
        name = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        number += 1
    return name
