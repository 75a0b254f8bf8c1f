"""The generated programs: by hand they are gradient descent, and the frameworks agree."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from fixtures.commands import ENVIRONMENT, click_run
from fixtures.random_exercises import OPTIMIZERS, parse, random_data
from fixtures.sampling import some_of

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise import choices
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.program import files, frameworks
from backprop_sheet.program.files import program_text
from backprop_sheet.program.program import program_of
from backprop_sheet.symbolic.functions import FUNCTIONS, Function
from gradsheet.commands import equations as equations_command
from gradsheet.errors import InvalidInputError

INSTALLED = {"torch": "torch", "keras": "tensorflow"}
FRAMEWORKS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(package) is None, reason=f"{package} is not installed"
        ),
    )
    for name, package in INSTALLED.items()
]


def test_the_command_knows_the_suffixes_and_the_frameworks():
    """They stand in the command, too, so that its help needs no imports."""
    assert equations_command._PROGRAMS == files.SUFFIXES
    [choice] = [
        option.type for option in equations_command.equations.params if option.name == "framework"
    ]
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == tuple(frameworks.FRAMEWORKS)


def expected_history(exercise: Exercise) -> list[list[float]]:
    """The error that each iteration minimizes, and its parameters."""
    system = system_of(exercise)
    training = exercise.training
    reduced = np.sum if training.reduction == "sum" else np.mean
    return [
        [float(reduced(rows["E_total"])), *(float(rows[name][0, 0]) for name in system.parameters)]
        for rows in descend(exercise, system, training.learning_rates[:1], training.iterations)
    ]


def assert_by_hand_is_descent(exercise: Exercise) -> None:
    program = program_of(exercise, "torch")
    names: dict[str, Any] = {}
    code = "\n".join([program.imports, program.exercise, program.start, program.training])
    exec(compile(code, "by hand", "exec"), names)
    np.testing.assert_allclose(names["history"], expected_history(exercise), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", packaged_exercises())
def test_by_hand_it_is_gradient_descent(name: str):
    assert_by_hand_is_descent(load_exercise(name))


def test_random_exercises_by_hand_are_gradient_descent():
    generator = random.Random(8)
    for kind in OPTIMIZERS:
        for _ in range(3):
            data = random_data(generator, **OPTIMIZERS[kind], learning_rates=[0.05], iterations=9)
            assert_by_hand_is_descent(parse(data))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverging_training_ends_with_infinite_numbers():
    """As NumPy's do; Python's own would raise an OverflowError."""
    program = program_of(
        with_values(load_exercise("linear"), learning_rates=[5.0], iterations=400), "torch"
    )
    names: dict[str, Any] = {}
    exec("\n".join([program.imports, program.exercise, program.start, program.training]), names)
    assert not np.isfinite(names["history"][-1][0])


def in_one_process(scripts: list[str], folder: Path, **environment: str) -> None:
    """Run programs as they stand; one process, because a framework takes seconds to import."""
    for number, script in enumerate(scripts):
        (folder / f"{number}.py").write_text(script, encoding="utf-8")
    runner = (
        "import runpy, sys\n"
        f"for number in range({len(scripts)}):\n"
        "    runpy.run_path(f'{sys.argv[1]}/{number}.py')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", runner, str(folder)],
        capture_output=True, text=True, timeout=600, check=False,
        env=ENVIRONMENT | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    agreements = re.findall(r" agree in (\d+) of (\d+) iterations", done.stdout)
    assert len(agreements) == len(scripts)
    assert all(agreeing == count for agreeing, count in agreements)
    assert done.stdout.count("iteration  by hand") == len(scripts)


@pytest.mark.thorough
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_programs_of_all_packaged_exercises_run(framework: str, tmp_path):
    exercises = [with_values(load_exercise(name), iterations=50) for name in packaged_exercises()]
    texts = [program_text(each, Path("step.py"), framework) for each in exercises]
    in_one_process(texts, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_programs_of_random_exercises_run(framework: str, tmp_path):
    generator = random.Random(9)
    texts = []
    for kind in OPTIMIZERS:
        data = random_data(generator, **OPTIMIZERS[kind], learning_rates=[0.05], iterations=9)
        texts.append(program_text(parse(data), Path("step.py"), framework))
    in_one_process(texts, tmp_path)


def code_of(notebook: str) -> str:
    cells = json.loads(notebook)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.thorough
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_notebooks_of_all_packaged_exercises_run(framework: str, tmp_path):
    exercises = [with_values(load_exercise(name), iterations=20) for name in packaged_exercises()]
    texts = [program_text(each, Path("step.ipynb"), framework) for each in exercises]
    in_one_process([code_of(text) for text in texts], tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["xor", "adam"])
def test_jupyter_runs_a_notebook(name: str, framework: str, tmp_path):
    """Cell by cell in a kernel of its own, as in a browser."""
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    exercise = with_values(load_exercise(name), iterations=20)
    notebook = nbformat.reads(program_text(exercise, Path("a.ipynb"), framework), as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    printed = "".join(out.get("text", "") for out in outputs if out.get("name") == "stdout")
    assert " agree in 21 of 21 iterations." in printed
    system = system_of(exercise)
    first = next(descend(exercise, system, exercise.training.learning_rates[:1], 0))
    [shown] = re.findall(r"^a_h1 = \[?([-\d.e]+)", printed, re.MULTILINE)
    assert float(shown) == pytest.approx(first["a_h1"][0, 0], rel=1e-9)
    assert [out for out in outputs if out.output_type == "error"] == []


@pytest.mark.parametrize("name", packaged_exercises())
def test_a_notebook_has_the_derivation_between_its_cells(name: str, capsys):
    """One iteration by hand gives the parameters of iteration 1."""
    exercise = load_exercise(name)
    notebook = json.loads(program_text(exercise, Path("step.ipynb"), "torch"))
    assert (notebook["nbformat"], len({cell["id"] for cell in notebook["cells"]})) == (
        4, len(notebook["cells"]),
    )  # fmt: skip
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    headings = [
        "".join(cell["source"]).splitlines()[0]
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
    ]
    assert [each.removeprefix("## ") for each in headings[3:7]] == [
        "Forward pass", "Error", "Backward pass", "Update",
    ]  # fmt: skip
    at = next(
        index
        for index, cell in enumerate(notebook["cells"])
        if "".join(cell["source"]).startswith("## All iterations")
    )
    names: dict[str, Any] = {}
    for cell, kind in zip(notebook["cells"][:at], kinds, strict=False):
        if kind == "code":
            exec("".join(cell["source"]), names)
    system = system_of(exercise)
    printed = {line.partition(" = ")[0] for line in capsys.readouterr().out.splitlines()}
    assert {each.replace("∂", "d").replace("/", "_") for each in system.correct} - set(
        system.states
    ) <= printed
    _, second = descend(exercise, system, exercise.training.learning_rates[:1], 1)
    for parameter in system.parameters:
        assert names[parameter] == pytest.approx(second[parameter][0, 0], rel=1e-12)


def test_the_command_writes_programs_and_keeps_other_files(tmp_path):
    for name in ("step.py", "step.ipynb"):
        path = tmp_path / name
        for _ in range(2):  # its own file is replaced
            click_run("equations", "--exercise", "xor", "--lr", "0.3", "-o", path)
        assert "η = 0.3" in path.read_text(encoding="utf-8")
        path.write_text("mine")
        assert "exists" in click_run("equations", "-o", path, code=1)
    keras = tmp_path / "keras.py"
    click_run("equations", "--framework", "keras", "-o", keras)
    assert "import keras" in keras.read_text(encoding="utf-8")
    assert "for programs" in click_run("equations", "--framework", "keras", code=2)
    assert "not for programs" in click_run("equations", "--iteration", 3, "-o", keras, code=2)


def test_a_title_cannot_leave_the_docstring():
    data = random_data(random.Random(1), iterations=2)
    data["title"] = '"""; import os; \\""" \\'
    text = program_text(parse(data), Path("step.py"), "torch")
    compile(text, "step.py", "exec")
    assert text.count('"""') == 2 and text.index("import os") < text.rindex('"""')


@pytest.mark.parametrize(
    ("framework", "packages"), [("torch", "torch"), ("keras", "keras tensorflow")]
)
def test_a_program_says_at_its_top_how_to_run_it(framework: str, packages: str):
    top = program_text(load_exercise("course"), Path("step.py"), framework).split('"""')[1]
    assert "python step.py" in top
    assert f"pip install numpy {packages}" in top


