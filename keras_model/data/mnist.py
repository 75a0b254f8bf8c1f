"""Loading the digits, from wherever they are, and checking them.

MNIST is by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import socket
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradsheet.errors import InvalidInputError
from gradsheet.input_files import problem_with_file
from keras_model.data.npz_file import NpzError, read_npz

SIDE = 28
CLASSES = 10
VARIABLE = "GRADSHEET_DATA"
SAMPLE = Path(__file__).with_name("sample.npz")
SAMPLE_PER_CLASS = 400  # for training, of 500 per class; the others are for testing

# The mean and standard deviation of MNIST's training pixels, on the scale of 0 to 1: the constants
# of PyTorch's MNIST example and of the original.
MEAN, DEVIATION = 0.1307, 0.3081

MAX_DIGITS = 1_000_000
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_CACHED = Path("datasets", "mnist.npz")
# Of the file that keras.datasets.mnist downloads (keras/src/datasets/mnist.py).
_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
# MD5 of the published, unpacked IDX files.
_WHOLE = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


class DataError(InvalidInputError):
    """The digits cannot be used; the message names the file and the problem."""


_PACKAGE = "package"  # as a source


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) uint8, bright ink on 0, and labels (n,) uint8: training and test sets."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    name: str
    source: str

    @property
    def is_sample(self) -> bool:
        """Whether these are the package's, which are a part of MNIST's training digits."""
        return self.source == _PACKAGE

    def checksum(self) -> str:
        """Return a checksum of all images and labels."""
        checksum = hashlib.md5(usedforsecurity=False)
        for name in _ARRAYS:
            array = getattr(self, name)
            checksum.update(f"{name} {array.shape} ".encode())
            checksum.update(np.ascontiguousarray(array).tobytes())
        return checksum.hexdigest()


def normalized(images: np.ndarray) -> np.ndarray:
    """Convert uint8 images (n, 28, 28) to the network's normalized float32 input (n, 28, 28, 1)."""
    return ((images.astype(np.float32) / 255 - MEAN) / DEVIATION)[..., None]


def load_digits(
    path: Path | None = None, *, download: bool = True, say: Callable[[str], None] = lambda _: None
) -> Digits:
    """Load the digits from the first source that exists.

    The sources: ``path``; the variable GRADSHEET_DATA; Keras' cache; Keras' download; the sample in
    this package. ``say`` is called with a message if it is the sample. A file in Keras' cache that
    cannot be used is downloaded again.

    Raises:
        DataError: ``path`` or GRADSHEET_DATA is given, and its digits are missing or wrong.
    """
    if path is None and os.environ.get(VARIABLE):
        path = Path(os.environ[VARIABLE])
    if path is not None:
        return _checked(*_read(path), source=str(path))
    problem = "MNIST was not found and"
    cached = _keras_home() / _CACHED
    if os.path.isfile(cached):  # noqa: PTH113 - False where Path.is_file() lacks a permission
        try:
            return _checked(*_read(cached), source=str(cached))
        except DataError as error:
            problem = f"{error}, and MNIST"
    if download and _download(cached):
        return _checked(*_read(cached), source=str(cached))
    say(f"{problem} cannot be downloaded: using the package's sample of 5,000 digits")
    return sample()


def sample() -> Digits:
    """Load the 5,000 digits in the package: 4,000 for training and 1,000 for testing."""
    with np.load(SAMPLE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    within = np.concatenate([np.arange((labels == label).sum()) for label in range(CLASSES)])
    rank = np.empty_like(within)
    rank[np.argsort(labels, kind="stable")] = within  # of each digit within its class
    train = rank < SAMPLE_PER_CLASS
    return Digits(
        images[train],
        labels[train],
        images[~train],
        labels[~train],
        name="sample of 5,000 digits of MNIST",
        source=_PACKAGE,
    )


def _keras_home() -> Path:
    """Return Keras' folder: KERAS_HOME, or ``.keras`` in the home folder or a temporary one.

    As in ``keras/src/backend/config.py``, but a home folder that is read-only may have the digits.
    """
    if given := os.environ.get("KERAS_HOME"):
        return Path(os.path.expanduser(given))  # noqa: PTH111 - Path raises if there is no home
    home = Path(os.path.expanduser("~/.keras"))  # noqa: PTH111
    place = home if os.access(home, os.F_OK) else home.parent
    if os.access(home / _CACHED, os.R_OK) or os.access(place, os.W_OK):
        return home
    return Path(tempfile.gettempdir()) / ".keras"


def _download(target: Path) -> bool:
    """Download MNIST with Keras, which verifies its hash; return whether that succeeded.

    A file at ``target`` is replaced only then.
    """
    from keras_model.backend import import_keras

    import_keras()
    import keras

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(15)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            tempfile.TemporaryDirectory(dir=target.parent) as folder,
        ):
            fetched = keras.utils.get_file(
                target.name, _ORIGIN, file_hash=_SHA256, cache_dir=folder, cache_subdir=""
            )
            Path(fetched).replace(target)
    except Exception:  # urllib, ssl and Keras each have their own for "no network"
        return False
    finally:
        socket.setdefaulttimeout(before)
    return True


