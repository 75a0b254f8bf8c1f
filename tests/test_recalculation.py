"""The workbook is live: edited and recalculated by LibreOffice, it says what the engine says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from backprop_sheet.descent import Problem, descend
from backprop_sheet.equations import COLUMNS
from backprop_sheet.layout import FIRST_ROW, HEADER
from backprop_sheet.workbook import is_ours, write_workbook
from tests.libreoffice import convert, needs_libreoffice

pytestmark = needs_libreoffice

RATES, ITERATIONS = (0.1, 0.5, 2.0), 60
WEIGHTS = Problem().weights
# What is edited (sheet, cell, value), and the problem and the rates that this makes.
EDITS = {
    "untouched": ([], Problem(), RATES),
    "rate": ([("LR 0.5", "B3", 0.75)], Problem(), (0.1, 0.75, 2.0)),
    "input": ([("Overview", "C7", -0.6)], Problem(inputs=(-0.6, 0.1)), RATES),
    "target": ([("Overview", "C10", 0.5)], Problem(targets=(0.01, 0.5)), RATES),
    "weight": ([("Overview", "C13", 1.25)],
               replace(Problem(), weights=(*WEIGHTS[:2], 1.25, *WEIGHTS[3:])), RATES),
    "far": ([("Overview", "C11", -900), ("Overview", "C7", 30), ("LR 2", "B3", 1e6)],
            Problem(inputs=(30, 0.1), weights=(-900.0, *WEIGHTS[1:])), (0.1, 0.5, 1e6)),
}  # fmt: skip


@pytest.fixture(scope="module")
def recalculated(tmp_path_factory) -> dict[str, Path]:
    """Each edit's workbook after LibreOffice; a lie planted among the stored values is gone."""
    folder = tmp_path_factory.mktemp("recalculation")
    original = folder / "original.xlsx"
    write_workbook(Problem(), RATES, ITERATIONS, original)
    paths = [original]
    for name, (edits, _, _) in EDITS.items():
        workbook = openpyxl.load_workbook(original)  # loses charts and stored values: no matter
        for sheet, cell, value in edits:
            assert isinstance(workbook[sheet][cell].value, int | float)
            workbook[sheet][cell] = value
        paths.append(folder / f"{name}.xlsx")
        workbook.save(paths[-1])
    made = convert(paths, folder / "computed")
    return dict(zip(("original", *EDITS), made, strict=True))


def near(found: float, expected: float) -> bool:
    # Excel and LibreOffice have no numbers below 2.2E-308.
    return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-300)


@pytest.mark.parametrize("edit", EDITS)
def test_tables_follow_an_edit(recalculated, edit):
    _, problem, rates = EDITS[edit]
    workbook = openpyxl.load_workbook(recalculated[edit], data_only=True)
    tables = [
        list(workbook[f"LR {rate:g}"].iter_rows(FIRST_ROW + 1, max_col=len(HEADER),
                                                values_only=True))
        for rate in RATES
    ]  # fmt: skip
    errors: list[list[float]] = []
    for n, row in enumerate(descend(problem, rates, ITERATIONS)):
        errors.append(row["E_total"].tolist())
        for index, table in enumerate(tables):
            assert table[n][0] == n
            for name, found in zip(COLUMNS, table[n][1:], strict=True):
                assert near(found, row[name][index]), (rates[index], n, name)
    overview = list(workbook["Overview"].iter_rows(23, 25, 2, 5, values_only=True))
    for index, (rate, first, last, reached) in enumerate(overview):
        assert rate == rates[index]
        assert near(first, errors[0][index]) and near(last, errors[-1][index])
        below = [n for n, error in enumerate(errors) if error[index] < 0.01]
        assert reached == (below[0] if below else "–")


def test_stored_values_are_what_a_spreadsheet_computes(recalculated, tmp_path):
    path = tmp_path / "original.xlsx"
    write_workbook(Problem(), RATES, ITERATIONS, path)
    stored = openpyxl.load_workbook(path, data_only=True)
    computed = openpyxl.load_workbook(recalculated["original"], data_only=True)
    for sheet in stored.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                found = computed[sheet.title][cell.coordinate].value
                if isinstance(cell.value, int | float):
                    assert near(found, cell.value), (sheet.title, cell.coordinate)
                else:
                    assert found == cell.value


def test_it_is_still_ours_after_libreoffice_saved_it(recalculated):
    assert is_ours(recalculated["original"])


def test_libreoffice_does_not_trust_stored_values(tmp_path):
    """Otherwise this whole file would compare our numbers with themselves."""
    import xlsxwriter

    path = tmp_path / "lie.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_number("A1", 2)
        sheet.write_formula("A2", "=A1*3", None, 777)
    [computed] = convert([path], tmp_path / "computed")
    assert openpyxl.load_workbook(computed, data_only=True).active["A2"].value == 6
