"""The network as a workbook: its values, stored or recalculated, are Keras'."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from fixtures.commands import click_run
from fixtures.keras_files import write_keras_file
from fixtures.random_networks import random_weights
from fixtures.sampling import some_of
from oracles.ironcalc import Engine
from oracles.libreoffice import calculated_rows, convert, displayed_cells, needs_libreoffice
from oracles.open_xml import errors_of

pytest.importorskip("tensorflow")

import keras

from gradsheet.excel.styles import default_format
from keras_model.data.mnist import load_digits, normalized
from keras_model.export.sheets.layout import GALLERY_PIXEL_SIZE, PIXEL_SIZE, square_width
from keras_model.export.workbook import SAMPLE_CELL, pick_samples
from keras_model.networks.network_file import parse_network

SAMPLES = 20


@pytest.fixture(scope="module")
def workbook(model, data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.xlsx"
    output = click_run("digits", model, "--data", data, "-o", path, "--samples", SAMPLES)
    assert "formulas" in output and str(path) in output
    return path


@pytest.fixture(scope="module")
def gallery(data) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits(data)
    indices = pick_samples(digits.y_test, SAMPLES)
    return digits.x_test[indices], digits.y_test[indices]


@pytest.fixture(scope="module")
def network(model) -> keras.Model:
    return keras.saving.load_model(model, compile=False)


def keras_logits(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(network.predict(normalized(images), verbose=0))


def stored_rows(path: Path) -> list[list]:
    """The rows of the sheet Draw with the values that are stored in the workbook."""
    workbook = openpyxl.load_workbook(path, data_only=True, read_only=True)
    rows = [list(row) for row in workbook["Draw"].iter_rows(values_only=True)]
    workbook.close()
    return rows


def result_in(rows: list[list]) -> tuple[int, np.ndarray, np.ndarray]:
    """The prediction, the logits and the probabilities on the sheet Draw, found by their names."""
    (header,) = (number for number, row in enumerate(rows) if "logit" in row)
    column = rows[header].index("logit")
    (predicted,) = (row[row.index("prediction") + 1] for row in rows if "prediction" in row)
    table = rows[header + 1 : header + 11]
    assert [row[column - 1] for row in table] == list(range(10))
    logits, probabilities = (np.array([row[column + i] for row in table], float) for i in (0, 1))
    return predicted, logits, probabilities


def with_cells(workbook: Path, path: Path, **cells: float) -> Path:
    """The workbook with other numbers in cells of its sheet Draw, without recalculating it."""
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename == "xl/worksheets/sheet2.xml":
                text = content.decode()
                for cell, value in cells.items():
                    typed = rf'(<c r="{cell}"[^>]*?)(?:/>|><v>[^<]*</v></c>)'
                    text, count = re.subn(typed, rf"\1><v>{value}</v></c>", text)
                    assert count == 1
                content = text.encode()
            new.writestr(member.filename, content)  # not compressed, which is faster
    return path


def test_the_stored_values_are_keras(workbook, network, gallery):
    images, labels = gallery
    predicted, logits, probabilities = result_in(stored_rows(workbook))
    expected = keras_logits(network, images[:1])[0]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert predicted == expected.argmax()
    np.testing.assert_allclose(probabilities, np.exp(expected) / np.exp(expected).sum(), atol=1e-5)
    assert sorted(labels) == sorted([*range(10), *range(10)])
    assert workbook.stat().st_size < 4 * 2**20


@pytest.fixture(scope="module")
def drawings(workbook) -> list[np.ndarray]:
    """The drawing in the workbook, and the same with three other pixels in Q28 to Q30."""
    opened = openpyxl.load_workbook(workbook, read_only=True)
    drawing = np.array(
        [
            [float(value or 0) for value in row]
            for row in opened["Draw"].iter_rows(8, 35, 2, 29, values_only=True)
        ]
    )
    opened.close()
    assert drawing.shape == (28, 28) and drawing.max() == 255
    changed = drawing.copy()
    changed[20:23, 15] = 250, 77.5, 3
    return [drawing, changed]


CHOSEN = {f"{number}": {SAMPLE_CELL: number} for number in range(1, SAMPLES + 1)} | {
    "drawing": {SAMPLE_CELL: 0},
    "changed": {SAMPLE_CELL: 0, "Q28": 250, "Q29": 77.5, "Q30": 3},
}
Results = dict[str, tuple[int, np.ndarray, np.ndarray]]


def by_ironcalc(workbook: Path, _: Path) -> Results:
    engine = Engine(workbook)
    results = {}
    for name, cells in CHOSEN.items():
        for cell, value in cells.items():
            engine.type_number("Draw", cell, value)
        results[name] = result_in(engine.rows("Draw"))
    return results


def by_libreoffice(workbook: Path, folder: Path) -> Results:
    paths = [with_cells(workbook, folder / f"{name}.xlsx", **CHOSEN[name]) for name in CHOSEN]
    results = map(result_in, calculated_rows(paths, folder / "computed", "Draw"))
    return dict(zip(CHOSEN, results, strict=True))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(by_ironcalc, id="IronCalc", marks=pytest.mark.thorough),
        pytest.param(
            by_libreoffice, id="LibreOffice", marks=[needs_libreoffice, pytest.mark.thorough]
        ),
    ],
)
def recalculated(request, workbook, tmp_path_factory) -> Results:
    """What a spreadsheet computes for each digit of the gallery and for both drawings."""
    return request.param(workbook, tmp_path_factory.mktemp("recalculated"))


def test_a_spreadsheet_agrees_with_keras_for_every_digit_of_the_gallery(
    recalculated, network, gallery
):
    images, _ = gallery
    for number, expected in enumerate(keras_logits(network, images), start=1):
        predicted, logits, probabilities = recalculated[f"{number}"]
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        assert predicted == expected.argmax() and abs(probabilities.sum() - 1) < 1e-9


def test_a_spreadsheet_agrees_with_keras_for_a_drawing(recalculated, network, drawings):
    expected = keras_logits(network, np.stack(drawings))
    for name, logits in zip(("drawing", "changed"), expected, strict=True):
        np.testing.assert_allclose(recalculated[name][1], logits, atol=1e-4)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


@pytest.mark.thorough
def test_it_keeps_the_rules_of_office_files(workbook):
    assert not errors_of(workbook)


def test_each_weight_is_typed_once_and_everything_else_is_a_formula(workbook, network):
    opened = openpyxl.load_workbook(workbook)
    typed: list[float] = []
    formulas: list[str] = []
    for sheet in opened:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("="):
                    formulas.append(cell.value)
                elif isinstance(cell.value, int | float) and sheet.title.startswith("Weights"):
                    typed.append(float(cell.value))
    assert 22_000 < len(formulas) < 26_000
    functions = set(re.findall(r"([A-Z]+)\(", " ".join(formulas)))
    assert functions <= {
        "IF", "INDEX", "INT", "MOD", "MAX", "MATCH", "SUMPRODUCT", "SQRT", "EXP", "SUM",
    }  # fmt: skip
    numbers = np.sort(np.concatenate([np.ravel(weight) for weight in network.weights]))
    others = [1e-5] * 3  # epsilons
    assert len(typed) == 20_044 + len(others)
    for other in others:
        typed.remove(other)
    np.testing.assert_array_equal(np.sort(np.array(typed, np.float32)), numbers)


def pixels_wide(sheet, column: int) -> float:
    """The width of a column in pixels, where a digit of the default font has 7, as in Excel."""
    dimension = next(
        one for one in sheet.column_dimensions.values() if one.min <= column <= one.max
    )
    return round(dimension.width * 7)


def pixels_high(sheet, row: int) -> float:
    return sheet.row_dimensions[row].height * 96 / 72


def test_the_pixels_of_pictures_are_square(workbook):
    opened = openpyxl.load_workbook(workbook)
    hidden = 0
    for sheet in opened:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.number_format == ";;;":  # shown as a color only
                    hidden += 1
                    wide, high = (
                        pixels_wide(sheet, cell.column), pixels_high(sheet, cell.row),
                    )  # fmt: skip
                    assert abs(wide - high) < 0.5, f"{sheet.title}!{cell.coordinate}"
    assert hidden > 40_000


@pytest.mark.thorough
@needs_libreoffice
def test_the_pixels_of_the_gallery_are_square_in_libreoffice_too(workbook, tmp_path):
    """LibreOffice takes a digit of Arial for 6 % wider than Excel, and does not round."""
    sizes = {GALLERY_PIXEL_SIZE: 0.01, PIXEL_SIZE: 0.035}
    small = xlsxwriter.Workbook(
        tmp_path / "square.xlsx", {"default_format_properties": default_format()}
    )
    sheet = small.add_worksheet()
    for at, pixels in enumerate(sizes):
        sheet.set_column_pixels(at, at, square_width(pixels))
        sheet.set_row_pixels(at, pixels)
        sheet.write(at, at, 1)
    small.close()
    (converted,) = convert([tmp_path / "square.xlsx"], tmp_path, "fods")
    text = converted.read_text(encoding="utf-8")
    wide, high = (
        [float(inches) for inches in re.findall(rf'style:{name}="([\d.]+)in"', text)]
        for name in ("column-width", "row-height")
    )
    for (pixels, tolerance), column, row in zip(sizes.items(), wide, high, strict=False):
        assert column == pytest.approx(row, rel=tolerance)
        digits = square_width(pixels) / 7  # ECMA-376, 18.3.1.13: what Excel shows
        assert int((256 * digits + 128 // 7) / 256 * 7) == round(7 * digits) == pixels
    with zipfile.ZipFile(workbook) as parts:
        gallery = parts.read("xl/worksheets/sheet3.xml").decode()
    assert f'width="{square_width(GALLERY_PIXEL_SIZE) / 7}"' in gallery


def test_each_color_scale_compares_several_values(workbook):
    """The last maps have one pixel each: a scale of one of them would show nothing."""
    opened = openpyxl.load_workbook(workbook)
    for sheet in opened:
        if sheet.title == "Draw":
            continue  # it has marks besides
        areas = [area for scale in sheet.conditional_formatting for area in scale.sqref.ranges]
        assert all(area.size["rows"] * area.size["columns"] > 1 for area in areas), sheet.title
    (pooled,) = opened["Pool 3"].conditional_formatting
    shown = [cell for row in opened["Pool 3"][f"{pooled.sqref}"] for cell in row]
    assert sum(isinstance(cell.value, str) and cell.value[0] == "=" for cell in shown) == 50


@pytest.mark.thorough
@needs_libreoffice
def test_every_number_fits_into_its_cell(workbook, tmp_path):
    """A program shows ### for a number that is wider than its cell."""
    (shown,) = displayed_cells([workbook], tmp_path)
    opened = openpyxl.load_workbook(workbook, data_only=True)
    numbers = 0
    for sheet in opened:
        merged = {area.coord.split(":")[0]: area.max_col for area in sheet.merged_cells.ranges}
        for row in sheet.iter_rows():
            for cell in row:
                if not isinstance(cell.value, int | float) or cell.number_format == ";;;":
                    continue
                text = shown[sheet.title][cell.row - 1][cell.column - 1]
                last = merged.get(cell.coordinate, cell.column)
                room = sum(pixels_wide(sheet, one) for one in range(cell.column, last + 1))
                # Arial's digits are 0.556 times as wide as its size, which is in 1/72 inch.
                needed = len(text) * 0.556 * cell.font.size * 96 / 72
                assert text and needed + 3 <= room, f"{sheet.title}!{cell.coordinate} {text}"
                numbers += 1
    assert numbers > 20_000


