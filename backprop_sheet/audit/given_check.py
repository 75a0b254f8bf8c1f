"""Whether the given numbers of a table are those that its student got.

Numbers decide: a table is the student's if its inputs, targets, initial weights, biases and
learning rate are, in whatever form they are written and however the neurons are numbered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backprop_sheet.audit.compare.given_numbers import (
    GivenDifference,
    GivenNumbers,
    agree,
    differences,
    flat_numbers,
    names_of,
    numbers_of_table,
    shaped,
)
from backprop_sheet.audit.compare.learning_rate import inferred_rate
from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.results import (
    GIVEN_NUMBERS,
    INCOMPLETE,
    RIGHT,
    WRONG,
    Finding,
    GivenJudgement,
    GivenKind,
    TableResult,
)
from backprop_sheet.audit.submissions.class_list import Owner, shown
from backprop_sheet.equations.names import GIVEN_KINDS, LEARNING_RATE, kind_of
from backprop_sheet.exercise.model import Exercise
from gradsheet.words import count, join

if TYPE_CHECKING:  # a check needs nothing of what draws the numbers
    from backprop_sheet.handout.assignment import Assigned, Assignment
    from backprop_sheet.handout.roster import Student

MAX_CHANGED = 2  # given numbers with which a table is still the student's own exercise
MAX_NAMED = 6  # of the changed numbers in one cause
_WORTHLESS = (GivenKind.OTHERS, GivenKind.TRIVIAL, GivenKind.FOREIGN)
MIN_SHARED = 0.5  # the share of numbers that a table has with somebody whose numbers it may have


@dataclass(frozen=True)
class GivenCheck:
    """The given numbers of an exercise, or of each student of an assignment.

    It is sent to the processes that check workbooks, so that it is small.

    Attributes:
        exercise: that all tables are of.
        iterations: how many a table has at least.
        students: in the order of ``numbers``; none without an assignment.
        numbers: of each student, and in the last row those of the exercise.
        rates: the learning rates of each, in the same order.
        owners: whose each file is, by its place for the user.
    """

    exercise: Exercise
    iterations: int
    students: tuple[Student, ...]
    numbers: Numbers
    rates: tuple[tuple[float, ...], ...]
    owners: Mapping[Path, Owner] = field(default_factory=dict)

    @classmethod
    def of_exercise(cls, exercise: Exercise) -> GivenCheck:
        """Return the check against the numbers of one exercise."""
        return cls._of(exercise, exercise.training.iterations, ())

    @classmethod
    def of_assignment(cls, assignment: Assignment) -> GivenCheck:
        """Return the check of each table against its student's numbers."""
        return cls._of(assignment.exercise, assignment.iterations, assignment.students)

    @classmethod
    def _of(cls, exercise: Exercise, iterations: int, assigned: Sequence[Assigned]) -> GivenCheck:
        every = [*(one.exercise for one in assigned), exercise]
        return cls(
            exercise,
            iterations,
            tuple(one.student for one in assigned),
            np.array([flat_numbers(one) for one in every]),
            tuple(one.training.learning_rates for one in every),
        )

    def with_owners(self, owners: Mapping[Path, Owner]) -> GivenCheck:
        """Return the check of files whose students are known."""
        return replace(self, owners=owners)

    def of_file(self, place: Path) -> FileCheck:
        """Return the check of one file, which is given by its place for the user."""
        return FileCheck(self, self.owners.get(place, Owner(None)))

    def numbers_of(self, index: int) -> GivenNumbers:
        """Return the numbers of a student, or with -1 those of the exercise."""
        return shaped(self.numbers[index], self.exercise.network, len(self.exercise.samples))


@dataclass(frozen=True)
class FileCheck:
    """The check of the tables in one file.

    Attributes:
        owner: the student whose file it is, if that is known.
    """

    check: GivenCheck
    owner: Owner

    def judged(self, result: TableResult, comparison: Comparison) -> TableResult:
        """Return the result of a table with a judgement of its given numbers.

        What follows from that is decided when all tables of the file are known.
        """
        judging = _Judging(self.check, self.owner.student, comparison)
        return replace(result, given=judging.judgement(result))

    def of_all(self, tables: Sequence[TableResult]) -> tuple[TableResult, ...]:
        """Return the results of all tables of a file, with what follows from their judgements.

        Beside a table with the given numbers, one with another learning rate is a further one.
        """
        has_own = any(one.given and one.given.kind is GivenKind.SAME for one in tables)
        results = []
        for table in tables:
            if has_own and table.given is not None and table.given.has_only_another_rate:
                note = "a further table, with a learning rate that is not the given one"
                table = replace(table, given=None, warnings=(note, *table.warnings))
            else:
                table = _with_judgement(table)
            if self.owner.note:
                table = replace(
                    table,
                    warnings=(self.owner.note, *table.warnings),
                    teacher_notes=(self.owner.note, *table.teacher_notes),
                )
            results.append(table)
        return tuple(results)


