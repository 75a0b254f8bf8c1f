"""Loading a saved network."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from keras_model.backend import import_keras
from keras_model.errors import TrainingError

if TYPE_CHECKING:
    import keras

_MAX_BYTES = 500 * 2**20


def load_network(path: Path) -> keras.Model:
    """Load a digit classifier from a ``.keras`` file, in Keras' safe mode.

    Raises:
        TrainingError: not a model, an unsafe one, or one of another shape.
    """
    if not path.is_file():
        raise TrainingError(
            f"{path} does not exist" if not path.exists() else f"{path} is not a file"
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a Keras model (.keras)")

    import_keras()
    import keras

    from keras_model.network import is_digit_classifier

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise TrainingError(f"{path} unpacks to more than {_MAX_BYTES >> 20} MB")
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except TrainingError:
        raise
    except Exception as error:  # whatever Keras' layers raise on a damaged file
        words = " ".join(str(error).split())[:100]
        kind = "is unsafe" if "unsafe" in str(error).lower() else "cannot be loaded"
        raise TrainingError(f"{path} {kind}: {words}") from error
    if not is_digit_classifier(network):
        raise TrainingError(
            f"{path} is a model of another shape: a digit classifier maps 28×28×1 to 10 logits"
        )
    return network