def test_the_charts_have_the_values_that_previews_draw(workbook):
    with zipfile.ZipFile(workbook) as package:
        charts = [
            package.read(name).decode()
            for name in package.namelist()
            if name.startswith("xl/charts/chart")
        ]
    _, _, probabilities = result_in(stored_rows(workbook))
    assert len(charts) == 1
    for chart in charts:
        categories, values = (
            [float(value) for value in re.findall(r"<c:v>([^<]*)</c:v>", part)]
            for part in re.findall(r"<c:numCache>(.*?)</c:numCache>", chart)
        )
        assert categories == list(range(10))
        np.testing.assert_allclose(values, probabilities)


def test_bad_use_is_refused_in_one_line(model, data, workbook, tmp_path):
    foreign = tmp_path / "mine.xlsx"
    foreign.write_text("mine")
    for arguments, code, words in (
        (["--samples", "0"], 2, "--samples must be 1 to 200, got 0"),
        (["--samples", "5000"], 2, "--samples must be 1 to 200, got 5000"),
        (["-o", tmp_path / "digits.pdf"], 2, "must end in .xlsx"),
        (["-o", foreign], 1, "was not written by this tool"),
    ):
        assert words in click_run("digits", model, "--data", data, *arguments, code=code)
    assert foreign.read_text() == "mine"
    nowhere = tmp_path / "none.npz"
    error = click_run("digits", model, "--data", nowhere, code=2)
    assert error == f"Error: {nowhere} does not exist\n"
    assert "there is no model" in click_run("digits", tmp_path / "none.keras", code=2)
    click_run(
        "digits", model, "--data", data, "-o", workbook, "--samples", SAMPLES
    )  # replaces its own


