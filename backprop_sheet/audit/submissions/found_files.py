"""Find all files in what was given: in folders, in zips, and in zips within them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from backprop_sheet.audit.submissions.archives import (
    MAX_DEPTH,
    MAX_ZIP_BYTES,
    Budget,
    LimitReachedError,
    Member,
    UnreadableZipError,
    Zip,
    class_budget,
    own_budget,
)
from gradsheet.errors import InvalidInputError
from gradsheet.input_files import is_folder
from gradsheet.unfinished import temporary_folder

# Formats that cannot be read are included, so that each has a result that says why.
SUFFIXES = {".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods"}
ZIP = ".zip"

# A folder may hold anything, such as a whole disk's copy. What is beyond is not counted.
MAX_ENTRIES = 200_000  # of all folders together
MAX_FOLDERS = 20  # folders within folders

LINK = "a link to another folder, which is not followed"
CUT = "and more, not counted"
UNREADABLE = "cannot be read"
RENAMED = "is a workbook: change .zip to .xlsx in its name"

# macOS adds a folder of this name to zip files.
_NO_STUDENTS = "__macosx"

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A file, an empty folder, or a folder that was not read to its end.

    Attributes:
        parts: the folders below the given folder or zip, and the name.
        path: where it can be read; None if it was not unpacked, because it is no workbook.
        modified: in seconds.
        problem: why it cannot be used, in words that follow its name, or "".
        zips: how many of the parts lead to each zip in which it is.
    """

    parts: Parts
    path: Path | None = None
    is_folder: bool = False
    modified: float = 0.0
    problem: str = ""
    zips: tuple[int, ...] = ()

    @property
    def is_workbook(self) -> bool:
        """Whether it can be checked."""
        return self.path is not None and not self.problem


@dataclass
class Root:
    """A given path, and what is in it, in the order of the names.

    Attributes:
        is_file: it is a file, and all that was found is this file.
        clones: the folders in which is a repository.
    """

    path: Path
    is_file: bool = False
    is_zip: bool = False
    found: list[Found] = field(default_factory=list)
    clones: set[Parts] = field(default_factory=set)

    def shown(self, parts: Parts) -> Path:
        """Return where a file is for the user."""
        return self.path.joinpath(*parts)


def is_shown(name: str) -> bool:
    """Whether a file is not hidden, and not one by which Office marks an open file."""
    return not name.startswith((".", "~$")) and name.casefold() != _NO_STUDENTS


def is_workbook_name(name: str) -> bool:
    """Whether a file is a workbook by its name."""
    return Path(name).suffix.lower() in SUFFIXES


