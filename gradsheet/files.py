"""Writing files so that a path never holds half a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gradsheet.errors import GradsheetError, InvalidInputError
from gradsheet.unfinished import unfinished_file


class CannotWriteError(GradsheetError):
    """A file cannot be written. The message says why and what to do."""


class WouldOverwriteError(CannotWriteError):
    """The path has a file that may not be replaced."""


def check_suffix(path: Path, suffixes: Sequence[str], name: str = "the output") -> None:
    """Check that the name of an output file ends in one of the suffixes; case does not matter.

    A folder passes: :func:`atomic_write` refuses it with a better message.

    Args:
        suffixes: such as ``(".xlsx", ".csv")``.
        name: how the message names the path.

    Raises:
        InvalidInputError: another suffix; the message lists those allowed.
    """
    with suppress(OSError, ValueError):  # which atomic_write will name
        if path.is_dir():
            return
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        allowed = f"{', '.join(others)} or {last}" if others else last
        raise InvalidInputError(f"{name} {path} must end in {allowed}")


def start_of(path: Path, count: int) -> str:
    """Return the text of a file's first bytes, or "" if it cannot be read.

    A command recognizes by it what it wrote itself, and may replace.
    """
    try:
        with path.open("rb") as file:
            return file.read(count).decode("utf-8", "replace")
    except OSError:
        return ""


def make_folder(path: Path) -> None:
    """Create a folder, and those that it is in; it may exist.

    Raises:
        CannotWriteError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CannotWriteError(f"cannot create the folder {path}: {reason_of(error)}") from error


@contextmanager
def atomic_write(
    path: Path, *, force: bool = True, is_replaceable: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to ``path`` if the block succeeds.

    Until then, nothing at ``path`` changes. If the block fails, the temporary file is deleted; if
    the process was killed, the next one that writes a file into the folder deletes it.

    Args:
        force: replace an existing file, whatever it is.
        is_replaceable: without ``force``, tells whether an existing file may be replaced, for
            example because this tool wrote it. None: no existing file may be.

    Raises:
        WouldOverwriteError: an existing file may not be replaced.
        CannotWriteError: the folder does not exist, the path is a folder, the existing file is
            read-only, permission is missing, or the system refused something in the block, for
            example because the disk is full.
    """
    target = checked_target(path, force=force, is_replaceable=is_replaceable)
    with ExitStack() as stack:
        try:
            temporary = stack.enter_context(unfinished_file(target))
        except (OSError, ValueError) as error:
            where = path.parent
            raise CannotWriteError(f"cannot write in {where}: {reason_of(error)}") from error
        try:
            yield temporary
            # A temporary file can be read by its owner alone; give it any new file's permissions.
            temporary.chmod(0o666 & ~_umask())
        except BrokenPipeError:  # of standard output: no file has this error
            raise
        except Exception as error:
            system_error = _system_error(error)
            if system_error is None:
                raise
            reason = _reason_beside(system_error, temporary)
            raise CannotWriteError(f"cannot write {path}: {reason}") from error
        try:
            temporary.replace(target)
        except OSError as error:
            raise CannotWriteError(
                f"cannot replace {path}: {error.strerror}; if it is open in another program, "
                "close it there"
            ) from error


def checked_target(
    path: Path, *, force: bool = False, is_replaceable: Callable[[Path], bool] | None
) -> Path:
    """Return the file that :func:`atomic_write` would write, before the work for it is done.

    Raises:
        WouldOverwriteError, CannotWriteError: it cannot be written; see :func:`atomic_write`.
    """
    try:
        # A symbolic link stays a link: the file that it points to is replaced.
        target = path.resolve()
        is_folder, exists, has_folder = target.is_dir(), target.exists(), target.parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise CannotWriteError(f"cannot write {path}: {reason_of(error)}") from error
    if is_folder:
        raise CannotWriteError(f"{path} is a folder: name a file in it")
    if not has_folder:
        raise CannotWriteError(f"the folder {path.parent} does not exist: create it first")
    if exists and not target.is_file():
        raise CannotWriteError(f"{path} is not a regular file: choose another name")
    if exists and not force and not (is_replaceable is not None and is_replaceable(target)):
        whose = "" if is_replaceable is None else " and was not written by this tool"
        raise WouldOverwriteError(f"{path} exists{whose}: choose another name")
    if exists and not os.access(target, os.W_OK):
        # Replacing it would work, but it was made read-only on purpose.
        raise CannotWriteError(f"{path} is read-only: choose another name, or make it writable")
    return target


def reason_of(error: Exception) -> str:
    """Return why the system refused something, in its words: ``No space left on device``."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)  # h5py's own text also has the time and a file descriptor
    return " ".join(str(error).split()) or type(error).__name__


def _system_error(error: Exception) -> OSError | None:
    """Return the error of the system behind an exception, if there is one.

    Libraries such as XlsxWriter raise exceptions of their own, with the system's as argument.
    """
    if isinstance(error, GradsheetError):
        return None
    candidates = (error, *error.args)
    return next((found for found in candidates if isinstance(found, OSError)), None)


def _reason_beside(error: OSError, temporary: Path) -> str:
    """Return the reason, with the file that it is about unless that is the temporary file."""
    if error.filename in (None, str(temporary), temporary):
        # tempfile's own words name the folders that it tried, but have errno ENOENT.
        in_words = isinstance(error, FileNotFoundError) and error.filename is None
        return str(error.strerror) if in_words else reason_of(error)
    return f"{reason_of(error)}: {error.filename}"


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Yield a folder for a library's temporary files, which is deleted in the end.

    XlsxWriter, for one, leaves them where it is interrupted.

    Raises:
        CannotWriteError: there is none that can be written, or its disk is full.
    """
    import tempfile

    with ExitStack() as stack:
        try:
            # What cannot be deleted must not hide why writing failed.
            folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            name = stack.enter_context(folder)
        except OSError as error:
            raise CannotWriteError(
                "no folder for temporary files can be written: set TMPDIR to one that can"
            ) from error
        try:
            yield name
        except Exception as error:
            if _is_full(name, error):
                raise CannotWriteError(
                    f"the folder for temporary files, {tempfile.gettempdir()}, is full: set TMPDIR "
                    "to one with more space"
                ) from error
            raise


def _is_full(folder: str, error: Exception) -> bool:
    import shutil

    system_error = _system_error(error)
    if system_error is None or system_error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return False
    return shutil.disk_usage(folder).free < 2**16  # the other folder's disk may be the full one


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
