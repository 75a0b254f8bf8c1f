"""What a path that should be a file is, found out without opening it: opening a pipe may block."""

from __future__ import annotations

import stat
from pathlib import Path

from gradsheet.files import reason_of

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


def problem_with_file(path: Path) -> str | None:
    """Return why a path cannot be read as a file, such as ``is a folder``; None if it can be."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"cannot be read: {reason_of(error)}"
    if stat.S_ISREG(mode):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "is not a regular file")


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder. Unlike ``Path.is_dir``, this raises nothing."""
    return problem_with_file(path) == "is a folder"
