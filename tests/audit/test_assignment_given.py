"""Whose numbers a table has: the student's own, somebody else's, changed ones, or trivial ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import invoke
from fixtures.course_systems import JANE, JOERG, KIM_1, KIM_2, LI, PEOPLE, ZOE, Person
from fixtures.handing_out import (
    COURSE_NUMBERS,
    ROWS,
    Checked,
    Handout,
    Numbers,
    Worksheet,
    check_assignment,
    check_given,
    solved,
    words_of,
    write_exercise,
)
from fixtures.student_workbooks import Table, book_of

# What is said about numbers that are not the given ones; right tables say none of it.
COMPLAINT = re.compile(r"those of|given (number|value)s?|trivial|changed|all (zero|equal|0)", re.I)


def place(folder: Path, person: Person) -> Path:
    """Moodle's folder of a student."""
    name = person.name.replace("'", "").replace("_", " ")
    path = folder / f"{name}_{person.moodle}_assignsubmission_file_"
    path.mkdir(parents=True)
    return path


def hand_in(folder: Path, person: Person, table: Table) -> Path:
    return book_of(table).write(place(folder, person) / "backprop.xlsx")


def own(handout: Handout, person: Person) -> Numbers:
    return handout.numbers[str(person.moodle)]


def judge(handout: Handout, tmp_path: Path, tables: Mapping[Person, Table]) -> Checked:
    folder = tmp_path / "class"
    for person, table in tables.items():
        hand_in(folder, person, table)
    return check_assignment(folder, handout, tmp_path / "marks.xlsx")


# ---------------------------------------------------------------------------------------------
# Each against its student's numbers


def test_own_numbers_are_right(class_handout: Handout, tmp_path: Path):
    tables = {person: own(class_handout, person).table() for person in PEOPLE}
    checked = judge(class_handout, tmp_path, tables)
    assert checked.code == 0
    for person in PEOPLE:
        if person not in (KIM_1, KIM_2):  # two of one name: see below
            row = checked.mark(person.name)
            assert not COMPLAINT.search(words_of(row)), row
            assert checked.points(person.name) == 10


def test_two_exchanged_files_are_named(class_handout: Handout, tmp_path: Path):
    """Each is right by itself; what is wrong is whose numbers they are."""
    pair = {JANE: JOERG, JOERG: JANE}
    tables = {person: own(class_handout, pair.get(person, person)).table() for person in PEOPLE[:4]}
    checked = judge(class_handout, tmp_path, tables)
    for person in PEOPLE[:4]:
        row = words_of(checked.mark(person.name))
        if person in pair:
            assert f"those of {pair[person].name}" in row
        else:
            assert "those of" not in row
    assert checked.code == 1
    assert f"those of {JOERG.name}" in checked.output, "it is printed, too"


def test_numbers_of_somebody_with_the_same_name_are_told_apart(
    class_handout: Handout, tmp_path: Path
):
    """The place has the course system's number, and the message must not only say "Kim Lee"."""
    tables = {KIM_1: own(class_handout, KIM_2).table(), KIM_2: own(class_handout, KIM_2).table()}
    checked = judge(class_handout, tmp_path, tables)
    rows = [words_of(row) for row in checked.marks if KIM_1.name in row.values()]
    (wrong,) = (row for row in rows if "those of" in row)
    assert re.search(rf"those of {KIM_2.name}\D*{KIM_2.moodle}", wrong)


@pytest.mark.parametrize("with_property", [True, False])
def test_an_exchanged_worksheet(with_property: bool, class_handout: Handout, tmp_path: Path):
    """A worksheet of another student in one's own place: the place decides, and it is said."""
    worksheet = Worksheet(class_handout.files[str(ZOE.moodle)])
    worksheet.type(solved(own(class_handout, ZOE).table(), worksheet.blanks))
    path = worksheet.save(place(tmp_path / "class", JANE) / "hw.xlsx")
    if not with_property:
        shutil.copy(path, tmp_path / "copy.xlsx")
        book_of(own(class_handout, ZOE).table()).write(path)
    checked = check_assignment(tmp_path / "class", class_handout, tmp_path / "marks.xlsx")
    assert f"those of {ZOE.name}" in words_of(checked.mark(JANE.name))
    assert not checked.points(ZOE.name), "she handed in nothing"


@pytest.mark.parametrize("name", ["w3", "w8", "i2", "t1", "η"])
def test_a_changed_number_is_named(name: str, class_handout: Handout, tmp_path: Path):
    numbers = own(class_handout, JANE)
    changed = with_changes(numbers, {name: numbers.all[name] + 0.05})
    checked = judge(
        class_handout, tmp_path, {JANE: changed.table(), LI: own(class_handout, LI).table()}
    )
    row = words_of(checked.mark(JANE.name))
    word = "η|learning rate" if name == "η" else rf"\b{name}\b"
    assert re.search(word, row) and COMPLAINT.search(row + " changed"), row
    assert not re.search(r"\b(w1|i1|t2)\b", row), "the others are as they were given"
    assert not COMPLAINT.search(words_of(checked.mark(LI.name)))


def with_changes(numbers: Numbers, changes: Mapping[str, float]) -> Numbers:
    return Numbers(
        {name: changes.get(name, value) for name, value in numbers.given.items()},
        {name: changes.get(name, value) for name, value in numbers.weights.items()},
        changes.get("η", numbers.rate),
    )


