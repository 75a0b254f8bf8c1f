"""ONNX models of PyTorch's kind: their spellings, the commands that take them, hostile ones."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from fixtures.commands import click_run
from fixtures.onnx_models import Builder, exported, outputs_of
from fixtures.random_networks import random_weights
from onnx import TensorProto, helper
from PIL import Image

from keras_model.data.mnist import sample
from keras_model.networks.architecture import NetworkError
from keras_model.networks.network_file import packaged, packaged_network
from keras_model.trained.files import read_trained_network
from keras_model.trained.scaling import choose_scaling

RNG = np.random.default_rng(5)
PIXELS = (sample().x_test[::200] / 255).astype(np.float32)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def classifier(builder: Builder, inputs: int) -> Builder:
    """Append a flat view and ten outputs."""
    builder.reshape(-1, inputs)
    builder.add("Gemm", numbers(10, inputs), numbers(10), transB=1)
    return builder


def check(path: Path) -> Any:
    """Read a model, compare its outputs with ONNX's own evaluator, and return it."""
    read = read_trained_network(path)
    logits, expected = read.logits(PIXELS), outputs_of(path, PIXELS)
    ours = read.probabilities(logits) if read.ends_with_probabilities else logits
    if read.ends_with_probabilities and (expected <= 0).all():
        expected = np.exp(expected)
    np.testing.assert_allclose(ours, expected, atol=1e-4, rtol=1e-4)
    return read


def kinds(read: Any) -> list[str]:
    return [layer.kind for layer in read.architecture.layers]


def refusal(path: Path) -> str:
    """The words, without the path, with which a model is refused."""
    with pytest.raises(NetworkError) as raised:
        read_trained_network(path)
    message = str(raised.value)
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


@pytest.mark.parametrize("name", packaged())
def test_packaged_networks(name: str, tmp_path: Path) -> None:
    original = random_weights(packaged_network(name), 3)
    path = exported(original, random.Random(3)).save(tmp_path / "model.onnx")
    read = check(path)
    expected = original.architecture
    assert read.architecture.trainable == expected.trainable
    assert read.architecture.not_trainable == expected.not_trainable


