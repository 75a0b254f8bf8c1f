"""A finished file is moved into place whole; until then, nothing at its path changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotWriteError(Exception):
    """The file cannot be written there; the message says why and what to do."""


@contextmanager
def finished_file(
    path: Path, *, force: bool = True, ours: Callable[[Path], bool] = lambda _: False
) -> Iterator[Path]:
    """Give a temporary path beside ``path``; when the block ends well, move it onto ``path``.

    Args:
        force: replace whatever file is there.
        ours: without ``force``, whether an existing file was written by this tool, and so may go.

    Raises:
        CannotWriteError: no such folder, a folder at the path, somebody else's file, no permission.
    """
    path = Path(path)
    if path.is_dir():
        raise CannotWriteError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise CannotWriteError(f"the folder {path.parent} does not exist: make it first")
    if path.exists() and not force and not ours(path):
        raise CannotWriteError(
            f"{path} exists and was not written by this tool: "
            "give another name, or --force to replace it"
        )
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise CannotWriteError(f"cannot write in {path.parent}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp's file is for its owner alone; a result has the permissions of any new file.
        temporary.chmod(0o666 & ~_umask())
        try:
            temporary.replace(path)
        except OSError as error:
            raise CannotWriteError(
                f"cannot replace {path}: {error.strerror}; if it is open in another program, "
                "close it there"
            ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
