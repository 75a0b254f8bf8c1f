"""What ``gradsheet check`` gives points for, and how much it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradsheet.commands.check_options import CheckOptions

if TYPE_CHECKING:
    from backprop_sheet.audit.report.class_report import ReportOptions
    from backprop_sheet.exercise.model import Exercise


def report_options(options: CheckOptions, exercise: Exercise | None) -> ReportOptions:
    """Return the options of the report.

    Args:
        exercise: the one that was given.
    """
    from backprop_sheet.audit.feedback_level import FeedbackLevel
    from backprop_sheet.audit.report.class_report import ReportOptions
    from backprop_sheet.marking.points import DEFAULT_POINTS, PointRules

    rules = PointRules(
        points=DEFAULT_POINTS if options.points is None else options.points,
        marks=None if exercise is None else exercise.marks,
    )
    return ReportOptions(rules, FeedbackLevel(options.feedback))
