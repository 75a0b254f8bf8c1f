"""README.md and docs/ document every command and option, and their command lines run."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np
import openpyxl
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, click_run
from fixtures.course_systems import MOODLES_CSV, moodle_worksheet
from fixtures.other_networks import NetworkBook
from PIL import Image

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.workbook import write_workbook
from cli import main
from gradsheet import __version__
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import argument_names
from keras_model.layers.kinds import KINDS
from keras_model.marking.conditions import FEATURES
from keras_model.networks.network_file import NOT_IN_FILES, packaged, packaged_network

USER_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [
    *USER_PAGES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
USER_TEXT = "\n".join(TEXTS[page] for page in USER_PAGES)
PROGRAM = r"(?:gradsheet|python cli\.py)"
COMMANDS = sorted(main.list_commands(click.Context(main)))


def command_lines() -> list[str]:
    """The command lines in the pages for users, from blocks of code (after ``$``) and sentences.

    Each starts with the command's name.
    """
    blocks = re.findall(rf"^\$ {PROGRAM} (.*)$", USER_TEXT, re.MULTILINE)
    inline = re.findall(rf"`{PROGRAM} ([^`]*)`", USER_TEXT.replace("\n", " "))
    return list(dict.fromkeys(line for line in (*blocks, *inline) if not line.startswith("-")))


def shortened(line: str) -> str:
    """The line with one epoch and one run, because the pages' trainings take minutes."""
    line = re.sub(r"--seeds \d+", "--seeds 1", line)
    line = re.sub(r"--batch-sizes \S+,(\d+)", r"--batch-sizes \1", line)
    return f"{line} --epochs 1" if re.match(r"(train|sweep)\b", line) else line


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str):
    assert any(re.match(rf"{name}\b", line) for line in command_lines())
    command = main.get_command(click.Context(main), name)
    assert command is not None and command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert all(option.help for option in options)
    for option in options:
        written = "|".join(map(re.escape, option.opts))
        assert re.search(rf"(?<![\w-])({written})(?![\w-])", USER_TEXT), f"{name} {option.opts}"


def test_every_layer_argument_and_activation_is_documented():
    """In the table of network files, with the arguments that must be given in bold."""
    text = TEXTS[ROOT / "docs" / "networks.md"]
    [start] = re.finditer(r"^\| Layer \| Arguments \|$", text, re.MULTILINE)
    rows = re.findall(r"^\| (.*?) \|(.*)\|$", text[start.end() :].split("\n\n")[0], re.MULTILINE)
    table = {name: row for names, row in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(table) == set(KINDS) - set(NOT_IN_FILES)
    for name, row in table.items():
        fields = {field.name: field for field in dataclasses.fields(KINDS[name])}
        needed = {
            each for each in argument_names(KINDS[name])
            if fields[each].default is dataclasses.MISSING
        }  # fmt: skip
        assert set(re.findall(r"\*\*`(\w+)`\*\*", row)) == needed, name
        assert set(re.findall(r"`(\w+)`", row)) == set(argument_names(KINDS[name])), name
    [listed] = re.findall(r"The activations are (.*?)\.", text, re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [*ACTIVATIONS]


@pytest.mark.parametrize("network", packaged())
def test_packaged_networks_are_documented_with_their_size(network: str):
    size = f"{packaged_network(network).trainable:,}"
    assert f"| `{network}` | {size} |" in TEXTS[ROOT / "docs" / "networks.md"]


def test_every_feature_that_can_be_required_is_documented():
    text = TEXTS[ROOT / "docs" / "networks.md"]
    [row] = re.findall(r"^\| `--require LIST` .*$", text, re.MULTILINE)
    assert set(FEATURES) <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_have_existing_options(name: str):
    """The examples name the command itself, and only options that some command has."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    known = {opt for option in command.params for opt in option.opts} | {"-h", "--help"}
    examples = re.findall(rf"^ *{PROGRAM} ({name}\b.*)$", command.help or "", re.MULTILINE)
    assert examples
    for example in examples:
        used = {word for word in shlex.split(example) if re.match(r"-{1,2}[a-z]", word)}
        assert used <= known, example


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        address = urlsplit(target)
        if address.scheme:
            assert address.scheme == "https", target
            continue
        path = (page.parent / address.path).resolve() if address.path else page
        assert path.is_file() and path.is_relative_to(ROOT), target
        if address.fragment:
            assert address.fragment in anchors(TEXTS[path]), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_named_files_exist(page: Path):
    """What a page names in backticks with a folder of the project, or as requirements, is there."""
    folders = "gradsheet|backprop_sheet|keras_model|tests|benchmarks|docs"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", TEXTS[page])
    named += re.findall(r"`(requirements[\w.-]*\.txt)`", TEXTS[page])
    for name in named:
        assert (ROOT / name).exists(), name


def tree() -> list[str]:
    """The paths of CONTRIBUTING's tree of the code."""
    [block] = re.findall(r"^```\n(cli\.py .*?)^```", TEXTS[ROOT / "CONTRIBUTING.md"], re.M | re.S)
    paths: list[str] = []
    parents: list[str] = []
    for line in block.splitlines():
        name = line.split()[0]
        parents[(len(line) - len(line.lstrip())) // 2 :] = [name]
        paths.append("".join(parents))
    return paths


def test_the_tree_of_the_code_is_that_of_the_repository():
    """Each path of CONTRIBUTING exists, and each package with modules stands there."""
    paths = tree()
    assert [path for path in paths if not (ROOT / path).exists()] == []
    packages = {
        package.parent.relative_to(ROOT).as_posix() + "/"
        for half in ("gradsheet", "backprop_sheet", "keras_model")
        for package in (ROOT / half).rglob("__init__.py")
    }
    assert packages - set(paths) <= {"keras_model/export/sheets/"}


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[ROOT / "README.md"]))
    assert {f"docs/{page.name}" for page in USER_PAGES[1:]} <= linked


def test_the_readme_is_short():
    assert len(TEXTS[ROOT / "README.md"].splitlines()) <= 200


def test_the_changelog_has_this_version_and_the_form_of_keep_a_changelog():
    text = TEXTS[ROOT / "CHANGELOG.md"]
    first, *versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    released = [
        re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", each) for each in versions
    ]
    numbers = [tuple(map(int, each.groups())) for each in released if each]
    assert len(numbers) == len(versions) and numbers == sorted(set(numbers), reverse=True)
    assert ".".join(map(str, numbers[0])) == __version__
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model) -> Path:
    """A folder with the files that the pages' command lines name."""
    from keras_model.data.mnist import sample

    folder = tmp_path_factory.mktemp("documentation")
    digits = sample()
    # A multiple of the pages' batch sizes: XLA compiles for each size of a batch.
    train = np.linspace(0, len(digits.x_train) - 1, 256).astype(int)
    np.savez(
        folder / "mnist.npz",
        x_train=digits.x_train[train], y_train=digits.y_train[train],
        x_test=digits.x_test[::5], y_test=digits.y_test[::5],
    )  # fmt: skip
    shutil.copy(model, folder / "model.keras")
    for number, name in enumerate(("photo.jpg", "chalk.png", "numbers.png")):
        Image.fromarray(255 - digits.x_test[100 * number]).resize((200, 200)).save(folder / name)
    write_workbook(with_values(load_exercise(), learning_rates=[0.5]), folder / "right.xlsx")
    book = openpyxl.load_workbook(folder / "right.xlsx", data_only=True)
    book["LR 0.5"].cell(20, 27).value *= 1.01
    book.save(folder / "submission.xlsx")
    (folder / "network.toml").write_text(click_run("networks", "small"), encoding="utf-8")
    (folder / "models").mkdir()
    shutil.copy(model, folder / "models" / "ada.keras")
    for student in ("ada", "alan"):
        (folder / "submissions" / student).mkdir(parents=True)
        shutil.copy(folder / "submission.xlsx", folder / "submissions" / student)
    shutil.make_archive(str(folder / "submissions"), "zip", folder / "submissions")
    (folder / "grades.csv").write_bytes(MOODLES_CSV.write(moodle_worksheet()[:4]))
    click_run("handout", "--roster", folder / "grades.csv", "-o", folder / "handout")
    # A reader's own exercise: that of the submissions.
    (folder / "mine.toml").write_text(click_run("exercises", "course"), encoding="utf-8")
    own = with_values(load_exercise("xor"), learning_rates=[0.5], iterations=10)
    write_workbook(own, folder / "mine.xlsx")
    NetworkBook((3, 2, 1), ("sigmoid", "linear"), bias="neuron").write(folder / "other.xlsx")
    return folder


