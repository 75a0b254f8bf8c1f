"""The workbook is live: edited and recalculated by a spreadsheet, it has the values of descend().

IronCalc recalculates all of them, LibreOffice too where tests are thorough, and else a few.
"""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet
from oracles.engines import ENGINES
from oracles.libreoffice import convert, needs_libreoffice

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import overview, write_workbook, written_by_gradsheet
from backprop_sheet.workbook.learning_rate_sheet import LearningRateSheet

ITERATIONS = 12
FIRST_ROW = 7  # of a learning rate's table, as Excel counts

_FILE = """
title = "Made for a test"
[network]
neurons = {neurons}
activations = {activations}
bias = "{bias}"
[parameters]
seed = 11
[training]
learning_rates = [0.5, 0.1]
{training}
{samples}
"""
_SAMPLES = "".join(
    f"[[samples]]\ninputs = [{a}, {b}]\ntargets = {{targets}}\n"
    for a, b in ((0.5, -1), (-0.25, 0.75), (1, 0.125))
)


def made(
    training: str,
    *,
    bias: str = "neuron",
    neurons: str = "[2, 3, 1]",
    activations: str = '["tanh", "sigmoid"]',
    targets: str = "[0.75]",
) -> Exercise:
    """An exercise with three samples."""
    samples = _SAMPLES.format(targets=targets)
    return parse_exercise(
        _FILE.format(
            neurons=neurons, activations=activations, bias=bias, training=training, samples=samples
        )
    )


def exercises() -> dict[str, Exercise]:
    """All packaged exercises, and made ones for what no packaged one has."""
    found = {name: load_exercise(name) for name in packaged_exercises()}
    found["online"] = made('update = "online"\noptimizer = "sgd"\nmomentum = 0.9')
    found["sum"] = made('update = "batch_sum"\nmomentum = 0.5\nnesterov = true', bias="layer")
    found["rmsprop"] = made('optimizer = "rmsprop"\nloss = "mean_squared_error"')
    found["adamw"] = made('optimizer = "adamw"\nupdate = "online"')
    # β1ⁿ is soon smaller than any number that a spreadsheet has.
    found["underflow"] = made('optimizer = "adam"\nbeta_1 = 1e-30')
    found["binary"] = made('loss = "binary_cross_entropy"', bias="none")
    found["no hidden layer"] = made(
        "", neurons="[2, 3]", activations='["linear"]', targets="[0.5, -0.5, 0.25]"
    )
    return {
        name: with_values(
            one, iterations=ITERATIONS, learning_rates=one.training.learning_rates[:2]
        )
        for name, one in found.items()
    }


@dataclass
class Case:
    """A workbook that is edited, and the exercise that its tables must follow then.

    ``rates`` are those of the sheets, in order; the first sheet's is edited too.
    """

    written: Exercise
    edits: list[tuple[str, str, float]]
    expected: Exercise


def edited(exercise: Exercise) -> Case:
    """Another first weight, another first input and target of the last sample, another η."""
    several = len(exercise.samples) > 1
    system = system_of(exercise)
    sample = exercise.samples[-1]
    changed = Sample((sample.inputs[0] + 0.25, *sample.inputs[1:]), (0.25, *sample.targets[1:]))
    rates = exercise.training.learning_rates
    new_rate = rates[0] * 0.75
    where = given_cells(exercise, system)
    sheet = "Samples" if several else "Overview"
    edits = [
        ("Overview", where["w1"], 1.25),
        (sheet, where["i1"], changed.inputs[0]),
        (sheet, where["t1"], changed.targets[0]),
        (f"LR {rates[0]:g}", "B3", new_rate),
    ]
    expected = replace(
        exercise,
        weights=(1.25, *exercise.weights[1:]),
        samples=(*exercise.samples[:-1], changed),
        training=replace(exercise.training, learning_rates=(new_rate, *rates[1:])),
    )
    if system.hyperparameters:
        symbol = next(iter(system.hyperparameters))
        edits.append(("Overview", where[symbol], 0.625))
        training = expected.training
        training = replace(training, hyperparameters={**training.hyperparameters, symbol: 0.625})
        expected = replace(expected, training=training)
    return Case(exercise, edits, expected)


