"""gradsheet's commands: parse, call, print."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from common.errors import GradsheetError


class Refused(click.ClickException):
    """Bad use: one line, exit code 2."""

    exit_code = 2


class Commands(click.Group):
    """A group that tells usage errors, and jobs that failed, in one line."""

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
        except GradsheetError as error:
            shown = click.ClickException(str(error))
            shown.exit_code = error.exit_code
            raise shown from error


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


def _output_option(default: str) -> Callable[..., Any]:
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="Where to write it.",
    )


def _must_end_in(suffix: str, path: Path, what: str) -> None:
    if path.suffix.lower() != suffix and not path.is_dir():
        raise Refused(f"{what} {path} must end in {suffix}: that is the kind of file it will be")


@main.command()
@click.option(
    "--exercise",
    default="course",
    show_default=True,
    metavar="NAME|FILE.toml",
    help="A packaged exercise or a file.",
)
@click.option("--lrs", metavar="LIST", help="Learning rates; each gets a sheet.")
@click.option("--iterations", type=int, metavar="N", help="Rows 0 to N.")
@click.option("--inputs", metavar="i1,i2,...", help="Inputs, if the exercise has one sample.")
@click.option("--targets", metavar="t1,t2,...", help="Targets, if the exercise has one sample.")
@click.option("--weights", metavar="w1,w2,...", help="Weights at the start.")
@click.option("--biases", metavar="b1,b2,...", help="Biases at the start.")
@_output_option("backprop.xlsx")
@click.option("--force", is_flag=True, help="Replace a file that this tool did not write.")
def sheet(
    exercise: str,
    lrs: str | None,
    iterations: int | None,
    inputs: str | None,
    targets: str | None,
    weights: str | None,
    biases: str | None,
    output: Path,
    force: bool,
) -> None:
    """Write an exercise as a live workbook.

    Trains the exercise's network at several learning rates: a sheet for each rate
    with a row for each iteration (and sample), the equations explained, a check of
    the gradients, and charts. Every cell is a formula with its value: change an
    input, a weight or a learning rate in it, and everything follows.

    Options that are not given come from the exercise.

    \b
    Examples:
      python cli.py sheet --lrs 0.1,0.2,0.5,0.8,1,2
      python cli.py sheet --targets 0.5,0.5 --iterations 1000 -o half.xlsx
      python cli.py sheet --exercise xor -o xor.xlsx
    """
    given = {
        name: None if text is None else _numbers(text, f"--{option}")
        for name, option, text in (
            ("learning_rates", "lrs", lrs), ("inputs", "inputs", inputs),
            ("targets", "targets", targets), ("weights", "weights", weights),
            ("biases", "biases", biases),
        )
    }  # fmt: skip
    _must_end_in(".xlsx", output, "the output")

    from backprop_sheet.network.exercise import load_exercise

    chosen = load_exercise(exercise).with_values(**given, iterations=iterations)

    from backprop_sheet.workbook import (
        CHART_ROWS,
        check_size,
        error_name,
        table_rows,
        write_workbook,
        written_by_gradsheet,
    )
    from common.files import finished_file

    check_size(chosen)
    iterations, rows = chosen.training.iterations, table_rows(chosen)
    large = len(chosen.training.learning_rates) * rows > 10_000 and sys.stderr.isatty()
    try:
        with finished_file(output, force=force, ours=written_by_gradsheet) as unfinished:
            if large:
                with click.progressbar(
                    length=iterations + 1, label="Writing", file=sys.stderr, update_min_steps=50
                ) as bar:
                    runs = write_workbook(chosen, unfinished, progress=lambda: bar.update(1))
            else:
                runs = write_workbook(chosen, unfinished)
    except KeyboardInterrupt:
        click.echo("Stopped: nothing was written.", err=True)
        sys.exit(130)

    if given["learning_rates"] and len(runs) < len(given["learning_rates"]):
        click.echo("Note: repeated learning rates are merged; each has one sheet.", err=True)
    error = error_name(chosen)
    head = ("learning rate", f"first {error}", f"last {error}", f"iterations to {error} < 0.01")
    click.echo("  ".join(head))
    for run in runs:
        reached = "-" if run.reached is None else f"{run.reached:,}"
        cells = (run.sheet.removeprefix("LR "), f"{run.first:.6g}", f"{run.last:.6g}", reached)
        columns = zip(cells, map(len, head), strict=True)
        click.echo("  ".join(f"{cell:>{width}}" for cell, width in columns))
    if rows > CHART_ROWS:
        click.echo(f"The charts show the first {CHART_ROWS:,} of {rows:,} rows.")
    click.echo(f"Written to {output}")


@main.command()
@click.argument(
    "workbooks", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="WORKBOOK..."
)
@click.option(
    "--exercise",
    metavar="NAME|FILE.toml",
    help="The exercise that the tables are of.  [default: the packaged one that fits]",
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-6,
    show_default=True,
    help="Largest relative difference that is still right.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object per table.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.xlsx|FILE.csv",
    help="Write a report of all submissions.",
)
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write a copy of each judged workbook with its wrong cells marked.",
)
@click.option("--force", is_flag=True, help="Replace files that this tool did not write.")
@click.option("--jobs", type=int, help="Workbooks audited at a time.  [default: all cores]")
def check(
    workbooks: tuple[Path, ...],
    exercise: str | None,
    tolerance: float,
    as_json: bool,
    report: Path | None,
    annotate: Path | None,
    force: bool,
    jobs: int | None,
) -> None:
    """Audit anybody's workbooks of an exercise, cell by cell.

    Finds every table of the exercise, whatever its headers and layout. Each cell is
    judged from the other cells of its row, so that a mistake is reported where it is
    made. A folder means the workbooks in it and below it.

    Exit code: 0 all right, 1 something wrong or incomplete, 2 a file or table that
    could not be judged.

    \b
    Examples:
      python cli.py check backprop.xlsx
      python cli.py check mine.xlsx --annotate marked/
      python cli.py check submissions/ --report marks.xlsx --annotate marked/
      python cli.py check submissions/ --json > marks.json
    """
    import math

    if not (math.isfinite(tolerance) and 0 <= tolerance < 1):
        raise Refused(f"--tolerance must be at least 0 and below 1, got {tolerance}")
    if jobs is not None and jobs < 1:
        raise Refused(f"--jobs must be 1 or more, got {jobs}")
    if report is not None and report.suffix.lower() not in (".xlsx", ".csv"):
        raise Refused(f"--report {report} must end in .xlsx or .csv")

    import contextlib
    import functools
    import json

    from tqdm import tqdm

    from backprop_sheet.audit.batch import available_cores, find_workbooks, run_batch
    from backprop_sheet.audit.class_report import ClassReport, written_by_gradsheet
    from backprop_sheet.audit.results import VERDICTS
    from backprop_sheet.audit.text_report import as_text, printable, summary_lines
    from backprop_sheet.audit.workbook_audit import out_of_memory
    from backprop_sheet.network.exercise import load_exercise
    from common.files import finished_file

    files = find_workbooks(workbooks)
    if not files:
        raise Refused(f"no workbook (.xlsx) in {', '.join(str(path) for path in workbooks)}")
    if report is not None and report.resolve() in {path.resolve() for path in files}:
        raise Refused(f"the report would replace {report}, which is to be checked: name another")
    given = None if exercise is None else load_exercise(exercise)
    if annotate is None:
        from backprop_sheet.audit.workbook_audit import audit_workbook

        job = functools.partial(audit_workbook, exercise=given, tolerance=tolerance)
    else:
        from backprop_sheet.audit.annotation.copies import CopyPlan, audit_and_annotate

        plan = CopyPlan.of(annotate, workbooks, files, force=force)
        job = functools.partial(audit_and_annotate, exercise=given, tolerance=tolerance, plan=plan)
    collected = ClassReport(workbooks)
    copies: list[Path] = []
    failed = stopped = False
    separator = "[\n"
    bar = tqdm(
        run_batch(job, files, jobs=jobs or available_cores(), out_of_memory=out_of_memory),
        total=len(files),
        unit="workbook",
        file=sys.stderr,
        disable=len(files) < 2 or not sys.stderr.isatty(),
    )
    with contextlib.ExitStack() as stack:
        if report is not None:
            unfinished = stack.enter_context(
                finished_file(report, force=force, ours=written_by_gradsheet)
            )
        try:
            for result in bar:
                collected.add(result)
                for problem in result.problems:
                    bar.write(f"Error: {_problem_line(result.path, problem)}", file=sys.stderr)
                for table in result.tables:
                    if as_json:
                        written = json.dumps(table.to_json())
                        bar.write(f"{separator}  {written}", file=sys.stdout, end="")
                        separator = ",\n"
                    else:
                        bar.write(as_text(table), file=sys.stdout)
                if result.copy is not None:
                    copies.append(result.copy)
                if result.copy_problem:
                    failed = True
                    line = printable(f"{result.path} has no annotated copy: {result.copy_problem}")
                    bar.write(f"Error: {line}", file=sys.stderr)
        except KeyboardInterrupt:
            bar.close()
            stopped = True
            click.echo("Stopped: the workbooks after this were not judged.", err=True)
        if report is not None:
            collected.write(unfinished, report.suffix.lower())
    if as_json:
        click.echo("[]" if separator == "[\n" else "\n]")
    elif len(files) > 1 or len(collected.marks) > 1:
        click.echo("\n" + "\n".join(summary_lines(collected, len(files))))
    if copies:
        where = copies[0] if len(files) == 1 else f"{annotate} ({_count(len(copies), 'file')})"
        click.echo(f"Annotated: {where}", err=as_json)
    if report is not None:
        click.echo(f"Report: {report}", err=as_json)
    verdicts = {mark.verdict for mark in collected.marks}
    if stopped or not verdicts <= set(VERDICTS):
        sys.exit(2)
    if failed or verdicts != {"right"}:
        sys.exit(1)


def _problem_line(path: Path, problem: Any) -> str:
    from backprop_sheet.audit.text_report import printable

    if not problem.other_network:
        return printable(f"{path} {problem.text}")
    return printable(
        f"{path} [{problem.sheet}] could not be judged: looks like another network "
        f"({problem.text}); describe it with --exercise"
    )


@main.command()
@click.argument("name", required=False)
def exercises(name: str | None) -> None:
    """List the packaged exercises, or print the file of one.

    An exercise is a small network, its samples and how it is trained, in one TOML
    file. Print one to start your own from; sheet, equations and check take it.

    \b
    Examples:
      python cli.py exercises
      python cli.py exercises xor > mine.toml
      python cli.py sheet --exercise mine.toml
    """
    from backprop_sheet.network.exercise import load_exercise, packaged_exercises, packaged_file

    names = packaged_exercises()
    if name is not None:
        if name not in names:
            raise Refused(f"there is no exercise {name!r}: the exercises are {', '.join(names)}")
        click.echo(packaged_file(name).read_bytes(), nl=False)  # as it is, whatever the terminal
        return
    longest = max(map(len, names))
    for one in names:
        click.echo(f"{one:<{longest}}  {load_exercise(one).title}")


@main.command()
@click.option(
    "--exercise",
    default="course",
    show_default=True,
    metavar="NAME|FILE.toml",
    help="A packaged exercise, or a file.",
)
@click.option("--iteration", type=int, metavar="N", help="Put in the numbers of this iteration.")
@click.option(
    "--sample", type=int, metavar="K", help="The sample whose numbers are put in.  [default: 1]"
)
@click.option(
    "--lr",
    type=float,
    metavar="RATE",
    help="Learning rate of the numbers.  [default: the exercise's first]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to a .md, .tex or .txt file instead of printing.",
)
@click.option("--force", is_flag=True, help="Replace a file that this tool did not write.")
def equations(
    exercise: str,
    iteration: int | None,
    sample: int | None,
    lr: float | None,
    output: Path | None,
    force: bool,
) -> None:
    """Derive the equations of an exercise, step by step.

    Prints the forward pass, the error, the backward pass with the chain rule in
    full, and the update, each step explained. With --iteration, every line also
    has that iteration's numbers: the worked solution.

    \b
    Examples:
      python cli.py equations --exercise mazur --iteration 0
      python cli.py equations --exercise xor --iteration 10 --sample 3
      python cli.py equations --exercise softmax -o derivation.tex
    """
    for option, value in (("--sample", sample), ("--lr", lr)):
        if value is not None and iteration is None:
            raise Refused(f"{option} chooses the numbers to put in: give --iteration too")

    from backprop_sheet.network.derivation import derive, iteration_values
    from backprop_sheet.network.derivation_documents import (
        as_document,
        as_text,
        check_suffix,
        written_by_gradsheet,
    )
    from backprop_sheet.network.equations import EquationSystem
    from backprop_sheet.network.exercise import load_exercise
    from common.files import finished_file

    if output is not None:
        check_suffix(output)
    loaded = load_exercise(exercise)
    system = EquationSystem.of(loaded)
    values = None
    if iteration is not None:
        hidden = iteration < 10_000 or not sys.stderr.isatty()
        try:
            with click.progressbar(
                length=iteration + 2, label="Training", file=sys.stderr, hidden=hidden,
                update_min_steps=1000,
            ) as bar:  # fmt: skip
                values = iteration_values(
                    loaded, system, iteration, sample, lr, progress=lambda: bar.update(1)
                )
        except KeyboardInterrupt:
            click.echo("Stopped: nothing was written.", err=True)
            sys.exit(130)
    derivation = derive(loaded, system, values)
    if output is None:
        click.echo(as_text(derivation), nl=False)
        return
    with finished_file(output, force=force, ours=written_by_gradsheet) as unfinished:
        unfinished.write_bytes(as_document(derivation, output).encode())
    click.echo(f"Written to {output}")


@main.command()
def summary() -> None:
    """Print the network of the digit reader, layer by layer.

    \b
    Example:
      python cli.py summary
    """
    from keras_model.training import prepare_backend

    prepare_backend("cpu")
    from keras_model.network import build_network, parameters, running_statistics, table

    network = build_network(seed=1)
    click.echo(f"{'layer':<32}{'output':>12}{'trainable':>12}")
    for layer, shape, count in table(network):
        click.echo(f"{layer:<32}{shape:>12}{count:>12}")
    trainable, running = parameters(network), running_statistics(network)
    click.echo(f"{'trainable':<44}{trainable:>12,}")
    click.echo(
        f"\nKeras counts {trainable + running:,}: the {running} running means and variances of "
        "BatchNorm\nbesides, which are measured, not trained. The original does not count them, "
        "nor\ndoes its limit of 20,000. MaxPool 4×4 makes 3 of 14 with a stride of 4; two rows\n"
        "and columns at the edge are left out."
    )


_DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="MNIST: an .npz in Keras' layout, or a folder with the four IDX files.",
)


def _recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide how a network is trained."""
    for option in reversed(
        (
            click.option(
                "--recipe",
                default="best",
                show_default=True,
                metavar="NAME",
                help="best, seed (the original's) or sprint (fewest seconds to 99 %).",
            ),
            click.option("--epochs", type=int, help="Instead of the recipe's."),
            click.option("--batch-size", type=int, help="Instead of the recipe's."),
            click.option("--lr", type=float, help="Learning rate, instead of the recipe's."),
            click.option("--momentum", type=float, help="Instead of the recipe's."),
            click.option("--seed", type=int, default=1, show_default=True, help="Of all chance."),
            _DEVICE,
            _DATA,
        )
    ):
        command = option(command)
    return command


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _recipe(name: str, **changes: Any) -> Any:
    from keras_model.recipe import RECIPES

    if name not in RECIPES:
        raise Refused(f"there is no recipe {name!r}: the recipes are {', '.join(RECIPES)}")
    try:
        return RECIPES[name].changed(**changes)
    except ValueError as error:
        raise Refused(str(error)) from error


