"""gradsheet's commands: parse, call, print."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from pathlib import Path

    folder = str(Path(__file__).resolve().parent)
    if folder not in sys.path:  # with Python's options -I and -P
        sys.path.insert(0, folder)

    from gradsheet.signals import handle_signals

    handle_signals()  # first, so that Ctrl-C during the imports is quiet, too

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import click
except ModuleNotFoundError:
    sys.exit("Error: gradsheet needs click: pip install -r requirements.txt")

from gradsheet import __version__
from gradsheet.commands.group import Commands, FilePath, message_of
from gradsheet.errors import InvalidInputError
from gradsheet.input_files import problem_with_file
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED
from gradsheet.streams import OutputError

if TYPE_CHECKING:
    from backprop_sheet.exercise.model import Exercise


class Refused(click.ClickException):
    """Bad use: one line, exit code 2."""

    exit_code = 2


_PATH = FilePath(path_type=Path)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(__version__, prog_name="gradsheet")
def main() -> None:
    """Backpropagation you can read cell by cell, and a digit classifier under 20k parameters."""


def _numbers(text: str, option: str) -> tuple[float, ...]:
    """Read the value of an option that takes a list of numbers such as ``0.1,0.2``."""
    from gradsheet.commands.number_lists import parse_numbers

    try:
        return parse_numbers(text)
    except InvalidInputError as error:
        raise Refused(_list_message(option, text, str(error), parse_numbers)) from error


def _list_message(option: str, text: str, message: str, use: Callable[[str], Any]) -> str:
    """Return what is wrong with a list of numbers, and whether points instead of commas help.

    Args:
        use: raises an InvalidInputError if it cannot use a list's text.
    """
    from gradsheet.commands.number_lists import with_decimal_points

    shown = f" {text}" if text.isprintable() and len(text) <= 40 else ""
    pointed = with_decimal_points(text)
    hint = ""
    if pointed is not None:
        with contextlib.suppress(InvalidInputError):
            use(pointed)
            hint = f"; if you meant {pointed}, write decimal points"
    return f"{option}{shown}: {message}{hint}"


def _with_options(
    exercise: Exercise, lists: dict[str, tuple[str, str | None]], iterations: int | None
) -> Exercise:
    """Return the exercise with the values of options.

    Args:
        lists: for each key of a list of numbers, the option and its text.
    """
    from backprop_sheet.exercise.checks import InvalidValueError
    from gradsheet.commands.number_lists import parse_numbers

    given = {
        key: _numbers(text, option) for key, (option, text) in lists.items() if text is not None
    }
    try:
        from backprop_sheet.exercise.given_values import with_values

        return with_values(exercise, **given, iterations=iterations)
    except InvalidValueError as error:
        if error.key not in given:
            raise
        key = error.key
        option, text = lists[key]

        def use(other: str) -> None:
            with_values(exercise, **given | {key: parse_numbers(other)}, iterations=iterations)

        message = str(error).removeprefix(f"{key}: ").replace("_", " ")
        raise Refused(_list_message(option, text or "", message, use)) from error


@contextlib.contextmanager
def _value_of(option: str) -> Iterator[None]:
    """Refuse the value of an option if the block raises a ValueError, which says what is wrong."""
    try:
        yield
    except ValueError as error:
        raise Refused(f"{option} {error}") from error


def _output_option(default: str) -> Callable[..., Any]:
    return click.option(
        "-o",
        "--output",
        type=_PATH,
        default=default,
        show_default=True,
        help="File to write.",
    )


@main.command()
@click.option(
    "--exercise",
    default="course",
    show_default=True,
    metavar="NAME|FILE.toml",
    help="Packaged exercise or exercise file.",
)
@click.option("--lrs", metavar="LIST", help="Learning rates, one sheet per rate.")
@click.option("--iterations", type=int, metavar="N", help="Number of updates: iterations 0 to N.")
@click.option("--inputs", metavar="i1,i2,...", help="Inputs, if the exercise has one sample.")
@click.option("--targets", metavar="t1,t2,...", help="Targets, if the exercise has one sample.")
@click.option("--weights", metavar="w1,w2,...", help="Initial weights.")
@click.option("--biases", metavar="b1,b2,...", help="Initial biases.")
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
    """Write an exercise as an Excel workbook of formulas.

    The network is trained at several learning rates. The workbook has one sheet per
    learning rate, with one row per iteration (and sample), and also explains the
    equations, checks the gradients and draws charts. Every computed cell is a
    formula: change an input, a weight or a learning rate in the workbook, and
    everything is recalculated.

    Options that are left out keep the values of the exercise.

    \b
    Examples:
      python cli.py sheet --lrs 0.1,0.2,0.5,0.8,1,2
      python cli.py sheet --targets 0.5,0.5 --iterations 1000 -o half.xlsx
      python cli.py sheet --exercise xor -o xor.xlsx
    """
    from backprop_sheet.exercise.exercise_file import load_exercise
    from gradsheet.files import atomic_write, check_suffix

    check_suffix(output, (".xlsx",))
    lists = {
        "learning_rates": ("--lrs", lrs), "inputs": ("--inputs", inputs),
        "targets": ("--targets", targets), "weights": ("--weights", weights),
        "biases": ("--biases", biases),
    }  # fmt: skip
    chosen = _with_options(load_exercise(exercise), lists, iterations)

    from backprop_sheet.workbook import (
        CHART_ROWS,
        check_size,
        error_name,
        table_rows,
        write_workbook,
        written_by_gradsheet,
    )

    check_size(chosen)
    iterations, rows = chosen.training.iterations, table_rows(chosen)
    large = len(chosen.training.learning_rates) * rows > 10_000 and sys.stderr.isatty()
    try:
        with atomic_write(output, force=force, is_replaceable=written_by_gradsheet) as unfinished:
            if large:
                with click.progressbar(
                    length=iterations + 1, label="Writing", file=sys.stderr, update_min_steps=50
                ) as bar:
                    runs = write_workbook(chosen, unfinished, progress=lambda: bar.update(1))
            else:
                runs = write_workbook(chosen, unfinished)
    except KeyboardInterrupt:
        click.echo("Stopped: nothing was written.", err=True)
        sys.exit(INTERRUPTED)

    if lrs is not None and len(runs) < len(_numbers(lrs, "--lrs")):
        click.echo("Note: a repeated learning rate gets only one sheet.", err=True)
    error = error_name(chosen)
    head = ("learning rate", f"first {error}", f"last {error}", f"iterations to {error} < 0.01")
    click.echo("  ".join(head))
    for run in runs:
        reached = "not reached" if run.reached is None else f"{run.reached:,}"
        cells = (run.sheet.removeprefix("LR "), f"{run.first:.6g}", f"{run.last:.6g}", reached)
        columns = zip(cells, map(len, head), strict=True)
        click.echo("  ".join(f"{cell:>{width}}" for cell, width in columns))
    if rows > CHART_ROWS:
        click.echo(f"The charts show the first {CHART_ROWS:,} of {rows:,} rows.")
    click.echo(printable(f"Written to {output}"))


@main.command()
@click.argument("workbooks", nargs=-1, required=True, type=Path, metavar="WORKBOOK...")
@click.option(
    "--exercise",
    metavar="NAME|FILE.toml",
    help="Packaged exercise or exercise file.  [default: what the workbook carries, or the "
    "packaged exercise that fits]",
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-6,
    show_default=True,
    help="Largest relative difference that counts as right.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with one object per table."
)
@click.option(
    "--report",
    type=_PATH,
    metavar="FILE.xlsx|FILE.csv",
    help="Write a report on all workbooks.",
)
@click.option(
    "--annotate",
    type=_PATH,
    metavar="FOLDER",
    help="Write a copy of each workbook to FOLDER, with the wrong cells marked.",
)
@click.option("--force", is_flag=True, help="Replace files that this tool did not write.")
@click.option(
    "--jobs",
    type=int,
    metavar="N",
    help="Check N workbooks at the same time.  [default: the number of cores]",
)
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
    """Find the mistakes in workbooks of an exercise.

    A table can have one row or one column per iteration, or be a form with each label
    beside its value. Headers can use other common names. Each cell is compared with
    the value that follows from the other cells of its row, parameters with the row
    above, so that a mistake is reported only where it was made. Inputs, targets,
    initial weights and the learning rate can differ from the exercise. If WORKBOOK is
    a folder, all workbooks in it and in its subfolders are checked, and its folders
    without a workbook are listed.

    Exit code: 0 if everything is right, 1 if something is wrong or incomplete, 2 if
    a file or a table could not be checked, 130 if it was stopped by Ctrl-C.

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

    from gradsheet.files import atomic_write, check_suffix

    if report is not None:
        check_suffix(report, (".xlsx", ".csv"), "--report")

    import functools
    import json

    from tqdm import tqdm

    from backprop_sheet.audit.batch import find_workbooks, run_batch, without_outputs
    from backprop_sheet.audit.folders import content_of, folders_without_workbook
    from backprop_sheet.audit.report.class_report import (
        NO_WORKBOOK,
        ClassReport,
        written_by_gradsheet,
    )
    from backprop_sheet.audit.report.text_report import (
        as_text,
        folder_lines,
        problem_lines,
        summary_lines,
    )
    from backprop_sheet.audit.results import VERDICTS
    from backprop_sheet.audit.workbook_audit import not_checked
    from backprop_sheet.exercise.exercise_file import load_exercise
    from gradsheet.cores import available_cores

    files = find_workbooks(workbooks)
    if not files:
        where = ", ".join(str(path) for path in workbooks)
        there = f" ({printable(content_of(workbooks[0]))})" if len(workbooks) == 1 else ""
        raise Refused(f"no workbook (.xlsx) in {where}{there}")
    files, left_out = without_outputs(files)
    if not files:
        raise Refused(f"no exercise to check: {'; '.join(left_out)}")
    for line in left_out:
        click.echo(f"left out: {printable(line)}", err=True)
    if report is not None and report.resolve() in {path.resolve() for path in files}:
        raise Refused(f"--report {report} is one of the workbooks to check: choose another name")
    given = None if exercise is None else load_exercise(exercise)
    if annotate is None:
        from backprop_sheet.audit.workbook_audit import audit_workbook

        job = functools.partial(audit_workbook, exercise=given, tolerance=tolerance)
    else:
        from backprop_sheet.audit.copies.copies import CopyPlan, audit_and_annotate

        plan = CopyPlan.of(annotate, workbooks, files, force=force)
        job = functools.partial(audit_and_annotate, exercise=given, tolerance=tolerance, plan=plan)
    collected = ClassReport(workbooks)
    output = _Output(is_needed=report is None and annotate is None)
    problems: list[tuple[str, str]] = []
    copies: list[Path] = []
    failed = stopped = False
    separator = "[\n"
    bar = tqdm(
        run_batch(job, files, jobs=jobs or available_cores(), failed=not_checked),
        total=len(files),
        unit="workbook",
        file=sys.stderr,
        disable=len(files) < 2 or not sys.stderr.isatty(),
    )
    with contextlib.ExitStack() as stack:
        if report is not None:
            unfinished = stack.enter_context(
                atomic_write(report, force=force, is_replaceable=written_by_gradsheet)
            )
        try:
            for result in bar:
                collected.add(result)
                problems += (
                    _place_and_reason(result.path, problem, exercise) for problem in result.problems
                )
                for table in result.tables:
                    if as_json:
                        text = f"{separator}  {json.dumps(table.to_json())}"
                        separator = ",\n"
                        output.write(bar.write, text, file=sys.stdout, end="")
                    else:
                        output.write(bar.write, as_text(table), file=sys.stdout)
                if result.copy is not None:
                    copies.append(result.copy)
                if result.copy_error is not None:
                    failed = True
                    reason = message_of(result.copy_error)
                    line = printable(f"{result.path} has no annotated copy: {reason}")
                    bar.write(f"Error: {line}", file=sys.stderr)
        except KeyboardInterrupt:
            bar.close()
            stopped = True
            click.echo("Stopped: the remaining workbooks were not checked.", err=True)
        for folder in folders_without_workbook(workbooks, files):
            collected.add_folder(folder)
        if report is not None:
            collected.write(unfinished, report.suffix.lower())
    for line in problem_lines(problems):
        click.echo(f"Error: {line}", err=True)
    if as_json:
        output.write(click.echo, "[]" if separator == "[\n" else "\n]")
        for line in folder_lines(collected):
            click.echo(line, err=True)
    elif len(files) > 1 or len(collected.marks) > 1:
        output.write(click.echo, "\n" + "\n".join(summary_lines(collected, len(files))))
    if copies:
        where = copies[0] if len(files) == 1 else f"{annotate} ({_count(len(copies), 'file')})"
        output.write(click.echo, printable(f"Annotated: {where}"), err=as_json)
    if report is not None:
        output.write(click.echo, printable(f"Report: {report}"), err=as_json)
    output.end()
    verdicts = {mark.verdict for mark in collected.marks} - {NO_WORKBOOK}
    if stopped:
        sys.exit(INTERRUPTED)
    if not verdicts <= set(VERDICTS):
        sys.exit(2)
    if failed or verdicts != {"right"}:
        sys.exit(1)


