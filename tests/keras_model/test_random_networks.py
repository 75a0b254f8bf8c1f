"""Random networks of all layers: read and computed without Keras, and in cells, as in Keras."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import openpyxl
import pytest
from fixtures.random_networks import keras_model, random_network
from fixtures.sampling import some_of
from oracles.ironcalc import Engine

pytest.importorskip("tensorflow")

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.workbook import SAMPLE_CELL, write_digits
from keras_model.networks.network_file import network_text, parse_network
from keras_model.trained.files import read_trained_network
from keras_model.trained.network import TrainedNetwork

SEEDS = [pytest.param(seed, marks=() if seed < 5 else pytest.mark.thorough) for seed in range(150)]


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return sample().x_test[::50]


def of_keras(seed: int, folder: Path) -> tuple[TrainedNetwork, object]:
    architecture = random_network(seed)
    network = keras_model(architecture, seed)
    path = folder / f"{seed}.keras"
    network.save(path)
    return read_trained_network(path), network


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_is_read_and_computed_without_keras(
    seed: int, digits: np.ndarray, tmp_path: Path
) -> None:
    trained, network = of_keras(seed, tmp_path)
    pixels = SCALINGS["unit"](digits)
    outputs = np.asarray(network(pixels[..., None], training=False))
    logits = trained.logits(pixels)
    ours = trained.probabilities(logits) if trained.ends_with_probabilities else logits
    np.testing.assert_allclose(ours, outputs, atol=1e-4, rtol=1e-4)
    assert network.count_params() == trained.architecture.trainable + (
        trained.architecture.not_trainable
    )
    shapes = [tuple(layer.output.shape[1:]) for layer in network.layers]
    assert shapes == [place.output_shape for place in trained.architecture.places]
    again = parse_network(network_text(trained.architecture))
    assert [layer.arguments() for layer in again.layers] == [
        layer.arguments() for layer in trained.architecture.layers
    ]


@pytest.mark.parametrize("seed", some_of(range(150), 2))
def test_its_workbook_computes_the_same(seed: int, digits: np.ndarray, tmp_path: Path) -> None:
    trained, _ = of_keras(seed, tmp_path)
    scaling = SCALINGS["unit"]
    path = tmp_path / "digits.xlsx"
    write_digits(trained, scaling, digits[:2], np.array([0, 1]), path)
    logits = trained.logits(scaling(digits[:2]))
    stored = openpyxl.load_workbook(path, data_only=True)
    engine = Engine(path)
    names = [name for name in stored.sheetnames if name not in ("Explain", "Gallery")]
    for name in names:
        calculated = engine.rows(name)
        for row in stored[name].iter_rows():
            for cell in row:
                if isinstance(cell.value, int | float):
                    value = calculated[cell.row - 1][cell.column - 1]
                    assert value == pytest.approx(cell.value, rel=1e-9, abs=1e-9), (name, cell)
    expected = trained.probabilities(logits)
    for number in (1, 2):
        engine.type_number("Draw", SAMPLE_CELL, number)
        rows = engine.rows("Draw")
        (header,) = (row for row in rows if "logit" in row)
        column, first = header.index("logit"), rows.index(header) + 1
        table = np.array([row[column : column + 2] for row in rows[first : first + 10]], float)
        np.testing.assert_allclose(table[:, 0], logits[number - 1], atol=2e-4, rtol=1e-4)
        np.testing.assert_allclose(table[:, 1], expected[number - 1], atol=2e-4)
