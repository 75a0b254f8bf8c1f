"""Audit many workbooks in parallel and return the results in the given order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from gradsheet.resource_limits import TimeLimitReached, limited

if TYPE_CHECKING:  # a single workbook is checked without further processes
    from concurrent.futures import Future, ProcessPoolExecutor

# For comparison: this project's workbook of six learning rates and 20,000 iterations has 30 MB; it
# takes 12 to 24 s and 330 MB. A usual submission takes 0.1 s.
SECONDS = 5.0  # of processor time for a file,
SECONDS_PER_MEGABYTE = 1.25  # and more for a large one
MEGABYTES = 450.0
MEGABYTES_PER_MEGABYTE = 60.0

INTERNAL_ERROR = "internal error"


class HasPath(Protocol):
    """What has a file that can be read."""

    @property
    def path(self) -> Path:
        """Where the file can be read."""


# A file, or what has one.
Item = TypeVar("Item", bound=Path | HasPath)
Result = TypeVar("Result")
Job = Callable[[Item], Result]
# Returns the result of a file that could not be checked, from the reason.
Failed = Callable[[Item, str], Result]


def run_batch(
    job: Job[Item, Result], files: Iterable[Item], *, jobs: int, failed: Failed[Item, Result]
) -> Iterator[Result]:
    """Run a job on every file, several at the same time. One file never costs the others.

    A job that fails, that takes too long or that needs too much memory has a result, too.
    Memory does not grow with the number of files: only a few results wait for an earlier one.

    Args:
        job: a picklable function.
        jobs: the number of processes.
        failed: a picklable function that returns the result of a file whose job failed.
    """
    job = partial(_guarded, job, failed)
    files = list(files)
    jobs = max(1, min(jobs, len(files)))
    if jobs == 1:
        yield from map(job, files)
        return
    from concurrent.futures.process import BrokenProcessPool

    waiting: deque[tuple[Item, Future[Result]]] = deque()
    ahead = iter(files)
    pool = _pool(jobs)
    try:
        while True:
            while len(waiting) < 4 * jobs and (file := next(ahead, None)) is not None:
                waiting.append((file, _submit(pool, job, file)))
            if not waiting:
                return
            file, future = waiting.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                # A process died, most likely because memory was full. It is not known which
                # workbook it had, so each of those in progress gets a new process of its own.
                pool.shutdown(wait=False)
                for again in (file, *(file for file, _ in waiting)):
                    yield _run_alone(job, again, failed)
                waiting.clear()
                pool = _pool(jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(jobs: int) -> ProcessPoolExecutor:
    """Create processes that ignore Ctrl-C, so that each finishes its current file."""
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )


def _submit(pool: ProcessPoolExecutor, job: Job[Item, Result], file: Item) -> Future[Result]:
    """Submit a job. Ctrl-C is blocked in the processes that this starts until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(job, file)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # they inherit it
    try:
        return pool.submit(job, file)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_alone(job: Job[Item, Result], file: Item, failed: Failed[Item, Result]) -> Result:
    from concurrent.futures.process import BrokenProcessPool

    with _pool(1) as pool:
        try:
            return _submit(pool, job, file).result()
        except BrokenProcessPool:
            return failed(file, "it needs more memory than this computer has")


def _guarded(job: Job[Item, Result], failed: Failed[Item, Result], file: Item) -> Result:
    """Run a job within the limits of time and memory; whatever happens becomes its result."""
    size = _megabytes(file)
    seconds = SECONDS + SECONDS_PER_MEGABYTE * size
    try:
        with limited(seconds, MEGABYTES + MEGABYTES_PER_MEGABYTE * size):
            return job(file)
    except TimeLimitReached:
        return failed(file, f"it takes more than {seconds:.0f} seconds")
    except MemoryError:
        return failed(file, "it needs too much memory")
    except RecursionError:
        return failed(file, "it is nested too deeply")
    except Exception as error:  # a bug, which must not cost the other files their results
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        return failed(file, f"{INTERNAL_ERROR} ({reason}); please report it")


def _megabytes(file: Path | HasPath) -> float:
    path = file if isinstance(file, Path) else file.path
    try:
        return path.stat().st_size / 2**20
    except (OSError, ValueError):
        return 0.0
