"""The moving means and variances after the last epoch, against NumPy's of all digits at once."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras

from keras_model.data.mnist import Digits, sample
from keras_model.networks.network_file import parse_network
from keras_model.recipe import RECIPES
from keras_model.training.batch_statistics import BATCH_SIZE, recompute_statistics
from keras_model.training.keras_network import build_network
from keras_model.training.run_config import RunConfig
from keras_model.training.trainer import Trainer

NETWORK = parse_network(
    """layers = [
      { type = "Conv2D", filters = 3, kernel_size = 3, strides = 3, use_bias = false },
      { type = "ReLU" },
      { type = "BatchNormalization", momentum = 0.9, epsilon = 1e-5 },
      { type = "Flatten" },
      { type = "Dense", units = 10 },
      { type = "BatchNormalization" },
    ]"""
)


def norms(network: keras.Sequential) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in network.layers if hasattr(layer, "moving_mean")]


def test_one_batch_gives_its_own_means_and_variances() -> None:
    network = build_network(NETWORK, 1)
    x = np.random.default_rng(1).normal(size=(BATCH_SIZE, 28, 28, 1)).astype(np.float32)
    recompute_statistics(network, x)
    first, last = norms(network)
    maps = np.asarray(network.layers[1](network.layers[0](x)))
    np.testing.assert_allclose(first.moving_mean, maps.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(first.moving_variance, maps.var((0, 1, 2)), rtol=1e-4)
    logits = np.asarray(keras.Sequential(network.layers[:-1])(x))
    np.testing.assert_allclose(last.moving_mean, logits.mean(0), rtol=1e-3, atol=1e-4)
    assert (first.momentum, last.momentum) == (0.9, 0.99)


def test_each_digit_counts_as_much_in_a_smaller_last_batch() -> None:
    network = build_network(NETWORK, 1)
    x = np.random.default_rng(1).normal(size=(BATCH_SIZE + 7, 28, 28, 1)).astype(np.float32)
    x[BATCH_SIZE:] += 5  # seven unlike the others
    recompute_statistics(network, x)
    maps = np.asarray(network.layers[1](network.layers[0](x)))
    np.testing.assert_allclose(norms(network)[0].moving_mean, maps.mean((0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("count", [0, 200])
def test_the_last_epoch_of_a_run_is_tested_with_them(count: int, tmp_path: Path) -> None:
    digits = sample()
    digits = Digits(digits.x_train[:256], digits.y_train[:256], digits.x_test[:50],
                    digits.y_test[:50], "sample", "sample")  # fmt: skip
    recipe = RECIPES["strong"].replace(epochs=2, statistics_digits=count)
    trainer = Trainer(
        RunConfig(recipe, 1, "sample", network=NETWORK), digits, tmp_path, device="cpu"
    )
    after: list[bool] = []

    def compare(*_: object) -> None:
        network = trainer.network
        x = trainer.scaling(digits.x_train[:200])[..., None]
        maps = np.asarray(network.layers[1](network.layers[0](x)))
        mean = np.asarray(norms(network)[0].moving_mean)
        after.append(np.allclose(mean, maps.mean((0, 1, 2)), rtol=1e-3))

    trainer.train(on_epoch=compare)
    assert after == [False, bool(count)]
    assert trainer.evaluate().loss == pytest.approx(trainer.evaluation().loss)
