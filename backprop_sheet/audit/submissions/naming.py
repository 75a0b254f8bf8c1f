"""How course systems name what a student handed in.

Moodle (mod/assign, download_submissions): ``Full Name_12345_assignsubmission_file_`` as a folder,
or before the name of the file. Canvas (submission zip): ``lastfirst_LATE_123_456_file-1.xlsx``,
with the numbers of the student and of the file, and -1 for the second attempt; with anonymous
students ``anon_AbC12_456_file.xlsx``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple


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


class Named(NamedTuple):
    """A name in a folder; a zip that was handed in is a file."""

    name: str
    is_file: bool


_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d{1,18})_assignsubmission_[a-z]+(?:_.*)?", re.DOTALL)
_CANVAS = re.compile(
    r"(?:(?P<late>LATE_)?anon_(?P<anonymous>[^\W_]{1,20})"
    r"|(?P<name>\w+?)_(?P<late_too>LATE_)?(?P<id>\d{1,18}))"
    r"_(?:(?P<order>\d{1,18})_.+|(?:text|link)\.html)",
    re.DOTALL,
)
_GOOGLE = re.compile(r"(?P<name>[^\d/]*?[^\d/\s]) [-–] .+", re.DOTALL)


def moodle_owner(name: str) -> Owner | None:
    """Return whose a file or folder is if Moodle named it, else None."""
    match = _MOODLE.fullmatch(name)
    return Owner(match["name"].strip(), match["id"], system=System.MOODLE) if match else None


def canvas_owner(name: str) -> Owner | None:
    """Return whose a file is if Canvas may have named it, else None."""
    match = _CANVAS.fullmatch(name)
    if match is None:
        return None
    known = match["anonymous"] or match["name"]
    if match["anonymous"] is None and (known != known.lower() or known.isdecimal()):
        return None  # Canvas writes small letters
    is_late = bool(match["late"] or match["late_too"])
    identifier = match["id"] or f"anon_{known}"
    name = known if match["name"] else f"anonymous {known}"
    return Owner(name, identifier, int(match["order"] or 0), is_late, System.CANVAS)


def owners_in(folder: Sequence[Named], *, is_class: bool) -> dict[str, Owner]:
    """Return whose the files and folders are that a course system named.

    Args:
        folder: all names in a folder.
        is_class: whether this is the folder of a class, not possibly one of a student.
    """
    names = [one.name for one in folder]
    files = [one.name for one in folder if one.is_file]
    if moodle := {name: owner for name in names if (owner := moodle_owner(name))}:
        return moodle
    canvas = {name: owner for name in files if (owner := canvas_owner(name))}
    several = len({owner.identifier for owner in canvas.values()}) > 1
    if canvas and len(canvas) == len(files) and (is_class or several):
        return canvas
    return _google_owners(files) if is_class else {}


def _google_owners(files: Sequence[str]) -> dict[str, Owner]:
    """Return whose the files of a folder are if Google Classroom named them all.

    It names a copy of a file that each student gets ``First Last - name of the file``.
    """
    matches = {name: match for name in files if (match := _GOOGLE.fullmatch(name))}
    if len(files) < 2 or len(matches) < len(files):
        return {}
    return {
        name: Owner(match["name"].strip(), system=System.GOOGLE) for name, match in matches.items()
    }


def github_owners(folders: Sequence[str], parent: str, *, are_clones: bool) -> dict[str, Owner]:
    """Return whose the folders are if GitHub Classroom named them all.

    It names each student's repository ``assignment-login``, and the folder of all of them
    ``assignment-submissions``. A login may have hyphens, too.

    Args:
        are_clones: whether one of them is a clone of a repository.
    """
    first, last = min(folders, default=""), max(folders, default="")  # the most different ones
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    start = "".join(sign for sign, _ in same)
    start = start[: start.rfind("-") + 1]
    if parent.endswith("-submissions"):
        start = parent.removesuffix("submissions")
    elif len(folders) < 2 or not are_clones:
        return {}
    if not start or not all(name.startswith(start) and name != start for name in folders):
        return {}
    return {
        name: Owner(name.removeprefix(start), name.removeprefix(start), system=System.GITHUB)
        for name in folders
    }
