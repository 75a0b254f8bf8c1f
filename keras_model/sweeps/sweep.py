"""The original's experiment: the same training at several batch sizes and seeds.

A sweep is a folder with one run's folder per batch size and seed. Finished runs are kept; the
tables and charts are written again whenever a run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from gradsheet.errors import GradsheetError
from keras_model.data.mnist import Digits
from keras_model.recipe import Recipe
from keras_model.sweeps.events import EpochEnded, Event, Failed, Finished, Notice
from keras_model.sweeps.reports import write_reports
from keras_model.sweeps.results import Result, read_result
from keras_model.training.progress import SweepProgress
from keras_model.training.run_config import RunConfig
from keras_model.training.training_process import Job


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
    try:
        write_reports(results, folder)
    except GradsheetError as error:
        return str(error)
    return ""
