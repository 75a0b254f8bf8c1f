"""Models of unknown origin: read without running any of it, or refused in one line."""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.commands import ROOT, click_run, invoke
from PIL import Image

pytest.importorskip("tensorflow")

import h5py
import keras

from keras_model.data.mnist import DataError, load_digits, sample
from keras_model.networks.architecture import NetworkError
from keras_model.networks.network_file import packaged_network
from keras_model.trained.files import read_trained_network
from keras_model.training.keras_network import build_network

WEIGHTS = "model.weights.h5"


def original(seed: int) -> keras.Sequential:
    return build_network(packaged_network("original"), seed)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "model.keras"
    original(1).save(path)
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


def of_shape(*shape: int | None) -> Callable[[dict[str, Any]], None]:
    return lambda description: layers(description)[0]["config"].update(batch_shape=shape)


def ending_in(*more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """The layers of the network, then these, then ten logits."""
    return lambda description: layers(description).extend([*more, layer("Dense", units=10)])


def beginning_with(*more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda description: layers(description).__setitem__(slice(1, 1), more)


def nested(description: dict[str, Any]) -> dict[str, Any]:
    for _ in range(100):
        description = {"module": "keras", "class_name": "Sequential", "registered_name": None,
                       "config": {"name": "m", "layers": [description]}}  # fmt: skip
    return description


def a_shared_layer(description: dict[str, Any]) -> None:
    description["class_name"] = "Functional"
    settings = {"shape": [None, 10], "dtype": "float32", "keras_history": ["a", 0, 0]}
    call = {"class_name": "__keras_tensor__", "config": settings}
    node = {"args": [call], "kwargs": {}}
    layers(description)[-1]["inbound_nodes"] = [node] * 2000


EVIL = "Evil\x1b[31m\x1b]0;title\x07\u202e"
OTHERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "three colors": (of_shape(None, 28, 28, 3), "has an input of 28×28×3; a digit is one of"),
    "endless digits": (of_shape(None, 10**9, 10**9, 1), "has an input of 1000000000×10"),
    "digits of 4,000 digits": (of_shape(None, 10**4000, 28, 1), "has an input of 1000"),
    "a shape of text": (of_shape(None, EVIL), "does not say the shape of its input"),  # type: ignore[arg-type]
    "3,000 layers": (ending_in(*[layer("ReLU")] * 3000), "has 3,019 layers; the maximum is 500"),
    "a shared layer": (a_shared_layer, "is not one line of layers from one input to one output"),
    "models in models": (nested, "nested too deep"),
    "many models in the model": (
        lambda description: layers(description).extend([copy.deepcopy(description)] * 60),
        "layers; the maximum is 500",
    ),
    "a model in the model without layers": (
        ending_in(layer("Sequential", "keras", name="m")), "has no list of layers",
    ),
    "two million units": (ending_in(layer("Dense", units=2_000_000)), "units must be 1 to 100,000"),
    "11 million weights": (
        ending_in(layer("Dense", units=100_000), layer("Dense", units=100)),
        "has more than 10,000,000 parameters",
    ),
    "wide maps": (beginning_with(layer("Conv2D", filters=2000, kernel_size=1)),
                  "layer 1 (Conv2D) gives 1,568,000 numbers per digit; the maximum is 1,000,000"),
    "a slow layer": (beginning_with(layer("Conv2D", filters=999, kernel_size=1),
                                    layer("Conv2D", filters=9, kernel_size=28, padding="same")),
                     "times per digit; the maximum is 1,000,000,000"),
    "a dilated kernel": (
        lambda description: layers(description)[1]["config"].update(dilation_rate=[10**6, 1]),
        "its layer 1 (Conv2D conv1) has a wrong argument: dilation_rate must be 1 to 28, "
        "got 1000000",
    ),
    "a huge number": (
        ending_in(layer("Rescaling", scale=10**400)), "scale must be -1e+09 to 1e+09, got 1000",
    ),
    "a class with escapes": (ending_in(layer(EVIL, name=EVIL)), "which is not part of Keras"),
    "a module with escapes": (ending_in(layer("Dense", EVIL, units=3)), "not part of Keras"),
    "an argument with escapes": (ending_in(layer("Dense", **{"units": 3, EVIL: 1})), "no argument"),
    "an unknown class": (ending_in(layer("Nothing", name="x")), "(Nothing x) is of another kind"),
    "another package": (ending_in(layer("system", "os", name="x")), "'x' has the class 'system'"),
    "a registered class": (
        ending_in({**layer("Mine"), "registered_name": "my>Mine"}), "the class 'Mine'",
    ),
    "code": (ending_in(layer("Lambda", name="f", function="")), "its layer 'f' is of the class"),
    "a function of others": (
        ending_in(layer("Dense", units=3, activation={
            "module": "os", "class_name": "function", "config": "system",
            "registered_name": "system"})),
        "which is not part of Keras",
    ),
    "an unknown function": (
        ending_in(layer("Dense", units=3, activation="eval")), "activation must be one of linear",
    ),
    "quantized weights": (
        lambda description: layers(description)[-1]["config"].update(
            dtype={"module": "keras.dtype_policies", "class_name": "QuantizedDTypePolicy",
                   "config": {"mode": "int8"}, "registered_name": None}),
        "(Dense logits) is quantized: save it before quantize()",
    ),
    "weights quantized by an older Keras": (
        lambda description: layers(description)[-1]["config"].update(dtype="int8_from_float32"),
        "(Dense logits) is quantized",
    ),
    "channels first": (
        lambda description: layers(description)[1]["config"].update(data_format="channels_first"),
        "its layer 1 (Conv2D conv1) has its channels first",
    ),
    "a long name": (ending_in(layer("A" * 9999, name="B" * 9999)), "AAA"),
    "no class": (ending_in(layer(7)), "'7'"),  # type: ignore[arg-type]
    "a list as class": (ending_in(layer([[]])), "'[[]]'"),  # type: ignore[arg-type]
    "a list as module": (ending_in(layer("ReLU", [])), "'ReLU'"),  # type: ignore[arg-type]
    "settings that do not fit": (ending_in(layer("Dense", units=EVIL)), "units must be 1 to"),
    "settings that are a list": (ending_in({**layer("Dense"), "config": []}), "has no settings"),
    "no layers": (lambda description: {**description, "config": {}}, "has no list of layers"),
    "layers that are none": (
        lambda description: layers(description).append(7), "has no list of layers",
    ),
    "no JSON": (lambda _: b"{", "config.json cannot be read"),
    "a list": (lambda _: [], "does not describe a model"),
    "not a model": (lambda _: layer("Dense", units=10), "of the class 'Dense': a Sequential or"),
    "brackets": (lambda _: b"[" * 100_000, "nested too deep"),
    "a number of 5,000 digits": (lambda _: b"9" * 5000, "config.json cannot be read"),
    "a long description": (lambda _: b" " * 3_000_000 + b"{}", "more than 2 MB"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_a_strange_description_is_refused(plain: Path, tmp_path: Path, case: str) -> None:
    change, words = OTHERS[case]
    path = described(plain, tmp_path / "model.keras", change)
    with pytest.raises(NetworkError) as error:
        read_trained_network(path)
    message = str(error.value)
    assert message.startswith(f"{path} ") and words in message
    assert message.isprintable() and len(message) < len(str(path)) + 500


@pytest.mark.parametrize("command", ["evaluate", "predict", "digits", "summary", "--network"])
def test_the_commands_say_it_in_one_line(
    plain: Path, picture: Path, data: Path, tmp_path: Path, command: str
) -> None:
    model = tmp_path / "model.keras"
    arguments = {
        "evaluate": [model, "--data", data], "predict": [model, picture, "--json"],
        "digits": [model, "--data", data, "-o", tmp_path / "d.xlsx"], "summary": [model],
        "--network": [model],
    }[command]  # fmt: skip
    words = ("summary", command) if command.startswith("--") else (command,)
    for case in ("code", "3,000 layers", "a class with escapes"):
        path = described(plain, model, OTHERS[case][0])
        result = invoke(*words, *arguments)
        assert result.exit_code == 2 and result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {path} ") and line.isprintable()
    assert not (tmp_path / "d.xlsx").exists()


# Weights that are something else

Change = Callable[[h5py.File], Any]


def with_file(plain: Path, path: Path, change: Change) -> Path:
    """The model with another file of weights; ``change`` edits it."""
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == WEIGHTS:
                file = io.BytesIO(content)
                with h5py.File(file, "a") as weights:
                    change(weights)
                content = file.getvalue()
            new.writestr(member, content)
    return path


KERNEL = "layers/conv2d/vars/0"
SHAPE = (3, 3, 1, 16)


def replaced(make: Callable[[h5py.File, str], Any]) -> Change:
    """Something else in place of the first kernel."""

    def change(file: h5py.File) -> None:
        del file[KERNEL]
        make(file, KERNEL)

    return change


def dataset(**options: Any) -> Change:
    return replaced(lambda file, name: file.create_dataset(name, **options))


def of_layout(*shape: int) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape)
    return layout


def another_link(link: object, place: str = KERNEL) -> Change:
    def change(file: h5py.File) -> None:
        file.move(place, "moved")
        file[place] = link

    return change


STORED: dict[str, tuple[Change, str]] = {
    "nothing": (lambda file: file.__delitem__(KERNEL), "0 weights in layers/conv2d/vars, not 1"),
    "one more": (lambda file: file.create_dataset("layers/dense/vars/1", (10,)),
                 "has 2 weights in layers/dense/vars, not 1"),
    "no layer": (lambda file: file.__delitem__("layers/dense"), "layers/dense/vars, not 1"),
    "a group": (replaced(lambda file, name: file.create_group(name)), "not hold plain numbers"),
    "another shape": (dataset(shape=(3, 3, 16, 1)), "has the shape (3, 3, 16, 1), not (3, 3, 1"),
    "a scalar": (dataset(data=1.0), "has the shape (), not (3, 3, 1, 16)"),
    "nowhere": (dataset(data=h5py.Empty("f4")), "has the shape None"),
    "terabytes": (dataset(shape=(2**20, 2**20), dtype="f4", chunks=(1024, 1024)), "plain numbers"),
    "a compressed bomb": (
        dataset(shape=SHAPE, dtype="f4", compression="gzip"), "does not hold plain numbers",
    ),
    "huge chunks": (
        dataset(shape=SHAPE, maxshape=(None,) * 4, dtype="f4", chunks=(2**20, 1, 1, 16)),
        "does not hold plain numbers",
    ),
    "text": (dataset(shape=SHAPE, dtype="S4"), "does not hold plain numbers"),
    "any text": (dataset(shape=SHAPE, dtype=h5py.string_dtype()), "not hold plain numbers"),
    "complex numbers": (dataset(shape=SHAPE, dtype="c8"), "does not hold plain numbers"),
    "bytes": (dataset(shape=SHAPE, dtype="V2"), "does not hold plain numbers"),
    "references": (dataset(shape=SHAPE, dtype=h5py.ref_dtype), "does not hold plain numbers"),
    "records": (dataset(shape=SHAPE, dtype=[("a", "f4")]), "does not hold plain numbers"),
    "NaN": (dataset(data=np.full(SHAPE, np.nan)), "infinite or not numbers (NaN)"),
    "too large for single precision": (dataset(data=np.full(SHAPE, 1e300)), "infinite or not"),
    "another file's numbers": (
        dataset(shape=SHAPE, dtype="f4", external=[("/etc/passwd", 0, 576)]),
        "does not hold plain numbers",
    ),
    "a virtual dataset": (
        replaced(lambda file, name: file.create_virtual_dataset(name, of_layout(*SHAPE))),
        "does not hold plain numbers",
    ),
    "a link": (another_link(h5py.SoftLink("/moved")), f"has no {KERNEL}"),
    "a link to itself": (another_link(h5py.SoftLink(f"/{KERNEL}")), f"has no {KERNEL}"),
    "a layer that is a link": (
        another_link(h5py.SoftLink("/moved"), "layers/conv2d"), "has 0 weights in layers/conv2d",
    ),
    "layers in another file": (
        another_link(h5py.ExternalLink("/etc/passwd", "/"), "layers"), "has 0 weights",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STORED)
def test_weights_are_plain_numbers_of_the_file_itself(
    plain: Path, tmp_path: Path, case: str
) -> None:
    change, words = STORED[case]
    path = with_file(plain, tmp_path / "model.keras", change)
    with pytest.raises(NetworkError) as error:
        read_trained_network(path)
    message = str(error.value)
    assert message.startswith(f"{path} ") and words in message
    assert message.isprintable() and len(message) < len(str(path)) + 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("place", [KERNEL, "layers/conv2d", "layers"])
def test_no_other_file_is_opened(plain: Path, tmp_path: Path, place: str) -> None:
    """Opening a named pipe would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    change = another_link(h5py.ExternalLink(str(pipe), "/x"), place)
    path = with_file(plain, tmp_path / "model.keras", change)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from keras_model.trained.files import read_trained_network\n"
        "read_trained_network(Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "is damaged: its model.weights.h5 has" in done.stderr


# Archives that are something else


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return path


def test_a_bomb_is_not_unpacked(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(plain) as old:
        members = {name: old.read(name) for name in old.namelist()}
    path = archive(tmp_path / "model.keras", **members | {WEIGHTS: bytes(201 * 2**20)})
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(NetworkError, match="unpacks to more than 200 MB"):
        read_trained_network(path)


def test_a_long_list_of_members_is_not_read(plain: Path, tmp_path: Path) -> None:
    path = shutil.copy(plain, tmp_path / "model.keras")
    with zipfile.ZipFile(path, "a") as more:
        for number in range(130):
            member = zipfile.ZipInfo(str(number))
            member.comment = bytes(65_000)
            more.writestr(member, b"")
    with pytest.raises(NetworkError, match="has too many files in it"):
        read_trained_network(path)
    arrays = shutil.move(path, tmp_path / "mnist.npz")
    with pytest.raises(DataError, match="has too many arrays"):
        load_digits(arrays)


def test_a_false_size_is_noticed(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(plain) as old:
        members = {name: old.read(name) for name in old.namelist()}
    size = 30 * 2**20
    archive(path, **members | {WEIGHTS: bytes(size)})
    content = path.read_bytes()
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(NetworkError, match="is damaged"):
        read_trained_network(path)


def test_names_of_members_lead_nowhere(plain: Path, tmp_path: Path) -> None:
    """Members are read by name and never written."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "model.keras"
    with zipfile.ZipFile(plain) as old:
        members = {name: old.read(name) for name in old.namelist()}
    archive(path, **members | {"../evil.txt": b"x", "/tmp/evil.txt": b"x", "assets/../../a": b"x"})
    read_trained_network(path)
    assert [*tmp_path.rglob("*")] == [path.parent, path]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "is not a Keras model: it has no config.json"),
        ({"config.json": b"{}"}, "is damaged: it has no model.weights.h5"),
        ({"config.json": b"{}", WEIGHTS: b""}, "is of the class 'None'"),
        ({"../config.json": b"{}"}, "is not a Keras model: it has no config.json"),
    ],
)
def test_archives_without_a_model(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        read_trained_network(archive(tmp_path / "model.keras", **members))


def test_damaged_weights(plain: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(plain) as old:
        members = {name: old.read(name) for name in old.namelist()}
    whole = members[WEIGHTS]
    rng = np.random.default_rng(1)
    for number in range(40):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, 5000, 40)] = rng.integers(0, 256, 40)
        content = damaged.tobytes()[: None if number % 2 else rng.integers(1, len(whole))]
        path = archive(tmp_path / "model.keras", **members | {WEIGHTS: content})
        try:
            read_trained_network(path)
        except NetworkError as error:
            assert str(error).startswith(f"{path} ") and str(error).isprintable()


