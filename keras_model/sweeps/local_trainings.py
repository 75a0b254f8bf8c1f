"""Several trainings at a time on this machine, each with its share of the cores."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from gradsheet.cores import available_cores
from keras_model.backend import CoreShare
from keras_model.errors import TrainingError
from keras_model.sweeps.events import EpochEnded, Event, Failed, Finished, wait_for
from keras_model.sweeps.training_process import Job, TrainingProcess
from keras_model.training.epoch import Epoch


def core_shares(at_once: int) -> list[CoreShare]:
    """Divide the cores of this process among so many trainings."""
    if at_once == 1:
        return [CoreShare()]
    cores = available_cores()
    try:
        ids = sorted(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows: thread counts alone
        return [CoreShare(at_once, max(1, cores // at_once))] * at_once
    shares = [ids[slot % cores :: at_once] for slot in range(at_once)]
    return [CoreShare(at_once, len(share), tuple(share)) for share in shares]


def train_locally(jobs: Mapping[int, Job], at_once: int) -> Generator[Event, None, None]:
    """Train at least one job, in their order, ``at_once`` at a time, each in its own process.

    A process that has finished a job takes the next one. When the iterator is closed, the
    processes are stopped; their checkpoints stay.
    """
    events: queue.Queue[Event] = queue.Queue()
    pending = list(jobs.items())
    lock, closing = threading.Lock(), threading.Event()
    at_once = min(at_once, len(jobs))
    processes = [TrainingProcess() for _ in range(at_once)]

    def work(process: TrainingProcess, share: CoreShare) -> None:
        while not closing.is_set():
            with lock:
                index, job = pending.pop(0) if pending else (None, None)
            if index is None or job is None:
                process.stop()
                return

            def on_epoch(row: Epoch, index: int = index) -> None:
                events.put(EpochEnded(index, row))

            try:
                note = process.train(replace(job, share=share), on_epoch)
                events.put(Finished(index, note))
            except TrainingError as error:
                events.put(Failed(index, str(error)))
            except Exception as error:
                events.put(Failed(index, f"{type(error).__name__}: {error}"))

    threads = [
        threading.Thread(target=work, args=arguments, daemon=True)
        for arguments in zip(processes, core_shares(at_once), strict=True)
    ]
    for thread in threads:
        thread.start()
    waiting = len(jobs)
    try:
        while waiting:
            event = wait_for(events)
            if event is not None:
                waiting -= isinstance(event, Finished | Failed)
                yield event
    finally:
        closing.set()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(TrainingProcess.stop, processes))
        for thread in threads:
            thread.join()
