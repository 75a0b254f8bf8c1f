"""Loading a saved network, which may come from anyone."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradsheet.input_files import problem_with_file
from gradsheet.printable import printable
from keras_model.backend import import_keras
from keras_model.errors import TrainingError
from keras_model.model_limits import ModelLimitError, check_description, check_sizes, shown

if TYPE_CHECKING:
    import keras


def load_network(path: Path) -> keras.Model:
    """Load a digit classifier from a ``.keras`` file, in Keras' safe mode.

    Raises:
        TrainingError: not a model, an unsafe one, one of another shape or beyond the limits of
            :mod:`keras_model.model_limits`, or one with weights that are not finite.
    """
    problem = problem_with_file(path)
    if problem is not None:
        raise TrainingError(f"{path} {problem}")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a Keras model (.keras)")
    try:
        return _load(path)
    except ModelLimitError as error:
        raise TrainingError(f"{path} {error}") from error


def _load(path: Path) -> keras.Model:
    """Load a model, cheapest checks first."""
    description = check_description(path)
    import_keras()
    import keras

    from keras_model.network import other_shape

    try:
        if (problem := other_shape(check_sizes(path, description))) is not None:
            raise ModelLimitError(f"is a model of another shape: {problem}")
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except TrainingError:
        raise
    except Exception as error:  # whatever Keras' layers raise on a damaged file
        kind = "is unsafe" if "unsafe" in str(error).lower() else "cannot be loaded"
        raise ModelLimitError(f"{kind}: {first_words(error)}") from error
    for weight in network.weights:
        if not np.isfinite(np.asarray(weight, np.float64)).all():
            layer, _, name = weight.path.rpartition("/")
            raise ModelLimitError(
                f"cannot be used: the {shown(name)} of its layer {shown(layer)} has weights that "
                "are infinite or not numbers (NaN)"
            )
    return network


def first_words(error: Exception) -> str:
    """Return the beginning of an error's message, in one line and safe to print."""
    # Keras repeats the layer's whole configuration before the reason.
    reason = str(error).rpartition("Exception encountered: ")[2]
    reason = re.sub(r"\x1b\[[0-9;]*m", "", reason)  # Keras prints parts in bold
    return printable(" ".join(reason.split())[:100]) or type(error).__name__
