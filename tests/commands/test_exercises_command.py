"""The packaged exercises: the command that lists and prints them, and how well each one learns."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.commands import ROOT, run

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from cli import main

NAMES = ["course", "adam", "deep", "linear", "mazur", "momentum", "relu", "softmax", "xor"]
FOLDER = ROOT / "backprop_sheet" / "exercise" / "exercises"


def test_each_exercise_is_listed_on_a_line_of_its_own_the_default_first():
    lines = CliRunner().invoke(main, ["exercises"]).output.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line) <= 80 for line in lines)
    column = len("momentum") + 2
    for line, name in zip(lines, NAMES, strict=True):
        assert line[:column].rstrip() == name
        assert line[column:] == load_exercise(name).title


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_is_printed_byte_by_byte(name):
    result = CliRunner().invoke(main, ["exercises", name])
    assert result.exit_code == 0
    assert result.stdout_bytes == (FOLDER / f"{name}.toml").read_bytes()


def test_a_printed_exercise_is_a_file_that_other_commands_take(tmp_path):
    # In a process of its own: what the shell writes to a file is what the process writes.
    path = tmp_path / "mine.toml"
    path.write_text(run("exercises", "xor", encoding="utf-8").stdout, encoding="utf-8")
    assert load_exercise(str(path)).samples == load_exercise("xor").samples
    result = CliRunner().invoke(main, ["equations", "--exercise", str(path)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", ["nothing", "xor.toml", "../exercises/xor", "", "é\x1b"])
def test_an_unknown_name_is_refused_in_one_line_that_lists_the_known_ones(name):
    result = CliRunner().invoke(main, ["exercises", name])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert all(known in result.stderr for known in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_title_says_the_network(name):
    exercise = load_exercise(name)
    sizes = "-".join(map(str, exercise.network.neurons))
    assert sizes in exercise.title or "the course's network" in exercise.title.lower()
    words = {2: "two", 4: "four", 6: "six"}
    if len(exercise.samples) > 1:
        assert f"{words[len(exercise.samples)]} samples" in exercise.title


# What the mean error over the samples must fall to within the exercise's own iterations: with the
# first, usually small, of its learning rates, and with the best of them.
LEARNS = {
    "course": (0.15, 0.01),
    "adam": (0.1, 0.001),
    "deep": (0.1, 0.001),
    "linear": (0.05, 0.001),
    "mazur": (0.03, 0.03),
    "momentum": (0.02, 0.0001),
    "relu": (0.0001, 1e-12),
    "softmax": (0.5, 0.01),
    "xor": (0.02, 0.001),
}


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_learns(name):
    exercise = load_exercise(name)
    rates = exercise.training.learning_rates
    *_, last = descend(exercise, system_of(exercise), rates, exercise.training.iterations)
    errors = last["E_total"].mean(axis=1)
    assert errors[0] < LEARNS[name][0]
    assert errors.min() < LEARNS[name][1]
    outputs = np.stack(
        [last[f"a_o{n}"] for n in range(1, exercise.network.neurons[-1] + 1)], axis=-1
    )
    targets = np.array([sample.targets for sample in exercise.samples])
    if name == "xor":
        assert (outputs.round() == targets).all()
    if name == "softmax":
        assert (outputs.argmax(axis=-1) == targets.argmax(axis=-1)).all()


def test_a_packaged_file_is_read_like_anybody_elses():
    for name in NAMES:
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
        assert parse_exercise(text, name=name) == load_exercise(name)
