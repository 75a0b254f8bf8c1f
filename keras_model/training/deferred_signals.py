"""Signals during training, handled between two batches: never within TensorFlow."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any

import keras

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class DeferredSignals(keras.callbacks.Callback, AbstractContextManager["DeferredSignals"]):
    """Within its block, a signal is handled when the batch or the epoch ends.

    An exception that a handler raises within TensorFlow is ignored where a callback of the garbage
    collector runs, or becomes an error of TensorFlow's own. A second signal is handled at once, and
    so is each one outside the main thread, which alone may set handlers. What the process ignores,
    or leaves to the system, stays so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[int, Any] = {}
        self._received: int | None = None

    def __enter__(self) -> DeferredSignals:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)
                if number is not None and callable(handler := signal.getsignal(number)):
                    self._handlers[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if error is None:
            self._handle()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Handle what was received during the batch."""
        self._handle()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Handle what was received while the epoch ended."""
        self._handle()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            self._handlers[number](number, frame)
        self._received = number

    def _handle(self) -> None:
        number, self._received = self._received, None
        if number is not None:
            self._handlers[number](number, None)
