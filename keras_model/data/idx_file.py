"""Reading an IDX file: two zero bytes, the type (8: uint8), the number of axes, sizes, the data.

https://yann.lecun.com/exdb/mnist. Whether it is compressed is seen from its content, because
browsers unpack files and keep their names.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gradsheet.printable import printable
from gradsheet.words import join
from keras_model.data.layouts import MAX_DIGITS, SIDE, DataError

STEMS = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_NAMED = 4  # folders, in a message
_GZIP = b"\x1f\x8b"


def find_idx_files(folder: Path) -> dict[str, Path] | None:
    """Return the four IDX files of a folder, or of one a few folders below; None if there are none.

    Torchvision keeps them in ``MNIST/raw``, and Kaggle's archive has each in a folder of its name.

    Raises:
        DataError: the folder has none itself, and several folders below have.
    """
    sets: dict[Path, dict[str, Path]] = {}
    for candidate in _folders(folder):
        files = {name: _file_in(candidate, stem) for name, stem in STEMS.items()}
        if all(files.values()):
            sets[candidate] = {name: path for name, path in files.items() if path is not None}
            if candidate == folder:
                break
    if len(sets) > 1:
        known = join(
            [printable(found.relative_to(folder).as_posix()) for found in [*sets][:_NAMED]]
        )
        raise DataError(f"{folder} has several sets of digits: give one of its folders, as {known}")
    return next(iter(sets.values()), None)


def missing_idx_file(folder: Path) -> str:
    """Return the name of the first of the four files that a folder does not have."""
    missing = [stem for stem in STEMS.values() if _file_in(folder, stem) is None]
    return missing[0] if missing else ""


def _folders(folder: Path) -> Iterator[Path]:
    """Yield a folder, and the folders up to two levels below it, some hundred at most."""
    level, count = [folder], 0
    for _ in range(3):
        following: list[Path] = []
        for each in level:
            yield each
            try:
                following += sorted(path for path in each.iterdir() if path.is_dir())
            except OSError:
                continue
        level = following[: max(0, 200 - count)]
        count += len(level)


def _file_in(folder: Path, stem: str) -> Path | None:
    dotted = stem.replace("-idx", ".idx")
    for name in (stem, f"{stem}.gz", dotted, f"{dotted}.gz"):
        for path in (folder / name, folder / name / name, folder / name / stem):
            if path.is_file():
                return path
    return None


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes, also compressed with gzip.

    Raises:
        DataError: it is not one, or is truncated or damaged.
    """
    limit = MAX_DIGITS * SIDE * SIDE
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == _GZIP
        with gzip.open(path) if is_packed else path.open("rb") as file:
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
