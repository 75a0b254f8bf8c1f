"""Whose each file is, as the names of files and folders tell.

A folder with a name that a course system gave, or with a student of the class list, is the folder
of a class: all that is directly in it is a student's. Without such a name, the folders directly in
a given one are the students', as are workbooks that are directly in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.submissions.class_list import ClassList
from backprop_sheet.audit.submissions.found_files import Found, Parts, Root
from backprop_sheet.audit.submissions.naming import (
    Named,
    Owner,
    canvas_owner,
    github_owners,
    moodle_owner,
    owners_in,
)

if TYPE_CHECKING:
    from backprop_sheet.handout.roster import Student

Key = tuple[object, ...]

MAX_ATTEMPTS = 9  # workbooks of one student, in a folder that nobody's name is on
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Place:
    """Where a student's files are.

    Attributes:
        parts: the student's folder or file below the given one.
        key: equal for all places of a student.
        student: of the class list; None if it is not known.
        same: all students of the name, if there are several and nothing else tells.
    """

    owner: Owner
    parts: Parts
    key: Key
    student: Student | None = None
    same: tuple[Student, ...] = ()


class Whose:
    """Says whose the files of a given folder, zip or file are."""

    def __init__(self, root: Root, class_list: ClassList) -> None:
        self._root, self._class_list = root, class_list
        self._owners: dict[Parts, dict[str, Owner]] = {}
        self._places: dict[Parts, Place] = {}

    def place_of(self, found: Found) -> Place | None:
        """Return the place that a file or folder is in; None if it is no student's."""
        owner = self._owner_of_root
        if owner is not None:
            return self._place(owner, ())
        for number, name in enumerate(found.parts):
            owners = self._owners_in(found.parts[:number])
            if name in owners:
                return self._place(owners[name], found.parts[: number + 1])
            if owners:
                return self._unnamed(found, number)
        if self._names_student(self._root_name):
            return self._place(Owner(self._root_name), ())
        return self._plain(found)

    # --- places ---

    def _place(self, owner: Owner, parts: Parts) -> Place:
        if parts not in self._places:
            self._places[parts] = self._new_place(owner, parts)
        return self._places[parts]

    def _new_place(self, owner: Owner, parts: Parts) -> Place:
        name, identifier = owner.name, owner.identifier
        student = self._class_list.of_place(name, identifier)
        key: Key = (self._root.path, parts)
        if student is not None:
            key = (student.id,)
        elif identifier:
            key = (owner.system, identifier, name)
        elif owner.system:
            key = (self._root.path, parts[:-1], owner.system, name)
        same = () if student is not None else self._class_list.of_same_name(name)
        return Place(owner, parts, key, student, same)

    def _names_student(self, text: str) -> bool:
        """Whether a name is that of a student of the class list, or of several."""
        known = self._class_list
        return known.of_place(text) is not None or bool(known.of_same_name(text))

    def _unnamed(self, found: Found, number: int) -> Place | None:
        """Return the place of what is in a class's folder under a name that nobody gave."""
        parts = found.parts[: number + 1]
        if parts == found.parts and not (found.is_workbook or found.is_folder):
            return None
        return self._place(Owner(self._stem(parts)), parts)

    def _stem(self, parts: Parts) -> str:
        name = parts[-1]
        return Path(name).stem if self._is_file(parts) else name

    def _is_file(self, parts: Parts) -> bool:
        return self._children[parts[:-1]][parts[-1]]

    @property
    def _root_name(self) -> str:
        path = self._root.path
        name = path.name or path.resolve().name
        return path.stem if self._root.is_file or self._root.is_zip else name

    @cached_property
    def _owner_of_root(self) -> Owner | None:
        """The student whose a given path is, as a course system names it."""
        path = self._root.path
        for name in path.parts:
            if owner := moodle_owner(name):
                return owner
        if self._root.is_file:
            if owner := canvas_owner(path.name):
                return owner
            folder = path.parent.name
            is_in_own = not self._names_student(path.stem) and self._names_student(folder)
            return Owner(folder if is_in_own else path.stem)
        return None

    # --- folders of a class ---

    @cached_property
    def _children(self) -> dict[Parts, dict[str, bool]]:
        """The names in each folder, each with whether it is a file; a zip is one, too."""
        children: dict[Parts, dict[str, bool]] = defaultdict(dict)
        for found in self._root.found:
            for number, name in enumerate(found.parts):
                is_last = number + 1 == len(found.parts)
                is_file = (is_last and not found.is_folder) or number + 1 in found.zips
                children[found.parts[:number]][name] = is_file
        return children

    def _owners_in(self, folder: Parts) -> dict[str, Owner]:
        """Return the students by the names in a folder; {} if nothing names one."""
        if folder not in self._owners:
            self._owners[folder] = self._owners_by_name(folder)
        return self._owners[folder]

    def _owners_by_name(self, folder: Parts) -> dict[str, Owner]:
        children = self._children[folder]
        named = [Named(name, is_file) for name, is_file in children.items()]
        if owners := owners_in(named, is_class=self._is_class(folder, named)):
            return owners
        folders = [one.name for one in named if not one.is_file]
        are_clones = any((*folder, name) in self._root.clones for name in folders)
        parent = folder[-1] if folder else self._root_name
        if owners := github_owners(folders, parent, are_clones=are_clones):
            return owners
        return {
            name: Owner(text)
            for name in children
            if self._names_student(text := self._stem((*folder, name)))
        }

    def _is_class(self, folder: Parts, named: Sequence[Named]) -> bool:
        """Whether a folder is a class's: beside it is nothing, or all in it are of the class."""
        if all(len(self._children[folder[:number]]) == 1 for number in range(len(folder))):
            return True
        owners = [canvas_owner(one.name) for one in named]
        return all(
            owner is not None and self._class_list.of_place(owner.name, owner.identifier)
            for owner in owners
        )

    # --- plain folders ---

    def _plain(self, found: Found) -> Place | None:
        base, rule = self._plain_rule
        if rule == "nobody":
            return self._place(Owner(self._root_name), ())
        length = len(base) + 1
        if len(found.parts) < length:
            return None
        parts = found.parts[:length]
        if self._is_file(parts) and parts == found.parts and not found.is_workbook:
            return None
        if rule == "files" and parts != found.parts:
            return None
        return self._place(Owner(self._stem(parts)), parts)

    @cached_property
    def _plain_rule(self) -> tuple[Parts, str]:
        """The class's folder, and whose are the folders in it.

        They are no students' if all workbooks are directly in the class's folder ("files"). It is
        itself a student's if it has files and no workbook ("nobody").
        """
        base = self._base
        length = len(base) + 1
        workbooks = [one for one in self._root.found if one.is_workbook]
        if workbooks and all(len(one.parts) == length for one in workbooks):
            return base, "files"
        children = self._children[base]
        if not workbooks and (not children or any(children.values())):
            return base, "nobody"
        return base, "folders"

    @cached_property
    def _base(self) -> Parts:
        """The folder of the class. A zip, or its folder, often has one folder with all in it."""
        base: Parts = ()
        while len(self._children[base]) == 1:
            (name,) = self._children[base]
            if not self._is_class_by_content((*base, name)):
                break
            base = (*base, name)
        return base

    def _is_class_by_content(self, folder: Parts) -> bool:
        """Whether the only folder has what several students, not one, would hand in.

        A student sends few workbooks, and names them alike: ``hw 1``, ``hw 2 final``.
        """
        inner = self._children.get(folder, {})
        if self._root.is_zip and len(inner) > 1 and not any(inner.values()):
            return True
        length = len(folder) + 1
        workbooks = {
            found.parts[:length]
            for found in self._root.found
            if found.is_workbook and found.parts[: length - 1] == folder
        }
        if len(workbooks) > MAX_ATTEMPTS:
            return True
        words = [set(_LETTERS.findall(self._stem(parts).casefold())) for parts in workbooks]
        return len(workbooks) > 2 and not set.intersection(*words)


def places(root: Root, class_list: ClassList) -> Iterator[tuple[Found, Place | None]]:
    """Yield all files of a root, each with the place of the student whose it is."""
    whose = Whose(root, class_list)
    for found in root.found:
        yield found, whose.place_of(found)
