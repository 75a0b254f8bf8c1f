"""Students' folders without a workbook, and what is in them."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradsheet.input_files import is_folder
from gradsheet.words import count

# A folder may hold anything, such as a whole disk's copy. What is beyond is not counted.
MAX_ENTRIES = 20_000  # of all folders together
MAX_DEPTH = 20
_KINDS_SHOWN, _LONGEST_SUFFIX = 4, 12

# macOS adds a folder of this name to zip files.
_NO_STUDENTS = {"__macosx"}


@dataclass(frozen=True)
class FolderWithoutWorkbook:
    """A student's folder without a workbook; ``content`` is such as ``1 .numbers, 2 .pdf``."""

    path: Path
    student: str
    content: str


def folders_without_workbook(
    given: Iterable[Path], workbooks: Sequence[Path]
) -> list[FolderWithoutWorkbook]:
    """Find the students without a workbook.

    Students' folders are those directly in a given folder. But a given folder whose workbooks all
    are directly in it has no students' folders, and one that has files and no workbook is itself a
    student's.

    Args:
        given: the given paths.
        workbooks: the workbooks that were found there.
    """
    budget = _Budget(MAX_ENTRIES)
    return [
        FolderWithoutWorkbook(
            folder, folder.name or folder.resolve().name, _content(root, folder, budget)
        )
        for root in dict.fromkeys(given)
        if is_folder(root)
        for folder in _folders_without(root, workbooks)
    ]


def _folders_without(root: Path, workbooks: Sequence[Path]) -> Iterator[Path]:
    below = [path.relative_to(root).parts for path in workbooks if path.is_relative_to(root)]
    having = {parts[0] for parts in below if len(parts) > 1}
    if below and not having:
        return
    try:
        with os.scandir(root) as entries:
            shown = sorted((one.name, one.is_dir()) for one in entries if _is_shown(one.name))
    except OSError:
        shown = []
    if not below and not all(is_student for _, is_student in shown):
        shown = []
    if not below and not shown:
        yield root
    for name, is_student in shown:
        if is_student and name not in having and name.casefold() not in _NO_STUDENTS:
            yield root / name


def _is_shown(name: str) -> bool:
    """Whether a file is not hidden, and not one by which Office marks an open file."""
    return not name.startswith((".", "~$"))


@dataclass
class _Budget:
    """How many further entries of folders may be read."""

    left: int


def _content(root: Path, folder: Path, budget: _Budget) -> str:
    if folder != root and folder.is_symlink():
        return "a link to another folder, which is not followed"
    return content_of(folder, budget)


def content_of(folder: Path, budget: _Budget | None = None) -> str:
    """Count the files in a folder and its subfolders by suffix: ``1 .numbers, 2 .pdf``.

    At most :data:`MAX_ENTRIES` entries are read, and links to folders are not followed.
    """
    budget = budget or _Budget(MAX_ENTRIES)
    kinds: Counter[str] = Counter()
    waiting = deque([(folder, 0)])
    is_complete = True
    while waiting:
        current, depth = waiting.popleft()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if budget.left <= 0:
                        is_complete = False
                        break
                    budget.left -= 1
                    if not _is_shown(entry.name):
                        continue
                    if not entry.is_dir(follow_symlinks=False):
                        kinds[_kind(entry.name)] += 1
                    elif depth < MAX_DEPTH:
                        waiting.append((Path(entry.path), depth + 1))
                    else:
                        is_complete = False
        except OSError:
            if current == folder:
                return "cannot be read"
            is_complete = False
    return _in_words(kinds, is_complete)


def _in_words(kinds: Counter[str], is_complete: bool) -> str:
    shown = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{number:,} {kind}" for kind, number in shown[:_KINDS_SHOWN]]
    if others := sum(number for _, number in shown[_KINDS_SHOWN:]):
        words.append(count(others, "other"))
    if not is_complete:
        words.append("and more, not counted" if words else "not counted")
    return ", ".join(words) or "nothing"


def _kind(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if 1 < len(suffix) <= _LONGEST_SUFFIX else "without a suffix"