# What people have


def layers_of_all_kinds() -> list[keras.Layer]:
    kinds = keras.layers
    return [
        kinds.Conv2D(3, 3, use_bias=False), kinds.BatchNormalization(), kinds.ReLU(),
        kinds.SeparableConv2D(4, 3, activation="relu"), kinds.SpatialDropout2D(0.1),
        kinds.MaxPooling2D(2), kinds.LayerNormalization(), kinds.LeakyReLU(negative_slope=0.1),
        kinds.DepthwiseConv2D(3, padding="same"), kinds.GlobalAveragePooling2D(),
        kinds.Dropout(0.2), kinds.Dense(12, activation=keras.activations.relu),
        kinds.BatchNormalization(scale=False), kinds.Dense(10, kernel_regularizer="l2"),
    ]  # fmt: skip


def assert_reads(network: keras.Model, path: Path, atol: float = 1e-5) -> None:
    network.save(path)
    images = sample().x_test[:5] / np.float32(255)
    shape = (len(images), *network.input_shape[1:])
    expected = np.asarray(network(images.reshape(shape), training=False), np.float32)
    ours = read_trained_network(path).logits(images)
    np.testing.assert_allclose(ours, expected, atol=atol * np.abs(expected).max())


def test_a_model_after_compile_and_fit_is_read(tmp_path: Path) -> None:
    """Its file has the optimizer's variables and the settings of compile(), too."""
    network = keras.Sequential([keras.Input((28, 28, 1)), *layers_of_all_kinds()])
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 100)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
    )  # fmt: skip
    digits = sample()
    network.fit(digits.x_train[::100, ..., None] / 255, digits.y_train[::100], verbose=0)
    assert_reads(network, tmp_path / "model.keras")


