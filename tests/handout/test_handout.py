"""``handout``: own numbers for each student, the same on every machine and equally hard."""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from fixtures.check_command import judge_one
from fixtures.commands import ENVIRONMENT, command, invoke
from fixtures.course_mistakes import MISTAKES
from fixtures.course_systems import (
    DIALECTS,
    JANE,
    KIM_1,
    KIM_2,
    MOODLE_WORDS,
    MOODLES_CSV,
    PEOPLE,
    Dialect,
    Person,
    canvas_gradebook,
    moodle_participants,
    moodle_worksheet,
    people_in,
    plain_roster,
)
from fixtures.handing_out import (
    EXERCISE,
    ROWS,
    Handout,
    Numbers,
    Worksheet,
    check_assignment,
    hand_out,
    numbers_in,
    property_of,
    rewritten_assignment,
    solved,
    write_exercise,
)
from fixtures.sampling import some_of
from fixtures.student_workbooks import Table, book_of, mistakes_in

IDS = [str(person.moodle) for person in PEOPLE]


def write_roster(path: Path, rows: list[list[str]], dialect: Dialect = MOODLES_CSV) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dialect.write(rows))
    return path


@pytest.fixture
def handout(class_handout: Handout) -> Handout:
    """The class with everything blank, and the solutions beside it. No test may change it."""
    return class_handout


def small_handout(folder: Path, *options: object, text: str = EXERCISE, **more: Any) -> Handout:
    exercise = write_exercise(folder / "given", text)
    people = more.pop("people", PEOPLE[:3])
    roster = write_roster(folder / "given" / "roster.csv", plain_roster(people))
    return hand_out(folder / "out", roster, exercise, *options, **more)


# ---------------------------------------------------------------------------------------------
# A workbook per student


def test_everybody_has_a_workbook(handout: Handout):
    assert list(handout.students) == IDS, "in the order of the roster"
    assert set(handout.files) == set(IDS)
    assert list(handout.students.values()) == [person.name for person in PEOPLE]
    stems = [path.stem.casefold() for path in handout.files.values()]
    assert len(set(stems)) == len(PEOPLE), "also where capital letters do not count"


def test_each_says_whose_it_is(handout: Handout):
    for person in PEOPLE:
        path = handout.files[str(person.moodle)]
        assert property_of(path) == str(person.moodle)
        book = openpyxl.load_workbook(path)
        texts = {str(cell.value) for row in book.worksheets[0].iter_rows() for cell in row}
        assert any(person.name in text for text in texts), person
        table = openpyxl.load_workbook(path)[Worksheet(path).sheet]
        printed = (table.oddHeader, table.oddFooter)
        texts = {str(part.text) for one in printed for part in (one.left, one.center, one.right)}
        assert any(person.last in text for text in texts), "on each printed page"


def test_the_numbers_are_the_students_own(handout: Handout):
    """No two students alike, and no two numbers of one student equal."""
    everybody = [tuple(numbers.all.values()) for numbers in handout.numbers.values()]
    assert len(set(everybody)) == len(PEOPLE)
    for own in handout.numbers.values():
        values = [*own.given.values(), *own.weights.values()]
        assert len(set(values)) == len(values)
        assert all(round(value, 2) == value for value in values), "decimals = 2"
        assert not any(value == 0 for value in values)


def test_two_students_share_few_numbers(handout: Handout):
    """What was copied is seen: in the same place, most numbers differ."""
    for one, other in itertools.combinations(handout.numbers.values(), 2):
        same = [name for name in one.all if one.all[name] == other.all[name]]
        assert len(same) <= len(one.all) // 2, same


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("vary", "varied"),
    [
        (["weights"], {"w"}),
        (["inputs"], {"i"}),
        (["targets", "learning_rate"], {"t", "η"}),
        (["weights", "inputs"], {"w", "i"}),
    ],
)
def test_only_what_is_chosen_varies(vary: list[str], varied: set[str], tmp_path: Path):
    text = re.sub(r"vary = .*", f"vary = {json.dumps(vary)}", EXERCISE)
    made = small_handout(tmp_path, "--blank", "gradients", text=text)
    columns = zip(*(numbers.all.items() for numbers in made.numbers.values()), strict=True)
    differing = {pairs[0][0][0] for pairs in columns if len({value for _, value in pairs}) > 1}
    assert differing == varied


