"""Writing files so that a path never holds half a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import GradsheetError, InvalidInputError


class CannotWriteError(GradsheetError):
    """A file cannot be written. The message says why and what to do."""


class WouldOverwriteError(CannotWriteError):
    """The path has a file that was not written by this tool, and replacing it was not allowed."""


def check_suffix(path: Path, suffixes: Sequence[str], name: str = "the output") -> None:
    """Check that the name of an output file ends in one of the suffixes; case does not matter.

    A folder passes: :func:`atomic_write` refuses it with a better message.

    Args:
        suffixes: such as ``(".xlsx", ".csv")``.
        name: how the message names the path.

    Raises:
        InvalidInputError: another suffix; the message lists those allowed.
    """
    if path.suffix.lower() not in suffixes and not path.is_dir():
        *others, last = suffixes
        allowed = f"{', '.join(others)} or {last}" if others else last
        raise InvalidInputError(f"{name} {path} must end in {allowed}")


@contextmanager
def atomic_write(
    path: Path, *, force: bool = True, is_replaceable: Callable[[Path], bool] = lambda _: False
) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to ``path`` if the block succeeds.

    Until then, nothing at ``path`` changes. If the block fails, the temporary file is deleted.

    Args:
        force: replace an existing file, whatever it is.
        is_replaceable: without ``force``, tells whether an existing file may be replaced, for
            example because this tool wrote it.

    Raises:
        WouldOverwriteError: an existing file may not be replaced.
        CannotWriteError: the folder does not exist, the path is a folder, the existing file is
            read-only, or permission is missing.
    """
    given, path = path, Path(path)
    try:
        # A symbolic link stays a link: the file that it points to is replaced.
        path = path.resolve()
        is_folder, exists, has_folder = path.is_dir(), path.exists(), path.parent.is_dir()
    except (OSError, RuntimeError) as error:
        raise CannotWriteError(f"cannot write {given}: {error}") from error
    if is_folder:
        raise CannotWriteError(f"{given} is a folder: name a file in it")
    if not has_folder:
        raise CannotWriteError(f"the folder {given.parent} does not exist: create it first")
    if exists and not path.is_file():
        raise CannotWriteError(f"{given} is not a regular file: choose another name")
    if exists and not force and not is_replaceable(path):
        raise WouldOverwriteError(
            f"{given} exists and was not written by this tool: choose another name"
        )
    if exists and not os.access(path, os.W_OK):
        # Replacing it would work, but it was made read-only on purpose.
        raise CannotWriteError(f"{given} is read-only: choose another name, or make it writable")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise CannotWriteError(f"cannot write in {given.parent}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp lets only the owner read its file; give it the permissions of any new file.
        temporary.chmod(0o666 & ~_umask())
        try:
            temporary.replace(path)
        except OSError as error:
            raise CannotWriteError(
                f"cannot replace {given}: {error.strerror}; if it is open in another program, "
                "close it there"
            ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
