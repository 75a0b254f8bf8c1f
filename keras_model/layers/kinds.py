"""The kinds of layers, by the name of their Keras class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_model.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from keras_model.layers.arguments import LayerError, shown
from keras_model.layers.convolution import Conv2D, DepthwiseConv2D, SeparableConv2D
from keras_model.layers.dense import Dense
from keras_model.layers.layer import Layer
from keras_model.layers.normalization import (
    BatchNormalization,
    LayerNormalization,
    Normalization,
    Rescaling,
)
from keras_model.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from keras_model.layers.reshaping import (
    Dropout,
    Flatten,
    Reshape,
    SpatialDropout2D,
    ZeroPadding2D,
)

KINDS: dict[str, type[Layer]] = {
    kind.kind: kind
    for kind in (
        Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, BatchNormalization, LayerNormalization,
        ReLU, LeakyReLU, Activation, Softmax, MaxPooling2D, AveragePooling2D,
        GlobalAveragePooling2D, GlobalMaxPooling2D, Flatten, Reshape, Dropout,
        SpatialDropout2D, ZeroPadding2D, Rescaling, Normalization,
    )
}  # fmt: skip


def make_layer(kind: str, arguments: Mapping[str, Any], name: str = "") -> Layer:
    """Return the layer of a Keras class with these arguments.

    Raises:
        LayerError: there is no such kind, or an argument is unknown, missing or impossible.
    """
    if kind not in KINDS:
        raise LayerError(f"is of the class {shown(kind)}; the layers are {', '.join(KINDS)}")
    return KINDS[kind].from_arguments(arguments, name)
