"""One row of ``history.csv``, and the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch. ``seconds`` is of the training alone, without the test."""

    epoch: int
    seconds: float
    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float


def history_text(history: Iterable[Epoch]) -> str:
    """Return the content of ``history.csv``."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, history))
    return file.getvalue()


def read_history(path: Path) -> list[Epoch]:
    """Return the rows of a ``history.csv``.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
            for row in rows
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
