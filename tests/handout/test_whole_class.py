"""A class of 300, solved: each variant in an independent engine, in LibreOffice, and checked."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures.course_systems import MOODLES_CSV, Person, plain_roster
from fixtures.handing_out import (
    Handout,
    Numbers,
    Worksheet,
    check_assignment,
    hand_out,
    solved,
    states_in,
    write_exercise,
)
from fixtures.student_workbooks import GIVEN, GRADIENTS, WEIGHTS
from oracles import libreoffice
from oracles.ironcalc import Engine
from oracles.libreoffice import needs_libreoffice
from oracles.office_package import Package

STUDENTS = 300
AT_ONCE, LONGEST = 100, 1200  # workbooks that LibreOffice opens, and its seconds if it is busy
SMALLEST = 5e-6  # of gradients: ten times what six decimals round

pytestmark = pytest.mark.thorough  # test_every_variant_can_be_solved does it with ten students


@dataclass(frozen=True)
class Form:
    """Where everything is: the same in all worksheets, but for the names of sheets."""

    first: Worksheet

    def sheet_of(self, engine: Engine) -> str:
        return engine.sheets[self.first.book.sheetnames.index(self.first.sheet)]

    def numbers(self, engine: Engine) -> Numbers:
        first = engine.rows(self.sheet_of(engine))[self.first.rows[0] - 1]
        values = {name: first[self.first.columns[name] - 1] for name in (*GIVEN, *WEIGHTS)}
        given, weights = ({name: float(str(values[name])) for name in names}
                          for names in (GIVEN, WEIGHTS))  # fmt: skip
        rate = float(self.sheet_of(engine).removeprefix("LR "))
        return Numbers(given, weights, rate)

    def addresses(self, values: Mapping[tuple[str, int], float]) -> dict[str, float]:
        return {self.first.cell(*blank).coordinate: value for blank, value in values.items()}


@pytest.fixture(scope="module")
def class_of_300(tmp_path_factory: pytest.TempPathFactory) -> Handout:
    folder = tmp_path_factory.mktemp("class")
    people = [Person("Student", f"No. {n}", 5000 + n, n, f"s{n}") for n in range(STUDENTS)]
    roster = folder / "roster.csv"
    roster.write_bytes(MOODLES_CSV.write(plain_roster(people)))
    return hand_out(folder / "out", roster, write_exercise(folder), "--blank", "all")


@pytest.fixture(scope="module")
def form(class_of_300: Handout) -> Form:
    return Form(Worksheet(next(iter(class_of_300.files.values()))))


@pytest.fixture(scope="module")
def handed_in(class_of_300: Handout, form: Form, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worksheets with what everybody types, saved as by a program that computes nothing."""
    folder = tmp_path_factory.mktemp("handed in")
    for path in class_of_300.files.values():
        engine = Engine(path)
        values = solved(form.numbers(engine).table(), form.first.blanks)
        _save_typed(path, folder / path.name, form.sheet_of(engine), form.addresses(values))
    return folder


def _save_typed(path: Path, target: Path, sheet: str, values: Mapping[str, float]) -> None:
    package = Package(path)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in package.parts.items():
            if name == package.worksheets[sheet]:
                text = data.decode("utf-8")
                for address, value in values.items():
                    text, number = re.subn(
                        rf'(<c r="{address}"[^>]*)/>', rf"\1><v>{value!r}</v></c>", text
                    )
                    assert number == 1, (path, address)
                data = text.encode("utf-8")
            archive.writestr(name, data)


def test_all_are_different_and_equally_hard(class_of_300: Handout, form: Form):
    numbers = [form.numbers(Engine(path)) for path in class_of_300.files.values()]
    assert len({tuple(own.all.values()) for own in numbers}) == len(numbers) == STUDENTS
    gradients = [(name, row) for name in GRADIENTS for row in range(len(form.first.rows))]
    for own in numbers:
        values = solved(own.table(), gradients)
        assert min(map(abs, values.values())) >= SMALLEST, own


def test_all_can_be_solved(class_of_300: Handout, handed_in: Path, form: Form):
    """Every mark answers: first empty, then right."""
    blanks = len(form.first.blanks)
    for student, path in class_of_300.files.items():
        engine = Engine(path)
        sheet = form.sheet_of(engine)
        assert states_in(engine.rows(sheet)) == {"empty": blanks}, student
        engine = Engine(handed_in / path.name)
        assert states_in(engine.rows(sheet)) == {"right": blanks}, student


@needs_libreoffice
def test_all_are_right_in_libreoffice(handed_in: Path, form: Form, tmp_path: Path):
    """The count on the first sheet, which all marks are in; one start for many workbooks."""
    blanks = len(form.first.blanks)
    paths = sorted(handed_in.iterdir())
    told: Counter[str] = Counter()
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        for rows in libreoffice.calculated_rows(some, tmp_path, "Overview", LONGEST):
            texts = (str(value) for row in rows for value in row)
            told.update(text for text in texts if "cells are right" in text)
    assert told == {f"{blanks} of {blanks} cells are right": STUDENTS}


def test_all_have_full_points(class_of_300: Handout, handed_in: Path, tmp_path: Path):
    checked = check_assignment(handed_in, class_of_300, tmp_path / "marks.xlsx")
    points = Counter(checked.points(student) for student in class_of_300.students)
    assert points == {10.0: STUDENTS} and checked.code == 0