class _Output:
    """Standard output that may fail, or whose reader may end, before the work is done."""

    def __init__(self, *, is_needed: bool) -> None:
        """Start.

        Args:
            is_needed: end at the first error, because nothing but the output is made.
        """
        self._is_needed = is_needed
        self._error: OutputError | None = None
        self._is_closed = False

    def write(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call a function that writes, unless that has failed before."""
        if self._is_closed:
            return
        try:
            function(*args, **kwargs)
        except (BrokenPipeError, OutputError) as error:
            if self._is_needed:
                raise
            self._is_closed = True
            if isinstance(error, OutputError):
                self._error = error

    def end(self) -> None:
        """Write what waits to be written, and raise the error that there was."""
        self.write(sys.stdout.flush)
        if self._error is not None:
            raise self._error


def _place_and_reason(path: Path, problem: Any, exercise: str | None) -> tuple[str, str]:
    """Return which file or sheet has a problem, and the problem in words that go on from there."""
    where = f"{path} [{problem.sheet}]" if problem.sheet else str(path)
    if not problem.other_network:
        return where, problem.text
    if exercise is None:
        return where, (
            f"could not be checked: it looks like another network ({problem.text}); "
            "describe it in a file for --exercise"
        )
    return where, (
        f"could not be checked: it does not fit the exercise {exercise}, but looks "
        f"like another network ({problem.text}); leave out --exercise to try all packaged exercises"
    )


@main.command()
@click.argument("name", required=False)
def exercises(name: str | None) -> None:
    """List the packaged exercises, or print the file of one.

    An exercise file (TOML) describes a small network, its samples and how it is
    trained. To write your own exercise, print a packaged one and edit it. The
    commands sheet, equations and check take it as --exercise.

    \b
    Examples:
      python cli.py exercises
      python cli.py exercises xor > mine.toml
      python cli.py sheet --exercise mine.toml
    """
    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.exercise.packaged import packaged_exercises, packaged_file

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
    help="Packaged exercise or exercise file.",
)
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
    type=_PATH,
    metavar="FILE",
    help="Write a .md, .tex or .txt file instead of printing.",
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

    The derivation has the forward pass, the error, the backward pass with the
    complete chain rule, and the update. Every step is explained. With --iteration,
    every formula is also shown with its numbers in that iteration, as a worked
    solution.

    \b
    Examples:
      python cli.py equations --exercise mazur --iteration 0
      python cli.py equations --exercise xor --iteration 10 --sample 3
      python cli.py equations --exercise softmax -o derivation.tex
    """
    for option, value in (("--sample", sample), ("--lr", lr)):
        if value is not None and iteration is None:
            raise Refused(f"{option} needs --iteration: it selects which numbers are shown")

    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.explanation.derivation import derive
    from backprop_sheet.explanation.documents import (
        SUFFIXES,
        as_document,
        as_text,
        written_by_gradsheet,
    )
    from backprop_sheet.explanation.iteration_values import iteration_values
    from gradsheet.files import atomic_write, check_suffix

    if output is not None:
        check_suffix(output, SUFFIXES)
    loaded = load_exercise(exercise)
    from backprop_sheet.equations.system import system_of

    system = system_of(loaded)
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
            sys.exit(INTERRUPTED)
    derivation = derive(loaded, system, values)
    if output is None:
        click.echo(as_text(derivation), nl=False)
        return
    with atomic_write(output, force=force, is_replaceable=written_by_gradsheet) as unfinished:
        unfinished.write_bytes(as_document(derivation, output).encode())
    click.echo(printable(f"Written to {output}"))


@main.command()
def summary() -> None:
    """Print the network of the digit classifier, layer by layer.

    \b
    Example:
      python cli.py summary
    """
    from keras_model.backend import import_keras, prepare_backend

    prepare_backend("cpu", say=_note)
    import_keras()
    from keras_model.network import build_network, parameters, running_statistics, table

    network = build_network(seed=1)
    click.echo(f"{'layer':<32}{'output':>12}{'trainable':>12}")
    for layer, shape, count in table(network):
        click.echo(f"{layer:<32}{shape:>12}{count:>12}")
    trainable, running = parameters(network), running_statistics(network)
    click.echo(f"{'trainable':<44}{trainable:>12,}")
    click.echo(
        f"\nKeras counts {trainable + running:,} parameters, with the {running} running means and "
        "variances of\nBatchNorm, which are not trained. The original's 19,848 and its limit of "
        "20,000\ndo not include them. MaxPool 4×4 has a stride of 4: it maps 14×14 to 3×3 and\n"
        "ignores the last two rows and columns."
    )


_DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Device to train on.",
)
_DATA = click.option(
    "--data",
    type=_PATH,
    help="MNIST as an .npz file in Keras' layout, or a folder with the four IDX files.",
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
                help="best, original (as in the course) or sprint (99 % in one epoch).",
            ),
            click.option("--epochs", type=int, help="Override the recipe's number of epochs."),
            click.option("--batch-size", type=int, help="Override the recipe's batch size."),
            click.option("--lr", type=float, help="Override the recipe's learning rate."),
            click.option("--momentum", type=float, help="Override the recipe's momentum."),
            click.option("--seed", type=int, default=1, show_default=True, help="Random seed."),
            _DEVICE,
            _DATA,
        )
    ):
        command = option(command)
    return command


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _recipe(name: str, **changes: Any) -> Any:
    from keras_model.recipe import find_recipe

    try:
        return find_recipe(name).replace(**changes)
    except ValueError as error:
        raise Refused(str(error)) from error


