"""Keras models as people build them: nested, reshaped, normalized, ending in logarithms."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from fixtures.commands import click_run
from fixtures.random_networks import reshaped_network
from oracles.ironcalc import Engine

pytest.importorskip("tensorflow")

import keras
from keras import layers as kinds

from keras_model.data.mnist import SAMPLE, sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.workbook import write_digits
from keras_model.layers.arguments import LayerError
from keras_model.layers.kinds import make_layer
from keras_model.networks.architecture import NetworkError
from keras_model.networks.receptive_field import receptive_fields
from keras_model.trained import scaling as scaling_module
from keras_model.trained.files import read_architecture, read_trained_network
from keras_model.trained.network import TrainedNetwork
from keras_model.trained.scaling import choose_scaling, expected_scaling
from keras_model.training.keras_network import build_network, used_size

DIGITS = sample()
UNIT = SCALINGS["unit"](DIGITS.x_test[::100])
UNIT_TRAIN = SCALINGS["unit"](DIGITS.x_train)
MAPS, ROW, PLAIN = (28, 28, 1), (784,), (28, 28)


def stack(*layers: object) -> keras.Sequential:
    return keras.Sequential([*layers])


def block(filters: int, name: str | None = None) -> keras.Sequential:
    layers = [kinds.Conv2D(filters, 3, activation="relu"), kinds.BatchNormalization()]
    return keras.Sequential([*layers, kinds.MaxPooling2D()], name=name)


def adapted(shape: tuple[int, ...], scaling: str = "unit", **options: object) -> object:
    layer = kinds.Normalization(**options)
    layer.adapt(SCALINGS[scaling](DIGITS.x_train[::4]).reshape(-1, *shape))
    return layer


def functional() -> keras.Model:
    """Two models in a model, one of them in the other."""
    digits = keras.Input(MAPS)
    body = stack(keras.Input(MAPS), block(3, "first"), block(4, "second"))
    head = stack(kinds.Flatten(), kinds.Dense(10))
    return keras.Model(digits, head(body(kinds.Rescaling(1 / 255)(digits))))


def called_twice() -> keras.Model:
    """The same pooling and activation for all maps, and an output with a name."""
    digits, pool, activation = keras.Input(MAPS), kinds.MaxPooling2D(), kinds.ReLU(6)
    maps = pool(activation(kinds.Conv2D(3, 3)(digits)))
    maps = pool(activation(kinds.Conv2D(4, 3)(maps)))
    return keras.Model(digits, {"digit": kinds.Dense(10)(kinds.Flatten()(maps))})


MODELS: dict[str, Callable[[], keras.Model]] = {
    "log softmax of a dense layer": lambda: stack(
        keras.Input(MAPS), kinds.Flatten(), kinds.Dense(10, activation="log_softmax")),
    "log softmax as a layer": lambda: stack(
        keras.Input(MAPS), kinds.Flatten(), kinds.Dense(10),
        kinds.Activation(keras.activations.log_softmax), kinds.Dropout(0.1)),
    "one mean of all pixels": lambda: stack(
        keras.Input(MAPS), adapted(MAPS, axis=None), kinds.Flatten(), kinds.Dense(10)),
    "one mean that is given": lambda: stack(
        keras.Input(MAPS), kinds.Normalization(axis=None, mean=0.13, variance=0.09),
        kinds.Flatten(), kinds.Dense(10)),
    "one mean of digits without a channel": lambda: stack(
        keras.Input(PLAIN), adapted(PLAIN, axis=None), kinds.Flatten(), kinds.Dense(10)),
    "a mean of each pixel of a row": lambda: stack(
        keras.Input(ROW), adapted(ROW), kinds.Dense(10)),
    "models in a model": lambda: stack(
        keras.Input(MAPS), block(3), block(4, "more"), kinds.Flatten(), kinds.Dense(10)),
    "models in a functional model": functional,
    "a row to maps": lambda: stack(
        keras.Input(ROW), kinds.Reshape(MAPS), kinds.Conv2D(3, 3), kinds.Flatten(),
        kinds.Dense(10)),
    "a scaled row to maps": lambda: stack(
        keras.Input(ROW), kinds.Rescaling(2.0), kinds.Reshape((28, -1, 1)),
        kinds.Conv2D(3, 3), kinds.Flatten(), kinds.Dense(10)),
    "rows and columns to maps": lambda: stack(
        keras.Input(PLAIN), kinds.Reshape(MAPS), kinds.Conv2D(3, 3), kinds.Flatten(),
        kinds.Dense(10)),
    "a row, and statistics of each pixel, to maps": lambda: stack(
        keras.Input(ROW), adapted(ROW), kinds.Reshape(MAPS), kinds.Conv2D(3, 3),
        kinds.Flatten(), kinds.Dense(10)),
    "maps to a row": lambda: stack(
        keras.Input(MAPS), kinds.Reshape(ROW), kinds.Dense(10)),
    "activations that are layers": lambda: stack(
        keras.Input(MAPS), kinds.Conv2D(3, 3, activation=kinds.LeakyReLU(0.1)),
        kinds.Activation(kinds.ReLU(0.5)), kinds.Flatten(),
        kinds.Dense(10, activation=kinds.Softmax())),
    "softmax of the pixel of maps": lambda: stack(
        keras.Input(MAPS), kinds.Conv2D(10, 3), kinds.GlobalAveragePooling2D(keepdims=True),
        kinds.Activation("softmax"), kinds.Dropout(0.1), kinds.Flatten()),
    "sigmoid, then pooling of a pixel": lambda: stack(
        keras.Input(MAPS), kinds.Conv2D(10, 28, activation="sigmoid"),
        kinds.GlobalMaxPooling2D(), kinds.Activation("linear")),
    "log softmax of the pixel of maps": lambda: stack(
        keras.Input(MAPS), kinds.Conv2D(10, 28, activation="log_softmax"), kinds.Flatten()),
    "a layer that is called twice": called_twice,
    "a scale that is an array": lambda: stack(
        keras.Input(MAPS), kinds.Rescaling(np.array([2.0]), np.array(0.5)), kinds.Flatten(),
        kinds.Dense(10)),
    "the last axis by its number": lambda: stack(
        keras.Input(MAPS), kinds.Conv2D(3, 3), kinds.BatchNormalization(axis=3),
        kinds.LayerNormalization(axis=3), kinds.Flatten(), kinds.Dense(10),
        kinds.LayerNormalization(axis=1), kinds.BatchNormalization(axis=1),
        kinds.Softmax(axis=1)),
    "rows and columns": lambda: stack(keras.Input(PLAIN), kinds.Flatten(), kinds.Dense(10)),
    "a row": lambda: stack(keras.Input(ROW), kinds.Dense(10)),
}  # fmt: skip


def saved(network: keras.Model, folder: Path) -> Path:
    path = folder / "model.keras"
    network.save(path)
    return path


def outputs_of(network: TrainedNetwork, digits: np.ndarray) -> np.ndarray:
    logits = network.logits(digits)
    return network.probabilities(logits) if network.ends_with_probabilities else logits


@pytest.mark.parametrize("case", MODELS)
def test_it_is_read_as_keras_computes_it(case: str, tmp_path: Path) -> None:
    network = MODELS[case]()
    pixels = UNIT.reshape(-1, *network.input_shape[1:])
    expected = network(pixels, training=False)
    expected = np.asarray(expected["digit"] if isinstance(expected, dict) else expected)
    path = saved(network, tmp_path)
    read = read_trained_network(path)
    if "softmax" in case or "sigmoid" in case:
        assert read.ends_with_probabilities
    if case.startswith("log"):
        expected = np.exp(expected)
    for same in (read, read.with_maps()):
        np.testing.assert_allclose(outputs_of(same, UNIT), expected, atol=1e-4, rtol=1e-4)
    assert read.with_maps().architecture.input_shape == MAPS
    counts = read.architecture.trainable + read.architecture.not_trainable
    assert counts == network.count_params()
    assert read_architecture(path).trainable == read.architecture.trainable


OLD = Path(__file__).parent.parent / "data"
OF_VERSIONS = json.loads((OLD / "keras_versions.json").read_text("utf-8"))


@pytest.mark.parametrize("name", OF_VERSIONS)
def test_files_of_earlier_versions_of_keras_3_are_read(name: str) -> None:
    """Small models in a model, with what these versions computed; their zips were compressed."""
    read = read_trained_network(OLD / name)
    with np.load(SAMPLE) as file:
        digits = file["images"][::1000].astype(np.float32) / 255
    np.testing.assert_allclose(outputs_of(read, digits), OF_VERSIONS[name], atol=1e-5)


def training_only() -> list[keras.Layer]:
    """Layers of Keras that do nothing but in training, made anew: their names are counted."""
    return [
        kinds.RandomFlip(), kinds.RandomRotation(0.1), kinds.RandomTranslation(0.1, 0.1),
        kinds.RandomZoom(0.1), kinds.RandomShear(0.1, 0.1), kinds.RandomBrightness(0.1, (0, 1)),
        kinds.RandomContrast(0.1, (0, 1)), kinds.RandomErasing(value_range=(0, 1)),
        kinds.GaussianNoise(0.1), kinds.GaussianDropout(0.1), kinds.AlphaDropout(0.1),
        kinds.ActivityRegularization(0.1), kinds.Identity(),
    ]  # fmt: skip


def test_layers_that_only_act_in_training_are_left_out(tmp_path: Path) -> None:
    network = stack(
        keras.Input(MAPS), *training_only(), kinds.Rescaling(1 / 255), kinds.Conv2D(3, 3),
        kinds.GaussianNoise(0.1), kinds.Flatten(), kinds.Dense(10), kinds.Identity(),
    )  # fmt: skip
    path = saved(network, tmp_path)
    read = read_trained_network(path)
    assert [step.layer.kind for step in read.steps] == ["Rescaling", "Conv2D", "Flatten", "Dense"]
    expected = np.asarray(network(UNIT[..., None], training=False))
    np.testing.assert_allclose(read.logits(UNIT), expected, atol=1e-5)
    assert choose_scaling(read).scaling.name == "raw"
    assert "RandomRotation, in training" in click_run("summary", path)
    with pytest.raises(NetworkError, match=r"its layer 1 \(RandomFlip .*\) would be left out"):
        read_architecture(path)


def test_layers_of_models_in_models_have_their_names(tmp_path: Path) -> None:
    network = functional()
    read = read_trained_network(saved(network, tmp_path))
    names = [layer.name for layer in read.architecture.layers]
    _, _, body, head = network.layers
    assert names == [
        network.layers[1].name,
        *(
            f"{body.name}/{inner.name}/{layer.name}"
            for inner in body.layers
            for layer in inner.layers
        ),
        *(f"{head.name}/{layer.name}" for layer in head.layers),
    ]


def test_a_layer_of_a_model_in_a_model_is_refused_with_its_names(tmp_path: Path) -> None:
    inner = keras.Sequential([kinds.Flatten(), kinds.RepeatVector(2, name="twice")], name="inner")
    network = stack(keras.Input(MAPS), inner, kinds.Flatten(), kinds.Dense(10))
    with pytest.raises(NetworkError, match=r"layer 2 \(RepeatVector inner/twice\)"):
        read_trained_network(saved(network, tmp_path))


def test_a_log_softmax_before_other_layers_is_refused(tmp_path: Path) -> None:
    network = stack(
        keras.Input(MAPS), kinds.Flatten(), kinds.Dense(5, activation="log_softmax"),
        kinds.Dense(10),
    )  # fmt: skip
    with pytest.raises(NetworkError, match=r"layer 2 .* activation must be one of"):
        read_trained_network(saved(network, tmp_path))


@pytest.mark.parametrize("kind", ["LayerNormalization", "BatchNormalization", "Softmax"])
def test_another_axis_than_the_last_is_refused(kind: str) -> None:
    assert make_layer(kind, {"axis": [3]}).output_shape((5, 5, 2)) == (5, 5, 2)
    for axis, shape in ((1, (5, 5, 2)), (3, (2,)), ([1, 2], (5, 5, 2)), (-2, (5, 5, 2))):
        with pytest.raises(LayerError, match=r"axis must be the channels \(-1\), got"):
            make_layer(kind, {"axis": axis}).output_shape(shape)


def test_an_activation_that_is_another_layer_is_refused_with_its_name(tmp_path: Path) -> None:
    network = stack(
        keras.Input(MAPS), kinds.Flatten(), kinds.Dense(10, activation=kinds.PReLU(name="own")),
    )  # fmt: skip
    with pytest.raises(NetworkError, match=r"layer 3 \(PReLU own\) is of another kind"):
        read_trained_network(saved(network, tmp_path))


def test_the_slope_of_a_leaky_relu_has_its_name_of_keras_2(tmp_path: Path) -> None:
    network = stack(keras.Input(MAPS), kinds.LeakyReLU(0.1), kinds.Flatten(), kinds.Dense(10))
    expected = np.asarray(network(UNIT[..., None] - 0.5))
    path, old = saved(network, tmp_path), tmp_path / "old.keras"
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(old, "w") as archive:
        for name in new.namelist():
            archive.writestr(name, new.read(name).replace(b'"negative_slope"', b'"alpha"'))
    np.testing.assert_allclose(
        outputs_of(read_trained_network(old), UNIT - 0.5), expected, atol=1e-5
    )


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("axis", [-1, None], ids=["by channel", "of all"])
def test_a_normalization_tells_the_scaling_of_its_data(
    scaling: str, axis: int | None, tmp_path: Path
) -> None:
    """Even of a network that is not trained: its accuracy tells nothing."""
    network = stack(
        keras.Input(MAPS), adapted(MAPS, scaling, axis=axis), kinds.Flatten(), kinds.Dense(10)
    )
    path = saved(network, tmp_path)
    chosen = choose_scaling(read_trained_network(path))
    assert chosen.scaling.name == scaling
    assert chosen.words().endswith("as the network's Normalization expects them")


def test_what_an_untrained_network_reads_by_chance_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = stack(
        keras.Input(MAPS), adapted(MAPS, "raw", axis=None), kinds.Flatten(), kinds.Dense(10)
    )
    trained = read_trained_network(saved(network, tmp_path))
    accuracies = {"mnist": 0.1, "unit": 0.22, "raw": 0.08}
    tried = {name: SimpleNamespace(accuracy=share, loss=3) for name, share in accuracies.items()}
    monkeypatch.setattr(scaling_module, "_tried", lambda _: (tried, ["unit"]))
    assert choose_scaling(trained).scaling.name == "raw"
    tried["unit"].accuracy = 0.9
    assert choose_scaling(trained).scaling.name == "unit"


@pytest.mark.parametrize("axis", [-1, None], ids=["by channel", "of all"])
def test_a_network_with_a_given_mean_is_built_anew(axis: int | None, tmp_path: Path) -> None:
    layer = kinds.Normalization(axis=axis, mean=33.0, variance=6000.0)
    network = stack(keras.Input(MAPS), layer, kinds.Flatten(), kinds.Dense(10))
    architecture = read_architecture(saved(network, tmp_path))
    assert expected_scaling(architecture) == "raw"
    built = build_network(architecture, seed=1)
    built.set_weights(network.get_weights())
    pixels = 255 * UNIT[..., None]
    np.testing.assert_allclose(built(pixels), network(pixels), atol=1e-5)


def test_a_normalization_of_all_numbers_has_one_mean() -> None:
    layer = make_layer("Normalization", {"axis": None, "mean": [1, 2], "variance": [1, 2]})
    with pytest.raises(LayerError, match="needs one mean"):
        layer.output_shape((28, 28, 2))


def test_what_a_network_reads_best_outweighs_its_own_scaling(tmp_path: Path) -> None:
    """A common slip: pixels of 0 to 1 in training, and a Rescaling by 1/255 in the network."""
    means = np.array([UNIT_TRAIN[DIGITS.y_train == digit].mean(axis=0) for digit in range(10)])
    kernel = means.reshape(10, -1).T - means.mean(axis=0).reshape(-1, 1)
    dense = kinds.Dense(10)
    network = stack(keras.Input(MAPS), kinds.Rescaling(1 / 255), kinds.Flatten(), dense)
    squares = (means.reshape(10, -1) ** 2).sum(axis=1) / 2
    dense.set_weights([kernel * 255, -squares])  # nearest mean, of pixels of 0 to 1
    path = saved(network, tmp_path)
    chosen = choose_scaling(read_trained_network(path))
    assert chosen.scaling.name == "unit" and "reads training digits best" in chosen.reason
    data = tmp_path / "digits.npz"
    np.savez(data, x_train=DIGITS.x_train[:9], y_train=DIGITS.y_train[:9],
             x_test=DIGITS.x_test[::20], y_test=DIGITS.y_test[::20])  # fmt: skip
    printed = click_run("evaluate", path, "--data", data)
    assert "Note: pixels are scaled to 0 to 1, as the network reads" in printed


def test_of_scalings_that_are_read_alike_the_loss_decides(tmp_path: Path) -> None:
    """Of a network whose biases are small, digits of 0 to 255 are read as those of 0 to 1."""
    pixels, targets = UNIT_TRAIN.reshape(-1, 784), np.eye(10)[DIGITS.y_train] - 0.1
    squares = pixels.T @ pixels + 20 * np.eye(784)
    kernel = 4 * np.linalg.solve(squares, pixels.T @ targets)
    dense = kinds.Dense(10)
    network = stack(keras.Input(PLAIN), kinds.Flatten(), dense)
    dense.set_weights([kernel, np.random.default_rng(1).normal(size=10) / 2])
    chosen = choose_scaling(read_trained_network(saved(network, tmp_path)))
    assert chosen.scaling.name == "unit", chosen.words()
    share = {name: float(value) for name, value in re.findall(r"(\w+) (\d+)%", chosen.reason)}
    assert share["unit"] < share["raw"] < share["unit"] + 3


def test_a_scaling_with_which_a_network_gives_no_numbers_is_not_its_own(tmp_path: Path) -> None:
    dense = kinds.Dense(10, kernel_initializer="ones")
    network = stack(keras.Input(MAPS), kinds.Flatten(), kinds.Activation("exponential"), dense)
    chosen = choose_scaling(read_trained_network(saved(network, tmp_path)))
    assert chosen.scaling.name != "raw" and "raw" not in chosen.reason
    dense.set_weights([np.full((784, 10), 3e38), np.zeros(10)])
    with pytest.raises(NetworkError, match="infinite or not numbers"):
        choose_scaling(read_trained_network(saved(network, tmp_path)))


def test_it_is_said_how_to_give_the_scaling_of_a_network_that_reads_few(tmp_path: Path) -> None:
    network = stack(keras.Input(MAPS), kinds.Flatten(), kinds.Dense(10))
    words = choose_scaling(read_trained_network(saved(network, tmp_path))).words()
    assert words.endswith("give --scale")


def test_a_reshaped_network_is_built_and_its_workbook_computes_the_same(tmp_path: Path) -> None:
    architecture = reshaped_network()
    network = build_network(architecture, seed=1)
    assert used_size(architecture) == 28
    read = read_trained_network(saved(network, tmp_path))
    expected = np.asarray(network(UNIT[..., None], training=False))
    np.testing.assert_allclose(read.logits(UNIT), expected, atol=1e-5)
    path = tmp_path / "digits.xlsx"
    write_digits(read, SCALINGS["unit"], DIGITS.x_test[::100], DIGITS.y_test[::100], path)
    rows = Engine(path).rows("Output")
    (header,) = (row for row in rows if "Dense 1" in row)
    column, first = header.index("Dense 1"), rows.index(header) + 1
    calculated = np.array([row[column] for row in rows[first : first + 10]], float)
    np.testing.assert_allclose(calculated, expected[0], atol=1e-5)


def test_probabilities_before_a_row_are_those_of_the_workbook(tmp_path: Path) -> None:
    read = read_trained_network(saved(MODELS["softmax of the pixel of maps"](), tmp_path))
    path = tmp_path / "digits.xlsx"
    write_digits(read, SCALINGS["unit"], DIGITS.x_test[:1], DIGITS.y_test[:1], path)
    rows = Engine(path).rows("Draw")
    (header,) = (row for row in rows if "logit" in row)
    column, first = header.index("logit"), rows.index(header) + 1
    calculated = np.array([row[column : column + 2] for row in rows[first : first + 10]], float)
    logits = read.logits(SCALINGS["unit"](DIGITS.x_test[:1]))
    np.testing.assert_allclose(calculated[:, 0], logits[0], atol=1e-5)
    np.testing.assert_allclose(calculated[:, 1], read.probabilities(logits)[0], atol=1e-5)


def test_a_layer_with_weights_that_is_called_twice_is_refused(tmp_path: Path) -> None:
    digits, dense = keras.Input((784,)), kinds.Dense(784)
    network = keras.Model(digits, kinds.Dense(10)(dense(dense(digits))))
    with pytest.raises(NetworkError, match="is not one line of layers"):
        read_trained_network(saved(network, tmp_path))


def test_a_row_as_maps_has_the_receptive_fields_of_maps(tmp_path: Path) -> None:
    path = saved(MODELS["a scaled row to maps"](), tmp_path)
    architecture = read_trained_network(path).architecture.on_maps
    assert [field.size for field in receptive_fields(architecture)[:3]] == [(1, 1), (1, 1), (3, 3)]
    (line,) = (line for line in click_run("summary", path).splitlines() if "Conv 3×3" in line)
    assert line.split()[-2:] == ["3", "1"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("m.h5", 'model.save("model.keras")'), ("m.pth", "torch.onnx.export"), ("m.zip", "")],
)
def test_a_model_in_another_format_is_refused_with_how_to_convert_it(
    name: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"never read")
    with pytest.raises(NetworkError, match=r"its suffix must be \.keras or \.onnx") as error:
        read_trained_network(tmp_path / name)
    assert hint in str(error.value) and ("; " in str(error.value)) == bool(hint)


def test_the_columns_of_a_summary_are_below_each_other(tmp_path: Path) -> None:
    network = stack(
        keras.Input(MAPS), adapted(MAPS), kinds.DepthwiseConv2D(3, padding="same"),
        kinds.DepthwiseConv2D(3, 2, padding="same", activation="leaky_relu"),
        kinds.BatchNormalization(), kinds.Flatten(), kinds.Dense(10),
    )  # fmt: skip
    printed = click_run("summary", saved(network, tmp_path))
    header, *lines = printed.split("\n\n")[0].splitlines()
    assert len(lines) == 7 and {len(line) for line in lines[:4]} == {len(header)}
    assert "with the 5 means and variances of\nBatchNorm and Normalization, which" in printed
