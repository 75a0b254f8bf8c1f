"""The batch-size experiment: its command, its statistics, and its trainings in other processes."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, click_run, command, invoke, run_in_turn
from oracles.engines import ENGINES
from oracles.open_xml import errors_of

pytest.importorskip("tensorflow")

from keras_model.data.mnist import load_digits
from keras_model.errors import TrainingError
from keras_model.recipe import RECIPES
from keras_model.sweeps.local_trainings import core_shares
from keras_model.sweeps.reports import write_reports
from keras_model.sweeps.results import Result, Row, how_measured, read_result, table
from keras_model.sweeps.sweep import at_batch_size
from keras_model.sweeps.training_process import TrainingProcess
from keras_model.training.run_config import RunConfig

OPTIONS = ["--recipe", "seed", "--epochs", "2"]


@pytest.fixture(scope="module")
def swept(small, tmp_path_factory) -> tuple[Path, str]:
    """A sweep of two trainings at a time."""
    folder = tmp_path_factory.mktemp("sweep") / "of" / "sizes"
    options = ["--batch-sizes", "100,200", "--jobs", "2", *OPTIONS]
    return folder, click_run("sweep", *options, "--data", small, "--out", folder)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_learning_rate_is_scaled_with_the_batch_size_or_stays():
    recipe = RECIPES["original"]
    assert at_batch_size(recipe, 256, same_lr=False).learning_rate == 2 * recipe.learning_rate
    assert at_batch_size(recipe, 32, same_lr=False).learning_rate == recipe.learning_rate / 4
    assert at_batch_size(recipe, 32, same_lr=True).learning_rate == recipe.learning_rate


def test_a_sweep_leaves_its_tables(swept):
    folder, printed = swept
    found = rows(folder)
    assert [row["batch_size"] for row in found] == ["100", "200"]
    for row in found:
        inside = folder / f"batch-{row['batch_size']}-seed-1"
        metrics = json.loads((inside / "metrics.json").read_text())
        assert float(row["accuracy"]) == metrics["accuracy"] and row["epochs"] == "2"
        assert float(row["learning_rate"]) == 0.01 * int(row["batch_size"]) / 128
        assert row["trainings_at_once"] == "2" and row["host"] == socket.gethostname()
        assert int(row["cores"]) == max(1, len(os.sched_getaffinity(0)) // 2)
        assert f"{metrics['accuracy']:.2%}" in printed
    # The trainings are told in the order of the sizes, whichever ends first.
    ends = [line.split(":")[0] for line in printed.splitlines() if line.startswith("batch size ")]
    ends = [line for line in ends if "epoch" not in line]
    assert ends[:2] == ["batch size 100, seed 1", "batch size 200, seed 1"]
    assert "2 runs with 2 trainings at a time" in printed
    assert all(len(line) <= 80 for line in printed.splitlines() if line[:1] == " ")


def test_the_report_keeps_the_rules_of_office_files(swept):
    assert not errors_of(swept[0] / "sweep.xlsx")


@pytest.mark.thorough
def test_what_is_finished_is_kept_and_failed_trainings_are_named(swept, small, monkeypatch):
    """One training's process is killed, one has a file where its folder should be."""
    folder, _ = swept
    before = {path: path.stat().st_mtime_ns for path in folder.glob("batch-*/*")}
    (folder / "batch-400-seed-1").write_text("in the way")
    started = []
    start, train = TrainingProcess._started, TrainingProcess.train

    def watched(self):
        process = start(self)
        started.append(process)
        return process

    def killed(self, job, on_epoch):
        def kill(row):
            on_epoch(row)
            if job.config.recipe.batch_size == 50:
                started[-1].kill()

        train(self, job, kill)

    monkeypatch.setattr(TrainingProcess, "_started", watched)
    monkeypatch.setattr(TrainingProcess, "train", killed)
    options = ["--batch-sizes", "100,200,50,400,40", *OPTIONS, "--data", small, "--out", folder]
    done = invoke("sweep", *options)
    assert done.exit_code == 1
    assert "batch size 100, seed 1: kept" in done.stdout
    assert "batch size 50, seed 1, epoch 1:" in done.stdout
    assert done.stderr.startswith("Error: 2 of 5 failed: batch size 50, seed 1: its process was ")
    assert "killed by signal 9" in done.stderr and "; batch size 400, seed 1: " in done.stderr
    assert [row["batch_size"] for row in rows(folder)] == ["40", "100", "200"]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len({process.pid for process in started}) == 2
    assert all(process.poll() is not None for process in started)
    (folder / "batch-400-seed-1").unlink()
    # Other values than those that were kept.
    output = click_run("sweep", *options, "--same-lr", code=1)
    assert "has a run of other values" in output


