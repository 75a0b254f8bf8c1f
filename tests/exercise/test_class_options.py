"""The tables [marks] and [individual] of an exercise file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backprop_sheet.equations.columns import GROUPS, Role
from backprop_sheet.exercise.class_options import GivenKind, Individual, Marks
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.exercise_text import to_toml
from gradsheet.errors import InvalidInputError

MARKS = Marks(((ColumnGroup.FORWARD, 2.0), (ColumnGroup.GRADIENTS, 5.5)))
INDIVIDUAL = Individual(
    (GivenKind.WEIGHTS, GivenKind.LEARNING_RATE), 3, ((GivenKind.WEIGHTS, (-0.5, 0.9)),)
)


@pytest.mark.parametrize("individual", [None, Individual(), INDIVIDUAL])
@pytest.mark.parametrize("marks", [None, MARKS])
def test_they_are_written_and_read(marks: Marks | None, individual: Individual | None) -> None:
    exercise = replace(load_exercise(), marks=marks, individual=individual, name="")
    assert parse_exercise(to_toml(exercise)) == exercise


def test_a_group_that_is_left_out_has_no_points() -> None:
    assert MARKS.of(ColumnGroup.ERROR) == 0
    assert MARKS.of(ColumnGroup.GRADIENTS) == 5.5


def test_a_kind_without_a_range_has_none() -> None:
    assert INDIVIDUAL.range_of(GivenKind.WEIGHTS) == (-0.5, 0.9)
    assert INDIVIDUAL.range_of(GivenKind.INPUTS) is None


def test_every_column_but_the_given_ones_is_in_a_group() -> None:
    assert set(Role) - GROUPS.keys() == {Role.GIVEN}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[marks]\n", "marks must give points to at least one group of columns"),
        ("[marks]\nforward = 0", "marks must give points to at least one group of columns"),
        ("[marks]\nforward = -1", "marks.forward must be 0 to 1000, got -1"),
        ("[marks]\nforward = nan", "marks.forward must be 0 to 1000, got nan"),
        (
            "[marks]\nbackward = 1",
            "unknown key marks.backward; allowed here: forward, error, gradients, updates",
        ),
        ("[individual]\nvary = []", "individual.vary must name at least one kind of given values"),
        (
            '[individual]\nvary = ["rate"]',
            "individual.vary must name weights, biases, inputs, targets or learning_rate, "
            "got 'rate'",
        ),
        ("[individual]\ndecimals = 9", "individual.decimals must be 1 to 6, got 9"),
        (
            "[individual]\nweights = [0.9, 0.1]",
            "individual.weights must be the lowest and the highest value: [0.1, 0.9]",
        ),
        (
            "[individual]\nlearning_rate = [-1, 1]",
            "individual.learning_rate must be 0 to 1000, got -1",
        ),
        (
            '[individual]\nvary = ["inputs"]\nweights = [0.1, 0.9]',
            "individual.weights has a range, but vary does not name weights",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_key(table: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        parse_exercise(to_toml(load_exercise()) + table)
    assert str(raised.value) == message
