"""The catalogue of mistakes: each one, planted in a table, is found where it was made."""

from __future__ import annotations

import random

import pytest
from fixtures.planted_tables import audit, planted_sheet
from fixtures.sampling import some_of

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.fingerprints import Fingerprints
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.mistakes import mistakes
from backprop_sheet.audit.diagnose.name_mistakes import wrong_names
from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.expressions import names

EXERCISES = packaged_exercises()


def catalogue(system: EquationSystem):
    """Every column, position and mistake."""
    for column in system.correct:
        positions = 1
        if column in system.updates and system.rows_per_iteration > 1:
            positions = 2
        for position in range(positions):
            for mistake in mistakes(system, column, position):
                yield column, position, mistake


def check_planted(exercise, system, column, position, mistake) -> bool:
    """Whether the mistake could be planted and changed a value; it is then found, and only it."""
    sheet = planted_sheet(exercise, system, column, mistake.expression, position=position)
    right = planted_sheet(exercise, system)
    if sheet is None or not _differs(sheet, right, column):
        return False
    result = audit(sheet, exercise)
    described = (exercise.name, column, mistake.cause)
    assert [finding.column for finding in result.findings] == [column], described
    assert result.verdict == "wrong"
    (finding,) = result.findings
    assert finding.cause in causes_of(system, column, position, mistake) or (
        # A cell that stands where the formula's cell of η would be if it were filled.
        finding.cause.startswith("a reference that points at the wrong row: η is read from ")
        and "where η belongs" in mistake.cause
    ), (described, finding.cause)
    assert finding.formula, described
    first = finding.cells[0]
    assert finding.found == sheet.values[first.row, first.column]
    return True


def causes_of(system: EquationSystem, column: str, position: int, planted: Mistake) -> set[str]:
    """The causes of all mistakes that make the same function of the formula: its own, and others.

    Which of them a student made cannot be told from the numbers.
    """
    same = Fingerprints(system).same
    used = dict.fromkeys(name.name for name in names(planted.expression))
    others = wrong_names(system, row_rhs(system, column, position), used)
    return {planted.cause} | {
        mistake.cause
        for mistake in (*mistakes(system, column, position), *others)
        if same(mistake.expression, planted.expression)
    }


def _differs(sheet: Sheet, right: Sheet, column: str) -> bool:
    """Whether a planted formula changes its own cell beyond the tolerance.

    The rows before it are as they would be without it, so the first difference is its own. Others
    may be larger: a sum whose terms almost cancel.
    """
    across = next(at for (_, at), text in right.values.items() if text == column)
    for row in sorted({row for row, _ in sheet.values}):
        value, other = sheet.values.get((row, across)), right.values.get((row, across))
        if isinstance(value, float) and isinstance(other, float) and value != other:
            return abs(value - other) > 2e-6 * max(abs(value), abs(other))
    return False


@pytest.mark.parametrize("name", EXERCISES)
def test_a_right_table_is_right(name):
    exercise = load_exercise(name)
    sheet = planted_sheet(exercise, system_of(exercise))
    result = audit(sheet, exercise)
    assert (result.verdict, result.findings) == ("right", ())
    assert result.lr == exercise.training.learning_rates[-1]


@pytest.mark.parametrize("count", [8, pytest.param(80, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", some_of(EXERCISES, 4))
def test_planted_mistakes_are_found_and_named(name, count):
    exercise = load_exercise(name)
    system = system_of(exercise)
    everything = list(catalogue(system))
    some = random.Random(name).sample(everything, count)
    planted = sum(check_planted(exercise, system, *one) for one in some)
    assert planted > count / 3


def test_the_catalogue_is_bounded():
    """It grows with the formula's length times the number of names, not with all subsets."""
    for name in EXERCISES:
        system = system_of(load_exercise(name))
        for column in system.correct:
            assert sum(1 for _ in mistakes(system, column)) < 2_000, (name, column)


@pytest.mark.parametrize("name", ["deep", "softmax"])
def test_mistakes_are_written_in_the_columns_of_the_table(name):
    """The derivative of another loss needs ∂E/∂o1, where softmax with its own loss does not."""
    system = system_of(load_exercise(name))
    known = {*system.columns, *system.constants}
    gradients = [column for column in system.correct if kind_of(column) is Kind.GRADIENT]
    for column in gradients[:2] + gradients[-2:]:
        for mistake in mistakes(system, column):
            assert {used.name for used in names(mistake.expression)} <= known, mistake.cause


def test_a_wrong_sign_in_a_long_sum_is_named_by_its_summand():
    causes = [
        each.cause
        for each in mistakes(system_of(load_exercise("xor")), "h1")
        if each.cause.startswith("a wrong sign: - instead of +")
    ]
    assert causes == [
        "a wrong sign: - instead of + before b1",
        "a wrong sign: - instead of + before w2*i2",
    ]
