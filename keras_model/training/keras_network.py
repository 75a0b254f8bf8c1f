"""An architecture as a Keras model, with fresh weights."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from keras_model.data.mnist import SIDE
from keras_model.layers.layer import Layer
from keras_model.layers.pooling import Pooling
from keras_model.networks.architecture import Architecture, NetworkError, layer_words

if TYPE_CHECKING:
    import keras

# Of the names of layers in a model, and of the seeds of their kernels. Dense layers count from 9,
# so that a seed gives the original's network the weights that it had in version 0.1.
_NAMES = {
    "Conv2D": "conv", "DepthwiseConv2D": "depthwise", "SeparableConv2D": "separable",
    "Dense": "dense", "BatchNormalization": "norm", "LayerNormalization": "layer_norm",
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "Activation": "activation", "Softmax": "softmax",
    "MaxPooling2D": "pool", "AveragePooling2D": "pool", "GlobalAveragePooling2D": "global_pool",
    "GlobalMaxPooling2D": "global_pool", "Flatten": "flatten", "Reshape": "reshape",
    "Dropout": "dropout", "SpatialDropout2D": "dropout", "ZeroPadding2D": "padding",
    "Rescaling": "rescaling", "Normalization": "normalization",
}  # fmt: skip
_FIRST_DENSE = 9
_DROPOUTS = ("Dropout", "SpatialDropout2D")


def build_network(
    architecture: Architecture, seed: int, dropout: float | None = None
) -> keras.Sequential:
    """Return the untrained network: digits (n, 28, 28, 1) to ten outputs.

    The initial kernels are PyTorch's, uniform within ±1/√fan_in: its kaiming_uniform_ with a = √5,
    which is Keras' VarianceScaling of 1/3. Biases are 0, as in Keras.

    Args:
        dropout: the rate of all Dropout layers; None leaves them their own.

    Raises:
        NetworkError: see :attr:`Architecture.places`; or Keras has no such layer, as a convolution
            with a stride and a dilation.
    """
    import keras

    places = architecture.places
    stack: list[keras.Layer] = [keras.layers.Input(architecture.input_shape, name="digit")]
    names: Counter[str] = Counter()
    convolutions, denses = 0, 0
    for place in places:
        layer = place.layer
        name = _NAMES[layer.kind]
        names[name] += 1
        is_last = place.number == len(places) and layer.kind == "Dense"
        options: dict[str, Any] = {"name": "logits" if is_last else f"{name}{names[name]}"}
        options |= layer.arguments()
        if isinstance(layer, Pooling):  # Keras' AveragePooling2D has no default
            options["pool_size"] = layer.pool_size
        if layer.kind in _DROPOUTS:
            options["seed"] = seed * 1000 + 500 + names[name]
            options["rate"] = layer.arguments()["rate"] if dropout is None else dropout
        elif layer.kind == "Dense":
            options |= _initializers(layer, seed * 1000 + _FIRST_DENSE + denses)
            denses += 1
        elif place.weights and "kernel" in " ".join(place.weights):
            convolutions += 1
            options |= _initializers(layer, seed * 1000 + convolutions)
        try:
            stack.append(getattr(keras.layers, layer.kind)(**options))
        except ValueError as error:
            words = " ".join(str(error).split())
            raise NetworkError(
                f"{architecture.name or 'the network'} cannot be trained: Keras refuses its "
                f"{layer_words(place.number, layer.kind)}: {words}"
            ) from error
    return keras.Sequential(stack, name="digit_classifier")


def _initializers(layer: Layer, seed: int) -> dict[str, Any]:
    """Return the initializers of a layer's kernels, each an option of its Keras class."""
    import keras

    kernels = {"DepthwiseConv2D": ("depthwise",), "SeparableConv2D": ("depthwise", "pointwise")}
    return {
        f"{kernel}_initializer": keras.initializers.VarianceScaling(
            1 / 3, "fan_in", "uniform", seed=seed
        )
        for kernel in kernels.get(layer.kind, ("kernel",))
    }


def crop_input(network: keras.Sequential, size: int) -> keras.Sequential:
    """Return a model of the same layers and weights for the upper left size×size pixels.

    ``size`` is at least :func:`used_size` of the network, and the logits are then the same.
    """
    if size == SIDE:
        return network
    import keras

    shape = (size, size, network.input_shape[-1])
    return keras.Sequential([keras.layers.Input(shape), *network.layers], name="digit_classifier")


def used_size(architecture: Architecture) -> int:
    """Return how many rows and columns of a digit, from the first, reach the output.

    A pooling may leave out the last rows: that of 14 rows to 3 in the original's network reads 12,
    which depend on 27 pixels.
    """
    if len(architecture.input_shape) < 3 or architecture.has("Reshape"):
        return SIDE
    spatial = []
    for place in architecture.places:
        if (
            len(place.input_shape) < 3
            or (windows := place.layer.windows(place.input_shape)) is None
        ):
            break
        spatial.append((place, windows))
        if len(place.output_shape) < 3:
            break
    if not spatial:
        return SIDE
    sizes = []
    for axis in range(2):
        last = spatial[-1][0].output_shape
        needed = last[axis] if len(last) == 3 else 1
        for place, windows in reversed(spatial):
            window = windows[axis]
            reach = (needed - 1) * window.stride + window.size - window.before
            needed = max(1, min(place.input_shape[axis], reach))
        sizes.append(needed)
    return max(sizes)
