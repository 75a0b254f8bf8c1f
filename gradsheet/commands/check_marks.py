"""What ``gradsheet check`` gives points for, how much it tells, and the copy of the gradebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gradsheet.commands.check_options import CheckOptions
from gradsheet.commands.messages import Refused, note, tell
from gradsheet.printable import printable
from gradsheet.words import count, join

if TYPE_CHECKING:
    from backprop_sheet.audit.report.class_report import ClassReport, ReportOptions
    from backprop_sheet.audit.submissions.collection import Submissions
    from backprop_sheet.handout.roster import Student
    from backprop_sheet.marking.gradebook import Gradebook
    from gradsheet.commands.check_expected import Expected

MAX_NAMED = 5  # students


def report_options(
    options: CheckOptions, expected: Expected, gradebook: Gradebook | None
) -> ReportOptions:
    """Return the options of the report.

    Args:
        expected: the exercise or the assignment that was given.
        gradebook: tells the points if --points does not.
    """
    from backprop_sheet.audit.feedback_level import FeedbackLevel
    from backprop_sheet.audit.report.class_report import ReportOptions
    from backprop_sheet.marking.points import DEFAULT_POINTS, PointRules

    exercise, assignment = expected.exercise, expected.assignment
    maximum = None if gradebook is None else gradebook.maximum
    usual = DEFAULT_POINTS if assignment is None else assignment.points
    rules = PointRules(
        points=options.points or maximum or usual,
        marks=None if exercise is None else exercise.marks,
        blank=None if assignment is None else assignment.blank,
        iterations=None if expected.given is None else expected.given.iterations,
    )
    return ReportOptions(rules, FeedbackLevel(options.feedback))


def _say_which_points(asked: float | None, maximum: float | None, usual: float | None) -> None:
    """Say which points count, if the gradebook has another maximum.

    Args:
        asked: by --points.
        maximum: the gradebook's.
        usual: the assignment's.
    """
    if maximum is None:
        return
    if asked is not None and asked != maximum:
        note(f"points are out of {asked:g} (--points), the gradebook's maximum is {maximum:g}")
    elif asked is None and usual is not None and usual != maximum:
        note(
            f"points are out of {maximum:g}, the gradebook's maximum, not out of the assignment's "
            f"{usual:g}; --points chooses"
        )


def open_gradebook(
    options: CheckOptions, expected: Expected, submissions: Submissions
) -> Gradebook | None:
    """Read the file of --gradebook; refuse one in which nobody of the class is."""
    if options.gradebook is None:
        return None
    from backprop_sheet.marking.gradebook import (
        SeveralAssignmentsError,
        read_gradebook,
        rows_of,
    )

    title = "" if expected.exercise is None else expected.exercise.title
    try:
        gradebook = read_gradebook(options.gradebook, title, options.gradebook_column or "")
    except SeveralAssignmentsError as error:
        raise Refused(f"{error}: name one with --gradebook-column") from error
    named = [(one.identifier, one.student) for one in submissions.students]
    if not any(rows_of(gradebook, _students(named, expected))):
        raise Refused(
            f"--gradebook {printable(str(options.gradebook))}: nobody who handed something in is "
            "in it; give the one of this class"
        )
    usual = None if expected.assignment is None else expected.assignment.points
    _say_which_points(options.points, gradebook.maximum, usual)
    return gradebook


def _students(named: Iterable[tuple[str, str]], expected: Expected) -> list[Student]:
    """Return students by their ids and names, with the e-mail addresses that are known."""
    from backprop_sheet.handout.roster import Student

    assigned = () if expected.assignment is None else expected.assignment.students
    known = {one.student.id: one.student for one in assigned}
    return [known.get(identifier, Student(identifier, name)) for identifier, name in named]


def fill_gradebook(
    gradebook: Gradebook, report: ClassReport, expected: Expected, *, force: bool
) -> None:
    """Write the copy of the gradebook with the points of the students who are in it."""
    from backprop_sheet.audit.report.report_rows import NO_WORKBOOK
    from backprop_sheet.marking.comments import comment_of
    from backprop_sheet.marking.gradebook import Grade, rows_of

    options, rows = report.options, report.students()
    students = _students(((row.identifier, row.student) for row in rows), expected)
    grades: dict[int, Grade] = {}
    strangers = []
    for row, place in zip(rows, rows_of(gradebook, students), strict=True):
        if row.is_unfinished or (row.verdict == NO_WORKBOOK and row.sent in ("", "nothing")):
            continue
        if place is None or place in grades:
            strangers.append(row.student)
            continue
        findings = [] if row.table is None else report.findings_in(row.table)
        comment = comment_of(row, findings, options.rules.points, options.level)
        grades[place] = Grade(row.points, comment)
    gradebook.write(grades, force=force)
    filled = sum(grade.points is not None for grade in grades.values())
    of_all = f"{filled:,} of {count(len(gradebook.students), 'student')}"
    tell(f"Gradebook: {printable(str(gradebook.target))} ({of_all} with points)")
    if strangers:
        more = [f"{len(strangers) - MAX_NAMED:,} more"] if len(strangers) > MAX_NAMED else []
        names = join([*map(printable, strangers[:MAX_NAMED]), *more])
        tell(f"without a row of their own in the gradebook: {names}")
