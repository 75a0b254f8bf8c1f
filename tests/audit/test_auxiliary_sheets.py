"""The sheets around the tables of a workbook of this project are not tried as tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.check_command import judge
from fixtures.handing_out import RATE, Worksheet, make_worksheet
from fixtures.student_workbooks import Table, book_of

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise


def solve(worksheet: Worksheet, name: str) -> None:
    """Type what training gives in every blank."""
    exercise = load_exercise(name)
    training = replace(exercise.training, learning_rates=(RATE,), iterations=3)
    system = system_of(replace(exercise, training=training))
    rows = list(descend(exercise, system, (RATE,), 3))
    values = {column: np.concatenate([row[column][0] for row in rows]) for column in rows[0]}
    worksheet.type({(name, row): float(values[name][row]) for name, row in worksheet.blanks})


@pytest.mark.parametrize("exercise", ["deep", "course"])
def test_a_solved_worksheet_has_one_table(exercise: str, tmp_path: Path):
    """Its sheet Differences computes a network, too, with other numbers in the same columns."""
    worksheet = make_worksheet(tmp_path / "new.xlsx", "--blank", "all", exercise=exercise)
    solve(worksheet, exercise)
    solved = worksheet.save(tmp_path / "solved.xlsx")
    assert "Differences" in worksheet.book.sheetnames
    for options in ((), ("--exercise", exercise)):
        code, tables = judge(solved, *options)
        assert [(table["sheet"], table["verdict"]) for table in tables] == [("LR 0.5", "right")]
        assert code == 0


@pytest.mark.parametrize("sheet", ["Hints", "Differences", "Overview"])
def test_a_students_sheet_of_such_a_name_is_checked(sheet: str, tmp_path: Path):
    path = book_of(Table(sheet=sheet)).write(tmp_path / "own.xlsx")
    _, tables = judge(path)
    assert [table["sheet"] for table in tables] == [sheet]
