"""Loading the digits, from wherever they are, and checking them.

MNIST is by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradsheet.errors import GradsheetError
from gradsheet.files import atomic_write
from gradsheet.input_files import problem_with_file
from keras_model.data.csv_file import has_labelled_digits, read_csv
from keras_model.data.idx_file import find_idx_files, missing_idx_file, read_idx
from keras_model.data.layouts import (
    ARRAYS,
    CLASSES,
    SIDE,
    DataError,
    array_of,
    check_array,
    images_from,
    labels_from,
)
from keras_model.data.npz_file import NpzError, names_in_npz, read_npz
from keras_model.data.other_writing import other_writing

__all__ = ["CLASSES", "SIDE", "DataError", "Digits", "load_digits", "normalized", "sample"]

VARIABLE = "GRADSHEET_DATA"
SAMPLE = Path(__file__).with_name("sample.npz")
SAMPLE_PER_CLASS = 400  # for training, of 500 per class; the others are for testing

# The mean and standard deviation of MNIST's training pixels, on the scale of 0 to 1: the constants
# of PyTorch's MNIST example and of the original.
MEAN, DEVIATION = 0.1307, 0.3081

# Of a file of digits without a test set, the last seventh tests: 10,000 of 70,000.
_TEST_SHARE = 7
_SUFFIXES = (".npz", ".csv")
LAYOUTS = (
    "an .npz file, Kaggle's CSV, or a folder with the four IDX files (torchvision's and Kaggle's, "
    "too), .npz files or CSV files"
)
_CACHED = Path("datasets", "mnist.npz")
# Of the file that keras.datasets.mnist downloads (keras/src/datasets/mnist.py).
_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_MAX_BYTES = 20_000_000  # nearly twice its size
_TIMEOUT = 15  # seconds without an answer
# MD5 of the published, unpacked IDX files.
_WHOLE = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}


_PACKAGE = "package"  # as a source
_COMPARED = 1000  # digits of the package, with those of a file


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
        for name in ARRAYS:
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
    this package. ``say`` is called with a message if it is the sample, or if arrays were converted.
    A file in Keras' cache that cannot be used is downloaded again.

    Raises:
        DataError: ``path`` or GRADSHEET_DATA is given, and its digits are missing or wrong.
    """
    if path is None and os.environ.get(VARIABLE):
        path = Path(os.path.expanduser(os.environ[VARIABLE]))  # noqa: PTH111 - see _keras_home
    if path is not None:
        return _converted(_read(path, say), path, say)
    problem = "MNIST was not found and"
    cached = _keras_home() / _CACHED
    if os.path.isfile(cached):  # noqa: PTH113 - False where Path.is_file() lacks a permission
        try:
            return _converted(_read(cached, say), cached, say)
        except DataError as error:
            problem = f"{error}, and MNIST"
    if download and _download(cached):
        return _converted(_read(cached, say), cached, say)
    say(f"{problem} cannot be downloaded: using the package's sample of 5,000 digits")
    return sample()


