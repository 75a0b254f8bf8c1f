"""How course systems name what a student handed in.

Moodle (mod/assign, download_submissions): ``Full Name_12345_assignsubmission_file_`` as a folder,
or before the name of the file. Canvas (submission zip): ``lastfirst_LATE_123_456_file-1.xlsx``,
with the numbers of the student and of the submission, and -1 for the second attempt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile


class System(StrEnum):
    """Who named a file."""

    MOODLE = "Moodle"
    CANVAS = "Canvas"
    GOOGLE = "Google Classroom"
    GITHUB = "GitHub Classroom"
    NONE = ""


@dataclass(frozen=True)
class Owner:
    """Whose a file or folder is, as its name tells.

    Attributes:
        name: the student's, as the system writes it.
        identifier: the system's number of the student, or "".
        order: increases with each attempt of a student.
        is_late: whether the system says that it came too late.
    """

    name: str
    identifier: str = ""
    order: int = 0
    is_late: bool = False
    system: System = System.NONE


_MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<id>\d{1,18})_assignsubmission_(?:file|onlinetext)(?:_.*)?", re.DOTALL
)
_CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d{1,18})_(?P<submission>\d{1,18})_.+", re.DOTALL
)
_GOOGLE = re.compile(r"(?P<name>[^\d][^/]*?) [-–] .+", re.DOTALL)


def owner_of(name: str) -> Owner | None:
    """Return whose a file or folder is if Moodle or Canvas named it, else None."""
    if match := _MOODLE.fullmatch(name):
        return Owner(match["name"].strip(), match["id"], system=System.MOODLE)
    if match := _CANVAS.fullmatch(name):
        order, late = int(match["submission"]), match["late"] is not None
        return Owner(match["name"], match["id"], order, late, System.CANVAS)
    return None


def google_owners(files: Sequence[str]) -> list[Owner] | None:
    """Return whose the files of a folder are if Google Classroom named them all, else None.

    It names a copy of a file that each student gets ``First Last - name of the file``.
    """
    matches = [_GOOGLE.fullmatch(name) for name in files]
    if len(files) < 2 or not all(matches):
        return None
    return [Owner(match["name"].strip(), system=System.GOOGLE) for match in matches if match]


def github_owners(folders: Sequence[str]) -> list[Owner] | None:
    """Return whose the folders are if GitHub Classroom named them all, else None.

    It names each student's repository ``assignment-login``. A login may have hyphens, too.
    """
    first, last = min(folders, default=""), max(folders, default="")  # the most different ones
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    start = "".join(sign for sign, _ in same)
    start = start[: start.rfind("-") + 1]
    if len(folders) < 2 or not start or any(name == start for name in folders):
        return None
    return [Owner(name.removeprefix(start), system=System.GITHUB) for name in folders]
