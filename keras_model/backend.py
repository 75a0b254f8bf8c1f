"""Keras: its environment variables and settings, its backend, its import and its device.

A run must not depend on what a user has set for other work. So Keras does not see the user's
``keras.json`` nor the variables that cap a training, and each setting that matters is made here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gradsheet.cores import available_cores
from gradsheet.streams import copy_of_standard_error, is_standard_error
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


def prepare_backend(
    device: str, *, for_training: bool = False, say: Callable[[str], None] = lambda _: None
) -> None:
    """Set the environment variables that Keras and its backend read when they are imported.

    The backend is TensorFlow. ``say`` is called with a message if KERAS_BACKEND names another one.

    They silence its start-up messages, hide GPUs where ``device`` is ``cpu``, and turn oneDNN on:
    TensorFlow does so by itself only on processors with AVX-512 or newer extensions, but an epoch
    takes about a quarter less time with oneDNN without them, too. For training, each operation of
    TensorFlow gets one thread, because :mod:`keras_model.training.fused_model` runs operations side
    by side.
    A user's own setting of a variable is left alone.

    TensorFlow's native code writes its start-up messages straight to file descriptor 2, whatever
    TF_CPP_MIN_LOG_LEVEL is. So descriptor 2 is redirected to the null device, and Python's own
    standard error keeps a copy. Where the user has set TF_CPP_MIN_LOG_LEVEL, nothing is hidden.
    """
    _choose_backend(say)
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if for_training:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if is_standard_error(sys.stderr):
            sys.stderr.flush()
            sys.stderr = copy_of_standard_error()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            os.close(null)


def _choose_backend(say: Callable[[str], None]) -> None:
    given = os.environ.get("KERAS_BACKEND", "")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if given.strip().lower() not in ("", "tensorflow"):
        say(f"KERAS_BACKEND is {given!r}, which is not supported: using TensorFlow")


def import_keras() -> None:
    """Import Keras and its backend, and make the settings that the network needs.

    Matplotlib is hidden meanwhile: Keras imports it where it is installed, but uses it only in
    functions that are not called here, and it takes half a second and may fail. It can still be
    imported afterwards.
    """
    hides = not {"keras", "matplotlib"} & sys.modules.keys()
    if hides:  # https://docs.python.org/3/reference/import.html#the-module-cache
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        with _without_user_settings():
            import keras
    finally:
        if hides:
            del sys.modules["matplotlib"]
    # Keras' own defaults. Another module may have imported Keras before, with the user's.
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


@contextmanager
def _without_user_settings() -> Iterator[None]:
    """Hide ``keras.json``, and the variables that Keras reads when it is imported.

    Keras reads, and writes, ``keras.json`` in KERAS_HOME (by default ``~/.keras``), and raises an
    exception for some of its values. The null device is no folder, so there is no such file in it.
    """
    names = ("KERAS_HOME", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED")
    saved = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        os.environ.update(saved)


def device_name(wanted: str) -> str:
    """Return the device that Keras computes on: ``gpu`` or ``cpu``.

    Args:
        wanted: ``auto``, ``gpu`` or ``cpu``.

    Raises:
        TrainingError: ``gpu`` is wanted and there is none.
        ValueError: another device is wanted.
    """
    import_keras()
    import keras

    match wanted:
        case "cpu":
            return "cpu"
        case "auto":
            return "gpu" if keras.distribution.list_devices("gpu") else "cpu"
        case "gpu":
            if keras.distribution.list_devices("gpu"):
                return "gpu"
            raise TrainingError(
                "no GPU was found by Keras: install requirements-gpu.txt and NVIDIA's driver, or "
                "use the CPU"
            )
        case _:
            raise ValueError(f"there is no device {wanted!r}")
