"""Which layers of a network can be trained as one fused layer. Does not import Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_model.layers.activation import ReLU
from keras_model.layers.convolution import Conv2D
from keras_model.layers.layer import Layer
from keras_model.layers.normalization import BatchNormalization
from keras_model.layers.pooling import MaxPooling2D
from keras_model.layers.reshaping import Dropout
from keras_model.networks.architecture import Architecture

_MAX_POOL = 15  # the index of a pixel in its window is one of 255


@dataclass(frozen=True)
class Block:
    """Conv2D, ReLU, BatchNormalization, then Dropout and MaxPooling2D where there are such layers.

    Attributes:
        rate: of the Dropout; 0 without one.
        pool: the side of the pooling's window; 1 without one.
        is_padded: whether the convolution's output is as large as its input.
        count: the number of layers.
    """

    rate: float
    pool: int
    is_padded: bool
    count: int


def block_at(layers: Sequence[Layer], start: int) -> Block | None:
    """Return the block that begins with a layer, or None.

    Its convolution is one of 3×3 with a stride of 1, and without bias and activation.
    """
    convolution, relu, norm = [*layers[start : start + 3], None, None, None][:3]
    if not (
        isinstance(convolution, Conv2D) and _is_plain(convolution) and relu == _plain_relu(relu)
    ):
        return None
    if not (isinstance(norm, BatchNormalization) and norm.center and norm.scale):
        return None
    rest, rate, pool = list(layers[start + 3 : start + 5]), 0.0, 1
    count = 3
    if rest and type(rest[0]) is Dropout:
        rate, count = rest[0].rate, count + 1
        rest.pop(0)
    if rest and isinstance(rest[0], MaxPooling2D) and _is_square(rest[0]):
        pool, count = rest[0].pool_size[0], count + 1
    return Block(rate, pool, convolution.padding == "same", count)


def is_fusable(architecture: Architecture) -> bool:
    """Whether the layers of a network that cost most can be fused: it begins with a block."""
    return len(architecture.input_shape) == 3 and block_at(architecture.layers, 0) is not None


def _is_plain(layer: Conv2D) -> bool:
    return (
        layer.kernel_size == (3, 3)
        and not layer.use_bias
        and (layer.strides == layer.dilation_rate == (1, 1) and layer.activation == "linear")
    )


def _plain_relu(layer: Layer | None) -> ReLU:
    return ReLU(name=layer.name if layer is not None else "")


def _is_square(layer: MaxPooling2D) -> bool:
    rows, columns = layer.pool_size
    return layer.steps == (rows, rows) and rows == columns <= _MAX_POOL and layer.padding == "valid"
