"""Reading Kaggle's CSV: a label and 784 pixels per line, with or without a header."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from keras_model.data.layouts import MAX_DIGITS, SIDE, DataError

_COLUMNS = 1 + SIDE * SIDE
_MAX_LINE = 20_000  # characters


def read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images (n, 784) and labels (n,), as numbers that are not checked yet.

    Raises:
        DataError: it is not such a file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader([file.readline(_MAX_LINE)]), [])
        if len(first) == SIDE * SIDE and not _is_number(first[0]):
            raise DataError(f"{path} has 784 columns and no label: give a file with labels")
        if len(first) != _COLUMNS:
            raise DataError(
                f"{path} has {len(first):,} columns: Kaggle's CSV has a label and 784 pixels"
            )
        has_header = not _is_number(first[0])
        label = first.index("label") if "label" in first else 0
        with path.open(encoding="utf-8-sig") as file:
            rows = np.loadtxt(
                file, np.float32, delimiter=",", skiprows=int(has_header), ndmin=2,
                max_rows=MAX_DIGITS + 1,
            )  # fmt: skip
    except DataError:
        raise
    except (OSError, ValueError, UnicodeError, csv.Error, MemoryError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} cannot be read as Kaggle's CSV: {reason}") from error
    images, labels = np.delete(rows, label, axis=1), rows[:, label]
    is_whole = (images == np.rint(images)).all() and (images.max() > 1 or not images.any())
    return (images.astype(np.int32) if is_whole else images), labels


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