def _with_judgement(table: TableResult) -> TableResult:
    """Return the result of a table with the findings and notes about its given numbers."""
    given = table.given
    if given is None:
        return table
    verdict = table.verdict
    if given.findings:
        verdict = WRONG
    elif verdict == RIGHT and given.shortfalls:
        verdict = INCOMPLETE
    return replace(
        table,
        verdict=verdict,
        findings=(*given.findings, *table.findings),
        warnings=(*given.shortfalls, *given.notes, *table.warnings),
        teacher_notes=given.notes,
        is_worthless=given.kind in _WORTHLESS,
    )


@dataclass(frozen=True)
class _Owned:
    """Where a table's numbers differ from those of a student, or of the exercise."""

    index: int | None  # -1 for the exercise, None for nobody
    different: tuple[GivenDifference, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.name for one in self.different))


class _Judging:
    """The judgement of one table."""

    def __init__(self, check: GivenCheck, student: Student | None, comparison: Comparison) -> None:
        self.check, self.student, self.comparison = check, student, comparison
        self.found = numbers_of_table(comparison)
        self.names = names_of(comparison, self.found.samples)

    def judgement(self, result: TableResult) -> GivenJudgement | None:
        """Return the judgement; None if the table is of another network than the exercise."""
        if not self.found.has_shape_of(self.check.numbers_of(-1)):
            return None
        own = self._own()
        kind, whose = self._kind(own)
        return GivenJudgement(
            kind,
            own.names,
            "" if whose is None else whose.id,
            tuple(self._findings(kind, own, whose)),
            tuple(self._shortfalls(result)),
            tuple(self._notes(kind, whose)),
        )

    def _own(self) -> _Owned:
        """Return the differences from the student's numbers; of an unknown one, the nearest's."""
        students = self.check.students
        if not students:
            return self._from(-1)
        if self.student is not None:
            return self._from(students.index(self.student))
        nearest = self._nearest(is_student=True)
        if nearest is not None and len(nearest.different) <= MAX_CHANGED:
            return nearest
        numbers = zip(self.names, self.found.flat.tolist(), strict=True)
        known = [(name, value) for name, value in numbers if not math.isnan(value)]
        return _Owned(None, tuple(GivenDifference(*name, value, math.nan) for name, value in known))

    def _kind(self, own: _Owned) -> tuple[GivenKind, Student | None]:
        """Return what the numbers are, and whose if they are a student's."""
        students = self.check.students
        if not own.different:
            return GivenKind.SAME, self._at(own.index)
        nearest = self._nearest() if students else None
        if nearest is not None and nearest.index == own.index:
            nearest = None
        if nearest is not None and not nearest.different:
            return GivenKind.OTHERS, self._at(nearest.index)
        if self._trivial:
            return GivenKind.TRIVIAL, None
        if own.index is not None and len(own.different) <= MAX_CHANGED:
            return GivenKind.CHANGED, None
        if nearest is not None and len(nearest.different) <= MAX_CHANGED:
            return GivenKind.OTHERS, self._at(nearest.index)
        return GivenKind.FOREIGN, None

    def _at(self, index: int | None) -> Student | None:
        """Return the student of an index; None for the exercise, -1, and for nobody."""
        return None if index is None or index < 0 else self.check.students[index]

    def _from(self, index: int) -> _Owned:
        expected = self.check.numbers_of(index)
        found = differences(self.found, expected, self.names)
        return _Owned(index, (*found, *self._of_rate(self.check.rates[index])))

    @cached_property
    def _rate(self) -> float | None:
        """The learning rate that is compared: of several, the one that the table says."""
        rate = self.comparison.rate
        if rate.quantity or rate.is_empty:
            return None  # this is a mistake of the updates, which is a finding
        return rate.other_label[1] if rate.other_label is not None else rate.value

    def _of_rate(self, rates: Sequence[float]) -> Iterator[GivenDifference]:
        """Yield the difference of the learning rate from all given ones."""
        rate = self._rate
        if rate is None or any(math.isclose(rate, one, rel_tol=TOLERANCE) for one in rates):
            return
        if self.comparison.rate.is_inferred:
            inferred, off = inferred_rate(self.comparison.data, self.comparison.uncertainty)
            if inferred is None or any(abs(inferred - one) <= off for one in rates):
                return
        yield GivenDifference(LEARNING_RATE, 0, rate, rates[0])

    def _nearest(self, *, is_student: bool = False) -> _Owned | None:
        """Return the student, or the exercise, whose numbers differ least, if not in too many."""
        best: _Owned | None = None
        for index in self._plausible:
            if index < 0 and is_student:
                continue
            owned = self._from(index)
            if best is None or len(owned.different) < len(best.different):
                best = owned
            if not best.different:
                break
        return best

    @cached_property
    def _plausible(self) -> list[int]:
        """The students, and the exercise (-1), that have many of a table's numbers."""
        found = self.found.flat
        values = np.round(found[~np.isnan(found)], 9)
        if not len(values):
            return []
        plausible = []
        numbers = self.check.numbers
        for row in range(len(numbers)):
            shared = np.isin(values, np.round(numbers[row], 9)).mean()
            if shared < MIN_SHARED and len(found) == len(numbers[row]):
                shared = agree(found, numbers[row]).mean()
            if shared >= MIN_SHARED:
                plausible.append(row if row < len(numbers) - 1 else -1)
        return plausible

    @cached_property
    def _trivial(self) -> str:
        """What makes most of a table trivially right, in words; "" for nothing."""
        weights = np.concatenate([part.ravel() for part in self.found.weights])
        if len(weights) > 1 and np.ptp(weights) == 0:
            return f"all weights are {weights[0]:g}"
        if self.found.inputs.size and not self.found.inputs.any():
            return "all inputs are 0"
        return f"{LEARNING_RATE} is 0" if self._rate == 0 else ""

    def _findings(self, kind: GivenKind, own: _Owned, whose: Student | None) -> Iterator[Finding]:
        whom = self._whom(own.index)
        match kind:
            case GivenKind.CHANGED:
                changed = join(map(self._name, own.different))
                cause = f"{changed} is not the given number of {whom}"
                if len(own.different) > 1:
                    cause = f"{changed} are not the given numbers of {whom}"
                for one in own.different:
                    yield self._finding((one,), cause)
            case GivenKind.OTHERS:
                others = "the exercise" if whose is None else shown(whose)
                cause = f"the given numbers are those of {others}, not of {whom}"
                told = "" if whose is None else "the given numbers are those of another student"
                yield replace(self._all(own.different, cause), told_cause=told)
            case GivenKind.TRIVIAL:
                cause = f"trivial given numbers, not those of {whom}: {self._trivial}"
                yield self._all(own.different, cause)
            case GivenKind.FOREIGN:
                names = own.names
                listed = [*names[:MAX_NAMED]]
                if (more := len(names) - MAX_NAMED) > 0:
                    listed.append(f"{more} more")
                cause = f"the given numbers are not those of {whom}: {join(listed)} differ"
                yield self._all(own.different, cause)

    def _name(self, one: GivenDifference) -> str:
        is_of_sample = self.found.samples > 1 and kind_of(one.name) in GIVEN_KINDS
        return f"{one.name} of sample {one.sample + 1}" if is_of_sample else one.name

    def _whom(self, index: int | None) -> str:
        """Return whose numbers were expected, in words."""
        if not self.check.students:
            return "the exercise"
        expected = self.student or self._at(index)
        return "anybody in the class" if expected is None else shown(expected)

    def _all(self, different: Sequence[GivenDifference], cause: str) -> Finding:
        """Return the finding that all numbers are other ones; it has the first one's values."""
        return replace(self._finding(different, cause), column=GIVEN_NUMBERS)

    def _finding(self, different: Sequence[GivenDifference], cause: str) -> Finding:
        first = different[0]
        is_unknown = math.isnan(first.expected)
        cells = [cell for one in different if (cell := self._cell(one)) is not None]
        sheet = self.comparison.data.table.sheet
        formula = None
        if first.name != LEARNING_RATE and first.name in self.comparison.data.table.names:
            formula = self.comparison.translator.text(first.name, first.sample)[0]
        return Finding(
            column=first.name,
            cells=tuple(dict.fromkeys(cells)),
            first_cell=cells[0].text(sheet) if cells else "",
            found=first.found,
            expected=None if is_unknown else first.expected,
            formula=formula,
            expected_formula="the given number" if is_unknown else f"{first.expected:.10g}",
            cause=cause,
            is_given=True,
        )

    def _cell(self, one: GivenDifference) -> Address | None:
        """Return where a table has a given number; None for one that is in no cell."""
        comparison, table = self.comparison, self.comparison.data.table
        if one.name == LEARNING_RATE:
            rate = comparison.rate
            if rate.other_label is not None:
                return rate.other_label[0]
            if rate.source.cell is not None:
                return rate.source.cell
        if one.name in table.names and (cell := table.cell(one.name, one.sample)) is not None:
            return cell
        constants = comparison.translator.formulas.constants
        return next((cell for cell, name in constants.items() if name == one.name), None)

    def _shortfalls(self, result: TableResult) -> Iterator[str]:
        """Say which iterations and samples are missing."""
        samples = len(self.check.exercise.samples)
        if self.found.samples != samples:
            yield f"{count(self.found.samples, 'sample')} instead of {samples}"
        per_iteration = self.comparison.data.system.rows_per_iteration
        # The parameters of the row after an iteration are its updates.
        iterations = max(-(-result.begun_rows // per_iteration) - 1, 0)
        if iterations < self.check.iterations:
            yield f"{count(iterations, 'iteration')} instead of at least {self.check.iterations}"

    def _notes(self, kind: GivenKind, whose: Student | None) -> Iterator[str]:
        """Say whose numbers a table of an unknown student has."""
        if self.student is None and whose is not None and kind is GivenKind.SAME:
            yield (
                f"the given numbers are those of {shown(whose)}, but no name says whose workbook "
                "this is"
            )
