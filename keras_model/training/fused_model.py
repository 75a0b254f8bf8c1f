"""The network arranged for fast training on a CPU: fused layers, and batches split into parts.

ReLU, batch normalization, Dropout and max pooling are memory-bound: as separate layers, each reads
and writes maps of megabytes per batch. XLA compiles them here to one loop over the maps forward and
two backward, which compute Dropout's random numbers where they are needed. The convolutions are
left to oneDNN, which is faster at them than XLA. The first convolution is the exception: it has one
input channel, so it is nine multiplications of a whole map.

XLA runs each loop on one core. Therefore the batch is split into parts, TensorFlow runs them side
by side, and every operation on a part uses one thread
(:func:`keras_model.backend.prepare_backend`). Parts meet only where batch normalization needs the
mean and variance of the whole batch.

The fused layers own no weights: they train the layers of the plain network, which is what is saved.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf

from keras_model.networks.architecture import Architecture
from keras_model.training.blocks import block_at

# Parts of a batch. Their number does not depend on the cores, because results depend on it, if only
# by rounding: a run has the same numbers on one core and on many. On two, four are as fast as two.
MAX_PARTS = 4
# Maps of at most this height and width cost little: the plain layers compute them, on one core.
SMALL = 3
_Function = Callable[..., Any]  # of TensorFlow's tensors, which have no types
_DROPPED = 255  # in place of the index of the pixel that was chosen from a pooling window


def parts_of_batches(digits: int, batch_size: int) -> int:
    """Return how many parts to split the batches of so many digits into.

    No part of any batch may be empty: with oneDNN, TensorFlow's convolution of an empty batch has
    the shape of its input, instead of as many channels as filters (seen with TensorFlow 2.21).
    """
    smallest_batch = digits % batch_size or batch_size
    return min(MAX_PARTS, smallest_batch)


def disable_graph_optimizer() -> None:
    """Switch TensorFlow's graph optimizer off in this process.

    It takes 0.4 s of the first training step, and the fused model's steps are as fast without it.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def hide_retracing_warnings() -> None:
    """Do not let TensorFlow warn that each block has functions of its own, which is intended."""
    tf.get_logger().setLevel(logging.ERROR)


