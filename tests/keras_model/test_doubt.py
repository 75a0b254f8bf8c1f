"""Which predictions are unsure: digits hardly ever, what is none mostly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from fixtures.fitted_networks import LAYERS_WITHOUT_MAPS, fitted_network
from fixtures.random_networks import random_weights
from PIL import Image, ImageFilter

from keras_model.data.mnist import sample, sample_for_training
from keras_model.data.scaling import SCALINGS
from keras_model.handwriting import doubt
from keras_model.handwriting.doubt import (
    PROBABILITY_WEIGHT,
    SHRINKAGE,
    DoubtMeasure,
    measure_doubt,
)
from keras_model.layers.kinds import make_layer
from keras_model.networks.architecture import Architecture
from keras_model.networks.network_file import packaged_network
from keras_model.trained.network import MAX_MEANS, TrainedNetwork

UNIT = SCALINGS["unit"]


@pytest.fixture(scope="module")
def network() -> TrainedNetwork:
    return fitted_network()


@pytest.fixture(scope="module")
def measure(network: TrainedNetwork) -> DoubtMeasure:
    return measure_doubt(network, UNIT)


def unsure(measure: DoubtMeasure, network: TrainedNetwork, images: np.ndarray) -> float:
    outputs = network.outputs(UNIT(images))
    return float(measure.are_unsure(outputs, network.probabilities(outputs.logits)).mean())


def noise(count: int) -> np.ndarray:
    """Smooth random pictures with as much ink as digits."""
    rng = np.random.default_rng(3)
    pictures = []
    for _ in range(count):
        rough = Image.fromarray(np.uint8(rng.uniform(0, 255, (28, 28))))
        smooth = np.asarray(rough.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2))), float)
        inked = 120 * ((smooth - smooth.mean()) / smooth.std() - 0.8)
        pictures.append(np.uint8(np.pad(np.clip(inked, 0, 255)[4:24, 4:24], 4)))
    return np.stack(pictures)


def test_each_digit_is_computed_once(
    network: TrainedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    outputs = TrainedNetwork.outputs

    def counted(self: TrainedNetwork, digits: np.ndarray) -> Any:
        counts.append(len(digits))
        return outputs(self, digits)

    monkeypatch.setattr(TrainedNetwork, "outputs", counted)
    measure_doubt(network, UNIT)
    assert sum(counts) == len(sample().x_test)


def test_about_two_percent_of_other_digits_are_unsure_and_nearly_all_noise(
    network: TrainedNetwork, measure: DoubtMeasure
) -> None:
    digits, _ = sample_for_training(1000)  # not those that were measured
    assert 0.01 < unsure(measure, network, sample().x_test) < 0.03
    assert 0.005 < unsure(measure, network, digits) < 0.04
    with_maps = unsure(measure, network, noise(100))
    assert with_maps > 0.9
    alone = dataclasses.replace(measure, whitening=np.empty((0, 0)), centers=np.empty((10, 0)))
    outputs = network.outputs(UNIT(digits))
    doubts = alone.doubts(outputs, network.probabilities(outputs.logits))
    by_probability = dataclasses.replace(alone, limit=float(np.quantile(doubts, 0.98)))
    assert unsure(by_probability, network, noise(100)) < with_maps


def test_the_distance_is_that_of_mahalanobis(
    network: TrainedNetwork, measure: DoubtMeasure
) -> None:
    digits = sample()
    outputs, other = (network.outputs(UNIT(images)) for images in (digits.x_test, noise(20)))
    means = outputs.means
    centers = np.stack([means[digits.y_test == label].mean(axis=0) for label in range(10)])
    rest = means - centers[digits.y_test]
    is_constant = means.var(axis=0) == 0
    covariance = rest.T @ rest / len(rest) + SHRINKAGE * np.diag(means.var(axis=0) + is_constant)
    expected = [
        min((row - center) @ np.linalg.solve(covariance, row - center) for center in centers) ** 0.5
        for row in other.means
    ]
    certain = np.ones((20, 10))  # the same probability, so the same share of the doubt
    distances = measure.doubts(other, certain) - measure.doubts(other, certain).min()
    scaled = np.subtract(expected, min(expected))
    assert np.allclose(distances / distances.max(), scaled / scaled.max(), atol=1e-6)


def test_of_many_maps_evenly_chosen_ones_are_measured() -> None:
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("AveragePooling2D", {"pool_size": 4}),
        ("Conv2D", {"filters": 75, "kernel_size": 3, "activation": "relu"}),
        ("Conv2D", {"filters": 200, "kernel_size": 3, "activation": "relu"}),
        ("Flatten", {}),
        ("Dense", {"units": 10}),
    ]
    layers = tuple(make_layer(kind, arguments) for kind, arguments in kinds)
    wide = random_weights(Architecture(layers), 1)
    digits = UNIT(sample().x_test[:2])
    means = wide.outputs(digits).means
    pooling, first, second, *_ = wide.steps
    pooled = pooling.layer.compute(digits[..., None], {})
    maps = first.layer.compute(pooled, first.weights)
    following = second.layer.compute(maps, second.weights)
    expected = np.hstack([maps.mean(axis=(1, 2)), following.mean(axis=(1, 2))])[:, ::3]
    np.testing.assert_allclose(means, expected, rtol=1e-5)
    assert means.shape[1] == 92 <= MAX_MEANS


def test_a_network_of_other_classes_has_only_the_probability() -> None:
    network = random_weights(packaged_network("small"), 1)
    measure = measure_doubt(network, UNIT)
    assert measure.centers.shape == (10, 0)
    outputs = network.outputs(UNIT(sample().x_test[:50]))
    probabilities = network.probabilities(outputs.logits)
    order = np.argsort(-measure.doubts(outputs, probabilities), kind="stable")
    assert (np.diff(probabilities.max(axis=1)[order]) >= 0).all()


def test_a_large_network_has_only_the_probability(
    network: TrainedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measure_doubt(network, UNIT).whitening.size
    products = 24 * 24 * 25 * 32 + 6 * 6 * 32 * 10  # of the convolution and the Dense layer
    assert products < network.operations_per_digit < 1.1 * products
    monkeypatch.setattr(doubt, "_MAX_OPERATIONS", 1000 * products)
    assert measure_doubt(network, UNIT).centers.shape == (10, 0)


def test_without_maps_less_probable_is_more_doubtful() -> None:
    network = fitted_network(LAYERS_WITHOUT_MAPS)
    measure = measure_doubt(network, UNIT)
    images, _ = sample_for_training(1000)
    assert 0.0 < unsure(measure, network, images) < 0.05
    outputs = network.outputs(UNIT(images))
    probabilities = network.probabilities(outputs.logits)
    doubts = measure.doubts(outputs, probabilities)
    order = np.argsort(-doubts, kind="stable")
    assert (np.diff(probabilities.max(axis=1)[order]) >= 0).all()
    assert measure.probability_weight <= PROBABILITY_WEIGHT / 0.1


def test_maps_that_are_always_empty_do_no_harm() -> None:
    network = fitted_network()
    first = dict(network.weights[0])
    first["kernel"] = np.where(np.arange(32) < 3, 0, first["kernel"]).astype(np.float32)
    first["bias"] = np.where(np.arange(32) < 3, -1, first["bias"]).astype(np.float32)
    partly_dead = TrainedNetwork(network.architecture, (first, *network.weights[1:]))
    measure = measure_doubt(partly_dead, UNIT)
    assert np.isfinite(measure.whitening).all() and np.isfinite(measure.limit)
    assert unsure(measure, partly_dead, sample().x_test) < 0.05