def test_what_a_framework_does_not_have_is_refused(monkeypatch):
    exercise = load_exercise("course")
    unknown = Function("σ", value=np.tanh, slope=FUNCTIONS["σ"].slope, numpy="np.tanh")
    monkeypatch.setitem(FUNCTIONS, "σ", unknown)
    with pytest.raises(InvalidInputError, match="PyTorch: the function σ has no Python"):
        program_text(exercise, Path("step.py"), "torch")


# --- every choice ---------------------------------------------------------------------------------


def chosen(activation: str, loss: str, optimizer: dict[str, Any]) -> Exercise:
    outputs = choices.LOSSES[loss].outputs
    output = outputs[0] if outputs else activation
    hidden = "tanh" if choices.ACTIVATIONS[activation].takes_layer else activation
    network = {"neurons": [2, 2, 2], "activations": [hidden, output], "bias": "neuron"}
    training = {**optimizer, "learning_rates": [0.05], "iterations": 5}
    data = random_data(random.Random(2), network, **training)
    data["training"] |= {"loss": loss, "update": "batch_mean"}
    for sample in data["samples"]:
        sample["targets"] = [0.25, 0.75]
    return parse(data)


def every_choice() -> list[Exercise]:
    """Exercises in which every activation, loss and optimizer occurs."""
    plain = {"optimizer": "sgd"}
    assert {each["optimizer"] for each in OPTIMIZERS.values()} == set(choices.OPTIMIZERS)
    return [
        *(chosen(each, "half_squared_error", plain) for each in choices.ACTIVATIONS),
        *(chosen("sigmoid", each, plain) for each in choices.LOSSES),
        *(chosen("tanh", "squared_error", each) for each in OPTIMIZERS.values()),
    ]


