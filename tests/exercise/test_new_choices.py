"""An activation, a loss and an optimizer that no module has heard of work everywhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.commands import ROOT, invoke

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import derived, system_of
from backprop_sheet.exercise import choices
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.limits import largest_learning_rate, largest_value
from backprop_sheet.explanation.sentences import notes, sign_sentences
from backprop_sheet.program import frameworks
from backprop_sheet.program.files import program_text
from backprop_sheet.program.program import program_of
from backprop_sheet.symbolic import expressions, functions, prose
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import ONE, Call, Name, Operation
from backprop_sheet.symbolic.latex import to_latex
from backprop_sheet.symbolic.rendering import to_excel, to_text
from backprop_sheet.workbook.added_columns import is_classification

EXERCISE = """
title = "New choices"
[network]
neurons = [2, 2, 2]
activations = ["softplus", "sigmoid"]
bias = "neuron"
[parameters]
weights = [0.15, -0.2, 0.25, 0.3, 0.4, -0.45, 0.5, 0.55]
biases = [0.1, -0.1, 0.2, 0.05]
[[samples]]
inputs = [0.05, 0.1]
targets = [0.01, 0.99]
[training]
loss = "fourth_power"
optimizer = "signed"
learning_rates = [0.5]
iterations = 6
"""


def recipe() -> dict[str, Any]:
    """What CONTRIBUTING's blocks of Python define, with the names of the modules they belong to."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    in_functions, in_choices = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    defined: dict[str, Any] = {}
    for block, module in ((in_functions, functions), (in_choices, choices)):
        names = {**vars(expressions), **vars(prose), **vars(module)}
        exec(block, names)
        defined |= names
    return defined


@pytest.fixture
def new_choices(monkeypatch, tmp_path) -> Path:
    """Register the choices as CONTRIBUTING says; the exercise file uses all three."""
    defined = recipe()
    monkeypatch.setitem(functions.FUNCTIONS, "softplus", defined["softplus"])
    monkeypatch.setitem(choices.ACTIVATIONS, "softplus", defined["activation"])
    monkeypatch.setitem(choices.LOSSES, "fourth_power", defined["loss"])
    monkeypatch.setitem(choices.OPTIMIZERS, "signed", defined["optimizer"])
    file = tmp_path / "new.toml"
    file.write_text(EXERCISE, encoding="utf-8")
    yield file
    derived.cache_clear()


def test_the_numbers_are_right(new_choices):
    """The gradients agree with central differences, and each step is η times a sign."""
    exercise = load_exercise(str(new_choices))
    system = system_of(exercise)
    first, second = descend(exercise, system, [0.5], 1)

    def error(weights: tuple[float, ...]) -> float:
        i, t = np.array(exercise.samples[0].inputs), np.array(exercise.samples[0].targets)
        w, b = np.array(weights[:8]).reshape(4, 2), np.array(weights[8:])
        hidden = np.log1p(np.exp(w[:2] @ i + b[:2]))
        output = 1 / (1 + np.exp(-(w[2:] @ hidden + b[2:])))
        return float(((t - output) ** 4).sum())

    given = (*exercise.weights, *exercise.biases)
    for index, name in enumerate(system.parameters):
        step = 1e-5
        up, down = list(given), list(given)
        up[index] += step
        down[index] -= step
        slope = (error(tuple(up)) - error(tuple(down))) / (2 * step)
        assert first[system.gradient(name)][0, 0] == pytest.approx(slope, rel=1e-6, abs=1e-9)
        assert second[name][0, 0] == pytest.approx(given[index] - 0.5 * np.sign(slope))


def test_sheet_equations_and_check_know_them(new_choices, tmp_path):
    book = tmp_path / "new.xlsx"
    assert invoke("sheet", "--exercise", new_choices, "-o", book).exit_code == 0
    page = tmp_path / "new.html"
    assert invoke("sheet", "--exercise", new_choices, "-o", page).exit_code == 0
    assert "Math.log(1.0 + Math.exp(q[n0]))" in page.read_text("utf-8")
    told = invoke("equations", "--exercise", new_choices, "--iteration", 1)
    assert told.exit_code == 0, told.output
    for words in (
        "Softplus is a smooth ReLU.",
        "The fourth power",
        "signed descent",
        "the sign of",
    ):
        assert words in told.output
    latex = invoke("equations", "--exercise", new_choices, "-o", tmp_path / "new.tex")
    assert latex.exit_code == 0 and r"\mathrm{softplus}" in (tmp_path / "new.tex").read_text(
        "utf-8"
    )
    checked = invoke("check", book, "--exercise", new_choices, "--json")
    [table] = json.loads(checked.stdout)
    assert (table["verdict"], checked.exit_code) == ("right", 0)