@pytest.mark.parametrize("decimals", some_of([1, 3], 1))
def test_decimals_and_range(decimals: int, tmp_path: Path):
    text = re.sub(r"vary = .*", 'vary = ["weights"]\nweights = [-2.0, 2.0]', EXERCISE)
    made = small_handout(tmp_path, text=text.replace("decimals = 2", f"decimals = {decimals}"))
    weights = [w for numbers in made.numbers.values() for w in numbers.weights.values()]
    assert all(-2 <= w <= 2 and round(w, decimals) == w for w in weights)
    assert any(round(w, decimals - 1) != w for w in weights), "all decimals are used"


def test_without_individual_the_defaults_vary(tmp_path: Path):
    """Weights, inputs and the learning rate; targets stay."""
    made = small_handout(tmp_path, text=EXERCISE.partition("[individual]")[0])
    numbers = list(made.numbers.values())
    assert len({tuple(one.weights.values()) for one in numbers}) == len(numbers)
    assert len({tuple(one.given[name] for name in ("i1", "i2")) for one in numbers}) > 1
    assert {(one.given["t1"], one.given["t2"]) for one in numbers} == {(0.01, 0.99)}


# ---------------------------------------------------------------------------------------------
# Equally hard, by a computation of its own


def descent(own: Numbers, rows: int = ROWS) -> Iterable[Mapping[str, np.ndarray]]:
    """Matrices of a 2-2-2 network with sigmoid: sums, activations and gradients of each row."""
    values = list(own.weights.values())
    first, second = (np.array(values[at : at + 4]).reshape(2, 2) for at in (0, 4))
    x, t = (np.array([own.given[f"{kind}{n}"] for n in "12"]) for kind in "it")
    for _ in range(rows):
        net = first @ x
        hidden = 1 / (1 + np.exp(-net))
        output_net = second @ hidden
        output = 1 / (1 + np.exp(-output_net))
        delta = (output - t) * output * (1 - output)
        hidden_delta = (second.T @ delta) * hidden * (1 - hidden)
        gradients = [np.outer(hidden_delta, x), np.outer(delta, hidden)]
        yield {
            "activations": np.concatenate([hidden, output]),
            "gradients": np.concatenate([one.ravel() for one in gradients]),
        }
        first, second = first - own.rate * gradients[0], second - own.rate * gradients[1]


def test_no_neuron_is_saturated_and_no_gradient_vanishes(handout: Handout):
    """σ' is at least a tenth of its largest value; gradients keep two digits of six decimals."""
    for own in handout.numbers.values():
        for row in descent(own):
            slopes = row["activations"] * (1 - row["activations"])
            assert slopes.min() >= 0.025, own
            assert np.abs(row["gradients"]).min() >= 1e-5, own


def shows(mistake: Table, own: Numbers) -> bool:
    rate = own.rate
    table = replace(mistake, rows=6, given=own.given, weights=own.weights, eta=rate)
    return bool(mistakes_in(book_of(table), table, 2e-6))


@pytest.mark.parametrize(
    "name", [name for name, one in MISTAKES.items() if not one.only and one.table == Table()]
)
def test_every_mistake_shows(name: str, handout: Handout):
    """By more than the tolerance, with any student's numbers: nobody is right by luck."""
    for student, own in itertools.islice(handout.numbers.items(), 4):
        assert shows(MISTAKES[name].made(), own), student


def test_hard_ranges_are_refused_or_kept(tmp_path: Path):
    """Weights that saturate every neuron: an error in one line, and not an endless search."""
    text = re.sub(r"vary = .*", 'vary = ["weights"]\nweights = [40.0, 60.0]', EXERCISE)
    exercise = write_exercise(tmp_path, text.replace("[0.05, 0.1]", "[5.0, 7.0]"))
    roster = write_roster(tmp_path / "r.csv", plain_roster(PEOPLE[:2]))
    done = invoke(
        "handout", "--roster", roster, "--exercise", exercise, "--seed", 1, "-o", tmp_path / "out"
    )
    assert done.exit_code == 2
    assert "weights" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_more_students_than_numbers_is_refused(tmp_path: Path):
    """Only the learning rate varies, and there are five of one decimal for ten students."""
    text = re.sub(r"vary = .*", 'vary = ["learning_rate"]\nlearning_rate = [0.1, 0.5]', EXERCISE)
    exercise = write_exercise(tmp_path, text.replace("decimals = 2", "decimals = 1"))
    roster = write_roster(tmp_path / "r.csv", plain_roster())
    done = invoke(
        "handout", "--roster", roster, "--exercise", exercise, "--seed", 1, "-o", tmp_path / "out"
    )
    assert done.exit_code == 2 and "decimals" in done.output


# ---------------------------------------------------------------------------------------------
# The same again


