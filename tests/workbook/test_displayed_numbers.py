"""What LibreOffice shows in the cells of every packaged exercise's workbook is what they hold."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from fixtures.sampling import some_of
from oracles.libreoffice import convert, displayed_cells, needs_libreoffice

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import overview, write_workbook
from backprop_sheet.workbook.learning_rate_sheet import LearningRateSheet

pytestmark = needs_libreoffice

PACKAGED = packaged_exercises()
ITERATIONS = 40


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    """A workbook of each exercise, without the charts, which take long to draw."""
    folder = tmp_path_factory.mktemp("displayed")
    paths = {name: folder / f"{name}.xlsx" for name in PACKAGED}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LearningRateSheet, "_add_charts", lambda *_: None)
        patch.setattr(overview, "_insert_chart", lambda *_, **__: None)
        for name, path in paths.items():
            exercise = with_values(load_exercise(name), iterations=ITERATIONS)
            if name == "course":  # its smallest gradients change their signs late
                exercise = load_exercise(name)
            if name == "relu":  # zeros, and numbers that need another format
                exercise = with_values(exercise, learning_rates=[0.05, 30.0])
            write_workbook(exercise, path)
    return paths


@pytest.fixture(scope="module")
def displayed(written, tmp_path_factory) -> dict[str, dict[str, list[list[str]]]]:
    """The texts of all cells as LibreOffice shows them, by exercise and sheet."""
    folder = tmp_path_factory.mktemp("texts")
    return dict(zip(written, displayed_cells(written.values(), folder), strict=True))


@pytest.mark.thorough
@pytest.mark.parametrize("name", PACKAGED)
def test_every_number_is_shown_with_its_sign_and_size(written, displayed, name):
    small_negatives = 0
    workbook = openpyxl.load_workbook(written[name], data_only=True)
    assert set(displayed[name]) == set(workbook.sheetnames)
    for sheet in workbook.worksheets:
        texts = displayed[name][sheet.title]
        for row in sheet.iter_rows():
            for cell in row:
                if not isinstance(cell.value, int | float):
                    continue
                text = texts[cell.row - 1][cell.column - 1].strip()
                shown = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
                where = f"{sheet.title}!{cell.coordinate}: {cell.value} is shown as {text}"
                digits = 2 if cell.number_format.startswith("0.0E") else 3
                assert math.isclose(shown, cell.value, rel_tol=0.6 * 10 ** (1 - digits)), where
                small_negatives += -1e-4 < cell.value < 0
    if name in ("course", "softmax"):
        assert small_negatives, "no such number would be shown without its sign"


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
@pytest.mark.parametrize("name", some_of(PACKAGED, 2))
def test_no_number_is_wider_than_its_column(name, written, tmp_path):
    (path,) = convert([written[name]], tmp_path, "pdf")
    text = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "0.5" in text and "##" not in text
