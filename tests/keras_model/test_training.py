"""Training, stopping, going on, and what is left of it, through the command."""

from __future__ import annotations

import csv
import dataclasses
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
from fixtures.commands import ENVIRONMENT, QUICK, ROOT, Ran, click_run, command, run_in_turn

import cli
from keras_model.recipe import Recipe
from keras_model.training.checkpoint import read_checkpoint
from keras_model.training.progress import EpochProgress
from keras_model.training.resume import epochs_conflict, resumed_config

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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_the_last_batch_may_have_one_digit(tmp_path, data):
    """In training, 33 digits in batches of 32, and in testing, 1,001 in batches of 1,000."""
    path = tmp_path / "digits.npz"
    with np.load(data) as digits:
        some = {name: np.resize(digits[name], (33, *digits[name].shape[1:])) for name in digits}
        tests = {
            name: np.resize(digits[name], (1001, *digits[name].shape[1:]))
            for name in ("x_test", "y_test")
        }
    np.savez(path, **{**some, **tests})
    folder = tmp_path / "run"
    arguments = ["--epochs", "1", "--batch-size", "32", "--data", path, "--out", folder]
    trained = click_run("train", *arguments)
    evaluated = click_run("evaluate", folder / "model.keras", "--data", path, "--scale", "mnist")
    results = [
        re.findall(r"Average loss: ([\d.]+), Accuracy: (\d+)/1001", text)[0]
        for text in (trained, evaluated)
    ]
    (loss, correct), (loss_again, correct_again) = results
    assert correct == correct_again
    # Computed in single precision by TensorFlow, then by NumPy.
    assert float(loss_again) == pytest.approx(float(loss), rel=1e-4)


def _trained_in_turn(*commands: list[object]) -> list[Ran]:
    """Trainings share one process, because starting TensorFlow takes seconds."""
    return run_in_turn(*(["train", *arguments] for arguments in commands))


def _train_and_kill(folder: Path, data: Path) -> int:
    """Kill a run of four epochs in the middle of one; return the number of finished epochs."""
    arguments = ["train", *QUICK, "--deterministic", "--data", data, "--out", folder]
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    assert process.stdout is not None
    for line in process.stdout:  # gone in the middle of the third epoch
        if line.startswith(b"Epoch 2/"):
            break
    process.kill()
    process.wait()
    process.stdout.close()
    done = len(history(folder))
    assert 2 <= done < 4 and not (folder / "model.keras").exists()
    assert "another run" in click_run(*arguments, code=1)  # it is not started again over it
    return done


@pytest.mark.thorough
def test_a_killed_run_goes_on_to_the_same_numbers(finished, tmp_path, data):
    folder = tmp_path / "killed"
    epochs = _train_and_kill(folder, data)
    resume = ["--resume", "--out", folder, "--data", data]
    resumed, again = _trained_in_turn(resume, resume)
    assert resumed.code == 0 and f"after epoch {epochs}" in resumed.stdout
    for one, other in zip(history(folder), history(finished[0]), strict=True):
        one.pop("seconds"), other.pop("seconds")
        assert one == other
    weights = [_weights(path / "model.keras") for path in (folder, finished[0])]
    assert len(weights[0]) == 16  # 4 kernels, and gamma, beta, mean and variance three times
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    # Finished is finished.
    assert again.code == 0
    assert "Epoch" not in again.stdout and "after 4 epochs" in again.stdout


def _weights(path: Path) -> list[np.ndarray]:
    import keras

    return keras.saving.load_model(path, compile=False).get_weights()


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    "network",
    [
        pytest.param(["--network", "dense"], id="dense"),  # is compiled fastest
        pytest.param(QUICK, id="fused layers", marks=pytest.mark.thorough),
    ],
)
def test_ctrl_c_keeps_what_is_done(network, tmp_path, data):
    folder = tmp_path / "stopped"
    arguments = ["train", *network, "--epochs", "50", "--data", data, "--out", folder]
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
    said = click_run("evaluate", folder / "model.keras", "--data", data)
    assert f"{metrics['correct']}/1000" in said and f"loss: {float(last['test_loss']):.4f}" in said


