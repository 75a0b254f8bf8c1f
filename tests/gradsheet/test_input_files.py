"""What a path is, without opening it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gradsheet.input_files import is_folder, problem_with_file


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def socket_at(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)


POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX alone has these")
KINDS = {
    "a file": (Path.touch, None),
    "nothing": (lambda path: None, "does not exist"),
    "a folder": (Path.mkdir, "is a folder"),
    "a pipe": (os.mkfifo if hasattr(os, "mkfifo") else None, "is a pipe"),
    "a socket": (socket_at, "is a socket"),
    "a circle": (link_to_itself, "cannot be read: "),
}


@POSIX
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_path_is(kind: str, tmp_path: Path):
    make, expected = KINDS[kind]
    path = tmp_path / "a.xlsx"
    make(path)
    problem = problem_with_file(path)
    if expected is None:
        assert problem is None
    else:
        assert problem is not None and problem.startswith(expected)
    assert is_folder(path) == (kind == "a folder")


@POSIX
def test_a_device_is_no_file():
    assert problem_with_file(Path("/dev/null")) == "is a device"


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_one_line(name: str):
    problem = problem_with_file(Path(name))
    assert problem is not None and "\n" not in problem
    assert not is_folder(Path(name))


def test_a_file_is_not_a_folder_for_others(tmp_path: Path):
    (tmp_path / "a").touch()
    assert problem_with_file(tmp_path / "a" / "b") == "does not exist"
