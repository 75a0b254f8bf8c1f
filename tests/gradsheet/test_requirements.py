"""The pinned requirements and the ranges of pyproject.toml name the same packages."""

from __future__ import annotations

import tomllib

import pytest
from fixtures.commands import ROOT
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(file: str) -> dict[str, Version]:
    """The pinned versions of a file, without what its options include."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {one.name.lower(): Version(str(one.specifier).removeprefix("==")) for one in parsed}


def ranges(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {one.name.lower(): one for one in parsed if one.name != "gradsheet"}


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("requirements.txt", [*PROJECT["dependencies"], *EXTRAS["train"]]),
        ("requirements-dask.txt", EXTRAS["dask"]),
        ("requirements-onnx.txt", EXTRAS["onnx"]),
        ("requirements-gpu.txt", EXTRAS["gpu"]),
        ("requirements-dev.txt", [*EXTRAS["dask"], *EXTRAS["onnx"], *EXTRAS["dev"]]),
    ],
)
def test_the_pins_are_within_the_ranges(file: str, lines: list[str]):
    pinned, allowed = pins(file), ranges(lines)
    assert pinned.keys() == allowed.keys()
    for name, version in pinned.items():
        assert allowed[name].specifier.contains(version), f"{name} {version}"
