"""A progress bar for what takes long, and the end of a job that is stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from gradsheet.signals import INTERRUPTED

_DELAY = 0.5  # seconds


@contextmanager
def progress_of(
    steps: int, label: str, *, takes_long: bool, stopped: str = "nothing was written"
) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each step; show a bar in a terminal if the job takes long.

    After Ctrl-C, say what there is, and exit.

    Args:
        stopped: what there is after Ctrl-C.
    """
    try:
        if not (takes_long and sys.stderr.isatty()):
            yield lambda: None
            return
        from tqdm import tqdm

        with tqdm(total=steps, desc=label, file=sys.stderr, leave=False) as bar:

            def step() -> None:
                bar.update(1)

            yield step
    except KeyboardInterrupt:
        click.echo(f"Stopped: {stopped}.", err=True)
        sys.exit(INTERRUPTED)


@contextmanager
def counting(label: str, unit: str) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each of an unknown number of things.

    In a terminal, show how many there are, if it takes long.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit=f" {unit}", file=sys.stderr, leave=False, delay=_DELAY) as bar:

        def step() -> None:
            bar.update(1)

        yield step
