"""``gradsheet check``."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.group import message_of
from gradsheet.commands.messages import Refused, tell
from gradsheet.commands.options import FILE, json_option
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED
from gradsheet.streams import OutputError
from gradsheet.words import count, join

if TYPE_CHECKING:
    from backprop_sheet.audit.report.class_report import ClassReport
    from backprop_sheet.audit.results import Problem, WorkbookResult
    from backprop_sheet.exercise.model import Exercise


@click.command()
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
@json_option("table")
@click.option(
    "--report",
    type=FILE,
    metavar="FILE.xlsx|FILE.csv",
    help="Write a report on all workbooks.",
)
@click.option(
    "--annotate",
    type=FILE,
    metavar="FOLDER",
    help="Write a copy of each workbook to FOLDER, with the wrong cells marked.",
)
@click.option(
    "--save-exercise",
    type=FILE,
    metavar="FILE.toml",
    help="Write the network that was read from the formulas as an exercise file.",
)
@click.option(
    "--explain", is_flag=True, help="Print how each column was read: header, quantity, and why."
)
@click.option("--force", is_flag=True, help="Replace files that this tool did not write.")
@click.option(
    "--jobs",
    type=int,
    metavar="N",
    help="Check N workbooks at the same time.  [default: the number of cores]",
)
def check(**values: Any) -> None:
    """Find the mistakes in workbooks of an exercise.

    A table can have one row or one column per iteration, or be a form with each label
    beside its value. Headers can use other common names. Each cell is compared with
    the value that follows from the other cells of its row, parameters with the row
    above, so that a mistake is reported only where it was made. Inputs, targets,
    initial weights and the learning rate can differ from the exercise. If WORKBOOK is
    a folder, all workbooks in it and in its subfolders are checked, and its folders
    without a workbook are listed. If no known exercise fits a table, its network is
    read from its formulas.

    Exit code: 0 if everything is right, 1 if something is wrong or incomplete, 2 if
    a file or a table could not be checked, 130 if it was stopped by Ctrl-C.

    \b
    Examples:
      gradsheet check backprop.xlsx
      gradsheet check mine.xlsx --explain
      gradsheet check mine.xlsx --annotate marked/
      gradsheet check submissions/ --report marks.xlsx --annotate marked/
      gradsheet check submissions/ --json > marks.json
    """
    options = _Options(**values)
    options.check()

    from backprop_sheet.audit.folders import folders_without_workbook
    from backprop_sheet.audit.report.class_report import ClassReport

    files = _files_to_check(options)
    results = _results(options, files)
    printer = _Printer(options, ClassReport(options.workbooks), len(files))
    collected = printer.report
    with _unfinished_report(options) as unfinished:
        printer.show_all(results)
        for folder in folders_without_workbook(options.workbooks, files):
            collected.add_folder(folder)
        if unfinished is not None and options.report is not None:
            collected.write(unfinished, options.report.suffix.lower())
    printer.show_end()
    if options.save_exercise is not None:
        _save_exercise(options.save_exercise, printer.networks, force=options.force)
    if code := printer.exit_code():
        sys.exit(code)


@dataclass(frozen=True)
class _Options:
    """The values of the command's arguments and options."""

    workbooks: tuple[Path, ...]
    exercise: str | None
    tolerance: float
    as_json: bool
    report: Path | None
    annotate: Path | None
    save_exercise: Path | None
    explain: bool
    force: bool
    jobs: int | None

    def check(self) -> None:
        """Refuse values that are impossible."""
        if not (math.isfinite(self.tolerance) and 0 <= self.tolerance < 1):
            raise Refused(f"--tolerance must be at least 0 and below 1, got {self.tolerance}")
        if self.jobs is not None and self.jobs < 1:
            raise Refused(f"--jobs must be 1 or more, got {self.jobs}")
        if self.explain and self.as_json:
            raise Refused("--json has the columns already: leave out --explain")
        if self.report is not None:
            from gradsheet.files import check_suffix

            check_suffix(self.report, (".xlsx", ".csv"), "--report")
        if self.save_exercise is not None:
            from gradsheet.files import check_suffix

            check_suffix(self.save_exercise, (".toml",), "--save-exercise")
            if self.exercise is not None:
                raise Refused(
                    "--save-exercise writes a network that was read from formulas: "
                    "leave out --exercise"
                )


