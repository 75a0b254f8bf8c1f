"""The values of the options of ``gradsheet check``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from gradsheet.commands.messages import Refused


@dataclass(frozen=True)
class CheckOptions:
    """The values of the command's arguments and options, by their names."""

    workbooks: tuple[Path, ...]
    exercise: str | None
    assignment: Path | None
    given: bool
    tolerance: float
    as_json: bool
    report: Path | None
    annotate: Path | None
    save_exercise: Path | None
    explain: bool
    force: bool
    jobs: int | None
    points: float | None
    feedback: str
    gradebook: Path | None
    gradebook_column: str | None

    @property
    def annotates_zip(self) -> bool:
        """Whether the annotated copies are packed into a zip."""
        return self.annotate is not None and self.annotate.suffix.lower() == ".zip"

    def check(self) -> None:
        """Refuse values that are impossible."""
        if not (math.isfinite(self.tolerance) and 0 <= self.tolerance < 1):
            raise Refused(f"--tolerance must be at least 0 and below 1, got {self.tolerance}")
        if self.jobs is not None and self.jobs < 1:
            raise Refused(f"--jobs must be 1 or more, got {self.jobs}")
        if self.points is not None:
            from backprop_sheet.handout.assignment import check_points

            check_points(self.points, "--points")
        if self.assignment is not None and self.exercise is not None:
            raise Refused("--assignment has its exercise: leave out --exercise")
        if self.assignment is not None and self.given:
            raise Refused("--assignment has each student's numbers: leave out --given")
        if self.given and self.exercise is None:
            raise Refused("--given compares with the numbers of an exercise: name it by --exercise")
        if self.gradebook_column is not None and self.gradebook is None:
            raise Refused("--gradebook-column is a column of --gradebook FILE.csv: give that, too")
        if self.explain and self.as_json:
            raise Refused("--json has the columns already: leave out --explain")
        if self.report is not None:
            from gradsheet.files import check_suffix

            check_suffix(self.report, (".xlsx", ".csv"), "--report")
        if self.save_exercise is not None:
            from gradsheet.files import check_suffix

            check_suffix(self.save_exercise, (".toml",), "--save-exercise")
            if self.exercise is not None or self.assignment is not None:
                raise Refused(
                    "--save-exercise writes a network that was read from formulas: "
                    f"leave out {'--assignment' if self.exercise is None else '--exercise'}"
                )