class SplitBatch(keras.Layer):
    """Split a batch along its first axis."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    def call(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Return the parts in order. TensorFlow does not copy slices along the first axis."""
        count = tf.shape(x)[0]
        ends = [count * part // self.parts for part in range(self.parts + 1)]
        return [x[start:end] for start, end in pairwise(ends)]


class SharedConv2D(keras.Layer):
    """A 3×3 convolution with the kernel of another layer.

    Args:
        layer: the convolution whose kernel is used and trained.
        padding: ``"SAME"`` or ``"VALID"``.
    """

    def __init__(self, layer: keras.layers.Conv2D, padding: str) -> None:
        super().__init__(name=f"shared_{layer.name}")
        self.layer, self.padding = layer, padding

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Map (n, h, w, c) to (n, h, w, filters), or to (n, h - 2, w - 2, filters)."""
        return tf.nn.conv2d(x, self.layer.kernel.value, 1, self.padding)


@dataclass(frozen=True)
class Padding:
    """Rows of zeros of a fused block, and as many columns.

    Attributes:
        before: above the input of the block's convolution and to its left, 0 or 1.
        after: below it and to the right, 0 or 1.
        of_output: above the pooled maps and to their left, 0 or 1.
    """

    before: int = 1
    after: int = 1
    of_output: int = 0


class FusedBlock(keras.Layer):
    """ReLU → BatchNormalization → Dropout → MaxPooling2D as one layer, for training only.

    Args:
        norm: the batch normalization layer whose weights it trains. It must be built.
        rate: Dropout's rate.
        pool: window and stride of the pooling, at most 15.
        seed: the random numbers are a function of it and of the number of calls.
        convolution: a 3×3 convolution of one channel to compute first. It must be built. Without
            it, the input is the output of a convolution.
        padding: of that convolution, and of the pooled maps.
    """

    def __init__(
        self,
        norm: keras.layers.BatchNormalization,
        rate: float,
        pool: int,
        seed: int,
        convolution: keras.layers.Conv2D | None = None,
        padding: Padding = Padding(),
    ) -> None:
        super().__init__(name=f"fused_{norm.name}")
        self.norm, self.seed = norm, seed
        self.convolution, self.padding = convolution, (padding.before, padding.after)
        self._functions = _compiled_functions(pool, rate, padding.of_output)
        self._block = _block(*self._functions, norm.epsilon, rate)

    def build(self, input_shape: Any) -> None:
        """Create the counter of calls."""
        self.calls = self.add_weight(
            name="calls", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def compile_functions(self, batch_size: int) -> None:
        """Compile the layer's functions for the parts of a batch, by calling them once.

        They are called from a graph for any number of digits, as in a model: otherwise they would
        be traced and compiled again there.
        """
        parts = keras.tree.flatten(self.input)
        shape = parts[0].shape[1:]
        pool_normalized, chosen_gradients, input_gradient = self._functions

        @tf.function(input_signature=[tf.TensorSpec((None, *shape))], autograph=False)
        def call_each(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
            if self.convolution is not None:
                x = _nine_multiplications(x, self.convolution.kernel.value, self.padding)
            channel = tf.zeros(x.shape[-1:])
            pooled, chosen = pool_normalized(x, channel, channel, tf.zeros(2, tf.uint32))
            return (
                *chosen_gradients(pooled, x, chosen, channel, channel),
                input_gradient(pooled, x, chosen, channel, channel, channel),
            )

        call_each(tf.zeros((max(1, batch_size // len(parts)), *shape)))

    def call(self, parts: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """Map the parts of a batch, (n, h, w, c), to pooled parts (n, h//pool, w//pool, c').

        With padding of the output, these have one more row and column.
        """
        self.calls.assign_add(tf.ones((), tf.int64))
        keys = tf.random.stateless_uniform(
            (len(parts), 2), (self.seed, self.calls.value), None, None, tf.uint32, alg="philox"
        )
        if self.convolution is None:
            active = [_relu(part) for part in parts]
        else:
            kernel = self.convolution.kernel.value
            active = [_relu_of_convolution(part, kernel, self.padding) for part in parts]
        pooled: list[tf.Tensor]
        *pooled, mean, variance = self._block(
            keys, self.norm.gamma.value, self.norm.beta.value, *active
        )
        keep = self.norm.momentum
        self.norm.moving_mean.assign(self.norm.moving_mean * keep + mean * (1 - keep))
        self.norm.moving_variance.assign(self.norm.moving_variance * keep + variance * (1 - keep))
        return pooled


class CompileBlocks(keras.callbacks.Callback):
    """Compile the functions of a fused model in a thread, while Python traces its first step.

    Otherwise TensorFlow compiles them one by one during that step, which takes a third of a second
    longer on two cores. On one core, the thread only costs time.

    Args:
        batch_size: how many digits the model is trained on at a time.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the thread. It ends by itself."""
        threading.Thread(target=self._compile).start()

    def _compile(self) -> None:
        for layer in self.model.layers:
            if isinstance(layer, FusedBlock):
                layer.compile_functions(self.batch_size)


def fused_model(
    network: keras.Sequential,
    architecture: Architecture,
    seed: int,
    *,
    dropout: float | None = None,
    crop: bool = False,
    parts: int = MAX_PARTS,
) -> keras.Model:
    """Return a model that trains the weights of a network faster.

    From the first layer that is not part of a block of :mod:`keras_model.training.blocks`, and from
    maps of at most :data:`SMALL` rows, the network's own layers are used.

    Args:
        network: made by :func:`keras_model.training.keras_network.build_network` of
            ``architecture``, and perhaps cropped.
        seed: seed of Dropout.
        dropout: the rate of all Dropout layers; None leaves them their own.
        crop: do not compute the last row and column of a map where the pooling leaves them out.
            They do not reach the output, but batch normalization would count them.
        parts: how many parts each batch is split into; no batch may have fewer digits.
    """
    x = keras.Input(network.input_shape[1:])
    maps = SplitBatch(parts)(x)
    layers, side, start = architecture.layers, x.shape[1], 0
    while side > SMALL and (block := block_at(layers, start)) is not None:
        kernel, _, norm = network.layers[start : start + 3]
        computed = side if block.is_padded else side - 2
        cropped = crop and block.is_padded and computed % block.pool == 1
        after = block_at(layers, start + block.count)
        side = computed // block.pool
        next_is_cropped = (
            crop and side > SMALL and after is not None and after.is_padded
            and side % after.pool == 1
        )  # fmt: skip
        padding = Padding(
            before=int(block.is_padded),
            after=int(block.is_padded and not cropped),
            of_output=int(next_is_cropped),
        )
        first = kernel if start == 0 else None
        if first is None:
            is_same = block.is_padded and not cropped
            convolution = SharedConv2D(kernel, "SAME" if is_same else "VALID")
            maps = [convolution(part) for part in maps]
        rate = block.rate if dropout is None else dropout
        fused = FusedBlock(norm, rate, block.pool, 10 * seed + start, first, padding)
        maps = fused(maps)
        start += block.count
    outputs = keras.layers.Concatenate(axis=0)(maps) if parts > 1 else maps[0]
    for layer in network.layers[start:]:
        outputs = layer(outputs)
    return keras.Model(x, outputs, name="fused_digit_classifier")


def split_model(network: keras.Sequential, *, parts: int = MAX_PARTS) -> keras.Model:
    """Return a model that computes the same as a network, the parts of each batch side by side.

    No batch may have fewer digits than ``parts``.
    """
    x = keras.Input(network.input_shape[1:])
    outputs = [network(part) for part in SplitBatch(parts)(x)]
    return keras.Model(x, keras.layers.Concatenate(axis=0)(outputs), name="split_digit_classifier")


def _random(shape: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Return random uint32: each is a hash of its index, with a key before each round.

    The hash is the least biased of two rounds at https://github.com/skeeto/hash-prospector. A
    generator of TensorFlow would write its numbers to memory, and took a seventh of an epoch.
    """

    def mix(x: tf.Tensor, shift: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))

    x = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape)), shape), tf.uint32)
    x = mix(tf.bitwise.bitwise_xor(x, keys[0]), 16) * tf.constant(0x21F0AAAD, tf.uint32)
    x = mix(x + keys[1], 15) * tf.constant(0xD35A2D97, tf.uint32)
    return mix(x, 15)


