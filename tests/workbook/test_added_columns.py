"""Mean gradients, predicted classes and accuracy, to the right of a learning rate's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest
from oracles.engines import ENGINES

from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.workbook import overview, write_workbook
from backprop_sheet.workbook.learning_rate_sheet import LearningRateSheet

HEADER, FIRST = 6, 7  # rows of a learning rate's sheet

_FILE = """
title = "Made for a test"
[network]
neurons = [2, {outputs}]
activations = ["{activation}"]
[parameters]
seed = 4
[training]
loss = "{loss}"
update = "{update}"
learning_rates = [2]
iterations = 9
"""


def made(activation: str, loss: str, update: str, targets: tuple[tuple[int, ...], ...]) -> Exercise:
    text = _FILE.format(outputs=len(targets[0]), activation=activation, loss=loss, update=update)
    inputs = ([0.5, -1], [-0.25, 0.75], [1, 0.125])
    for sample, target in zip(inputs, targets, strict=False):
        text += f"[[samples]]\ninputs = {sample}\ntargets = {list(target)}\n"
    return parse_exercise(text)


ONE_HOT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
EXERCISES = {
    "softmax": with_values(load_exercise("softmax"), iterations=12, learning_rates=[1.0]),
    "xor": with_values(load_exercise("xor"), iterations=7, learning_rates=[5.0]),
    "in turn": made("softmax", "cross_entropy", "online", ONE_HOT),
    "sum": made("sigmoid", "cross_entropy", "batch_sum", ONE_HOT),
    "yes or no": made("sigmoid", "binary_cross_entropy", "batch_mean", ((1,), (0,), (1,))),
    "one sample": made("softmax", "cross_entropy", "batch_mean", ((0, 1),)),
}
CLASSES = ["target class", "predicted class", "correct", "accuracy"]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("added")
    paths = {name: folder / f"{name}.xlsx" for name in EXERCISES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LearningRateSheet, "_add_charts", lambda *_: None)
        patch.setattr(overview, "_insert_chart", lambda *_, **__: None)
        for name, path in paths.items():
            write_workbook(EXERCISES[name], path)
    return paths


def table(path: Path) -> dict[str, list[float | None]]:
    """The columns of the first learning rate's sheet, by header."""
    workbook = openpyxl.load_workbook(path, data_only=True)
    [sheet] = [sheet for sheet in workbook.worksheets if sheet.title.startswith("LR")]
    header = [cell.value for cell in sheet[HEADER]]
    rows = list(sheet.iter_rows(FIRST, values_only=True))
    return {name: [row[at] for row in rows] for at, name in enumerate(header) if name}


@pytest.mark.parametrize("name", ["softmax", "xor", "sum", "yes or no"])
def test_reduced_gradients_are_those_of_the_next_update(written, name):
    """The change of each parameter, divided by η, is what the column has."""
    exercise = EXERCISES[name]
    system, columns = system_of(exercise), table(written[name])
    samples, kind = len(exercise.samples), exercise.training.reduction
    [rate] = exercise.training.learning_rates
    for parameter in system.trained:
        shown = columns[f"{kind}(∂E/∂{parameter})"]
        assert all(value is None for at, value in enumerate(shown) if at % samples)
        values = np.array(columns[parameter][::samples])
        used = (values[:-1] - values[1:]) / rate
        assert np.allclose(shown[::samples][:-1], used, rtol=1e-7, atol=1e-12)


def expected_class(values: list[float]) -> int:
    if len(values) == 1:
        return 1 if values[0] >= 0.5 else 0
    return values.index(max(values)) + 1


@pytest.mark.parametrize("name", [name for name in EXERCISES if name != "xor"])
def test_classes_and_accuracy_follow_from_the_table(written, name):
    exercise = EXERCISES[name]
    system, columns = system_of(exercise), table(written[name])
    targets = list(zip(*(columns[one] for one in system.targets), strict=True))
    outputs = list(zip(*(columns[one] for _, one in system.outputs), strict=True))
    right = []
    for row, (target, output) in enumerate(zip(targets, outputs, strict=True)):
        assert columns["target class"][row] == expected_class(list(target))
        assert columns["predicted class"][row] == expected_class(list(output))
        right.append(expected_class(list(target)) == expected_class(list(output)))
        assert columns["correct"][row] == right[-1]
    shown, samples = columns["accuracy"], len(exercise.samples)
    if exercise.training.update == "online":
        expected = [
            np.mean(right[max(0, row - samples + 1) : row + 1]) for row in range(len(right))
        ]
        assert shown == pytest.approx(expected)
    else:
        assert shown[::samples] == pytest.approx(np.mean(np.reshape(right, (-1, samples)), axis=1))
    assert sum(right) > 0 and set(map(type, columns["predicted class"])) == {int}


@pytest.mark.parametrize("name", ["course", "relu", "xor"])
def test_other_exercises_have_no_classes(tmp_path, name):
    exercise = load_exercise(name)
    rates = exercise.training.learning_rates[:1]
    path = tmp_path / "sheet.xlsx"
    write_workbook(with_values(exercise, iterations=2, learning_rates=rates), path)
    columns = table(path)
    assert not set(CLASSES) & set(columns)
    assert any("mean(" in header for header in columns) == (name == "xor")


@pytest.mark.parametrize("name", EXERCISES)
def test_check_leaves_them_alone(written, name):
    result = audit_workbook(written[name])
    assert not result.problems
    assert [one.verdict for one in result.tables] == ["right"]


@pytest.mark.parametrize("recalculate", ENGINES)
def test_a_spreadsheet_computes_the_same(recalculate, written, tmp_path):
    for path, computed in zip(
        written.values(), recalculate(written.values(), tmp_path / "computed"), strict=True
    ):
        ours, theirs = table(path), table(computed)
        assert ours.keys() == theirs.keys()
        for header, values in ours.items():
            blank = [value is None for value in values]
            assert [value is None for value in theirs[header]] == blank
            numbers = [value for value in values if value is not None]
            computed_numbers = [value for value in theirs[header] if value is not None]
            assert computed_numbers == pytest.approx(numbers, rel=1e-9, abs=1e-13), header
