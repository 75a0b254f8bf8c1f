"""Whose a file is: which student of a class the course system, a folder or the file names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backprop_sheet.handout.roster import Student

_APOSTROPHES = re.compile("['’`´ʼ‘]")
_WORD = re.compile(r"[^\W_]+")
# Letters that are no letter with an accent, and how people write letters that they do not have.
_PLAIN = str.maketrans({"ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_SIMPLIFIED = str.maketrans({"ø": "o"})

Words = tuple[str, ...]


def name_words(name: str) -> frozenset[Words]:
    """Return the words of a name without case, accents and punctuation, in each usual spelling."""
    composed = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", name)).casefold()
    composed = unicodedata.normalize("NFC", composed).translate(_PLAIN)
    spellings = (composed.translate(_SPELLED_OUT), composed.translate(_SIMPLIFIED))
    return frozenset(tuple(_WORD.findall(_without_accents(text))) for text in spellings)


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


@dataclass(frozen=True)
class Owner:
    """Whose a file is.

    Attributes:
        student: None if that is not known.
        note: what its place and the file say differently, or "".
    """

    student: Student | None
    note: str = ""


class ClassList:
    """The students of a class, found by what a course system, a folder or a file names."""

    def __init__(self, students: Iterable[Student]) -> None:
        self.students: Sequence[Student] = tuple(students)

    def by_id(self, identifier: str | None) -> Student | None:
        """Return the student with an id; None if there is none."""
        return self._by_id.get((identifier or "").strip().casefold())

    def by_name(self, name: str) -> Student | None:
        """Return the only student whom a name can stand for, else None.

        The words may be in another order or, as Canvas writes them, without spaces. A longer text,
        such as the name of a file, names a student if it has all words of the name.
        """
        spellings = name_words(name)
        if (with_id := self._only(self._named_with_id(spellings))) is not None:
            return with_id
        exact = self._only(
            student
            for spelling in spellings
            for key in (tuple(sorted(spelling)), ("".join(spelling),))
            for student in self._by_words.get(key, ())
        )
        if exact is not None:
            return exact
        words = [set(spelling) for spelling in spellings]
        within = [
            (student, len(spelling))
            for student, own in self._words
            for spelling in own
            if len(spelling) > 1 and any(set(spelling) <= each for each in words)
        ]
        longest = max((length for _, length in within), default=0)
        return self._only(
            (student for student, length in within if length == longest), set().union(*words)
        )

    def _named_with_id(self, spellings: Iterable[Words]) -> Iterator[Student]:
        """Yield the students whose name and id make up a text, as the names of our files do."""
        keys = {tuple(sorted(spelling)) for spelling in spellings}
        for key in keys:
            yield from self._by_words_and_id.get(key, ())

    @cached_property
    def _by_words_and_id(self) -> dict[Words, list[Student]]:
        found: dict[Words, list[Student]] = {}
        for student, spellings in self._words:
            for own in name_words(student.id) if student.id != student.name else ():
                for words in spellings:
                    found.setdefault(tuple(sorted((*words, *own))), []).append(student)
        return found

    def of_same_name(self, name: str) -> tuple[Student, ...]:
        """Return all students of a name, if there are several: then it says nothing alone."""
        keys = {tuple(sorted(spelling)) for spelling in name_words(name)}
        same = dict.fromkeys(one for key in keys for one in self._by_words.get(key, ()))
        return tuple(same) if len(same) > 1 else ()

    def of_place(self, name: str, identifier: str = "") -> Student | None:
        """Return the student whom the place of a file names, by number, login or name.

        The number of another system may be the id of another student: then the name counts.
        """
        numbered = self.by_id(identifier) or self.by_id(name) or self._by_login(name)
        named = self.by_name(name)
        if numbered is None or named is None:
            return numbered or named
        return numbered if name_words(numbered.name) & name_words(named.name) else named

    def owner(self, name: str, identifier: str = "", stated: str | None = None) -> Owner:
        """Return whose a file is.

        Args:
            name: in the place of the file.
            identifier: in the place of the file, or "".
            stated: whose the file says that it is, by id.
        """
        return self.owner_at(self.of_place(name, identifier), stated)

    def owner_at(self, placed: Student | None, stated: str | None) -> Owner:
        """Return whose a file is if its place names a student, or none."""
        own = self.by_id(stated)
        if placed is None or own is None or own == placed:
            return Owner(placed or own)
        return Owner(
            placed,
            f"the file is the worksheet of {shown(own)}, but it is in the place of {shown(placed)}",
        )

    @cached_property
    def _by_id(self) -> dict[str, Student]:
        return {student.id.strip().casefold(): student for student in self.students}

    def _by_login(self, name: str) -> Student | None:
        """Return the only student whose e-mail address starts with a login."""
        login = f"{name.strip().casefold()}@"
        return self._only(one for one in self.students if one.email.casefold().startswith(login))

    @cached_property
    def _words(self) -> list[tuple[Student, frozenset[Words]]]:
        return [(student, name_words(student.name)) for student in self.students]

    @cached_property
    def _by_words(self) -> dict[Words, list[Student]]:
        """Students by their sorted words, and by the words in each cyclic order, joined."""
        found: dict[Words, list[Student]] = {}
        for student, spellings in self._words:
            for words in filter(None, spellings):
                turned = [words[start:] + words[:start] for start in range(len(words))]
                for key in {tuple(sorted(words)), *(("".join(order),) for order in turned)}:
                    found.setdefault(key, []).append(student)
        return found

    def _only(self, students: Iterable[Student], words: set[str] | None = None) -> Student | None:
        """Return the only one of some students; of several, the only one whose id is a word."""
        different = list(dict.fromkeys(students))
        if len(different) > 1 and words:
            different = [one for one in different if one.id.casefold() in words]
        return different[0] if len(different) == 1 else None


def shown(student: Student) -> str:
    """Return a student's name and id: ``Kim Lee (10106)``."""
    return student.name if student.id == student.name else f"{student.name} ({student.id})"
