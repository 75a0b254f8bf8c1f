"""Layers that exporters write as several operators in ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from fixtures.onnx_models import Builder, outputs_of

from keras_model.data.mnist import sample
from keras_model.networks.architecture import NetworkError
from keras_model.trained.files import read_trained_network

RNG = np.random.default_rng(6)
PIXELS = (sample().x_test[::200] / 255).astype(np.float32)
GAMMA, BETA = RNG.uniform(0.5, 1.5, 6), RNG.normal(size=6)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def classified(builder: Builder, path: Path) -> Any:
    """Append a classifier of six inputs; return the network after comparing its outputs."""
    builder.add("MatMul", numbers(6, 10))
    builder.save(path)
    network = read_trained_network(path)
    np.testing.assert_allclose(network.logits(PIXELS), outputs_of(path, PIXELS), atol=1e-4)
    return network


def dense(opset: int = 16) -> Builder:
    builder = Builder(opset=opset)
    builder.reshape(-1, 784)
    builder.add("MatMul", numbers(784, 6))
    return builder


def mean(builder: Builder, value: str, *axes: int) -> str:
    if builder.opset >= 18:
        return builder.node("ReduceMean", [value, builder.constant(axes, np.int64)], keepdims=1)
    return builder.node("ReduceMean", [value], axes=list(axes), keepdims=1)


def as_pytorch(builder: Builder, epsilon: float, axis: int = -1) -> None:
    """A layer normalization as PyTorch exports it for operators before version 17."""
    x = builder.last
    difference = builder.node("Sub", [x, mean(builder, x, axis)])
    square = builder.node("Pow", [difference, builder.constant(2.0)])
    mean(builder, square, axis)
    builder.add("Add", epsilon)
    deviation = builder.node("Sqrt", [builder.last])
    builder.node("Div", [difference, deviation])


def as_keras(builder: Builder, epsilon: float, axis: int = -1) -> None:
    """A layer normalization as Keras exports it: x·(γ/√…) + (β - mean·(γ/√…))."""
    x = builder.last
    average = mean(builder, x, axis)
    negative = builder.node("Neg", [average])
    difference = builder.node("Sub", [x, average])
    mean(builder, builder.node("Mul", [difference, difference]), axis)
    builder.add("Add", epsilon)
    builder.node("Sqrt", [builder.last])
    builder.node("Reciprocal", [builder.last])
    scale = builder.add("Mul", GAMMA)
    scaled = builder.node("Mul", [x, scale])
    builder.node("Mul", [negative, scale])
    shift = builder.add("Add", BETA)
    builder.node("Add", [scaled, shift])


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_layer_normalization_as_pytorch_writes_it(
    epsilon: float, opset: int, tmp_path: Path
) -> None:
    builder = dense(opset)
    as_pytorch(builder, epsilon)
    builder.add("Mul", GAMMA)
    builder.add("Add", BETA)
    network = classified(builder, tmp_path / "model.onnx")
    layer, weights = network.architecture.layers[2], network.weights[2]
    assert (layer.kind, layer.epsilon) == ("LayerNormalization", epsilon)
    assert [each.kind for each in network.architecture.layers] == [
        "Flatten", "Dense", "LayerNormalization", "Dense",
    ]  # fmt: skip
    np.testing.assert_allclose(weights["gamma"], GAMMA, rtol=1e-6)
    np.testing.assert_allclose(weights["beta"], BETA, rtol=1e-6)


@pytest.mark.parametrize(
    ("scales", "shifts", "trainable"), [(False, False, 0), (True, False, 6), (False, True, 6)]
)
def test_only_the_weights_that_a_normalization_has(
    scales: bool, shifts: bool, trainable: int, tmp_path: Path
) -> None:
    builder = dense()
    as_pytorch(builder, 1e-5)
    if scales:
        builder.add("Mul", GAMMA)
    if shifts:
        builder.add("Add", BETA)
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.places[2].trainable == trainable


def test_layer_normalization_as_keras_writes_it(tmp_path: Path) -> None:
    builder = dense()
    as_keras(builder, 1e-3)
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.layers[2].epsilon == 1e-3
    np.testing.assert_allclose(network.weights[2]["beta"], BETA, rtol=1e-5)


@pytest.mark.parametrize("is_last", [True, False])
def test_layer_normalization_of_channels(is_last: bool, tmp_path: Path) -> None:
    builder = Builder(opset=16)
    builder.add("Conv", numbers(6, 1, 5, 5), strides=[5, 5])
    if is_last:
        builder.transpose(0, 2, 3, 1)
        as_keras(builder, 1e-3)
        builder.transpose(0, 3, 1, 2)
    else:
        as_pytorch(builder, 1e-3, axis=1)
    builder.node("GlobalAveragePool", [builder.last])
    builder.reshape(-1, 6)
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.layers[1].kind == "LayerNormalization"


@pytest.mark.parametrize("steps", [[(3,), (2,)], [(2,), (-1,)]])
@pytest.mark.parametrize("kind", ["Mean", "Max"])
def test_pooling_of_whole_maps_in_two_steps(
    kind: str, steps: list[tuple[int]], tmp_path: Path
) -> None:
    builder = Builder(opset=16)
    builder.add("Conv", numbers(6, 1, 5, 5), strides=[5, 5])
    for axes in steps:
        builder.node(f"Reduce{kind}", [builder.last], axes=list(axes), keepdims=0)
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.layers[1].kind == {
        "Mean": "GlobalAveragePooling2D", "Max": "GlobalMaxPooling2D",
    }[kind]  # fmt: skip


def test_a_mean_over_flat_maps(tmp_path: Path) -> None:
    builder = Builder(opset=16)
    builder.add("Conv", numbers(6, 1, 5, 5), strides=[5, 5])
    builder.reshape(0, 6, -1)
    builder.node("ReduceMean", [builder.last], axes=[2], keepdims=0)
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.layers[1].kind == "GlobalAveragePooling2D"


def test_a_threshold_without_a_slope(tmp_path: Path) -> None:
    builder = dense()
    x = builder.last
    below = builder.node("LessOrEqual", [x, builder.constant(0.3)])
    builder.node("Where", [below, builder.constant(0.0), x])
    network = classified(builder, tmp_path / "model.onnx")
    assert network.architecture.layers[2].arguments() == {"threshold": 0.3}


def test_gelu_as_keras_writes_it(tmp_path: Path) -> None:
    builder = dense()
    x = builder.last
    half = builder.add("Mul", 0.5)
    builder.node("Neg", [x])
    builder.add("Mul", np.sqrt(0.5))
    other = builder.node("Erfc", [builder.last])  # which is no operator of ONNX
    builder.node("Mul", [half, other])
    builder.add("MatMul", numbers(6, 10))
    network = read_trained_network(builder.save(tmp_path / "model.onnx"))
    assert network.architecture.layers[2].activation == "gelu"


def test_means_that_are_no_layer_are_refused(tmp_path: Path) -> None:
    builder = Builder(opset=16)
    builder.add("Conv", numbers(6, 1, 5, 5), strides=[5, 5])
    as_pytorch(builder, 1e-3, axis=2)
    builder.add("Flatten")
    builder.add("MatMul", numbers(150, 10))
    with pytest.raises(NetworkError, match=r"its operator ReduceMean \(.*\) is not over the rows"):
        read_trained_network(builder.save(tmp_path / "columns.onnx"))
    builder = dense()
    x = builder.last
    average = mean(builder, x, -1)
    builder.add("MatMul", numbers(1, 6))
    builder.node("Add", [x, builder.last])
    assert average
    builder.add("MatMul", numbers(6, 10))
    with pytest.raises(NetworkError, match="is not one line of layers"):
        read_trained_network(builder.save(tmp_path / "branches.onnx"))