@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 1, 2, 0], [2, 2, 2, 2]])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_padding_of_convolutions(pads: list[int], strides: int, tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Conv", numbers(3, 1, 3, 3), pads=pads, strides=[strides] * 2)
    sides = [(28 + pads[axis] + pads[axis + 2] - 3) // strides + 1 for axis in range(2)]
    check(classifier(builder, 3 * sides[0] * sides[1]).save(tmp_path / "model.onnx"))


@pytest.mark.parametrize("includes", [0, 1])
def test_averages_count_their_padding_or_not(includes: int, tmp_path: Path) -> None:
    builder = Builder()
    builder.add(
        "AveragePool",
        kernel_shape=[3, 3],
        strides=[1, 1],
        pads=[1, 1, 1, 1],
        count_include_pad=includes,
    )
    read = check(classifier(builder, 784).save(tmp_path / "model.onnx"))
    assert ("ZeroPadding2D" in kinds(read)) == bool(includes)


def test_pooling_rounds_up(tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Conv", numbers(2, 1, 4, 4))
    builder.node("MaxPool", [builder.last], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    check(classifier(builder, 2 * 13 * 13).save(tmp_path / "model.onnx"))


def test_a_maximum_with_padding_needs_numbers_of_at_least_0(tmp_path: Path) -> None:
    for with_relu in (True, False):
        builder = Builder()
        builder.add("Conv", numbers(2, 1, 3, 3))
        if with_relu:
            builder.node("Relu", [builder.last])
        pool = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        builder.node("MaxPool", [builder.last], **pool)
        path = classifier(builder, 2 * 14 * 14).save(tmp_path / f"{with_relu}.onnx")
        if with_relu:
            check(path)
        else:
            assert "padding that Keras does not have" in refusal(path)


@pytest.mark.parametrize(("size", "strides"), [(2, 2), (3, 2), (4, 1), (2, 3)])
def test_edges_that_keras_repeats_before_pooling(size: int, strides: int, tmp_path: Path) -> None:
    """Keras with PyTorch pads with the numbers at the edges, which changes no maximum."""
    builder = Builder()
    builder.add("Conv", numbers(2, 1, 4, 4))  # negative numbers, too, on 25×25
    total = max((-(-25 // strides) - 1) * strides + size - 25, 0)
    before, after = total // 2, total - total // 2
    builder.node("Cast", [builder.last], to=TensorProto.FLOAT)
    pads = builder.constant([0, 0, before, before, 0, 0, after, after], np.int64)
    padded = builder.node("Pad", [builder.last, pads], mode="edge")
    window: dict[str, Any] = {"kernel_shape": [size, size], "strides": [strides, strides]}
    builder.node("MaxPool", [padded], **window)
    side = -(-25 // strides)
    read = check(classifier(builder, 2 * side * side).save(tmp_path / "model.onnx"))
    assert kinds(read)[1] == "MaxPooling2D"
    builder.nodes[3:] = []
    builder.node("AveragePool", [padded], **window)
    if total:
        message = refusal(builder.save(tmp_path / "mean.onnx"))
        assert "AveragePool (/value3/AveragePool) follows a padding that repeats edges" in message


def test_edges_of_any_number_are_not_repeated(tmp_path: Path) -> None:
    builder = Builder()
    pads = builder.constant([0, 0, 0, 0, 0, 0, 10**9, 10**9], np.int64)
    builder.node("Pad", ["input", pads], mode="edge")
    assert "has an impossible padding" in refusal(builder.save(tmp_path / "model.onnx"))


def test_a_condition_as_keras_writes_it_with_pytorch(tmp_path: Path) -> None:
    builder = Builder()
    x = builder.add("Conv", numbers(2, 1, 3, 3))
    builder.node("Greater", [x, builder.constant(0.2)])
    is_above = builder.node("Cast", [builder.last], to=TensorProto.BOOL)
    builder.node("Where", [is_above, x, builder.constant(0.0)])
    read = check(classifier(builder, 2 * 26 * 26).save(tmp_path / "model.onnx"))
    assert read.architecture.layers[1].arguments() == {"threshold": 0.2}
    rounded = Builder()
    rounded.add("Conv", numbers(2, 1, 3, 3))
    rounded.node("Cast", [rounded.last], to=TensorProto.INT32)
    assert "rounds numbers" in refusal(classifier(rounded, 2 * 26 * 26).save(tmp_path / "r.onnx"))


@pytest.mark.parametrize(("size", "strides", "pads"), [(2, 2, 0), (3, 2, 1), (2, 1, 0)])
def test_maxima_over_all_axes_as_keras_writes_them_with_jax(
    size: int, strides: int, pads: int, tmp_path: Path
) -> None:
    """ONNX's own evaluator has windows of two axes only, so it evaluates these."""
    kernel, side = numbers(2, 1, 4, 4), (25 + 2 * pads - size) // strides + 1
    dense = numbers(2 * side * side, 10)

    def written(window: list[int]) -> Builder:
        builder = Builder()
        builder.add("Conv", kernel)
        builder.add("Relu")
        if len(window) == 4:
            builder.transpose(0, 2, 3, 1)
            both = builder.constant([0, 1], np.int64)
            builder.node("Unsqueeze", [builder.last, both])
            attributes = {"strides": [1, strides, strides, 1], "pads": [0, pads, pads, 0] * 2}
            builder.node("MaxPool", [builder.last], kernel_shape=window, **attributes)
            builder.node("Squeeze", [builder.last, both])
            builder.transpose(0, 3, 1, 2)
        else:
            attributes = {"strides": [strides] * 2, "pads": [pads] * 4}
            builder.node("MaxPool", [builder.last], kernel_shape=window, **attributes)
        builder.reshape(-1, 2 * side * side)
        builder.add("MatMul", dense)
        return builder

    expected = outputs_of(written([size, size]).save(tmp_path / "plain.onnx"), PIXELS)
    read = read_trained_network(written([1, size, size, 1]).save(tmp_path / "model.onnx"))
    np.testing.assert_allclose(read.logits(PIXELS), expected, atol=1e-4, rtol=1e-4)
    message = refusal(written([1, size, size, 2]).save(tmp_path / "channels.onnx"))
    assert "MaxPool (/value4/MaxPool) is not over the rows and columns of maps" in message


def test_a_deviation_of_at_least_a_small_number(tmp_path: Path) -> None:
    """Keras with JAX normalizes so."""
    builder = Builder()
    builder.add("Sub", 0.1307)
    mean = builder.last
    root = builder.node("Sqrt", [builder.constant([0.09])])
    builder.node("Div", [mean, builder.node("Max", [root, builder.constant(1e-7)])])
    read = check(classifier(builder, 784).save(tmp_path / "model.onnx"))
    assert kinds(read) == ["Rescaling", "Flatten", "Dense"]


def test_a_view_of_the_batch_is_computed_from_its_shape(tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Conv", numbers(2, 1, 3, 3))
    maps = builder.last
    shape = builder.node("Shape", [maps])
    size = builder.node("Gather", [shape, builder.constant(0, np.int64)])
    first = builder.node("Unsqueeze", [size, builder.constant([0], np.int64)])
    both = builder.node("Concat", [first, builder.constant([-1], np.int64)], axis=0)
    builder.node("Reshape", [maps, both])
    builder.add("MatMul", numbers(2 * 26 * 26, 10))
    check(builder.save(tmp_path / "model.onnx"))


def test_the_only_pixel_of_maps_is_taken_by_its_index(tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Conv", numbers(10, 1, 3, 3))
    builder.node("GlobalAveragePool", [builder.last])
    first = builder.constant(0, np.int64)
    builder.node("Gather", [builder.last, first], axis=2)
    builder.node("Gather", [builder.last, first], axis=2)
    assert kinds(check(builder.save(tmp_path / "model.onnx")))[-1] == "GlobalAveragePooling2D"
    other = Builder()
    other.add("Conv", numbers(10, 1, 3, 3))
    other.node("Gather", [other.last, other.constant(0, np.int64)], axis=2)
    other.node("ReduceMean", [other.last, other.constant([2], np.int64)], keepdims=0)
    assert "leaves numbers out" in refusal(other.save(tmp_path / "corner.onnx"))


def test_constants_as_pytorch_writes_them_without_optimizing(tmp_path: Path) -> None:
    builder = Builder()
    kernel = numbers(2, 1, 3, 3)
    shape = builder.node("Shape", [builder.constant(kernel)], end=1)
    zero = builder.node("CastLike", [builder.constant(0, np.int64), "input"])
    bias = builder.node("Expand", [zero, shape])
    x = builder.node("Conv", ["input", builder.constant(kernel), bias])
    six = builder.node("CastLike", [builder.constant(6, np.int64), x])
    x = builder.node("Clip", [x, zero, six])
    side = builder.node("Mod", [builder.constant([-1], np.int64), builder.constant([27], np.int64)])
    rows = builder.node("Mul", [side, builder.constant([52], np.int64)])
    both = builder.node("Concat", [builder.constant([-1], np.int64), rows], axis=0)
    builder.node("Reshape", [x, both])
    builder.add("MatMul", numbers(2 * 26 * 26, 10))
    assert kinds(check(builder.save(tmp_path / "model.onnx")))[:2] == ["Conv2D", "ReLU"]


@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_a_relu_with_slope_threshold_and_maximum(threshold: float, tmp_path: Path) -> None:
    builder = Builder()
    x = builder.add("Conv", numbers(2, 1, 3, 3))
    above = builder.node("Greater", [x, builder.constant(threshold)])
    builder.node("Sub", [x, builder.constant(threshold)])
    below = builder.add("Mul", 0.1)
    highest = builder.node("Min", [x, builder.constant(1.5)])
    builder.node("Where", [above, highest, below])
    read = check(classifier(builder, 2 * 26 * 26).save(tmp_path / "model.onnx"))
    arguments = {"negative_slope": 0.1, "max_value": 1.5}
    assert read.architecture.layers[1].arguments() == arguments | (
        {"threshold": threshold} if threshold else {}
    )


@pytest.mark.parametrize("kind", ["LogSoftmax", "Softmax", "Sigmoid", "Log"])
def test_outputs_of_maps_of_one_pixel(kind: str, tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Conv", numbers(10, 1, 3, 3))
    builder.node("GlobalAveragePool", [builder.last])
    axis = {} if kind == "Sigmoid" else {"axis": 1}
    builder.node("Softmax" if kind == "Log" else kind, [builder.last], **axis)
    if kind == "Log":
        builder.node("Log", [builder.last])
    builder.reshape(-1, 10)
    read = check(builder.save(tmp_path / "model.onnx"))
    assert read.ends_with_probabilities


def test_pixels_normalized_in_the_network_are_scaled_before_it(tmp_path: Path) -> None:
    builder = Builder()
    builder.add("Sub", 0.1307)
    builder.add("Div", 0.3081)
    read = check(classifier(builder, 784).save(tmp_path / "model.onnx"))
    assert kinds(read) == ["Rescaling", "Flatten", "Dense"]
    assert not read.architecture.scales_itself
    whole = Builder()
    whole.add("Div", 255.0)
    path = classifier(whole, 784).save(tmp_path / "whole.onnx")
    assert choose_scaling(read_trained_network(path)).scaling.name == "raw"


@pytest.mark.parametrize("shape", [("n", 784), (1, 1, 28, 28), (16, 28, 28, 1), (28, 28)])
def test_shapes_of_a_digit(shape: tuple[Any, ...], tmp_path: Path) -> None:
    builder = classifier(Builder(shape), 784)
    read = read_trained_network(builder.save(tmp_path / "model.onnx"))
    assert kinds(read) == ["Flatten", "Dense"]


def test_a_fixed_number_of_digits(tmp_path: Path) -> None:
    builder = Builder((16, 1, 28, 28))
    builder.reshape(16, 784)
    builder.add("MatMul", numbers(784, 10))
    assert kinds(read_trained_network(builder.save(tmp_path / "model.onnx"))) == [
        "Flatten",
        "Dense",
    ]


def test_weights_beside_the_model(tmp_path: Path) -> None:
    model = classifier(Builder(), 784).model()
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    assert (tmp_path / "model.onnx.data").exists()
    check(path)
    (tmp_path / "model.onnx.data").unlink()
    assert "keeps its weights in another file, model.onnx.data" in refusal(path)
    (tmp_path / "model.onnx.data").write_bytes(b"short")
    assert "does not hold its weights" in refusal(path)


@pytest.mark.parametrize("location", ["../secret.data", "/etc/hostname", "sub/x.data", "x.txt"])
def test_weights_elsewhere_are_not_read(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "sub").mkdir(parents=True)
    for file in (tmp_path / "secret.data", folder / "sub" / "x.data", folder / "x.txt"):
        file.write_bytes(bytes(4 * 7840))
    model = classifier(Builder(), 784).model()
    tensor = next(each for each in model.graph.initializer if list(each.dims) == [10, 784])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert "keeps its weights in another file" in refusal(path)


def changed(path: Path, change: Any) -> Path:
    builder = Builder()
    builder.add("Conv", numbers(4, 1, 3, 3))
    model = classifier(builder, 4 * 26 * 26).model()
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def _residual(model: Any) -> None:
    model.graph.node[1].input[0] = "sum"
    last = model.graph.node[0].output[0]
    conv = helper.make_node("Conv", [last, "square"], ["again"], pads=[1, 1, 1, 1])
    model.graph.initializer.append(onnx.numpy_helper.from_array(numbers(4, 4, 3, 3), "square"))
    nodes = [model.graph.node[0], conv, helper.make_node("Add", [last, "again"], ["sum"])]
    nodes += model.graph.node[1:]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _custom(model: Any) -> None:
    model.graph.node[0].domain = "evil.example"


def _unknown(model: Any) -> None:
    model.graph.node[0].op_type = "Lambda\x1b[2J"


def _nan(model: Any) -> None:
    values = np.full((4, 1, 3, 3), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, "constant0"))


def _huge(model: Any) -> None:
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**40, 1, 3, 3])


def _short(model: Any) -> None:
    model.graph.initializer[0].raw_data = b"1234"


def _grouped(model: Any) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("group", 3))


def _many(model: Any) -> None:
    model.graph.node.extend([model.graph.node[0]] * 3000)


def _bomb(model: Any) -> None:
    nodes = [helper.make_node("Concat", ["shape1", "shape1"], ["bomb0"], axis=0)]
    for number in range(40):
        name = f"bomb{number}"
        nodes.append(helper.make_node("Concat", [name, name], [f"bomb{number + 1}"], axis=0))
    nodes += model.graph.node
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 2]), "shape1"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.node[-2].input[1] = "bomb40"


def _training(model: Any) -> None:
    model.graph.node[0].op_type = "BatchNormalization"
    model.graph.node[0].attribute.append(helper.make_attribute("training_mode", 1))


def _second(model: Any) -> None:
    model.graph.output.append(helper.make_tensor_value_info("value0", TensorProto.FLOAT, None))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_residual, "is not one line of layers"),
        (_custom, "is not one of ONNX's own, but of evil.example"),
        (_unknown, r"its operator Lambda\x1b[2J (/value0/Conv) is of no layer"),
        (_nan, "infinite or not numbers (NaN)"),
        (_huge, "is too large"),
        (_short, "is damaged: its tensor constant0 cannot be read"),
        (_grouped, "its operator Conv (/value0/Conv) has 3 groups"),
        (_many, "has 3,003 operators; the maximum is 2,000"),
        (_bomb, "is too large: it has constants of more than 10,000,000"),
        (_training, "export the model after model.eval()"),
        (_second, "has 1 input and 2 outputs"),
    ],
)
def test_what_cannot_be_read_is_named(change: Any, words: str, tmp_path: Path) -> None:
    assert words in refusal(changed(tmp_path / "model.onnx", change))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x0a" * 300, bytes(1000)])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert refusal(path) == "is not an ONNX model"


def test_any_damage_is_refused_or_read(tmp_path: Path) -> None:
    original = exported(random_weights(packaged_network("small"), 3), random.Random(3))
    content = original.save(tmp_path / "whole.onnx").read_bytes()
    rng = random.Random(8)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(1500)] = rng.randrange(256)
        path = tmp_path / "model.onnx"
        path.write_bytes(damaged)
        try:
            read_trained_network(path)
        except NetworkError as error:
            assert "\n" not in str(error)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    trained = random_weights(packaged_network("small"), 3)
    return exported(trained, random.Random(3)).save(tmp_path / "model.onnx")


def test_the_commands_take_a_model(model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "digit.png"
    Image.fromarray(sample().x_test[0]).save(picture)
    for arguments in (
        ["summary", model],
        ["summary", "--network", model],
        ["predict", model, picture],
        ["evaluate", model],
        ["digits", model, "-o", tmp_path / "digits.xlsx"],
        ["digits", model, "-o", tmp_path / "digits.html"],
    ):
        click_run(*arguments)
    assert (tmp_path / "digits.xlsx").stat().st_size > 10_000


def test_without_the_package_onnx(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    output = click_run("summary", model, code=2)
    assert output == f"Error: {model} needs the package onnx to be read: pip install onnx\n"


@pytest.mark.filterwarnings("ignore")  # PyTorch warns of itself
def test_networks_as_pytorch_exports_them(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.SiLU(), nn.Dropout(0.1),
        nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.GELU(), nn.Flatten(),
        nn.Linear(8 * 49, 10), nn.LogSoftmax(1),
    )  # fmt: skip
    network(torch.rand(8, 1, 28, 28))
    network.eval()
    expected = network(torch.from_numpy(PIXELS)[:, None]).exp().detach().numpy()
    for is_new in (True, False):
        path = tmp_path / f"{is_new}.onnx"
        torch.onnx.export(network, (torch.rand(1, 1, 28, 28),), path, dynamo=is_new)
        read = read_trained_network(path)
        np.testing.assert_allclose(read.probabilities(read.logits(PIXELS)), expected, atol=1e-5)
