"""The batch-size experiment, through the command."""

from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path

import openpyxl
import pytest
from commands import run
from libreoffice import convert, needs_libreoffice

pytest.importorskip("tensorflow")

from keras_model.recipe import RECIPES
from keras_model.sweep import at_batch_size

OPTIONS = ["--recipe", "seed", "--epochs", "2"]


@pytest.fixture(scope="module")
def swept(data, tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("sweep") / "of" / "sizes"
    done = run("sweep", "--batch-sizes", "100,200", *OPTIONS, "--data", data, "--out", folder)
    return folder, done.stdout


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_learning_rate_goes_with_the_batch_size_or_stays():
    recipe = RECIPES["seed"]
    assert at_batch_size(recipe, 256, same_lr=False).learning_rate == 2 * recipe.learning_rate
    assert at_batch_size(recipe, 32, same_lr=False).learning_rate == recipe.learning_rate / 4
    assert at_batch_size(recipe, 32, same_lr=True).learning_rate == recipe.learning_rate


def test_a_sweep_leaves_its_tables_and_what_is_finished_is_kept(swept, data):
    folder, printed = swept
    found = rows(folder)
    assert [row["batch_size"] for row in found] == ["100", "200"]
    for row in found:
        inside = folder / f"batch-{row['batch_size']}-seed-1"
        metrics = json.loads((inside / "metrics.json").read_text())
        assert float(row["accuracy"]) == metrics["accuracy"] and row["epochs"] == "2"
        assert float(row["learning_rate"]) == 0.01 * int(row["batch_size"]) / 128
        assert f"{metrics['accuracy']:.2%}" in printed
    before = {path: path.stat().st_mtime_ns for path in folder.glob("batch-*/*")}
    # A third size, and one that cannot be: the first two are not trained again.
    (folder / "batch-400-seed-1").write_text("in the way")
    options = ["--batch-sizes", "100,200,400,50", *OPTIONS, "--data", data, "--out", folder]
    done = run("sweep", *options, code=1)
    assert "batch size 100, seed 1: kept" in done.stdout
    assert "1 of 4 failed: batch size 400, seed 1" in done.stderr
    assert [row["batch_size"] for row in rows(folder)] == ["50", "100", "200"]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    (folder / "batch-400-seed-1").unlink()
    # Other values than those that were kept.
    done = run("sweep", *options, "--same-lr", code=1)
    assert "holds a run of other values" in done.stderr


@needs_libreoffice
def test_the_workbooks_means_are_formulas_of_its_runs(swept, tmp_path):
    folder, _ = swept
    (computed,) = convert([folder / "sweep.xlsx"], tmp_path)
    sheet = openpyxl.load_workbook(computed, data_only=True)["Sweep"]
    found = rows(folder)
    for size, count, accuracy, loss, seconds in sheet.iter_rows(
        5, 4 + len(found), 1, 5, values_only=True
    ):
        of_size = [row for row in found if int(row["batch_size"]) == size]
        assert count == len(of_size) == 1
        for value, name in ((accuracy, "accuracy"), (loss, "loss"), (seconds, "seconds_per_epoch")):
            mean = statistics.mean(float(row[name]) for row in of_size)
            assert value == pytest.approx(mean, rel=1e-12)
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch-sizes", "32,many"],
        ["--batch-sizes", "0"],
        ["--batch-sizes", "12.5"],
        ["--seeds", "0"],
        ["--recipe", "none"],
        ["--lr", "nan"],
    ],
)
def test_bad_use_is_refused_before_tensorflow_is_loaded(arguments):
    done = run("sweep", *arguments, code=2)
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