def test_a_finished_run_of_an_earlier_version_is_kept(swept, small, tmp_path):
    config = RunConfig(
        at_batch_size(RECIPES["original"], 100, same_lr=False).replace(epochs=2),
        1,
        load_digits(small).name,
    )
    folder = swept[0] / "batch-100-seed-1"
    new = read_result(folder, config)
    metrics = json.loads((folder / "metrics.json").read_text())
    for name in ("host", "cores", "trainings_at_once"):
        metrics.pop(name)
    metrics["recipe"]["name"] = "seed"
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "history.csv").write_text((folder / "history.csv").read_text())
    old = read_result(tmp_path, config)
    assert new is not None and old is not None
    assert old.test_accuracy == new.test_accuracy and old.row.accuracy == new.row.accuracy
    assert "not recorded" in how_measured([old])
    # More epochs at a constant rate: it will be lengthened. Another seed: it is another run.
    assert read_result(tmp_path, RunConfig(config.recipe.replace(epochs=3), 1, config.data)) is None
    with pytest.raises(TrainingError, match="other values"):
        read_result(tmp_path, RunConfig(config.recipe, 2, config.data))


# --- statistics ---


def made_up(size: int, seed: int, accuracy: float, loss: float, seconds: float) -> Result:
    row = Row(size, seed, 0.01, 3, accuracy, loss, accuracy, 3, 3 * seconds, seconds, 2, 4, "alpha")
    return Result(row, (accuracy - 0.2, accuracy - 0.1, accuracy))


RUNS = [
    made_up(128, seed, accuracy, loss, seconds)
    for seed, (accuracy, loss, seconds) in enumerate(
        ((0.9912, 0.031, 10.0), (0.9934, 0.024, 11.5), (0.9925, 0.027, 10.5), (0.9953, 0.02, 12.0)),
        start=1,
    )
] + [made_up(64, 1, 0.988, 0.04, 20.0)]


def test_the_table_has_mean_lowest_highest_and_sample_standard_deviation():
    head, one, many = table(RUNS)
    assert head.split() == [
        "batch", "size", "lr", "runs", "accuracy", "lowest", "highest", "std", "dev", "loss",
        "s/epoch",
    ]  # fmt: skip
    assert one.split() == ["64", "0.01", "1", "98.80%", "98.80%", "98.80%", "0.0400", "20.0"]
    # By hand: 99.12, 99.34, 99.25, 99.53: mean 99.31; squares of the differences 0.0361, 0.0009,
    # 0.0036, 0.0484: 0.089 / 3 = 0.029667, whose root is 0.1722.
    # 10, 11.5, 10.5, 12: mean 11; 1 + 0.25 + 0.25 + 1 = 2.5 / 3, whose root is 0.913.
    assert many.split() == [
        "128", "0.01", "4", "99.31%", "99.12%", "99.53%", "0.17%", "0.0255", "11.0", "±", "0.9",
    ]  # fmt: skip
    assert {len(line) for line in (head, one, many)} == {80}


def test_the_seconds_say_how_they_were_measured():
    assert how_measured(RUNS) == (
        "Seconds measured: 5 runs with 2 trainings at a time, 4 cores each, on alpha."
    )
    elsewhere = Result(Row(*[*RUNS[0].row.__dict__.values()][:-3], 1, 1, "beta"), (0.9,))
    assert how_measured([*RUNS, elsewhere]).endswith(
        "on alpha; 1 run with 1 training at a time, 1 core, on beta."
    )


