"""Every source of digits, and every way in which one can be broken."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import click_run

from keras_model.data import mnist
from keras_model.data.mnist import DataError, load_digits, normalized, sample

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def arrays(**changes) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    made = {
        "x_train": chance.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "y_train": chance.integers(0, 10, 30, dtype=np.uint8),
        "x_test": chance.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "y_test": chance.integers(0, 10, 10, dtype=np.uint8),
    }
    return {**made, **changes}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def no_sources(monkeypatch, tmp_path):
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def test_the_sample_is_whole_and_split_by_class():
    digits = sample()
    assert digits.x_train.shape == (4000, 28, 28) and digits.x_test.shape == (1000, 28, 28)
    assert np.bincount(digits.y_train).tolist() == [400] * 10
    assert np.bincount(digits.y_test).tolist() == [100] * 10
    assert digits.x_train.dtype == np.uint8 and digits.x_train.max() == 255
    seen = {image.tobytes() for image in digits.x_train}
    assert not any(image.tobytes() in seen for image in digits.x_test)
    assert mnist.SAMPLE.stat().st_size < 1.2e6


def test_without_any_source_it_is_the_sample_and_says_so():
    said = []
    assert "sample" in load_digits(download=False, say=said.append).name
    assert len(said) == 1 and "sample" in said[0]


def test_an_npz_and_the_variable_and_the_cache(tmp_path, monkeypatch):
    made = arrays()
    path = tmp_path / "m.npz"
    np.savez_compressed(path, **made)
    for digits in (load_digits(path), _by_variable(monkeypatch, path)):
        assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)
    monkeypatch.delenv(mnist.VARIABLE)
    cache = tmp_path / "keras" / "datasets"
    cache.mkdir(parents=True)
    np.savez(cache / "mnist.npz", **arrays(y_test=np.zeros(10, np.uint8)))
    assert load_digits().y_test.tolist() == [0] * 10


def _by_variable(monkeypatch, path):
    monkeypatch.setenv(mnist.VARIABLE, str(path))
    return load_digits()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_a_folder_of_idx_files(tmp_path, packed, dotted):
    made = arrays()
    for name, stem in NAMES.items():
        stem = stem.replace("-idx", ".idx") if dotted else stem
        content = idx(made[name])
        target = tmp_path / (stem + ".gz" if packed else stem)
        target.write_bytes(gzip.compress(content) if packed else content)
    digits = load_digits(tmp_path)
    assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)


BAD_ARRAYS = {
    "a missing array": ({"y_test": None}, "no array y_test"),
    "another shape": ({"x_train": np.zeros((30, 27, 28), np.uint8)}, "shape"),
    "normalized": ({"x_train": np.full((30, 28, 28), -0.4, np.float32)}, "0 to 255"),
    "too bright": ({"x_test": np.full((10, 784), 256)}, "0 to 255"),
    "not numbers": ({"x_test": np.full((10, 784), np.nan)}, "NaN"),
    "unequal lengths": ({"y_train": np.zeros(29, np.uint8)}, "29"),
    "a label of 10": ({"y_test": np.full(10, 10, np.uint8)}, "0 to 9"),
    "a label of -1": ({"y_test": np.full(10, -1, np.int64)}, "0 to 9"),
    "float labels": ({"y_test": np.full(10, 0.5)}, "whole numbers"),
    "labels in two columns": ({"y_test": np.zeros((10, 2), np.uint8)}, "one row"),
    "two labels each": ({"y_test": np.ones((10, 10))}, "one-hot"),
    "nothing": (
        {"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, np.uint8)},
        "empty",
    ),
    "objects": ({"y_test": np.array([{}] * 10, dtype=object)}, "objects"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_a_wrong_npz_is_told_by_name(tmp_path, case):
    changes, words = BAD_ARRAYS[case]
    path = tmp_path / "bad.npz"
    np.savez(
        path, **{name: array for name, array in arrays(**changes).items() if array is not None}
    )
    with pytest.raises(DataError, match=words) as error:
        load_digits(path)
    assert "bad.npz" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 truncated"])
def test_what_is_no_npz(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz"):
        load_digits(tmp_path / "x.npz")


def test_a_cut_npz(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", **arrays())
    whole = (tmp_path / "x.npz").read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 30):
        (tmp_path / "x.npz").write_bytes(whole[:length])
        with pytest.raises(DataError):
            load_digits(tmp_path / "x.npz")


BAD_IDX = {
    "wrong magic": (lambda good: b"\0\0\x0d\3" + good[4:], "magic"),
    "a cut header": (lambda good: good[:9], "header"),
    "cut data": (lambda good: good[:-5], "truncated"),
    "too much data": (lambda good: good + b"1", "damaged"),
    "an endless size": (lambda good: good[:4] + b"\xff" * 12 + good[16:], "damaged"),
    "nothing": (lambda _: b"", "magic"),
    "cut gzip": (lambda good: gzip.compress(good)[:-20], "cannot be read|magic"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_a_wrong_idx_file_is_told_by_name(tmp_path: Path, case):
    change, words = BAD_IDX[case]
    for name, stem in NAMES.items():
        (tmp_path / stem).write_bytes(idx(arrays()[name]))
    bad = tmp_path / NAMES["x_train"]
    content = change(bad.read_bytes())
    if case == "cut gzip":
        bad.unlink()
        bad = bad.with_name(bad.name + ".gz")
    bad.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        load_digits(tmp_path)
    assert "train-images" in str(error.value)


def test_a_given_path_that_is_wrong_is_never_replaced(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="does not exist"):
        load_digits(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match="no file train-images"):
        load_digits(tmp_path)
    monkeypatch.setenv(mnist.VARIABLE, str(tmp_path / "nowhere.npz"))
    with pytest.raises(DataError, match="does not exist"):
        load_digits()


def test_the_normalization_is_the_originals():
    images = np.array([[[0, 255]]], np.uint8)
    got = normalized(images)[0, 0, :, 0]
    assert np.allclose(got, [-0.1307 / 0.3081, (1 - 0.1307) / 0.3081]) and got.dtype == np.float32


LAYOUTS = {
    "a channel": {"x_train": lambda x: x[..., None]},
    "channels first": {"x_train": lambda x: x[:, None]},
    "flat": {"x_train": lambda x: x.reshape(-1, 784), "x_test": lambda x: x.reshape(-1, 784)},
    "int64": {"x_train": lambda x: x.astype(np.int64), "y_train": lambda y: y.astype(np.int64)},
    "0 to 1": {"x_train": lambda x: x / 255, "x_test": lambda x: (x / 255).astype(np.float32)},
    "0 to 255 as floats": {"x_test": lambda x: x.astype(np.float64)},
    "one-hot": {"y_train": lambda y: np.eye(10)[y], "y_test": lambda y: np.eye(10, dtype=int)[y]},
    "a column of labels": {"y_train": lambda y: y[:, None], "y_test": lambda y: y.astype(float)},
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_other_layouts_are_converted_and_it_is_said(tmp_path, case):
    made = arrays()
    changed = {name: LAYOUTS[case].get(name, lambda same: same)(made[name]) for name in NAMES}
    np.savez(tmp_path / "m.npz", **changed)
    said = []
    digits = load_digits(tmp_path / "m.npz", say=said.append)
    for name in NAMES:
        assert np.array_equal(getattr(digits, name), made[name])
        assert getattr(digits, name).dtype == np.uint8
    (line,) = said
    assert line.startswith("converted in ")
    whole_numbers = {"int64": {"y_train"}, "a column of labels": {"y_test"}}.get(case, set())
    assert all(name in line for name in LAYOUTS[case].keys() - whole_numbers)


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("trainX", "trainY", "testX", "testY"),
        ("training_images", "training_labels", "t10k_images", "t10k_labels"),
    ],
)
def test_arrays_may_have_other_names(tmp_path, names):
    made = arrays()
    np.savez(tmp_path / "m.npz", **dict(zip(names, made.values(), strict=True)))
    digits = load_digits(tmp_path)  # a folder with one .npz file
    assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)


def test_four_files_with_an_array_each_as_of_kmnist(tmp_path):
    made = arrays()
    for name, array in zip(("train-imgs", "train-labels", "test-imgs", "test-labels"),
                           ("x_train", "y_train", "x_test", "y_test"), strict=True):  # fmt: skip
        np.savez_compressed(tmp_path / f"kmnist-{name}.npz", made[array])
    digits = load_digits(tmp_path)
    assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)
    np.savez(tmp_path / "kmnist-test-imgs.npz", made["x_test"], made["y_test"])
    with pytest.raises(DataError, match=r"test-imgs\.npz must have one array, for x_test"):
        load_digits(tmp_path)


def test_idx_files_are_read_by_content_wherever_they_are(tmp_path):
    made = arrays()
    for kind in ("unpacked", "packed", "kaggle", "torchvision/MNIST/raw"):
        folder = tmp_path / kind
        for name, stem in NAMES.items():
            content = idx(made[name])
            path = folder / stem
            if kind == "unpacked":
                path = folder / f"{stem}.gz"
            elif kind == "packed":
                content = gzip.compress(content)
            elif kind == "kaggle":
                path = folder / stem / stem
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        digits = load_digits(tmp_path / kind.split("/")[0])
        assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)


def test_of_several_sets_in_a_folder_one_must_be_chosen(tmp_path):
    made = arrays()
    for part in ("FashionMNIST/raw", "MNIST/raw"):
        (tmp_path / part).mkdir(parents=True)
        for name, stem in NAMES.items():
            content = made[name] if part[0] == "M" else made[name] // 2
            (tmp_path / part / stem).write_bytes(idx(content))
    words = "has several sets of digits: .* as FashionMNIST/raw and MNIST/raw$"
    with pytest.raises(DataError, match=words):
        load_digits(tmp_path)
    assert np.array_equal(load_digits(tmp_path / "MNIST").x_test, made["x_test"])
    for name, stem in NAMES.items():
        (tmp_path / stem).write_bytes(idx(made[name]))
    assert np.array_equal(load_digits(tmp_path).x_test, made["x_test"])


@pytest.mark.parametrize("kind", [np.uint8, np.int64, bool, np.float32])
def test_pixels_that_are_0_or_1_become_0_or_255(tmp_path, kind):
    made = arrays()
    black_and_white = {
        name: (made[name] > 127).astype(kind) if name[0] == "x" else made[name] for name in NAMES
    }
    np.savez(tmp_path / "m.npz", **black_and_white)
    said = []
    digits = load_digits(tmp_path / "m.npz", say=said.append)
    assert np.array_equal(digits.x_test, np.where(made["x_test"] > 127, 255, 0))
    assert said[0].startswith("converted in ") and "0 to 1 times 255" in said[0]


def kaggle(path, images, labels, header=True):
    lines = ["label," + ",".join(f"pixel{i}" for i in range(784))] if header else []
    for image, label in zip(images, labels, strict=True):
        lines.append(",".join(map(str, [label, *image.ravel()])))
    path.write_text("\n".join(lines) + "\n")


def test_kaggles_csv_alone_and_as_two_files(tmp_path):
    made = arrays()
    images = np.concatenate([made["x_train"], made["x_test"]])
    labels = np.concatenate([made["y_train"], made["y_test"]])
    kaggle(tmp_path / "train.csv", images, labels)
    said = []
    digits = load_digits(tmp_path / "train.csv", say=said.append)
    count = len(labels) // 7
    assert np.array_equal(digits.x_test, images[-count:])
    assert np.array_equal(digits.y_train, labels[:-count])
    assert "for testing" in said[0]
    folder = tmp_path / "digit-recognizer"  # Kaggle's: the digits of its test.csv have no labels
    folder.mkdir()
    shutil.copy(tmp_path / "train.csv", folder)
    (folder / "test.csv").write_text(",".join(f"pixel{pixel}" for pixel in range(784)))
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    again = load_digits(folder, say=said.append)
    assert np.array_equal(again.x_test, digits.x_test)
    assert str(folder / "train.csv") in said[-2] and "for testing" in said[-2]
    for header in (True, False):
        folder = tmp_path / f"two{header}"
        folder.mkdir()
        for part in ("train", "test"):
            kaggle(folder / f"mnist_{part}.csv", made[f"x_{part}"], made[f"y_{part}"], header)
        digits = load_digits(folder)
        assert all(np.array_equal(getattr(digits, name), made[name]) for name in NAMES)


TABLES = {
    "a label at the end": ("label last", ","),
    "a label at the end without a header": ("label last, no header", ","),
    "semicolons": ("", ";"),
    "tabs without a header": ("no header", "\t"),
    "quotes": ("quotes", ","),
    "a label with a capital": ("Label", ","),
}


@pytest.mark.parametrize("case", TABLES)
def test_csv_files_of_other_programs(tmp_path, case):
    digits = sample()
    images, labels = digits.x_test[::50], digits.y_test[::50]
    form, separator = TABLES[case]
    header = ["Label" if form == "Label" else "label", *(f"pixel{i}" for i in range(784))]
    rows = [header] if "no header" not in form else []
    rows += [[label, *image.ravel()] for image, label in zip(images, labels, strict=True)]
    if form.startswith("label last"):
        rows = [[*row[1:], row[0]] for row in rows]
    quote = '"' if form == "quotes" else ""
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    read = load_digits(tmp_path / "d.csv")
    assert np.array_equal(np.concatenate([read.x_train, read.x_test]), images)
    assert np.array_equal(np.concatenate([read.y_train, read.y_test]), labels)


STRANGE = {
    "transposed": (lambda images: images.transpose(0, 2, 1), "transposed (rows and columns"),
    "inverted": (lambda images: 255 - images, "dark on light paper"),
    "both": (lambda images: 255 - images.transpose(0, 2, 1), "transposed and dark on light"),
    "neither": (lambda images: images, ""),
    "no digits": (lambda images: np.random.default_rng(1).permutation(images), ""),
}


@pytest.mark.parametrize("case", STRANGE)
def test_digits_in_another_form_than_mnists_are_told(tmp_path, case):
    """They are read as they are: a set of other things than digits may look like that, too."""
    digits, (change, words) = sample(), STRANGE[case]
    images = change(digits.x_test)
    np.savez(
        tmp_path / "d.npz",
        x_train=digits.x_train, y_train=digits.y_train, x_test=images, y_test=digits.y_test,
    )  # fmt: skip
    said = []
    read = load_digits(tmp_path / "d.npz", say=said.append)
    assert np.array_equal(read.x_test, images)
    assert [f"seem to be {words}" in line for line in said] == ([True] if words else [])


def test_exchanged_sets_are_told(tmp_path):
    made = arrays()
    exchanged = {"x_train": "x_test", "y_train": "y_test", "x_test": "x_train", "y_test": "y_train"}
    np.savez(tmp_path / "m.npz", **{name: made[other] for name, other in exchanged.items()})
    said = []
    assert len(load_digits(tmp_path / "m.npz", say=said.append).x_train) == 10
    (line,) = said
    assert "(10) than for testing (30): are their names exchanged?" in line


WRONG = {
    "images and labels exchanged": lambda made: {
        "x_train": made["y_train"], "y_train": made["x_train"]},
    "the digits along the last axis": lambda made: {"x_train": made["x_train"].transpose(1, 2, 0)},
    "colors": lambda made: {"x_train": np.repeat(made["x_train"][..., None], 3, 3)},
    "another side": lambda made: {"x_test": np.zeros((10, 32, 32), np.uint8)},
    "a label too few": lambda made: {"y_train": made["y_train"][1:]},
    "labels of the other set": lambda made: {
        "y_train": made["y_test"], "y_test": made["y_train"]},
    "NaN": lambda made: {"x_train": np.where(made["x_train"] > 250, np.nan, made["x_train"])},
    "infinite": lambda made: {"x_test": np.where(made["x_test"] > 250, np.inf, 0.0)},
    "nothing": lambda made: {"x_test": made["x_test"][:0], "y_test": made["y_test"][:0]},
    "normalized": lambda made: {"x_train": (made["x_train"] / 255 - 0.1307) / 0.3081},
    "-1 to 1": lambda made: {"x_train": made["x_train"] / 127.5 - 1},
    "16 bits": lambda made: {"x_train": made["x_train"].astype(np.uint16) * 257},
    "labels from 1": lambda made: {"y_train": made["y_train"] + 1},
    "labels that are broken numbers": lambda made: {"y_train": made["y_train"] + 0.5},
    "labels that are text": lambda made: {"y_train": made["y_train"].astype(str)},
    "eleven classes": lambda made: {"y_train": np.eye(11)[made["y_train"]]},
    "a row of labels": lambda made: {"y_train": made["y_train"][None]},
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_digits_are_told_in_one_line(tmp_path, case):
    made = arrays()
    np.savez(tmp_path / "m.npz", **made | WRONG[case](made))
    (tmp_path / "model.keras").write_bytes(b"never read")
    error = click_run("evaluate", tmp_path / "model.keras", "--data", tmp_path / "m.npz", code=2)
    (line,) = error.splitlines()
    assert (
        line.startswith(f"Error: {tmp_path / 'm.npz'}: ") and len(line) < len(str(tmp_path)) + 180
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mnist.pkl.gz", b"\x1f\x8b\x08", "give an .npz file"),
        ("training.pt", b"PK\x03\x04", "give an .npz file"),
        ("test.csv", ",".join(f"pixel{i}" for i in range(784)).encode(), "no label"),
        ("short.csv", b"1,2,3\n", "3 columns"),
        ("empty.csv", b"", "0 columns"),
        ("header.csv", b"label" + b",x" * 784 + b"\n\n", "no digits below its header"),
        ("words.csv", b"label" + b",x" * 784 + b"\n" + b"1" + b",a" * 784, "Kaggle's CSV"),
    ],
)
def test_what_is_not_read_says_what_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        load_digits(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_tilde_in_the_variable_is_the_home_folder(tmp_path, monkeypatch):
    np.savez(tmp_path / "m.npz", **arrays())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(mnist.VARIABLE, "~/m.npz")
    assert load_digits().source == str(tmp_path / "m.npz")


def test_the_sample_cannot_be_changed() -> None:
    digits = sample()
    with pytest.raises(ValueError, match="read-only"):
        digits.x_test[0] = 0
    assert sample() is digits
