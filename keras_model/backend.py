"""The Keras backend: its environment variables, which are set first, its import and its device."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from common.cores import available_cores
from keras_model.errors import TrainingError


@dataclass(frozen=True)
class CoreShare:
    """The part of a machine that a training has, when several train at a time.

    ``core_ids`` are the cores to run on; none means that the system decides.
    """

    trainings_at_once: int = 1
    cores: int = field(default_factory=available_cores)
    core_ids: tuple[int, ...] = ()


def limit_threads(cores: int) -> None:
    """Let TensorFlow use as many threads as cores. It must not have been imported yet."""
    os.environ["TF_NUM_INTEROP_THREADS"] = str(cores)


def prepare_backend(device: str, *, for_training: bool = False) -> None:
    """Set the environment variables that the backend reads when it is imported.

    They silence its start-up messages, hide GPUs where ``device`` is ``cpu``, and turn oneDNN on:
    TensorFlow does so by itself only on processors with AVX-512 or newer extensions, but an epoch
    takes about a quarter less time with oneDNN without them, too. For training, each operation of
    TensorFlow gets one thread, because :mod:`keras_model.fused_model` runs operations side by side.
    A user's own setting of a variable is left alone.

    TensorFlow's native code writes its start-up messages straight to file descriptor 2, whatever
    TF_CPP_MIN_LOG_LEVEL is. So descriptor 2 is redirected to the null device, and Python's own
    standard error keeps a copy. Where the user has set TF_CPP_MIN_LOG_LEVEL, nothing is hidden.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if for_training:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if sys.stderr is sys.__stderr__ and sys.stderr is not None:
            sys.stderr.flush()
            sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="replace")
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            os.close(null)


def import_keras() -> None:
    """Import Keras and its backend, but not matplotlib, which Keras imports where it is installed.

    Keras uses matplotlib only in functions that are not called here, and importing it takes half a
    second. It can still be imported afterwards.
    """
    hides = not {"keras", "matplotlib"} & sys.modules.keys()
    if hides:  # https://docs.python.org/3/reference/import.html#the-module-cache
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        import keras  # noqa: F401
    finally:
        if hides:
            del sys.modules["matplotlib"]


def device_name(wanted: str) -> str:
    """Return the device that Keras computes on: ``gpu`` or ``cpu``.

    Args:
        wanted: ``auto``, ``gpu`` or ``cpu``.

    Raises:
        TrainingError: ``gpu`` is wanted and there is none.
    """
    import keras

    try:
        found = wanted != "cpu" and keras.distribution.list_devices("gpu")
    except RuntimeError:  # JAX raises this where there is none
        found = []
    if found:
        return "gpu"
    if wanted == "gpu":
        raise TrainingError(
            "no GPU was found by Keras: install requirements-gpu.txt and NVIDIA's driver, or use "
            "the CPU"
        )
    return "cpu"