@pytest.mark.parametrize("recalculate", ENGINES)
def test_the_workbooks_statistics_are_formulas_of_its_runs(recalculate, tmp_path):
    write_reports(RUNS, tmp_path)
    assert [(row["batch_size"], row["seed"]) for row in rows(tmp_path)] == [
        ("64", "1"), ("128", "1"), ("128", "2"), ("128", "3"), ("128", "4"),
    ]  # fmt: skip
    stored = openpyxl.load_workbook(tmp_path / "sweep.xlsx", data_only=True)["Sweep"]
    formulas = openpyxl.load_workbook(tmp_path / "sweep.xlsx")
    assert all(
        str(cell.value).startswith("=")
        for line in formulas["Sweep"].iter_rows(5, 6, 1, 10) for cell in line
    )  # fmt: skip
    # Change a run in the workbook: the statistics follow.
    sheet = formulas["Sweep"]
    (cell,) = (
        cell for line in sheet.iter_rows() for cell in line if cell.value == pytest.approx(0.9912)
        and cell.column == 5
    )  # fmt: skip
    cell.value = 0.5
    formulas.save(tmp_path / "changed.xlsx")
    computed, changed = recalculate(
        [tmp_path / "sweep.xlsx", tmp_path / "changed.xlsx"], tmp_path / "computed"
    )
    for path, replaced in ((computed, {}), (changed, {0.9912: 0.5})):
        sheet = openpyxl.load_workbook(path, data_only=True)["Sweep"]
        for line, size in ((5, 64), (6, 128)):
            of_size = [result.row for result in RUNS if result.row.batch_size == size]
            values = {
                name: [replaced.get(getattr(row, name), getattr(row, name)) for row in of_size]
                for name in ("accuracy", "loss", "seconds_per_epoch")
            }
            one = len(of_size) == 1

            def deviation(name, values=values, one=one):
                return None if one else np.std(values[name], ddof=1)

            expected = [
                size, len(of_size),
                np.mean(values["accuracy"]), min(values["accuracy"]), max(values["accuracy"]),
                deviation("accuracy"), np.mean(values["loss"]), deviation("loss"),
                np.mean(values["seconds_per_epoch"]), deviation("seconds_per_epoch"),
            ]  # fmt: skip
            found = [cell.value or None for cell in sheet[line][:10]]
            assert found == [None if x is None else pytest.approx(x, rel=1e-9) for x in expected]
            if not replaced:
                kept = [cell.value or None for cell in stored[line][:10]]
                assert kept == [None if x is None else pytest.approx(x, rel=1e-9) for x in found]
    curves = openpyxl.load_workbook(computed, data_only=True)["Curves"]
    assert curves["D6"].value == pytest.approx(
        statistics.fmean(result.row.accuracy for result in RUNS[:4])
    )
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


# --- several processes ---


