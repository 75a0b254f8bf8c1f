"""Commands where the system refuses something: full disks, signals, missing packages, odd files."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import ENVIRONMENT, ROOT, command, invoke
from fixtures.keras_files import write_keras_file
from xlsxwriter.exceptions import FileCreateError

import cli
from gradsheet import unfinished
from gradsheet.commands.group import missing_package
from gradsheet.files import CannotWriteError, atomic_write
from gradsheet.printable import printable
from keras_model.handwriting.decoding import PictureError, read_picture
from keras_model.networks.network_file import parse_network

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX alone has this")
FULL = OSError(errno.ENOSPC, "No space left on device")


def script(text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("error", [FULL, FileCreateError(FULL), OSError(errno.EDQUOT, "Quota")])
def test_an_error_of_the_system_names_the_file_and_leaves_nothing(tmp_path, error):
    reason = os.strerror(error.errno if isinstance(error, OSError) else errno.ENOSPC)
    target = tmp_path / "a.xlsx"
    target.write_text("before")
    with pytest.raises(CannotWriteError) as raised, atomic_write(target) as path:
        path.write_text("half")
        raise error
    assert str(raised.value) == f"cannot write {target}: {reason}"
    assert [file.name for file in tmp_path.iterdir()] == ["a.xlsx"]
    assert target.read_text() == "before"


@pytest.mark.parametrize("error", [ZeroDivisionError(), BrokenPipeError(), KeyboardInterrupt()])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)), atomic_write(tmp_path / "a.txt"):
        raise error
    assert not list(tmp_path.iterdir())


LIMITED = """
import resource, signal, sys
import cli
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # it would keep compiled modules that are cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
cli.main(sys.argv[1:])
"""


@posix
@pytest.mark.parametrize("arguments", [["sheet"], ["equations"]])
def test_a_file_that_cannot_grow_is_one_line(tmp_path, arguments):
    target = tmp_path / ("a.xlsx" if arguments == ["sheet"] else "a.md")
    done = script(LIMITED, *arguments, "-o", target)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot write")
    assert done.stderr.endswith("File too large\n") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["exercises"], ["exercises", "xor"], ["equations"],
     *([name, "--help"] for name in sorted(cli.main.commands))],
    ids=" ".join,
)  # fmt: skip
def test_a_full_output_is_one_line(arguments, monkeypatch, capsys):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        monkeypatch.undo()
    assert ended.value.code == 1
    message = "Error: cannot write to standard output: No space left on device\n"
    assert capsys.readouterr().err == message


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed, tmp_path):
    line = f'"$0" "$@" {closed}'
    arguments = command("sheet", "--iterations", 2, "-o", tmp_path / "a.xlsx")
    done = subprocess.run(
        ["sh", "-c", line, *arguments], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.xlsx").read_bytes().startswith(b"PK")


@pytest.fixture
def long_job(tmp_path) -> Iterator[subprocess.Popen[str]]:
    """A workbook that is being written."""
    arguments = command("sheet", "--iterations", 200_000, "-o", tmp_path / "a.xlsx")
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_says_so_and_leaves_nothing(number, long_job, tmp_path):
    long_job.send_signal(number)
    _, errors = long_job.communicate(timeout=60)
    assert long_job.returncode == 128 + number
    assert errors.startswith("Stopped") and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


@posix
def test_what_a_killed_process_left_is_deleted_by_the_next(long_job, tmp_path):
    others = [tmp_path / ".a-gradsheet-notes.xlsx", tmp_path / ".a-1234abcd.xlsx"]
    for file in others:
        file.touch()
    (left,) = tmp_path.glob(".a-gradsheet-????????.xlsx")
    unfinished.delete_leftovers.cache_clear()
    unfinished.delete_leftovers(tmp_path)
    assert left.exists()  # its process still runs
    long_job.kill()
    long_job.wait(60)
    unfinished.delete_leftovers.cache_clear()
    with atomic_write(tmp_path / "b.txt") as path:
        path.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "b.txt"])


INTERRUPTED_IMPORT = """
import pathlib, sys
from gradsheet.signals import handle_signals
handle_signals()
sys.path.insert(0, sys.argv[1])
pathlib.Path(sys.argv[1], "slow.py").write_text(
    "import os, signal\\nos.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(9): pass\\n"
)
try:
    import slow
except BaseException:  # as some libraries do
    pass