def _digits(data: Path | None) -> Any:
    from keras_model.data.mnist import load_digits

    return load_digits(data, say=lambda words: _tell(f"{words} (see --data)."))


def _note(words: str) -> None:
    _tell(f"Note: {words}.")


def _tell(line: str) -> None:
    """Print a line on standard error in which no name can control the terminal."""
    click.echo(printable(line), err=True)


def _prepare_for(model: Path) -> None:
    """Refuse a model that is not there, and prepare the backend to load it on the CPU."""
    problem = problem_with_file(model)
    if problem == "does not exist":
        raise Refused(f"there is no model {model}")
    if problem is not None:
        raise Refused(f"{model} {problem}, not a model")
    from keras_model.backend import prepare_backend

    prepare_backend("cpu", say=_note)


@main.command()
@_recipe_options
@click.option(
    "--out",
    type=_PATH,
    metavar="DIR",
    help="Folder of the run.  [default: runs/<recipe>-<time>]",
)
@click.option("--resume", is_flag=True, help="Resume the run in --out.")
@click.option("--force", is_flag=True, help="Replace the run in --out.")
@click.option("--deterministic", is_flag=True, help="Give the same numbers each time; slower.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs into the folder, too.")
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
    """Train the digit classifier: 19,848 parameters, on MNIST.

    Uses the digits of --data (or of the variable GRADSHEET_DATA), those in Keras' cache, or Keras'
    download; where there is no Internet connection, the sample of 5,000 digits in the package.
    Writes a checkpoint after each epoch; after any interruption, --resume continues the run.

    --resume --epochs N continues a run to N epochs, if its learning rate is constant, as in the
    recipe original. The other options of the saved run cannot be changed.

    \b
    Examples:
      python cli.py train
      python cli.py train --recipe original --data mnist.npz --out runs/original
      python cli.py train --resume --out runs/original
      python cli.py train --resume --out runs/original --epochs 30
    """
    changes = {
        "epochs": epochs, "batch_size": batch_size, "learning_rate": lr, "momentum": momentum,
    }  # fmt: skip
    chosen = _recipe(recipe, **changes)
    if not 0 <= seed < 2**31:
        raise Refused(f"--seed must be 0 to {2**31 - 1}, got {seed}")
    if resume and out is None:
        raise Refused("--resume needs --out: the folder of the run to resume")
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise Refused("--tensorboard needs the package tensorboard: pip install tensorboard")
    if resume and force:
        raise Refused("--resume continues a run and --force replaces it: give one of them")

    import time

    from gradsheet.files import CannotWriteError
    from keras_model.backend import device_name, import_keras, prepare_backend
    from keras_model.training.checkpoint import read_checkpoint
    from keras_model.training.progress import EpochProgress
    from keras_model.training.resume import resumed_config
    from keras_model.training.run_config import RunConfig
    from keras_model.training.run_folder import locked

    out = out or Path("runs") / f"{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    replaces = resume or force
    if not replaces and out.is_dir():
        with locked(out):
            _refuse_other_run(out)
    prepare_backend(device, for_training=True, say=_note)
    digits = _digits(data)
    config = RunConfig(chosen, seed, digits.name, deterministic)
    if resume:
        wanted = _given(context, changes | {"seed": seed, "deterministic": deterministic})
        config = resumed_config(
            read_checkpoint(out),
            wanted,
            recipe=chosen.name if _given(context, {"recipe": recipe}) else None,
            data=digits.name,
        )

    import_keras()
    from keras_model.training.trainer import Trainer

    device = device_name(device)
    context.with_resource(locked(out))
    if not replaces:
        _refuse_other_run(out)  # which may have ended meanwhile
    trainer = Trainer(config, digits, out, device=device, resume=resume)

    click.echo(
        f"{config.recipe.name}: {_count(config.recipe.epochs, 'epoch')} on {digits.name} "
        f"({len(digits.x_train):,} for training, {len(digits.x_test):,} for testing), "
        f"on the {device}"
    )
    if resume and trainer.is_finished:
        click.echo("This run is finished: nothing is left to train.")
    elif resume and trainer.history:
        click.echo(f"Resuming after epoch {len(trainer.history)}.")
    to_continue = f"python cli.py train --resume --out {out}" + (f" --data {data}" if data else "")
    callbacks = _tensorboard(out) if tensorboard else []
    interrupted = False
    try:
        with EpochProgress(config.recipe.epochs, trainer.steps_per_epoch, click.echo) as progress:
            trainer.train(on_batch=progress.batch, on_epoch=progress.epoch, callbacks=callbacks)
    except KeyboardInterrupt:
        interrupted = True
    except CannotWriteError as error:
        if not trainer.history:
            raise
        done = _count(len(trainer.history), "epoch")
        raise click.ClickException(f"{error}; {done} kept, to continue: {to_continue}") from error
    plots_error = _write_run(trainer) if trainer.history else None
    if plots_error is not None:
        plots_error.show()
    if interrupted:
        _tell(f"Stopped after epoch {len(trainer.history)}. To continue: {to_continue}")
        sys.exit(INTERRUPTED)
    if plots_error is not None:
        sys.exit(plots_error.exit_code)


