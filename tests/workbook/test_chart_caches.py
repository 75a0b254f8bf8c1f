"""Charts hold the numbers of their cells, which previews draw without reading the cells."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest
from fixtures.sampling import some_of
from lxml import etree
from openpyxl.utils import range_boundaries

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import chart_points, write_workbook
from gradsheet.excel import fast_writing

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"


def caches(path: Path) -> list[tuple[str, list[str]]]:
    """Every reference of every chart, and the numbers or texts beside it."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.startswith("xl/charts/chart"):
                continue
            root = etree.fromstring(archive.read(name))
            for reference in root.iter(f"{_C}numRef", f"{_C}strRef"):
                [cache] = [child for child in reference if child.tag.endswith("Cache")]
                points = cache.findall(f"{_C}pt")
                assert int(cache.find(f"{_C}ptCount").get("val")) == len(points) > 0
                assert [int(one.get("idx")) for one in points] == list(range(len(points)))
                found.append((reference.findtext(f"{_C}f"), [one[0].text for one in points]))
    return found


def cells(workbook: openpyxl.Workbook, reference: str) -> list[object]:
    sheet, _, area = reference.rpartition("!")
    column, first, _, last = range_boundaries(area)
    rows = workbook[sheet.strip("'")].iter_rows(first, last, column, column, values_only=True)
    return [value for (value,) in rows]


@pytest.mark.parametrize("name", some_of(packaged_exercises(), 2))
def test_caches_are_the_values_of_the_cells(tmp_path, monkeypatch, name):
    monkeypatch.setattr(chart_points, "MAX_POINTS", 1000)
    path = tmp_path / "sheet.xlsx"
    write_workbook(with_values(load_exercise(name), iterations=15), path)
    workbook = openpyxl.load_workbook(path, data_only=True)
    all_caches = caches(path)
    assert len(all_caches) > 10
    for reference, cached in all_caches:
        expected = cells(workbook, reference)
        if isinstance(expected[0], str):
            assert cached == expected, reference
        else:
            assert list(map(float, cached)) == pytest.approx(expected, rel=1e-14), reference


def test_a_long_table_is_held_in_evenly_spaced_iterations(tmp_path):
    path = tmp_path / "sheet.xlsx"
    exercise = with_values(load_exercise("xor"), iterations=400, learning_rates=[2.0])
    write_workbook(exercise, path)
    workbook = openpyxl.load_workbook(path, data_only=True)
    [iterations, *_] = [cached for reference, cached in caches(path) if "$A$" in reference]
    numbers = list(map(int, iterations))
    assert numbers[:8] == [0] * 4 + [7] * 4 and numbers[-4:] == [400] * 4
    assert len(numbers) <= chart_points.MAX_POINTS
    for reference, cached in caches(path):
        expected = cells(workbook, reference)
        if len(expected) > 1:
            rows = [4 * n + row for n in numbers[::4] for row in range(4)]
            assert list(map(float, cached)) == pytest.approx([expected[row] for row in rows])


def test_charts_are_written_as_xlsxwriter_writes_them(tmp_path, monkeypatch):
    exercise = with_values(load_exercise("softmax"), iterations=5)
    write_workbook(exercise, tmp_path / "quick.xlsx")
    monkeypatch.setattr(fast_writing, "CHART_INTERNALS", ("missing",))
    write_workbook(exercise, tmp_path / "plain.xlsx")
    assert caches(tmp_path / "quick.xlsx") == caches(tmp_path / "plain.xlsx")
