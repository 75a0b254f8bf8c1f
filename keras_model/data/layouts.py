"""The forms in which people have images and labels, brought into one: what is converted, and how.

Images become (n, 28, 28) uint8, labels (n,) uint8. A shape or a type is checked before any number
is read, because a file may declare more than it holds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from gradsheet.errors import InvalidInputError

SIDE = 28
CLASSES = 10
MAX_DIGITS = 1_000_000
MAX_BYTES = 2**31  # of one array as it is stored
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_SHAPES = ((SIDE, SIDE), (SIDE, SIDE, 1), (1, SIDE, SIDE), (SIDE * SIDE,))
_SHOWN = 40

# Words of which names of arrays consist: x_train, train_images, X_test, test_labels, testY …
_WORDS = {
    "x": "x", "images": "x", "image": "x", "imgs": "x", "data": "x", "pixels": "x", "digits": "x",
    "y": "y", "labels": "y", "label": "y", "targets": "y", "target": "y", "classes": "y",
    "train": "train", "training": "train", "trn": "train",
    "test": "test", "testing": "test", "t10k": "test", "tst": "test",
}  # fmt: skip


class DataError(InvalidInputError):
    """The digits cannot be used; the message names the file and the problem."""


def array_of(name: str) -> str | None:
    """Return which of the four arrays a name such as ``train_images`` means; None if it is none."""
    parts = re.findall(r"[A-Z]?[a-z]+(?:10k)?|[A-Z](?![a-z])", name) or [name]
    meanings = {_WORDS[word] for part in parts if (word := part.lower()) in _WORDS}
    kinds, sets = meanings & {"x", "y"}, meanings & {"train", "test"}
    return f"{kinds.pop()}_{sets.pop()}" if len(kinds) == len(sets) == 1 else None


def check_array(where: str, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Check the shape and the type of an array, which need not have been read yet.

    Raises:
        DataError: it is not one of the forms that :func:`images_from` and :func:`labels_from` take.
    """
    words = f"{where}: {name}"
    if not shape or shape[0] > MAX_DIGITS:
        problem = f"has more than {MAX_DIGITS:,} digits" if shape else "is a single number"
        raise DataError(f"{words} {problem}")
    if shape[0] < 1:
        raise DataError(f"{words} is empty")
    if name.startswith("x_"):
        if shape[1:] not in _SHAPES:
            raise DataError(
                f"{words} has the shape {_text(shape)}, not (n, 28, 28), (n, 28, 28, 1) or (n, 784)"
            )
        if dtype.kind not in "iufb":
            raise DataError(f"{words} is of type {_text(dtype)}, not of numbers")
    else:
        if shape[1:] not in ((), (1,), (CLASSES,)):
            raise DataError(
                f"{words} must be one row or column of whole numbers (0 to 9), or one-hot (n, 10)"
            )
        if dtype.kind not in "iufb":
            raise DataError(f"{words} must be whole numbers (0 to 9)")
    if math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise DataError(f"{words} takes more than {MAX_BYTES >> 20:,} MB")


@dataclass(frozen=True)
class Converted:
    """An array in the one form, and what was done to it, in a few words; empty if nothing was."""

    array: np.ndarray
    words: str = ""


def images_from(where: str, name: str, images: np.ndarray) -> Converted:
    """Return images as (n, 28, 28) uint8.

    Numbers of 0 to 1 are multiplied by 255; floats of 0 to 255 are rounded.

    Raises:
        DataError: values are out of range or not numbers.
    """
    words = []
    if images.shape[1:] != (SIDE, SIDE):
        words.append(f"{_text(images.shape[1:])} to 28×28")
        images = images.reshape(len(images), SIDE, SIDE)
    if images.dtype != np.uint8 or images.max() == 1:
        images, scaled = _as_bytes(f"{where}: {name}", images)
        words.append(scaled)
    return Converted(np.ascontiguousarray(images), ", ".join(words))


def _as_bytes(where: str, images: np.ndarray) -> tuple[np.ndarray, str]:
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"{where} has pixels that are infinite or not numbers (NaN)")
    lowest, highest = images.min(), images.max()
    if lowest < 0 or highest > 255:
        raise DataError(
            f"{where} has pixels of {lowest:g} to {highest:g}; they must be 0 to 255, or 0 to 1: "
            "give them as they were before a normalization"
        )
    kind = str(images.dtype)
    if highest == 1 or (images.dtype.kind in "fb" and highest < 1):
        return np.rint(images.astype(np.float32) * 255).astype(np.uint8), f"{kind} 0 to 1 times 255"
    if images.dtype.kind == "f":
        return np.rint(images).astype(np.uint8), f"{kind} rounded to whole numbers"
    return images.astype(np.uint8), f"{kind} to uint8"


def labels_from(where: str, name: str, labels: np.ndarray) -> Converted:
    """Return labels as (n,) uint8.

    Raises:
        DataError: they are not whole numbers of 0 to 9, or rows with one 1.
    """
    words = []
    if labels.shape[1:] == (CLASSES,):
        is_one_hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()
        if not is_one_hot:
            raise DataError(f"{where}: {name} has the shape (n, 10) and is not one-hot")
        labels = labels.argmax(axis=1)
        words.append("one-hot to 0 to 9")
    elif labels.shape[1:]:
        labels = labels[:, 0]
        words.append("(n, 1) to (n,)")
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise DataError(f"{where}: {name} must be whole numbers (0 to 9)")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise DataError(f"{where}: {name} has labels outside 0 to 9")
    return Converted(np.ascontiguousarray(labels.astype(np.uint8)), ", ".join(words))


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
