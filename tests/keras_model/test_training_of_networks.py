"""Networks of all kinds, trained for an epoch: what is said, what is saved, what evaluate says."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from fixtures.commands import click_run
from fixtures.random_networks import random_network
from fixtures.sampling import some_of

pytest.importorskip("tensorflow")

import keras

from keras_model.data.mnist import sample
from keras_model.networks.architecture import NetworkError
from keras_model.networks.network_file import network_text, packaged_network, parse_network
from keras_model.recipe import RECIPES
from keras_model.trained.files import read_architecture, read_trained_network
from keras_model.training.blocks import is_fusable
from keras_model.training.run_config import RunConfig

CONVOLUTION = '{ type = "Conv2D", filters = 4, kernel_size = 3, strides = 2, use_bias = false }'
NORM, RELU = '{ type = "BatchNormalization" }', '{ type = "ReLU" }'
FLAT, DENSE = '{ type = "Flatten" }', '{ type = "Dense", units = 10 }'
SOFTMAX = '{ type = "Dense", units = 10, activation = "softmax" }'
SIGMOID = SOFTMAX.replace("softmax", "sigmoid")
RESCALING = '{ type = "Rescaling", scale = 0.00392 }'
ACTIVATION = '{ type = "Activation", activation = "softmax" }'
DROPOUT = '{ type = "Dropout", rate = 0.1 }'
POOLING = '{ type = "MaxPooling2D", strides = 2 }'
FUSED = CONVOLUTION.replace("strides = 2, ", "")

NETWORKS = {
    "normalization before ReLU": (CONVOLUTION, NORM, RELU, FLAT, DENSE),
    "softmax": (CONVOLUTION, RELU, NORM, FLAT, SOFTMAX),
    "softmax of fused layers": (FUSED, RELU, NORM, POOLING, FLAT, SOFTMAX),
    "softmax as a layer": (RESCALING, FLAT, DENSE, '{ type = "Softmax" }'),
    "softmax as an activation": (FLAT, DENSE, ACTIVATION, DROPOUT),
    "sigmoid": (FLAT, SIGMOID),
}


def train(network: object, data: Path, folder: Path) -> tuple[str, dict[str, object]]:
    """What train says, and the metrics."""
    options = ["--recipe", "best", "--epochs", "1", "--batch-size", "100", "--lr", "0.05"]
    printed = click_run("train", "--network", network, *options, "--data", data, "--out", folder)
    return printed, json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def check(printed: str, metrics: dict[str, object], data: Path, folder: Path) -> keras.Model:
    """Metrics and the saved model agree with evaluate, and with Keras."""
    evaluated = click_run("evaluate", folder / "model.keras", "--data", data, "--scale", "mnist")
    (line,) = re.findall(r"Test set: .*\)$", evaluated, re.MULTILINE)
    architecture = read_trained_network(folder / "model.keras").architecture
    if not architecture.scales_itself:
        assert f"Accuracy: {metrics['correct']}/{metrics['total']} " in line
        assert line.split("Accuracy: ")[1] in printed
        loss = float(re.findall(r"loss: ([\d.]+)", line)[0])
        assert loss == pytest.approx(metrics["loss"], rel=1e-4, abs=1e-4)
    network = keras.saving.load_model(folder / "model.keras")
    assert network.count_params() == architecture.trainable + architecture.not_trainable
    return network


@pytest.mark.parametrize("name", some_of(NETWORKS, 2))
def test_an_epoch_of_a_network(name: str, data: Path, tmp_path: Path) -> None:
    text = f"layers = [{', '.join(NETWORKS[name])}]"
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    architecture = parse_network(text)
    assert is_fusable(architecture) == ("fused" in name)
    printed, metrics = train(tmp_path / "mine.toml", data, tmp_path / "run")
    network = check(printed, metrics, data, tmp_path / "run")
    assert metrics["accuracy"] > 0.3
    saved = read_trained_network(tmp_path / "run" / "model.keras").architecture
    assert network_text(saved) == network_text(architecture).replace(
        DROPOUT, DROPOUT.replace("0.1", "0.0")
    )
    with np.load(data) as digits:
        images, labels = digits["x_test"], digits["y_test"]
    pixels = images.astype(np.float32)
    if not saved.scales_itself:
        pixels = (pixels / 255 - 0.1307) / 0.3081
    outputs = np.asarray(network(pixels[..., None], training=False), np.float64)
    assert int((outputs.argmax(axis=1) == labels).sum()) == metrics["correct"]
    of_label = outputs[np.arange(len(labels)), labels]
    if saved.output_activation == "softmax":
        np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
        assert -np.log(of_label).mean() == pytest.approx(metrics["loss"], rel=1e-3)
    if saved.output_activation == "sigmoid":
        truth = np.eye(10)[labels]
        losses = -np.log(np.where(truth == 1, outputs, 1 - outputs))
        assert losses.mean() == pytest.approx(metrics["loss"], rel=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("name", some_of(["dense", "small", "lenet5"], 2))
def test_an_epoch_of_a_packaged_network(name: str, data: Path, tmp_path: Path) -> None:
    printed, metrics = train(name, data, tmp_path / "run")
    check(printed, metrics, data, tmp_path / "run")
    assert metrics["accuracy"] > 0.3
    assert metrics["parameters"] == packaged_network(name).trainable


SEEDS = [pytest.param(seed, marks=() if seed < 1 else pytest.mark.thorough) for seed in range(20)]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_epoch_of_a_random_network(seed: int, small: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(network_text(random_network(seed)), encoding="utf-8")
    printed, metrics = train(tmp_path / "mine.toml", small, tmp_path / "run")
    check(printed, metrics, small, tmp_path / "run")


def test_a_model_for_rows_of_pixels_is_trained_again(small: Path, tmp_path: Path) -> None:
    layers = keras.layers
    keras.Sequential(
        [keras.Input((784,)), layers.Dense(12, activation="relu"), layers.Dense(10, "softmax")]
    ).save(tmp_path / "mine.keras")
    printed, metrics = train(tmp_path / "mine.keras", small, tmp_path / "run")
    check(printed, metrics, small, tmp_path / "run")
    assert metrics["parameters"] == 784 * 12 + 12 + 12 * 10 + 10


def test_a_model_with_weights_for_columns_has_no_maps(tmp_path: Path) -> None:
    layers = [keras.Input((28, 28)), keras.layers.Dense(3), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(10)]).save(tmp_path / "mine.keras")
    digits = sample().x_test[:2]
    assert read_trained_network(tmp_path / "mine.keras").logits(digits).shape == (2, 10)
    with pytest.raises(NetworkError, match="a layer before Flatten has weights for each column"):
        read_architecture(tmp_path / "mine.keras")


def test_a_run_of_version_0_5_has_the_networks_own_dropout() -> None:
    config = RunConfig(RECIPES["original"], 1, "x")
    values = config.to_dict()
    values["recipe"]["dropout"] = 0.05
    assert RunConfig.from_dict(values) != config
    del values["network"]
    assert RunConfig.from_dict(values) == config


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (CONVOLUTION.replace("strides = 2", "strides = 2, dilation_rate = 2"), r"\(Conv2D\): .+"),
        ('{ type = "ReLU", max_value = -1 }', r"\(ReLU\): .*negative.*"),
    ],
)
def test_a_layer_that_keras_refuses_is_told_in_one_line(
    layer: str, words: str, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(f"layers = [{RELU}, {layer}, {FLAT}, {DENSE}]")
    arguments = ["--data", small, "--network", tmp_path / "own.toml", "--out", tmp_path / "run"]
    error = click_run("train", *arguments, code=2)
    pattern = rf"Error: own cannot be trained: Keras refuses its layer 2 {words}\n"
    assert re.fullmatch(pattern, error[error.index("Error: ") :])
