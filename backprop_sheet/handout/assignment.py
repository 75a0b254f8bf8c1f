"""The teacher's file of an assignment: the exercise, and who has which numbers.

It is an exercise file with a table ``[assignment]``, and one ``[[students]]`` per student with the
numbers that differ from the exercise's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backprop_sheet.exercise.checks import MAX_ITERATIONS, check_exercise
from backprop_sheet.exercise.class_options import GivenKind
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.exercise_file import read_exercise, read_text
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.toml_table import TomlTable, read_toml, shown
from backprop_sheet.handout.individual_numbers import (
    individual_exercises,
    values_of,
    with_numbers,
)
from backprop_sheet.handout.roster import MAX_STUDENTS, Student
from gradsheet.errors import InvalidInputError
from gradsheet.printable import printable
from gradsheet.words import one_of

DEFAULT_POINTS, DEFAULT_ITERATIONS = 10.0, 3
MAX_POINTS = 1000.0
_MAX_FILE_BYTES = 16 * 2**20
_HEAD = """\
# Who has which numbers. This file is the teacher's: students could read each other's numbers.
# Check what is handed in with: gradsheet check SUBMISSIONS --assignment {name}
"""


@dataclass(frozen=True)
class Assigned:
    """A student, and the exercise with the numbers that the student has."""

    student: Student
    exercise: Exercise


@dataclass(frozen=True)
class Assignment:
    """An exercise that is handed out to a class.

    Attributes:
        seed: with which the numbers were drawn.
        blank: the groups of columns that students fill in.
        iterations: how many iterations a complete table has at least.
        points: what a table without a mistake is worth.
    """

    exercise: Exercise
    students: tuple[Assigned, ...]
    seed: int
    blank: tuple[ColumnGroup, ...] = tuple(ColumnGroup)
    iterations: int = DEFAULT_ITERATIONS
    points: float = DEFAULT_POINTS


@dataclass(frozen=True)
class AssignmentPlan:
    """What an assignment is made from; the attributes are those of :class:`Assignment`."""

    exercise: Exercise
    seed: int
    blank: tuple[ColumnGroup, ...] = tuple(ColumnGroup)
    points: float = DEFAULT_POINTS


def assign(
    plan: AssignmentPlan, students: Sequence[Student], progress: Callable[[], None] = lambda: None
) -> Assignment:
    """Draw each student's numbers.

    Args:
        progress: called once per student.

    Raises:
        InvalidInputError: there are no numbers that are as hard as the exercise's.
    """
    exercise = replace(plan.exercise, name="")
    own = individual_exercises(exercise, students, plan.seed, progress)
    assigned = tuple(map(Assigned, students, own))
    groups = tuple(group for group in ColumnGroup if group in plan.blank)
    iterations = exercise.training.iterations
    return Assignment(exercise, assigned, plan.seed, groups, iterations, plan.points)


def assignment_text(assignment: Assignment, name: str) -> str:
    """Return the text of an assignment's file.

    Args:
        name: of the file, for its first lines.
    """
    lines = [
        "[assignment]",
        f"seed = {assignment.seed}",
        f"blank = {json.dumps(assignment.blank)}",
        f"iterations = {assignment.iterations}",
        f"points = {assignment.points!r}",
    ]
    for assigned in assignment.students:
        student = assigned.student
        lines += ["", "[[students]]", f"id = {_text(student.id)}", f"name = {_text(student.name)}"]
        if student.email:
            lines.append(f"email = {_text(student.email)}")
        for kind in GivenKind:
            values = values_of(assigned.exercise, kind)
            if values != values_of(assignment.exercise, kind):
                lines.append(f"{kind} = {json.dumps(values)}")
    return _HEAD.format(name=name) + to_toml(assignment.exercise) + "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # A JSON string without control characters is a TOML string, too.
    return json.dumps(printable(value), ensure_ascii=False)


def read_assignment(path: Path) -> Assignment:
    """Read an assignment's file.

    Raises:
        InvalidInputError: it cannot be read, or something in it is not allowed.
    """
    label = printable(str(path))
    text = read_text(path, label, _MAX_FILE_BYTES, "an assignment")
    try:
        return parse_assignment(text)
    except InvalidInputError as error:
        raise InvalidInputError(f"{label}: {error}") from error


def parse_assignment(text: str) -> Assignment:
    """Parse the text of an assignment's file.

    Raises:
        InvalidInputError: the message names the key.
    """
    top = TomlTable(read_toml(text), "")
    if "assignment" not in top.data:
        raise InvalidInputError(
            "the table [assignment] is missing: give the file assignment.toml that handout wrote"
        )
    exercise = read_exercise(top)
    table = top.table("assignment")
    seed = table.integer("seed", 0)
    blank = _read_blank(table)
    iterations = table.integer("iterations", DEFAULT_ITERATIONS)
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise InvalidInputError(
            f"assignment.iterations must be 1 to {MAX_ITERATIONS:,}, got {shown(iterations)}"
        )
    points = check_points(table.number("points"), "assignment.points")
    table.refuse_unknown()
    students = tuple(_read_student(one, exercise) for one in top.tables("students"))
    top.refuse_unknown()
    _check_students(students)
    return Assignment(exercise, students, seed, blank, iterations, points)


def check_points(points: float | None, where: str) -> float:
    """Return the points of a table without a mistake, or the usual ones.

    Raises:
        InvalidInputError: not above 0, or too many.
    """
    if points is None:
        return DEFAULT_POINTS
    if not (math.isfinite(points) and 0 < points <= MAX_POINTS):
        raise InvalidInputError(
            f"{where} must be above 0 and at most {MAX_POINTS:,g}, got {points:g}"
        )
    return points


def _read_blank(table: TomlTable) -> tuple[ColumnGroup, ...]:
    if "blank" not in table.data:
        table.known.append("blank")
        return tuple(ColumnGroup)
    words = table.list_of("blank", str, "groups of columns")
    for word in words:
        if word not in list(ColumnGroup):
            raise InvalidInputError(
                f"assignment.blank must name {one_of(list(ColumnGroup))}, got {shown(word)}"
            )
    return tuple(group for group in ColumnGroup if group in words)


def _read_student(table: TomlTable, exercise: Exercise) -> Assigned:
    student = Student(
        table.text("id", required=True),
        table.text("name", required=True),
        table.text("email"),
    )
    for kind in GivenKind:
        values = table.numbers(kind)
        if values is None:
            continue
        needed = len(values_of(exercise, kind))
        if kind is not GivenKind.LEARNING_RATE and len(values) != needed:
            raise InvalidInputError(
                f"{table.where(kind)} must have {needed} numbers, got {len(values)}"
            )
        exercise = with_numbers(exercise, kind, values)
    table.refuse_unknown()
    try:
        check_exercise(exercise)
    except InvalidInputError as error:
        raise InvalidInputError(f"{table.path}: {error}") from error
    return Assigned(student, replace(exercise, name=""))


def _check_students(students: Sequence[Assigned]) -> None:
    if len(students) > MAX_STUDENTS:
        raise InvalidInputError(f"{len(students):,} students; the limit is {MAX_STUDENTS:,}")
    ids = [assigned.student.id for assigned in students]
    twice = next((one for index, one in enumerate(ids) if one in ids[:index]), None)
    if twice is not None:
        raise InvalidInputError(f"two students have the id {shown(twice)}")