def test_a_functional_model_in_one_line_is_read(tmp_path: Path) -> None:
    digits = outputs = keras.Input((28, 28, 1))
    for kind in layers_of_all_kinds():
        outputs = kind(outputs)
    assert_reads(keras.Model(digits, outputs), tmp_path / "model.keras")


def test_a_functional_model_with_branches_is_refused(tmp_path: Path) -> None:
    digits = keras.Input((28, 28, 1))
    dense, flat = keras.layers.Dense(10), keras.layers.Flatten()(digits)
    path = tmp_path / "model.keras"
    keras.Model(digits, keras.layers.Dense(10)(dense(flat)) + dense(flat)).save(path)
    with pytest.raises(NetworkError) as error:
        read_trained_network(path)
    assert "\n" not in str(error.value)


def test_a_model_that_learned_its_input_from_a_batch_is_read(tmp_path: Path) -> None:
    """Keras saves the size of that batch, which is no limit."""
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    network(np.zeros((3, 28, 28), np.float32))
    assert_reads(network, tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("policy", "atol"), [("mixed_float16", 0.01), ("float16", 0.01), ("bfloat16", 0.05),
                         ("mixed_bfloat16", 0.05), ("float64", 1e-5)],
)  # fmt: skip
def test_other_precisions_are_read(tmp_path: Path, policy: str, atol: float) -> None:
    network = keras.Sequential([
        keras.Input((28, 28, 1)), keras.layers.Conv2D(3, 3, dtype=policy, activation="relu"),
        keras.layers.BatchNormalization(dtype=policy), keras.layers.Flatten(dtype=policy),
        keras.layers.Dense(10, dtype=policy),
    ])  # fmt: skip
    assert_reads(network, tmp_path / "model.keras", atol)


