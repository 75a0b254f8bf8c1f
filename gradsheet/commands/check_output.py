"""What ``gradsheet check`` prints while it checks, and its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.check_options import CheckOptions
from gradsheet.commands.group import message_of
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED
from gradsheet.streams import OutputError
from gradsheet.words import count, join

if TYPE_CHECKING:
    from tqdm import tqdm

    from backprop_sheet.audit.report.class_report import ClassReport
    from backprop_sheet.audit.results import Problem, WorkbookResult
    from backprop_sheet.audit.submissions.collection import Submission
    from backprop_sheet.exercise.model import Exercise


@dataclass
class CheckPrinter:
    """Prints the results as they come, and collects them.

    Attributes:
        start_report: returns an empty report; a single workbook seldom needs one.
    """

    options: CheckOptions
    start_report: Callable[[], ClassReport]
    files: int
    problems: list[tuple[str, str]] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    networks: list[Exercise] = field(default_factory=list)  # that were read from formulas
    verdicts: set[str] = field(default_factory=set)
    only: WorkbookResult | None = None  # the result, if there is one file
    rows: int = 0  # of the report
    has_missing: bool = False  # a student handed in no workbook
    has_failed: bool = False  # a copy could not be written
    is_stopped: bool = False
    separator: str = "[\n"  # before the next JSON object

    def __post_init__(self) -> None:
        self.output = _Output(
            is_needed=self.options.report is None and self.options.annotate is None
        )

    @cached_property
    def report(self) -> ClassReport:
        """What is known of all files so far."""
        report = self.start_report()
        if self.only is not None:
            report.add(self.only)
        return report

    def show_all(self, results: Iterator[WorkbookResult]) -> None:
        """Print the tables of all files, until it is stopped by Ctrl-C."""
        bar: tqdm[WorkbookResult] | None = None
        if self.files > 1 and sys.stderr.isatty():
            from tqdm import tqdm

            bar = tqdm(results, total=self.files, unit="workbook", file=sys.stderr)
        checked = 0
        try:
            for result in results if bar is None else bar:
                self._show(result, print if bar is None else bar.write)
                checked += 1
        except KeyboardInterrupt:
            if bar is not None:
                bar.close()
            self.is_stopped = True
            click.echo(f"Stopped: {self._what_there_is(checked)}.", err=True)

    def _what_there_is(self, checked: int) -> str:
        """Say what was done before the command was stopped."""
        if checked == self.files:
            return "all workbooks were checked"
        done = f"{checked:,} of {count(self.files, 'workbook')} were checked"
        options = self.options
        written = [
            name
            for name, path in (
                ("the report", options.report),
                ("the gradebook", options.gradebook),
                ("the copies", options.annotate),
            )
            if path is not None
        ]
        if not written:
            return done
        has = "has" if written in (["the report"], ["the gradebook"]) else "have"
        return f"{done}; {join(written, 'and')} {has} only these"

    def _show(self, result: WorkbookResult, write: Callable[..., None]) -> None:
        from backprop_sheet.audit.report.text_report import (
            as_text,
            columns_as_text,
            unjudged_as_text,
        )

        if self.files > 1:
            self.report.add(result)
        else:
            self.only = result
        self.rows += len(result.tables) + len(result.problems)
        self.verdicts |= {table.verdict for table in result.tables}
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

    def add_without_workbook(self, submission: Submission) -> None:
        """Add a student without a workbook; what could not be read is a problem."""
        self.report.add_without_workbook(submission)
        self.rows += 1
        self.has_missing = True
        if submission.unreadable:
            reason = f"could not be checked: {submission.unreadable}"
            self.problems.append((str(submission.place), reason))

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
            for line in folder_lines(self.report) if self.has_missing else ():
                click.echo(line, err=True)
        elif self.files > 1 or self.rows > 1:
            lines = summary_lines(self.report, self.files)
            self.output.write(click.echo, "\n" + "\n".join(lines))
        if self.copies:
            where = f"{options.annotate} ({count(len(self.copies), 'file')})"
            if self.files == 1 and not options.annotates_zip:
                where = str(self.copies[0])
            self.output.write(click.echo, printable(f"Annotated: {where}"), err=as_json)
        if options.report is not None:
            self.output.write(click.echo, printable(f"Report: {options.report}"), err=as_json)
        self.output.end()

    def exit_code(self) -> int:
        """Return the exit code: see the help text of the command."""
        from backprop_sheet.audit.results import RIGHT

        if self.is_stopped:
            return INTERRUPTED
        if self.problems:
            return 2
        return 1 if self.has_failed or self.verdicts != {RIGHT} else 0


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


def _place_and_reason(path: Path, problem: Problem, options: CheckOptions) -> tuple[str, str]:
    """Return which file or sheet has a problem, and the problem in words that go on from there."""
    where = f"{path} [{problem.sheet}]" if problem.sheet else str(path)
    return where, "; ".join([problem.text, *_advice(problem, options)])


def _advice(problem: Problem, options: CheckOptions) -> Iterator[str]:
    """Say which option helps. No advice leads back to where the user comes from."""
    from backprop_sheet.audit.results import Advice

    exercise = options.exercise or ""
    if Advice.ANY_EXERCISE in problem.advice:
        yield "leave out --exercise"
    if Advice.SHOW_COLUMNS in problem.advice and not options.explain:
        yield "--explain shows how each column was read"
    if Advice.DESCRIBE_NETWORK in problem.advice and not exercise.lower().endswith(".toml"):
        yield "if it is another network, describe it in a file for --exercise"
