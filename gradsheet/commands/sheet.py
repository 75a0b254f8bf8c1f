"""``gradsheet sheet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradsheet.commands.column_groups import WorksheetChoice, column_groups
from gradsheet.commands.given_values import numbers_of, with_options
from gradsheet.commands.messages import Refused
from gradsheet.commands.options import exercise_option, force_option, output_option
from gradsheet.commands.progress import progress_of
from gradsheet.printable import printable
from gradsheet.words import count

if TYPE_CHECKING:
    from backprop_sheet.exercise.model import Exercise
    from backprop_sheet.workbook import Run


@click.command()
@exercise_option
@click.option("--lrs", metavar="LIST", help="Learning rates, one sheet per rate.")
@click.option("--iterations", type=int, metavar="N", help="Number of updates: iterations 0 to N.")
@click.option("--inputs", metavar="i1,i2,...", help="Inputs, if the exercise has one sample.")
@click.option("--targets", metavar="t1,t2,...", help="Targets, if the exercise has one sample.")
@click.option("--weights", metavar="w1,w2,...", help="Initial weights.")
@click.option("--biases", metavar="b1,b2,...", help="Initial biases.")
@click.option(
    "--blank",
    metavar="GROUP,...",
    help="Write a worksheet with these columns to fill in: forward, error, gradients, updates, "
    "or all.",
)
@click.option(
    "--no-marks", is_flag=True, help="With --blank: leave out the marks that show what is right."
)
@output_option("backprop.xlsx")
@force_option
def sheet(
    exercise: str,
    lrs: str | None,
    iterations: int | None,
    inputs: str | None,
    targets: str | None,
    weights: str | None,
    biases: str | None,
    blank: str | None,
    no_marks: bool,
    output: Path,
    force: bool,
) -> None:
    """Write an exercise as an Excel workbook or as a web page.

    The network is trained at several learning rates. The workbook has one sheet per
    learning rate, with one row per iteration (and sample), and also explains the
    equations, checks the gradients and draws charts. Every computed cell is a
    formula: change an input, a weight or a learning rate in the workbook, and
    everything is recalculated.

    With -o FILE.html, write a web page that works offline and shows every step.

    Options that are left out keep the values of the exercise.

    With --blank, write a worksheet: the chosen columns are empty, and marks show which
    cells are right as you type. It has 3 iterations and one learning rate, unless
    --iterations and --lrs say otherwise.

    \b
    Examples:
      gradsheet sheet --lrs 0.1,0.2,0.5,0.8,1,2
      gradsheet sheet --targets 0.5,0.5 --iterations 1000 -o half.xlsx
      gradsheet sheet --exercise xor -o xor.xlsx
      gradsheet sheet --exercise mazur -o mazur.html
      gradsheet sheet --blank gradients,updates -o worksheet.xlsx
    """
    from backprop_sheet.exercise.exercise_file import load_exercise
    from gradsheet.files import check_suffix

    check_suffix(output, (".xlsx", ".html") if blank is None else (".xlsx",))
    lists = {
        "learning_rates": ("--lrs", lrs), "inputs": ("--inputs", inputs),
        "targets": ("--targets", targets), "weights": ("--weights", weights),
        "biases": ("--biases", biases),
    }  # fmt: skip
    loaded = load_exercise(exercise)
    if blank is not None:
        worksheet = WorksheetChoice(column_groups("--blank", blank), not no_marks, force)
        _write_worksheet(loaded, lists, iterations, worksheet, output)
        return
    if no_marks:
        raise Refused("--no-marks is for worksheets: use it with --blank")
    chosen = with_options(loaded, lists, iterations)
    if output.suffix.lower() == ".html":
        _write_page(chosen, output, force)
        return
    runs = _write_workbook(chosen, output, force)
    if lrs is not None and len(runs) < len(numbers_of("--lrs", lrs)):
        click.echo("Note: a repeated learning rate gets only one sheet.", err=True)


def _write_workbook(chosen: Exercise, output: Path, force: bool) -> list[Run]:
    """Write the workbook, and print the result of each learning rate."""
    from backprop_sheet import workbook
    from gradsheet.files import atomic_write

    workbook.check_size(chosen)
    rows = workbook.table_rows(chosen)
    is_large = len(chosen.training.learning_rates) * rows > 10_000
    ours = workbook.written_by_gradsheet
    with (
        progress_of(chosen.training.iterations + 1, "Writing", takes_long=is_large) as progress,
        atomic_write(output, force=force, is_replaceable=ours) as unfinished,
    ):
        runs = workbook.write_workbook(chosen, unfinished, progress=progress)
    click.echo("\n".join(_result_lines(runs, workbook.error_name(chosen))))
    if rows > workbook.CHART_ROWS:
        click.echo(f"The charts show the first {workbook.CHART_ROWS:,} of {rows:,} rows.")
    click.echo(printable(f"Written to {output}"))
    return runs


def _write_page(chosen: Exercise, output: Path, force: bool) -> None:
    from backprop_sheet.page.data import MAX_ITERATIONS
    from backprop_sheet.page.web_page import write_page
    from gradsheet.files import atomic_write
    from gradsheet.page.single_file import written_by_gradsheet as ours

    with atomic_write(output, force=force, is_replaceable=ours) as unfinished:
        size = write_page(chosen, unfinished)
    if (iterations := chosen.training.iterations) > MAX_ITERATIONS:
        click.echo(f"The page has the first {MAX_ITERATIONS:,} of {iterations:,} iterations.")
    click.echo(printable(f"Written to {output}: {size / 1000:,.0f} KB"))


def _write_worksheet(
    exercise: Exercise,
    lists: dict[str, tuple[str, str | None]],
    iterations: int | None,
    worksheet: WorksheetChoice,
    output: Path,
) -> None:
    from backprop_sheet import workbook
    from backprop_sheet.workbook.worksheet.writer import (
        DEFAULT_ITERATIONS,
        WorksheetOptions,
        write_worksheet,
    )
    from gradsheet.files import atomic_write

    chosen = with_options(exercise, lists, DEFAULT_ITERATIONS if iterations is None else iterations)
    if lists["learning_rates"][1] is None:
        training = replace(chosen.training, learning_rates=chosen.training.learning_rates[:1])
        chosen = replace(chosen, training=training)
    options = WorksheetOptions(worksheet.groups, worksheet.has_marks)
    ours = workbook.written_by_gradsheet
    with atomic_write(output, force=worksheet.force, is_replaceable=ours) as unfinished:
        blanks = write_worksheet(chosen, unfinished, options)
    click.echo(f"{count(blanks, 'cell')} to fill in")
    click.echo(printable(f"Written to {output}"))


def _result_lines(runs: Sequence[Run], error: str) -> list[str]:
    """Return a table with one row per learning rate: the first and last error, and how fast."""
    head = ("learning rate", f"first {error}", f"last {error}", f"iterations to {error} < 0.01")
    lines = ["  ".join(head)]
    for run in runs:
        reached = "not reached" if run.reached is None else f"{run.reached:,}"
        cells = (run.sheet.removeprefix("LR "), f"{run.first:.6g}", f"{run.last:.6g}", reached)
        columns = zip(cells, map(len, head), strict=True)
        lines.append("  ".join(f"{cell:>{width}}" for cell, width in columns))
    return lines
