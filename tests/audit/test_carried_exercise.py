"""A workbook of ``sheet`` carries its exercise, and ``check`` compares its tables with it."""

from __future__ import annotations

import base64
import re
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.sampling import some_of
from oracles.libreoffice import convert, needs_libreoffice

from backprop_sheet.audit.find.carried_exercise import carried_exercise
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.exercise.exercise_file import MAX_FILE_BYTES, load_exercise, parse_exercise
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import write_workbook
from gradsheet.excel.provenance import has_provenance

_OWN = """
title = 'An "own" exercise: \\ ü'
source = "Nowhere"
[network]
neurons = [2, 3, 2]
activations = ["tanh", "sigmoid"]
bias = "layer"
train_bias = false
[parameters]
seed = 3
[[samples]]
inputs = [0.5, -1e-7]
targets = [0.01, 0.99]
[training]
loss = "squared_error"
{training}
learning_rates = [0.1]
iterations = 6
"""
_TRAININGS = {
    "nesterov": 'optimizer = "sgd"\nmomentum = 0.6\nnesterov = true',
    "average": 'momentum = 0.6\nmomentum_form = "average"',
    "rmsprop": 'optimizer = "rmsprop"\nrho = 0.95\nepsilon = 1e-6',
    "adamw": 'optimizer = "adamw"\nbeta_2 = 0.99\nweight_decay = 0.0625',
    "sum": 'update = "batch_sum"',
}
OWN = {name: parse_exercise(_OWN.format(training=text)) for name, text in _TRAININGS.items()}
_SAMPLE = OWN["sum"].samples[0]
OWN["sum"] = replace(OWN["sum"], samples=(_SAMPLE, replace(_SAMPLE, inputs=(-0.5, 0.25))))


@pytest.mark.parametrize("exercise", [*map(load_exercise, packaged_exercises()), *OWN.values()])
def test_the_text_of_an_exercise_is_read_as_the_same(exercise):
    assert parse_exercise(to_toml(exercise), exercise.name) == exercise


def written(folder: Path, exercise: Exercise) -> Path:
    write_workbook(exercise, folder / "own.xlsx")
    return folder / "own.xlsx"


def with_part(source: Path, target: Path, part: str, change) -> Path:
    """A copy with one part changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return target


def verdicts(path: Path, exercise: Exercise | None = None) -> list[tuple[str, list[str]]]:
    result = audit_workbook(path, exercise)
    assert not result.problems
    return [(table.verdict, [one.column for one in table.findings]) for table in result.tables]


@pytest.mark.parametrize("name", OWN)
def test_a_workbook_is_compared_with_its_own_exercise(tmp_path, name):
    path = written(tmp_path, OWN[name])
    assert verdicts(path) == [("right", [])]
    [table] = audit_workbook(path).tables
    assert table.exercise == OWN[name].title
    assert any("the workbook carries" in note and "2-3-2" in note for note in table.warnings)


@pytest.mark.parametrize("name", packaged_exercises())
def test_the_workbook_of_a_packaged_exercise_is_called_by_its_name(tmp_path, name):
    exercise = with_values(load_exercise(name), iterations=3, learning_rates=[0.25])
    path = written(tmp_path, exercise)
    [table] = audit_workbook(path).tables
    assert (table.verdict, table.exercise, table.warnings) == ("right", name, ())


@pytest.mark.parametrize("name", some_of(OWN, 1))
def test_what_was_edited_is_wrong(tmp_path, name):
    """The same columns are wrong as if the exercise were given."""
    path = written(tmp_path, OWN[name])

    def edit(sheet: bytes) -> bytes:
        text, count = re.subn(
            r'(<c r="(?:W|AA)9"[^>]*>)<f>[^<]*</f><v>[^<]*(</v>)', r"\g<1><v>7\2", sheet.decode()
        )
        assert count == 2
        return text.encode()

    number = 4 if OWN[name].samples[1:] else 3
    edited = with_part(path, tmp_path / "edited.xlsx", f"xl/worksheets/sheet{number}.xml", edit)
    [(verdict, columns)] = verdicts(edited)
    assert verdict == "wrong" and len(columns) >= 2
    assert verdicts(edited, OWN[name]) == [(verdict, columns)]


def test_a_table_with_other_columns_is_not_forced_into_the_carried_exercise(tmp_path):
    """Somebody does the course's exercise in a workbook of another one."""
    own = written(tmp_path, OWN["nesterov"])
    course = tmp_path / "course.xlsx"
    write_workbook(with_values(load_exercise("course"), iterations=5, learning_rates=[0.1]), course)
    with zipfile.ZipFile(own) as archive:
        properties = archive.read("docProps/custom.xml")
    mixed = with_part(course, tmp_path / "mixed.xlsx", "docProps/custom.xml", lambda _: properties)
    [table] = audit_workbook(mixed).tables
    assert (table.verdict, table.exercise, table.warnings) == ("right", "course", ())


