"""Reading Kaggle's CSV: a label and 784 pixels per line, with or without a header.

Other programs write it with semicolons or tabs, or with the label at the end.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np

from keras_model.data.layouts import CLASSES, MAX_DIGITS, SIDE, DataError

_COLUMNS = 1 + SIDE * SIDE
_SEPARATORS = ",;\t"
_MAX_LINE = 20_000  # characters


def read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images (n, 784) and labels (n,), as numbers that are not checked yet.

    Raises:
        DataError: it is not such a file.
    """
    try:
        first, separator = _first_row(path)
        if len(first) == SIDE * SIDE and not _is_number(first[0]):
            raise DataError(f"{path} has 784 columns and no label: give a file with labels")
        if len(first) != _COLUMNS:
            raise DataError(
                f"{path} has {len(first):,} columns: Kaggle's CSV has a label and 784 pixels"
            )
        names = [name.strip().lower() for name in first]
        has_header = not _is_number(first[0])
        with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no row
            rows = np.loadtxt(
                file, np.float32, delimiter=separator, skiprows=int(has_header), ndmin=2,
                max_rows=MAX_DIGITS + 1, quotechar='"',
            )  # fmt: skip
    except DataError:
        raise
    except (OSError, ValueError, UnicodeError, csv.Error, MemoryError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} cannot be read as Kaggle's CSV: {reason}") from error
    if not len(rows):
        raise DataError(f"{path} has no digits below its header")
    label = names.index("label") if "label" in names else _column_of_labels(rows)
    images, labels = np.delete(rows, label, axis=1), rows[:, label]
    is_whole = (images == np.rint(images)).all() and (images.max() > 1 or not images.any())
    return (images.astype(np.int32) if is_whole else images), labels


def has_labelled_digits(path: Path) -> bool:
    """Return whether a file has the columns of Kaggle's CSV, by its first line."""
    try:
        return len(_first_row(path)[0]) == _COLUMNS
    except (OSError, UnicodeError, csv.Error):
        return False


def _first_row(path: Path) -> tuple[list[str], str]:
    """Return the cells of the first line, and what separates them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline(_MAX_LINE)
    separator = max(_SEPARATORS, key=line.count)
    return next(csv.reader([line], delimiter=separator), []), separator


def _column_of_labels(rows: np.ndarray) -> int:
    """Return the first column or the last one: that with more different labels.

    Of the pixels in the corners of digits, nearly all are 0.
    """

    def labels_in(column: int) -> int:
        values = np.unique(rows[:, column])
        return len(values) if np.isin(values, np.arange(CLASSES)).all() else 0

    first, last = 0, rows.shape[1] - 1
    return last if labels_in(last) > labels_in(first) else first


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
