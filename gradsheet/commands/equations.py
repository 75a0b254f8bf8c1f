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

_PROGRAMS = (".py", ".ipynb")  # backprop_sheet.program.files.SUFFIXES, without its imports


@click.command()
@exercise_option
@click.option("--iteration", type=int, metavar="N", help="Add the numbers of iteration N.")
@click.option("--sample", type=int, metavar="K", help="With --iteration: the sample.  [default: 1]")
@click.option(
    "--lr",
    type=float,
    metavar="RATE",
    help="With --iteration, or for a program: the learning rate.  [default: the exercise's first]",
)
@click.option(
    "--framework",
    type=click.Choice(("torch", "keras")),
    help="For a program: what it is compared with.  [default: torch]",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write a .md, .tex or .txt file instead of printing, or a program: .py or .ipynb.",
)
@force_option
def equations(
    exercise: str,
    iteration: int | None,
    sample: int | None,
    lr: float | None,
    framework: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """Derive the equations of an exercise, step by step.

    The derivation has the forward pass, the error, the backward pass with the
    complete chain rule, and the update. Every step is explained. With --iteration,
    every formula is also shown with its numbers in that iteration, as a worked
    solution.

    With -o FILE.py, write a program: the exercise by hand in NumPy, the same in PyTorch
    or Keras, and the assertion that both agree. FILE.ipynb is a notebook of it, with the
    derivation between its cells.

    \b
    Examples:
      gradsheet equations --exercise mazur --iteration 0
      gradsheet equations --exercise xor --iteration 10 --sample 3
      gradsheet equations --exercise softmax -o derivation.tex
      gradsheet equations --exercise xor --framework keras -o xor.ipynb
    """
    if output is not None and output.suffix.lower() in _PROGRAMS:
        if iteration is not None or sample is not None:
            raise Refused("--iteration and --sample are not for programs: these do all iterations")
        _write_program(exercise, output, framework or "torch", lr, force)
        return
    if framework is not None:
        raise Refused("--framework is for programs: use it with -o FILE.py or FILE.ipynb")
    for option, value in (("--sample", sample), ("--lr", lr)):
        if value is not None and iteration is None:
            raise Refused(f"{option} needs --iteration: it selects which numbers are shown")

    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.explanation import documents
    from backprop_sheet.explanation.derivation import derive
    from gradsheet.files import atomic_write, check_suffix

    if output is not None:
        check_suffix(output, (*documents.SUFFIXES, *_PROGRAMS))
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


def _write_program(
    exercise: str, output: Path, framework: str, rate: float | None, force: bool
) -> None:
    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.exercise.given_values import with_values
    from backprop_sheet.program import files
    from gradsheet.files import atomic_write

    loaded = load_exercise(exercise)
    if rate is not None:
        loaded = with_values(loaded, learning_rates=[rate])
    text = files.program_text(loaded, output, framework)
    ours = files.written_by_gradsheet
    with atomic_write(output, force=force, is_replaceable=ours) as unfinished:
        unfinished.write_bytes(text.encode())
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
