"""A pile of workbooks, judged on all cores: results in the given order, as they come."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from backprop_sheet.audit import DEFAULT_TOLERANCE, Judgement, judge_workbook
from backprop_sheet.reading import CannotJudgeError

# Old and foreign kinds are in a pile to be named, not to be passed over in silence.
SUFFIXES = {".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods"}

Result = tuple[Path, list[Judgement] | CannotJudgeError]


def workbooks(paths: Iterable[Path]) -> list[Path]:
    """The files among the paths, and the workbooks in the folders among them and below.

    Office's lock files (``~$…``) and hidden files are left out.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
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


def judge_pile(
    paths: Iterable[Path], *, tolerance: float = DEFAULT_TOLERANCE, jobs: int = 1
) -> Iterator[Result]:
    """Judge every workbook; one that cannot be judged comes back as its error.

    At most a few results wait for an earlier one, so that memory stays flat however many there are.
    """
    paths = list(paths)
    jobs = max(1, min(jobs, len(paths)))
    if jobs == 1:
        for path in paths:
            yield path, _judge(path, tolerance)
        return
    waiting: deque[tuple[Path, Future[list[Judgement] | CannotJudgeError]]] = deque()
    ahead = iter(paths)
    pool = ProcessPoolExecutor(jobs)
    try:
        while True:
            while len(waiting) < 4 * jobs and (path := next(ahead, None)) is not None:
                waiting.append((path, pool.submit(_judge, path, tolerance)))
            if not waiting:
                return
            path, future = waiting.popleft()
            try:
                yield path, future.result()
            except BrokenProcessPool:
                # A process died, most likely for want of memory; nobody knows at which workbook,
                # so this one and those that waited are tried again, each in a process of its own.
                pool.shutdown(wait=False)
                for again in (path, *(path for path, _ in waiting)):
                    yield again, _judge_alone(again, tolerance)
                waiting.clear()
                pool = ProcessPoolExecutor(jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _judge(path: Path, tolerance: float) -> list[Judgement] | CannotJudgeError:
    try:
        return judge_workbook(path, tolerance)
    except CannotJudgeError as error:
        return error


def _judge_alone(path: Path, tolerance: float) -> list[Judgement] | CannotJudgeError:
    with ProcessPoolExecutor(1) as pool:
        try:
            return pool.submit(_judge, path, tolerance).result()
        except BrokenProcessPool:
            return CannotJudgeError("cannot be judged: reading it took more memory than there is")