def carrying(folder: Path, content: bytes, *, encode: bool = True) -> Path:
    """A workbook that carries other bytes."""
    source = written(folder, OWN["rmsprop"])
    packed = base64.b64encode(content) if encode else content

    def change(properties: bytes) -> bytes:
        first = re.compile(rb'(name="gradsheet text 1"><vt:lpwstr>)[^<]*')
        changed, count = first.subn(rb"\g<1>" + packed, properties)
        assert count == 1
        return changed.replace(b'"gradsheet text 2"', b'"other"')

    return with_part(source, folder / "carrying.xlsx", "docProps/custom.xml", change)


@pytest.mark.parametrize(
    "content",
    [
        b"not compressed",
        zlib.compress(b"\xff\xfe"),
        zlib.compress(b"title = 'no exercise'"),
        zlib.compress(b"title = [[[[[[[[[["),
        zlib.compress(to_toml(OWN["rmsprop"]).encode())[:-8],
        zlib.compress(to_toml(OWN["rmsprop"]).encode() + b"#" * MAX_FILE_BYTES),
        zlib.compress(b"#" * 50_000_000),
    ],
    ids=["junk", "no text", "incomplete", "no TOML", "truncated", "too long", "bomb"],
)
def test_what_is_no_exercise_is_ignored(tmp_path, content):
    assert carried_exercise(carrying(tmp_path, content)) is None


@pytest.mark.thorough
def test_a_table_is_judged_without_the_exercise(tmp_path):
    """As of the network that its formulas describe."""
    [table] = audit_workbook(carrying(tmp_path, b"not compressed")).tables
    assert table.warnings[0].startswith("checked against the network that its formulas describe")


def test_text_that_is_not_base64_is_ignored(tmp_path):
    assert carried_exercise(carrying(tmp_path, b"%%%", encode=False)) is None


@pytest.mark.thorough
def test_the_largest_exercise_is_carried(tmp_path):
    one = parse_exercise(_OWN.format(training=""))
    numbers = [0.1 + n / 7 for n in range(64)]
    network = replace(one.network, neurons=(64, 1, 64))
    sample = replace(_SAMPLE, inputs=tuple(numbers), targets=tuple(numbers))
    large = replace(
        one, network=network, weights=(*numbers, *numbers), samples=(sample,) * 64, biases=(0.5, 1)
    )
    large = replace(large, training=replace(large.training, iterations=1))
    path = written(tmp_path, large)
    carried = carried_exercise(path)
    assert carried is not None and carried.network == network and len(carried.samples) == 64
    assert has_provenance(path, "backprop_sheet")


@needs_libreoffice
def test_it_is_still_carried_after_libreoffice_saved_it(tmp_path):
    path = written(tmp_path, OWN["adamw"])
    [saved] = convert([path], tmp_path / "saved")
    assert carried_exercise(saved) == carried_exercise(path) == OWN["adamw"]
    assert [verdict for verdict, _ in verdicts(saved)] == ["right"]