@pytest.mark.thorough
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "C", "PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland", "PYTHONUTF8": "1"},
    ],
)
def test_the_seed_repeats_it_elsewhere(
    environment: dict[str, str], handout: Handout, tmp_path: Path
):
    """In another process, locale, folder and time zone, and with a part of the roster, reversed."""
    exercise = write_exercise(tmp_path / "another place")
    people = PEOPLE[3::-1]
    roster = write_roster(tmp_path / "r.csv", moodle_worksheet(people))
    arguments = ("--roster", roster, "--exercise", exercise, "--blank", "all", "--seed", 7)
    done = subprocess.run(
        command("handout", *arguments, "-o", "out"),
        cwd=tmp_path, env={**ENVIRONMENT, **environment}, capture_output=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = Handout(tmp_path / "out", "")
    assert again.numbers == {str(one.moodle): handout.numbers[str(one.moodle)] for one in people}


def test_a_student_who_comes_later_changes_nobody(handout: Handout, tmp_path: Path):
    rows = moodle_worksheet((Person("A", "Late Comer", 999, 999, "late"), *PEOPLE[:3]))
    roster = write_roster(tmp_path / "r.csv", rows)
    again = hand_out(tmp_path / "out", roster, write_exercise(tmp_path), "--blank", "all")
    assert {one: again.numbers[one] for one in IDS[:3]} == {
        one: handout.numbers[one] for one in IDS[:3]
    }
    assert again.numbers["999"] not in handout.numbers.values()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0, 2**63])
def test_another_seed_gives_other_numbers(seed: int, tmp_path: Path):
    first = small_handout(tmp_path / "7")
    other = small_handout(tmp_path / "other", seed=seed)
    assert all(first.numbers[one] != other.numbers[one] for one in first.numbers)
    assert other.toml["assignment"]["seed"] == seed


@pytest.mark.thorough
def test_a_seed_of_its_own_is_kept(tmp_path: Path):
    """Without --seed, the one that was drawn stands in the assignment file and repeats it."""
    exercise = write_exercise(tmp_path)
    roster = write_roster(tmp_path / "r.csv", plain_roster(PEOPLE[:2]))
    arguments = ("--roster", roster, "--exercise", exercise)
    seeds = []
    for number in "12":
        assert invoke("handout", *arguments, "-o", tmp_path / number).exit_code == 0
        seeds.append(Handout(tmp_path / number, "").toml["assignment"]["seed"])
    assert seeds[0] != seeds[1], "two classes do not get the same numbers by chance"
    again = hand_out(tmp_path / "again", roster, exercise, seed=seeds[0])
    assert again.numbers == Handout(tmp_path / "1", "").numbers


# ---------------------------------------------------------------------------------------------
# Rosters


def id_in(kind: str, person: Person) -> str:
    if kind == "canvas":
        return str(person.canvas)
    if kind == "participants":
        return person.number or person.email
    return str(person.moodle)


ROSTERS: dict[str, Callable[[Sequence[Person]], list[list[str]]]] = {
    "worksheet": moodle_worksheet,
    "participants": moodle_participants,
    "canvas": canvas_gradebook,
    "canvas, manual posting": lambda people: canvas_gradebook(people, manual_posting=True),
    "canvas, split names": lambda people: canvas_gradebook(people, split_names=True),
    "canvas, more assignments": lambda people: canvas_gradebook(people, other_assignments=True),
    "plain": plain_roster,
    **{
        f"worksheet, {language}": functools.partial(moodle_worksheet, language=language)
        for language in MOODLE_WORDS
    },
    "participants, Surname": lambda people: moodle_participants(
        people, ("First name", "Surname", "ID number", "Email address", "Groups")
    ),
    "participants, German": lambda people: moodle_participants(
        people, ("Vorname", "Nachname", "ID-Nummer", "E-Mail-Adresse", "Gruppen")
    ),
    "participants, Spanish": lambda people: moodle_participants(
        people, ("Nombre", "Apellido(s)", "Número de ID", "Dirección de correo", "Grupos")
    ),
}


def students_in(path: Path) -> list[tuple[str, str]]:
    """The ids and names of a roster: handing out to each of so many classes would take long."""
    from backprop_sheet.handout.roster import read_roster

    return [(student.id, student.name) for student in read_roster(path).students]


@pytest.mark.parametrize("kind", ROSTERS)
def test_every_flavour_of_roster(kind: str, tmp_path: Path):
    roster = write_roster(tmp_path / "roster.csv", ROSTERS[kind](PEOPLE))
    first = kind.partition(",")[0]
    assert students_in(roster) == [(id_in(first, one), one.name) for one in PEOPLE]