@pytest.mark.parametrize("framework", frameworks.FRAMEWORKS)
def test_programs_know_them(framework: str, new_choices):
    """By hand they are gradient descent; a framework gets what it has no name for spelled out."""
    exercise = load_exercise(str(new_choices))
    program = program_of(exercise, framework)
    names: dict[str, Any] = {}
    exec("\n".join([program.imports, program.exercise, program.start, program.training]), names)
    rows = list(descend(exercise, system_of(exercise), [0.5], 6))
    assert [row[1] for row in names["history"]] == pytest.approx([r["w1"][0, 0] for r in rows])
    text = program_text(exercise, Path("step.py"), framework)
    compile(text, framework, "exec")
    module = {"torch": "torch", "keras": "ops"}[framework]
    for spelled in (
        f"{module}.log(1 + {module}.exp(z))",
        "((t - a) ** 2) ** 2",
        f"{module}.sign(g)",
    ):
        assert spelled in text


def test_check_names_the_mistakes_of_a_new_activation(new_choices):
    """The catalogue has the new activation without being told: it is missing, or another one."""
    from backprop_sheet.audit.diagnose.mistakes import mistakes

    causes = {one.cause for one in mistakes(system_of(load_exercise(str(new_choices))), "a_h1")}
    assert "softplus is missing around h1" in causes
    assert "the sigmoid instead of softplus" in causes


@pytest.mark.parametrize(
    "look_up", [choices.activation_named, choices.loss_named, choices.optimizer_named]
)
def test_what_is_not_defined_is_refused(look_up):
    with pytest.raises(ValueError, match=r"unknown .* .nothing."):
        look_up("nothing")


def test_the_documents_do_not_explain_a_new_loss_as_a_square(new_choices):
    """A loss without words for the sign of its derivative has none, in both documents."""
    system = system_of(load_exercise(str(new_choices)))
    assert not sign_sentences(system)
    assert not [note for note in notes(system) if "the square" in note or "minus sign" in note]
    assert "the square is multiplied" in str(sign_sentences(system_of(load_exercise("course"))))


def test_limits_follow_from_the_slopes_of_new_choices(new_choices, monkeypatch):
    exercise = load_exercise(str(new_choices))
    usual = largest_value(exercise.network, exercise.training, 1)
    steep = replace(choices.ACTIVATIONS["softplus"], largest_slope=1e150)
    with monkeypatch.context() as patch:
        patch.setitem(choices.ACTIVATIONS, "softplus", steep)
        assert largest_learning_rate(exercise.network, exercise.training, 1) < usual
    large = replace(choices.LOSSES["fourth_power"], largest=lambda distance: distance**7 * 1e30)
    monkeypatch.setitem(choices.LOSSES, "fourth_power", large)
    assert largest_value(exercise.network, exercise.training, 1) < usual


def test_the_workbook_has_the_accuracy_of_a_new_loss_of_classes(new_choices, monkeypatch):
    system = system_of(load_exercise(str(new_choices)))
    assert not is_classification(system)
    of_classes = replace(choices.LOSSES["fourth_power"], is_of_class=True)
    monkeypatch.setitem(choices.LOSSES, "fourth_power", of_classes)
    assert is_classification(system)


@pytest.mark.parametrize("kind", ["bias", "update"])
def test_an_unknown_bias_or_update_is_never_taken_for_another_one(kind):
    exercise = load_exercise("xor")
    with pytest.raises(KeyError, match="nothing"):
        if kind == "bias":
            system_of(replace(exercise, network=replace(exercise.network, bias="nothing")))
        else:
            system_of(replace(exercise, training=replace(exercise.training, update="nothing")))


def test_a_new_function_of_a_layer_says_itself_how_it_is_written(monkeypatch):
    """The value, the formulas, the text, the LaTeX and the derivative are in its definition."""
    x, y = Name("x"), Name("y")
    share = functions.Function(
        "share",
        spelled_out=lambda call: Operation(
            "/", call.arguments[0], Operation("+", *call.arguments[1:])
        ),
        derivative=lambda call, by: Operation("-", ONE, call),
        written=lambda call: Operation("/", *call.arguments[:2]),
    )
    monkeypatch.setitem(functions.FUNCTIONS, "share", share)
    call = Call("share", (x, x, y))
    assert evaluate(call, {"x": 1.0, "y": 3.0}) == 0.25
    assert to_excel(call, lambda name: f"{name.name.upper()}7") == "X7/(X7+Y7)"
    assert to_text(call) == "x/x"
    assert to_latex(call) == r"\frac{x}{x}"
    assert to_text(derivative(call, x)) == "1 - x/x"