"""


@posix
def test_ctrl_c_during_an_import_ends_the_process(tmp_path):
    done = script(INTERRUPTED_IMPORT, tmp_path)
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
import cli
cli.main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("module", "package", "arguments"),
    [
        ("xlsxwriter", "XlsxWriter", ["sheet", "-o", "a.xlsx"]),
        ("numpy", "numpy", ["equations"]),
        ("PIL", "Pillow", ["predict", "cli.py", "a.png"]),
    ],
)
def test_a_missing_package_is_one_line(module, package, arguments):
    done = script(WITHOUT, module, *arguments)
    assert done.returncode == 1
    message = f"Error: {arguments[0]} needs {package}: pip install -r requirements.txt\n"
    assert done.stderr == message


def test_a_missing_package_of_one_file_is_one_line(tmp_path):
    path = tmp_path / "a.keras"
    network = parse_network(
        'layers = [{ type = "GlobalMaxPooling2D" }, { type = "Dense", units = 10 }]'
    )
    weights = [{}, {"kernel": np.ones((1, 10)), "bias": np.ones(10)}]
    write_keras_file(network, weights, path)
    assert script(WITHOUT, "keras", "summary", path).returncode == 0
    done = script(WITHOUT, "h5py", "summary", path)
    assert done.stderr == "Error: summary needs h5py: pip install -r requirements.txt\n"


@pytest.mark.parametrize(
    "name", ["gradsheet.nothing", "cli", "json.nothing", "numpy.nothing", None]
)
def test_a_missing_module_of_our_own_is_a_bug(name):
    assert missing_package(ModuleNotFoundError("no", name=name)) is None


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backprop_sheet.exercise.packaged.packaged_exercises", fail)
    with pytest.raises(ZeroDivisionError):
        invoke("exercises")


def test_names_cannot_control_the_terminal(tmp_path):
    assert printable("a\x1b[2J\u202eb\n\udc80\xa0é") == r"a\x1b[2J\u202eb\x0a\udc80" + "\xa0é"
    if os.name != "posix":
        return
    target = tmp_path / "\x1b[31m\u202ered.xlsx"
    written = invoke("sheet", "--iterations", 1, "-o", target)
    checked = invoke("check", target, "--report", tmp_path / "\x07.csv")
    refused = [invoke("--\x1b[31m"), invoke("\x1b[31m"), invoke("sheet", "-o", "\x1b/a.xlsx")]
    assert written.exit_code == 0 and r"\x1b[31m\u202ered.xlsx" in written.output
    for result in (written, checked, *refused):
        assert result.output and printable(result.output, "\n") == result.output


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_named(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = Path("a.toml")
    with socket.socket(socket.AF_UNIX) as end:
        make = {
            "pipe": lambda: os.mkfifo(path), "socket": lambda: end.bind(str(path)),
            "device": lambda: path.symlink_to("/dev/zero"), "folder": path.mkdir,
        }  # fmt: skip
        make[kind]()
        # evaluate takes folders of models; summary takes one model.
        for result in (invoke("equations", "--exercise", path), invoke("summary", path)):
            assert result.exit_code == 2
            assert result.output.startswith(f"Error: a.toml is a {kind}, not a")
        with pytest.raises(PictureError, match=f"is a {kind}"):
            read_picture(path)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\udcff", "a/", "no/a"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["sheet", "-o", "{}.xlsx"], ["sheet", "--exercise", "{}.toml"],
        ["equations", "-o", "{}.md"], ["check", "{}.xlsx"], ["check", "{}.xlsx", "--report", "{}"],
        ["check", "{}.xlsx", "--annotate", "{}"], ["evaluate", "{}"], ["predict", "{}", "{}"],
        ["digits", "{}", "-o", "{}.html"], ["train", "--data", "{}", "--out", "{}"],
    ],
    ids=lambda arguments: " ".join(arguments),
)  # fmt: skip
def test_odd_paths_are_at_most_one_line(arguments, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*(argument.format(name) for argument in arguments))
    assert result.exit_code in (0, 1, 2)
    assert len([line for line in result.output.splitlines() if "Error" in line]) <= 1


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_an_exercise_in_another_encoding_is_one_line(encoding, tmp_path):
    (tmp_path / "a.toml").write_text('title = "é"', encoding=encoding)
    result = invoke("equations", "--exercise", tmp_path / "a.toml")
    assert result.exit_code == 2 and "UTF-8" in result.output and result.output.count("\n") == 1