def given_cells(exercise: Exercise, system: EquationSystem) -> dict[str, str]:
    """Where a person finds the values: in the Overview's list; samples in their last row."""
    last = len(exercise.samples)
    data = (*system.inputs, *system.targets)
    cells = {}
    if last > 1:
        cells = {
            name: f"{openpyxl.utils.get_column_letter(at)}{FIRST_ROW + last - 1}"
            for at, name in enumerate(data, 2)
        }
        data = ()
    listed = (*data, *system.parameters, *system.hyperparameters)
    rates = len(exercise.training.learning_rates)
    first = 7 if len(listed) <= 20 else 11 + rates
    return cells | {name: f"C{first + at}" for at, name in enumerate(listed)}


CASES = {name: edited(one) for name, one in exercises().items()}
# Far out, where exponentials, squares and products would overflow.
_COURSE = with_values(load_exercise("course"), iterations=ITERATIONS)
CASES["far"] = Case(
    with_values(_COURSE, learning_rates=(0.1, 2.0)),
    [("Overview", "C11", -900), ("Overview", "C7", 30), ("LR 2", "B3", 1e6)],
    with_values(
        _COURSE,
        inputs=(30.0, 0.1),
        weights=(-900.0, *_COURSE.weights[1:]),
        learning_rates=(0.1, 1e6),
    ),
)


def extreme() -> dict[str, Exercise]:
    """Exercises whose values are as large as is allowed."""
    found = {}
    for name in ("course", "relu", "softmax", "xor", "adam", "deep"):
        exercise = with_values(load_exercise(name), iterations=5)
        exercise = with_values(exercise, learning_rates=exercise.training.learning_rates[:1])
        for exponent in range(40, 3, -1):
            signs = [(-1) ** n * 10.0**exponent for n in range(len(exercise.weights))]
            try:
                found[f"extreme {name}"] = with_values(exercise, weights=signs)
                break
            except ValueError:
                continue
    return found


EXTREME = extreme()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    """Every workbook: as it was written ("xor"), and edited ("xor edited"), not recalculated."""
    folder = tmp_path_factory.mktemp("recalculation")
    paths: dict[str, Path] = {}
    # Drawing charts takes LibreOffice longer than computing.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LearningRateSheet, "_add_charts", lambda *_: None)
        patch.setattr(overview, "_insert_chart", lambda *_, **__: None)
        for name, case in CASES.items():
            paths[name] = folder / f"{name}.xlsx"
            write_workbook(case.written, paths[name])
        for name, exercise in EXTREME.items():
            paths[name] = folder / f"{name}.xlsx"
            write_workbook(exercise, paths[name])
    for name, case in CASES.items():
        paths[f"{name} edited"] = folder / f"{name} edited.xlsx"
        edit(paths[name], paths[f"{name} edited"], case.edits)
    paths["a wrong gradient"] = folder / "a wrong gradient.xlsx"
    edit(
        paths["course"],
        paths["a wrong gradient"],
        [("LR 0.1", f"AC{FIRST_ROW}", "(S7-B7)*K7")],  # ∂E/∂w5 without the sigmoid's derivative
    )
    paths["lie"] = folder / "lie.xlsx"
    _lie(paths["lie"])
    return paths


@pytest.fixture(scope="module", params=ENGINES)
def recalculated(request, written, tmp_path_factory) -> dict[str, Path]:
    """Every workbook after it was recalculated."""
    folder = tmp_path_factory.mktemp("recalculated")
    return dict(zip(written, request.param(written.values(), folder), strict=True))


@pytest.fixture(scope="module")
def saved_by_libreoffice(written, tmp_path_factory) -> dict[str, Path]:
    """A few workbooks after LibreOffice."""
    names = ["course", "course edited", "xor edited", "softmax edited", "a wrong gradient", "lie"]
    folder = tmp_path_factory.mktemp("saved by LibreOffice")
    return dict(zip(names, convert([written[name] for name in names], folder), strict=True))


