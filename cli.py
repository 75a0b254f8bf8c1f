"""gradsheet's commands: parse, call, print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class Refused(click.ClickException):
    """Bad use: one line, exit code 2."""

    exit_code = 2


class Commands(click.Group):
    """A group whose usage errors are one line too, without the usage text above it."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        # Bad input may hold characters that the terminal cannot show; a refusal must not fail.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the group's own options."""
        return self._in_one_line(super().make_context, *args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run the command."""
        return self._in_one_line(super().invoke, ctx)

    @staticmethod
    def _in_one_line(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except click.UsageError as error:
            if not isinstance(error, click.exceptions.NoArgsIsHelpError):
                error.ctx = None
            raise


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
def main() -> None:
    """Backpropagation you can read cell by cell, and a digit reader under 20k parameters."""


def _numbers(text: str, what: str) -> tuple[float, ...]:
    """``0.1,0.2`` as numbers; a list that is empty, or has something else in it, is refused."""
    if not text.strip():
        raise Refused(f"{what}: the list is empty; write numbers with commas: 0.1,0.2")
    numbers = []
    for part in text.split(","):
        try:
            if "_" in part:  # float() reads 1_0 as 10
                raise ValueError
            numbers.append(float(part))
        except ValueError:
            raise Refused(
                f"{what}: {part.strip()!r} in {text!r} is not a number; "
                "write numbers with commas between them: 0.1,0.2"
            ) from None
    return tuple(numbers)


@main.command()
@click.option(
    "--lrs",
    default="0.1,0.2,0.5,0.8,1,2",
    show_default=True,
    metavar="LIST",
    help="Learning rates; each gets a sheet.",
)
@click.option(
    "--iterations", type=int, default=100, show_default=True, metavar="N", help="Rows 0 to N."
)
@click.option("--inputs", default="0.05,0.1", show_default=True, metavar="i1,i2", help="Inputs.")
@click.option("--targets", default="0.01,0.99", show_default=True, metavar="t1,t2", help="Targets.")
@click.option(
    "--weights",
    default="0.15,0.2,0.25,0.3,0.4,0.45,0.5,0.55",
    show_default=True,
    metavar="w1,...,w8",
    help="Weights at the start.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="backprop.xlsx",
    show_default=True,
    help="Where to write it.",
)
@click.option("--force", is_flag=True, help="Replace a file that this tool did not write.")
def sheet(
    lrs: str,
    iterations: int,
    inputs: str,
    targets: str,
    weights: str,
    output: Path,
    force: bool,
) -> None:
    """Write the exercise as a live workbook.

    Gradient descent on the 2-2-2 network at several learning rates: a sheet for
    each rate with a row for each iteration, the equations explained, and charts.
    Every cell is a formula with its value: change an input, a weight or a
    learning rate in it, and everything follows.

    \b
    Examples:
      python cli.py sheet --lrs 0.1,0.2,0.5,0.8,1,2
      python cli.py sheet --targets 0.5,0.5 --iterations 1000 -o half.xlsx
    """
    given = [
        _numbers(text, f"--{what}")
        for what, text in (
            ("lrs", lrs), ("inputs", inputs), ("targets", targets), ("weights", weights),
        )
    ]  # fmt: skip
    if output.suffix.lower() != ".xlsx" and not output.is_dir():
        raise Refused(f"the output {output} must end in .xlsx: that is the kind of file it will be")

    from backprop_sheet.descent import Problem, checked_learning_rates
    from backprop_sheet.workbook import CHART_ROWS, check_size, is_ours, write_workbook
    from common.files import CannotWriteError, finished_file

    try:
        rates, problem = checked_learning_rates(given[0]), Problem(*given[1:])
        check_size(rates, iterations)
    except ValueError as error:
        raise Refused(str(error)) from error
    large = len(rates) * iterations > 10_000 and sys.stderr.isatty()
    try:
        with finished_file(output, force=force, ours=is_ours) as unfinished:
            if large:
                with click.progressbar(
                    length=iterations + 1, label="Writing", file=sys.stderr, update_min_steps=50
                ) as bar:
                    runs = write_workbook(
                        problem, rates, iterations, unfinished, progress=lambda: bar.update(1)
                    )
            else:
                runs = write_workbook(problem, rates, iterations, unfinished)
    except CannotWriteError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Stopped: nothing was written.", err=True)
        sys.exit(130)

    if len(runs) < len(given[0]):
        click.echo("Note: repeated learning rates are merged; each has one sheet.", err=True)
    click.echo("learning rate  first E_total  last E_total  iterations to E_total < 0.01")
    for run in runs:
        reached = "-" if run.reached is None else f"{run.reached:,}"
        rate = run.sheet.removeprefix("LR ")
        click.echo(f"{rate:>13}  {run.first:>13.6g}  {run.last:>12.6g}  {reached:>28}")
    if iterations + 1 > CHART_ROWS:
        click.echo(f"The charts show the first {CHART_ROWS:,} of {iterations + 1:,} rows.")
    click.echo(f"Written to {output}")


@main.command()
@click.argument(
    "workbooks", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="WORKBOOK..."
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-6,
    show_default=True,
    help="The largest relative difference that is still right.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object a table.")
@click.option("--jobs", type=int, help="Workbooks judged at a time.  [default: all cores]")
def check(workbooks: tuple[Path, ...], tolerance: float, as_json: bool, jobs: int | None) -> None:
    """Judge anybody's workbooks of the exercise, cell by cell.

    Every table of the exercise is found, whatever its headers and wherever it stands. Each cell is
    judged from its own row, so that a mistake is named where it is made. A folder means the
    workbooks in it and below it.

    Exit code: 0 all right, 1 something wrong or incomplete, 2 a file that could not be judged.

    \b
    Examples:
      python cli.py check backprop.xlsx
      python cli.py check submissions/ --json > marks.json
    """
    import math

    if not (math.isfinite(tolerance) and 0 <= tolerance < 1):
        raise Refused(f"--tolerance must be a number from 0 to below 1, and {tolerance} is not")
    if jobs is not None and jobs < 1:
        raise Refused(f"--jobs must be 1 or more, and {jobs} is not")

    import dataclasses
    import json

    from tqdm import tqdm

    from backprop_sheet.judgement_text import as_text
    from backprop_sheet.pile import available_cores, judge_pile
    from backprop_sheet.pile import workbooks as find_workbooks
    from backprop_sheet.reading import CannotJudgeError

    files = find_workbooks(workbooks)
    if not files:
        raise Refused(f"no workbook (.xlsx) in {', '.join(str(path) for path in workbooks)}")
    verdicts = {"right": 0, "wrong": 0, "incomplete": 0}
    unjudged = 0
    separator = "[\n"
    bar = tqdm(
        judge_pile(files, tolerance=tolerance, jobs=jobs or available_cores()),
        total=len(files),
        unit="workbook",
        file=sys.stderr,
        disable=len(files) < 2 or not sys.stderr.isatty(),
    )
    try:
        for path, result in bar:
            if isinstance(result, CannotJudgeError):
                unjudged += 1
                bar.write(f"Error: {path} {result}", file=sys.stderr)
                continue
            for judgement in result:
                verdicts[judgement.verdict] += 1
                if as_json:
                    written = json.dumps(dataclasses.asdict(judgement))
                    bar.write(f"{separator}  {written}", file=sys.stdout, end="")
                    separator = ",\n"
                else:
                    bar.write(as_text(judgement), file=sys.stdout)
    except KeyboardInterrupt:
        bar.close()
        click.echo("Stopped: the workbooks after this were not judged.", err=True)
        unjudged += 1
    if as_json:
        click.echo("[]" if separator == "[\n" else "\n]")
    elif sum(verdicts.values()) + unjudged > 1:
        counts = [f"{count} {verdict}" for verdict, count in verdicts.items() if count]
        counts += [f"{unjudged} could not be judged"] if unjudged else []
        tables = sum(verdicts.values())
        click.echo(f"\n{len(files)} files, {tables} tables: {', '.join(counts)}")
    if unjudged:
        sys.exit(2)
    if verdicts["wrong"] or verdicts["incomplete"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
