"""The help has two sections, and imports no more than it needs."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, click_run, command

from gradsheet import commands

HEAVY = {"numpy", "openpyxl", "lxml", "xlsxwriter", "PIL", "keras", "tensorflow", "tqdm"}
OWN = ("backprop_sheet", "keras_model")
SHOW_MODULES = """
import json, runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(json.dumps(sorted(sys.modules)))
"""


def imported_by(*arguments: str) -> set[str]:
    """The modules that a command line imports."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW_MODULES, *arguments], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


def help_of(name: str) -> str:
    """The text of a command's help, before it is wrapped."""
    return commands.main.commands[name].help or ""


def test_the_help_lists_every_command_in_its_section():
    listed: dict[str, list[str]] = {}
    for line in click_run("--help").splitlines():
        if line and not line.startswith(" "):
            section = listed.setdefault(line.rstrip(":"), [])
        elif line.strip():
            section.append(line.split()[0])
    for section in commands.SECTIONS:
        assert listed[section.title] == list(section.commands)
    assert len(commands.SECTIONS) == 2
    modules = {path.stem for path in Path(commands.__path__[0]).glob("*.py")}
    with_command = {
        name for name in modules - {"__init__"}
        if isinstance(getattr(_module(name), name, None), click.Command)
    }  # fmt: skip
    assert with_command == set(commands.main.commands)


def test_what_a_command_does_is_listed_in_a_whole_sentence():
    """Click cuts longer ones."""
    listed = [line for line in click_run("--help").splitlines() if line.startswith("  ")]
    assert [line for line in listed if line.endswith("...")] == []


def _module(name: str) -> object:
    return importlib.import_module(f"gradsheet.commands.{name}")


@pytest.mark.parametrize("name", sorted(commands.main.commands))
def test_a_commands_help_has_examples_of_that_command(name: str):
    text = help_of(name)
    examples = text.partition("Example")[2].strip().splitlines()[1:]
    examples = [line.strip() for line in examples]
    assert examples and all(line.startswith("gradsheet ") for line in examples), text
    assert any(line.split()[1] == name for line in examples)
    assert all(len(line) <= 80 for line in click_run(name, "--help").splitlines())


def test_the_help_imports_no_library_but_click():
    for arguments in (["--help"], ["sheet", "--help"], ["train", "--help"], ["--version"]):
        modules = {name.split(".")[0] for name in imported_by("cli.py", *arguments)}
        assert not modules & (HEAVY | set(OWN)), arguments
    # One command imports no other.
    names = {name.rpartition(".")[2] for name in imported_by("cli.py", "exercises", "--help")}
    assert "exercises" in names and not names & (set(commands.main.commands) - {"exercises"})


@pytest.mark.parametrize("options", [[], ["-P"], ["-I"]])
def test_cli_runs_from_any_folder(options, tmp_path):
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    program, *arguments = command("exercises")
    done = subprocess.run(
        [program, *options, *arguments], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith("course "), done.stderr
    usage = subprocess.run(
        [program, *options, arguments[0], "sheet", "--help"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert usage.stdout.startswith("Usage: cli.py sheet [OPTIONS]")


def test_python_m_gradsheet_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "gradsheet", "exercises", "xor"], cwd=ROOT, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == click_run("exercises", "xor")