def _files_to_check(options: _Options) -> list[Path]:
    """Return the workbooks; say which files are left out because they are no exercises."""
    from backprop_sheet.audit.batch import find_workbooks, without_outputs
    from backprop_sheet.audit.folders import content_of

    workbooks = options.workbooks
    files = find_workbooks(workbooks)
    if not files:
        where = ", ".join(str(path) for path in workbooks)
        there = f" ({printable(content_of(workbooks[0]))})" if len(workbooks) == 1 else ""
        raise Refused(f"no workbook (.xlsx) in {where}{there}")
    files, left_out = without_outputs(files)
    if not files:
        raise Refused(f"no exercise to check: {'; '.join(left_out)}")
    for line in left_out:
        tell(f"left out: {line}")
    report = options.report
    if report is not None and report.resolve() in {path.resolve() for path in files}:
        raise Refused(f"--report {report} is one of the workbooks to check: choose another name")
    return files


def _results(options: _Options, files: list[Path]) -> Iterator[WorkbookResult]:
    """Return the results of the files in their order, as they are checked."""
    from backprop_sheet.audit.batch import run_batch
    from backprop_sheet.audit.workbook_audit import audit_workbook, not_checked
    from backprop_sheet.exercise.exercise_file import load_exercise
    from gradsheet.cores import available_cores

    given = None if options.exercise is None else load_exercise(options.exercise)
    job: Callable[[Path], WorkbookResult]
    if options.annotate is None:
        job = functools.partial(audit_workbook, exercise=given, tolerance=options.tolerance)
    else:
        from backprop_sheet.audit.copies.copies import CopyPlan, audit_and_annotate

        plan = CopyPlan.of(options.annotate, options.workbooks, files, force=options.force)
        job = functools.partial(
            audit_and_annotate, exercise=given, tolerance=options.tolerance, plan=plan
        )
    return run_batch(job, files, jobs=options.jobs or available_cores(), failed=not_checked)


@contextlib.contextmanager
def _unfinished_report(options: _Options) -> Iterator[Path | None]:
    """Yield the file to write the report to, or None without --report."""
    if options.report is None:
        yield None
        return
    from backprop_sheet.audit.report.class_report import written_by_gradsheet
    from gradsheet.files import atomic_write

    with atomic_write(
        options.report, force=options.force, is_replaceable=written_by_gradsheet
    ) as unfinished:
        yield unfinished


def _save_exercise(path: Path, networks: Sequence[Exercise], *, force: bool) -> None:
    """Write the network that was read from formulas, if it is the same in all tables."""
    from backprop_sheet.exercise.checks import check_exercise
    from backprop_sheet.exercise.exercise_text import to_toml
    from gradsheet.files import atomic_write

    if not networks:
        raise Refused("--save-exercise: no network was read from formulas")
    different = {
        (one.network, replace(one.training, learning_rates=(), iterations=1)): one
        for one in networks
    }
    if len(different) > 1:
        found = join(sorted({one.network.describe() for one in networks}), "and")
        raise Refused(f"--save-exercise: the tables have different networks ({found}): check one")
    check_exercise(networks[0])
    with atomic_write(path, force=force) as unfinished:
        unfinished.write_text(to_toml(networks[0]), encoding="utf-8")
    tell(f"Exercise: {path}")