def _digits(data: Path | None) -> Any:
    from keras_model.mnist import DataError, load_digits

    try:
        return load_digits(data, say=lambda words: click.echo(words, err=True))
    except DataError as error:
        raise Refused(str(error)) from error


def _network(model: Path, before: Callable[[], Any] = lambda: None) -> tuple[Any, Any]:
    """A saved digit reader on the CPU, and what ``before`` gave, which is called first."""
    if not model.is_file():
        raise Refused(f"there is no model {model}")
    from keras_model.training import load_network, prepare_backend

    prepare_backend("cpu")
    given = before()
    return load_network(model), given


@main.command()
@_recipe_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the run.  [default: runs/<recipe>-<time>]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--force", is_flag=True, help="Replace the run in --out.")
@click.option("--deterministic", is_flag=True, help="The same numbers each time; slower.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs into the folder too.")
@click.pass_context
def train(
    context: click.Context,
    recipe: str,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    momentum: float | None,
    seed: int,
    device: str,
    data: Path | None,
    out: Path | None,
    resume: bool,
    force: bool,
    deterministic: bool,
    tensorboard: bool,
) -> None:
    """Train the digit reader: 19,848 parameters, on MNIST.

    Takes the digits from --data (or the variable GRADSHEET_DATA), from Keras' cache, from Keras'
    download, or, without a network, from the sample of 5,000 inside the package. Each epoch is
    kept as it ends; after a stop of any kind, --resume goes on.

    \b
    Examples:
      python cli.py train
      python cli.py train --recipe seed --data mnist.npz --out runs/original
      python cli.py train --resume --out runs/original
    """
    changes = {
        "epochs": epochs, "batch_size": batch_size, "learning_rate": lr, "momentum": momentum,
    }  # fmt: skip
    chosen = _recipe(recipe, **changes)
    if not 0 <= seed < 2**31:
        raise Refused(f"--seed must be from 0 to {2**31 - 1}, and {seed} is not")
    if resume and out is None:
        raise Refused("--resume needs --out: the folder of the run to go on with")
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise Refused("--tensorboard needs the package tensorboard: pip install tensorboard")
    if resume and force:
        raise Refused("--resume goes on with a run, --force replaces it: give one of them")

    import time

    from keras_model.training import (
        Plan,
        Run,
        device_name,
        holds_run,
        prepare_backend,
        saved_plan,
    )

    out = out or Path("runs") / f"{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    if not resume and out.is_dir() and holds_run(out) and not force:
        raise click.ClickException(
            f"{out} holds another run: go on with it (--resume), replace it (--force), or name "
            "another folder"
        )
    prepare_backend(device)
    try:
        digits = _digits(data)
        plan = Plan(chosen, seed, digits.name, deterministic)
        if resume:
            plan = _resumed(context, saved_plan(out), plan)
        device = device_name(device)
        out.mkdir(parents=True, exist_ok=True)
        run = Run(plan, digits, out, device=device, resume=resume)
    except OSError as error:
        raise click.ClickException(f"cannot make {out}: {error.strerror}") from error

    click.echo(
        f"{plan.recipe.name}: {_count(plan.recipe.epochs, 'epoch')} on {digits.name} "
        f"({len(digits.x_train):,} to learn, {len(digits.x_test):,} to test), on the {device}"
    )
    if resume and run.is_finished:
        click.echo("This run is finished: nothing is left to train.")
    elif resume and run.history:
        click.echo(f"Going on after epoch {len(run.history)}.")
    interrupted = False
    try:
        with _Epochs(plan.recipe.epochs, run.steps) as shown:
            run.train(
                on_batch=shown.batch,
                on_epoch=shown.epoch,
                callbacks=_tensorboard(out) if tensorboard else [],
            )
    except KeyboardInterrupt:
        interrupted = True
    if run.history:
        tested = run.finish()
        click.echo(f"{tested.line()} after {_count(len(run.history), 'epoch')}; kept in {out}")
    if interrupted:
        click.echo(
            f"Stopped after epoch {len(run.history)}. To go on: "
            f"python cli.py train --resume --out {out}" + (f" --data {data}" if data else ""),
            err=True,
        )
        sys.exit(130)


