"""How much reports and annotated copies tell about mistakes."""

from __future__ import annotations

from enum import StrEnum


class FeedbackLevel(StrEnum):
    """How much is told; the value is its word in options."""

    FULL = "full"  # everything
    CAUSE = "cause"  # the causes in words, but no values and no formulas
    PLACE = "place"  # which cells are wrong
    VERDICT = "verdict"  # only whether something is wrong

    @property
    def tells_places(self) -> bool:
        """Whether the wrong cells are named and marked."""
        return self is not FeedbackLevel.VERDICT

    @property
    def tells_causes(self) -> bool:
        """Whether the mistakes are named."""
        return self in (FeedbackLevel.FULL, FeedbackLevel.CAUSE)

    @property
    def tells_values(self) -> bool:
        """Whether values and formulas are shown, which are the solution."""
        return self is FeedbackLevel.FULL
