"""One row of ``history.csv``, the file, and the ticks of its plots."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
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

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name == "epoch"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise ValueError(f"an epoch's {field.name} is no number: {value!r:.40}")


def check_history(history: list[Epoch]) -> list[Epoch]:
    """Return the rows of a history, whose epochs must be 1, 2, 3, ...

    Raises:
        ValueError: they are not.
    """
    for number, row in enumerate(history, start=1):
        if row.epoch != number:
            raise ValueError(f"epoch {number} of its history is numbered {row.epoch}")
    return history


def epoch_step(epochs: int) -> int:
    """Return the distance of the ticks on an axis of so many epochs: 1, 2, 5, 10, 20, ..."""
    steps: Iterator[int] = (
        factor * 10**power for power in itertools.count() for factor in (1, 2, 5)
    )
    return next(step for step in steps if epochs <= 10 * step)


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
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return check_history(
            [
                Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
                for row in rows
            ]
        )
    except (TypeError, KeyError, AttributeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