@pytest.mark.parametrize("framework", some_of(frameworks.FRAMEWORKS, 1))
def test_every_activation_loss_and_optimizer_has_a_program(framework: str):
    for exercise in every_choice():
        compile(program_text(exercise, Path("step.py"), framework), "step.py", "exec")


@pytest.mark.thorough
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_programs_of_every_activation_loss_and_optimizer_run(framework: str, tmp_path):
    exercises = every_choice()
    in_one_process([program_text(each, Path("a.py"), framework) for each in exercises], tmp_path)


@pytest.mark.thorough
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
def test_the_programs_in_keras_run_with_its_other_backend(tmp_path):
    pytest.importorskip("keras")
    exercises = [with_values(load_exercise(name), iterations=50) for name in packaged_exercises()]
    texts = [program_text(each, Path("a.py"), "keras") for each in exercises]
    in_one_process(texts, tmp_path, KERAS_BACKEND="torch")


# --- as people write them -------------------------------------------------------------------------


def assert_ruff_changes_nothing(texts: dict[str, str], folder: Path) -> None:
    """Formatted and checked, imports included, with lines of at most 100 characters."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length=100", "--no-cache", str(folder)]
    for command in (["format", "--diff"], ["check", "--select=E,F,I,W,UP,C4,RUF"]):
        done = subprocess.run(
            [*ruff, *command, *options], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout[:3000] + done.stderr[-500:]


@pytest.mark.thorough
@pytest.mark.skipif(not importlib.util.find_spec("ruff"), reason="ruff is not installed")
def test_the_programs_are_as_ruff_would_write_them(tmp_path):
    generator = random.Random(31)
    exercises = [load_exercise(name) for name in packaged_exercises()]
    for kind in OPTIMIZERS:
        data = random_data(generator, **OPTIMIZERS[kind], learning_rates=[0.05], iterations=9)
        exercises.append(parse(data))
    texts = {
        f"{number}_{framework}.py": program_text(exercise, Path("step.py"), framework)
        for number, exercise in enumerate(exercises)
        for framework in frameworks.FRAMEWORKS
    }
    notebook = program_text(load_exercise("adam"), Path("step.ipynb"), "keras")
    assert_ruff_changes_nothing({**texts, "notebook.ipynb": notebook}, tmp_path)


@pytest.mark.parametrize("framework", frameworks.FRAMEWORKS)
def test_the_program_of_the_course_is_short(framework: str):
    text = program_text(load_exercise("course"), Path("step.py"), framework)
    assert text.count("\n") < 120


def test_a_notebook_is_valid():
    nbformat = pytest.importorskip("nbformat")
    for framework in frameworks.FRAMEWORKS:
        text = program_text(load_exercise("adam"), Path("step.ipynb"), framework)
        nbformat.validate(nbformat.reads(text, as_version=4))
