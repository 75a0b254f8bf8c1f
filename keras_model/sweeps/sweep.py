"""The original's experiment: the same training at several batch sizes and seeds.

A sweep is a folder with one run's folder per batch size and seed. Finished runs are kept; the
tables and charts are written again whenever a run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from gradsheet.errors import GradsheetError
from keras_model.data.mnist import Digits
from keras_model.recipe import Recipe
from keras_model.sweeps.events import EpochEnded, Event, Failed, Finished, Notice
from keras_model.sweeps.reports import write_reports
from keras_model.sweeps.results import Result, read_result
from keras_model.sweeps.training_process import Job
from keras_model.training.progress import SweepProgress
from keras_model.training.run_config import RunConfig


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
    train: Callable[[Mapping[int, Job]], Generator[Event, None, None]],
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
    sweep = _Sweep(jobs, folder, progress)
    pending = sweep.pending()
    try:
        # Nothing is started if nothing is pending.
        with closing(train(pending)) if pending else nullcontext(()) as events:
            for event in events:
                sweep.handle(event)
    finally:
        sweep.report_again()
    return sweep.outcome()


class _Sweep:
    """The runs of a sweep that have ended, in the order of the jobs.

    Raises:
        TrainingError: a folder has a run of another configuration.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, progress: SweepProgress) -> None:
        self.jobs, self.folder, self.progress = jobs, folder, progress
        self.names = [
            f"batch size {job.config.recipe.batch_size}, seed {job.config.seed}" for job in jobs
        ]
        self.results: dict[int, Result] = {}
        self.reasons: dict[int, str] = {}  # why a run failed
        self._lines: dict[int, str] = {}  # one for each run that has ended
        self._told = 0  # how many of the lines, from the first job on
        kept = [read_result(job.folder, job.config) for job in jobs]
        for index, result in enumerate(kept):
            if result is not None:
                self._end(index, result, f"{self.names[index]}: kept, {result.row.accuracy:.2%}")
                progress.set_done(self.names[index], result.row.epochs)
        self.report_error = "not written yet" if self.results else ""

    def pending(self) -> dict[int, Job]:
        """Return the jobs that have not ended, by their numbers."""
        return {index: job for index, job in enumerate(self.jobs) if index not in self._lines}

    def handle(self, event: Event) -> None:
        """Tell the progress of an event; write the reports if it is the end of a run."""
        match event:
            case EpochEnded(index, row):
                self.progress.epoch(self.names[index], row)
            case Finished(index, note):
                self._finish(index, note)
            case Failed(index, reason):
                self._fail(index, reason)
            case Notice(text):
                self.progress.tell(text)
            case _:
                assert_never(event)

    def report_again(self) -> None:
        """Write the reports if the last time failed."""
        if self.report_error:
            self._report()

    def outcome(self) -> Outcome:
        """Return what has ended, in the order of the jobs."""
        failed = [f"{self.names[index]}: {self.reasons[index]}" for index in sorted(self.reasons)]
        return Outcome(self._sorted_results(), failed, self.report_error)

    def _sorted_results(self) -> list[Result]:
        return [self.results[index] for index in sorted(self.results)]

    def _finish(self, index: int, note: str) -> None:
        result = read_result(self.jobs[index].folder, self.jobs[index].config)
        if result is None:
            self._fail(index, "it left no readable results")
            return
        line = f"{self.names[index]}: {result.row.accuracy:.2%}"
        self._end(index, result, line + f" (Note: {note})" * bool(note))
        self._report()

    def _fail(self, index: int, reason: str) -> None:
        self._end(index, reason, f"Error: {self.names[index]}: {reason}")

    def _end(self, index: int, result: Result | str, line: str) -> None:
        """Add a result, or why there is none, and tell the lines whose turn it is."""
        if isinstance(result, Result):
            self.results[index] = result
        else:
            self.reasons[index] = result
        self._lines[index] = line
        while self._told in self._lines:
            self.progress.tell(self._lines[self._told])
            self._told += 1

    def _report(self) -> None:
        """Write the reports. The trainings go on if that fails."""
        try:
            write_reports(self._sorted_results(), self.folder)
        except GradsheetError as error:
            self.report_error = str(error)
        else:
            self.report_error = ""
