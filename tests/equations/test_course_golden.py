"""The default exercise's tables are today's, character by character.

``data/course_golden.json`` was frozen from the workbook of the release before exercise files: per
sheet of a learning rate a digest of all formulas and the cells of the last row (of one sheet all
cells), and the references of all charts.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from cli import main

GOLDEN = json.loads(
    (Path(__file__).parent.parent / "data" / "course_golden.json").read_text("utf-8")
)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("course") / "course.xlsx"
    result = CliRunner().invoke(main, ["sheet", "-o", str(path)])
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def formulas(course) -> openpyxl.Workbook:
    return openpyxl.load_workbook(course)


@pytest.fixture(scope="module")
def values(course) -> openpyxl.Workbook:
    return openpyxl.load_workbook(course, data_only=True)


def test_the_sheets_have_their_names(formulas):
    names = [name for name in formulas.sheetnames if name.startswith("LR ")]
    assert names == list(GOLDEN["sheets"])
    assert formulas.sheetnames[:2] == ["Overview", "Equations"]


@pytest.mark.parametrize("name", GOLDEN["sheets"])
def test_every_header_and_formula_is_the_same(formulas, name):
    sheet = formulas[name]
    cells = [sheet["A3"], sheet["B3"]]
    cells += [cell for row in sheet.iter_rows(min_row=6) for cell in row]
    lines = [f"{cell.coordinate}\t{cell.value}" for cell in cells if cell.value is not None]
    digest = hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()
    assert digest == GOLDEN["sheets"][name]["sha256"]


@pytest.mark.parametrize("name", GOLDEN["sheets"])
def test_formulas_and_their_stored_values(formulas, values, name):
    for address, (formula, value) in GOLDEN["sheets"][name]["cells"].items():
        assert formulas[name][address].value == formula
        found = values[name][address].value
        if isinstance(value, str):
            assert found == value
        else:  # the last bit may differ from CPU to CPU
            assert math.isclose(found, value, rel_tol=1e-12), address


def test_the_charts_have_their_ranges(course):
    with zipfile.ZipFile(course) as archive:
        charts = [
            re.findall(r"<c:f>(.*?)</c:f>", archive.read(name).decode("utf-8"))
            for name in archive.namelist()
            if name.startswith("xl/charts/chart")
        ]
    assert sorted(charts) == GOLDEN["charts"]


def test_the_overviews_cells_have_their_addresses(formulas):
    sheet = formulas["Overview"]
    given = {"i1": 0.05, "i2": 0.1, "t1": 0.01, "t2": 0.99}
    given |= {f"w{n}": w for n, w in enumerate((0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55), 1)}
    found = {row[0]: row[1] for row in sheet.iter_rows(7, 18, 2, 3, values_only=True)}
    assert found == given
    assert sheet["B22"].value == "η"
    rates = [sheet.cell(row, 2).value for row in range(23, 29)]
    assert rates == [f"='{name}'!$B$3" for name in GOLDEN["sheets"]]
