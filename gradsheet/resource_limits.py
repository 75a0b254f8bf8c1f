"""Limit the processor time and the memory of a block of code.

Time is limited on Linux and macOS, memory on Linux. On Windows neither is: there, only the limits
that a reader of files sets itself apply.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_AGAIN = 0.5  # seconds; an exception in a callback or destructor is lost, the next one is not


class TimeLimitReached(BaseException):
    """The time is over. It is no ``Exception``, so that the code that runs does not handle it."""


@contextmanager
def limited(seconds: float, megabytes: float) -> Iterator[None]:
    """Limit a block to some processor time, and to some memory beyond what is in use now.

    Without a limit in threads other than the main thread, which cannot have one.

    Raises:
        TimeLimitReached: the block took longer.
        MemoryError: the block needed more memory.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    with _limited_memory(megabytes), _limited_time(seconds):
        yield


@contextmanager
def _limited_time(seconds: float) -> Iterator[None]:
    is_running = True

    def stop(*_: Any) -> None:
        if is_running:
            raise TimeLimitReached

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        yield
    finally:
        is_running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _limited_memory(megabytes: float) -> Iterator[None]:
    import resource

    in_use = _data_bytes()
    if in_use is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = in_use + int(megabytes * 2**20)
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int | None:
    """Return what RLIMIT_DATA counts: the private writable memory of this process."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("VmData:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):  # not Linux
        return None
