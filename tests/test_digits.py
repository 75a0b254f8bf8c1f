"""The network as a workbook: LibreOffice computes it, Keras says what must come out."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from commands import click_run
from libreoffice import convert, needs_libreoffice

pytest.importorskip("tensorflow")

import keras

from keras_model.mnist import load_digits, normalised
from keras_model.network import build_network
from keras_model.spreadsheet import SAMPLE_CELL, pick_samples
from keras_model.weights import OtherNetworkError, weights_of

SAMPLES = 20


@pytest.fixture(scope="module")
def workbook(model, data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.xlsx"
    said = click_run("digits", model, "--data", data, "-o", path, "--samples", SAMPLES)
    assert "formulas" in said and str(path) in said
    return path


@pytest.fixture(scope="module")
def gallery(data) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits(data)
    picked = pick_samples(digits.y_test, SAMPLES)
    return digits.x_test[picked], digits.y_test[picked]


def keras_logits(model: Path, images: np.ndarray) -> np.ndarray:
    network = keras.saving.load_model(model, compile=False)
    return np.asarray(network.predict(normalised(images), verbose=0))


def answer(path: Path) -> tuple[int, np.ndarray, np.ndarray]:
    """The digit read, the logits and the probabilities on the sheet Draw, found by their names."""
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    rows = [list(row) for row in book["Draw"].iter_rows(values_only=True)]
    book.close()
    (at,) = ((r, row.index("logits")) for r, row in enumerate(rows) if "logits" in row)
    (read,) = (row[row.index("read as") + 1] for row in rows if "read as" in row)
    ten = [rows[at[0] + 1 + digit] for digit in range(10)]
    assert [row[at[1] - 1] for row in ten] == list(range(10))
    logits, shares = (np.array([row[at[1] + i] for row in ten], float) for i in (0, 1))
    return read, logits, shares


def with_cells(workbook: Path, path: Path, **cells: float) -> Path:
    """The workbook with other numbers typed on its sheet Draw, and nothing computed anew."""
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
            new.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


def test_the_stored_values_are_keras(workbook, model, gallery):
    images, labels = gallery
    read, logits, shares = answer(workbook)
    expected = keras_logits(model, images[:1])[0]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert read == expected.argmax()
    np.testing.assert_allclose(shares, np.exp(expected) / np.exp(expected).sum(), atol=1e-5)
    assert sorted(labels) == sorted([*range(10), *range(10)])
    assert workbook.stat().st_size < 4 * 2**20


@needs_libreoffice
def test_libreoffice_agrees_with_keras_for_every_digit_of_the_gallery(
    workbook, model, gallery, tmp_path
):
    images, _ = gallery
    paths = [
        with_cells(workbook, tmp_path / f"{number}.xlsx", **{SAMPLE_CELL: number})
        for number in range(1, SAMPLES + 1)
    ]
    for path, expected in zip(
        convert(paths, tmp_path / "computed"), keras_logits(model, images), strict=True
    ):
        read, logits, shares = answer(path)
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        assert read == expected.argmax() and abs(shares.sum() - 1) < 1e-9


@needs_libreoffice
def test_libreoffice_agrees_with_keras_for_a_drawing(workbook, model, tmp_path):
    book = openpyxl.load_workbook(workbook, read_only=True)
    drawn = [
        [float(value or 0) for value in row]
        for row in book["Draw"].iter_rows(8, 35, 2, 29, values_only=True)
    ]
    book.close()
    drawing = np.array(drawn)
    assert drawing.shape == (28, 28) and drawing.max() == 255
    more = drawing.copy()
    more[20:23, 15] = 250, 77.5, 3  # Q28 to Q30
    paths = [
        with_cells(workbook, tmp_path / "own.xlsx", **{SAMPLE_CELL: 0}),
        with_cells(workbook, tmp_path / "more.xlsx", **{SAMPLE_CELL: 0}, Q28=250, Q29=77.5, Q30=3),
    ]
    expected = keras_logits(model, np.stack([drawing, more]))
    for path, logits in zip(convert(paths, tmp_path / "computed"), expected, strict=True):
        np.testing.assert_allclose(answer(path)[1], logits, atol=1e-4)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_each_weight_is_typed_once_and_all_else_is_plain_formulas(workbook, model):
    book = openpyxl.load_workbook(workbook)
    typed: list[float] = []
    formulas: list[str] = []
    for sheet in book:
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
    network = keras.saving.load_model(model, compile=False)
    numbers = np.sort(np.concatenate([np.ravel(weight) for weight in network.weights]))
    # Besides the 20,044 there are three epsilons and the ten names of the dense layer's columns.
    named = sorted([1e-5] * 3 + [float(digit) for digit in range(10)])
    assert len(typed) == 20_044 + len(named)
    for extra in named:
        typed.remove(extra)
    np.testing.assert_array_equal(np.sort(np.array(typed, np.float32)), numbers)


@pytest.mark.parametrize("change", ["layers", "bias", "pool", "activation", "nan"])
def test_a_model_of_another_shape_is_refused(tmp_path, data, change):
    network = build_network(1)
    if change == "nan":
        network.get_layer("conv2").kernel.assign(np.full((3, 3, 16, 32), np.nan))
    elif change == "layers":
        network = keras.Sequential(
            [keras.layers.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
        )
    else:
        configuration = network.get_config()
        of = {layer["config"]["name"]: layer["config"] for layer in configuration["layers"]}
        if change == "bias":
            of["logits"]["use_bias"] = True
        elif change == "pool":
            of["pool2"] |= {"pool_size": (4, 4), "strides": (5, 5)}
        else:
            of["conv1"]["activation"] = "tanh"
        network = keras.Sequential.from_config(configuration)
    with pytest.raises(OtherNetworkError):
        weights_of(network)
    path, output = tmp_path / "model.keras", tmp_path / "digits.xlsx"
    network.save(path)
    said = click_run("digits", path, "--data", data, "-o", output, code=1)
    assert "cannot become a workbook" in said and not output.exists()


def test_bad_use_is_refused_in_a_line(model, data, workbook, tmp_path):
    foreign = tmp_path / "mine.xlsx"
    foreign.write_text("mine")
    for arguments, code, words in (
        (["--samples", "0"], 2, "--samples must be from 1"),
        (["--samples", "5000"], 2, "--samples must be from 1"),
        (["-o", tmp_path / "digits.pdf"], 2, "must end in .xlsx"),
        (["-o", foreign], 1, "was not written by this tool"),
    ):
        assert words in click_run("digits", model, "--data", data, *arguments, code=code)
    assert foreign.read_text() == "mine"
    assert "there is no model" in click_run("digits", tmp_path / "none.keras", code=2)
    click_run("digits", model, "--data", data, "-o", workbook, "--samples", SAMPLES)  # ours: goes
