"""The trained network as plain numbers, and what it computes of a digit, layer by layer.

Keras computes in single precision; here the same weights compute in double precision, as a
spreadsheet does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from keras_model.mnist import CLASSES, DEVIATION, MEAN
from keras_model.network import FILTERS, POOLS
from keras_model.reading import probabilities

if TYPE_CHECKING:
    import keras


class OtherNetworkError(Exception):
    """The model is not the network of the table; the message says where it differs."""


@dataclass(frozen=True)
class Convolution:
    """A convolution 3×3 with padding 1, ReLU, batch normalisation and pooling, as trained.

    ``kernel`` (3, 3, channels, filters); ``gamma``, ``beta``, ``mean``, ``variance`` (filters,).
    """

    kernel: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    pool: int

    @property
    def scale(self) -> np.ndarray:
        """What normalisation multiplies by: γ / √(variance + ε)."""
        return self.gamma / np.sqrt(self.variance + self.epsilon)

    @property
    def shift(self) -> np.ndarray:
        """What it then adds: β - mean·scale."""
        return self.beta - self.mean * self.scale

    def normal(self, maps: np.ndarray) -> np.ndarray:
        """Convolution, ReLU and normalisation of maps (h, w, channels): (h, w, filters)."""
        windows = sliding_window_view(np.pad(maps, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
        summed = np.einsum("yxcij,ijcf->yxf", windows, self.kernel, optimize=True)
        return np.maximum(summed, 0) * self.scale + self.shift

    def pooled(self, normal: np.ndarray) -> np.ndarray:
        """The largest of each window: (h // pool, w // pool, filters)."""
        side = normal.shape[0] // self.pool
        cut = normal[: side * self.pool, : side * self.pool]
        return cut.reshape(side, self.pool, side, self.pool, -1).max(axis=(1, 3))


@dataclass(frozen=True)
class Layers:
    """All that the network computes of one digit."""

    input: np.ndarray  # (28, 28)
    normal: tuple[np.ndarray, ...]  # of each convolution, (h, w, filters)
    pooled: tuple[np.ndarray, ...]
    logits: np.ndarray  # (10,)
    probabilities: np.ndarray  # (10,)


@dataclass(frozen=True)
class Weights:
    """The network's weights: three convolutions and the dense layer (50, 10)."""

    convolutions: tuple[Convolution, ...]
    dense: np.ndarray

    def layers(self, digit: np.ndarray) -> Layers:
        """What the network computes of a digit (28, 28), 0 … 255."""
        maps = (np.asarray(digit, float)[..., None] / 255 - MEAN) / DEVIATION
        first, normal, pooled = maps[..., 0], [], []
        for convolution in self.convolutions:
            normal.append(convolution.normal(maps))
            maps = convolution.pooled(normal[-1])
            pooled.append(maps)
        logits = maps.ravel() @ self.dense
        return Layers(first, tuple(normal), tuple(pooled), logits, probabilities(logits))


def weights_of(network: keras.Model) -> Weights:
    """The weights of a network that :func:`keras_model.network.build_network` made.

    Single-precision numbers are taken in their shortest decimal form, which a cell shows whole.

    Raises:
        OtherNetworkError: it has other layers, or a number that is none.
    """
    kinds = [type(layer).__name__ for layer in network.layers if type(layer).__name__ != "Dropout"]
    block = ["Conv2D", "ReLU", "BatchNormalization", "MaxPooling2D"]
    if kinds != [*block * len(FILTERS), "Flatten", "Dense"]:
        raise OtherNetworkError("its layers are not those of the table (python cli.py summary)")
    layers = [layer for layer in network.layers if type(layer).__name__ != "Dropout"]
    convolutions, channels = [], 1
    for number, (filters, size) in enumerate(zip(FILTERS, POOLS, strict=True)):
        convolution, relu, norm, pool = layers[4 * number : 4 * number + 4]
        _demand(
            convolution.kernel.shape == (3, 3, channels, filters)
            and convolution.padding == "same"
            and tuple(convolution.strides) == tuple(convolution.dilation_rate) == (1, 1)
            and not convolution.use_bias
            and _is_plain(convolution),
            convolution,
        )
        _demand(relu.max_value is None and not relu.negative_slope and not relu.threshold, relu)
        _demand(norm.center and norm.scale and norm.axis in (-1, 3), norm)
        _demand(
            tuple(pool.pool_size) == tuple(pool.strides) == (size, size)
            and pool.padding == "valid",
            pool,
        )
        of_norm = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        numbers = [_decimal(array) for array in (convolution.kernel, *of_norm)]
        convolutions.append(Convolution(*numbers, float(norm.epsilon), size))
        channels = filters
    dense = layers[-1]
    _demand(
        dense.kernel.shape == (channels, CLASSES) and not dense.use_bias and _is_plain(dense), dense
    )
    return Weights(tuple(convolutions), _decimal(dense.kernel))


def _demand(holds: bool, layer: keras.Layer) -> None:
    if not holds:
        raise OtherNetworkError(
            f"its layer {layer.name} is not that of the table (python cli.py summary)"
        )


def _is_plain(layer: keras.Layer) -> bool:
    return layer.activation is None or layer.activation.__name__ == "linear"


def _decimal(array: keras.Variable) -> np.ndarray:
    numbers = np.asarray(array, np.float32)
    if not np.isfinite(numbers).all():
        raise OtherNetworkError("a weight of it is not a number")
    return np.array([float(str(number)) for number in numbers.ravel()]).reshape(numbers.shape)
