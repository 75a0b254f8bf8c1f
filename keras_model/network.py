"""The network of the original's table, in plain Keras 3, and that table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

FILTERS = (16, 32, 50)
# 28 → 14 → 3 → 1. For 14 → 3 the table leaves open the window and the stride; a window of 4 with a
# stride of 4 is the plain reading (PyTorch's MaxPool2d(4)), and looks at 12 of the 14 rows. The
# last window covers the whole 3×3 map.
POOLS = (2, 4, 3)
DROPOUT = 0.05
BATCH_NORM_MOMENTUM = 0.9  # PyTorch's 0.1
BATCH_NORM_EPSILON = 1e-5

SHAPES = {"input": (28, 28, 1), "output": (10,)}


def build_network(seed: int, dropout: float = DROPOUT) -> keras.Sequential:
    """Return the untrained network: normalized digits (n, 28, 28, 1) to ten logits.

    The initial weights are PyTorch's, uniform within ±1/√fan_in: its kaiming_uniform_ with a = √5,
    which is Keras' VarianceScaling of 1/3.
    """
    import keras
    from keras import layers

    def weights(number: int) -> keras.initializers.Initializer:
        return keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform", seed=seed * 1000 + number
        )

    stack: list[keras.Layer] = [layers.Input(SHAPES["input"], name="digit")]
    for number, (filters, pool) in enumerate(zip(FILTERS, POOLS, strict=True), start=1):
        stack += [
            layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer=weights(number),
                name=f"conv{number}",
            ),
            layers.ReLU(name=f"relu{number}"),
            layers.BatchNormalization(
                momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=f"norm{number}"
            ),
            layers.Dropout(dropout, seed=seed * 1000 + 500 + number, name=f"dropout{number}"),
            layers.MaxPooling2D(pool, name=f"pool{number}"),
        ]
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(10, use_bias=False, kernel_initializer=weights(9), name="logits"),
    ]
    return keras.Sequential(stack, name="digit_classifier")


def crop_input(network: keras.Sequential, size: int) -> keras.Sequential:
    """Return a model of the same layers and weights for the upper left size×size pixels.

    ``size`` is 24 to 28. At 27, the logits are the same as at 28: the pooling from 14 to 3 rows
    reads 12 rows, which depend on 27 pixels.
    """
    import keras

    shape = (size, size, network.input_shape[-1])
    return keras.Sequential([keras.layers.Input(shape), *network.layers], name="digit_classifier")


def _size(weight: keras.Variable) -> int:
    return math.prod(weight.shape)


def parameters(network: keras.Model) -> int:
    """Return the number of trainable parameters."""
    return sum(_size(weight) for weight in network.trainable_weights)


def running_statistics(network: keras.Model) -> int:
    """Return the number of running means and variances of batch normalization."""
    return sum(_size(weight) for weight in network.non_trainable_weights)


def table(network: keras.Model) -> list[tuple[str, str, str]]:
    """Return each layer's description, output shape and trainable parameters, as strings."""
    rows = []
    for layer in network.layers:
        count = sum(_size(weight) for weight in layer.trainable_weights)
        shape = "×".join(str(size) for size in layer.output.shape[1:])
        rows.append((_describe(layer), shape, f"{count:,}" if count else ""))
    return rows


def _describe(layer: keras.Layer) -> str:
    """Return the words for a layer of :func:`build_network`."""
    from keras import layers

    match layer:
        case layers.Conv2D():
            return f"Conv 3×3, {layer.filters}, padding 1, no bias"
        case layers.ReLU():
            return "ReLU"
        case layers.BatchNormalization():
            return "BatchNorm"
        case layers.Dropout():
            return f"Dropout {layer.rate:.0%}"
        case layers.MaxPooling2D():
            return f"MaxPool {layer.pool_size[0]}×{layer.pool_size[0]}"
        case layers.Flatten():
            return "Flatten"
        case layers.Dense():
            return f"Linear {layer.units}, no bias"
        case _:
            raise ValueError(f"the table has no words for a layer {type(layer).__name__}")


def other_shape(network: keras.Model) -> str | None:
    """Return why a model does not map digits (n, 28, 28, 1) to ten logits; None if it does."""
    for kind in ("input", "output"):
        try:
            tensors = getattr(network, f"{kind}s") or []
        except (AttributeError, ValueError):  # not built
            tensors = []
        if len(tensors) != 1 or tuple(tensors[0].shape[1:]) != SHAPES[kind]:
            return "a digit classifier maps 28×28×1 to 10 logits"
        dtype = str(tensors[0].dtype)
        if tensors[0].shape[0] is not None:
            return f"its {kind} is of exactly {tensors[0].shape[0]} digits, not of any number"
        if "float" not in dtype:
            return f"its {kind} is of type {dtype}, a digit classifier's is float32"
    return None