def edit(source: Path, target: Path, edits: list[tuple[str, str, float | str]]) -> None:
    """Type numbers, or formulas, into cells that have such; stored values stay as they were."""
    names = load(source).sheetnames
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        parts = {name: old.read(name) for name in old.namelist()}
        for sheet, cell, value in edits:
            part = f"xl/worksheets/sheet{names.index(sheet) + 1}.xml"
            tag = "f" if isinstance(value, str) else "v"
            pattern = rf'(<c r="{cell}"[^>]*><{tag}>)[^<]*(</{tag}>)'
            text, count = re.subn(pattern, rf"\g<1>{value}\g<2>", parts[part].decode("utf-8"))
            assert count == 1, (sheet, cell)
            parts[part] = text.encode("utf-8")
        for name, content in parts.items():
            new.writestr(name, content)


@cache
def load(path: Path) -> openpyxl.Workbook:
    """Load a workbook's values, once for all tests."""
    return openpyxl.load_workbook(path, data_only=True)


def _lie(path: Path) -> None:
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_number("A1", 2)
        sheet.write_formula("A2", "=A1*3", None, 777)


def near(found: float, expected: float) -> bool:
    # exp, tanh and ln differ in the last bit from library to library, and so does what is left
    # where nearly equal numbers are subtracted. Spreadsheets have no numbers below 2.2E-308.
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-13)


def tables(workbook: openpyxl.Workbook) -> list[Worksheet]:
    return [sheet for sheet in workbook.worksheets if sheet.title.startswith("LR ")]


@pytest.mark.parametrize("name", [*CASES, *(f"{name} edited" for name in CASES)])
def test_tables_are_what_descend_computes(recalculated, name):
    check_tables(recalculated, name)


def check_tables(recalculated: dict[str, Path], name: str) -> None:
    case = CASES[name.removesuffix(" edited")]
    exercise = case.expected if name.endswith(" edited") else case.written
    system = system_of(exercise)
    workbook = load(recalculated[name])
    header = ["iteration", *(["sample"] if system.has_sample_column else []), *system.columns]
    found = [
        list(sheet.iter_rows(FIRST_ROW, max_col=len(header), values_only=True))
        for sheet in tables(workbook)
    ]
    rates = exercise.training.learning_rates
    assert len(found) == len(rates)
    errors = []
    for n, rows in enumerate(descend(exercise, system, rates, ITERATIONS)):
        errors.append(rows["E_mean" if system.has_sample_column else "E_total"][:, -1])
        for index, table in enumerate(found):
            for k in range(system.rows_per_iteration):
                values = table[n * system.rows_per_iteration + k]
                for column, value in zip(header, values, strict=True):
                    expected = rows[column][index, k]
                    assert near(value, expected), (rates[index], n, k, column, value, expected)
    assert all(len(table) == (ITERATIONS + 1) * system.rows_per_iteration for table in found)
    check_overview(workbook["Overview"], exercise, np.array(errors))


def check_overview(sheet: Worksheet, exercise: Exercise, errors: np.ndarray) -> None:
    """Check the table of learning rates. ``errors`` has shape (iterations, rates)."""
    [header] = [row for row in range(1, 60) if sheet.cell(row, 2).value == "η"]
    online = exercise.training.update == "online"
    start = len(exercise.samples) - 1 if online else 0  # before, not all samples are counted
    for index, rate in enumerate(exercise.training.learning_rates):
        row = header + 1 + index
        shown = [sheet.cell(row, column).value for column in range(2, 6)]
        below = [n for n, error in enumerate(errors[:, index]) if error < 0.01 and n >= start]
        assert near(shown[0], rate)
        assert near(shown[1], errors[0, index]) and near(shown[2], errors[-1, index])
        assert shown[3] == (below[0] if below else "not reached")


@pytest.mark.parametrize("name", [*CASES, *(f"{name} edited" for name in CASES)])
def test_the_gradient_check_compares_with_central_differences(recalculated, name):
    check_gradient_check(recalculated, name)


