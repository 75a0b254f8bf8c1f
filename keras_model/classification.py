"""Logits of a loaded model, which may fail or give numbers that are not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_model.data.mnist import normalized
from keras_model.errors import TrainingError
from keras_model.model_limits import largest_output, shown
from keras_model.saved_model import first_words

if TYPE_CHECKING:
    import keras

_MAX_BATCH = 1000
_MAX_BATCH_NUMBERS = 2**24  # that one layer gives for a batch: 64 MB in single precision


def logits_of(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Classify images (n, 28, 28) uint8: logits (n, 10), float64.

    Raises:
        TrainingError: the model cannot compute them, or one is infinite or not a number; the
            message names the layer.
    """
    _, widest = largest_output(network)
    batch_size = max(1, min(_MAX_BATCH, _MAX_BATCH_NUMBERS // max(1, widest)))
    try:
        logits = network.predict(normalized(images), batch_size=batch_size, verbose=0)
    except Exception as error:  # whatever Keras' layers raise
        raise TrainingError(f"the model cannot classify digits: {first_words(error)}") from error
    logits = np.asarray(logits, np.float64)
    is_bad = ~np.isfinite(logits).all(axis=1)
    if is_bad.any():
        layer = _first_infinite_layer(network, images[is_bad.argmax()])
        who = "the model" if layer is None else f"the model's layer {shown(layer)}"
        raise TrainingError(f"{who} gives numbers that are infinite or not numbers (NaN)")
    return logits


def _first_infinite_layer(network: keras.Model, image: np.ndarray) -> str | None:
    """Return the name of the first layer whose output for an image is not finite."""
    import keras

    try:
        layers = [layer for layer in network.layers if "float" in str(layer.output.dtype)]
        steps = keras.Model(network.inputs, [layer.output for layer in layers])
        outputs = steps.predict(normalized(image[None]), verbose=0)
    except Exception:  # layers that are called several times, for example
        return None
    for layer, output in zip(layers, outputs, strict=True):
        if not np.isfinite(np.asarray(output, np.float64)).all():
            return str(layer.name)
    return None
