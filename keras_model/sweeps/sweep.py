"""The original's experiment: the same training at several batch sizes and seeds.

A sweep is a folder with one run's folder per batch size and seed. Finished runs are kept; the
tables and charts are written again whenever a run ends.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from gradsheet.errors import GradsheetError
from keras_model.data.mnist import Digits
from keras_model.errors import TrainingError
from keras_model.recipe import Recipe
from keras_model.sweeps.events import EpochEnded, Event, Failed, Finished, Notice
from keras_model.training.epoch import read_history
from keras_model.training.progress import SweepProgress
from keras_model.training.resume import epochs_conflict
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import HISTORY, METRICS
from keras_model.training.training_process import Job


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


def at_batch_size(recipe: Recipe, batch_size: int, *, same_lr: bool) -> Recipe:
    """Return the recipe with another batch size, and with the learning rate scaled to it.

    The linear scaling rule: k times the batch size, k times the learning rate, so that an epoch
    changes the weights about as much (Goyal et al., "Accurate, Large Minibatch SGD", 2017,
    https://arxiv.org/abs/1706.02677).

    Args:
        same_lr: do not scale the learning rate.

    Raises:
        ValueError: an impossible batch size.
    """
    rate = recipe.learning_rate
    if not same_lr:
        rate = rate * batch_size / recipe.batch_size
    return recipe.replace(batch_size=batch_size, learning_rate=rate)


def run_folder(folder: Path, config: RunConfig) -> Path:
    """Return where a run of the sweep is kept."""
    return folder / f"batch-{config.recipe.batch_size}-seed-{config.seed}"


def read_result(folder: Path, config: RunConfig) -> Result | None:
    """Return the result of the run in a folder, or None if it is not finished.

    Raises:
        TrainingError: the folder has a run of another configuration.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        history = read_history(folder / HISTORY)
        found = RunConfig.from_dict(
            metrics | {"data": metrics["dataset"], "deterministic": config.deterministic}
        )
        epochs = int(metrics["epochs"])
        if found == config and epochs == len(history) == config.recipe.epochs:
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
    conflict = epochs_conflict(found.recipe, epochs, done=len(history))
    if found.with_epochs(epochs) != config or conflict:
        raise TrainingError(
            f"{folder} has a run of other values or digits: name another folder for the sweep, or "
            "remove it"
        )
    return None


# --- the loop ---


@dataclass
class Outcome:
    """The finished runs, the failed ones with the reason, and why a report is missing, if it is."""

    results: list[Result] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    report_error: str = ""


def job_for(config: RunConfig, folder: Path, digits: Digits, device: str) -> Job:
    """Return the training of a configuration in its folder."""
    data = None if digits.is_sample else str(Path(digits.source).resolve())
    return Job(config, folder.resolve(), device, data, digits.checksum())


def run_sweep(
    jobs: Sequence[Job],
    folder: Path,
    train: Callable[[Mapping[int, Job]], Iterator[Event]],
    progress: SweepProgress,
) -> Outcome:
    """Train what is not finished, and write the reports whenever a run ends.

    Args:
        folder: the sweep's.
        train: trains jobs, by number; closing its iterator stops them.
        progress: is told every epoch and, in the order of ``jobs``, every run that ends.

    Raises:
        TrainingError: a folder has a run of another configuration; before any training.
        KeyboardInterrupt: after the trainings are stopped and the reports are written.
    """
    kept = [read_result(job.folder, job.config) for job in jobs]
    names = [f"batch size {job.config.recipe.batch_size}, seed {job.config.seed}" for job in jobs]
    pending = {index: job for index, job in enumerate(jobs) if kept[index] is None}
    ended: dict[int, Result | str] = {}  # a result, or why it failed
    lines: dict[int, str] = {}
    reported = 0

    def end(index: int, result: Result | str, line: str) -> None:
        nonlocal reported
        ended[index] = result
        lines[index] = line
        while reported in lines:
            progress.tell(lines[reported])
            reported += 1

    def results() -> list[Result]:
        return [ended[index] for index in sorted(ended) if isinstance(ended[index], Result)]

    for index, result in enumerate(kept):
        if result is not None:
            end(index, result, f"{names[index]}: kept, {result.row.accuracy:.2%}")
            progress.set_done(names[index], result.row.epochs)
    report_error = "not written yet" if ended else ""
    try:
        # Nothing is started if nothing is pending.
        with closing(train(pending)) if pending else nullcontext(()) as events:
            for event in events:
                match event:
                    case EpochEnded(index, row):
                        progress.epoch(names[index], row)
                    case Finished(index, note):
                        result = read_result(jobs[index].folder, jobs[index].config)
                        if result is None:
                            reason = "it left no readable results"
                            end(index, reason, f"Error: {names[index]}: {reason}")
                            continue
                        line = f"{names[index]}: {result.row.accuracy:.2%}"
                        end(index, result, line + f" (Note: {note})" * bool(note))
                        report_error = _try_to_report(results(), folder)
                    case Failed(index, reason):
                        end(index, reason, f"Error: {names[index]}: {reason}")
                    case Notice(text):
                        progress.tell(text)
    finally:
        if report_error:
            report_error = _try_to_report(results(), folder)
    failed = [f"{names[i]}: {ended[i]}" for i in sorted(ended) if isinstance(ended[i], str)]
    return Outcome(results(), failed, report_error)


def _try_to_report(results: list[Result], folder: Path) -> str:
    """Write the reports; return why that failed, as the trainings go on then, or nothing."""
    from keras_model.sweeps.reports import write_reports

    try:
        write_reports(results, folder)
    except GradsheetError as error:
        return str(error)
    return ""


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
        runs = f"{len(hosts)} run{'s' * (len(hosts) > 1)}"
        if not at_once:
            words.append(f"{runs}: not recorded")
            continue
        words.append(
            f"{runs} with {at_once} training{'s' * (at_once > 1)} at a time"
            f"{' per machine' * (len(names) > 1)}, {cores} core{'s' * (cores > 1)}"
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
