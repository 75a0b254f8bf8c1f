"""The wheel, installed in an environment that has only what its light half needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from fixtures.commands import ROOT
from fixtures.keras_files import write_keras_file
from packaging.requirements import Requirement

from keras_model.data.mnist import sample
from keras_model.networks.network_file import packaged_network

PACKAGES = ("gradsheet", "backprop_sheet", "keras_model")
_CODE = {".py", ".pyc"}


def call(*command: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command that must end with a code, with no variable that leads to the clone."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=environment | {"PYTHONUTF8": "1"}, check=False, capture_output=True,
        encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this version, built without a network and beside the clone."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = (sys.executable, "-m", "build", "--no-isolation")  # the wheel is made from the sdist
    call(*build, "--outdir", folder, source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


def needed(name: str, found: dict[str, Distribution]) -> None:
    """Collect the distributions that one needs, itself included, without those of its extras."""
    found[name] = distribution(name)
    for line in found[name].requires or ():
        requirement = Requirement(line)
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_needed and requirement.name not in found:
            needed(requirement.name, found)


@pytest.fixture(scope="module")
def bin_folder(wheel, tmp_path_factory) -> Path:
    """The commands of an environment with the wheel and what it requires without an extra."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "environment"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=folder)
    commands = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", commands / "python")
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(call(commands / "python", "-c", where, cwd=folder).stdout.strip())
    installed: dict[str, Distribution] = {}
    with zipfile.ZipFile(wheel) as file:
        (metadata,) = (name for name in file.namelist() if name.endswith("/METADATA"))
        lines = file.read(metadata).decode("utf-8").splitlines()
    for line in lines:
        if line.startswith("Requires-Dist: ") and "extra ==" not in line:
            needed(Requirement(line.removeprefix("Requires-Dist: ")).name, installed)
    for dependency in installed.values():
        tops = {file.parts[0] for file in dependency.files or () if file.parts[0] != ".."}
        for name in tops - {"__pycache__"}:
            source, target = Path(str(dependency.locate_file(name))), packages / name
            if os.name == "posix":
                target.symlink_to(source)
            else:
                shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return commands


def test_the_wheel_has_the_three_packages_with_their_data_and_licenses(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (licenses,) = {name.split("/")[0] + "/licenses" for name in names if "dist-info" in name}
        top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
        assert top == set(PACKAGES)
        expected = {
            path.relative_to(ROOT).as_posix()
            for package in PACKAGES
            for path in (ROOT / package).rglob("*")
            if path.is_file() and path.parts[-2] not in ("__pycache__", "pictures")
        }
        assert expected <= names
        assert {f"{licenses}/LICENSE", f"{licenses}/keras_model/data/sample.md"} <= names
        assert b"Attribution-ShareAlike 3.0" in file.read("keras_model/data/sample.md")
    assert {Path(name).suffix for name in expected} - _CODE >= {".toml", ".npz", ".html", ".js"}


@pytest.mark.thorough
def test_the_light_half_runs_from_any_folder(bin_folder, tmp_path):
    gradsheet = bin_folder / "gradsheet"
    where = "import gradsheet; print(gradsheet.__file__)"
    module = Path(call(bin_folder / "python", "-c", where, cwd=tmp_path).stdout.strip())
    assert module.is_relative_to(bin_folder.parent)

    assert call(gradsheet, "--version", cwd=tmp_path).stdout.startswith("gradsheet, version ")
    assert "xor" in call(gradsheet, "exercises", cwd=tmp_path).stdout
    toml = call(gradsheet, "exercises", "xor", cwd=tmp_path).stdout
    (tmp_path / "mine.toml").write_text(toml, encoding="utf-8")
    options = ("--exercise", "mine.toml", "--iterations", "9", "-o", "a.xlsx")
    written = call(gradsheet, "sheet", *options, cwd=tmp_path)
    assert "Written to a.xlsx" in written.stdout
    right = call(gradsheet, "check", "a.xlsx", "--exercise", "mine.toml", "--json", cwd=tmp_path)
    assert {table["verdict"] for table in json.loads(right.stdout)} == {"right"}

    book = openpyxl.load_workbook(tmp_path / "a.xlsx", data_only=True)
    sheet = next(sheet for sheet in book if sheet.title.startswith("LR "))
    (header,) = (cell for row in sheet.iter_rows(1, 20) for cell in row if cell.value == "w1")
    sheet.cell(header.row + 9, header.column).value = 0.123
    book.save(tmp_path / "b.xlsx")
    options = ("--jobs", "2", "--report", "report.xlsx", "--annotate", "marked")
    call(gradsheet, "check", "a.xlsx", "b.xlsx", *options, cwd=tmp_path, code=1)
    assert {path.name for path in (tmp_path / "marked").iterdir()} == {"a.xlsx", "b.xlsx"}
    assert (tmp_path / "report.xlsx").is_file()

    derived = call(gradsheet, "equations", "--iteration", "0", cwd=tmp_path).stdout
    assert "0.24251985" in derived or "0.242519" in derived
    by_module = (bin_folder / "python", "-m", "gradsheet", "equations", "--iteration", "0")
    assert call(*by_module, cwd=tmp_path).stdout == derived


def test_trained_networks_are_read_without_an_extra(bin_folder, tmp_path):
    network = packaged_network("dense")
    weights = [
        {name: np.ones(spec.shape, np.float32) for name, spec in place.weights.items()}
        for place in network.places
    ]
    write_keras_file(network, weights, tmp_path / "model.keras")
    gradsheet = bin_folder / "gradsheet"
    assert "layers = [" in call(gradsheet, "networks", "dense", cwd=tmp_path).stdout
    assert "19,848" in call(gradsheet, "summary", cwd=tmp_path).stdout
    assert (
        f"{network.trainable:,}" in call(gradsheet, "summary", "model.keras", cwd=tmp_path).stdout
    )
    digits = sample()
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(tmp_path / "digits.npz", **{name: getattr(digits, name)[::20] for name in names})
    options = ("model.keras", "--scale", "unit", "--data", "digits.npz")
    assert "Test set: " in call(gradsheet, "evaluate", *options, cwd=tmp_path).stdout
    call(gradsheet, "digits", *options, "-o", "page.html", cwd=tmp_path)


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_what_the_other_half_needs_is_said_in_one_line(command, bin_folder, tmp_path):
    done = call(bin_folder / "gradsheet", command, cwd=tmp_path, code=1)
    needs = rf'Error: {command} needs \w+: pip install "gradsheet\[train\]"\n'
    assert re.fullmatch(needs, done.stderr), done.stderr