def _resumed(context: click.Context, saved: Any, asked: Any) -> Any:
    """The plan of a run to go on with; options that were given must agree with it."""
    given = {
        name
        for name in ("recipe", "epochs", "batch_size", "lr", "momentum", "seed", "deterministic")
        if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
    }
    if "recipe" in given and saved.recipe.name != asked.recipe.name:
        raise Refused(
            f"the run to go on with has the recipe {saved.recipe.name}, not {asked.recipe.name}: "
            "leave the option out, or start a new run"
        )
    names = {"lr": "learning_rate"}
    for name in given - {"recipe"}:
        where = (
            (saved, asked) if name in ("seed", "deterministic") else (saved.recipe, asked.recipe)
        )
        old, new = (getattr(part, names.get(name, name)) for part in where)
        if old != new:
            raise Refused(
                f"the run to go on with has {name.replace('_', '-')} {old}, not {new}: leave "
                "the option out, or start a new run"
            )
    if saved.data != asked.data:
        raise Refused(
            f"the run to go on with was on other digits ({saved.data}): give them with --data"
        )
    return saved


def _tensorboard(folder: Path) -> list[Any]:
    import keras

    # The graph would be that of the layers that training is made fast by.
    return [keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)]


def _bar(total: int, words: str = "") -> Any:
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=words,
        file=sys.stderr,
        leave=False,
        bar_format="{desc} {percentage:3.0f}% |{bar:20}| {remaining} left{postfix}",
    )