def check_gradient_check(recalculated: dict[str, Path], name: str) -> None:
    """The central difference is computed here by whole runs of a changed exercise."""
    case = CASES[name.removesuffix(" edited")]
    exercise = case.expected if name.endswith(" edited") else case.written
    system = system_of(exercise)
    sheet = load(recalculated[name])["Gradient check"]
    assert sheet["B5"].value == 1e-4
    shown = {
        row[0]: row[1:]
        for row in sheet.iter_rows(10, 9 + len(system.trained), max_col=5, values_only=True)
    }
    assert list(shown) == list(system.trained)
    gradients = first_values(exercise, [system.gradient(name) for name in system.trained])
    for parameter, gradient in zip(system.trained, gradients, strict=True):
        by_formula, by_difference, relative, agree = shown[parameter]
        assert near(by_formula, gradient)
        larger, smaller = (
            first_values(changed(exercise, system, parameter, step), ["E_total"])[0]
            for step in (1e-4, -1e-4)
        )
        expected = (larger - smaller) / 2e-4
        assert math.isclose(by_difference, expected, rel_tol=1e-6, abs_tol=1e-9)
        if name not in ("far", "far edited"):
            assert math.isclose(by_difference, gradient, rel_tol=1e-4, abs_tol=1e-7)
        assert agree == "yes", (parameter, shown[parameter])
        assert 0 <= relative <= 2
    count = len(system.trained)
    assert sheet["B7"].value == f"All {count} gradients agree with their central differences."


def changed(exercise: Exercise, system: EquationSystem, name: str, step: float) -> Exercise:
    parameters = [*exercise.weights, *exercise.biases]
    parameters[system.parameters.index(name)] += step
    count = len(exercise.weights)
    return replace(exercise, weights=tuple(parameters[:count]), biases=tuple(parameters[count:]))


def first_values(exercise: Exercise, names: list[str]) -> list[float]:
    """Values of iteration 0, over the samples as an update takes them."""
    system = system_of(exercise)
    rows = next(descend(exercise, system, (1.0,), 0))
    mean = exercise.training.update == "batch_mean"
    return [float((np.mean if mean else np.sum)(rows[name][0])) for name in names]


def test_the_gradient_check_finds_a_wrong_gradient(recalculated):
    check_finding_of_a_wrong_gradient(recalculated)


def check_finding_of_a_wrong_gradient(recalculated: dict[str, Path]) -> None:
    sheet = load(recalculated["a wrong gradient"])["Gradient check"]
    verdicts = {row[0]: row[4] for row in sheet.iter_rows(10, 17, max_col=5, values_only=True)}
    assert verdicts == {f"w{n}": "no" if n == 5 else "yes" for n in range(1, 9)}
    assert sheet["B7"].value == "7 of 8 gradients agree with their central differences."


@pytest.mark.parametrize("name", CASES)
def test_stored_values_are_what_a_spreadsheet_computes(written, recalculated, name):
    stored = load(written[name])
    computed = load(recalculated[name])
    for sheet in stored.worksheets:
        check = sheet.title == "Gradient check"
        for row in sheet.iter_rows():
            for cell in row:
                found = computed[sheet.title][cell.coordinate].value
                if not isinstance(cell.value, int | float):
                    assert found == cell.value
                elif check and cell.column in (3, 4) and cell.row < 200:
                    # Differences of nearly equal errors, divided by ε.
                    assert math.isclose(found, cell.value, rel_tol=1e-4, abs_tol=1e-7)
                else:
                    assert near(found, cell.value), (sheet.title, cell.coordinate)


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_values_give_no_error_values(written, recalculated, name):
    for path in (written[name], recalculated[name]):
        for sheet in load(path).worksheets:
            for row in sheet.iter_rows(values_only=True):
                for value in row:
                    assert not (isinstance(value, str) and value.startswith("#")), sheet.title
                    assert not isinstance(value, float) or abs(value) < 1e308, sheet.title


def test_the_engine_does_not_trust_stored_values(recalculated):
    """Otherwise this whole file would compare our numbers with themselves."""
    assert load(recalculated["lie"]).active["A2"].value == 6


@needs_libreoffice
def test_libreoffice_computes_the_same(saved_by_libreoffice):
    for name in saved_by_libreoffice:
        if name.removesuffix(" edited") in CASES:
            check_tables(saved_by_libreoffice, name)
            check_gradient_check(saved_by_libreoffice, name)
    check_finding_of_a_wrong_gradient(saved_by_libreoffice)
    assert load(saved_by_libreoffice["lie"]).active["A2"].value == 6


@needs_libreoffice
def test_it_is_still_recognised_after_libreoffice_saved_it(saved_by_libreoffice):
    assert written_by_gradsheet(saved_by_libreoffice["course"])