def _compiled(function: _Function) -> _Function:
    compiled: _Function = tf.function(function, jit_compile=True, autograph=False)
    return compiled


# The gradient of the block includes that of the ReLU, because its loop reads the maps anyway. So
# the gradient of the ReLU is left out in the next three functions.


@tf.custom_gradient
def _relu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    return tf.nn.relu(x), lambda d: d


@_compiled
def _nine_multiplications(x: tf.Tensor, kernel: tf.Tensor, sides: tuple[int, int]) -> tf.Tensor:
    x = tf.pad(x, ((0, 0), sides, sides, (0, 0)))
    height, width = x.shape[1] - 2, x.shape[2] - 2
    places = [(i, j) for i in range(3) for j in range(3)]
    return tf.nn.relu(sum(x[:, i : i + height, j : j + width] * kernel[i, j, 0] for i, j in places))


def _relu_of_convolution(x: tf.Tensor, kernel: tf.Tensor, sides: tuple[int, int]) -> tf.Tensor:
    @tf.custom_gradient
    def active(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, _Function]:
        def gradient(d: tf.Tensor) -> tuple[None, tf.Tensor]:
            # TensorFlow's explicit padding would do, but oneDNN does not compute with it.
            is_same = sides == (1, 1)
            padded = x if is_same else tf.pad(x, ((0, 0), sides, sides, (0, 0)))
            return None, tf.raw_ops.Conv2DBackpropFilter(
                input=padded, filter_sizes=kernel.shape, out_backprop=d, strides=[1] * 4,
                padding="SAME" if is_same else "VALID",
            )  # fmt: skip

        return _nine_multiplications(x, kernel, sides), gradient

    return active(x, kernel)


def _channel_sums(*maps: tf.Tensor) -> tf.Tensor:
    """Return the sum of each channel of some maps (n, h, w, c): (number of maps, c)."""
    return tf.stack([tf.reduce_sum(x, axis=(0, 1, 2)) for x in maps])


def _compiled_functions(
    pool: int, rate: float, before: int
) -> tuple[_Function, _Function, _Function]:
    """Return the functions pool_normalized, chosen_gradients and input_gradient of a block.

    Args:
        before: rows of zeros above the pooled maps, and columns to their left.
    """
    return (
        _pool_normalized(pool, rate, before),
        _chosen_gradients(pool, rate, before),
        _input_gradient(pool, before),
    )


def _places(side: int, pool: int) -> tf.Tensor:
    """The index of each pixel (1, side, side, 1) within its window, in reading order."""
    within = tf.range(side) % pool
    return tf.cast(within[:, None] * pool + within[None, :], tf.uint8)[None, :, :, None]


