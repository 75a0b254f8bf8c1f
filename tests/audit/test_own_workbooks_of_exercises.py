"""The workbooks of ``sheet`` are right, whatever their exercise, and get all points."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from fixtures.commands import invoke
from fixtures.sampling import some_of

from backprop_sheet.exercise.packaged import packaged_exercises


@pytest.mark.parametrize("exercise", some_of(packaged_exercises(), 3))
def test_the_workbook_of_an_exercise_is_right(exercise: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    made = invoke("sheet", "--exercise", exercise, "--iterations", 5, "-o", path)
    assert made.exit_code == 0, made.output
    done = invoke("check", path, "--report", tmp_path / "r.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["points"] for row in csv.DictReader(file)} == {"10.0"}
