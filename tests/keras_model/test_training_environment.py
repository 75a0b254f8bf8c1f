"""What surrounds a training: the user's settings, other trainings, a full disk, old files."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from http.client import HTTPException
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import openpyxl
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, click_run, invoke, run
from fixtures.sampling import some_of

from gradsheet.files import CannotWriteError
from keras_model import backend
from keras_model.data import mnist
from keras_model.data.mnist import load_digits, sample
from keras_model.errors import TrainingError
from keras_model.networks.network_file import packaged_network
from keras_model.recipe import RECIPES, Recipe, from_dict
from keras_model.sweeps.events import Finished
from keras_model.sweeps.reports import write_reports
from keras_model.sweeps.results import Result, Row, noise_note
from keras_model.sweeps.sweep import run_sweep
from keras_model.sweeps.training_process import Job
from keras_model.training import checkpoint
from keras_model.training import plots as report
from keras_model.training.checkpoint import read_checkpoint
from keras_model.training.epoch import Epoch, epoch_step, read_history
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import locked

pytest.importorskip("tensorflow")

TINY = ["--recipe", "original", "--batch-size", "40"]


# --- the user's settings ---


@pytest.mark.thorough
def test_a_users_settings_for_other_work_change_nothing(small, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    settings = {
        "backend": "theano", "floatx": "float16", "image_data_format": "channels_first",
        "epsilon": 1e-3,
    }  # fmt: skip
    (home / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nbackend: nothing\n")
    quiet = {name: ENVIRONMENT[name] for name in ENVIRONMENT if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment = quiet | {
        "KERAS_HOME": str(home), "KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "many",
        "KERAS_BACKEND": "Torch", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
    }  # fmt: skip
    for name in ("own", "usual"):
        options = ["--epochs", "2", "--deterministic", "--data", small, "--out", tmp_path / name]
        done = run("train", *TINY, *options, env=environment if name == "own" else ENVIRONMENT)
        if name == "own":
            note = "Note: KERAS_BACKEND is 'Torch', which is not supported: using TensorFlow.\n"
            assert done.stderr == note
    saved = [read_checkpoint(tmp_path / name) for name in ("own", "usual")]
    assert len(saved[0].history) == 2
    assert all(
        np.array_equal(saved[0].state[name], saved[1].state[name]) for name in saved[1].state
    )
    for plot in ("curves.png", "confusion.png", "mistakes.png"):
        assert (tmp_path / "own" / plot).read_bytes() == (tmp_path / "usual" / plot).read_bytes()
    assert [path.name for path in home.iterdir()] == ["keras.json"]


@pytest.mark.parametrize(
    "settings",
    some_of(["[]", '{"floatx": "bfloat16"}', '{"epsilon": 1}', '{"nnx_enabled": true}', None], 0),
)
def test_settings_that_keras_itself_refuses(settings, tmp_path):
    """``None`` makes a folder of that name."""
    path = tmp_path / "keras.json"
    path.mkdir() if settings is None else path.write_text(settings)
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from keras_model.backend import import_keras, prepare_backend\n"
        "prepare_backend('cpu'); import_keras()\n"
        "import keras\n"
        "assert os.environ['KERAS_HOME'] == sys.argv[2]\n"
        "config = keras.config\n"
        "print(config.backend(), config.floatx(), config.image_data_format(), config.epsilon())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
        env=ENVIRONMENT | {"KERAS_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "tensorflow float32 channels_last 1e-07\n", done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ""),
        ("", ""),
        ("TensorFlow ", ""),
        ("JAX", "KERAS_BACKEND is 'JAX', which is not supported: using TensorFlow"),
        ("theano", "KERAS_BACKEND is 'theano', which is not supported: using TensorFlow"),
    ],
)
def test_the_backend_is_tensorflow(given, words, monkeypatch):
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"} | (
        {} if given is None else {"KERAS_BACKEND": given}
    )
    monkeypatch.setattr(os, "environ", environment)
    said: list[str] = []
    backend.prepare_backend("cpu", say=said.append)
    assert environment["KERAS_BACKEND"] == "tensorflow"
    assert said == [words] * bool(words)


# --- what cannot be drawn or written ---


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.thorough
def test_a_plot_that_fails_costs_nothing_else(small, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("no\nfonts")

    monkeypatch.setattr(report, "draw_curves", fail)
    folder = tmp_path / "run"
    done = invoke("train", *TINY, "--epochs", "1", "--data", small, "--out", folder)
    assert done.exit_code == 1 and "written to" in done.stdout
    words = "Error: curves.png could not be drawn (no fonts); everything else is written\n"
    assert done.stderr == words
    written = {path.name for path in folder.iterdir()}
    assert written == {
        "checkpoint.npz", "history.csv", "metrics.json", "model.keras", "confusion.png",
        "mistakes.png",
    }  # fmt: skip


@pytest.mark.thorough
def test_a_full_disk_keeps_the_finished_epochs(small, tmp_path, monkeypatch):
    """At the second epoch's checkpoint, and, when the run is resumed, at the history after it."""
    folder, writes = tmp_path / "run", []
    save = np.savez

    def save_one(*arguments: object, **arrays: np.ndarray) -> None:
        writes.append(1)
        save(*arguments, **arrays) if len(writes) == 1 else _full_disk()

    monkeypatch.setattr(checkpoint.np, "savez", save_one)
    options = ["--data", small, "--out", folder]
    done = invoke("train", *TINY, "--epochs", "2", *options)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr and "1 epoch kept" in done.stderr
    assert f"--resume --out {folder}" in done.stderr
    assert {path.name for path in folder.iterdir()} == {"checkpoint.npz", "history.csv"}
    monkeypatch.undo()

    def refuse(path: Path, _: str) -> None:
        raise CannotWriteError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(checkpoint, "write_text", refuse)
    assert "history.csv: No space" in click_run("train", "--resume", *options, code=1)
    monkeypatch.undo()
    click_run("train", "--resume", *options)
    assert [row.epoch for row in read_history(folder / "history.csv")] == [1, 2]


