"""The tests themselves: they mirror the packages and do not lean on one another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from fixtures.commands import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
SHARED = {"fixtures", "oracles"}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_is_imported(path: Path):
    tests = [
        name for name in imported(path) if any(part[:5] == "test_" for part in name.split("."))
    ]
    # test_requirements and the like of other packages would be named here, too.
    assert tests == []


def test_each_folder_is_a_package_s_or_shared():
    packages = {
        path.parent.name for package in ("gradsheet", "backprop_sheet", "keras_model")
        for path in (ROOT / package).rglob("__init__.py")
    }  # fmt: skip
    folders = {path.parent.name for path in FILES if path.name.startswith("test_")}
    assert folders - {TESTS.name} <= packages
    shared = {path.parent.name for path in FILES if not path.name.startswith(("test_", "conf"))}
    assert shared - {TESTS.name} <= SHARED
