"""Models of unknown origin: refused in one line, before Keras builds what would be too large."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.commands import click_run, invoke
from PIL import Image

pytest.importorskip("tensorflow")

import h5py
import keras
from keras_model.classification import logits_of
from keras_model.network import build_network
from keras_model.saved_model import load_network

from keras_model import saved_model
from keras_model.data.mnist import sample
from keras_model.errors import TrainingError


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "model.keras"
    build_network(1).save(path)
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "digit.png"
    Image.fromarray(sample().x_test[0]).resize((112, 112)).save(path)
    return path


def described(plain: Path, path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The model with another description; ``change`` edits it or returns a new one."""
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "config.json":
                description = json.loads(content)
                changed = change(description)
                content = (
                    changed
                    if isinstance(changed, bytes)
                    else json.dumps(description if changed is None else changed).encode()
                )
            new.writestr(member, content)
    return path


def layers(description: dict[str, Any]) -> list[dict[str, Any]]:
    return description["config"]["layers"]


def layer(kind: str, module: str = "keras.layers", /, **settings: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": settings, "registered_name": None}


def of_type(dtype: str) -> Callable[[dict[str, Any]], None]:
    return lambda description: layers(description)[0]["config"].update(dtype=dtype)


def of_shape(*shape: int | None) -> Callable[[dict[str, Any]], None]:
    return lambda description: layers(description)[0]["config"].update(batch_shape=shape)


def ending_in(*more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """The layers of the network, then these, then ten logits."""
    return lambda description: layers(description).extend([*more, layer("Dense", units=10)])


def nested(description: dict[str, Any]) -> dict[str, Any]:
    for _ in range(100):
        description = {"module": "keras", "class_name": "Sequential", "registered_name": None,
                       "config": {"name": "m", "layers": [description]}}  # fmt: skip
    return description


def a_shared_layer(description: dict[str, Any]) -> None:
    settings = {"shape": [None, 10], "dtype": "float32", "keras_history": ["a", 0, 0]}
    call = {"class_name": "__keras_tensor__", "config": settings}
    node = {"args": [call], "kwargs": {}}
    layers(description)[-1]["inbound_nodes"] = [node] * 2000


EVIL = "Evil\x1b[31m\x1b]0;title\x07\u202e"
OTHERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "int32": (of_type("int32"), "input is of type int32, a digit classifier's is float32"),
    "string": (of_type("string"), "input is of type string"),
    "bool": (of_type("bool"), "input is of type bool"),
    "no type": (of_type("a\x1bb"), r"cannot be loaded: Invalid dtype: a\x1bb"),
    "three colors": (of_shape(None, 28, 28, 3), ""),
    "three axes": (of_shape(None, 28, 28), ""),
    "a batch of five": (of_shape(5, 28, 28, 1), "exactly 5 digits"),
    "endless digits": (of_shape(None, 10**9, 10**9, 1), "cannot be loaded"),
    "3,000 layers": (ending_in(*[layer("ReLU")] * 3000), "has 3,019 layers; the maximum is 500"),
    "2,000 calls": (a_shared_layer, "layers; the maximum is 500"),
    "models in models": (nested, "nested too deep"),
    "two million units": (
        ending_in(layer("Dense", name="wide", units=2_000_000), layer("Dense", units=200)),
        "it has 422,022,254 parameters; the maximum is 10,000,000",
    ),
    "a wide layer": (
        ending_in(layer("Reshape", target_shape=[1, 10]), layer("UpSampling1D", size=10**6),
                  layer("GlobalMaxPooling1D")),
        "gives 10,000,000 numbers per digit; the maximum is 1,000,000",
    ),
    "a dilated kernel": (
        lambda description: layers(description)[1]["config"].update(dilation_rate=[10**6, 1]),
        "its layer 'conv1' has a dilation rate above 28",
    ),
    "a class with escapes": (ending_in(layer(EVIL, name=EVIL)), "which is not part of Keras"),
    "a module with escapes": (ending_in(layer("Dense", EVIL, units=3)), "not part of Keras"),
    "an unknown class": (ending_in(layer("Nothing", name="x")), "Nothing"),
    "another package": (ending_in(layer("system", "os", name="x")), "'x' has the class 'system'"),
    "a registered class": (
        ending_in({**layer("Mine"), "registered_name": "my>Mine"}), "the class 'Mine'",
    ),
    "code": (ending_in(layer("Lambda", name="f", function="")), "its layer 'f' is of the class"),
    "a long name": (ending_in(layer("A" * 9999, name="B" * 9999)), "AAA"),
    "no class": (ending_in(layer(7)), "'7'"),  # type: ignore[arg-type]
    "a list as class": (ending_in(layer([[]])), "'[[]]'"),  # type: ignore[arg-type]
    "a list as module": (ending_in(layer("ReLU", [])), "'ReLU'"),  # type: ignore[arg-type]
    "settings that do not fit": (ending_in(layer("Dense", units=EVIL)), "cannot be loaded"),
    "no layers": (lambda description: {**description, "config": {}}, "cannot be loaded"),
    "no JSON": (lambda _: b"{", "config.json cannot be read"),
    "a list": (lambda _: [], "does not describe a model"),
    "not a model": (lambda _: layer("Dense", units=10), "not a model"),
    "brackets": (lambda _: b"[" * 100_000, "nested too deep"),
    "a number of 5,000 digits": (lambda _: b"9" * 5000, "config.json cannot be read"),
    "a long description": (lambda _: b" " * 3_000_000 + b"{}", "more than 2 MB"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_a_strange_description_is_refused_before_keras_builds_it(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    change, words = OTHERS[case]
    path = described(plain, tmp_path / "model.keras", change)
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(TrainingError) as error:
        load_network(path)
    message = str(error.value)
    assert message.startswith(f"{path} ") and words in message
    assert message.isprintable() and len(message) < len(str(path)) + 200


@pytest.mark.parametrize("command", ["evaluate", "predict", "digits"])
def test_the_commands_say_it_in_one_line(
    plain: Path, picture: Path, data: Path, tmp_path: Path, command: str
) -> None:
    rest = {"evaluate": ["--data", data], "predict": [picture, "--json"],
            "digits": ["--data", data, "-o", tmp_path / "d.xlsx"]}[command]  # fmt: skip
    for case in ("string", "3,000 layers", "a class with escapes"):
        path = described(plain, tmp_path / "model.keras", OTHERS[case][0])
        result = invoke(command, path, *rest)
        assert result.exit_code == 1 and result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {path} ") and line.isprintable()
    assert not (tmp_path / "d.xlsx").exists()


def test_stored_weights_may_not_declare_more_than_they_are(plain: Path, tmp_path: Path) -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/conv2d/vars/0", (2**20, 2**20), "f4", chunks=(1024, 1024))
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            weights = member.endswith(".h5")
            new.writestr(member, content.getvalue() if weights else old.read(member))
    with pytest.raises(TrainingError, match="parameters; the maximum is"):
        load_network(path)


def test_other_classifiers_of_digits_are_loaded_and_classify(tmp_path: Path) -> None:
    digits = keras.Input((28, 28, 1))
    layer = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")
    flat = keras.layers.Flatten()(keras.layers.MaxPooling2D(4)(digits))
    inner = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(8)])
    ends = keras.layers.Dense(10)(inner(layer(flat)) + layer(flat))
    for number, network in enumerate((keras.Model(digits, ends), build_network(2))):
        network.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
        network.save(tmp_path / f"{number}.keras")
        loaded = load_network(tmp_path / f"{number}.keras")
        images = sample().x_test[:3]
        np.testing.assert_allclose(logits_of(loaded, images), logits_of(network, images), atol=1e-6)


# Numbers that are none


def with_weights(path: Path, **weights: float) -> Path:
    """A model; ``norm1_gamma=2`` sets all weights ``gamma`` of the layer ``norm1`` to 2."""
    network = build_network(1)
    for variable, value in weights.items():
        name, _, kind = variable.partition("_")
        weight = getattr(network.get_layer(name), kind)
        weight.assign(np.full(weight.shape, value))
    network.save(path)
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("variable", ["conv2_kernel", "norm3_moving_mean", "logits_kernel"])
def test_weights_that_are_not_finite_are_refused_with_their_layer(
    tmp_path: Path, variable: str, value: float
) -> None:
    path = with_weights(tmp_path / "model.keras", **{variable: value})
    layer, _, kind = variable.partition("_")
    with pytest.raises(TrainingError, match=f"'{kind}' of its layer '{layer}'"):
        load_network(path)


NO_NUMBERS = {
    "norm2": {"norm2_moving_variance": -1.0},
    "conv3": {"norm2_beta": 1e30, "conv3_kernel": 1e30},  # overflows in single precision
    "logits": {"norm3_beta": 1e30, "logits_kernel": -1e30},
}


@pytest.mark.parametrize("layer", NO_NUMBERS)
def test_no_command_prints_nan(picture: Path, data: Path, tmp_path: Path, layer: str) -> None:
    path = with_weights(tmp_path / "model.keras", **NO_NUMBERS[layer])
    for command in (["predict", path, picture, "--json"], ["evaluate", path, "--data", data]):
        result = invoke(*command)
        assert result.exit_code == 1 and result.stdout == ""
        assert result.stderr == (
            f"Error: the model's layer '{layer}' gives numbers that are infinite or not numbers "
            "(NaN)\n"
        )


@pytest.mark.parametrize("suffix", [".xlsx", ".html"])
@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"norm1_moving_variance": -0.5}, "its layer norm1 must have variances of at least 0"),
        ({"norm1_moving_variance": -1e-6}, "its layer norm1 must have variances of at least 0"),
        (
            {"norm2_gamma": 3e38, "norm2_moving_variance": 1e-9},
            "its layer norm2 must have smaller weights",
        ),
    ],
)
def test_digits_refuses_what_gives_no_numbers(
    data: Path, tmp_path: Path, suffix: str, weights: dict[str, float], words: str
) -> None:
    path, output = tmp_path / "model.keras", tmp_path / f"digits{suffix}"
    with_weights(path, **weights)
    error = click_run("digits", path, "--data", data, "-o", output, code=1)
    assert words in error and len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_messages_of_keras_are_shown_short_and_printable() -> None:
    error = ValueError("a\x1b[31m\nb\u202e" + "c" * 200)
    assert saved_model.first_words(error).isprintable()
    assert len(saved_model.first_words(error)) < 120