@pytest.mark.parametrize("group", ["_layer_checkpoint_dependencies/", "layers\\"])
def test_names_of_groups_of_other_versions(plain: Path, tmp_path: Path, group: str) -> None:
    """Keras 2.12 had another name; on Windows, its names had backslashes."""

    def rename(file: h5py.File) -> None:
        for name in [*file["layers"]]:
            if group.endswith("/"):
                file.move(f"layers/{name}", f"{group}{name}")
            else:
                file.move(f"layers/{name}/vars", f"{group}{name}\\vars")
        del file["layers"]

    path = with_file(plain, tmp_path / "model.keras", rename)
    images = sample().x_test[:3]
    expected = read_trained_network(plain).logits(images)
    assert np.array_equal(read_trained_network(path).logits(images), expected)


def of_keras_2(description: dict[str, Any]) -> None:
    """Change a description to what Keras 2.15 writes: its nodes are lists."""
    for thing in layers(description):
        name = thing["config"]["name"]
        thing["name"] = name
        thing["inbound_nodes"] = [
            [[tensor["config"]["keras_history"][0], 0, 0, {}]]
            for node in thing["inbound_nodes"]
            for tensor in node["args"]
        ]
        if thing["class_name"] in ("DepthwiseConv2D", "SeparableConv2D"):
            thing["config"]["groups"] = 1
    (name, *_) = description["config"]["output_layers"]
    description["config"]["output_layers"] = [[name, 0, 0]]


