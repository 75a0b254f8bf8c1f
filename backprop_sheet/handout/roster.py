"""Read who is in a class from what the course system exports.

What a column is follows from its header where the course system has fixed ones (Canvas), and from
its content where they are translated (Moodle).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backprop_sheet.handout.csv_table import CsvTable, read_csv
from gradsheet.errors import InvalidInputError
from gradsheet.printable import printable
from gradsheet.words import count, join

MAX_STUDENTS = 5_000
MAX_NAME = 100  # characters

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# Moodle's grading worksheet: "Participant 12345", and the word in other languages.
_PARTICIPANT = re.compile(r"([^\W\d_][^\d]{3,}?)\s*(\d+)")
# "ID number", "ID-Nummer", "Número de ID", "Numéro d'identification", "Codice identificativo".
_IS_ID = re.compile(r"\bid\b|\bidnumber\b|identif|username|student number|matri[ck]", re.I)
_CANVAS = {"id", "sis login id", "section"}  # Canvas does not translate its headers
# A canvas row that is not a student: the points of each assignment, and the test student.
_POINTS_POSSIBLE = "points possible"
_TEST_STUDENT = "student, test"


class RosterKind(StrEnum):
    """Which export a roster is; the value is its name in messages."""

    MOODLE_WORKSHEET = "a grading worksheet of Moodle"
    MOODLE_PARTICIPANTS = "a list of participants of Moodle"
    CANVAS = "a gradebook of Canvas"
    PLAIN = "a list of ids and names"


@dataclass(frozen=True)
class Student:
    """A student of a roster.

    Attributes:
        id: what the course system calls the student, unique in the roster.
        name: the name, first names first where the roster tells.
        email: the e-mail address, or "".
    """

    id: str
    name: str
    email: str = ""


@dataclass(frozen=True)
class Roster:
    """The students of a class, in the order of the file."""

    students: tuple[Student, ...]
    kind: RosterKind


def read_roster(path: Path) -> Roster:
    """Read a roster: Moodle's participants or grading worksheet, Canvas' gradebook, or id,name.

    Raises:
        InvalidInputError: not a roster, the same id twice, or too many students.
    """
    table = read_csv(path)
    kind, students = read_rows(table)
    _check(list(students.values()), table.label)
    return Roster(tuple(students.values()), kind)


def read_rows(table: CsvTable) -> tuple[RosterKind, dict[int, Student]]:
    """Return the students of a table by their rows, counted from 1 below the header.

    Raises:
        InvalidInputError: it has no column of names.
    """
    kind, read_row = _reader(table)
    students = {}
    for number, row in enumerate(table.rows, 1):
        if any(cell.strip() for cell in row) and (student := read_row(row)) is not None:
            students[number] = student
    return kind, students


RowReader = Callable[[Sequence[str]], Student | None]


def _reader(table: CsvTable) -> tuple[RosterKind, RowReader]:
    headers = [header.casefold() for header in table.header]
    if set(headers) >= _CANVAS and ("student" in headers or "lastname" in headers):
        return RosterKind.CANVAS, _canvas_reader(headers)
    participant = _participant_column(table)
    if participant is not None:
        return RosterKind.MOODLE_WORKSHEET, _worksheet_reader(table, participant)
    email = _email_column(table)
    if (names := _name_columns(headers)) is not None:
        identifier = _identifier_column(table, (*names, email))
        reader = _participants_reader(names, identifier, email)
        return RosterKind.MOODLE_PARTICIPANTS, reader
    if email == 2 and len(headers) >= 3 and not _has_ids(table):
        # First name, surname, e-mail address, under headers in another language.
        return RosterKind.MOODLE_PARTICIPANTS, _participants_reader((0, 1), None, email)
    return RosterKind.PLAIN, _plain_reader(headers, email, table.label)


def _participant_column(table: CsvTable) -> int | None:
    """Return the column of ``Participant 12345``: the same word and a number in every row.

    A list of ids and names may have names like ``Student 1``.
    """
    for column, header in enumerate(table.header):
        if header.casefold() == "name":
            continue
        matches = [_PARTICIPANT.fullmatch(row[column].strip()) for row in table.rows]
        if len({match and match[1] for match in matches}) == 1 and matches[0]:
            return column
    return None


def _email_column(table: CsvTable) -> int | None:
    for column in range(len(table.header)):
        cells = [row[column].strip() for row in table.rows if row[column].strip()]
        if cells and all(map(_EMAIL.fullmatch, cells)):
            return column
    return None


def _has_ids(table: CsvTable) -> bool:
    """Whether the first column has something else than words in every row: a number, a login."""
    return all(not row[0].replace("-", "").replace(" ", "").isalpha() for row in table.rows)


def _name_columns(headers: Sequence[str]) -> tuple[int, int] | None:
    firsts = ("first name", "firstname", "given name", "vorname", "prénom", "nombre", "nome")
    lasts = (
        "surname", "last name", "lastname", "family name", "nachname", "nom", "nom de famille",
        "apellido(s)", "apellidos", "cognome", "apelido",
    )  # fmt: skip
    first = next((headers.index(word) for word in firsts if word in headers), None)
    last = next((headers.index(word) for word in lasts if word in headers), None)
    return None if first is None or last is None else (first, last)


def _canvas_reader(headers: Sequence[str]) -> RowReader:
    identifier = headers.index("id")
    by_name = headers.index("student") if "student" in headers else None

    def read(row: Sequence[str]) -> Student | None:
        if by_name is not None:
            name = row[by_name].strip()
        else:
            last, first = row[headers.index("lastname")], row[headers.index("firstname")]
            name = f"{last.strip()}, {first.strip()}"
        if not row[identifier].strip() or name.casefold() in (_POINTS_POSSIBLE, _TEST_STUDENT):
            return None
        login = row[headers.index("sis login id")].strip()
        email = login if _EMAIL.fullmatch(login) else ""
        return Student(row[identifier].strip(), first_names_first(name), email)

    return read


def _worksheet_reader(table: CsvTable, participant: int) -> RowReader:
    email = _email_column(table)
    name = participant + 1

    def read(row: Sequence[str]) -> Student | None:
        match = _PARTICIPANT.fullmatch(row[participant].strip())
        if match is None:
            return None
        # An anonymous assignment has no names.
        is_named = name < len(row) and name != email
        shown = row[name].strip() if is_named else ""
        address = "" if email is None else row[email].strip()
        return Student(match[2], shown or row[participant].strip(), address)

    return read


def _identifier_column(table: CsvTable, others: Sequence[int | None]) -> int | None:
    """Return the column of ID numbers among a list of participants, which has translated headers.

    Its header has the word ID, or is a word for a login; the numbers may be left out.
    """
    columns = [column for column in range(len(table.header)) if column not in others]
    named = (column for column in columns if _IS_ID.search(table.header[column]))
    return next(named, None)


def _participants_reader(
    names: tuple[int, int], identifier: int | None, email: int | None
) -> RowReader:
    def read(row: Sequence[str]) -> Student | None:
        name = " ".join(row[column].strip() for column in names).strip()
        address = "" if email is None else row[email].strip()
        own = "" if identifier is None else row[identifier].strip()
        return Student(own or address or name, name, address) if name else None

    return read


def _plain_reader(headers: Sequence[str], email: int | None, label: str) -> RowReader:
    identifier = headers.index("id") if "id" in headers else 0
    named = [column for column in range(len(headers)) if column not in (identifier, email)]
    if "name" in headers:
        named = [headers.index("name")]
    if not named:
        raise InvalidInputError(
            f"{label} has no column of names: give a CSV file with the columns id and name, or the "
            "course system's own export"
        )

    def read(row: Sequence[str]) -> Student | None:
        own = row[identifier].strip()
        name = row[named[0]].strip()
        address = "" if email is None else row[email].strip()
        return (
            Student(own or name, first_names_first(name) or own, address) if own or name else None
        )

    return read


def first_names_first(name: str) -> str:
    """Return ``Jane Doe`` for ``Doe, Jane``; another name as it is."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and first.strip() else name


def _check(students: Sequence[Student], label: str) -> None:
    if not students:
        raise InvalidInputError(f"{label} has no students")
    if len(students) > MAX_STUDENTS:
        raise InvalidInputError(
            f"{label} has {len(students):,} students; the limit is {MAX_STUDENTS:,}"
        )
    known: set[str] = set()
    twice = []
    for student in students:
        if student.id in known:
            twice.append(student.id)
        known.add(student.id)
        if len(student.id) > MAX_NAME or len(student.name) > MAX_NAME:
            raise InvalidInputError(
                f"{label} has an id or a name of more than {MAX_NAME} characters: "
                f"{printable(student.name[:40])}…"
            )
    if twice:
        shown = join([printable(one) for one in twice[:3]], "and")
        raise InvalidInputError(
            f"{label} has {count(len(twice), 'student')} with the same id as another: {shown}"
        )