@dataclass
class _Printer:
    """Prints the results as they come, and collects them."""

    options: _Options
    report: ClassReport
    files: int
    problems: list[tuple[str, str]] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    networks: list[Exercise] = field(default_factory=list)  # that were read from formulas
    has_failed: bool = False  # a copy could not be written
    is_stopped: bool = False
    separator: str = "[\n"  # before the next JSON object

    def __post_init__(self) -> None:
        self.output = _Output(
            is_needed=self.options.report is None and self.options.annotate is None
        )

    def show_all(self, results: Iterator[WorkbookResult]) -> None:
        """Print the tables of all files, until it is stopped by Ctrl-C."""
        from tqdm import tqdm

        bar = tqdm(
            results,
            total=self.files,
            unit="workbook",
            file=sys.stderr,
            disable=self.files < 2 or not sys.stderr.isatty(),
        )
        try:
            for result in bar:
                self._show(result, bar.write)
        except KeyboardInterrupt:
            bar.close()
            self.is_stopped = True
            click.echo("Stopped: the remaining workbooks were not checked.", err=True)

    def _show(self, result: WorkbookResult, write: Callable[..., None]) -> None:
        from backprop_sheet.audit.report.text_report import (
            as_text,
            columns_as_text,
            unjudged_as_text,
        )

        self.report.add(result)
        self.networks += result.networks
        self.problems += (
            _place_and_reason(result.path, problem, self.options) for problem in result.problems
        )
        if self.options.explain:
            for problem in filter(lambda problem: problem.columns, result.problems):
                self.output.write(write, unjudged_as_text(result.path, problem), file=sys.stdout)
        for table in result.tables:
            if self.options.as_json:
                text = f"{self.separator}  {json.dumps(table.to_json())}"
                self.separator = ",\n"
                self.output.write(write, text, file=sys.stdout, end="")
            else:
                self.output.write(write, as_text(table), file=sys.stdout)
                if self.options.explain and table.columns:
                    self.output.write(write, columns_as_text(table.columns), file=sys.stdout)
        if result.copy is not None:
            self.copies.append(result.copy)
        if result.copy_error is not None:
            self.has_failed = True
            reason = message_of(result.copy_error)
            line = printable(f"{result.path} has no annotated copy: {reason}")
            write(f"Error: {line}", file=sys.stderr)

    def show_end(self) -> None:
        """Print what could not be checked, the summary, and what was written."""
        from backprop_sheet.audit.report.text_report import (
            folder_lines,
            problem_lines,
            summary_lines,
        )

        options, as_json = self.options, self.options.as_json
        for line in problem_lines(self.problems):
            click.echo(f"Error: {line}", err=True)
        if as_json:
            self.output.write(click.echo, "[]" if self.separator == "[\n" else "\n]")
            for line in folder_lines(self.report):
                click.echo(line, err=True)
        elif self.files > 1 or len(self.report.marks) > 1:
            lines = summary_lines(self.report, self.files)
            self.output.write(click.echo, "\n" + "\n".join(lines))
        if self.copies:
            where = f"{options.annotate} ({count(len(self.copies), 'file')})"
            if self.files == 1:
                where = str(self.copies[0])
            self.output.write(click.echo, printable(f"Annotated: {where}"), err=as_json)
        if options.report is not None:
            self.output.write(click.echo, printable(f"Report: {options.report}"), err=as_json)
        self.output.end()

    def exit_code(self) -> int:
        """Return the exit code: see the help text of the command."""
        from backprop_sheet.audit.report.class_report import NO_WORKBOOK
        from backprop_sheet.audit.results import RIGHT, VERDICTS

        verdicts = {mark.verdict for mark in self.report.marks} - {NO_WORKBOOK}
        if self.is_stopped:
            return INTERRUPTED
        if not verdicts <= set(VERDICTS):
            return 2
        return 1 if self.has_failed or verdicts != {RIGHT} else 0


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


def _place_and_reason(path: Path, problem: Problem, options: _Options) -> tuple[str, str]:
    """Return which file or sheet has a problem, and the problem in words that go on from there."""
    where = f"{path} [{problem.sheet}]" if problem.sheet else str(path)
    return where, "; ".join([problem.text, *_advice(problem, options)])


def _advice(problem: Problem, options: _Options) -> Iterator[str]:
    """Say which option helps. No advice leads back to where the user comes from."""
    from backprop_sheet.audit.results import Advice

    exercise = options.exercise or ""
    if Advice.ANY_EXERCISE in problem.advice:
        yield "leave out --exercise"
    if Advice.SHOW_COLUMNS in problem.advice and not options.explain:
        yield "--explain shows how each column was read"
    if Advice.DESCRIBE_NETWORK in problem.advice and not exercise.lower().endswith(".toml"):
        yield "if it is another network, describe it in a file for --exercise"
