"""``gradsheet check``."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.check_copies import copies_folder
from gradsheet.commands.check_expected import Expected
from gradsheet.commands.check_marks import fill_gradebook, open_gradebook, report_options
from gradsheet.commands.check_options import CheckOptions
from gradsheet.commands.check_output import CheckPrinter
from gradsheet.commands.messages import Refused, tell
from gradsheet.commands.options import FILE, json_option
from gradsheet.commands.progress import counting
from gradsheet.printable import printable
from gradsheet.words import join

if TYPE_CHECKING:
    from backprop_sheet.audit.copies.copies import CopyPlan
    from backprop_sheet.audit.report.class_report import ClassReport
    from backprop_sheet.audit.results import WorkbookResult
    from backprop_sheet.audit.submissions.collection import Submissions, SubmittedFile
    from backprop_sheet.exercise.model import Exercise


@click.command()
@click.argument("workbooks", nargs=-1, required=True, type=Path, metavar="WORKBOOK...")
@click.option(
    "--exercise",
    metavar="NAME|FILE.toml",
    help="Packaged exercise or exercise file.  [default: what the workbook carries, the "
    "packaged exercise that fits, or what the formulas describe]",
)
@click.option(
    "--assignment",
    type=FILE,
    metavar="FILE.toml",
    help="Compare each table with its student's own numbers, as handout wrote them.",
)
@click.option(
    "--given",
    is_flag=True,
    help="Compare the given numbers, too, with those of --exercise.",
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
    metavar="FOLDER|FILE.zip",
    help="Write a copy of each workbook with the wrong cells marked; the zip is what Moodle's "
    "upload of feedback files takes.",
)
@click.option(
    "--points",
    type=float,
    metavar="N",
    help="Points of a table without a mistake.  [default: the gradebook's maximum, the "
    "assignment's points, or 10]",
)
@click.option(
    "--gradebook",
    type=FILE,
    metavar="FILE.csv",
    help="Write a copy of Moodle's grading worksheet or Canvas' gradebook with the points "
    "filled in, FILE-marked.csv.",
)
@click.option(
    "--gradebook-column",
    metavar="TITLE",
    help="Title of the assignment, if Canvas' gradebook has several.  [default: the exercise's "
    "title]",
)
@click.option(
    "--feedback",
    type=click.Choice(["full", "cause", "place", "verdict"]),
    default="full",
    show_default=True,
    help="How much the report, the copies and the gradebook's comments tell about mistakes: "
    "everything, all but values and formulas, only the wrong cells, or only the verdict.",
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
    beside its value. Headers can be in any words: what a column is follows from its
    formulas and numbers. Each cell is compared with the value that follows from the
    other cells of its row, parameters with the row above, so that a mistake is reported
    only where it was made. Inputs, targets, initial weights and the learning rate can
    differ from the exercise, unless --given or --assignment compares them, too. If no
    known exercise fits a table, its network is read from its formulas.

    If WORKBOOK is a folder or a zip, all workbooks in it, in its subfolders and in zips
    within it are checked, and the students without a workbook are listed. Names that
    Moodle, Canvas, Google Classroom or GitHub Classroom gave tell whose a file is;
    elsewhere, each folder is a student's. A student's last workbook counts.

    Exit code: 0 if everything is right, 1 if something is wrong or incomplete, 2 if
    a file or a table could not be checked, 130 if it was stopped by Ctrl-C.

    \b
    Examples:
      gradsheet check backprop.xlsx
      gradsheet check mine.xlsx --explain
      gradsheet check mine.xlsx --annotate marked/
      gradsheet check submissions/ --report marks.xlsx --annotate marked/
      gradsheet check class.zip --assignment handout/assignment.toml
      gradsheet check class.zip --gradebook grades.csv --annotate marked.zip
      gradsheet check class.zip --json > marks.json
    """
    options = CheckOptions(**values)
    options.check()

    from backprop_sheet.audit.submissions.collection import collect

    expected = Expected.of(options)
    with contextlib.ExitStack() as stack:
        with counting("Unpacking", "files") as unpacked:
            found = collect(options.workbooks, expected.students, unpacked)
            submissions = stack.enter_context(found)
        printer = _check(options, expected.of_each(submissions), submissions)
    if code := printer.exit_code():
        sys.exit(code)


def _check(options: CheckOptions, expected: Expected, submissions: Submissions) -> CheckPrinter:
    """Check all files, print and write what was found, and return what printed it."""
    _say_what_is_checked(options, submissions)
    gradebook = open_gradebook(options, expected, submissions)

    def start_report() -> ClassReport:
        from backprop_sheet.audit.report.class_report import ClassReport

        return ClassReport(submissions, report_options(options, expected, gradebook))

    printer = CheckPrinter(options, start_report, len(submissions.files))
    with _unfinished_report(options) as unfinished, copies_folder(options) as copies:
        plan = None if copies is None else copies.plan(options, submissions)
        printer.show_all(_results(options, submissions, expected, plan))
        for submission in submissions.students:
            if not submission.files:
                printer.add_without_workbook(submission)
        if unfinished is not None and options.report is not None:
            printer.report.write(unfinished, options.report.suffix.lower())
        if copies is not None:
            copies.pack(printer.copies)
    printer.show_end()
    if gradebook is not None:
        fill_gradebook(gradebook, printer.report, expected, force=options.force)
    if options.save_exercise is not None:
        _save_exercise(options.save_exercise, printer.networks, force=options.force)
    return printer


def _say_what_is_checked(options: CheckOptions, submissions: Submissions) -> None:
    """Say which files are left out because they are no exercises; refuse if nothing is left."""
    from backprop_sheet.audit.submissions.content import NOTHING

    left_out = submissions.left_out
    if not submissions.files and not left_out:
        workbooks = options.workbooks
        where = ", ".join(str(path) for path in workbooks)
        there = ""
        if len(workbooks) == 1:
            is_empty = submissions.content == NOTHING
            there = ": it is empty" if is_empty else f" ({printable(submissions.content)})"
        raise Refused(f"no workbook (.xlsx) in {where}{there}")
    if not submissions.files:
        raise Refused(f"no exercise to check: {'; '.join(left_out)}")
    for line in left_out:
        tell(f"left out: {line}")
    report = options.report
    if report is not None and report.resolve() in {
        file.path.resolve() for file in submissions.files
    }:
        raise Refused(f"--report {report} is one of the workbooks to check: choose another name")


def _results(
    options: CheckOptions, submissions: Submissions, expected: Expected, plan: CopyPlan | None
) -> Iterator[WorkbookResult]:
    """Return the results of the files in their order, as they are checked."""
    from backprop_sheet.audit.batch import run_batch
    from backprop_sheet.audit.workbook_audit import audit_submitted, not_checked
    from gradsheet.cores import available_cores

    chosen: dict[str, Any] = {
        "exercise": expected.exercise,
        "tolerance": options.tolerance,
        "given": expected.given,
    }
    job: Callable[[SubmittedFile], WorkbookResult] = functools.partial(audit_submitted, **chosen)
    if plan is not None:
        from backprop_sheet.audit.copies.copies import audit_and_annotate

        job = functools.partial(audit_and_annotate, plan=plan, **chosen)
    jobs = options.jobs or available_cores()
    return run_batch(job, submissions.files, jobs=jobs, failed=not_checked)


@contextlib.contextmanager
def _unfinished_report(options: CheckOptions) -> Iterator[Path | None]:
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
        raise Refused(
            "--save-exercise: no network was read from formulas; gradsheet exercises NAME prints a "
            "packaged one"
        )
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