def test_names_with_numbers_are_names(tmp_path: Path):
    """As a teacher tries it: ``Student 1`` is no participant's number."""
    rows = [["id", "name"], *([f"s{n}", f"Student {n}"] for n in range(1, 4))]
    roster = write_roster(tmp_path / "roster.csv", rows)
    assert students_in(roster) == [(f"s{n}", f"Student {n}") for n in range(1, 4)]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["plain", "canvas, manual posting", "worksheet, German"])
def test_every_dialect_of_csv(kind: str, dialect: str, tmp_path: Path):
    people = people_in(DIALECTS[dialect])
    roster = write_roster(tmp_path / "roster.csv", ROSTERS[kind](people), DIALECTS[dialect])
    first = kind.partition(",")[0]
    assert students_in(roster) == [(id_in(first, one), one.name) for one in people]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no students|empty"),
        (b"id,name\n", "no students"),
        (b"id,name\n1,A\n1,B\n", "1"),  # one id twice
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "roster|CSV"),
        (b"PK\x03\x04" + bytes(60), "CSV"),  # a workbook
        (b"id,name\n" + b"".join(b"%d,A %d\n" % (n, n) for n in range(200_000)), "limit"),
        (b'id,name\n1,"' + b"x" * 300_000 + b'"\n', "long|characters"),
    ],
    ids=["empty", "header", "twice", "binary", "workbook", "huge", "long"],
)
def test_what_is_no_roster_is_refused(content: bytes, word: str, tmp_path: Path):
    (tmp_path / "r.csv").write_bytes(content)
    done = invoke(
        "handout", "--roster", tmp_path / "r.csv", "--exercise", "course", "-o", tmp_path / "out"
    )
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    assert re.search(word, done.output) and "r.csv" in done.output


HOSTILE = (
    *("../../up", "/root", "C:\\x", "CON", "nul.xlsx", "a/b", "=1+1", "@x", "-1", "a\tb"),
    *("x" * 90, "&L&P", "<b>", "Jane Doe", "JANE DOE", "jane doe ", "e\u0301", "\u00e9", "."),
    *("\u202egnp", "%2e%2e", "$HOME", "`id`", "'", '"'),
)


def test_hostile_names(tmp_path: Path):
    """They stay inside the folder, have different file names, and are shown as they are."""
    rows = [["id", "name"], *([f"{n}", name] for n, name in enumerate(HOSTILE))]
    roster = write_roster(tmp_path / "r.csv", rows, Dialect())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    short = ("--blank", "error", "--iterations", 1, "--no-marks")
    made = hand_out(tmp_path / "out", roster, write_exercise(tmp_path / "given"), *short)
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.parent == made.folder or path.parent.name == "given" for path in new)
    assert len(made.files) == len(HOSTILE)
    assert len({path.stem.casefold() for path in made.files.values()}) == len(HOSTILE)
    reserved = re.compile(r"(con|nul|aux|prn|com\d|lpt\d)(\.|$)|.*[\x00-\x1f<>:\"|?*]", re.I)
    assert not any(reserved.match(path.name) for path in made.files.values())
    for path in made.files.values():
        for sheet in openpyxl.load_workbook(path):
            texts = [c for row in sheet.iter_rows() for c in row if str(c.value).startswith("=1+1")]
            assert all(cell.data_type != "f" for cell in texts), "a name is no formula"


# ---------------------------------------------------------------------------------------------
# The assignment file, the solutions, and the way back


def test_the_assignment_file(handout: Handout):
    """An exercise file with who has which numbers, and with what it was made."""
    toml = handout.toml
    assert toml["assignment"]["seed"] == 7
    assert set(toml["assignment"]["blank"]) == {"forward", "error", "gradients", "updates"}
    assert toml["marks"] == {"forward": 2, "error": 1, "gradients": 5, "updates": 2}
    assert toml["network"]["neurons"] == [2, 2, 2]
    jane = toml["students"][0]
    assert (jane["id"], jane["name"], jane["email"]) == (str(JANE.moodle), JANE.name, JANE.email)
    own = handout.numbers[str(JANE.moodle)]
    assert jane["weights"] == list(own.weights.values())


