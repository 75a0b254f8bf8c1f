"""Standard output and standard error, whatever they are connected to.

A full disk behind standard output is an error of its own and not of the file that is written at the
same time. Standard error has nowhere to say that it cannot be written, so it then stays silent.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gradsheet.errors import GradsheetError
from gradsheet.printable import printable


class OutputError(GradsheetError):
    """Standard output cannot be written."""


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let standard output and standard error fail in one line, or not at all.

    A stream that is closed is replaced by the null device: its descriptor would otherwise become
    that of the next file that is opened.

    Within the block, writing to standard output raises an OutputError, or a BrokenPipeError where
    its reader has ended. What is left to write must be flushed before the block ends.
    """
    before = sys.stdout, sys.stderr
    guarded = (_guarded(sys.stdout, _fail), _guarded(sys.stderr, _ignore, keep="\r\x1b\n\t"))
    sys.stdout, sys.stderr = guarded
    try:
        yield
    finally:
        for stream in guarded:
            with suppress(OSError, GradsheetError, ValueError):
                stream.flush()
        # Unless somebody else has replaced them, such as keras_model.backend.
        if sys.stdout is guarded[0]:
            sys.stdout = before[0]
        if sys.stderr is guarded[1]:
            sys.stderr = before[1]


def is_standard_error(stream: Any) -> bool:
    """Return whether a stream writes to descriptor 2."""
    try:
        return bool(stream.fileno() == 2)
    except (AttributeError, OSError, ValueError):  # None, closed, or not a file
        return False


def copy_of_standard_error() -> Any:
    """Return a stream to where descriptor 2 leads now, which stays so if 2 is redirected."""
    stream = os.fdopen(os.dup(2), "w", buffering=1, errors="replace")
    return _guarded(stream, _ignore, keep="\r\x1b\n\t")


def _guarded(stream: Any, on_error: Callable[[OSError], None], keep: str = "\n\t") -> Any:
    if stream is None:
        with suppress(OSError):
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    buffer = getattr(stream, "buffer", None)
    if buffer is None:  # not a file, as in some tests and notebooks
        return stream
    with suppress(OSError, ValueError):
        stream.flush()
    # In the C locale Python knows ASCII alone, and terminals know UTF-8.
    is_ascii = codecs.lookup(stream.encoding).name == "ascii"
    return _PrintableStream(
        io.BufferedWriter(_Device(stream, getattr(buffer, "raw", buffer), on_error)),
        encoding="utf-8" if is_ascii else stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=on_error is _ignore,  # standard error appears at once
        keep=keep,
    )


def _fail(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise error
    reason = os.strerror(error.errno) if error.errno else str(error)
    raise OutputError(f"cannot write to standard output: {reason}") from error


def _ignore(_: OSError) -> None:
    """Nothing can be said where standard error cannot be written."""


class _Device(io.RawIOBase):
    """The unbuffered end of a stream. After its first error, it drops what is written."""

    def __init__(self, stream: Any, raw: Any, on_error: Callable[[OSError], None]) -> None:
        self._stream, self._raw, self._on_error = stream, raw, on_error  # the stream stays open
        self._has_failed = False

    @property
    def name(self) -> str:
        return str(self._stream.name)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        if not self._has_failed:
            try:
                # A pipe that does not block, as some parents give it, may take nothing (None).
                return self._raw.write(data) or 0
            except OSError as error:
                self._has_failed = True
                self._on_error(error)
        return len(data)


class _PrintableStream(io.TextIOWrapper):
    """A text stream in which names of others cannot control the terminal."""

    def __init__(self, *args: Any, keep: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._keep = keep

    def write(self, text: str) -> int:
        super().write(printable(text, self._keep))
        return len(text)
