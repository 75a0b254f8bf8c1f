"""Running commands: each in its own process, several in one process, or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from cli import main

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
# Small and quick, with everything in it that a long run has: a schedule, augmentation, its end.
QUICK = ["--recipe", "best", "--epochs", "4", "--batch-size", "80", "--seed", "3"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]


def run(*arguments: object, code: int = 0, **options) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=options.pop("env", ENVIRONMENT),
        **options,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    stdout: str
    stderr: str


_IN_TURN = """
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
import cli
ends = []
for arguments in json.loads(sys.argv[2]):
    written, errors, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(errors):
        try:
            cli.main(arguments)
        except SystemExit as end:
            code = end.code
    ends.append((code, written.getvalue(), errors.getvalue()))
loaded = sorted({"tensorflow", "keras"} & set(sys.modules))
print(json.dumps({"ends": ends, "loaded": loaded}))
"""


def run_in_turn(
    *commands: list[object], cwd: Path = ROOT, without_tensorflow: bool = False
) -> list[Ran]:
    """Run commands one after the other in one process: starting TensorFlow takes seconds.

    Args:
        without_tensorflow: fail if one of them imported TensorFlow or Keras.
    """
    lists = json.dumps([[str(argument) for argument in arguments] for arguments in commands])
    done = subprocess.run(
        [sys.executable, "-c", _IN_TURN, str(ROOT), lists],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not (without_tensorflow and found["loaded"]), found["loaded"]
    return [Ran(*end) for end in found["ends"]]


def click_run(*arguments: object, code: int = 0) -> str:
    """The output of a command in this process, which exits with ``code``."""
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    return result.output


def invoke(*arguments: object) -> Result:
    """A command in this process; an exception that it should have handled is raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
