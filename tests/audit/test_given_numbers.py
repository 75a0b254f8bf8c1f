"""Whether the given numbers of a table are the expected ones, and whose a file is."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.course_systems import KIM_1, KIM_2, PEOPLE, Person
from fixtures.handing_out import COURSE_NUMBERS, ITERATIONS, ROWS, Numbers
from fixtures.student_workbooks import book_of

from backprop_sheet.audit.given_check import GivenCheck
from backprop_sheet.audit.results import GivenKind, TableResult, WorkbookResult
from backprop_sheet.audit.submissions.class_list import ClassList, Owner
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise, Network
from backprop_sheet.handout.assignment import Assigned, Assignment
from backprop_sheet.handout.roster import Student
from backprop_sheet.workbook import write_workbook

COURSE = with_values(load_exercise("course"), learning_rates=[0.5], iterations=ITERATIONS)


def check(path: Path, given: GivenCheck) -> WorkbookResult:
    """Through a pickle, as in the processes of ``--jobs``."""
    given = pickle.loads(pickle.dumps(given))
    return audit_workbook(path, given.exercise, given=given.of_file(path))


def check_one(path: Path, given: GivenCheck) -> TableResult:
    [table] = check(path, given).tables
    return table


def kind_of(table: TableResult) -> GivenKind:
    assert table.given is not None
    return table.given.kind


# ---------------------------------------------------------------------------------------------
# Other numberings of the same network


def renumbered(exercise: Exercise, orders: Sequence[Sequence[int]]) -> Exercise:
    """The same network with the inputs, and the neurons of each layer, in other orders."""
    network, neurons = exercise.network, exercise.network.neurons
    weights, biases = list(exercise.weights), list(exercise.biases)
    new_weights: list[float] = []
    new_biases: list[float] = []
    for layer in range(1, len(neurons)):
        size = neurons[layer - 1]
        rows = [[weights.pop(0) for _ in range(size)] for _ in range(neurons[layer])]
        new_weights += [rows[row][i] for row in orders[layer] for i in orders[layer - 1]]
        own = [biases.pop(0) for _ in range(network.bias_counts[layer - 1])]
        new_biases += [own[row] for row in orders[layer]] if network.bias == "neuron" else own
    samples = tuple(
        replace(
            sample,
            inputs=tuple(sample.inputs[i] for i in orders[0]),
            targets=tuple(sample.targets[i] for i in orders[-1]),
        )
        for sample in exercise.samples
    )
    return replace(
        exercise, weights=tuple(new_weights), biases=tuple(new_biases), samples=samples, name=""
    )


def small(neurons: tuple[int, ...], bias: str, samples: int = 1) -> Exercise:
    generator = random.Random(str((neurons, bias, samples)))
    network = Network(neurons, ("sigmoid",) * (len(neurons) - 1), bias)
    drawn = iter(generator.sample(range(-99, 99), 190))

    def some(number: int) -> tuple[float, ...]:
        return tuple(next(drawn) / 100 for _ in range(number))

    sample = COURSE.samples[0]
    return replace(
        COURSE,
        name="",
        network=network,
        weights=some(network.weight_count),
        biases=some(network.bias_count),
        samples=tuple(
            replace(sample, inputs=some(neurons[0]), targets=some(neurons[-1]))
            for _ in range(samples)
        ),
    )


@pytest.mark.parametrize(
    ("neurons", "bias", "samples"),
    [
        ((2, 2, 2), "none", 1),
        ((3, 4, 2), "neuron", 1),
        ((2, 3, 3, 2), "layer", 1),
        ((2, 2, 1), "neuron", 3),
    ],
)
def test_another_numbering_has_the_same_numbers(
    neurons: tuple[int, ...], bias: str, samples: int, tmp_path: Path
):
    exercise = small(neurons, bias, samples)
    orders = [list(reversed(range(number))) for number in neurons]
    other = renumbered(exercise, orders)
    assert other.weights != exercise.weights
    write_workbook(other, tmp_path / "other.xlsx")
    given = GivenCheck.of_exercise(exercise)
    table = check_one(tmp_path / "other.xlsx", given)
    assert (table.verdict, kind_of(table)) == ("right", GivenKind.SAME), table.findings


def test_weights_numbered_from_each_neuron_are_the_same_numbers(tmp_path: Path):
    exercise = small((2, 3, 2), "none")
    first, second = exercise.weights[:6], exercise.weights[6:]
    by_source = [
        *(first[source * 3 + target] for target in range(3) for source in range(2)),
        *(second[source * 2 + target] for target in range(2) for source in range(3)),
    ]
    write_workbook(replace(exercise, weights=tuple(by_source)), tmp_path / "other.xlsx")
    table = check_one(tmp_path / "other.xlsx", GivenCheck.of_exercise(exercise))
    assert (table.verdict, kind_of(table)) == ("right", GivenKind.SAME)


def test_two_exchanged_numbers_are_no_numbering(tmp_path: Path):
    """i1 and i2 are exchanged, and the weights stay: it is another network."""
    given = {**COURSE_NUMBERS.given, "i1": 0.1, "i2": 0.05}
    path = book_of(replace(COURSE_NUMBERS, given=given).table()).write(tmp_path / "hw.xlsx")
    table = check_one(path, GivenCheck.of_exercise(COURSE))
    assert [finding.column for finding in table.findings] == ["i1", "i2"]
    assert [(one.found, one.expected) for one in table.findings] == [(0.1, 0.05), (0.05, 0.1)]
    assert not table.is_worthless


def test_a_network_with_other_numbers_in_another_order_names_only_those(tmp_path: Path):
    exercise = small((3, 4, 2), "neuron")
    changed = replace(exercise, weights=(*exercise.weights[:-1], 7.0))
    write_workbook(renumbered(changed, [[2, 0, 1], [3, 1, 0, 2], [0, 1]]), tmp_path / "other.xlsx")
    table = check_one(tmp_path / "other.xlsx", GivenCheck.of_exercise(exercise))
    assert kind_of(table) is GivenKind.CHANGED
    [finding] = table.findings
    assert (finding.found, finding.expected) == (7.0, exercise.weights[-1])


# ---------------------------------------------------------------------------------------------
# Rounded numbers, rates, further tables


@pytest.mark.parametrize(
    ("written", "is_same"), [(0.123, True), (0.1235, True), (0.124, False), (0.12, False)]
)
def test_rounded_numbers_are_the_same(written: float, is_same: bool, tmp_path: Path):
    exercise = with_values(COURSE, weights=[0.12346, *COURSE.weights[1:]])
    weights = {**COURSE_NUMBERS.weights, "w1": written}
    path = book_of(replace(COURSE_NUMBERS, weights=weights).table()).write(tmp_path / "hw.xlsx")
    table = check_one(path, GivenCheck.of_exercise(exercise))
    assert (kind_of(table) is GivenKind.SAME) == is_same


def test_a_typed_table_tells_its_learning_rate_only_roughly(tmp_path: Path):
    """Without a label, it follows from rounded numbers: nothing that they allow is another one."""
    exercise = with_values(COURSE, learning_rates=[0.513])
    numbers = replace(COURSE_NUMBERS, rate=0.513)
    path = book_of(numbers.table(digits=6, rate="none")).write(tmp_path / "hw.xlsx")
    assert kind_of(check_one(path, GivenCheck.of_exercise(exercise))) is GivenKind.SAME
    given = GivenCheck.of_exercise(with_values(COURSE, learning_rates=[0.9]))
    table = check_one(path, given)
    assert [finding.column for finding in table.findings] == ["η"]


def test_further_tables_may_have_other_learning_rates(tmp_path: Path):
    rates = [0.1, 0.5, 2.0]
    write_workbook(with_values(COURSE, learning_rates=rates), tmp_path / "hw.xlsx")
    tables = check(tmp_path / "hw.xlsx", GivenCheck.of_exercise(COURSE)).tables
    assert [table.verdict for table in tables] == ["right"] * 3
    assert [bool(table.given) for table in tables] == [False, True, False]
    assert all(
        "a learning rate that is not the given one" in " ".join(tables[place].warnings)
        for place in (0, 2)
    )
    # none of them has the given rate
    other = GivenCheck.of_exercise(with_values(COURSE, learning_rates=[0.7]))
    tables = check(tmp_path / "hw.xlsx", other).tables
    assert [table.verdict for table in tables] == ["wrong"] * 3


def test_several_given_learning_rates(tmp_path: Path):
    exercise = with_values(COURSE, learning_rates=[0.1, 0.5])
    write_workbook(exercise, tmp_path / "hw.xlsx")
    tables = check(tmp_path / "hw.xlsx", GivenCheck.of_exercise(exercise)).tables
    assert [kind_of(table) for table in tables] == [GivenKind.SAME] * 2


def test_missing_iterations_and_samples_are_said(tmp_path: Path):
    path = book_of(COURSE_NUMBERS.table(rows=ROWS - 1)).write(tmp_path / "hw.xlsx")
    table = check_one(path, GivenCheck.of_exercise(COURSE))
    assert table.verdict == "incomplete"
    assert table.given is not None
    assert table.given.shortfalls == ("2 iterations instead of at least 3",)
    exercise = small((2, 2, 1), "neuron", 4)
    write_workbook(replace(exercise, samples=exercise.samples[1:]), tmp_path / "three.xlsx")
    table = check_one(tmp_path / "three.xlsx", GivenCheck.of_exercise(exercise))
    assert table.given is not None
    assert table.given.kind is GivenKind.SAME
    assert table.given.shortfalls == ("3 samples instead of 4",)


# ---------------------------------------------------------------------------------------------
# Students


def class_of(*numbers: Numbers) -> GivenCheck:
    students = [
        Assigned(
            Student(str(100 + index), f"Student {'ABCDEFG'[index]}"),
            with_values(
                COURSE,
                inputs=[one.given["i1"], one.given["i2"]],
                targets=[one.given["t1"], one.given["t2"]],
                weights=list(one.weights.values()),
                learning_rates=[one.rate],
            ),
        )
        for index, one in enumerate(numbers)
    ]
    return GivenCheck.of_assignment(Assignment(COURSE, tuple(students), 7))


def scaled(factor: float) -> Numbers:
    return Numbers(
        {name: round(value * factor, 4) for name, value in COURSE_NUMBERS.given.items()},
        {name: round(value * factor, 4) for name, value in COURSE_NUMBERS.weights.items()},
        0.5,
    )


A, B = scaled(0.9), scaled(1.3)


@pytest.mark.parametrize(
    ("numbers", "kind", "words"),
    [
        (A, GivenKind.SAME, ""),
        (B, GivenKind.OTHERS, "those of Student B (101), not of Student A (100)"),
        (replace(B, rate=0.6), GivenKind.OTHERS, "those of Student B (101)"),
        (replace(A, rate=0.6), GivenKind.CHANGED, "η is not the given number of Student A (100)"),
        (COURSE_NUMBERS, GivenKind.OTHERS, "those of the exercise, not of Student A (100)"),
        (
            scaled(1.7),
            GivenKind.FOREIGN,
            "not those of Student A (100): i1, i2, t1, t2",
        ),
    ],
)
def test_whose_numbers_they_are(numbers: Numbers, kind: GivenKind, words: str, tmp_path: Path):
    path = book_of(numbers.table()).write(tmp_path / "hw.xlsx")
    given = class_of(A, B)
    table = check_one(path, given.with_owners({path: Owner(given.students[0])}))
    assert kind_of(table) is kind
    assert words in " ".join(finding.cause for finding in table.findings)
    assert table.is_worthless == (kind in (GivenKind.OTHERS, GivenKind.FOREIGN))
    assert table.to_json()["given"]["kind"] == kind.value


def test_the_numbers_tell_whose_an_unnamed_file_is(tmp_path: Path):
    path = book_of(B.table()).write(tmp_path / "hw.xlsx")
    table = check_one(path, class_of(A, B))
    assert table.verdict == "right"
    assert any("those of Student B (101)" in warning for warning in table.warnings)
    path = book_of(COURSE_NUMBERS.table()).write(tmp_path / "hw.xlsx")
    table = check_one(path, class_of(A, B))
    assert table.verdict == "wrong" and table.is_worthless
    assert "those of the exercise" in table.findings[0].cause


# ---------------------------------------------------------------------------------------------
# Names


STUDENTS = ClassList(Student(str(one.moodle), one.name, one.email) for one in PEOPLE)


def named(name: str, identifier: str = "") -> str | None:
    student = STUDENTS.of_place(name, identifier)
    return None if student is None else student.id


@pytest.mark.parametrize("person", PEOPLE, ids=str)
def test_each_student_is_found(person: Person):
    assert named("Participant", str(person.moodle)) == str(person.moodle)
    assert named(person.github) == str(person.moodle), "as GitHub Classroom names a folder"
    by_name = named(person.name), named(person.sortable), named(person.name.upper())
    assert by_name == ((None if person.name == "Kim Lee" else str(person.moodle)),) * 3


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Doe Jane", "10101"),
        ("jane.doe", "10101"),
        ("Jane Doe - backprop final", "10101"),
        ("doejane", "10101"),
        ("obrienzoe\u0308", "10103"),
        ("Zoe OBrien", "10103"),
        ("Joerg Mueller-Luedenscheidt", "10102"),
        ("JORG MULLER LUDENSCHEIDT", "10102"),
        ("vondertannannamaria", "10104"),
        ("Lukasz Zolc", "10107"),
        ("María José Gómez Ruiz", "10109"),
        ("Kim Lee 10106", "10106"),
        ("Kim Lee", None),
        ("Jane", None),
        ("Jane Doering", None),
        ("", None),
        ("backprop", None),
    ],
)
def test_names_as_people_and_systems_write_them(name: str, identifier: str | None):
    assert named(name) == identifier


def test_a_name_and_an_id_are_not_the_name_of_another():
    """The worksheet of ``Student 1`` with the id 1 is ``Student 1 1.xlsx``."""
    known = ClassList(Student(str(n), f"Student {n}", "") for n in range(1, 12))
    assert [known.of_place(f"Student {n} {n}") for n in (1, 2, 11)] == [
        known.by_id(id_) for id_ in ("1", "2", "11")
    ]


def test_a_number_of_another_system_is_nobodys():
    """10101 is Jane's, but the folder is Anna's: the roster has other numbers than the folders."""
    assert named("Anna Maria von der Tann", "10101") == "10104"
    assert named("Kim Lee", str(KIM_2.moodle)) == str(KIM_2.moodle)


def test_the_place_decides_and_the_difference_is_said():
    owner = STUDENTS.owner("Jane Doe", "10101", stated=str(KIM_1.moodle))
    assert owner.student is not None and owner.student.id == "10101"
    assert "worksheet of Kim Lee (10105)" in owner.note and "Jane Doe (10101)" in owner.note
    owner = STUDENTS.owner("hw1", "", stated=str(KIM_1.moodle))
    assert owner.student is not None and owner.student.id == "10105" and not owner.note
    assert STUDENTS.owner("Jane Doe", "", stated="of another class").note == ""
