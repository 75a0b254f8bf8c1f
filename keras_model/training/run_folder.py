"""The folder of a run: its files, and who may write there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gradsheet.files import CannotWriteError, atomic_write
from keras_model.errors import TrainingError

CHECKPOINT, HISTORY, METRICS, MODEL = "checkpoint.npz", "history.csv", "metrics.json", "model.keras"
CURVES, CONFUSION, MISTAKES = "curves.png", "confusion.png", "mistakes.png"
PLOTS = (CURVES, CONFUSION, MISTAKES)
ALL_FILES = (CHECKPOINT, HISTORY, METRICS, MODEL, *PLOTS)
_LOCK = ".lock"


def holds_run(folder: Path) -> bool:
    """Return whether a folder has a file of a run in it."""
    return any((folder / name).exists() for name in (CHECKPOINT, HISTORY, METRICS, MODEL))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder where there is none, and let no other training write there meanwhile.

    Folders that it made are removed if nothing was written into them: a training that was refused
    leaves none. The operating system ends the lock of a process that is killed.

    Raises:
        TrainingError: another training is writing there.
        CannotWriteError: the folder cannot be made or written in.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        with _acquired(lock, folder):
            yield
    finally:
        with suppress(OSError):  # one is not empty
            for place in missing:
                place.rmdir()


@contextmanager
def _acquired(lock: FileLock, folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TrainingError(
            f"another training is writing in {folder}: wait until it ends, or name another folder"
        ) from error
    except OSError as error:
        raise CannotWriteError(f"cannot write in {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        # First, so that no other process locks the file in between. Windows keeps an open file.
        with suppress(OSError):
            (folder / _LOCK).unlink()
        lock.release()


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises:
        CannotWriteError: it cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically.

    Raises:
        CannotWriteError: it cannot be written.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content)