def test_of_a_network_that_is_too_large_for_a_workbook_the_page_is_written(data, tmp_path):
    layers = '{ type = "Flatten" }, { type = "Dense", units = 90 }, { type = "Dense", units = 10 }'
    network = random_weights(parse_network(f"layers = [ {layers} ]"), 1)
    model, output = tmp_path / "large.keras", tmp_path / "book.xlsx"
    write_keras_file(network.architecture, network.weights, model)
    page = tmp_path / "book.html"
    options = ["--data", data, "--samples", "2", "--scale", "unit", "-o", output]
    lines = click_run("digits", model, *options).splitlines()
    assert lines[1] == (
        f"Note: {model} is too large for a workbook: it would have 71,560 weights, and the maximum "
        f"is 65,000. Writing the page {page} instead."
    )
    assert lines[2].startswith(f"Written to {page}: ") and len(lines) == 3
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.html", "large.keras"]
    page.write_text("mine")
    assert "was not written by this tool" in click_run("digits", model, *options, code=1)
    assert page.read_text() == "mine"


# XlsxWriter leaves the temporary files of an interrupted workbook open.
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", some_of(["digits.xlsx", "digits.html"], 1))
def test_a_disk_that_takes_no_more_is_told_in_one_line(model, data, tmp_path, monkeypatch, name):
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    parts, output = tmp_path / "parts", tmp_path / name
    parts.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(parts))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # compiled modules would be cut off
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))  # bytes of a file
    try:
        error = click_run("digits", model, "--data", data, "-o", output, code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.splitlines()[-1] == f"Error: cannot write {output}: File too large"
    assert list(tmp_path.iterdir()) == [parts]
