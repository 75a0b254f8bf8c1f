"""Trainings in a process of their own.

The parent writes one JSON line per job to the child's standard input, and the child answers with
JSON lines: one per epoch, then ``done`` or ``error``. When its standard input is closed, which also
happens when the parent dies, the child stops after its last checkpoint.
"""

from __future__ import annotations

import _thread
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from gradsheet.errors import GradsheetError
from gradsheet.installation import clone
from keras_model.backend import CoreShare, import_keras, limit_threads, prepare_backend
from keras_model.data.mnist import DataError, Digits, load_digits, sample
from keras_model.errors import TrainingError
from keras_model.training.blocks import is_fusable
from keras_model.training.epoch import Epoch
from keras_model.training.run_config import RunConfig

_SECONDS_TO_STOP = 10


@dataclass(frozen=True)
class Job:
    """One training. ``data`` is the path of the digits, or None for the package's sample."""

    config: RunConfig
    folder: Path
    device: str
    data: str | None
    checksum: str
    share: CoreShare = field(default_factory=CoreShare)

    def to_dict(self) -> dict[str, Any]:
        """Every value under its name, for JSON."""
        return {
            "config": self.config.to_dict(),
            "folder": str(self.folder),
            "device": self.device,
            "data": self.data,
            "checksum": self.checksum,
            "share": asdict(self.share),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """Return the job that :meth:`to_dict` described."""
        share = values["share"]
        return cls(
            RunConfig.from_dict(values["config"]),
            Path(values["folder"]),
            values["device"],
            values["data"],
            values["checksum"],
            CoreShare(share["trainings_at_once"], share["cores"], tuple(share["core_ids"])),
        )


def digits_of(job: Job) -> Digits:
    """Return the digits of a job: from its path, or where they are on this machine.

    Raises:
        TrainingError: they are not on this machine.
    """
    try:
        if job.data is None:
            digits = sample()
        else:
            path = Path(job.data)
            digits = load_digits(path if path.exists() else None, download=False)
    except DataError as error:
        raise TrainingError(str(error)) from error
    if digits.checksum() != job.checksum:
        raise TrainingError(
            f"the digits ({job.config.data}) are not on this machine: copy them to {job.data}, or "
            "set GRADSHEET_DATA to their path"
        )
    return replace(digits, name=job.config.data)


class TrainingProcess:
    """A child process that trains one job at a time.

    It is started when it is needed, also after it has died, until :meth:`stop` is called.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_stopped = False
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None

    def train(self, job: Job, on_epoch: Callable[[Epoch], None]) -> str:
        """Train a job to its end.

        Returns:
            What could not be written beside the results, or an empty string.

        Raises:
            TrainingError: the training failed, its process died, or it was stopped.
        """
        with self._lock:
            if self._is_stopped:
                raise TrainingError("stopped")
            process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(job.to_dict()) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                reply = json.loads(line)
                if "epoch" in reply:
                    on_epoch(Epoch(**reply["epoch"]))
                elif "error" in reply:
                    raise TrainingError(reply["error"])
                else:
                    return str(reply["done"])
        except (BrokenPipeError, ValueError):
            pass  # it died, or stop() closed the pipes
        self._process = None
        reason = self._how_it_ended(process)
        self._close_pipes(process)
        raise TrainingError(reason)

    def stop(self) -> None:
        """Stop the child. Its last checkpoint stays."""
        with self._lock:
            self._is_stopped = True
            process, self._process = self._process, None
        if process is None:
            return
        try:
            assert process.stdin is not None
            process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(_SECONDS_TO_STOP + 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._close_pipes(process)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            environment, folder = dict(os.environ), clone()
            if folder is not None:  # Python finds a module that it runs in the current folder
                environment.pop("PYTHONSAFEPATH", None)
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-m", "keras_model.sweeps.training_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                env=environment,
                cwd=folder,
                start_new_session=True,  # so that Ctrl-C reaches the parent alone
            )
        return self._process

    def _close_pipes(self, process: subprocess.Popen[str]) -> None:
        for pipe in (process.stdin, process.stdout, self._errors):
            if pipe is not None:
                with suppress(OSError):  # what was not written yet cannot be
                    pipe.close()

    def _how_it_ended(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        words = f"its process was killed by signal {-code}" if code < 0 else "its process ended"
        if code == -9:
            words += " (perhaps for lack of memory)"
        lines: list[str] = []
        if self._errors is not None and not self._errors.closed:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4000))
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"{words}: {lines[-1][:200]}" if lines and code > 0 else words


# --- the child ---


def main() -> None:
    """Train the jobs of standard input, one after the other."""
    replies = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # so that nothing else is printed among the replies
    jobs: queue.Queue[Job | None] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    try:
        while (job := jobs.get()) is not None:
            try:
                note = _train(job, lambda row: _reply(replies, {"epoch": asdict(row)}))
                _reply(replies, {"done": note})
            except (GradsheetError, ValueError, OSError) as error:
                _reply(replies, {"error": str(error)})
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    os._exit(0)  # at once: TensorFlow's threads are not waited for


def _reply(replies: IO[str], reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")


def _read_jobs(jobs: queue.Queue[Job | None]) -> None:
    for line in sys.stdin:
        jobs.put(Job.from_dict(json.loads(line)))
    jobs.put(None)
    _thread.interrupt_main()
    threading.Event().wait(_SECONDS_TO_STOP)
    os._exit(1)


def _train(job: Job, on_epoch: Callable[[Epoch], None]) -> str:
    """Train a job; return what could not be written beside its results."""
    if job.share.core_ids:
        os.sched_setaffinity(0, job.share.core_ids)
    if job.share.trainings_at_once > 1:
        # TensorFlow otherwise takes all of a GPU's memory.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        limit_threads(job.share.cores)
    is_split = is_fusable(job.config.network)
    if not is_split:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(job.share.cores))
    prepare_backend(job.device, for_training=is_split)
    digits = digits_of(job)

    import_keras()
    from keras_model.backend import device_name
    from keras_model.training.run import train_run
    from keras_model.training.run_outputs import PlotsError

    try:
        train_run(
            job.config, digits, job.folder, device=device_name(job.device), share=job.share,
            on_epoch=on_epoch,
        )  # fmt: skip
    except PlotsError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
