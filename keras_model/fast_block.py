"""ReLU, batch normalisation, Dropout and max pooling in one step, for training on a CPU.

The four layers are memory-bound: each reads and writes maps of megabytes a batch, and on a CPU
TensorFlow spends most of an epoch in them (Dropout's random numbers, the gradient of the pooling).
Here XLA makes one loop of Dropout and pooling, with the random numbers computed where they are
asked for, and one of the gradient of all four, whose sums go over the pooled map alone, as all else
is 0 there. The convolutions and the normalisation are left to oneDNN, which is faster at them than
XLA, but for the first convolution: of one channel, it is nine multiplications of a whole picture.

The block owns no weights: it trains the batch normalisation layer that it is given, so that the
plain network is trained with it and is what is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import keras
import tensorflow as tf

_DROPPED = 255  # stands where else the place within a window stands


class FastBlock(keras.Layer):
    """ReLU → BatchNormalization → Dropout → MaxPooling2D as one layer, for training only.

    Args:
        norm: the batch normalisation layer whose weights it trains; it must be built.
        rate: Dropout's rate. pool: window and stride, up to 15.
        seed: the random numbers are a function of it and of the number of calls.
        convolution: a layer to do first, of one channel, 3×3, "same", without a bias; it must be
            built. Without it, the input is a convolution's output.
    """

    def __init__(
        self,
        norm: keras.layers.BatchNormalization,
        rate: float,
        pool: int,
        seed: int,
        convolution: keras.layers.Conv2D | None = None,
    ) -> None:
        super().__init__(name=f"fast_{norm.name}")
        self.norm, self.seed, self.convolution = norm, seed, convolution
        self._block = _block(pool, norm.epsilon, rate)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the counter of calls."""
        self.calls = self.add_weight(
            name="calls", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """From (n, h, w, c) to the pooled map (n, h//pool, w//pool, c')."""
        if self.convolution is None:
            active = _active(x)
        else:
            active = _active_convolution(x, self.convolution.kernel.value)
        self.calls.assign_add(tf.ones((), tf.int64))
        keys = tf.random.stateless_uniform(
            (2,), (self.seed, self.calls.value), None, None, tf.uint32, alg="philox"
        )
        gamma, beta = self.norm.gamma.value, self.norm.beta.value
        pooled, mean, variance = self._block(active, gamma, beta, keys)
        keep = self.norm.momentum
        self.norm.moving_mean.assign(self.norm.moving_mean * keep + mean * (1 - keep))
        self.norm.moving_variance.assign(self.norm.moving_variance * keep + variance * (1 - keep))
        return pooled


def _random(shape: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Random uint32 of a shape: each is a hash of its place, with a key before each round.

    The hash is the least biased of two rounds at https://github.com/skeeto/hash-prospector. A
    generator of TensorFlow's would write its numbers to memory, and took a seventh of an epoch.
    """

    def mixed(x: tf.Tensor, shift: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))

    x = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape)), shape), tf.uint32)
    x = mixed(tf.bitwise.bitwise_xor(x, keys[0]), 16) * tf.constant(0x21F0AAAD, tf.uint32)
    x = mixed(x + keys[1], 15) * tf.constant(0xD35A2D97, tf.uint32)
    return mixed(x, 15)


# The block's gradient is that of what comes into the ReLU, as its loop has the maps at hand: the
# ReLU's own gradient is left out here.


@tf.custom_gradient
def _active(x: tf.Tensor):
    return tf.nn.relu(x), lambda d: d


@tf.function(jit_compile=True, autograph=False)
def _nine_multiplications(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = x.shape
    x = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    places = [(i, j) for i in range(3) for j in range(3)]
    return tf.nn.relu(sum(x[:, i : i + height, j : j + width] * kernel[i, j, 0] for i, j in places))


@tf.custom_gradient
def _active_convolution(x: tf.Tensor, kernel: tf.Tensor):
    def gradient(d: tf.Tensor):
        return None, tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=kernel.shape, out_backprop=d, strides=[1] * 4, padding="SAME"
        )

    return _nine_multiplications(x, kernel), gradient


def _block(pool: int, epsilon: float, rate: float) -> Callable[..., tuple[tf.Tensor, ...]]:
    """The function of the block with its gradient."""
    keep = 1 - rate

    def places(side: int) -> tf.Tensor:
        """The place of each pixel (1, side, side, 1) within its window, in reading order."""
        within = tf.range(side) % pool
        return tf.cast(within[:, None] * pool + within[None, :], tf.uint8)[None, :, :, None]

    def larger(
        one: tuple[tf.Tensor, tf.Tensor], other: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        wins = other[0] > one[0]  # of equal ones the first stays, as in TensorFlow's own pooling
        return tf.where(wins, other[0], one[0]), tf.where(wins, other[1], one[1])

    @tf.function(jit_compile=True, autograph=False)
    def pooled_and_chosen(normal: tf.Tensor, keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        windows, channels = normal.shape[1] // pool, normal.shape[3]
        side = windows * pool
        kept = normal[:, :side, :side] / keep
        place = tf.broadcast_to(places(side), tf.shape(kept))
        if rate:
            dropped = _random(tf.shape(kept), keys) < tf.constant(round(rate * 2**32), tf.uint32)
            kept = tf.where(dropped, 0.0, kept)
            place = tf.where(dropped, tf.constant(_DROPPED, tf.uint8), place)
        # Along a window's rows first, then down: 2·pool comparisons in place of pool².
        pair = [tf.reshape(x, (-1, side, windows, pool, channels)) for x in (kept, place)]
        pair = reduce(larger, [tuple(x[:, :, :, j] for x in pair) for j in range(pool)])
        pair = [tf.reshape(x, (-1, windows, pool, windows, channels)) for x in pair]
        return reduce(larger, [tuple(x[:, :, i] for x in pair) for i in range(pool)])

    @tf.function(jit_compile=True, autograph=False)
    def backward(
        d_pooled: tf.Tensor,
        active: tf.Tensor,
        gamma: tf.Tensor,
        mean: tf.Tensor,
        variance: tf.Tensor,
        chosen: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        _, height, width, channels = active.shape
        side = height // pool * pool
        spread = tf.math.rsqrt(variance + epsilon)
        d_pooled = d_pooled / keep
        winner = tf.zeros_like(d_pooled)
        for place in range(pool * pool):
            here = active[:, place // pool : side : pool, place % pool : side : pool]
            winner = tf.where(chosen == place, here, winner)
        d_chosen = tf.where(chosen == _DROPPED, 0.0, d_pooled)
        # First within each digit, then over the batch: one long sum would lose digits.
        d_beta, d_gamma = (
            tf.reduce_sum(tf.reduce_sum(x, axis=(1, 2)), axis=0)
            for x in (d_chosen, d_chosen * (winner - mean) * spread)
        )

        def unpooled(y: tf.Tensor) -> tf.Tensor:
            y = tf.tile(y[:, :, None, :, None, :], (1, 1, pool, 1, pool, 1))
            return tf.reshape(y, (-1, side, side, channels))

        d_normal = tf.where(unpooled(chosen) == places(side), unpooled(d_pooled), 0.0)
        d_normal = tf.pad(d_normal, ((0, 0), (0, height - side), (0, width - side), (0, 0)))
        count = tf.cast(tf.size(active) // channels, tf.float32)
        shared = d_beta / count + (active - mean) * spread * (d_gamma / count)
        return tf.where(active > 0, gamma * spread * (d_normal - shared), 0.0), d_gamma, d_beta

    @tf.custom_gradient
    def block(active: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, keys: tf.Tensor):
        # The variance that is divided by n is the fifth output; the third is Bessel's.
        normal, mean, _, _, variance, _ = tf.raw_ops.FusedBatchNormV3(
            x=active, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon
        )
        pooled, chosen = pooled_and_chosen(normal, keys)

        def gradient(d_pooled: tf.Tensor, *of_statistics: tf.Tensor):
            del of_statistics  # the running statistics have no gradient
            return (*backward(d_pooled, active, gamma, mean, variance, chosen), None)

        return (pooled, mean, variance), gradient

    return block


def fast_twin(network: keras.Sequential, seed: int) -> keras.Sequential:
    """The same network for training: the same weights, four layers in one block.

    ``network`` is one that :func:`keras_model.network.build_network` made.
    """
    stack: list[keras.Layer] = [keras.layers.Input(network.input_shape[1:])]
    layers = iter(network.layers)
    for layer in layers:
        if isinstance(layer, keras.layers.Conv2D):
            _relu, norm, dropout, pool = (next(layers) for _ in range(4))
            first = layer if len(stack) == 1 else None
            if not first:
                stack.append(layer)
            number = seed * 10 + len(stack)
            stack.append(FastBlock(norm, dropout.rate, pool.pool_size[0], number, first))
        else:
            stack.append(layer)
    return keras.Sequential(stack, name="fast_digit_reader")
