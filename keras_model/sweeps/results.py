"""The results of a sweep's runs, and their statistics."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradsheet.words import count
from keras_model.errors import TrainingError
from keras_model.training.epoch import read_history
from keras_model.training.resume import epochs_conflict
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import HISTORY, METRICS


@dataclass(frozen=True)
class Row:
    """One run's row of ``sweep.csv``.

    ``accuracy`` and ``loss`` are the final epoch's on the test digits. ``seconds`` is the training
    of all epochs, ``seconds_per_epoch`` the median epoch, measured while ``trainings_at_once``
    trainings ran on the machine ``host``, this one on ``cores`` cores.
    """

    batch_size: int
    seed: int
    learning_rate: float
    epochs: int
    accuracy: float
    loss: float
    best_accuracy: float
    best_epoch: int
    seconds: float
    seconds_per_epoch: float
    trainings_at_once: int
    cores: int
    host: str


@dataclass(frozen=True)
class Result:
    """A finished run: its row, and its test accuracy after each epoch."""

    row: Row
    test_accuracy: tuple[float, ...]


def read_result(folder: Path, config: RunConfig) -> Result | None:
    """Return the result of the run in a folder, or None if it is not finished.

    Raises:
        TrainingError: the folder has a run of another configuration.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        history = read_history(folder / HISTORY)
        saved = RunConfig.from_dict(
            metrics | {"data": metrics["dataset"], "deterministic": config.deterministic}
        )
        epochs = int(metrics["epochs"])
        if saved == config and epochs == len(history) == config.recipe.epochs:
            row = Row(
                config.recipe.batch_size,
                config.seed,
                config.recipe.learning_rate,
                epochs,
                float(metrics["accuracy"]),
                float(metrics["loss"]),
                float(metrics["best_accuracy"]),
                int(metrics["best_epoch"]),
                float(metrics["seconds"]),
                round(statistics.median(epoch.seconds for epoch in history), 3),
                int(metrics.get("trainings_at_once", 0)),  # not in earlier versions
                int(metrics.get("cores", 0)),
                str(metrics.get("host", "")),
            )
            return Result(row, tuple(epoch.test_accuracy for epoch in history))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    # A run of fewer epochs is lengthened where that is possible.
    epochs = config.recipe.epochs
    conflict = epochs_conflict(saved.recipe, epochs, done=len(history))
    if saved.with_epochs(epochs) != config or conflict:
        raise TrainingError(
            f"{folder} has a run of other values or digits: name another folder for the sweep, or "
            "remove it"
        )
    return None


# --- statistics ---


@dataclass(frozen=True)
class Spread:
    """Figures of one value over several runs. ``deviation`` is the sample's; None for one run."""

    mean: float
    lowest: float
    highest: float
    deviation: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the figures of at least one value."""
        values = list(values)
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), min(values), max(values), deviation)


def by_batch_size(results: Iterable[Result]) -> dict[int, list[Result]]:
    """Group results by batch size; both the groups and the seeds in them are sorted."""
    groups: dict[int, list[Result]] = {}
    for result in sorted(results, key=lambda result: (result.row.batch_size, result.row.seed)):
        groups.setdefault(result.row.batch_size, []).append(result)
    return groups


def spread_of(results: Iterable[Result], name: str) -> Spread:
    """Return the figures of one column of ``sweep.csv``."""
    return Spread.of(getattr(result.row, name) for result in results)


def curve_of(results: Iterable[Result]) -> list[Spread]:
    """Return the figures of the test accuracy after each epoch."""
    curves = zip(*(result.test_accuracy for result in results), strict=True)
    return [Spread.of(epoch) for epoch in curves]


_COLUMNS = (
    ("batch size", 10), ("lr", 9), ("runs", 5), ("accuracy", 10), ("lowest", 9), ("highest", 9),
    ("std dev", 8), ("loss", 8), ("s/epoch", 12),
)  # fmt: skip


def table(results: Iterable[Result]) -> list[str]:
    """Return the lines of a table with one row per batch size.

    Accuracy: mean, lowest, highest and sample standard deviation of the runs. Loss: mean. Seconds
    per epoch: mean ± standard deviation of the runs' medians.
    """
    lines = ["".join(f"{name:>{width}}" for name, width in _COLUMNS)]
    for size, group in by_batch_size(results).items():
        accuracy, seconds = spread_of(group, "accuracy"), spread_of(group, "seconds_per_epoch")
        cells = (
            f"{size}",
            f"{group[0].row.learning_rate:.4g}",
            f"{len(group)}",
            f"{accuracy.mean:.2%}",
            f"{accuracy.lowest:.2%}",
            f"{accuracy.highest:.2%}",
            "" if accuracy.deviation is None else f"{accuracy.deviation:.2%}",
            f"{spread_of(group, 'loss').mean:.4f}",
            f"{seconds.mean:.1f}"
            + ("" if seconds.deviation is None else f" ± {seconds.deviation:.1f}"),
        )
        widths = (width for _, width in _COLUMNS)
        lines.append("".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))
    return lines


def how_measured(results: Iterable[Result]) -> str:
    """Return in words on what machines, and how many at a time, the seconds were measured."""
    ways: dict[tuple[int, int], list[str]] = {}
    for result in results:
        row = result.row
        ways.setdefault((row.trainings_at_once, row.cores), []).append(row.host)
    words = []
    for (at_once, cores), hosts in ways.items():
        names = sorted(set(hosts))
        where = ", ".join(names) if len(names) <= 3 else f"{len(names)} machines"
        runs = count(len(hosts), "run")
        if not at_once:
            words.append(f"{runs}: not recorded")
            continue
        words.append(
            f"{runs} with {count(at_once, 'training')} at a time"
            f"{' per machine' * (len(names) > 1)}, {count(cores, 'core')}"
            f"{' each' * (at_once > 1)}, on {where or 'an unnamed machine'}"
        )
    return "Seconds measured: " + "; ".join(words) + "."


# The sample standard deviations of ten seeds of `best` and `sprint` on MNIST, in percent.
_DEVIATIONS = "0.04 to 0.09 % (benchmarks/README.md)"


def noise_note(results: Iterable[Result]) -> str:
    """Return what to think of differences between batch sizes where one has a single run."""
    groups = by_batch_size(results).values()
    if len(groups) < 2 or all(len(group) > 1 for group in groups):
        return ""
    single = all(len(group) == 1 for group in groups)
    return (
        f"{'One seed per batch size' if single else 'Batch sizes with one seed'}: differences of "
        f"±0.1 % are noise. The standard deviation from seed to seed is {_DEVIATIONS}."
    )