class _Epochs:
    """A progress bar an epoch in a terminal, a line an epoch in a pipe."""

    def __init__(self, epochs: int, steps: int) -> None:
        self.epochs, self.steps, self.bar = epochs, steps, None
        self.live = sys.stderr.isatty()

    def __enter__(self) -> _Epochs:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def batch(self, epoch: int, batch: int, figures: dict[str, float]) -> None:
        if not self.live:
            return
        if self.bar is None:
            self.bar = _bar(self.steps, f"Epoch {epoch}/{self.epochs}")
        figures = {name: f"{figures[name]:.4f}" for name in ("loss", "accuracy") if name in figures}
        self.bar.set_postfix(figures, refresh=False)
        self.bar.update()

    def epoch(self, row: Any, tested: Any) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        click.echo(
            f"Epoch {row.epoch}/{self.epochs}: {row.seconds:.1f} s, loss {row.loss:.4f}, "
            f"accuracy {row.accuracy:.2%}" + ("\n" if self.live else "; ") + tested.line()
        )


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@_DATA
def evaluate(model: Path, data: Path | None) -> None:
    """Test a trained digit reader: accuracy, each class, the confusion matrix.

    \b
    Example:
      python cli.py evaluate runs/best/model.keras --data mnist.npz
    """
    network, known = _network(model, lambda: _digits(data))
    from keras_model.report import class_table, confusion
    from keras_model.training import score

    tested = score(network, known.x_test, known.y_test)
    click.echo(f"{known.name}: {len(known.x_test):,} digits to test")
    if known.is_sample:
        click.echo(
            "These are of MNIST's training digits: a network that was trained on all of them\n"
            "knows them already. To test it, give the whole MNIST with --data."
        )
    click.echo(tested.line())
    click.echo("\ndigit  there  precision   recall")
    for digit, there, precision, recall in class_table(tested.logits, known.y_test):
        click.echo(f"{digit:>5}{there:>7}{precision:>11.2%}{recall:>9.2%}")
    click.echo("\nis \\ read as" + "".join(f"{digit:>6}" for digit in range(10)))
    for digit, row in enumerate(confusion(tested.logits, known.y_test)):
        click.echo(f"{digit:>12}" + "".join(f"{count or '.':>6}" for count in row))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@_output_option("digits.xlsx")