@pytest.mark.thorough
def test_a_finished_run_is_lengthened_to_the_numbers_of_a_longer_one(tmp_path, small):
    """With a constant learning rate."""
    longer, whole = tmp_path / "longer", tmp_path / "whole"
    constant = ["--recipe", "original", "--batch-size", "40", "--deterministic", "--data", small]
    shorter, straight, done = _trained_in_turn(
        [*constant, "--epochs", "1", "--out", longer],
        [*constant, "--epochs", "2", "--out", whole],
        ["--resume", "--epochs", "2", "--data", small, "--out", longer],
    )
    assert [ran.code for ran in (shorter, straight, done)] == [0, 0, 0]
    assert "after 1 epoch;" in shorter.stdout
    assert "Resuming after epoch 1." in done.stdout and "after 2 epochs" in done.stdout
    one, other = history(longer), history(whole)
    for row in one + other:
        row.pop("seconds")
    assert len(one) == 2 and one == other
    weights = [_weights(path / "model.keras") for path in (longer, whole)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert json.loads((longer / "metrics.json").read_text())["recipe"]["epochs"] == 2
    # Done epochs are not undone.
    words = resumed(longer, small, "--epochs", "1", code=2)
    assert "already has 2 epochs and cannot be cut to 1" in words


def resumed(folder: Path, data: Path, *options: str, code: int) -> str:
    """The only line of a ``train --resume`` that is refused."""
    output = click_run("train", "--resume", "--out", folder, "--data", data, *options, code=code)
    assert output.startswith("Error: ") and output.count("\n") == 1, output
    return output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--recipe", "seed"], "recipe best, not original"),
        (["--batch-size", "81"], "batch size 80, not 81"),
        (["--lr", "0.29"], "learning rate 0.3, not 0.29"),
        (["--momentum", "0.5"], "momentum 0.9, not 0.5"),
        (["--seed", "4"], "seed 3, not 4"),
        (["--epochs", "5"], "best lowers its learning rate to 0 over 4 epochs"),
        (["--epochs", "3"], "already has 4 epochs"),
    ],
)
def test_resuming_with_other_values_is_refused(finished, data, options, words):
    assert words in resumed(finished[0], data, *options, code=2)
    # What the saved run has may be given again.
    config = resumed_config(
        read_checkpoint(finished[0]),
        {"epochs": 4, "batch_size": 80, "seed": 3, "deterministic": True},
        recipe="best",
        network=None,
        data=f"2,000 digits of {data.name}",
    )
    assert config == read_checkpoint(finished[0]).config


def test_resuming_with_other_determinism_or_digits_is_refused(finished, tmp_path, data):
    saved = read_checkpoint(finished[0])
    undetermined = dataclasses.replace(
        saved, config=dataclasses.replace(saved.config, deterministic=False)
    )
    undetermined.write(tmp_path)
    words = resumed(tmp_path, data, "--deterministic", code=2)
    assert "deterministic False, not True" in words
    other = tmp_path / "other.npz"
    with np.load(data) as file:
        np.savez(other, **{name: file[name][1:] for name in file.files})
    words = resumed(finished[0], other, code=2)
    assert "other digits (2,000 digits of digits.npz)" in words


def test_resuming_without_a_whole_checkpoint_is_refused(finished, tmp_path, data):
    folder = tmp_path / "damaged"
    shutil.copytree(finished[0], folder)
    path = folder / "checkpoint.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert "checkpoint.npz is damaged" in resumed(folder, data, code=1)
    _rewrite_meta(finished[0], folder, lambda meta: meta.pop("history"))
    assert "checkpoint.npz is damaged" in resumed(folder, data, code=1)
    _rewrite_meta(finished[0], folder, lambda meta: meta["config"]["recipe"].update(epochs="4"))
    assert "checkpoint.npz is damaged" in resumed(folder, data, code=1)
    path.unlink()
    assert "has no run to resume" in resumed(folder, data, code=1)
    assert "has no run to resume" in resumed(tmp_path / "nowhere", data, code=1)


def _rewrite_meta(source: Path, folder: Path, change) -> None:
    """A checkpoint in ``folder`` with a change to what is not arrays in that of ``source``."""
    with np.load(source / "checkpoint.npz") as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta)
    np.savez(folder / "checkpoint.npz", meta=np.array(json.dumps(meta)), **arrays)


def test_epochs_may_change_only_where_those_done_stay_the_same():
    constant = Recipe("x", epochs=10, batch_size=8, learning_rate=0.1, momentum=0.9)
    assert epochs_conflict(constant, 30, done=10) is None
    assert epochs_conflict(constant, 7, done=7) is None
    assert "cannot be cut to 6" in epochs_conflict(constant, 6, done=7)
    assert "learning rate" in epochs_conflict(constant.replace(warm_up=0.1), 30, done=1)
    augmented = constant.replace(rotation=5, epochs_without_augmentation=2)
    assert epochs_conflict(augmented, 30, done=8) is None
    assert "augmentation ended after epoch 8" in epochs_conflict(augmented, 30, done=9)
    assert epochs_conflict(augmented.replace(epochs_without_augmentation=0), 30, done=10) is None


