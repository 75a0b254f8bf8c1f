"""Several trainings at a time on the workers of a Dask cluster (``dask.distributed``).

Each worker trains one job per thread, in a process of its own, and sends the run's files back. Only
as many jobs are submitted as the workers have threads: when a worker dies, Dask counts a failure
against each task that was assigned to it, also against those that only waited there.
"""

from __future__ import annotations

import logging
import queue
import re
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradsheet.errors import InvalidInputError
from gradsheet.files import atomic_write
from keras_model.errors import TrainingError
from keras_model.sweeps.events import (
    EpochEnded,
    Event,
    Failed,
    Finished,
    Notice,
    wait_for,
)
from keras_model.sweeps.training_process import Job
from keras_model.training.epoch import Epoch
from keras_model.training.run_folder import ALL_FILES, CHECKPOINT, METRICS, PLOTS

if TYPE_CHECKING:
    from distributed import Future

MAX_FILE_BYTES = 50 * 2**20
# host:port, with a protocol or not; an IPv6 host is in brackets.
_ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:.%]+\]):\d{1,5}/?")
MAX_TRIES = 3  # of a training whose worker dies
_SECONDS_TO_CONNECT = 10


def train_on_cluster(jobs: Mapping[int, Job], scheduler: str) -> Generator[Event, None, None]:
    """Train jobs on a cluster, and write the files that come back into their folders.

    A training whose worker dies is tried again on another, up to :data:`MAX_TRIES` times. When the
    iterator is closed, the trainings that still run are cancelled.

    Args:
        scheduler: the scheduler's address, such as ``tcp://10.0.0.1:8786``.

    Raises:
        InvalidInputError: not an address.
        TrainingError: no scheduler answers there, or it has no workers.
    """
    if not _ADDRESS.fullmatch(scheduler):
        raise InvalidInputError(
            f"{scheduler!r} is not the address of a Dask scheduler, such as tcp://10.0.0.1:8786"
        )

    cluster = _Cluster(jobs, scheduler)
    try:
        yield from cluster.events()
    finally:
        cluster.close()


class _Cluster:
    """The jobs on a cluster: which ones wait, and which ones run.

    Raises:
        TrainingError: no scheduler answers.
    """

    def __init__(self, jobs: Mapping[int, Job], scheduler: str) -> None:
        from distributed import Client

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self.client = Client(scheduler, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            words = " ".join(str(error).split())[:100] or type(error).__name__
            raise TrainingError(f"no Dask scheduler answers at {scheduler}: {words}") from error
        self.jobs, self.scheduler = jobs, scheduler
        self.topic = f"gradsheet-{uuid.uuid4().hex}"
        self.waiting = list(jobs)
        self.tries = dict.fromkeys(jobs, 0)
        self.running: dict[int, Future[Any]] = {}
        # Events, and each job's number with its future when it ends.
        self._queue: queue.Queue[Any] = queue.Queue()

    def events(self) -> Iterator[Event]:
        """Submit the jobs, and yield what happens until none is left.

        Raises:
            TrainingError: the scheduler has no workers.
        """
        if not threads_of(self.client):
            raise TrainingError(
                f"the Dask scheduler at {self.scheduler} has no workers: start some where "
                f"gradsheet is installed (dask worker {self.scheduler})"
            )
        self.client.subscribe_topic(self.topic, self._on_message)
        notice_shown = False
        while self.waiting or self.running:
            threads = threads_of(self.client)
            while self.waiting and len(self.running) < sum(threads.values()):
                self._submit(self.waiting.pop(0), threads)
            if not threads and not notice_shown:
                yield Notice("The cluster has no workers now; waiting for one.")
            notice_shown = not threads
            event = wait_for(self._queue, 1.0)
            if isinstance(event, tuple):
                event = self._ended(*event)
            if event is not None:
                yield event

    def close(self) -> None:
        """Cancel what runs, and leave the cluster, which may be gone."""
        with suppress(Exception):
            self.client.cancel(list(self.running.values()), force=True)
        with suppress(Exception):
            self.client.close(timeout=5)

    def _on_message(self, event: tuple[float, dict[str, Any]]) -> None:
        """Handle what a worker logs: a finished epoch."""
        with suppress(KeyError, TypeError, ValueError):
            index = int(event[1]["index"])
            if index in self.running:
                self._queue.put(EpochEnded(index, Epoch(**event[1]["epoch"])))

    def _submit(self, index: int, threads: dict[str, int]) -> None:
        self.tries[index] += 1
        job = self.jobs[index]
        checkpoint = job.folder / CHECKPOINT
        self.running[index] = self.client.submit(
            _worker_function(),
            job.to_dict(),
            checkpoint.read_bytes() if checkpoint.is_file() else None,
            index,
            self.topic,
            threads,
            key=f"{self.topic}-{index}-{self.tries[index]}",
            pure=False,
        )
        self.running[index].add_done_callback(lambda future: self._queue.put((index, future)))

    def _ended(self, index: int, future: Future[Any]) -> Event | None:
        """Return what the end of a job's try means: nothing if it is tried again."""
        from distributed.scheduler import KilledWorker

        if self.running.get(index) is not future:
            return None
        del self.running[index]
        try:
            missing = write_files(future.result(), self.jobs[index].folder)
            return Finished(index, f"the worker drew no {', '.join(missing)}" * bool(missing))
        except KilledWorker:
            if self.tries[index] < MAX_TRIES:
                self.waiting.insert(0, index)
                return None
            return Failed(index, f"its worker died, {self.tries[index]} times")
        except ModuleNotFoundError as error:
            return Failed(
                index,
                f"the worker has no module {error.name}: install gradsheet with the extra dask "
                "in the workers' environment",
            )
        except Exception as error:  # whatever the worker or Dask raises
            return Failed(index, " ".join(str(error).split())[:300] or type(error).__name__)


def threads_of(client: Any) -> dict[str, int]:
    """Return the number of threads of each worker, by its address."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {address: worker["nthreads"] for address, worker in workers.items()}


def write_files(files: Any, folder: Path) -> list[str]:
    """Write the files that a worker sent into a run's folder, the metrics last.

    Returns:
        The plots that are not among them.

    Raises:
        TrainingError: they are not the files of a run, or too large.
        CannotWriteError: one cannot be written.
    """
    required = set(ALL_FILES) - set(PLOTS)
    if not (isinstance(files, dict) and required <= set(files) <= set(ALL_FILES)):
        raise TrainingError("the worker did not send the files of a run")
    for name, content in files.items():
        if not isinstance(content, bytes) or len(content) > MAX_FILE_BYTES:
            raise TrainingError(
                f"the worker's {name} is not a file of at most {MAX_FILE_BYTES >> 20} MB"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == METRICS):
        with atomic_write(folder / name) as unfinished:
            unfinished.write_bytes(files[name])
    return [name for name in PLOTS if name not in files]


def _worker_function() -> Callable[..., dict[str, bytes]]:
    """Return the function that calls :func:`keras_model.sweeps.dask_worker.train_job` on a worker.

    Dask sends a local function as code, so the scheduler does not need the project.
    """

    def run_on_worker(*arguments: Any) -> dict[str, bytes]:
        from keras_model.sweeps.dask_worker import train_job

        return train_job(*arguments)

    return run_on_worker
