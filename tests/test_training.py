"""Training, stopping, going on, and what is left of it, through the command."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from click.testing import CliRunner
from commands import ENVIRONMENT, QUICK, ROOT, command, run

import cli

pytest.importorskip("tensorflow")


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_everything(finished):
    folder, printed = finished
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert list(rows[0]) == [
        "epoch", "seconds", "loss", "accuracy", "test_loss", "test_accuracy", "learning_rate",
    ]  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["parameters"] == 19848 and metrics["epochs"] == 4 and metrics["total"] == 1000
    assert metrics["accuracy"] == metrics["correct"] / 1000 == float(rows[-1]["test_accuracy"])
    assert metrics["recipe"]["name"] == "best" and metrics["recipe"]["epochs"] == 4
    assert metrics["best_accuracy"] == max(float(row["test_accuracy"]) for row in rows)
    assert (
        metrics["seed"] == 3 and metrics["device"] == "cpu" and "digits.npz" in metrics["dataset"]
    )
    assert metrics["versions"]["keras"] and metrics["versions"]["tensorflow"]
    assert metrics["accuracy"] > 0.6
    assert float(rows[-1]["learning_rate"]) < 0.01 < float(rows[0]["learning_rate"])
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    line = r"Test set: Average loss: \d\.\d{4}, Accuracy: \d+/1000 \(\d\d\.\d\d%\)"
    assert len(re.findall(line, printed)) == 5
    assert printed.count("\n") == 6  # a line an epoch in a pipe, one before and one after


def test_the_model_opens_with_keras_alone(finished, tmp_path, data):
    """In another folder, in a process that cannot see this project."""
    shutil.copy(finished[0] / "model.keras", tmp_path / "model.keras")
    script = (
        "import keras, numpy as np, sys\n"
        "model = keras.saving.load_model('model.keras', safe_mode=True)\n"
        f"digits = np.load(r'{data}')\n"
        "x = ((digits['x_test'] / 255.0 - 0.1307) / 0.3081)[..., None].astype('float32')\n"
        "read = model.predict(x, verbose=0).argmax(1)\n"
        "print((read == digits['y_test']).sum(), model.count_params())\n"
        "assert not any('keras_model' in name or name == 'cli' for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    correct = json.loads((finished[0] / "metrics.json").read_text())["correct"]
    assert done.stdout.split() == [str(correct), "20044"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_run_goes_on_to_the_same_numbers(finished, tmp_path, data):
    folder = tmp_path / "killed"
    arguments = ["train", *QUICK, "--deterministic", "--data", data, "--out", folder]
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    assert process.stdout is not None
    for line in process.stdout:  # gone in the middle of the third epoch
        if line.startswith(b"Epoch 2/"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    done = len(history(folder))
    assert 2 <= done < 4 and not (folder / "model.keras").exists()
    # Another run is not started over it, and another plan is not taken up.
    assert "another run" in run(*arguments, code=1).stderr
    wrong = run("train", "--resume", "--out", folder, "--data", data, "--seed", "4", code=2)
    assert "seed" in wrong.stderr
    resumed = run("train", "--resume", "--out", folder, "--data", data)
    assert f"after epoch {done}" in resumed.stdout
    for one, other in zip(history(folder), history(finished[0]), strict=True):
        one.pop("seconds"), other.pop("seconds")
        assert one == other
    weights = [_weights(path / "model.keras") for path in (folder, finished[0])]
    assert len(weights[0]) == 16  # 4 kernels, and gamma, beta, mean and variance three times
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    # Finished is finished.
    again = run("train", "--resume", "--out", folder, "--data", data)
    assert "Epoch" not in again.stdout and "after 4 epochs" in again.stdout


def _weights(path: Path) -> list[np.ndarray]:
    import keras

    return keras.saving.load_model(path, compile=False).get_weights()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_what_is_done(tmp_path, data):
    folder = tmp_path / "stopped"
    arguments = ["train", *QUICK, "--epochs", "50", "--data", data, "--out", folder]
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"Epoch 1/"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert b"--resume --out" in errors and b"Traceback" not in errors
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 1 <= metrics["epochs"] < 50 and b"Test set" in printed
    # The model is that of the last whole epoch, not of the middle of the one that was stopped.
    last = history(folder)[-1]
    assert metrics["accuracy"] == float(last["test_accuracy"])
    said = run("evaluate", folder / "model.keras", "--data", data).stdout
    assert f"{metrics['correct']}/1000" in said and f"loss: {float(last['test_loss']):.4f}" in said


def test_a_damaged_checkpoint_is_told(finished, tmp_path, data):
    folder = tmp_path / "damaged"
    shutil.copytree(finished[0], folder)
    path = folder / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:1000])
    done = run("train", "--resume", "--out", folder, "--data", data, code=1)
    assert "damaged" in done.stderr
    path.unlink()
    done = run("train", "--resume", "--out", folder, "--data", data, code=1)
    assert "no run to go on with" in done.stderr


REFUSED = {
    "epochs": (["--epochs", "0"], "--epochs"),
    "batch size": (["--batch-size", "-4"], "--batch-size"),
    "lr": (["--lr", "nan"], "--lr"),
    "momentum": (["--momentum", "1.5"], "--momentum"),
    "recipe": (["--recipe", "worst"], "best, seed, sprint"),
    "data": (["--data", "nowhere.npz"], "does not exist"),
    "seed": (["--seed", "-1"], "--seed"),
    "device": (["--device", "tpu"], "tpu"),
    "resume without out": (["--resume"], "--out"),
    "resume and force": (["--resume", "--force", "--out", "x"], "one of them"),
    "no number": (["--epochs", "many"], "many"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_options_are_refused_before_tensorflow(case, tmp_path):
    arguments, words = REFUSED[case]
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import cli\n"
        "try: cli.main()\n"
        "finally: assert not {'tensorflow', 'keras'} & set(sys.modules), 'imported'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), "train", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_gpu_that_is_not_there_is_an_error(tmp_path, data):
    import keras

    if keras.distribution.list_devices("gpu"):
        pytest.skip("there is a GPU")
    done = run("train", "--device", "gpu", "--data", data, "--out", tmp_path / "x", code=1)
    assert "no GPU" in done.stderr


def test_sheet_check_and_help_never_import_tensorflow(tmp_path):
    for arguments in (["--help"], ["train", "--help"], ["sheet"], ["check", "backprop.xlsx"]):
        script = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); import cli\n"
            "try: cli.main()\n"
            "finally: assert not {'tensorflow', 'keras'} & set(sys.modules), 'imported'\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(ROOT), *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_summary_prints_the_originals_table():
    result = CliRunner().invoke(cli.main, ["summary"])
    assert result.exit_code == 0
    assert "19,848" in result.output and "20,044" in result.output and "196" in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines())


def test_evaluate_prints_the_line_the_classes_and_the_confusion(finished, data):
    result = CliRunner().invoke(
        cli.main, ["evaluate", str(finished[0] / "model.keras"), "--data", str(data)]
    )
    assert result.exit_code == 0, result.output
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    assert f"Accuracy: {metrics['correct']}/1000" in result.output
    numbers = [
        [int(cell) if cell != "." else 0 for cell in line.split()]
        for line in result.output.split("read as")[1].splitlines()[1:]
    ]
    matrix = np.array(numbers)[:, 1:]
    assert matrix.shape == (10, 10) and matrix.sum() == 1000
    assert np.trace(matrix) == metrics["correct"]
    assert all(len(line) <= 80 for line in result.output.splitlines())


def test_evaluate_refuses_what_is_no_digit_reader(tmp_path, finished, data):
    import keras

    other = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    other.save(tmp_path / "other.keras")
    unsafe = keras.Sequential(
        [keras.layers.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Lambda(lambda x: x)]
    )
    unsafe.save(tmp_path / "unsafe.keras")
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "text.txt").write_text("hello")
    whole = (finished[0] / "model.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    for name, words in (
        ("other.keras", "another shape"), ("unsafe.keras", "unsafe"), ("text.keras", "not a Keras"),
        ("text.txt", "not a Keras"), ("cut.keras", "not a Keras"),
    ):  # fmt: skip
        result = CliRunner().invoke(
            cli.main, ["evaluate", str(tmp_path / name), "--data", str(data)]
        )
        assert result.exit_code == 1 and words in result.output, (name, result.output)
        assert name in result.output and result.output.count("\n") == 1
    result = CliRunner().invoke(cli.main, ["evaluate", str(tmp_path / "no.keras")])
    assert result.exit_code == 2


def test_it_trains_on_jax_too(tmp_path, data):
    pytest.importorskip("jax")
    folder = tmp_path / "jax"
    run(
        "train", "--recipe", "sprint", "--epochs", "2", "--data", data, "--out", folder,
        env={**ENVIRONMENT, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["versions"]["backend"] == "jax" and metrics["accuracy"] > 0.3
