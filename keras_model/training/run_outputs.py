"""What a run leaves when it ends: the model and the metrics, then the plots."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradsheet.errors import GradsheetError
from gradsheet.files import atomic_write
from keras_model.backend import CoreShare
from keras_model.evaluation import Evaluation
from keras_model.training.epoch import history_text
from keras_model.training.run_folder import (
    CONFUSION,
    CURVES,
    HISTORY,
    METRICS,
    MISTAKES,
    MODEL,
    write_text,
)

if TYPE_CHECKING:
    from keras_model.training.trainer import Trainer


class PlotsError(GradsheetError):
    """A plot of a run cannot be drawn. Everything else of the run is written."""


def write_outputs(trainer: Trainer, share: CoreShare | None = None) -> Evaluation:
    """Write the model, the history and the metrics of the epochs that are done.

    Args:
        share: the part of the machine that the training has; None means all of it.

    Returns:
        The evaluation of the last epoch.

    Raises:
        CannotWriteError: a file cannot be written.
    """
    folder, evaluation = trainer.folder, trainer.evaluation()
    with atomic_write(folder / MODEL) as unfinished:
        trainer.finished_network().save(unfinished)
    # Each epoch writes it, too, but a full disk may have left the one before the last.
    write_text(folder / HISTORY, history_text(trainer.history))
    metrics = metrics_of(trainer, evaluation, share or CoreShare())
    write_text(folder / METRICS, json.dumps(metrics, indent=2) + "\n")
    return evaluation


def draw_plots(trainer: Trainer) -> None:
    """Draw the plots of the epochs that are done, each even if another cannot be drawn.

    Raises:
        PlotsError: one or more of them cannot be drawn or written.
    """
    from keras_model.training import plots as report

    folder, logits = trainer.folder, trainer.evaluation().logits
    images, labels = trainer.digits.x_test, trainer.digits.y_test
    plots: dict[str, Callable[[Path], None]] = {
        CURVES: lambda path: report.draw_curves(trainer.history, trainer.config, path),
        CONFUSION: lambda path: report.draw_confusion(logits, labels, path),
        MISTAKES: lambda path: report.draw_mistakes(images, logits, labels, path),
    }
    reasons = {}
    for name, draw in plots.items():
        try:
            draw(folder / name)
        except Exception as error:  # whatever Matplotlib raises
            reasons[name] = " ".join(str(error).split())[:200] or type(error).__name__
    if reasons:
        raise PlotsError(
            f"{', '.join(reasons)} could not be drawn ({next(iter(reasons.values()))}); "
            "everything else is written"
        )


def metrics_of(trainer: Trainer, evaluation: Evaluation, share: CoreShare) -> dict[str, Any]:
    """Return the content of ``metrics.json``: the final epoch's figures and how they were made."""
    import keras

    history = trainer.history
    best = max(history, key=lambda row: row.test_accuracy)
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "correct": evaluation.correct,
        "total": evaluation.total,
        "best_accuracy": best.test_accuracy,
        "best_epoch": best.epoch,
        "network": trainer.config.to_dict()["network"],
        "parameters": trainer.config.network.trainable,
        "epochs": len(history),
        "seconds": round(sum(row.seconds for row in history), 3),
        "recipe": trainer.recipe.to_dict(),
        "seed": trainer.config.seed,
        "deterministic": trainer.config.deterministic,
        "device": trainer.device,
        "dataset": trainer.digits.name,
        "host": platform.node(),
        "cores": share.cores,
        "trainings_at_once": share.trainings_at_once,
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "backend": "tensorflow",
            **_version_of("tensorflow"),
        },
    }


def _version_of(package: str) -> dict[str, str]:
    try:
        return {package: version(package)}
    except PackageNotFoundError:
        return {}
