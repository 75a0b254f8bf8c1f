"""Standard output and standard error, whatever they are connected to."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.commands import ENVIRONMENT, ROOT

from gradsheet.streams import OutputError, guarded_streams, is_standard_error

full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
posix = pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")


def test_text_arrives_and_cannot_control_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = tmp_path / "output", tmp_path / "errors"
    with paths[0].open("w", encoding="utf-8") as output, paths[1].open("w") as errors:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        with guarded_streams():
            print("a\x1b[2J\tb∂", flush=True)
            print("\rbar\x1b[K \u202e", file=sys.stderr)
        assert (sys.stdout, sys.stderr) == (output, errors)
        monkeypatch.undo()
    assert paths[0].read_text("utf-8") == "a\\x1b[2J\tb∂\n"
    # A progress bar moves the cursor.
    assert paths[1].read_bytes().decode() == "\rbar\x1b[K \\u202e\n"


def test_a_stream_that_is_no_file(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with guarded_streams():
        print("text")
    assert sys.stdout is stream and stream.getvalue() == "text\n"


@full_disk
def test_a_full_output_is_an_error_and_full_errors_are_silent(monkeypatch: pytest.MonkeyPatch):
    with open("/dev/full", "w") as output, open("/dev/full", "w") as errors:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        with guarded_streams():
            print("lost", file=sys.stderr, flush=True)
            with pytest.raises(OutputError, match="No space left on device"):
                print("lost", flush=True)
            print("what comes after is dropped", flush=True)
        monkeypatch.undo()


SCRIPT = """
import sys
from gradsheet.streams import guarded_streams
with guarded_streams():
    for _ in range(100_000):
        print("∂" * 100)
        sys.stdout.flush()
"""


@posix
@pytest.mark.parametrize(
    ("redirected", "code", "says"),
    [("| head -1", 1, "BrokenPipeError"), (">&-", 0, ""), (">/dev/null 2>&-", 0, "")],
)
def test_pipes_that_are_closed(redirected: str, code: int, says: str):
    line = f'{{ "$0" -c "$1"; echo $? >&3; }} 3>&1 {redirected}'
    if redirected.startswith("|"):
        line = f'{{ {{ "$0" -c "$1"; echo $? >&3; }} {redirected} >/dev/null; }} 3>&1'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, SCRIPT],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) == code, done.stderr
    assert says in done.stderr


def test_an_ascii_terminal_gets_utf_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with (tmp_path / "a").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with guarded_streams():
            print("∂", flush=True)
        monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == "∂\n".encode()


def test_what_standard_error_is():
    assert not is_standard_error(None)
    assert not is_standard_error(io.StringIO())
    with os.fdopen(os.dup(1), "w") as other:
        assert not is_standard_error(other)
    with os.fdopen(2, "w", closefd=False) as stream:
        assert is_standard_error(stream)
