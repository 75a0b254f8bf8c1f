"""Temporary files: those of killed processes are deleted, those of running ones never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.commands import ROOT

from gradsheet.unfinished import (
    delete_all_of_this_process,
    delete_leftovers,
    unfinished_file,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")

# Prints the temporary file's name, and waits in the block.
WAITING = """
import sys
from pathlib import Path
from gradsheet.unfinished import unfinished_file
with unfinished_file(Path(sys.argv[1])) as path:
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def forget_folders():
    """Leftovers are looked for once per folder and process."""
    delete_leftovers.cache_clear()


def waiting(target: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(target)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    return process, Path(process.stdout.readline().rstrip("\n"))


def test_it_is_beside_its_target_and_gone_in_the_end(tmp_path: Path):
    with unfinished_file(tmp_path / "marks.xlsx") as path:
        assert path.parent == tmp_path and path.suffix == ".xlsx" and path.name.startswith(".marks")
        assert path.stat().st_size == 0
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_any_length_and_two_of_one_name(tmp_path: Path):
    target = tmp_path / ("a" * 250 + ".xlsx")
    with unfinished_file(target) as one, unfinished_file(target) as other:
        assert one != other and {*tmp_path.iterdir()} == {one, other}


def test_what_a_killed_process_left_is_deleted_and_what_a_running_one_has_is_kept(tmp_path: Path):
    killed, left = waiting(tmp_path / "a.xlsx")
    running, kept = waiting(tmp_path / "b.xlsx")
    try:
        killed.kill()
        killed.communicate()
        with unfinished_file(tmp_path / "c.xlsx"):
            assert not left.exists() and kept.exists()
    finally:
        running.communicate("", timeout=60)
    assert running.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_kept(tmp_path: Path):
    names = ["a.xlsx", ".hidden", ".a-gradsheet-1234567.xlsx", "a-gradsheet-12345678.xlsx"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".a-gradsheet-12345678").mkdir()
    target = tmp_path / "important.txt"
    target.write_text("kept")
    (tmp_path / ".b-gradsheet-12345678.txt").symlink_to(target)
    before = {*tmp_path.iterdir()}
    with unfinished_file(tmp_path / "c.xlsx"):
        pass
    assert {*tmp_path.iterdir()} == before and target.read_text() == "kept"


def test_all_of_this_process_are_deleted_before_it_ends_at_once(tmp_path: Path):
    with unfinished_file(tmp_path / "a.xlsx") as path:
        delete_all_of_this_process()
        assert not path.exists()