# --- other trainings ---


def test_a_refused_training_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    with pytest.raises(TrainingError), locked(tmp_path / "runs" / "first"):
        raise TrainingError("refused")
    assert not list(tmp_path.iterdir())
    (tmp_path / "own").mkdir()
    with pytest.raises(TrainingError), locked(tmp_path / "own" / "run"):
        raise TrainingError("refused")
    with pytest.raises(TrainingError), locked(tmp_path / "own"):
        raise TrainingError("refused")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_training_that_is_stopped_keeps_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(TrainingError), locked(tmp_path / "run"):
        (tmp_path / "run" / "history.csv").touch()
        raise TrainingError("stopped")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["history.csv"]


def test_a_second_training_in_the_same_folder_is_refused(small, tmp_path):
    folder = tmp_path / "run"
    with locked(folder):
        for options in ([], ["--force"]):
            words = click_run("train", *TINY, *options, "--data", small, "--out", folder, code=1)
            assert words == (
                f"Error: another training is writing in {folder}: wait until it ends, or name "
                "another folder\n"
            )
        words = click_run("sweep", "--data", small, "--out", folder, code=1)
        assert words.startswith("Error: another training is writing in ")
        assert not list(folder.glob("[!.]*"))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_lock_of_a_killed_training_does_not_block(tmp_path):
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from keras_model.training.run_folder import locked\n"
        "with locked(Path(sys.argv[2])):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(100)\n"
    )
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT), str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"locked\n"
    with pytest.raises(TrainingError, match="another training"), locked(folder):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert [path.name for path in folder.iterdir()] == [".lock"]
    with locked(folder):
        pass
    assert not list(folder.iterdir())


# --- old files ---


def _set(path: str, value: object):
    """A change of one value in the description of a checkpoint."""

    def change(meta: dict) -> None:
        *parts, last = path.split()
        for part in parts:
            meta = meta[int(part) if part.isdigit() else part]
        meta[last] = value

    return change


DAMAGES = {
    "an epoch that is text": _set("history 1 epoch", "x"),
    "an epoch left out": _set("history 1 epoch", 3),
    "a loss that is text": _set("history 0 loss", "0.5"),
    "no epochs": _set("history", []),
    "a history that is no list": _set("history", 3),
    "a seed that is text": _set("config seed", "3"),
    "an infinite seed": _set("config seed", float("inf")),
    "text for a switch": _set("config deterministic", "yes"),
    "a rotation that is text": _set("config recipe rotation", "8"),
    "a name that is a list": _set("config recipe name", ["best"]),
    "an infinite learning rate": _set("config recipe learning_rate", float("inf")),
    "an input of three pixels": _set("config recipe input_size", 3),
    "all neurons left out": _set("config recipe dropout", 1.0),
}


