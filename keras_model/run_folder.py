"""The files in a run's folder."""

from __future__ import annotations

from pathlib import Path

from common.files import atomic_write

CHECKPOINT, HISTORY, METRICS, MODEL = "checkpoint.npz", "history.csv", "metrics.json", "model.keras"
CURVES, CONFUSION, MISTAKES = "curves.png", "confusion.png", "mistakes.png"
ALL_FILES = (CHECKPOINT, HISTORY, METRICS, MODEL, CURVES, CONFUSION, MISTAKES)


def holds_run(folder: Path) -> bool:
    """Return whether a folder has a file of a run in it."""
    return any((folder / name).exists() for name in (CHECKPOINT, HISTORY, METRICS, MODEL))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises:
        CannotWriteError: it cannot be written.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
