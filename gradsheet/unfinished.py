"""Temporary files and folders, and those files that are left if a process is killed.

While a process writes one, it holds a lock on it, which the system releases when the process ends,
however it ends. So a temporary file without a lock belongs to no running process. Where there are
no such locks (Windows, some network drives), these files stay.

filelock, which trainings and tests use, opens and locks a path. Here the descriptor is locked that
created the file, so that no other file can have taken its place meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NAME = ".{stem}-gradsheet-{random}{suffix}"
_PATTERN = re.compile(r"\..*-gradsheet-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL)
_STEM_LENGTH = 40
_ATTEMPTS = 100

_of_this_process: dict[Path, int] = {}  # each with its process, as a child inherits the list


@contextmanager
def unfinished_file(target: Path) -> Iterator[Path]:
    """Yield a new empty file beside the target, with its suffix; delete it in the end.

    The temporary files that killed processes left in the folder are deleted first.

    Raises:
        OSError: it cannot be created.
    """
    with contextlib.suppress(OSError):
        delete_leftovers(target.parent)
    # Ctrl-C can come at any time, also when the file has just been created.
    created: list[Path] = []
    descriptor = None
    try:
        path, descriptor = _create(target, created)
        yield path
    finally:
        for path in created:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            _of_this_process.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder of the user's own in the place for temporary files; delete it in the end.

    Ctrl-C does not stop the deletion.

    Raises:
        OSError: it cannot be created.
    """
    folder: Path | None = None
    try:
        with _without_interrupts():
            folder = Path(tempfile.mkdtemp(prefix="gradsheet-"))
            _of_this_process[folder] = os.getpid()
        yield folder
    finally:
        with _without_interrupts():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
                _of_this_process.pop(folder, None)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def delete_all_of_this_process() -> None:
    """Delete what this process has not finished, before it is ended at once."""
    for path, process in list(_of_this_process.items()):
        if process != os.getpid():
            continue
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _create(target: Path, created: list[Path]) -> tuple[Path, int | None]:
    """Create a file; return its path and the descriptor that keeps it locked, if one does.

    Args:
        created: gets each path before a file is created there, so that it can be deleted.
    """
    for _ in range(_ATTEMPTS):
        name = _NAME.format(
            stem=target.stem[:_STEM_LENGTH], random=os.urandom(4).hex(), suffix=target.suffix
        )
        path = target.parent / name
        created.append(path)
        _of_this_process[path] = os.getpid()
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except FileExistsError:  # it is another's
            created.remove(path)
            del _of_this_process[path]
            continue
        if fcntl is None:
            os.close(descriptor)  # Windows does not rename an open file
            return path, None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a process that looks for leftovers was faster
            path.unlink(missing_ok=True)
            os.close(descriptor)
            continue
        except OSError:  # no locks on this drive
            return path, descriptor
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)
    raise FileExistsError(f"no free name for a temporary file in {target.parent}")


@functools.cache  # once per folder and process: with many files it would take long
def delete_leftovers(folder: Path) -> None:
    """Delete the temporary files in a folder that this user's killed processes left there."""
    if fcntl is None:
        return
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if _PATTERN.fullmatch(entry.name)]
    for name in names:
        with contextlib.suppress(OSError):
            _delete_if_left(folder / name)


def _delete_if_left(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where a process writes it
        path.unlink()
    finally:
        os.close(descriptor)
