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
    from backprop_sheet.handout.roster import Student


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
        if options.assignment is not None:
            from backprop_sheet.audit.given_check import GivenCheck
            from backprop_sheet.handout.assignment import read_assignment

            assignment = read_assignment(options.assignment)
            return cls(assignment.exercise, assignment, GivenCheck.of_assignment(assignment))
        if options.exercise is None:
            return cls()
        from backprop_sheet.exercise.exercise_file import load_exercise

        exercise = load_exercise(options.exercise)
        if not options.given:
            return cls(exercise)
        from backprop_sheet.audit.given_check import GivenCheck

        return cls(exercise, given=GivenCheck.of_exercise(exercise))

    @property
    def students(self) -> list[Student]:
        """The students of the assignment, in its order."""
        return [one.student for one in self.assignment.students] if self.assignment else []

    def of_each(self, submissions: Submissions) -> Expected:
        """Return the same, and what is expected of each file that was handed in."""
        given = self.given and self.given.with_owners(submissions.owners)
        return Expected(self.exercise, self.assignment, given)