def _change(source: Path, folder: Path, change, **arrays: np.ndarray) -> None:
    """A copy of a checkpoint with another description and other arrays."""
    with np.load(source / "checkpoint.npz") as file:
        state = {name: file[name] for name in file.files}
    meta = json.loads(str(state.pop("meta")))
    change(meta)
    np.savez(folder / "checkpoint.npz", meta=np.array(json.dumps(meta)), **(state | arrays))


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_description_is_told_in_one_line(finished, tmp_path, case):
    _change(finished[0], tmp_path, DAMAGES[case])
    with pytest.raises(TrainingError, match=r"checkpoint\.npz is damaged") as error:
        read_checkpoint(tmp_path)
    assert "\n" not in str(error.value)


def test_a_description_of_any_depth_is_read(finished, tmp_path):
    np.savez(tmp_path / "checkpoint.npz", meta=np.array("[" * 100_000))
    with pytest.raises(TrainingError, match="nested too deeply"):
        read_checkpoint(tmp_path)
    (tmp_path / "metrics.json").write_text("[" * 100_000)
    config = read_checkpoint(finished[0]).config
    from keras_model.sweeps.results import read_result

    assert read_result(tmp_path, config) is None


@pytest.mark.parametrize("weights", ["text", "whole numbers", "nan"])
def test_weights_that_are_not_of_a_network_are_refused(finished, data, tmp_path, weights):
    before = read_checkpoint(finished[0]).state["network0"]
    made = {
        "text": before.astype(str),
        "whole numbers": before.astype(np.int64),
        "nan": np.full_like(before, np.nan),
    }
    _change(finished[0], tmp_path, lambda _: None, network0=made[weights])
    output = click_run("train", "--resume", "--out", tmp_path, "--data", data, code=1)
    assert "checkpoint.npz is damaged: network0" in output and output.count("\n") == 1


def test_every_packaged_recipe_survives_being_saved():
    for recipe in RECIPES.values():
        assert from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


# --- the cached digits ---


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """The path of the digits in a cache of Keras' that has a page instead of them."""
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_text("<html>Sign in to this network</html>")
    return path


def test_a_damaged_cache_is_downloaded_again(cached, small, monkeypatch):
    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert url.startswith("https://") and timeout
        return io.BytesIO(small.read_bytes())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr(mnist, "_SHA256", hashlib.sha256(small.read_bytes()).hexdigest())
    said: list[str] = []
    digits = load_digits(say=said.append)
    assert digits.checksum() == load_digits(small).checksum() and not said
    assert cached.read_bytes() == small.read_bytes()
    assert [path.name for path in cached.parent.iterdir()] == ["mnist.npz"]


@pytest.mark.parametrize("answer", [OSError("no network"), HTTPException("cut"), b"another file"])
def test_offline_a_damaged_cache_is_named_and_left_alone(cached, monkeypatch, answer):
    def urlopen(*_: object, **__: object) -> io.BytesIO:
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    before, said = cached.read_bytes(), []
    assert load_digits(say=said.append).checksum() == sample().checksum()
    assert len(said) == 1 and str(cached) in said[0] and "sample of 5,000" in said[0]
    assert cached.read_bytes() == before
    assert [path.name for path in cached.parent.iterdir()] == ["mnist.npz"]


def test_no_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where there is none
    monkeypatch.chdir(tmp_path)
    assert load_digits(download=False).name
    assert not list(tmp_path.iterdir())


# --- the plots and the report ---


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 11, 19, 100, 1234])
def test_ticks_are_whole_epochs_of_the_run(epochs):
    axes = report.new_figure(4, 3).subplots()
    axes.plot(range(1, epochs + 1), range(epochs))
    report.number_epochs(axes, epochs)
    ticks = axes.get_xticks().tolist()
    assert ticks[0] == 1 and ticks[-1] <= epochs and len(ticks) in range(min(epochs, 3), 13)
    assert all(tick == int(tick) for tick in ticks)
    low, high = axes.get_xlim()
    assert low < 1 and high > epochs