def test_a_checkpoint_of_an_earlier_version_is_read(finished, tmp_path):
    """The recipe was called seed, and had fewer values."""
    new = read_checkpoint(finished[0])
    with np.load(finished[0] / "checkpoint.npz") as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    recipe = {
        name: value
        for name, value in meta["config"]["recipe"].items()
        if name in (
            "name", "epochs", "batch_size", "learning_rate", "momentum", "nesterov", "warm_up",
            "label_smoothing", "rotation", "shift", "scale", "shear", "dropout", "adam_beta_2",
        )
    }  # fmt: skip
    recipe |= {"name": "seed"}
    old = meta | {"config": {**meta["config"], "recipe": recipe}}
    np.savez(tmp_path / "checkpoint.npz", meta=np.array(json.dumps(old)), **arrays)
    found = read_checkpoint(tmp_path)
    assert found.config.recipe.name == "original"
    assert found.config.recipe.input_size == 28
    assert found.history == new.history and set(found.state) == set(new.state)


REFUSED = {
    "epochs": (["--epochs", "0"], "epochs must be 1 to 10000, got 0"),
    "batch size": (["--batch-size", "-4"], "batch size must be 1 to 100000, got -4"),
    "lr": (["--lr", "nan"], "learning rate must be above 0 and at most 1000, got nan"),
    "momentum": (["--momentum", "1.5"], "momentum must be at least 0 and below 1, got 1.5"),
    "recipe": (["--recipe", "worst"], "best, original, sprint"),
    "data": (["--data", "nowhere.npz"], "does not exist"),
    "seed": (["--seed", "-1"], "--seed"),
    "device": (["--device", "tpu"], "tpu"),
    "resume without out": (["--resume"], "--out"),
    "resume and force": (["--resume", "--force", "--out", "x"], "one of them"),
    "no number": (["--epochs", "many"], "many"),
}


def test_bad_options_are_refused_before_tensorflow(tmp_path):
    commands = [["train", *arguments] for arguments, _ in REFUSED.values()]
    ends = run_in_turn(*commands, cwd=tmp_path, without_tensorflow=True)
    for (case, (_, words)), end in zip(REFUSED.items(), ends, strict=True):
        assert end.code == 2 and words in end.stderr, (case, end)
        assert end.stderr.count("\n") == 1, (case, end)
    assert not list(tmp_path.iterdir())


def test_a_gpu_that_is_not_there_is_an_error(tmp_path, data):
    import keras

    if keras.distribution.list_devices("gpu"):
        pytest.skip("there is a GPU")
    options = ["--device", "gpu", "--data", data, "--out", tmp_path / "x"]
    assert "no GPU" in click_run("train", *options, code=1)


def test_sheet_check_and_help_never_import_tensorflow(tmp_path):
    ends = run_in_turn(
        ["--help"], ["train", "--help"], ["sheet"], ["check", "backprop.xlsx"],
        cwd=tmp_path, without_tensorflow=True,
    )  # fmt: skip
    assert [end.code for end in ends] == [0, 0, 0, 0], ends


def test_predict_imports_neither_keras_nor_matplotlib(finished, tmp_path):
    """They take seconds. Nor are they needed."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (28, 28))
    ImageDraw.Draw(picture).line((14, 4, 14, 24), fill=255, width=3)
    picture.save(tmp_path / "one.png")
    Image.new("L", (28, 28)).save(tmp_path / "blank.png")
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import cli\n"
        "arguments = ['predict', sys.argv[1]]\n"
        "cli.main([*arguments, 'one.png', '--show', 'seen.png'], standalone_mode=False)\n"
        "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)\n"
        "sys.modules['matplotlib'] = None\n"
        "cli.main([*arguments, 'blank.png'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), str(finished[0] / "model.keras")],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.endswith("Error: blank.png has no digit\n")
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")


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
        for line in result.output.split("predicted")[1].splitlines()[1:]
    ]
    matrix = np.array(numbers)[:, 1:]
    assert matrix.shape == (10, 10) and matrix.sum() == 1000
    assert np.trace(matrix) == metrics["correct"]
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_evaluate_refuses_other_models(tmp_path, finished, data):
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
        ("other.keras", "an input of 4;"), ("unsafe.keras", "unsafe"),
        ("text.keras", "not a Keras"), ("text.txt", "its suffix must be"),
        ("cut.keras", "not a Keras"),
    ):  # fmt: skip
        result = CliRunner().invoke(
            cli.main, ["evaluate", str(tmp_path / name), "--data", str(data)]
        )
        assert result.exit_code == 2 and words in result.output, (name, result.output)
        assert name in result.output and result.output.count("\n") == 1
    result = CliRunner().invoke(cli.main, ["evaluate", str(tmp_path / "no.keras")])
    assert result.exit_code == 2


def test_the_bar_counts_batches_that_are_reported_several_at_a_time():
    with EpochProgress(epochs=1, steps=25) as progress:
        progress.live = True
        for batch in (10, 20, 25):
            progress.batch(1, batch, {"loss": 0.5})
            assert progress.bar.n == batch
