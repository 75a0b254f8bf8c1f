"""evaluate as a marker: conditions, several models, folders, and reports."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import openpyxl
import pytest
from fixtures.commands import click_run, invoke
from fixtures.random_networks import random_weights
from oracles.open_xml import errors_of

from keras_model.evaluation import Evaluation
from keras_model.marking.conditions import Conditions, features_of
from keras_model.networks.network_file import parse_network


def network(*layers: str):
    return parse_network(f"layers = [{', '.join(f'{{ {layer} }}' for layer in layers)}]")


CONV = 'type = "Conv2D", filters = 2, kernel_size = 5, strides = 3'
GAP, DENSE = 'type = "GlobalAveragePooling2D"', 'type = "Dense", units = 10'
FLATTEN = 'type = "Flatten"'


def outcome(conditions: Conditions, layers: tuple[str, ...], correct: int = 0, *, onnx=False):
    evaluation = Evaluation(np.zeros((10_000, 10)), 0.0, correct)
    [found] = conditions.outcomes(network(*layers), evaluation, is_onnx=onnx)
    return found


@pytest.mark.parametrize(
    ("feature", "layers", "is_met"),
    [
        ("batchnorm", (CONV, 'type = "BatchNormalization"', GAP, DENSE), True),
        ("batchnorm", (CONV, 'type = "LayerNormalization"', GAP, DENSE), False),
        ("layernorm", (CONV, 'type = "LayerNormalization"', GAP, DENSE), True),
        ("dropout", (CONV, 'type = "SpatialDropout2D", rate = 0.1', GAP, DENSE), True),
        ("dropout", (CONV, 'type = "Dropout", rate = 0.0', GAP, DENSE), False),
        ("gap", (CONV, GAP, DENSE), True),
        ("gap", (CONV, 'type = "AveragePooling2D", pool_size = 8', FLATTEN, DENSE), True),
        ("gap", (CONV, 'type = "AveragePooling2D", pool_size = 5', FLATTEN, DENSE), False),
        ("gap", (CONV, 'type = "GlobalMaxPooling2D"', DENSE), False),
        ("maxpool", (CONV, 'type = "MaxPooling2D"', GAP, DENSE), True),
        ("dense", (CONV, GAP, DENSE), True),
        ("dense", ('type = "Conv2D", filters = 10, kernel_size = 28', FLATTEN), False),
    ],
)
def test_features(feature: str, layers: tuple[str, ...], is_met: bool) -> None:
    assert outcome(Conditions(required=(feature,)), layers).is_met == is_met


def test_the_layers_with_a_feature_are_named_and_what_onnx_loses_is_told() -> None:
    norm = 'type = "BatchNormalization"'
    found = outcome(Conditions(required=("batchnorm",)), (norm, CONV, norm, GAP, DENSE))
    assert found.line() == "met     batch normalization: layers 1 and 3"
    missed = Conditions(required=("batchnorm",))
    assert "exporters" in outcome(missed, (CONV, GAP, DENSE), onnx=True).line()
    assert "exporters" not in outcome(missed, (CONV, GAP, DENSE)).line()


@pytest.mark.parametrize(
    ("limit", "correct", "is_met"),
    [(99.4, 9940, True), (99.4, 9939, False), (100, 9999, False), (99.43, 9943, True),
     (99.395, 9940, True), (99.405, 9940, False)],
)  # fmt: skip
def test_the_accuracy_is_compared_exactly(limit: float, correct: int, is_met: bool) -> None:
    assert outcome(Conditions(min_accuracy=limit), (CONV, GAP, DENSE), correct).is_met == is_met


def test_the_parameters_are_the_trainable_ones_and_the_limit_is_allowed() -> None:
    layers = (CONV, 'type = "BatchNormalization"', GAP, DENSE)  # 52 + 4 + 30, and 4 statistics
    assert outcome(Conditions(max_parameters=86), layers).is_met
    missed = outcome(Conditions(max_parameters=85), layers)
    assert missed.line() == "MISSED  at most 85 trainable parameters: 86"


def test_features_have_the_courses_abbreviations() -> None:
    assert features_of("BN, fc,gap,batchnorm") == ("batchnorm", "dense", "gap")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--min-accuracy", "0.994"), "--min-accuracy is in percent: 99.4 instead of 0.994"),
        (("--min-accuracy", "101"), "--min-accuracy must be a percentage of at most 100, got 101"),
        (("--min-accuracy", "nan"), "--min-accuracy must be a percentage of at most 100, got nan"),
        (("--max-parameters", "0"), "--max-parameters must be 1 or more, got 0"),
        (("--require", "gap,magic"), "got 'magic'"),
        (("--report", "marks.pdf"), "must end in .xlsx, .csv or .json"),
    ],
)
def test_impossible_conditions_are_refused(options, words: str, tmp_path: Path) -> None:
    done = invoke("evaluate", tmp_path / "model.keras", *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def keras_file(path: Path, *layers: str, scale: float = 1.0) -> None:
    """Write a model with random weights, as Keras saves a Sequential one."""
    trained = random_weights(network(*layers), 1)
    described = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 28, 28, 1]}}]
    weights_file = path.with_suffix(".h5")
    used: dict[str, int] = {}
    with h5py.File(weights_file, "w") as file:
        for layer, weights in zip(trained.architecture.layers, trained.weights, strict=True):
            described.append({"class_name": layer.kind, "config": layer.arguments()})
            saved = {"Conv2D": "conv2d", "Dense": "dense"}.get(layer.kind, layer.kind)
            number = used[saved] = used.get(saved, -1) + 1
            group = f"layers/{saved}_{number}" if number else f"layers/{saved}"
            for index, value in enumerate(weights.values()):
                file[f"{group}/vars/{index}"] = scale * value
    config = {"class_name": "Sequential", "config": {"layers": described}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights_file, "model.weights.h5")
    weights_file.unlink()


@pytest.fixture(scope="module")
def submissions(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("ada", "bob/run", "eve", "__MACOSX/ada", ".hidden", "=cmd"):
        (folder / name).mkdir(parents=True)
    keras_file(folder / "ada" / "model.keras", CONV, GAP, DENSE)
    keras_file(folder / "bob" / "run" / "model.keras", CONV, FLATTEN, DENSE)
    keras_file(folder / "=cmd" / "nan.keras", CONV, GAP, DENSE, scale=float("nan"))
    (folder / "eve" / "broken.keras").write_bytes(b"no zip")
    for name in ("__MACOSX/ada", ".hidden"):
        shutil.copy(folder / "ada" / "model.keras", folder / name)
    return folder


def test_a_folder_gives_a_table(submissions: Path, data: Path) -> None:
    done = invoke(
        "evaluate", submissions, "--data", data, "--max-parameters", 100, "--require", "gap",
    )  # fmt: skip
    assert done.exit_code == 2
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["model", "parameters", "accuracy", "pixels", "missed"]
    rows = {line.split()[0]: line for line in lines[2:-1]}
    assert list(rows) == ["=cmd/nan.keras", "ada/model.keras", "bob/run/model.keras",
                          "eve/broken.keras"]  # fmt: skip
    assert rows["ada/model.keras"].endswith(" –")
    assert rows["bob/run/model.keras"].endswith("  parameters, gap")
    assert rows["eve/broken.keras"].endswith("is not a Keras model (.keras)")
    assert "NaN" in rows["=cmd/nan.keras"]
    expected = "4 models: 1 meets the conditions, 1 does not, 2 cannot be read"
    assert lines[-1] == expected


def test_models_that_are_all_right_exit_with_0(submissions: Path, data: Path) -> None:
    ada = submissions / "ada"
    printed = click_run("evaluate", ada, ada / "model.keras", "--require", "gap", "--data", data)
    assert printed.endswith("1 model: 1 meets the conditions\n")
    bob = submissions / "bob" / "run" / "model.keras"
    printed = click_run("evaluate", ada / "model.keras", bob, "--data", data)
    assert "missed" not in printed
    assert printed.endswith("2 models\n")
    printed = click_run("evaluate", ada, bob, "--data", data, "--require", "gap", code=1)
    assert "/ada/model.keras " in printed and "/run/model.keras " in printed  # not one name twice


def test_one_model_has_a_line_per_condition(submissions: Path, data: Path) -> None:
    model = submissions / "ada" / "model.keras"
    done = invoke(
        "evaluate", model, "--data", data, "--max-parameters", 100, "--min-accuracy", 90,
        "--require", "dropout,gap",
    )  # fmt: skip
    assert done.exit_code == 1
    lines = done.stdout.splitlines()[-4:]
    assert lines[0] == "met     at most 100 trainable parameters: 82"
    assert lines[1].startswith("MISSED  an accuracy of at least 90%: ")
    assert lines[2:] == ["MISSED  dropout: none", "met     global average pooling: layer 2"]
    assert "nan" not in done.stdout  # a class that is never predicted has no precision
    click_run("evaluate", model, "--data", data)


def test_reports_have_the_same_rows(submissions: Path, data: Path, tmp_path: Path) -> None:
    conditions = ("--max-parameters", 100, "--require", "gap")
    paths = [tmp_path / f"marks{suffix}" for suffix in (".xlsx", ".csv", ".json")]
    for path in paths:
        for _ in range(2):  # its own report is replaced
            click_run(
                "evaluate", submissions, "--data", data, *conditions, "--report", path, code=2
            )
    with paths[1].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows][:2] == ["'=cmd/nan.keras", "ada/model.keras"]
    assert [row["result"] for row in rows] == ["not read", "passed", "failed", "not read"]
    assert [row["condition_gap"] for row in rows] == ["", "met", "missed", ""]
    document = json.loads(paths[2].read_text(encoding="utf-8"))
    models = document["models"]
    assert [model["result"] for model in models] == [row["result"] for row in rows]
    assert [model["trainable_parameters"] for model in models] == [None, 82, 1342, None]
    assert [each["met"] for each in models[2]["conditions"]] == [False, False]
    sheet = openpyxl.load_workbook(paths[0])["Models"]
    cells = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=5)]
    assert [row[0] for row in cells] == [model["model"] for model in models]
    assert [row[-2] for row in cells] == [row["result"] for row in rows]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert not errors_of(paths[0])
    for path in paths:
        path.write_text("my own", encoding="utf-8")
        done = invoke("evaluate", submissions, "--data", data, "--report", path)
        assert done.exit_code == 1
        assert "--force" in done.stderr


def test_what_is_no_model_is_refused(submissions: Path, tmp_path: Path) -> None:
    assert "has no model" in click_run("evaluate", tmp_path, code=2)
    assert "there is no model" in click_run("evaluate", submissions, tmp_path / "x.keras", code=2)


def test_a_model_in_onnx_is_marked_too(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from random import Random

    from fixtures.onnx_models import exported

    path = tmp_path / "model.onnx"
    exported(random_weights(network(CONV, GAP, DENSE), 1), Random(1)).save(path)
    printed = click_run(
        "evaluate", path, "--data", data, "--max-parameters", 82, "--require", "gap,bn", code=1,
    )  # fmt: skip
    *_, size, gap, norm = printed.splitlines()
    assert size == "met     at most 82 trainable parameters: 82"
    assert gap.startswith("met ")
    assert norm.startswith("MISSED  batch normalization: none in the file")
    assert "1 model" in click_run("evaluate", tmp_path, "--data", data)