def _write_run(trainer: Any) -> click.ClickException | None:
    """Write what a run leaves, and tell the result; return why a plot could not be drawn."""
    from keras_model.training.run_outputs import PlotsError, draw_plots, write_outputs

    line = write_outputs(trainer).line()
    done = _count(len(trainer.history), "epoch")
    click.echo(printable(f"{line} after {done}; written to {trainer.folder}"))
    try:
        draw_plots(trainer)
    except PlotsError as error:
        return click.ClickException(str(error))
    return None


def _refuse_other_run(folder: Path) -> None:
    from keras_model.training.run_folder import holds_run

    if holds_run(folder):
        raise click.ClickException(
            f"{folder} has another run: continue it (--resume), replace it (--force), or name "
            "another folder"
        )


def _given(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return those of the values whose options are on the command line."""
    options = {"learning_rate": "lr"}  # where an option is not called like its value
    return {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(options.get(name, name))
        == click.core.ParameterSource.COMMANDLINE
    }


def _tensorboard(folder: Path) -> list[Any]:
    import keras

    # The graph would be of the fused model, not of the network.
    return [keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)]


@main.command()
@click.argument("model", type=_PATH)
@_DATA
def evaluate(model: Path, data: Path | None) -> None:
    """Evaluate a trained digit classifier on the test digits.

    Prints the accuracy, the precision and recall of each class, and the confusion matrix.

    \b
    Example:
      python cli.py evaluate runs/best/model.keras --data mnist.npz
    """
    _prepare_for(model)
    known = _digits(data)
    from keras_model import evaluation
    from keras_model.classification import logits_of
    from keras_model.saved_model import load_network

    tested = evaluation.evaluation_of(logits_of(load_network(model), known.x_test), known.y_test)
    click.echo(f"{known.name}: {len(known.x_test):,} test digits")
    if known.is_sample:
        click.echo(
            "The sample is a part of MNIST's training digits. A network that was trained on\n"
            "MNIST has seen them: test it on MNIST's test digits with --data."
        )
    click.echo(tested.line())
    click.echo("\ndigit  support  precision   recall")
    for digit, support, precision, recall in evaluation.class_table(tested.logits, known.y_test):
        click.echo(f"{digit:>5}{support:>9}{precision:>11.2%}{recall:>9.2%}")
    click.echo("\ntrue \\ predicted" + "".join(f"{digit:>6}" for digit in range(10)))
    for digit, row in enumerate(evaluation.confusion_matrix(tested.logits, known.y_test)):
        click.echo(f"{digit:>16}" + "".join(f"{count or '.':>6}" for count in row))


@main.command()
@click.argument("model", type=_PATH)
@_output_option("digits.xlsx")
@_DATA
@click.option(
    "--samples",
    type=int,
    default=20,
    show_default=True,
    metavar="N",
    help="Number of test digits in the gallery, 1 to 200.",
)
@click.option("--force", is_flag=True, help="Replace a file that this tool did not write.")
def digits(model: Path, output: Path, data: Path | None, samples: int, force: bool) -> None:
    """Write a trained network as a workbook or a web page.

    The suffix of --output selects the format. In a workbook (.xlsx), each weight is typed in one
    cell and everything else is a formula. A web page (.html) is one file that works offline in any
    browser. In both, you can draw a digit, or choose one from a gallery of test digits, and see the
    prediction and the values of every layer.

    \b
    Examples:
      python cli.py digits runs/best/model.keras
      python cli.py digits model.keras -o reader.html
      python cli.py digits model.keras --data mnist.npz --samples 50 -o big.xlsx
    """
    from gradsheet.files import atomic_write, check_suffix

    check_suffix(output, (".xlsx", ".html"))
    from keras_model.export import spreadsheet, web_page
    from keras_model.export.weights import OtherNetworkError, weights_of

    is_page = output.suffix.lower() == ".html"
    with _value_of("--samples"):
        spreadsheet.check_samples(samples)
    _prepare_for(model)
    known = _digits(data)
    from keras_model.saved_model import load_network

    network = load_network(model)
    with _value_of("--samples"):
        picked = spreadsheet.pick_samples(known.y_test, samples)
    try:
        weights = weights_of(network)
        images, labels = known.x_test[picked], known.y_test[picked]
        ours = web_page.written_by_gradsheet if is_page else spreadsheet.written_by_gradsheet
        with atomic_write(output, force=force, is_replaceable=ours) as unfinished:
            if is_page:
                size = web_page.write_page(weights, images, labels, known.name, unfinished)
                what = f"{size / 1000:,.0f} KB"
            else:
                formulas = spreadsheet.write_digits(weights, images, labels, unfinished)
                what = f"{formulas:,} formulas"
    except OtherNetworkError as error:
        kind = "web page" if is_page else "workbook"
        raise click.ClickException(f"cannot write {model} as a {kind}: {error}") from error
    click.echo(
        printable(
            f"Written to {output}: {what}; gallery: {_count(samples, 'digit')} ({known.name})"
        )
    )


@main.command()
@click.argument("model", type=_PATH)
@click.argument("pictures", nargs=-1, required=True, type=Path, metavar="PICTURE...")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with one object per picture."
)
@click.option(
    "--show",
    type=_PATH,
    metavar="PATH",
    help="Write a PNG that shows each picture beside the network's input.",
)
@click.option("--force", is_flag=True, help="Let --show replace a file that it did not write.")
def predict(
    model: Path, pictures: tuple[Path, ...], as_json: bool, show: Path | None, force: bool
) -> None:
    """Classify PNG or JPEG pictures with one digit each.

    A picture can have any size. The ink can be dark on light paper or light on dark paper, and the
    background can be transparent. The digit can be anywhere in the picture. Each picture is
    converted to MNIST's format before it is classified. A picture that cannot be read is reported,
    and the other pictures are still classified.

    Exit code: 0 if all pictures were classified, 1 if some could not be read, 2 for bad use.

    \b
    Examples:
      python cli.py predict model.keras seven.png photo.jpg
      python cli.py predict model.keras *.png --show predictions.png --json
    """
    if show is not None:
        from gradsheet.files import check_suffix

        check_suffix(show, (".png",), "--show")
    import json

    _prepare_for(model)
    from keras_model.prediction import as_json as json_of
    from keras_model.prediction import as_table, predict_files
    from keras_model.saved_model import load_network

    results, problems = predict_files(load_network(model), pictures)
    for file, problem in problems:
        _tell(f"Error: {file} {problem}")
    if as_json:
        click.echo(json.dumps(json_of(results), indent=2))
    elif results:
        click.echo("\n".join(as_table(results)))
    if show is not None and results:
        from keras_model.data.pictures import draw_predictions

        captions = (f"{one.prediction.digit} ({one.prediction.probability:.0%})" for one in results)
        rows = [(one.file, one.image, text) for one, text in zip(results, captions, strict=True)]
        draw_predictions(rows, show, force)
    if problems:
        sys.exit(1)


@main.command()
@click.option(
    "--batch-sizes",
    default="32,64,128,256",
    show_default=True,
    metavar="LIST",
    help="Batch sizes to compare.",
)
@click.option(
    "--seeds",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Trainings per batch size, with random seeds 1 to N.",
)
@click.option(
    "--recipe", default="original", show_default=True, metavar="NAME", help="As in train."
)
@click.option("--epochs", type=int, help="Override the recipe's number of epochs.")
@click.option("--lr", type=float, help="Override the learning rate at the recipe's batch size.")
@click.option("--same-lr", is_flag=True, help="Do not scale the learning rate with the batch size.")
@click.option(
    "--jobs",
    type=int,
    metavar="N",
    help="Train N at a time, each on its share of the cores.  [default: 1]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Train on the workers of the Dask cluster with this scheduler address.",
)
@_DEVICE
@_DATA
@click.option(
    "--out",
    type=_PATH,
    default=Path("runs/sweep"),
    show_default=True,
    metavar="DIR",
    help="Folder of the sweep; finished trainings in it are kept.",
)
@click.pass_context
def sweep(
    context: click.Context,
    batch_sizes: str,
    seeds: int,
    recipe: str,
    epochs: int | None,
    lr: float | None,
    same_lr: bool,
    jobs: int | None,
    scheduler: str | None,
    device: str,
    data: Path | None,
    out: Path,
) -> None:
    """Compare batch sizes and random seeds.

    The learning rate is scaled with the batch size (twice the batch size, twice the rate), unless
    --same-lr is given. After an interruption, the same command continues where it was. Writes
    sweep.csv, sweep.xlsx and sweep.png.

    --scheduler needs requirements-dask.txt here and on the workers. Start each worker in this
    project's folder (dask worker ADDRESS). Each worker needs the digits: at the path that --data
    gives here, in its own GRADSHEET_DATA, or in its own Keras cache. Use only a cluster that you
    trust: Dask executes the code that it receives.

    \b
    Examples:
      python cli.py sweep --data mnist.npz
      python cli.py sweep --batch-sizes 64,512 --seeds 3 --recipe best --jobs 2
      python cli.py sweep --batch-sizes 128 --seeds 10 --recipe best
      python cli.py sweep --scheduler tcp://10.0.0.1:8786 --data /data/mnist.npz
    """
    sizes = list(dict.fromkeys(_numbers(batch_sizes, "--batch-sizes")))
    if any(size != int(size) for size in sizes):
        raise Refused(f"--batch-sizes: {batch_sizes!r} has a size that is not a whole number")
    if not 1 <= seeds <= 1000:
        raise Refused(f"--seeds must be 1 to 1000, got {seeds}")
    if jobs is not None and not 1 <= jobs <= 256:
        raise Refused(f"--jobs must be 1 to 256, got {jobs}")
    if jobs is not None and scheduler is not None:
        raise Refused("--jobs is for this machine and --scheduler for a cluster: give one of them")
    if scheduler is not None and importlib.util.find_spec("distributed") is None:
        raise Refused("--scheduler needs Dask: pip install -r requirements-dask.txt")
    base = _recipe(recipe, epochs=epochs, learning_rate=lr)

    import functools

    from keras_model.backend import prepare_backend
    from keras_model.sweeps.sweep import (
        at_batch_size,
        how_measured,
        job_for,
        noise_note,
        run_folder,
        run_sweep,
        table,
    )
    from keras_model.training.progress import SweepProgress
    from keras_model.training.run_config import RunConfig
    from keras_model.training.run_folder import locked

    try:
        recipes = [at_batch_size(base, int(size), same_lr=same_lr) for size in sizes]
    except ValueError as error:
        raise Refused(str(error)) from error
    if scheduler is None:
        from keras_model.sweeps.local_trainings import train_locally

        train_jobs = functools.partial(train_locally, at_once=jobs or 1)
    else:
        from keras_model.sweeps.dask_trainings import train_on_cluster

        train_jobs = functools.partial(train_on_cluster, scheduler=scheduler)
    prepare_backend(device, for_training=True, say=_note)
    known = _digits(data)
    configs = [RunConfig(one, seed, known.name) for one in recipes for seed in range(1, seeds + 1)]
    trainings = [job_for(config, run_folder(out, config), known, device) for config in configs]
    context.with_resource(locked(out))
    click.echo(
        f"{base.name}: {_count(len(trainings), 'training')} of {_count(base.epochs, 'epoch')} on "
        f"{known.name}"
    )
    try:
        with SweepProgress(len(trainings) * base.epochs, click.echo) as progress:
            outcome = run_sweep(trainings, out, train_jobs, progress)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command continues where it was.", err=True)
        sys.exit(INTERRUPTED)
    if outcome.results:
        click.echo("\n".join(table(outcome.results)))
        click.echo(how_measured(outcome.results))
        if noise := noise_note(outcome.results):
            click.echo(click.wrap_text(noise, 80))
        if not outcome.report_error:
            click.echo(printable(f"Written to {out}: sweep.csv, sweep.xlsx, sweep.png"))
    if outcome.failed:
        raise click.ClickException(
            f"{len(outcome.failed)} of {len(trainings)} failed: " + "; ".join(outcome.failed)
        )
    if outcome.report_error:
        raise click.ClickException(outcome.report_error)


if __name__ == "__main__":
    from gradsheet.signals import end_at_once_on_signals

    try:
        main()
    finally:
        end_at_once_on_signals()
