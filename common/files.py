"""A finished file is moved into place whole; until then, nothing at its path changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import GradsheetError


class CannotWriteError(GradsheetError):
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
        CannotWriteError: no such folder, a folder at the path, somebody else's file, a
            read-only one, no permission.
    """
    shown, path = path, Path(path)
    try:
        # A link stays a link: the file that it leads to is the one to replace.
        path = path.resolve()
        is_folder, is_there, in_folder = path.is_dir(), path.exists(), path.parent.is_dir()
    except (OSError, RuntimeError) as error:
        raise CannotWriteError(f"cannot write {shown}: {error}") from error
    if is_folder:
        raise CannotWriteError(f"{shown} is a folder: name a file in it")
    if not in_folder:
        raise CannotWriteError(f"the folder {shown.parent} does not exist: make it first")
    if is_there and not path.is_file():
        raise CannotWriteError(f"{shown} is not an ordinary file: give another name")
    if is_there and not force and not ours(path):
        raise CannotWriteError(
            f"{shown} exists and was not written by this tool: "
            "give another name, or --force to replace it"
        )
    if is_there and not os.access(path, os.W_OK):
        # Replacing would work, but whoever made it read-only did not want that.
        raise CannotWriteError(f"{shown} is read-only: give another name, or make it writable")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise CannotWriteError(f"cannot write in {shown.parent}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp's file is for its owner alone; a result has the permissions of any new file.
        temporary.chmod(0o666 & ~_umask())
        try:
            temporary.replace(path)
        except OSError as error:
            raise CannotWriteError(
                f"cannot replace {shown}: {error.strerror}; if it is open in another program, "
                "close it there"
            ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