@functools.cache
def sample() -> Digits:
    """Return the 5,000 digits in the package: 4,000 for training and 1,000 for testing.

    They are read once, and the arrays cannot be written.
    """
    with np.load(SAMPLE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    within = np.concatenate([np.arange((labels == label).sum()) for label in range(CLASSES)])
    rank = np.empty_like(within)
    rank[np.argsort(labels, kind="stable")] = within  # of each digit within its class
    train = rank < SAMPLE_PER_CLASS
    arrays = images[train], labels[train], images[~train], labels[~train]
    for array in arrays:
        array.flags.writeable = False
    return Digits(*arrays, name="sample of 5,000 digits of MNIST", source=_PACKAGE)


def sample_for_training(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return about ``count`` training digits of the package, evenly by class, and labels."""
    digits = sample()  # sorted by class
    chosen = slice(None, None, len(digits.x_train) // count)
    return digits.x_train[chosen], digits.y_train[chosen]


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
    """Download MNIST and verify its hash; return whether that succeeded.

    A file at ``target`` is replaced only then.
    """
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        with urlopen(_ORIGIN, timeout=_TIMEOUT) as response:
            content = response.read(_MAX_BYTES)
        if hashlib.sha256(content).hexdigest() != _SHA256:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as unfinished:
            unfinished.write_bytes(content)
    except (OSError, HTTPException, GradsheetError):  # no network, or no place for the file
        return False
    return True


def _read(path: Path, say: Callable[[str], None]) -> dict[str, np.ndarray]:
    """Return the four arrays at a path, each as it is stored, with its layout checked."""
    problem = problem_with_file(path)
    if problem == "is a folder":
        return _read_folder(path, say)
    if problem is not None:
        raise DataError(f"{path} {problem}")
    match path.suffix.lower():
        case ".csv":
            return _split(*read_csv(path), path, say)
        case ".npz":
            return _read_npz(path)
        case _:
            raise DataError(f"{path} is of a kind that is not read: give {LAYOUTS}")


def _split(
    images: np.ndarray, labels: np.ndarray, path: Path, say: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Return digits of one file as two sets: the last seventh is for testing."""
    count = len(labels) // _TEST_SHARE
    if not count:
        say(f"{path} has few digits, and each is for training and for testing")
        return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    words = "digit is" if count == 1 else f"{count:,} digits are"
    say(f"of {path}, the last {words} for testing, the others for training")
    return {
        "x_train": images[:-count], "y_train": labels[:-count],
        "x_test": images[-count:], "y_test": labels[-count:],
    }  # fmt: skip


def _read_folder(folder: Path, say: Callable[[str], None]) -> dict[str, np.ndarray]:
    """Return the arrays of a folder: of IDX files, .npz files, or CSV files.

    These are one .npz file, or four with an array each, as of KMNIST; one or two CSV files. A CSV
    file without labels, as Kaggle's test.csv, does not count.
    """
    files = find_idx_files(folder)
    if files is not None:
        return {name: read_idx(file) for name, file in files.items()}
    try:
        others = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from error
    labelled = [
        file for file in others if file.suffix.lower() == ".csv" and has_labelled_digits(file)
    ]
    tables = {
        part: [file for file in labelled if _part_of(file) == part] for part in ("train", "test")
    }
    if all(len(found) == 1 for found in tables.values()):
        arrays = {}
        for part, (file,) in tables.items():
            arrays[f"x_{part}"], arrays[f"y_{part}"] = read_csv(file)
        return arrays
    archives = [file for file in others if file.suffix.lower() == ".npz"]
    if len(archives) == 1:
        return _read_npz(archives[0])
    single = {array: file for file in archives if (array := array_of(file.stem)) is not None}
    if len(single) == len(archives) == len(ARRAYS):
        return {array: _read_single(file, array) for array, file in single.items()}
    if len(labelled) == 1:
        return _split(*read_csv(labelled[0]), labelled[0], say)
    raise DataError(
        f"{folder} has no file {missing_idx_file(folder)}, and no other digits: give {LAYOUTS}"
    )


def _part_of(file: Path) -> str | None:
    """Return whether a CSV file is a training or a test set, by its name."""
    named = array_of(f"x_{file.stem}")
    return named.removeprefix("x_") if named else None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        names = names_in_npz(path)
        wanted = {array_of(name): name for name in names}
        chosen = {array: wanted.get(array, array) for array in ARRAYS}
        meanings = {name: array for array, name in chosen.items()}
        arrays = read_npz(
            path,
            list(chosen.values()),
            lambda name, *header: check_array(str(path), meanings[name], *header),
        )
    except NpzError as error:
        raise DataError(f"{path} {error}") from error
    return {array: arrays[name] for array, name in chosen.items()}


def _read_single(path: Path, array: str) -> np.ndarray:
    """Read the one array of a file, whatever its name."""
    names = names_in_npz(path)
    if len(names) != 1:
        raise DataError(f"{path} must have one array, for {array}")
    try:
        arrays = read_npz(path, names, lambda _, *header: check_array(str(path), array, *header))
    except NpzError as error:
        raise DataError(f"{path} {error}") from error
    return arrays[names[0]]


def _converted(arrays: dict[str, np.ndarray], path: Path, say: Callable[[str], None]) -> Digits:
    """Return the digits of arrays in any of their forms; tell ``say`` what was converted."""
    plain, words = {}, []
    for name in ARRAYS:
        array = arrays[name]
        check_array(str(path), name, array.shape, array.dtype)
        convert = images_from if name.startswith("x_") else labels_from
        converted = convert(str(path), name, array)
        plain[name] = converted.array
        if converted.words:
            words.append(f"{name}: {converted.words}")
    for part in ("train", "test"):
        images, labels = plain[f"x_{part}"], plain[f"y_{part}"]
        if len(images) != len(labels):
            raise DataError(
                f"{path}: x_{part} has {len(images):,} images, y_{part} {len(labels):,} labels"
            )
    if words:
        say(f"converted in {path}: {'; '.join(words)}")
    if _is_whole(plain):
        return Digits(**plain, name="MNIST, whole", source=str(path))
    _tell_strangeness(plain, path, say)
    name = f"{len(plain['x_train']):,} digits of {path.name}"
    return Digits(**plain, name=name, source=str(path))


def _tell_strangeness(
    arrays: dict[str, np.ndarray], path: Path, say: Callable[[str], None]
) -> None:
    """Tell what may be a mistake: sets that are exchanged, digits that are written otherwise."""
    train, test = len(arrays["x_train"]), len(arrays["x_test"])
    if train < test:
        say(
            f"{path} has fewer digits for training ({train:,}) than for testing ({test:,}): are "
            "their names exchanged?"
        )
    known = sample_for_training(_COMPARED)
    if words := other_writing(arrays["x_test"], arrays["y_test"], known):
        say(f"the digits of {path} seem to be {words}: a network of MNIST's digits reads few")


def _is_whole(arrays: dict[str, np.ndarray]) -> bool:
    for name, published in _WHOLE.items():
        array = arrays[name]
        header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        checksum = hashlib.md5(header, usedforsecurity=False)
        checksum.update(array.tobytes())
        if checksum.hexdigest() != published:
            return False
    return True