class Finder:
    """Finds the files. The zips are unpacked into a temporary folder, which the stack deletes."""

    def __init__(self, stack: ExitStack, unpacked: Callable[[], None] = lambda: None) -> None:
        """Start.

        Args:
            unpacked: called after each file that was unpacked.
        """
        self._stack, self._unpacked = stack, unpacked
        self._folder: Path | None = None
        self._number = 0
        self._entries_left = MAX_ENTRIES
        self._class_budget = class_budget()

    def find(self, paths: Iterable[Path]) -> list[Root]:
        """Find the files in all paths.

        Raises:
            InvalidInputError: a zip that was given cannot be unpacked.
        """
        return [self._root(path) for path in dict.fromkeys(paths)]

    def _root(self, path: Path) -> Root:
        if is_folder(path):
            root = Root(path)
            root.found = list(self._in_folder(root))
        elif path.suffix.lower() == ZIP:
            root = self._zip_root(path)
        else:
            root = Root(path, is_file=True, found=[Found((), path)])
        root.found.sort(key=lambda one: one.parts)
        return root

    def _zip_root(self, path: Path) -> Root:
        try:
            found = list(self._in_zip(path, (), (), (self._class_budget,)))
        except UnreadableZipError as error:
            raise InvalidInputError(f"{path} {error}") from error
        if found == [Found((), problem=RENAMED)]:
            return Root(path, is_file=True, found=[Found((), path)])
        return Root(path, is_zip=True, found=found)

    # --- folders ---

    def _in_folder(self, root: Root) -> Iterator[Found]:
        waiting: list[Parts] = [()]
        while waiting:
            parts = waiting.pop()
            try:
                with os.scandir(root.shown(parts)) as entries:
                    is_empty = True
                    for entry in entries:
                        if entry.name == ".git":
                            root.clones.add(parts)
                        if not is_shown(entry.name):
                            continue
                        is_empty = False
                        if self._entries_left <= 0:
                            yield Found(parts, is_folder=True, problem=CUT)
                            break
                        self._entries_left -= 1
                        if not entry.is_dir():
                            yield from self._file(root, (*parts, entry.name), entry)
                        elif entry.is_symlink():
                            yield Found((*parts, entry.name), is_folder=True, problem=LINK)
                        elif len(parts) < MAX_FOLDERS:
                            waiting.append((*parts, entry.name))
                        else:
                            yield Found((*parts, entry.name), is_folder=True, problem=CUT)
                if is_empty:
                    yield Found(parts, is_folder=True)
            except OSError:
                yield Found(parts, is_folder=True, problem=UNREADABLE)

    def _file(self, root: Root, parts: Parts, entry: os.DirEntry[str]) -> Iterator[Found]:
        path = root.shown(parts)
        name = parts[-1]
        if not (is_workbook_name(name) or name.lower().endswith(ZIP)) or not entry.is_file():
            yield Found(parts)
            return
        if entry.is_symlink() and not path.resolve().is_relative_to(root.path.resolve()):
            yield Found(parts, problem="is a link to elsewhere, which is not followed")
            return
        modified = entry.stat().st_mtime
        if is_workbook_name(name):
            yield Found(parts, path, modified=modified)
        else:
            budgets = (self._class_budget, own_budget())
            for one in self._handed_in_zip(path, parts, (len(parts),), budgets):
                yield one if one.modified else replace(one, modified=modified)

    # --- zips ---

    def _handed_in_zip(
        self, path: Path, parts: Parts, zips: tuple[int, ...], budgets: tuple[Budget, ...]
    ) -> Iterator[Found]:
        """Yield what is in a zip that somebody handed in; all of it, or why it cannot be used."""
        if path.stat().st_size == 0:
            yield Found(parts, is_folder=True, zips=zips)
            return
        try:
            found = list(self._in_zip(path, parts, zips, budgets))
        except LimitReachedError as error:
            if len(zips) > 1:
                raise
            found = [Found(parts, problem=str(error))]
        except UnreadableZipError as error:
            found = [Found(parts, problem=str(error))]
        yield from found

    def _in_zip(
        self, path: Path, parts: Parts, zips: tuple[int, ...], budgets: tuple[Budget, ...]
    ) -> Iterator[Found]:
        if len(zips) > MAX_DEPTH:
            raise UnreadableZipError(f"is in more than {MAX_DEPTH} zips within zips")
        with Zip(path, budgets) as archive:
            if archive.is_workbook:
                yield Found(parts, problem=RENAMED)
                return
            members = [one for one in archive.members() if all(map(is_shown, one.parts))]
            if not any(not one.is_folder for one in members):
                yield Found(parts, is_folder=True, zips=zips)
            filled = {one.parts[:n] for one in members for n in range(len(one.parts))}
            for one in members:
                if one.is_folder:
                    if one.parts not in filled:
                        yield Found((*parts, *one.parts), is_folder=True, zips=zips)
                else:
                    yield from self._member(archive, one, Found((*parts, *one.parts), zips=zips),
                                            budgets)  # fmt: skip

    def _member(
        self, archive: Zip, member: Member, found: Found, budgets: tuple[Budget, ...]
    ) -> Iterator[Found]:
        name = found.parts[-1]
        found = replace(found, modified=member.modified, problem=member.problem)
        is_zip = name.lower().endswith(ZIP)
        if member.problem or not (is_zip or is_workbook_name(name)):
            yield found
            return
        target = self._new_file(Path(name).suffix.lower())
        try:
            archive.unpack(member, target, *((MAX_ZIP_BYTES,) if is_zip else ()))
        except LimitReachedError:
            raise
        except UnreadableZipError as error:
            yield replace(found, problem=str(error))
            return
        self._unpacked()
        if not is_zip:
            yield replace(found, path=target)
            return
        zips = (*found.zips, len(found.parts))
        inner = budgets if len(budgets) > 1 else (*budgets, own_budget())
        yield from self._handed_in_zip(target, found.parts, zips, inner)
        target.unlink(missing_ok=True)

    def _new_file(self, suffix: str) -> Path:
        if self._folder is None:
            try:
                self._folder = self._stack.enter_context(temporary_folder())
            except OSError as error:
                raise InvalidInputError(
                    f"there is no place for temporary files to unpack a zip: {error.strerror}"
                ) from error
        self._number += 1
        return self._folder / f"{self._number:06}{suffix}"