def test_a_functional_model_of_keras_2_is_read(tmp_path: Path) -> None:
    digits = maps = keras.Input((28, 28, 1))
    for layer in (
        keras.layers.SeparableConv2D(3, 3), keras.layers.DepthwiseConv2D(3, depth_multiplier=2),
        keras.layers.Activation("hard_sigmoid"), keras.layers.Flatten(), keras.layers.Dense(10),
    ):  # fmt: skip
        maps = layer(maps)
    network = keras.Model(digits, maps)
    network.save(tmp_path / "new.keras")
    path = described(tmp_path / "new.keras", tmp_path / "old.keras", of_keras_2)
    expected = np.asarray(network(sample().x_test[:3][..., None], training=False))
    np.testing.assert_allclose(
        read_trained_network(path).logits(sample().x_test[:3]), expected, rtol=1e-4, atol=1e-4
    )
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
    with pytest.raises(NetworkError, match=r"its layer 3 \(Activation .*hard_sigmoid of Keras 2"):
        read_trained_network(path)


# Numbers that are none


def with_weights(path: Path, **weights: float) -> Path:
    """A model; ``norm1_gamma=2`` sets all weights ``gamma`` of the layer ``norm1`` to 2."""
    network = original(1)
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
    with pytest.raises(NetworkError, match=rf"the {kind} of layer \d+ \(\w+ {layer}\)"):
        read_trained_network(path)


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
        assert result.exit_code == 2 and result.stdout == ""
        assert result.stderr == (
            f"Error: {path} cannot be used: its layer '{layer}' gives numbers that are infinite or "
            "not numbers (NaN)\n"
        )


@pytest.mark.parametrize("suffix", [".xlsx", ".html"])
@pytest.mark.parametrize(
    ("layer", "weights"),
    [
        ("norm1", {"norm1_moving_variance": -0.5}),
        ("norm2", {"norm2_gamma": 3e38, "norm2_moving_variance": 1e-9}),
    ],
)
def test_digits_refuses_what_gives_no_numbers(
    data: Path, tmp_path: Path, suffix: str, layer: str, weights: dict[str, float]
) -> None:
    path, output = tmp_path / "model.keras", tmp_path / f"digits{suffix}"
    with_weights(path, **weights)
    error = click_run("digits", path, "--data", data, "-o", output, code=2)
    assert f"{path} cannot be used: its layer '{layer}' gives numbers that are inf" in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [path]
