"""The command as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