def _read(path: Path) -> tuple[dict[str, np.ndarray], Path]:
    problem = problem_with_file(path)
    if problem == "is a folder":
        arrays = {name: _read_idx(_idx_file(path, stem)) for name, stem in _IDX.items()}
        for name, array in arrays.items():
            _check_layout(path, name, array.shape, array.dtype)
        return arrays, path
    if problem is not None:
        raise DataError(f"{path} {problem}")
    return _read_npz(path), path


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_npz(path, _ARRAYS, lambda *header: _check_layout(path, *header))
    except NpzError as error:
        raise DataError(f"{path} {error}") from error


def _idx_file(folder: Path, stem: str) -> Path:
    for name in (
        stem,
        f"{stem}.gz",
        stem.replace("-idx", ".idx"),
        stem.replace("-idx", ".idx") + ".gz",
    ):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no file {stem} or {stem}.gz")


def _read_idx(path: Path) -> np.ndarray:
    """An IDX file: two zero bytes, the type (8: uint8), the number of axes, each size, the data."""
    limit = MAX_DIGITS * SIDE * SIDE
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(limit + 17)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] not in (1, 3):
        raise DataError(f"{path} is not an IDX file of bytes (wrong magic number)")
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path} is truncated in its header")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = int(np.prod([int(size) for size in shape], dtype=object))
    if len(content) - start != expected:
        raise DataError(
            f"{path} holds {len(content) - start:,} bytes of data where its header says "
            f"{expected:,}: it is truncated or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _check_layout(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Check the shape and the type of one array, which need not have been read yet."""
    if name.startswith("x_"):
        if len(shape) != 3 or shape[1:] != (SIDE, SIDE):
            shown = _shown_shape(shape)
            raise DataError(f"{path}: {name} has the shape {shown}, not (n, {SIDE}, {SIDE})")
        if dtype != np.uint8:
            shown = str(dtype)[:40]
            raise DataError(f"{path}: {name} is of type {shown}, not uint8 (0 to 255)")
    elif len(shape) != 1 or dtype.kind not in "iu":
        raise DataError(f"{path}: {name} must be one row of whole numbers (0 to 9)")
    if not 1 <= shape[0] <= MAX_DIGITS:
        problem = f"has more than {MAX_DIGITS:,} digits" if shape[0] else "is empty"
        raise DataError(f"{path}: {name} {problem}")


def _shown_shape(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _checked(arrays: dict[str, np.ndarray], path: Path, *, source: str) -> Digits:
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(images) != len(labels):
            raise DataError(
                f"{path}: x_{part} has {len(images):,} images, y_{part} {len(labels):,} labels"
            )
        if labels.min() < 0 or labels.max() >= CLASSES:
            raise DataError(f"{path}: y_{part} has labels outside 0 to 9")
    plain = {name: np.ascontiguousarray(array, np.uint8) for name, array in arrays.items()}
    name = (
        "MNIST, whole" if _is_whole(plain) else f"{len(plain['x_train']):,} digits of {path.name}"
    )
    return Digits(**plain, name=name, source=source)


def _is_whole(arrays: dict[str, np.ndarray]) -> bool:
    for name, published in _WHOLE.items():
        array = arrays[name]
        header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        checksum = hashlib.md5(header, usedforsecurity=False)
        checksum.update(array.tobytes())
        if checksum.hexdigest() != published:
            return False
    return True
