"""ReLU, batch normalisation, Dropout and max pooling in one step, for training on a CPU.

The four layers are memory-bound: each reads and writes maps of megabytes a batch, and on a CPU
TensorFlow spends most of an epoch in them (Dropout's random numbers, the gradient of the pooling).
Here XLA makes one loop of the four, forward and backward; the random numbers are bytes from Philox;
and the gradient of the normalisation is summed over the pooled map alone, as all else is 0 there.
The convolutions stay outside, where oneDNN is faster than XLA.

The block owns no weights: it trains the batch normalisation layer that it is given, so that the
plain network is trained with it and is what is saved.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

# Dropout compares bytes with 12 or 13, of 256. A threshold of 13 in 4 of 5 batches and of 12 in the
# fifth drops 12.8/256: five of a hundred exactly.
_LEVELS = 256


class FastBlock(keras.Layer):
    """ReLU → BatchNormalization → Dropout → MaxPooling2D as one layer, for training only.

    Args:
        norm: the batch normalisation layer whose weights it trains; it must be built.
        rate: Dropout's rate. pool: window and stride.
        seed: the random numbers are a function of it and of the number of calls.
    """

    def __init__(
        self, norm: keras.layers.BatchNormalization, rate: float, pool: int, seed: int
    ) -> None:
        super().__init__(name=f"fast_{norm.name}")
        self.norm, self.rate, self.pool, self.seed = norm, rate, pool, seed
        self._block = _block(pool, norm.epsilon, rate)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the counter of calls."""
        self.calls = self.add_weight(
            name="calls", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def call(self, convolved: tf.Tensor, training: bool = False) -> tf.Tensor:
        """From a convolution's output (n, h, w, c) to the pooled map (n, h//pool, w//pool, c)."""
        count = tf.shape(convolved)[0]
        noise, threshold = self._noise(count, *convolved.shape[1:])
        gamma, beta = self.norm.gamma.value, self.norm.beta.value
        pooled, mean, variance = self._block(convolved, gamma, beta, noise, threshold)
        keep = self.norm.momentum
        self.norm.moving_mean.assign(self.norm.moving_mean * keep + mean * (1 - keep))
        self.norm.moving_variance.assign(self.norm.moving_variance * keep + variance * (1 - keep))
        return pooled

    def _noise(self, count: tf.Tensor, h: int, w: int, c: int) -> tuple[tf.Tensor, tf.Tensor]:
        """A random byte for each number of the map, and the bytes below which it is dropped."""
        self.calls.assign_add(tf.ones((), tf.int64))
        size = count * h * w * c
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=tf.reshape(size // 4 + 2, (1,)),
            key=tf.constant([self.seed], tf.uint64),
            # Philox counts in blocks of four words: the calls go into the counter's upper half.
            counter=tf.stack([tf.zeros((), tf.uint64), tf.cast(self.calls.value, tf.uint64)]),
            alg=1,  # Philox
            dtype=tf.uint32,
        )
        exact = self.rate * _LEVELS
        lower = int(exact)
        chance = tf.cast(words[-1], tf.float64) / 2.0**32
        threshold = lower + tf.cast(chance < exact - lower, tf.int32)
        noise = tf.reshape(tf.bitcast(words, tf.uint8), (-1,))[:size]
        return tf.reshape(noise, (count, h, w, c)), tf.cast(threshold, tf.uint8)


def _windows(x: tf.Tensor, pool: int) -> list[tf.Tensor]:
    """The places of a pooling window, in reading order, each as a map of its own."""
    end = x.shape[1] // pool * pool
    return [x[:, i:end:pool, j:end:pool, :] for i in range(pool) for j in range(pool)]


def _block(pool: int, epsilon: float, rate: float) -> Callable[..., tuple[tf.Tensor, ...]]:
    """The function of the block with its gradient; both are compiled by XLA."""
    keep = 1 - rate

    def mean(x: tf.Tensor) -> tf.Tensor:
        # First within each digit, then over the batch: one long sum would lose digits.
        return tf.reduce_mean(tf.reduce_mean(x, axis=(1, 2)), axis=0)

    @tf.function(jit_compile=True, autograph=False)
    def forward(x, gamma, beta, noise, threshold):
        r = tf.nn.relu(x)
        average = mean(r)
        variance = mean(tf.square(r - average))
        slope = gamma * tf.math.rsqrt(variance + epsilon)
        z = tf.where(noise >= threshold, (r - average) * (slope / keep) + beta / keep, 0.0)
        first, *others = _windows(z, pool)
        best, chosen = first, tf.zeros(tf.shape(first), tf.uint8)
        for place, other in enumerate(others, start=1):
            larger = other > best  # the first of equal ones wins, as in TensorFlow's own pooling
            best = tf.where(larger, other, best)
            chosen = tf.where(larger, tf.cast(place, tf.uint8), chosen)
        return best, average, variance, chosen

    @tf.function(jit_compile=True, autograph=False)
    def backward(d_pooled, x, gamma, noise, threshold, average, variance, chosen):
        _, height, width, channels = x.shape
        rows = height // pool
        spread = tf.math.rsqrt(variance + epsilon)
        winner = tf.zeros_like(d_pooled)
        kept = tf.zeros(tf.shape(d_pooled), tf.bool)
        places = zip(_windows(x, pool), _windows(noise, pool), strict=True)
        for place, (here, byte) in enumerate(places):
            hit = chosen == tf.cast(place, tf.uint8)
            winner = tf.where(hit, here, winner)
            kept = kept | (hit & (byte >= threshold))
        d_normal = tf.where(kept, d_pooled / keep, 0.0)
        normal = (tf.nn.relu(winner) - average) * spread
        d_beta = tf.reduce_sum(tf.reduce_sum(d_normal, axis=(1, 2)), axis=0)
        d_gamma = tf.reduce_sum(tf.reduce_sum(d_normal * normal, axis=(1, 2)), axis=0)

        def unpooled(y: tf.Tensor) -> tf.Tensor:
            y = tf.tile(y[:, :, None, :, None, :], (1, 1, pool, 1, pool, 1))
            return tf.reshape(y, (-1, rows * pool, rows * pool, channels))

        place = tf.range(rows * pool) % pool
        place = tf.cast(place[:, None] * pool + place[None, :], tf.uint8)[None, :, :, None]
        d_z = tf.where(unpooled(chosen) == place, unpooled(d_normal), 0.0)
        rest = ((0, 0), (0, height - rows * pool), (0, width - rows * pool), (0, 0))
        d_z = tf.pad(d_z, rest)
        count = tf.cast(tf.size(x) // channels, tf.float32)
        shared = d_beta / count + (x - average) * spread * (d_gamma / count)
        return tf.where(x > 0, gamma * spread * (d_z - shared), 0.0), d_gamma, d_beta

    @tf.custom_gradient
    def block(x, gamma, beta, noise, threshold):
        pooled, average, variance, chosen = forward(x, gamma, beta, noise, threshold)

        def gradient(d_pooled, d_average, d_variance):
            del d_average, d_variance  # the running statistics have no gradient
            d = backward(d_pooled, x, gamma, noise, threshold, average, variance, chosen)
            return (*d, None, None)

        return (pooled, average, variance), gradient

    return block


def fast_twin(network: keras.Sequential, seed: int) -> keras.Sequential:
    """The same network for training: the same layers and weights, the four in one block."""
    stack: list[keras.Layer] = [keras.layers.Input(network.input_shape[1:])]
    layers = iter(network.layers)
    for layer in layers:
        if isinstance(layer, keras.layers.ReLU):
            norm, dropout, pool = next(layers), next(layers), next(layers)
            stack.append(FastBlock(norm, dropout.rate, pool.pool_size[0], seed * 10 + len(stack)))
        else:
            stack.append(layer)
    return keras.Sequential(stack, name="fast_digit_reader")