def test_the_note_names_what_the_recipe_does_in_training_only():
    plain = Recipe("x", epochs=3, batch_size=8, learning_rate=0.1, momentum=0.9, dropout=0.0)
    network, undropped = packaged_network(), packaged_network("strong")
    assert report.training_loss_note(plain, network) == ""
    assert report.training_loss_note(RECIPES["original"], undropped) == ""
    assert report.training_loss_note(RECIPES["original"], network) == (
        "Dropout (5 %) raises the loss in training, not in testing."
    )
    assert report.training_loss_note(RECIPES["best"], network) == (
        "Label smoothing (0.1) and augmentation (to epoch 17) raise the loss in training, not in "
        "testing."
    )
    both = plain.replace(rotation=5.0, dropout=0.1, label_smoothing=0.2)
    assert report.training_loss_note(both, network).startswith(
        "Label smoothing (0.2), augmentation and dropout (10 %) raise"
    )


def _result(batch_size: int, seed: int, epochs: int = 1) -> Result:
    row = Row(batch_size, seed, 0.1, epochs, 0.99, 0.03, 0.99, epochs, 9.0, 9.0, 1, 2, "host")
    return Result(row, (0.99,) * epochs)


def test_a_comparison_of_one_seed_says_what_is_noise(tmp_path):
    assert not noise_note([_result(32, 1)]) and not noise_note([_result(32, 1), _result(32, 2)])
    assert not noise_note([_result(size, seed) for size in (32, 64) for seed in (1, 2)])
    mixed = noise_note([_result(32, 1), _result(64, 1), _result(64, 2)])
    assert mixed.startswith("Batch sizes with one seed: differences of ±0.1 % are noise.")
    one_each = [_result(32, 1), _result(64, 1)]
    note = noise_note(one_each)
    assert note.startswith("One seed per batch size: ") and "benchmarks/README.md" in note
    write_reports(one_each, tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "sweep.xlsx")["Sweep"]
    assert note in [cell.value for cell in sheet["A"]]


def test_the_chart_of_the_report_has_whole_epochs(tmp_path):
    for epochs in (1, 3, 100):
        write_reports([_result(32, 1, epochs)], tmp_path)
        chart = openpyxl.load_workbook(tmp_path / "sweep.xlsx")["Curves"]._charts[0]
        assert chart.x_axis.majorUnit == epoch_step(epochs)
        assert (chart.x_axis.scaling.min, chart.x_axis.scaling.max) == (0, epochs)


class _Progress:
    """Collects what a sweep tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, line: str) -> None:
        self.lines.append(line)

    def set_done(self, *_: object) -> None:
        pass

    def epoch(self, *_: object) -> None:
        pass


def test_a_report_that_cannot_be_written_does_not_stop_a_sweep(finished, tmp_path, monkeypatch):
    """A plot that a training could not draw is a note, too."""
    config = read_checkpoint(finished[0]).config
    config = dataclasses.replace(config, deterministic=False)
    jobs = []
    for seed in (3, 4):
        folder = tmp_path / f"seed-{seed}"
        shutil.copytree(finished[0], folder)
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"seed": seed, "epochs": 3} if seed == 4 else {"epochs": 3}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        jobs.append(Job(RunConfig(config.recipe, seed, config.data), folder, "cpu", None, ""))

    def train(pending):
        for index in pending:
            path = jobs[index].folder / "metrics.json"
            path.write_text(path.read_text().replace('"epochs": 3', '"epochs": 4'))
            yield Finished(index, "curves.png could not be drawn" * (index == 0))

    progress = _Progress()
    (tmp_path / "sweep.xlsx").mkdir()
    outcome = run_sweep(jobs, tmp_path, train, progress)
    assert len(outcome.results) == 2 and not outcome.failed
    assert "sweep.xlsx is a folder" in outcome.report_error
    assert len(progress.lines) == 2 and "(Note: curves.png could not be" in progress.lines[0]
    (tmp_path / "sweep.xlsx").rmdir()
    assert not run_sweep(jobs, tmp_path, train, progress).report_error
    assert (tmp_path / "sweep.png").is_file()


def test_an_epoch_of_a_history_is_a_row_of_numbers(tmp_path):
    with pytest.raises(ValueError, match="no number"):
        Epoch("x", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    (tmp_path / "history.csv").write_text("epoch,seconds\n1,2,\0\n")
    with pytest.raises(ValueError, match="damaged"):
        read_history(tmp_path / "history.csv")
