"""Audit many workbooks in parallel and return the results in the given order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TypeVar

from gradsheet.excel.provenance import OUTPUTS, kind_of_workbook
from gradsheet.input_files import is_folder, problem_with_file
from gradsheet.resource_limits import TimeLimitReached, limited

# Formats that cannot be read are included, so that each has a result that says why.
SUFFIXES = {".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods"}

# For comparison: this project's workbook of six learning rates and 20,000 iterations has 30 MB; it
# takes 12 to 24 s and 330 MB. A usual submission takes 0.1 s.
SECONDS = 5.0  # of processor time for a file,
SECONDS_PER_MEGABYTE = 1.25  # and more for a large one
MEGABYTES = 450.0
MEGABYTES_PER_MEGABYTE = 60.0

INTERNAL_ERROR = "internal error"

Result = TypeVar("Result")
Job = Callable[[Path], Result]
# Returns the result of a file that could not be checked, from the reason.
Failed = Callable[[Path, str], Result]


def find_workbooks(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and the workbooks in the given folders and their subfolders.

    Office's lock files (``~$…``) and hidden files are left out.
    """
    found: list[Path] = []
    for path in paths:
        if is_folder(path):
            found += sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and not file.name.startswith(("~$", "."))
                and file.is_file()
            )
        else:
            found.append(path)
    return found


def without_outputs(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Leave out the workbooks that this project wrote and that are not exercises, as reports.

    Returns:
        The other paths, and a line about each that was left out.
    """
    kept: list[Path] = []
    lines: list[str] = []
    for path in paths:
        kind = kind_of_workbook(path) if problem_with_file(path) is None else None
        if kind in OUTPUTS:
            lines.append(f"{path} is {OUTPUTS[kind]} written by gradsheet")
        else:
            kept.append(path)
    return kept, lines


def _kind(path: Path) -> str | None:
    """Return which kind of workbook this project wrote; None for others, and if that takes long."""
    try:
        with limited(SECONDS, MEGABYTES):
            return kind_of_workbook(path) if path.is_file() else None
    except (TimeLimitReached, MemoryError):
        return None


def run_batch(
    job: Job[Result], paths: Iterable[Path], *, jobs: int, failed: Failed[Result]
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
    paths = list(paths)
    jobs = max(1, min(jobs, len(paths)))
    if jobs == 1:
        yield from map(job, paths)
        return
    waiting: deque[tuple[Path, Future[Result]]] = deque()
    ahead = iter(paths)
    pool = _pool(jobs)
    try:
        while True:
            while len(waiting) < 4 * jobs and (path := next(ahead, None)) is not None:
                waiting.append((path, _submit(pool, job, path)))
            if not waiting:
                return
            path, future = waiting.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                # A process died, most likely because memory was full. It is not known which
                # workbook it had, so each of those in progress gets a new process of its own.
                pool.shutdown(wait=False)
                for again in (path, *(path for path, _ in waiting)):
                    yield _run_alone(job, again, failed)
                waiting.clear()
                pool = _pool(jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(jobs: int) -> ProcessPoolExecutor:
    """Create processes that ignore Ctrl-C, so that each finishes its current file."""
    return ProcessPoolExecutor(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )


def _submit(pool: ProcessPoolExecutor, job: Job[Result], path: Path) -> Future[Result]:
    """Submit a job. Ctrl-C is blocked in the processes that this starts until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(job, path)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # they inherit it
    try:
        return pool.submit(job, path)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_alone(job: Job[Result], path: Path, failed: Failed[Result]) -> Result:
    with _pool(1) as pool:
        try:
            return _submit(pool, job, path).result()
        except BrokenProcessPool:
            return failed(path, "it needs more memory than this computer has")


def _guarded(job: Job[Result], failed: Failed[Result], path: Path) -> Result:
    """Run a job within the limits of time and memory; whatever happens becomes its result."""
    size = _megabytes(path)
    seconds = SECONDS + SECONDS_PER_MEGABYTE * size
    try:
        with limited(seconds, MEGABYTES + MEGABYTES_PER_MEGABYTE * size):
            return job(path)
    except TimeLimitReached:
        return failed(path, f"it takes more than {seconds:.0f} seconds")
    except MemoryError:
        return failed(path, "it needs too much memory")
    except RecursionError:
        return failed(path, "it is nested too deeply")
    except Exception as error:  # a bug, which must not cost the other files their results
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        return failed(path, f"{INTERNAL_ERROR} ({reason}); please report it")


def _megabytes(path: Path) -> float:
    try:
        return path.stat().st_size / 2**20
    except (OSError, ValueError):
        return 0.0
