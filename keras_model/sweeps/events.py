"""What happens while several trainings run, wherever they run."""

from __future__ import annotations

import queue
from dataclasses import dataclass

from keras_model.training.epoch import Epoch


@dataclass(frozen=True)
class EpochEnded:
    """The training ``index`` has finished an epoch."""

    index: int
    row: Epoch


@dataclass(frozen=True)
class Finished:
    """The training ``index`` has left its results in its folder.

    ``note`` says what could not be written beside them, or is empty.
    """

    index: int
    note: str = ""


@dataclass(frozen=True)
class Failed:
    """The training ``index`` has failed."""

    index: int
    reason: str


@dataclass(frozen=True)
class Notice:
    """Something to tell the user."""

    text: str


Event = EpochEnded | Finished | Failed | Notice


def wait_for(events: queue.Queue[Event], seconds: float = 0.5) -> Event | None:
    """Return the next event, or None after so many seconds, so that Ctrl-C is handled soon."""
    try:
        return events.get(timeout=seconds)
    except queue.Empty:
        return None
