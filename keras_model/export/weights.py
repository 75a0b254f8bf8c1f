"""The trained network as NumPy arrays, and its forward pass, layer by layer.

Keras computes in single precision. Here the same weights are used in double precision, as in a
spreadsheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradsheet.printable import printable
from keras_model.data.mnist import CLASSES, DEVIATION, MEAN
from keras_model.network import FILTERS, POOLS
from keras_model.softmax import softmax

if TYPE_CHECKING:
    import keras


class OtherNetworkError(Exception):
    """The model is not this project's digit classifier; the message says where it differs."""


@dataclass(frozen=True)
class Convolution:
    """A 3×3 convolution with padding 1, ReLU, batch normalization and max pooling.

    ``kernel`` has the shape (3, 3, channels, filters); ``gamma``, ``beta``, ``mean`` and
    ``variance`` have the shape (filters,).
    """

    kernel: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    pool_size: int

    @property
    def scale(self) -> np.ndarray:
        """The factor of batch normalization, γ / √(variance + ε): (filters,)."""
        scale: np.ndarray = self.gamma / np.sqrt(self.variance + self.epsilon)
        return scale

    @property
    def shift(self) -> np.ndarray:
        """The summand of batch normalization, β - mean × scale: (filters,)."""
        shift: np.ndarray = self.beta - self.mean * self.scale
        return shift

    def normalized(self, maps: np.ndarray) -> np.ndarray:
        """Apply convolution, ReLU and batch normalization: (h, w, channels) to (h, w, filters)."""
        windows = sliding_window_view(np.pad(maps, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
        sums = np.einsum("yxcij,ijcf->yxf", windows, self.kernel, optimize=True)
        normalized: np.ndarray = np.maximum(sums, 0) * self.scale + self.shift
        return normalized

    def pooled(self, maps: np.ndarray) -> np.ndarray:
        """Apply max pooling: (h, w, filters) to (h // pool_size, w // pool_size, filters)."""
        side = maps.shape[0] // self.pool_size
        used = maps[: side * self.pool_size, : side * self.pool_size]
        pooled: np.ndarray = used.reshape(side, self.pool_size, side, self.pool_size, -1).max(
            (1, 3)
        )
        return pooled


@dataclass(frozen=True)
class Activations:
    """Everything that the network computes from one digit."""

    input: np.ndarray  # (28, 28), normalized
    normalized: tuple[np.ndarray, ...]  # one per convolution, (h, w, filters)
    pooled: tuple[np.ndarray, ...]  # one per convolution, (h // pool_size, w // pool_size, filters)
    logits: np.ndarray  # (10,)
    probabilities: np.ndarray  # (10,)


@dataclass(frozen=True)
class Weights:
    """The network's weights: three convolutions and the dense layer (50, 10)."""

    convolutions: tuple[Convolution, ...]
    dense: np.ndarray

    def activations(self, digit: np.ndarray) -> Activations:
        """Return what the network computes from a digit (28, 28), 0 … 255."""
        maps = (np.asarray(digit, float)[..., None] / 255 - MEAN) / DEVIATION
        network_input, normalized, pooled = maps[..., 0], [], []
        for convolution in self.convolutions:
            normalized.append(convolution.normalized(maps))
            maps = convolution.pooled(normalized[-1])
            pooled.append(maps)
        logits = maps.ravel() @ self.dense
        return Activations(network_input, tuple(normalized), tuple(pooled), logits, softmax(logits))


def weights_of(network: keras.Model) -> Weights:
    """Return the weights of a network of :func:`keras_model.network.build_network`.

    Single-precision numbers are rounded to their shortest decimal form, which a cell can show in
    full.

    Raises:
        OtherNetworkError: the network has other layers, or a weight is infinite or not a number.
    """
    layers = [layer for layer in network.layers if type(layer).__name__ != "Dropout"]
    block = ["Conv2D", "ReLU", "BatchNormalization", "MaxPooling2D"]
    expected = [*block * len(FILTERS), "Flatten", "Dense"]
    if [type(layer).__name__ for layer in layers] != expected:
        raise OtherNetworkError(
            f"its layers must be {len(FILTERS)} blocks of {', '.join(block)}, then Flatten, Dense"
        )
    convolutions, channels = [], 1
    for number, (filters, size) in enumerate(zip(FILTERS, POOLS, strict=True)):
        convolution, relu, norm, pool = layers[4 * number : 4 * number + 4]
        _require(
            convolution.kernel.shape == (3, 3, channels, filters)
            and convolution.padding == "same"
            and tuple(convolution.strides) == tuple(convolution.dilation_rate) == (1, 1)
            and not convolution.use_bias
            and _is_linear(convolution),
            convolution,
            f"have {filters} filters of 3×3×{channels}, padding 'same', stride 1, no bias and no "
            "activation function",
        )
        _require(
            relu.max_value is None and not relu.negative_slope and not relu.threshold,
            relu,
            "be a ReLU without a maximum, slope or threshold",
        )
        _require(
            norm.center and norm.scale and norm.axis in (-1, 3),
            norm,
            "have gamma and beta and normalize each map",
        )
        _require(
            tuple(pool.pool_size) == tuple(pool.strides) == (size, size)
            and pool.padding == "valid",
            pool,
            f"have windows and strides of {size}×{size} and padding 'valid'",
        )
        convolutions.append(_block(convolution, norm, size))
        channels = filters
    dense = layers[-1]
    _require(
        dense.kernel.shape == (channels, CLASSES) and not dense.use_bias and _is_linear(dense),
        dense,
        f"have {channels} inputs, {CLASSES} outputs, no bias and no activation function",
    )
    return Weights(tuple(convolutions), _decimal(dense.kernel, dense))


def _block(convolution: keras.Layer, norm: keras.Layer, pool_size: int) -> Convolution:
    """Return a convolution with the normalization after it; their numbers can be computed with."""
    block = Convolution(
        kernel=_decimal(convolution.kernel, convolution),
        gamma=_decimal(norm.gamma, norm),
        beta=_decimal(norm.beta, norm),
        mean=_decimal(norm.moving_mean, norm),
        variance=_decimal(norm.moving_variance, norm),
        epsilon=float(norm.epsilon),
        pool_size=pool_size,
    )
    _require(
        bool((block.variance >= 0).all() and 0 < block.epsilon < np.inf),
        norm,
        "have variances of at least 0 and an epsilon above 0",
    )
    # The page computes with single precision.
    with np.errstate(over="ignore", invalid="ignore"):
        factors = np.array([block.scale, block.shift]).astype(np.float32)
    _require(bool(np.isfinite(factors).all()), norm, "have smaller weights: its scale is infinite")
    return block


def _require(condition: bool, layer: keras.Layer, requirement: str) -> None:
    if not condition:
        raise OtherNetworkError(f"its layer {printable(layer.name)} must {requirement}")


def _is_linear(layer: keras.Layer) -> bool:
    return layer.activation is None or layer.activation.__name__ == "linear"


def _decimal(variable: keras.Variable, layer: keras.Layer) -> np.ndarray:
    values = np.asarray(variable, np.float32)
    _require(
        bool(np.isfinite(values).all()), layer, "have no weight that is infinite or not a number"
    )
    return np.array([float(str(value)) for value in values.ravel()]).reshape(values.shape)