@_DATA
@click.option(
    "--samples", type=int, default=20, show_default=True, metavar="N", help="Digits in its gallery."
)
@click.option("--force", is_flag=True, help="Replace a file that this tool did not write.")
def digits(model: Path, output: Path, data: Path | None, samples: int, force: bool) -> None:
    """Write a trained network as a live workbook or as a web page.

    The suffix of the output decides. In the workbook (.xlsx), every weight is typed once and all
    else is a formula. The page (.html) is one file that works offline in any browser: draw a digit
    and see the answer and every layer. Both have a gallery of test digits of --data.

    \b
    Examples:
      python cli.py digits runs/best/model.keras
      python cli.py digits model.keras -o reader.html
      python cli.py digits model.keras --data mnist.npz --samples 50 -o reader.xlsx
    """
    suffix = output.suffix.lower()
    if suffix not in (".xlsx", ".html") and not output.is_dir():
        raise Refused(
            f"the output {output} must end in .xlsx for a workbook or .html for a web page"
        )
    from common.files import finished_file
    from keras_model.spreadsheet import check_samples, is_ours, pick_samples, write_digits
    from keras_model.web_page import write_page, written_by_gradsheet
    from keras_model.weights import OtherNetworkError, weights_of

    is_page = suffix == ".html"
    try:
        check_samples(samples)
        network, known = _network(model, lambda: _digits(data))
        picked = pick_samples(known.y_test, samples)
        weights = weights_of(network)
        images, labels = known.x_test[picked], known.y_test[picked]
        ours = written_by_gradsheet if is_page else is_ours
        with finished_file(output, force=force, ours=ours) as unfinished:
            if is_page:
                size = write_page(weights, images, labels, known.name, unfinished)
                what = f"{size / 1000:,.0f} KB"
            else:
                what = f"{write_digits(weights, images, labels, unfinished):,} formulas"
    except ValueError as error:
        raise Refused(str(error)) from error
    except OtherNetworkError as error:
        kind = "web page" if is_page else "workbook"
        raise click.ClickException(f"{model} cannot become a {kind}: {error}") from error
    click.echo(f"Written to {output}: {what}; in its gallery {samples} digits ({known.name}).")


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURE..."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list, an object a picture.")
@click.option(
    "--show",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a PNG of the pictures beside what the network saw.",
)
@click.option("--force", is_flag=True, help="--show may replace a file that it did not write.")
def predict(
    model: Path, pictures: tuple[Path, ...], as_json: bool, show: Path | None, force: bool
) -> None:
    """Read pictures of digits, one digit each: PNG or JPEG.

    Any size, dark on light or light on dark, transparent, off-centre, a photo of a pen stroke: each
    is brought to MNIST's form first. What cannot be read is named, and the others are read.

    Exit code: 0 all read, 1 some picture could not be read, 2 bad use.

    \b
    Examples:
      python cli.py predict model.keras seven.png photo.jpg
      python cli.py predict model.keras *.png --show seen.png --json
    """
    if show is not None:
        _must_end_in(".png", show, "--show")
    import json

    from keras_model.pictures import PictureError, draw_seen, read_picture

    network, _ = _network(model)
    from keras_model.reading import read_digits

    seen: list[tuple[Path, Any]] = []
    for path in pictures:
        try:
            seen.append((path, read_picture(path)))
        except PictureError as error:
            click.echo(f"Error: {path} {error}", err=True)
    readings = read_digits(network, [digit for _, digit in seen]) if seen else []
    files = [str(path) for path, _ in seen]
    if as_json:
        results = [
            {
                "file": file,
                "digit": reading.digit,
                "probability": reading.probability,
                "probabilities": reading.probabilities,
            }
            for file, reading in zip(files, readings, strict=True)
        ]
        click.echo(json.dumps(results, indent=2))
    elif files:
        width = max(len("file"), *map(len, files))
        click.echo(f"{'file':<{width}}  digit  probability  runner-up")
        for file, reading in zip(files, readings, strict=True):
            second = f"{reading.runner_up} ({reading.probabilities[reading.runner_up]:.1%})"
            click.echo(
                f"{file:<{width}}  {reading.digit:>5}  {reading.probability:>11.1%}  {second}"
            )
    if show is not None and files:
        told = [f"{reading.digit} ({reading.probability:.0%})" for reading in readings]
        draw_seen([(*one, words) for one, words in zip(seen, told, strict=True)], show, force)
    if len(seen) < len(pictures):
        sys.exit(1)


