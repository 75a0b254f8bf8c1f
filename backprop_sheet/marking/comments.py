"""What a student reads in the course system: points, and as much about mistakes as may be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.report.report_rows import NO_WORKBOOK, FindingRow
from backprop_sheet.audit.report.student_rows import StudentRow
from backprop_sheet.audit.results import GIVEN_NUMBERS, INCOMPLETE, RIGHT, number_text
from gradsheet.words import count

MAX_FINDINGS = 12


def comment_of(
    student: StudentRow, findings: Sequence[FindingRow], points: float, level: FeedbackLevel
) -> str:
    """Return the comment for a student.

    Args:
        findings: those in the table that counts.
        points: of a table without a mistake.
    """
    if student.points is None:
        if student.verdict == NO_WORKBOOK:
            return f"No workbook was handed in, but {student.sent}."
        return f"{student.sent} {student.told}"
    return " ".join(_sentences(student, findings, points, level))


def _sentences(
    student: StudentRow, findings: Sequence[FindingRow], points: float, level: FeedbackLevel
) -> Iterator[str]:
    yield f"{student.points:g} of {points:g} points."
    if student.lacking:
        yield f"Only {student.lacking}."
    if student.verdict == RIGHT:
        yield "Everything that was checked is right."
    elif not level.tells_places:
        yield "It is incomplete." if student.verdict == INCOMPLETE else "Something is wrong."
    elif not findings:
        yield f"Incomplete: {student.told}." if student.told else "It is incomplete."
    if level.tells_places and findings:
        told = [_told(finding, level) for finding in findings[:MAX_FINDINGS]]
        if (more := len(findings) - MAX_FINDINGS) > 0:
            told.append(f"{count(more, 'more finding')}")
        yield f"To correct: {'; '.join(told)}."
    if student.not_checked and level.tells_places:
        yield f"Not checked: {student.not_checked}."


def _told(finding: FindingRow, level: FeedbackLevel) -> str:
    words = finding.column
    if finding.first_cell:
        words += f" at {finding.first_cell}"
    if finding.count > 1:
        words += f" and {count(finding.count - 1, 'more cell')}"
    details = [finding.told_cause] if level.tells_causes and finding.told_cause else []
    if level.tells_values and finding.column != GIVEN_NUMBERS:
        details.append(f"found {_number(finding.found)}, expected {_number(finding.expected)}")
    return f"{words} ({'; '.join(details)})" if details else words


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else number_text(value)
