"""Reading a trained network from a file of any format, by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gradsheet.input_files import problem_with_file
from keras_model.networks.architecture import Architecture, NetworkError
from keras_model.trained.keras_file import read_keras_architecture, read_keras_file
from keras_model.trained.network import TrainedNetwork
from keras_model.trained.onnx_file import read_onnx_file

READERS: dict[str, Callable[[Path], TrainedNetwork]] = {
    ".keras": read_keras_file,
    ".onnx": read_onnx_file,
}

_OF_KERAS = '; save it with Keras as model.save("model.keras")'
_OF_TORCH = "; export it with torch.onnx.export"
_CONVERSIONS = {
    ".h5": _OF_KERAS, ".hdf5": _OF_KERAS, ".pb": _OF_KERAS,
    ".pt": _OF_TORCH, ".pth": _OF_TORCH,
}  # fmt: skip


def read_trained_network(path: Path) -> TrainedNetwork:
    """Read a trained digit classifier, which may come from anyone.

    Raises:
        NetworkError: it cannot be read; the message starts with the path.
    """
    problem = problem_with_file(path)
    if problem is not None:
        raise NetworkError(f"{path} {problem}")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        hint = _CONVERSIONS.get(path.suffix.lower(), "")
        suffixes = " or ".join(READERS)
        raise NetworkError(f"{path} is not a model: its suffix must be {suffixes}{hint}")
    try:
        return replace(reader(path), source=str(path))
    except NetworkError as error:
        raise NetworkError(f"{path} {error}") from error


def read_architecture(path: Path) -> Architecture:
    """Read the layers of a model of any format, for digits (28, 28, 1), without its weights.

    Raises:
        NetworkError: they cannot be read; the message starts with the path.
    """
    problem = problem_with_file(path)
    if problem is not None:
        raise NetworkError(f"{path} {problem}")
    try:
        if path.suffix.lower() == ".keras":
            return read_keras_architecture(path).with_maps(path.stem)
        return READERS[path.suffix.lower()](path).architecture.with_maps(path.stem)
    except NetworkError as error:
        raise NetworkError(f"{path} {error}") from error