@main.command()
@click.option(
    "--batch-sizes",
    default="32,64,128,256",
    show_default=True,
    metavar="LIST",
    help="Each is a training of its own.",
)
@click.option("--seeds", type=int, default=1, show_default=True, help="Trainings of each size.")
@click.option("--recipe", default="seed", show_default=True, metavar="NAME", help="As in train.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--lr", type=float, help="At the recipe's batch size, instead of the recipe's.")
@click.option(
    "--same-lr", is_flag=True, help="The same learning rate for all; else it goes with the size."
)
@_DEVICE
@_DATA
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/sweep"),
    show_default=True,
    metavar="DIR",
    help="Folder of the sweep; what is finished in it is kept.",
)
def sweep(
    batch_sizes: str,
    seeds: int,
    recipe: str,
    epochs: int | None,
    lr: float | None,
    same_lr: bool,
    device: str,
    data: Path | None,
    out: Path,
) -> None:
    """Train at several batch sizes, and compare: the original's experiment.

    The learning rate goes with the batch size (twice the batch, twice the rate; the recipe's own
    at the recipe's own size), or stays with --same-lr. Started again, it keeps what is finished and
    goes on where it was. Writes sweep.csv, sweep.xlsx and sweep.png.

    \b
    Examples:
      python cli.py sweep --data mnist.npz
      python cli.py sweep --batch-sizes 64,512 --seeds 3 --recipe best --out runs/large
    """
    sizes = list(dict.fromkeys(_numbers(batch_sizes, "--batch-sizes")))
    if any(size != int(size) for size in sizes):
        raise Refused(f"--batch-sizes: {batch_sizes!r} has a size that is not a whole number")
    if not 1 <= seeds <= 1000:
        raise Refused(f"--seeds must be from 1 to 1,000, and {seeds} is not")
    base = _recipe(recipe, epochs=epochs, learning_rate=lr)

    from keras_model.sweep import (
        TABLE_HEAD,
        at_batch_size,
        finished,
        run_folder,
        table,
        write_reports,
    )

    try:
        recipes = [at_batch_size(base, int(size), same_lr=same_lr) for size in sizes]
    except ValueError as error:
        raise Refused(str(error)) from error

    from keras_model.training import Plan, device_name, prepare_backend, train_run

    prepare_backend(device)
    known = _digits(data)
    device = device_name(device)
    plans = [Plan(one, seed, known.name) for one in recipes for seed in range(1, seeds + 1)]
    results, failed = [], []
    folders = [run_folder(out, plan.recipe.batch_size, plan.seed) for plan in plans]
    try:  # before any training, so that nothing is mixed with another sweep's runs
        kept = list(map(finished, folders, plans))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{base.name}: {_count(len(plans), 'training')} of {_count(base.epochs, 'epoch')} on "
        f"{known.name}, on the {device}"
    )
    try:
        with _Whole(len(plans) * base.epochs) as shown:
            for plan, folder, result in zip(plans, folders, kept, strict=True):
                name = f"batch size {plan.recipe.batch_size}, seed {plan.seed}"
                if result is not None:
                    shown.tell(f"{name}: kept, {result.row.accuracy:.2%}")
                    shown.passed(base.epochs)
                    results.append(result)
                    continue
                try:
                    train_run(plan, known, folder, device=device, on_epoch=shown.epoch(name))
                    result = finished(folder, plan)
                except (GradsheetError, ValueError, OSError) as error:
                    failed.append(f"{name}: {error}")
                    shown.tell(f"Error: {failed[-1]}")
                    continue
                shown.tell(f"{name}: {result.row.accuracy:.2%}")
                results.append(result)
                write_reports(results, out)
        if any(kept):
            write_reports(results, out)
    except KeyboardInterrupt:
        click.echo("Stopped; the same command goes on where it was.", err=True)
        sys.exit(130)
    if results:
        lines = [TABLE_HEAD, *table(results)]
        for line in lines:
            click.echo("".join(f"{cell:>11}" for cell in line))
        click.echo(f"Kept in {out}: sweep.csv, sweep.xlsx, sweep.png")
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(plans)} failed: " + "; ".join(failed))


class _Whole:
    """One progress line for a whole sweep: a bar in a terminal, a line an epoch in a pipe."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.done, self.bar = epochs, 0, None

    def __enter__(self) -> _Whole:
        if sys.stderr.isatty():
            self.bar = _bar(self.epochs)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def tell(self, words: str) -> None:
        """A line that stays."""
        if self.bar is not None:
            self.bar.write(words, file=sys.stdout)
        else:
            click.echo(words)

    def passed(self, epochs: int) -> None:
        """So many epochs are done."""
        self.done += epochs
        if self.bar is not None:
            self.bar.update(epochs)

    def epoch(self, name: str) -> Callable[[Any], None]:
        """What to call after each epoch of the training of that name."""

        def after(row: Any) -> None:
            self.passed(1)
            words = f"{name}, epoch {row.epoch}: {row.test_accuracy:.2%}"
            if self.bar is not None:
                self.bar.set_description_str(words)
            else:
                click.echo(f"{words} ({self.done}/{self.epochs})")

        return after


if __name__ == "__main__":
    main()
