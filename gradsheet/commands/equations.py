"""``gradsheet equations``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.messages import Refused
from gradsheet.commands.options import FILE, exercise_option, force_option
from gradsheet.commands.progress import progress_of
from gradsheet.printable import printable

if TYPE_CHECKING:
    from backprop_sheet.exercise.model import Exercise


@click.command()
@exercise_option
@click.option("--iteration", type=int, metavar="N", help="Add the numbers of iteration N.")
@click.option("--sample", type=int, metavar="K", help="With --iteration: the sample.  [default: 1]")
@click.option(
    "--lr",
    type=float,
    metavar="RATE",
    help="With --iteration: the learning rate.  [default: the exercise's first]",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write a .md, .tex or .txt file instead of printing.",
)
@force_option
def equations(
    exercise: str,
    iteration: int | None,
    sample: int | None,
    lr: float | None,
    output: Path | None,
    force: bool,
) -> None:
    """Derive the equations of an exercise, step by step.

    The derivation has the forward pass, the error, the backward pass with the
    complete chain rule, and the update. Every step is explained. With --iteration,
    every formula is also shown with its numbers in that iteration, as a worked
    solution.

    \b
    Examples:
      gradsheet equations --exercise mazur --iteration 0
      gradsheet equations --exercise xor --iteration 10 --sample 3
      gradsheet equations --exercise softmax -o derivation.tex
    """
    for option, value in (("--sample", sample), ("--lr", lr)):
        if value is not None and iteration is None:
            raise Refused(f"{option} needs --iteration: it selects which numbers are shown")

    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.explanation import documents
    from backprop_sheet.explanation.derivation import derive
    from gradsheet.files import atomic_write, check_suffix

    if output is not None:
        check_suffix(output, documents.SUFFIXES)
    loaded = load_exercise(exercise)
    from backprop_sheet.equations.system import system_of

    values = None if iteration is None else _iteration_values(loaded, iteration, sample, lr)
    derivation = derive(loaded, system_of(loaded), values)
    if output is None:
        click.echo(documents.as_text(derivation), nl=False)
        return
    ours = documents.written_by_gradsheet
    with atomic_write(output, force=force, is_replaceable=ours) as unfinished:
        unfinished.write_bytes(documents.as_document(derivation, output).encode())
    click.echo(printable(f"Written to {output}"))


def _iteration_values(
    exercise: Exercise, iteration: int, sample: int | None, lr: float | None
) -> Any:
    """Train up to an iteration, with a progress bar if that takes long."""
    from backprop_sheet.equations.system import system_of
    from backprop_sheet.explanation.iteration_values import iteration_values

    steps, takes_long = iteration + 2, iteration >= 10_000
    with progress_of(steps, "Training", takes_long=takes_long) as progress:
        return iteration_values(
            exercise, system_of(exercise), iteration, sample, lr, progress=progress
        )
