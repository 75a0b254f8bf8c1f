"""A whole run: trained to its end in its folder, with everything that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_model.backend import CoreShare
from keras_model.data.mnist import Digits
from keras_model.training.epoch import Epoch
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import CHECKPOINT, locked
from keras_model.training.run_outputs import draw_plots, write_outputs
from keras_model.training.trainer import Trainer


def train_run(
    config: RunConfig,
    digits: Digits,
    folder: Path,
    *,
    device: str,
    share: CoreShare | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Trainer:
    """Train a run to its end in its folder, from its checkpoint if there is one.

    Args:
        share: the part of the machine that it has, for the metrics; None means all of it.
        on_epoch: called for each epoch, also for those that were done before.

    Raises:
        TrainingError: another training is writing in the folder; or see :class:`Trainer` and
            :meth:`Trainer.train`.
        CannotWriteError: a file cannot be written. What was written before it is kept.
        PlotsError: the plots cannot be drawn. Everything else is written.
    """
    import keras

    keras.backend.clear_session()
    with locked(folder):
        resume = (folder / CHECKPOINT).is_file()
        trainer = Trainer(config, digits, folder, device=device, resume=resume)
        for row in trainer.history:
            on_epoch(row)
        trainer.train(on_epoch=lambda row, _: on_epoch(row))
        write_outputs(trainer, share)
        draw_plots(trainer)
    return trainer
