"""Ctrl-C and requests to end: one process of each kind, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.commands import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

# Says "ready" in a block that has an unfinished file; what ends it is printed.
WAITING = """
import signal, sys, time, weakref
from pathlib import Path
from gradsheet.signals import Terminated, end_at_once_on_signals, handle_signals, signal_again
from gradsheet.unfinished import unfinished_file

class Thing:
    pass

way, target = sys.argv[1], Path(sys.argv[2])
if way == "ignored":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
handle_signals()
try:
    with unfinished_file(target):
        if way == "done":
            end_at_once_on_signals()
        print("ready", flush=True)
        if way == "importing":
            sys.path.insert(0, str(target.parent))
            import slow
        if way == "ignored":
            sys.stdin.read()
        elif way == "in a callback":
            sys.unraisablehook = lambda ignored: signal_again(ignored.exc_value)
            thing = Thing()
            reference = weakref.ref(thing, lambda _: time.sleep(60))
            del thing
            time.sleep(60)
        else:
            time.sleep(60)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
except Terminated as end:
    print("Terminated", end.code)
"""


def ended(way: str, number: signal.Signals, folder: Path) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, way, str(folder / "a.txt")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if way == "importing":
        assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    output, errors = process.communicate("", timeout=60)
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "KeyboardInterrupt\n"),
        (signal.SIGTERM, f"Terminated {128 + signal.SIGTERM}\n"),
        (signal.SIGHUP, f"Terminated {128 + signal.SIGHUP}\n"),
    ],
)
def test_a_signal_is_an_exception_and_nothing_is_left(number, said: str, tmp_path: Path):
    assert ended("usual", number, tmp_path) == (0, said, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "KeyboardInterrupt\n"),
        (signal.SIGTERM, f"Terminated {128 + signal.SIGTERM}\n"),
    ],
)
def test_a_signal_in_a_callback_that_ignores_exceptions_comes_again(number, said, tmp_path: Path):
    assert ended("in a callback", number, tmp_path) == (0, said, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_modules_are_imported_it_ends_at_once(number, tmp_path: Path):
    """A library would make another error of the exception."""
    module = tmp_path / "slow.py"
    module.write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    assert ended("importing", number, tmp_path) == (128 + number, "", "Stopped.\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == ["slow.py"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_the_work_it_ends_without_a_word(number, tmp_path: Path):
    assert ended("done", number, tmp_path) == (128 + number, "", "")


def test_what_the_process_was_told_to_ignore_stays_so(tmp_path: Path):
    assert ended("ignored", signal.SIGHUP, tmp_path) == (0, "", "")