def _larger(one: tuple[tf.Tensor, ...], other: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
    wins = other[0] > one[0]  # of equal ones the first stays, as in TensorFlow's own pooling
    return tf.where(wins, other[0], one[0]), tf.where(wins, other[1], one[1])


def _pool_normalized(pool: int, rate: float, before: int) -> _Function:
    @_compiled
    def pool_normalized(
        active: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, keys: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The pooled maps, and the index of the chosen pixel of each window, or of all: 0."""
        windows, channels = active.shape[1] // pool, active.shape[3]
        side = windows * pool
        kept = active[:, :side, :side] * scale + offset
        if pool == 1 and not rate:  # every pixel is chosen
            padded = tf.pad(kept, ((0, 0), (before, 0), (before, 0), (0, 0)))
            return padded, tf.zeros((), tf.uint8)
        place = tf.broadcast_to(_places(side, pool), tf.shape(kept))
        if rate:
            dropped = _random(tf.shape(kept), keys) < tf.constant(round(rate * 2**32), tf.uint32)
            kept = tf.where(dropped, 0.0, kept)
            place = tf.where(dropped, tf.constant(_DROPPED, tf.uint8), place)
        # Along the rows of a window first, then down: 2·pool comparisons instead of pool².
        shape = (-1, side, windows, pool, channels)
        columns = [tf.reshape(x, shape) for x in (kept, place)]
        in_rows = reduce(_larger, [tuple(x[:, :, :, j] for x in columns) for j in range(pool)])
        rows = [tf.reshape(x, (-1, windows, pool, windows, channels)) for x in in_rows]
        pooled, chosen = reduce(_larger, [tuple(x[:, :, i] for x in rows) for i in range(pool)])
        return tf.pad(pooled, ((0, 0), (before, 0), (before, 0), (0, 0))), chosen

    return pool_normalized


def _chosen_gradients(pool: int, rate: float, before: int) -> _Function:
    keep = 1 - rate

    @_compiled
    def chosen_gradients(
        d_pooled: tf.Tensor,
        active: tf.Tensor,
        chosen: tf.Tensor,
        mean: tf.Tensor,
        spread: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The terms, one per window, whose sums are the gradients of β and γ."""
        side = active.shape[1] // pool * pool
        d_pooled = d_pooled[:, before:, before:]
        winner = tf.zeros_like(d_pooled)
        for place in range(pool * pool):
            here = active[:, place // pool : side : pool, place % pool : side : pool]
            winner = tf.where(chosen == place, here, winner)
        d_chosen = tf.where(chosen == _DROPPED, 0.0, d_pooled / keep)
        return d_chosen, d_chosen * (winner - mean) * spread

    return chosen_gradients


def _input_gradient(pool: int, before: int) -> _Function:
    @_compiled
    def input_gradient(
        d_pooled: tf.Tensor, active: tf.Tensor, chosen: tf.Tensor, scale: tf.Tensor,
        slope: tf.Tensor, shift: tf.Tensor,
    ) -> tf.Tensor:  # fmt: skip
        _, height, width, channels = active.shape
        side = height // pool * pool
        d_pooled = d_pooled[:, before:, before:]

        def unpool(y: tf.Tensor) -> tf.Tensor:
            y = tf.tile(y[:, :, None, :, None, :], (1, 1, pool, 1, pool, 1))
            return tf.reshape(y, (-1, side, side, channels))

        if pool == 1:
            d_chosen = tf.where(chosen == 0, d_pooled, 0.0)
        else:
            d_chosen = tf.where(unpool(chosen) == _places(side, pool), unpool(d_pooled), 0.0)
        d_chosen = tf.pad(d_chosen, ((0, 0), (0, height - side), (0, width - side), (0, 0)))
        return tf.where(active > 0, scale * d_chosen + (slope * active + shift), 0.0)

    return input_gradient


def _block(
    pool_normalized: _Function,
    chosen_gradients: _Function,
    input_gradient: _Function,
    epsilon: float,
    rate: float,
) -> _Function:
    """Return the function of a block, with its gradient.

    Batch normalization is y = scale·x + offset, with scale = γ / √(variance + ε). Its gradient is
    that of Ioffe and Szegedy, 2015, section 3, with the terms of the mean and the variance brought
    together: scale·(dy - mean(dy) - x̂·mean(dy·x̂)).
    """
    keep = 1 - rate

    @tf.custom_gradient
    def block(
        keys: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *active: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], _Function]:
        count = tf.add_n([tf.size(part) for part in active]) // active[0].shape[3]
        total = tf.cast(count, tf.float32)
        moments = tf.add_n([_channel_sums(part, part * part) for part in active]) / total
        mean = moments[0]
        variance = tf.maximum(moments[1] - mean * mean, 0.0)
        spread = tf.math.rsqrt(variance + epsilon)
        scale = gamma * spread / keep
        offset = beta / keep - mean * scale
        pooled, chosen = zip(
            *(
                pool_normalized(part, scale, offset, keys[number])
                for number, part in enumerate(active)
            ),
            strict=True,
        )

        def gradient(*upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
            d_pooled = upstream[: len(active)]  # the running statistics have no gradient
            parts = list(zip(d_pooled, active, chosen, strict=True))
            d_beta, d_gamma = tf.unstack(
                tf.add_n([_channel_sums(*chosen_gradients(*part, mean, spread)) for part in parts])
            )
            slope = -gamma * spread * spread * d_gamma / total
            shift = -gamma * spread * d_beta / total - slope * mean
            d_active = [input_gradient(*part, scale, slope, shift) for part in parts]
            return (None, d_gamma, d_beta, *d_active)

        return (*pooled, mean, variance), gradient

    function: _Function = block
    return function
