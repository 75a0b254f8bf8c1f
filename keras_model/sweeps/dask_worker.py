"""The part of :mod:`keras_model.sweeps.dask_trainings` that runs on a worker."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dask.system import CPU_COUNT
from distributed import get_worker

from keras_model.backend import CoreShare
from keras_model.errors import TrainingError
from keras_model.sweeps.training_process import Job, TrainingProcess
from keras_model.training.epoch import Epoch
from keras_model.training.run_folder import ALL_FILES, CHECKPOINT


def train_job(
    values: dict[str, Any],
    checkpoint: bytes | None,
    index: int,
    topic: str,
    threads: dict[str, int],
) -> dict[str, bytes]:
    """Train a job in a temporary folder of the worker.

    Args:
        values: of the job. checkpoint: to continue from, or None.
        threads: the number of threads of each worker, by its address.

    Returns:
        The content of each file of the run.

    Raises:
        TrainingError: the training failed, or was cancelled.
    """
    worker = get_worker()
    key = worker.get_current_task()
    host = urlsplit(worker.address).hostname
    at_once = sum(
        number for address, number in threads.items() if urlsplit(address).hostname == host
    )
    at_once = max(1, min(at_once, sum(threads.values())))
    process = TrainingProcess()

    def on_epoch(row: Epoch) -> None:
        worker.log_event(topic, {"index": index, "epoch": asdict(row)})
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise TrainingError("cancelled")

    with tempfile.TemporaryDirectory(dir=worker.local_directory) as name:
        folder = Path(name)
        if checkpoint is not None:
            (folder / CHECKPOINT).write_bytes(checkpoint)
        share = CoreShare(at_once, max(1, CPU_COUNT // at_once))
        job = replace(Job.from_dict(values), folder=folder, share=share)
        try:
            process.train(job, on_epoch)
        finally:
            process.stop()
        paths = (folder / file for file in ALL_FILES)  # without a plot that could not be drawn
        return {path.name: path.read_bytes() for path in paths if path.is_file()}