def test_the_cores_are_divided_among_the_trainings():
    available = sorted(os.sched_getaffinity(0))
    shares = core_shares(len(available))
    assert sorted(core for share in shares for core in share.core_ids) == available
    assert all(share.cores == 1 for share in shares)
    assert all(share.cores == 1 for share in core_shares(2 * len(available) + 1))
    assert core_shares(1)[0].core_ids == ()


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_stops_the_trainings_and_keeps_their_checkpoints(small, tmp_path):
    folder = tmp_path / "stopped"
    arguments = ["sweep", "--batch-sizes", "40", "--seeds", "2", "--jobs", "2", "--epochs", "2000"]
    process = subprocess.Popen(
        command(*arguments, "--data", small, "--out", folder),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    begun: set[str] = set()
    for line in process.stdout:
        if ", epoch " in line:
            begun.add(line.split(", epoch")[0])
        if len(begun) == 2:
            break
    trainings = children(process.pid)
    assert len(trainings) == 2
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors, errors
    assert "The same command continues" in errors
    assert not any(Path(f"/proc/{pid}").exists() for pid in trainings)
    for seed in (1, 2):
        inside = folder / f"batch-40-seed-{seed}"
        assert len((inside / "history.csv").read_text().splitlines()) >= 2
        assert not [path for path in inside.iterdir() if path.name.startswith(".")]


# --- a cluster ---


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers with one thread each: its address, and their processes."""
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    # The scheduler does not need the project; the workers are started in its folder.
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = [
        "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
        "--memory-limit", "0", "--local-directory", str(tmp_path / "dask"),
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": ENVIRONMENT}
    processes = [subprocess.Popen([*dask, *scheduler], cwd=tmp_path, **quiet)]
    workers = [subprocess.Popen([*dask, *worker], cwd=ROOT, **quiet) for _ in range(2)]
    processes += workers
    try:
        from distributed import Client

        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


@pytest.mark.thorough
def test_a_cluster_trains_and_a_worker_that_dies_costs_its_training_only(small, tmp_path, cluster):
    address, workers = cluster
    folder = tmp_path / "out"
    arguments = ["sweep", "--batch-sizes", "40", "--seeds", "2", "--epochs", "8"]
    process = subprocess.Popen(
        command(*arguments, "--data", small, "--out", folder, "--scheduler", address),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if ", epoch 1:" in line:
            workers[0].kill()
            break
    rest, errors = process.communicate(timeout=200)
    printed = "".join(lines) + rest
    assert process.returncode == 0, printed + errors
    assert [row["seed"] for row in rows(folder)] == ["1", "2"]
    for seed in (1, 2):
        inside = folder / f"batch-40-seed-{seed}"
        metrics = json.loads((inside / "metrics.json").read_text())
        assert metrics["epochs"] == 8 and metrics["seed"] == seed
        assert metrics["dataset"] == load_digits(small).name
        assert (inside / "model.keras").read_bytes()[:2] == b"PK"
    assert "2 runs with" in printed and printed.count(": kept") == 0


def test_what_a_worker_sends_is_checked(tmp_path):
    pytest.importorskip("distributed")
    from keras_model.sweeps import dask_trainings
    from keras_model.training.run_folder import ALL_FILES

    good = {name: name.encode() for name in ALL_FILES}
    large = bytes(dask_trainings.MAX_FILE_BYTES + 1)
    for bad in (
        None, {}, good | {"../evil": b""}, good | {"/evil": b""}, good | {"model.keras": "text"},
        good | {"model.keras": large}, {name: good[name] for name in list(good)[1:]},
    ):  # fmt: skip
        with pytest.raises(TrainingError):
            dask_trainings.write_files(bad, tmp_path / "run")
        assert not (tmp_path / "run").exists()
    dask_trainings.write_files(good, tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == good


REFUSED = [
    (["--batch-sizes", "32,many"], "many"),
    (["--batch-sizes", "0"], "batch size must be 1 to 100000, got 0"),
    (["--batch-sizes", "12.5"], "not a whole number"),
    (["--seeds", "0"], "--seeds must be 1 to 1000, got 0"),
    (["--recipe", "none"], "best, original, sprint"),
    (["--lr", "nan"], "learning rate must be"),
    (["--jobs", "0"], "--jobs must be 1 to 256, got 0"),
    (["--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"], "give one of them"),
]


def test_bad_use_is_refused_before_tensorflow_is_loaded(tmp_path):
    commands = [["sweep", *arguments] for arguments, _ in REFUSED]
    ends = run_in_turn(*commands, cwd=tmp_path, without_tensorflow=True)
    for (arguments, words), end in zip(REFUSED, ends, strict=True):
        assert end.code == 2 and words in end.stderr, (arguments, end)
        assert end.stderr.startswith("Error: ") and end.stderr.count("\n") == 1, (arguments, end)
    assert not list(tmp_path.iterdir())


def test_a_scheduler_needs_dask_and_an_address(monkeypatch, small, tmp_path):
    options = ["--data", small, "--out", tmp_path / "out"]
    if importlib.util.find_spec("distributed") is not None:
        output = click_run("sweep", "--scheduler", "nowhere", *options, code=2)
        assert "'nowhere' is not the address of a Dask scheduler" in output
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name)
    )
    output = click_run("sweep", "--scheduler", "tcp://127.0.0.1:1", *options, code=2)
    assert output == "Error: --scheduler needs Dask: pip install -r requirements-dask.txt\n"