@pytest.fixture
def trains_here(monkeypatch) -> None:
    """Let ``sweep`` train in this process; test_sweep.py tests its processes."""
    from keras_model.sweeps.training_process import TrainingProcess, digits_of
    from keras_model.training.run import train_run

    def train(self, job, on_epoch) -> None:
        train_run(
            job.config, digits_of(job), job.folder, device="cpu", share=job.share,
            on_epoch=on_epoch,
        )  # fmt: skip

    monkeypatch.setattr(TrainingProcess, "train", train)


# Commands that start TensorFlow, which takes seconds: they run in this process.
NEED_TENSORFLOW = {"summary", "train", "evaluate", "digits", "predict", "sweep"}


def lines_to_run() -> list[Any]:
    """The command lines; those that sweep, and those after the first that train, are thorough."""
    lines = command_lines()
    trainings = [line for line in lines if line.startswith("train")][1:]
    trainings += [line for line in lines if line.startswith("sweep")]
    return [
        pytest.param(line, marks=pytest.mark.thorough) if line in trainings else line
        for line in lines
    ]


@pytest.mark.parametrize("line", lines_to_run())
def test_the_command_line_runs(line: str, folder: Path, tmp_path, monkeypatch, trains_here):
    own = shutil.copytree(folder, tmp_path / "own")  # a line may replace what another one reads
    monkeypatch.chdir(own)
    monkeypatch.setenv("GRADSHEET_DATA", str(own / "mnist.npz"))
    arguments = shlex.split(shortened(line))
    if arguments[0] == "handout":
        shutil.rmtree(own / "handout")
    if arguments[0] in NEED_TENSORFLOW:
        assert not {"|", ">", "<", "&&", ";"} & set(arguments), "needs a shell"
        # The network of the tests is trained too little for the conditions.
        is_missed = "--min-accuracy" in arguments
        click_run(*arguments, code=1 if is_missed else 0)
        return
    program = shlex.join([sys.executable, str(ROOT / "cli.py")])
    done = subprocess.run(
        f"{program} {shortened(line)}",
        shell=True, capture_output=True, text=True, timeout=240, env=ENVIRONMENT,
    )  # fmt: skip
    found_mistakes = arguments[0] == "check" and arguments[1] not in ("mine.xlsx", "other.xlsx")
    assert done.returncode == (1 if found_mistakes else 0), done.stderr
    assert "Traceback" not in done.stderr
