"""What ``gradsheet check`` compares the workbooks with: an exercise, or each student's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradsheet.commands.check_options import CheckOptions

if TYPE_CHECKING:
    from backprop_sheet.audit.given_check import GivenCheck
    from backprop_sheet.audit.submissions.collection import Submissions
    from backprop_sheet.exercise.model import Exercise
    from backprop_sheet.handout.assignment import Assignment


@dataclass(frozen=True)
class Expected:
    """What was given on the command line, read.

    Attributes:
        exercise: that the tables must be of; None for any.
        assignment: that was handed out, if there is one.
        given: the numbers that the tables must have; None for any.
    """

    exercise: Exercise | None = None
    assignment: Assignment | None = None
    given: GivenCheck | None = None

    @classmethod
    def of(cls, options: CheckOptions) -> Expected:
        """Read the exercise or the assignment.

        Raises:
            InvalidInputError: it cannot be read.
        """
        from backprop_sheet.audit.given_check import GivenCheck
        from backprop_sheet.exercise.exercise_file import load_exercise

        if options.assignment is not None:
            from backprop_sheet.handout.assignment import read_assignment

            assignment = read_assignment(options.assignment)
            return cls(assignment.exercise, assignment, GivenCheck.of_assignment(assignment))
        if options.exercise is None:
            return cls()
        exercise = load_exercise(options.exercise)
        given = GivenCheck.of_exercise(exercise) if options.given else None
        return cls(exercise, given=given)

    def in_class(self, submissions: Submissions) -> tuple[Expected, Submissions]:
        """Return the submissions by the students of the assignment, and what is expected of each.

        Without an assignment, they stay as they are.
        """
        if self.assignment is None or self.given is None:
            return self, submissions
        from backprop_sheet.audit.submissions.assigned import of_class

        students = [one.student for one in self.assignment.students]
        known = of_class(submissions, students)
        given = self.given.with_owners(known.owners)
        return Expected(self.exercise, self.assignment, given), known.submissions
