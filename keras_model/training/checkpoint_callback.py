"""The Keras callback that tests the network and writes a checkpoint after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_model.errors import TrainingError
from keras_model.evaluation import Evaluation
from keras_model.training.epoch import Epoch

if TYPE_CHECKING:
    from keras_model.training.trainer import Trainer


class CheckpointCallback(keras.callbacks.Callback):
    """After each epoch: test, add a row to the history, write the checkpoint.

    Args:
        on_batch, on_epoch: see :meth:`keras_model.training.trainer.Trainer.train`.
    """

    def __init__(
        self,
        trainer: Trainer,
        on_batch: Callable[[int, int, dict[str, float]], None],
        on_epoch: Callable[[Epoch, Evaluation], None],
    ) -> None:
        super().__init__()
        self.trainer, self.on_batch, self.on_epoch = trainer, on_batch, on_epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Report progress."""
        self.on_batch(len(self.trainer.history) + 1, batch + 1, logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Test, and write the checkpoint.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        seconds = time.perf_counter() - self.start
        trainer, logs = self.trainer, logs or {}
        if not np.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss of epoch {epoch + 1} is {logs['loss']}: try a smaller learning rate"
            )
        tested = trainer.evaluate()
        row = Epoch(
            epoch=epoch + 1,
            seconds=round(seconds, 3),
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            test_loss=tested.loss,
            test_accuracy=tested.accuracy,
            learning_rate=float(trainer.training_model.optimizer.learning_rate),
        )
        trainer.add_epoch(row, tested)
        self.on_epoch(row, tested)