def test_the_assignment_file_round_trips(handout: Handout):
    text = rewritten_assignment(handout.assignment)
    assert tomllib.loads(text) == handout.toml
    assert text == handout.assignment.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[students]]", "[[pupils]]"),
        ('id = "10102"', 'id = "10101"'),
        ("weights = [", "weights = [nan, "),
        ("seed = 7", 'seed = "seven"'),
        ("[assignment]", "[assignment]\nscript = 1"),
    ],
)
def test_a_damaged_assignment_is_refused(old: str, new: str, handout: Handout, tmp_path: Path):
    text = handout.assignment.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "assignment.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = invoke("check", handout.folder, "--assignment", path)
    assert done.exit_code == 2 and "assignment.toml" in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_solutions_are_right_and_apart(handout: Handout, tmp_path: Path):
    """They are the teacher's: not in the folder that is handed out, with the same numbers."""
    solutions = handout.folder.parent / "solved"
    assert not list(handout.folder.rglob("*solution*"))
    paths = {property_of(path): path for path in solutions.glob("*.xlsx")}
    assert set(paths) == set(IDS)
    for student in IDS[:2]:
        assert numbers_in(paths[student]) == handout.numbers[student]
        assert judge_one(paths[student])["verdict"] == "right"
    checked = check_assignment(solutions, handout, tmp_path / "marks.xlsx")
    assert checked.code == 0
    assert [checked.points(student) for student in IDS] == [10.0] * len(IDS)


def test_no_solutions_unless_asked(tmp_path: Path):
    made = small_handout(tmp_path, "--blank", "all")
    names = sorted(path.name for path in made.folder.rglob("*"))
    assert len(names) == 4 and names.count("assignment.toml") == 1


def test_every_variant_can_be_solved(handout: Handout, tmp_path: Path):
    """Filled in by arithmetic that is not the package's: every mark is right, and every point."""
    done = tmp_path / "handed in"
    done.mkdir()
    for student, path in handout.files.items():
        worksheet = Worksheet(path)
        worksheet.type(solved(handout.numbers[student].table(), worksheet.blanks))
        assert worksheet.states() == {"right": len(worksheet.blanks)}, student
        worksheet.save(done / path.name)
    checked = check_assignment(done, handout, tmp_path / "marks.xlsx")
    assert [checked.points(student) for student in IDS] == [10.0] * len(IDS)


# ---------------------------------------------------------------------------------------------
# Folders that are there already; Ctrl-C


def test_nothing_of_others_is_replaced(tmp_path: Path):
    made = small_handout(tmp_path, people=PEOPLE[:1])
    victim = made.files[str(JANE.moodle)]
    victim.write_bytes(b"the teacher's own")
    before = made.assignment.read_bytes()
    roster, given = tmp_path / "given" / "roster.csv", tmp_path / "given" / "exercise.toml"
    arguments = ("handout", "--roster", roster, "-o", made.folder)
    done = invoke(*arguments, "--exercise", given, "--seed", 7)
    assert done.exit_code == 1 and "--force" in done.output
    done = invoke(*arguments, "--exercise", "course", "--seed", 7)
    assert done.exit_code == 1 and "assignment.toml" in done.output
    assert made.assignment.read_bytes() == before
    assert victim.read_bytes() == b"the teacher's own"


def test_double_names_are_told_apart(handout: Handout):
    one, two = (handout.files[str(person.moodle)] for person in (KIM_1, KIM_2))
    assert one.name != two.name
    assert all(str(p.moodle) in f.name for p, f in ((KIM_1, one), (KIM_2, two)))


@pytest.mark.skipif(os.name != "posix", reason="folders can be protected on POSIX alone")
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "out").mkdir(mode=0o500)
    roster = write_roster(tmp_path / "r.csv", plain_roster(PEOPLE[:2]))
    done = invoke("handout", "--roster", roster, "--exercise", "course", "-o", tmp_path / "out")
    assert done.exit_code in (1, 2) and len(done.output.strip().splitlines()) == 1


LARGE = [
    pytest.param(name, marks=pytest.mark.thorough)
    for name in ("relu", "momentum", "softmax", "deep", "adam", "linear")
]


@pytest.mark.parametrize("exercise", some_of(["mazur", "xor", *LARGE], 1))
def test_every_packaged_exercise_can_be_handed_out(exercise: str, tmp_path: Path):
    roster = write_roster(tmp_path / "r.csv", plain_roster(PEOPLE[:2]))
    made = hand_out(tmp_path / "out", roster, exercise, "--blank", "gradients")
    worksheets = [Worksheet(path) for path in made.files.values()]
    shown = []
    for worksheet in worksheets:
        rows = worksheet.engine.rows(worksheet.sheet)
        names = [name for name in ("w1", "w2", "b1") if name in worksheet.columns]
        weights = [rows[worksheet.rows[0] - 1][worksheet.columns[name] - 1] for name in names]
        assert all(math.isfinite(float(str(w))) for w in weights)
        shown.append(weights)
    assert shown[0] != shown[1]
