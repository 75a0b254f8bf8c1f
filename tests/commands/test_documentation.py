"""README.md documents every command and option, and its command lines run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import openpyxl
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, click_run
from PIL import Image

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.workbook import write_workbook
from cli import main

README = (ROOT / "README.md").read_text(encoding="utf-8")


def command_lines() -> list[str]:
    """The command lines of the README, in its blocks of code (after ``$``) and within sentences."""
    blocks = re.findall(r"^\$ (python cli\.py .*)$", README, re.MULTILINE)
    inline = re.findall(r"`(python cli\.py [^`]*)`", README)
    return list(dict.fromkeys([*blocks, *inline]))


def shortened(line: str) -> str:
    """The line with one epoch and one run, because the README's trainings take minutes."""
    line = re.sub(r"--seeds \d+", "--seeds 1", line)
    line = re.sub(r"--batch-sizes \S+,(\d+)", r"--batch-sizes \1", line)
    return f"{line} --epochs 1" if re.search(r"cli\.py (train|sweep)", line) else line


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_and_option_is_documented(name: str):
    assert any(re.search(rf"python cli\.py {name}\b", line) for line in command_lines())
    options = [one for one in main.commands[name].params if isinstance(one, click.Option)]
    assert all(option.help for option in options)
    for option in options:
        written = "|".join(map(re.escape, option.opts))
        assert re.search(rf"(?<![\w-])({written})(?![\w-])", README), f"{name} {option.opts}"


def test_the_files_that_the_readme_names_exist():
    named = re.findall(r"\]\(([^):]+)\)", README) + re.findall(r"`(requirements[\w.-]*)`", README)
    assert len(named) > 5
    for path in named:
        assert (ROOT / path).is_file(), path


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model) -> Path:
    """A folder with the files that the README's command lines name."""
    from keras_model.data.mnist import sample

    folder = tmp_path_factory.mktemp("readme")
    digits = sample()
    # A multiple of the README's batch sizes: XLA compiles for each size of a batch.
    train = np.linspace(0, len(digits.x_train) - 1, 256).astype(int)
    np.savez(
        folder / "mnist.npz",
        x_train=digits.x_train[train], y_train=digits.y_train[train],
        x_test=digits.x_test[::5], y_test=digits.y_test[::5],
    )  # fmt: skip
    shutil.copy(model, folder / "model.keras")
    for number, name in enumerate(("photo.jpg", "chalk.png", "six.png")):
        Image.fromarray(255 - digits.x_test[100 * number]).resize((200, 200)).save(folder / name)
    write_workbook(with_values(load_exercise(), learning_rates=[0.5]), folder / "right.xlsx")
    book = openpyxl.load_workbook(folder / "right.xlsx", data_only=True)
    book["LR 0.5"].cell(20, 27).value *= 1.01
    book.save(folder / "submission.xlsx")
    for student in ("ada", "alan"):
        (folder / "submissions" / student).mkdir(parents=True)
        shutil.copy(folder / "submission.xlsx", folder / "submissions" / student)
    return folder


@pytest.fixture
def trains_here(monkeypatch) -> None:
    """Let ``sweep`` train in this process; test_sweep.py tests its processes."""
    from keras_model.training.trainer import train_run
    from keras_model.training.training_process import TrainingProcess, digits_of

    def train(self, job, on_epoch) -> None:
        train_run(
            job.config, digits_of(job), job.folder, device="cpu", share=job.share,
            on_epoch=on_epoch,
        )  # fmt: skip

    monkeypatch.setattr(TrainingProcess, "train", train)


# Commands that start TensorFlow, which takes seconds: they run in this process.
NEED_TENSORFLOW = {"summary", "train", "evaluate", "digits", "predict", "sweep"}


@pytest.mark.parametrize("line", command_lines())
def test_the_command_line_runs(line: str, folder: Path, monkeypatch, trains_here):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GRADSHEET_DATA", str(folder / "mnist.npz"))
    arguments = shlex.split(shortened(line))[2:]
    if arguments[0] in NEED_TENSORFLOW:
        assert not {"|", ">", "<", "&&", ";"} & set(arguments), "needs a shell"
        click_run(*arguments)
        return
    program = shlex.join([sys.executable, str(ROOT / "cli.py")])
    done = subprocess.run(
        shortened(line).replace("python cli.py", program),
        shell=True, capture_output=True, text=True, timeout=240, env=ENVIRONMENT,
    )  # fmt: skip
    found_mistakes = arguments[0] == "check"
    assert done.returncode == (1 if found_mistakes else 0), done.stderr
    assert "Traceback" not in done.stderr
