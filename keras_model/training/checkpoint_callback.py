"""The Keras callback that tests the network and writes a checkpoint after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_model.errors import TrainingError
from keras_model.evaluation import Evaluation
from keras_model.training.epoch import Epoch


class CheckpointCallback(keras.callbacks.Callback):
    """After each epoch: test the network, and hand over the epoch's row of the history.

    Args:
        evaluate: tests the network.
        on_batch: see :meth:`keras_model.training.trainer.Trainer.train`.
        on_epoch: called with each epoch's row and test; writes the checkpoint.
    """

    def __init__(
        self,
        evaluate: Callable[[], Evaluation],
        *,
        on_batch: Callable[[int, int, dict[str, float]], None],
        on_epoch: Callable[[Epoch, Evaluation], None],
    ) -> None:
        super().__init__()
        self.evaluate, self.on_batch, self.on_epoch = evaluate, on_batch, on_epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock. Keras counts epochs from 0."""
        self.epoch = epoch + 1
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Report progress."""
        self.on_batch(self.epoch, batch + 1, logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Test, and hand over the row.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        seconds = time.perf_counter() - self.start
        logs = logs or {}
        if not np.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss of epoch {epoch + 1} is {logs['loss']}: try a smaller learning rate"
            )
        evaluation = self.evaluate()
        row = Epoch(
            epoch=epoch + 1,
            seconds=round(seconds, 3),
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
            learning_rate=float(self.model.optimizer.learning_rate),
        )
        self.on_epoch(row, evaluation)
