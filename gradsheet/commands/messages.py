"""What several commands say, and how they refuse what they cannot use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from gradsheet.printable import printable


class Refused(click.ClickException):
    """Bad use: one line, exit code 2."""

    exit_code = 2


@contextlib.contextmanager
def value_of(option: str) -> Iterator[None]:
    """Refuse the value of an option if the block raises a ValueError, which says what is wrong."""
    try:
        yield
    except ValueError as error:
        raise Refused(f"{option} {error}") from error


def tell(line: str) -> None:
    """Print a line on standard error in which no name can control the terminal."""
    click.echo(printable(line), err=True)


def note(words: str) -> None:
    """Print a note on standard error."""
    tell(f"Note: {words}.")


def program(context: click.Context) -> str:
    """Return how the program was started: ``gradsheet`` or ``python cli.py``."""
    name = context.find_root().info_name or "gradsheet"
    return f"python {name}" if name.endswith(".py") else name
