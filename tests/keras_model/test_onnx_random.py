"""Random networks as exporters write them in ONNX: read as layers that compute the same."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from fixtures.onnx_models import exported, outputs_of
from fixtures.random_networks import random_network, random_weights

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.layers.layer import Layer
from keras_model.networks.architecture import Architecture
from keras_model.trained.files import read_trained_network

SEEDS = [pytest.param(seed, marks=() if seed < 15 else pytest.mark.thorough) for seed in range(400)]


def can_be_written(layer: Layer) -> bool:
    """Whether ONNX has an operator for a layer, without a slope and a threshold in one."""
    return not (layer.kind == "ReLU" and getattr(layer, "threshold", 0))


def has_uneven_pooling(path: Path) -> bool:
    """Whether a maximum is padded by unequal amounts, which onnx's evaluator computes wrongly."""
    return any(
        list(attribute.ints[:2]) != list(attribute.ints[2:])
        for node in onnx.load(path).graph.node
        if node.op_type == "MaxPool"
        for attribute in node.attribute
        if attribute.name == "pads"
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_is_read_as_it_computes(seed: int, tmp_path: Path) -> None:
    layers = tuple(filter(can_be_written, random_network(seed).layers))
    original = random_weights(Architecture(layers), seed)
    path = exported(original, random.Random(seed)).save(tmp_path / "model.onnx")
    pixels = SCALINGS["unit"](sample().x_test[::250])
    read = read_trained_network(path)
    logits = read.logits(pixels)
    np.testing.assert_allclose(logits, original.logits(pixels), atol=1e-4, rtol=1e-4)
    if not has_uneven_pooling(path):
        outputs = read.probabilities(logits) if read.ends_with_probabilities else logits
        np.testing.assert_allclose(outputs, outputs_of(path, pixels), atol=1e-4, rtol=1e-4)
