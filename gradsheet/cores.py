"""How many cores this process may use, and uses."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_one_thread() -> None:
    """Let NumPy's products of matrices use one thread. NumPy must not have been imported yet.

    In jobs of a second, further threads save no time, and while they wait for the next product they
    keep their cores busy. A user's own setting is kept.
    """
    for library in ("OPENBLAS", "MKL"):  # of NumPy's wheels, and of Anaconda's NumPy
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