W = tuple(f"w{n}" for n in range(1, 9))
TRIVIAL = {
    "zero weights": dict.fromkeys(W, 0.0),
    "equal weights": dict.fromkeys(W, 0.5),
    "zero inputs": {"i1": 0.0, "i2": 0.0},
    "learning rate 0": {"η": 0.0},
    "everything 1": dict.fromkeys((*W, "i1", "i2", "t1", "t2"), 1.0),
}


@pytest.mark.parametrize("name", TRIVIAL)
def test_trivial_numbers_are_named_and_earn_nothing(
    name: str, class_handout: Handout, tmp_path: Path
):
    """Zeros make most columns trivially right."""
    table = with_changes(own(class_handout, JANE), TRIVIAL[name]).table()
    checked = judge(class_handout, tmp_path, {JANE: table})
    row = words_of(checked.mark(JANE.name))
    assert re.search(r"trivial|zero|\b0\b|equal|the same", row), row
    assert checked.code == 1
    if "weights" in name or "everything" in name:
        assert checked.points(JANE.name) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"digits": 10},  # typed
        {"digits": 10, "text": ("w1", "i1")},
        {"repeat": "typed"},
        {"rows": 12},  # more than required
        {"rate": "column"},
        {"left": 4, "top": 7},
    ],
    ids=str,
)
def test_the_same_numbers_in_another_form(
    options: dict[str, Any], class_handout: Handout, tmp_path: Path
):
    checked = judge(class_handout, tmp_path, {JANE: own(class_handout, JANE).table(**options)})
    assert not COMPLAINT.search(words_of(checked.mark(JANE.name)))
    assert checked.points(JANE.name) == 10


def test_another_numbering_is_no_change(class_handout: Handout, tmp_path: Path):
    """The hidden neurons the other way round: the same network with the same numbers."""
    numbers = own(class_handout, JANE)
    swap = {"w1": "w3", "w2": "w4", "w3": "w1", "w4": "w2", "w5": "w6", "w6": "w5", "w7": "w8",
            "w8": "w7"}  # fmt: skip
    other = Numbers(numbers.given, {w: numbers.weights[swap[w]] for w in W}, numbers.rate)
    checked = judge(class_handout, tmp_path, {JANE: other.table()})
    assert not re.search(r"those of|changed|trivial", words_of(checked.mark(JANE.name)))
    assert checked.points(JANE.name) == 10


@pytest.mark.parametrize("rows", [1, 2, ROWS - 1])
def test_too_few_iterations_are_said(rows: int, class_handout: Handout, tmp_path: Path):
    checked = judge(class_handout, tmp_path, {JANE: own(class_handout, JANE).table(rows=rows)})
    row = words_of(checked.mark(JANE.name))
    assert re.search(r"iteration|rows", row) and str(ROWS - 1) in row, row
    points = checked.points(JANE.name)
    assert points is not None and points < 10
    assert checked.code == 1


def test_numbers_of_nobody_and_of_the_exercise(class_handout: Handout, tmp_path: Path):
    """The exercise's own numbers are nobody's: a table from the book is named as changed."""
    checked = judge(class_handout, tmp_path, {JANE: COURSE_NUMBERS.table()})
    row = words_of(checked.mark(JANE.name))
    assert "those of" not in row or "exercise" in row
    assert COMPLAINT.search(row)


# ---------------------------------------------------------------------------------------------
# The same for one exercise: --given


GIVEN_CASES: dict[str, tuple[Mapping[str, float], dict[str, Any], str]] = {
    "right": ({}, {}, ""),
    "more iterations": ({}, {"rows": 9}, ""),
    "a weight": ({"w5": 0.41}, {}, r"\bw5\b"),
    "targets of a later year": ({"t1": 0.5, "t2": 0.5}, {}, r"\bt1\b.*\bt2\b"),
    "an input": ({"i1": 0.5}, {}, r"\bi1\b"),
    "another rate": ({"η": 0.1}, {}, "η|learning rate"),
    "zero weights": (dict.fromkeys(W, 0.0), {}, "trivial|zero|0"),
    "two iterations": ({}, {"rows": 3}, "iterations|rows"),
}


@pytest.mark.parametrize("name", GIVEN_CASES)
def test_given_compares_with_the_exercise(name: str, tmp_path: Path):
    changes, options, word = GIVEN_CASES[name]
    table = with_changes(COURSE_NUMBERS, changes).table(**options)
    hand_in(tmp_path / "class", JANE, table)
    exercise = write_exercise(tmp_path)
    folder, report = tmp_path / "class", tmp_path / "marks.xlsx"
    checked = check_given(folder, exercise, report)
    (row,) = checked.marks
    assert checked.code == (1 if word else 0)
    if word:
        assert re.search(word, words_of(row)), row
    # without --given, anybody's numbers are right
    done = invoke("check", folder, "--exercise", exercise)
    assert done.exit_code == 0 or "iterations" in name


def test_given_without_an_exercise_is_refused(tmp_path: Path):
    path = hand_in(tmp_path / "class", JANE, COURSE_NUMBERS.table())
    done = invoke("check", path, "--given")
    assert done.exit_code == 2 and "--exercise" in done.output


def test_an_assignment_has_its_exercise(class_handout: Handout, tmp_path: Path):
    path = hand_in(tmp_path / "class", JANE, COURSE_NUMBERS.table())
    arguments = ("--assignment", class_handout.assignment, "--exercise", "course")
    done = invoke("check", path, *arguments)
    assert done.exit_code == 2 and "--assignment" in done.output and "--exercise" in done.output
