"""The network against the original's table; fused training against Keras' own layers."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from fixtures.sampling import some_of

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402

from keras_model.layers.layer import shape_text  # noqa: E402
from keras_model.networks.network_file import packaged_network, parse_network  # noqa: E402
from keras_model.recipe import RECIPES  # noqa: E402
from keras_model.training.blocks import is_fusable  # noqa: E402
from keras_model.training.fused_model import (  # noqa: E402
    FusedBlock,
    SharedConv2D,
    fused_model,
    parts_of_batches,
    split_model,
)
from keras_model.training.keras_network import build_network, crop_input, used_size  # noqa: E402
from keras_model.training.optimizer import make_optimizer  # noqa: E402
from keras_model.training.trainer import steps_per_execution  # noqa: E402

# The original's table: output and parameters, layer by layer.
ORIGINAL = [
    ("28×28×16", 144), ("28×28×16", 0), ("28×28×16", 32), ("28×28×16", 0), ("14×14×16", 0),
    ("14×14×32", 4608), ("14×14×32", 0), ("14×14×32", 64), ("14×14×32", 0), ("3×3×32", 0),
    ("3×3×50", 14400), ("3×3×50", 0), ("3×3×50", 100), ("3×3×50", 0), ("1×1×50", 0),
    ("50", 0), ("10", 500),
]  # fmt: skip


NETWORK = packaged_network("original")

# Padded and unpadded convolutions, blocks with and without Dropout and pooling, a pooling that
# leaves rows out, and a convolution with a bias, which is not fused.
MIXED = parse_network("""
layers = [
  { type = "Conv2D", filters = 6, kernel_size = 3, use_bias = false },
  { type = "ReLU" },
  { type = "BatchNormalization" },
  { type = "MaxPooling2D", pool_size = 3 },
  { type = "Conv2D", filters = 8, kernel_size = 3, padding = "same", use_bias = false },
  { type = "ReLU" },
  { type = "BatchNormalization", epsilon = 1e-5 },
  { type = "Dropout", rate = 0.1 },
  { type = "Conv2D", filters = 7, kernel_size = 3, use_bias = false },
  { type = "ReLU" },
  { type = "BatchNormalization" },
  { type = "Conv2D", filters = 5, kernel_size = 3, activation = "tanh" },
  { type = "GlobalAveragePooling2D" },
  { type = "Dense", units = 10 },
]
""")
FUSED = {
    "original": NETWORK,
    "small": packaged_network("small"),
    "strong": packaged_network("strong"),
    "mixed": MIXED,
}


def original(seed: int, dropout: float | None = None) -> keras.Sequential:
    return build_network(NETWORK, seed, dropout)


def parameters(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_the_table_is_the_originals():
    network = original(1)
    rows = [(shape_text(place.output_shape), place.trainable) for place in NETWORK.places]
    assert rows == ORIGINAL
    built = [shape_text(tuple(layer.output.shape[1:])) for layer in network.layers]
    assert built == [shape for shape, _ in ORIGINAL]
    assert parameters(network) == NETWORK.trainable == 19_848
    assert NETWORK.not_trainable == 196
    assert network.count_params() == 20_044
    assert type(network) is keras.Sequential


def test_the_first_weights_are_pytorchs():
    network = original(3)
    for name, inputs in (("conv1", 9), ("conv2", 144), ("conv3", 288), ("logits", 50)):
        kernel = np.asarray(network.get_layer(name).kernel).ravel()
        bound = inputs**-0.5
        assert np.abs(kernel).max() <= bound
        # Uniform: its standard deviation is bound/√3, within four standard errors.
        assert abs(kernel.std() - bound / 3**0.5) < 4 * bound / (2 * kernel.size) ** 0.5
    again, other = original(3), original(4)
    assert np.array_equal(again.get_weights()[0], network.get_weights()[0])
    assert not np.array_equal(other.get_weights()[0], network.get_weights()[0])


@pytest.mark.parametrize(
    ("side", "channels", "pool"),
    some_of([pytest.param(28, 16, 2), pytest.param(14, 32, 4), pytest.param(3, 50, 3)], 2),
)
@pytest.mark.parametrize("count", some_of([33, 8], 1))
def test_the_block_is_keras_own_layers(side, channels, pool, count):
    chance = np.random.default_rng(5)
    x = tf.constant(chance.normal(0.3, 2, (count, side, side, channels)), tf.float32)
    own = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    ours = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    for norm in (own, ours):
        norm.build(x.shape)
        norm.gamma.assign(np.linspace(-1, 2, channels))  # negative slopes turn the pooling round
        norm.beta.assign(np.linspace(1, -1, channels))
    block = FusedBlock(ours, 0.0, pool, seed=1)
    block.build(None)
    d = None
    results = []
    for norm, run in (
        (own, lambda x: keras.layers.MaxPooling2D(pool)(own(tf.nn.relu(x), training=True))),
        (ours, lambda x: tf.concat(block(tf.split(x, [3, count - 3])), axis=0)),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(x)
            d = chance.normal(size=y.shape).astype(np.float32) if d is None else d
            loss = tf.reduce_sum(y * d)
        gradients = tape.gradient(loss, (x, norm.gamma.value, norm.beta.value))
        results.append([y, *gradients, norm.moving_mean.value, norm.moving_variance.value])
    for one, other in zip(*results, strict=True):
        scale = float(tf.reduce_max(tf.abs(one)))
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5 * scale)


def test_the_block_drops_five_of_a_hundred_and_each_call_others():
    norm = keras.layers.BatchNormalization(epsilon=1e-5)
    x = tf.constant(np.random.default_rng(1).normal(3, 1, (64, 8, 8, 16)), tf.float32)
    norm.build(x.shape)
    norm.beta.assign(np.full(16, 10.0))  # so that nothing but Dropout gives a 0
    block = FusedBlock(norm, 0.05, 1, seed=7)
    block.build(None)
    zeros = [np.asarray(block([x])[0]) == 0 for _ in range(60)]
    share = np.mean(zeros)
    assert abs(share - 0.05) < 0.001  # 3.9 million numbers: a standard error of 0.0001
    assert abs(np.mean(zeros[0] & zeros[1]) - 0.05**2) < 0.001
    kept = np.asarray(block([x])[0])
    undropped = norm(tf.nn.relu(x), training=True)
    where = kept != 0
    np.testing.assert_allclose(kept[where] * 0.95, np.asarray(undropped)[where], rtol=1e-3)


def test_the_twin_trains_the_weights_of_the_plain_network():
    for architecture in FUSED.values():
        network = build_network(architecture, 1)
        twin = fused_model(network, architecture, 1)
        assert {id(w) for w in twin.trainable_weights} == {id(w) for w in network.trainable_weights}
        assert parameters(twin) == architecture.trainable


@pytest.mark.parametrize(
    ("name", "blocks"), {"original": 2, "small": 5, "strong": 5, "mixed": 3}.items()
)
def test_all_blocks_of_large_maps_are_fused(name: str, blocks: int):
    """Not the original's third block: its maps are 3×3."""
    architecture = FUSED[name]
    assert is_fusable(architecture)
    twin = fused_model(build_network(architecture, 1), architecture, 1)
    assert sum(isinstance(layer, FusedBlock) for layer in twin.layers) == blocks
    assert sum(isinstance(layer, SharedConv2D) for layer in twin.layers) == blocks - 1


@pytest.mark.parametrize("name", ["dense", "lenet5"])
def test_networks_without_such_blocks_are_not_fused(name: str):
    assert not is_fusable(packaged_network(name))


def test_27_of_28_pixels_give_the_same_logits_as_all():
    assert used_size(NETWORK) == 27
    network = original(3)
    chance = np.random.default_rng(5)
    x = chance.normal(size=(8, 28, 28, 1)).astype(np.float32)
    whole = np.asarray(network(x, training=False))
    part = np.asarray(crop_input(network, 27)(x[:, :27, :27], training=False))
    np.testing.assert_allclose(part, whole, atol=1e-6)
    less = np.asarray(crop_input(network, 26)(x[:, :26, :26], training=False))
    assert np.abs(less - whole).max() > 1e-4


@pytest.mark.parametrize("name", some_of(FUSED, 1))
def test_the_twins_gradient_is_the_plain_networks(name: str):
    network = build_network(FUSED[name], 2, dropout=0.0)
    twin = fused_model(network, FUSED[name], 1, dropout=0.0)
    chance = np.random.default_rng(3)
    x = tf.constant(chance.normal(size=(16, 28, 28, 1)), tf.float32)
    y = tf.constant(np.eye(10, dtype=np.float32)[chance.integers(0, 10, 16)])
    gradients, outputs, running = [], [], []
    start = network.get_weights()
    for model in (network, twin):
        network.set_weights(start)
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
        gradients.append(tape.gradient(loss, [v.value for v in network.trainable_variables]))
        outputs.append(np.asarray(logits))
        running.append(
            [np.asarray(v) for v in network.non_trainable_variables if "moving" in v.path]
        )
    np.testing.assert_allclose(*outputs, rtol=1e-3, atol=1e-4)
    for one, other in zip(*running, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    for one, other in zip(*gradients, strict=True):
        # As a whole: where two of a window are all but equal, rounding may choose the other.
        assert np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(one)


@pytest.mark.thorough
def test_the_fused_model_crops_what_the_pooling_leaves_out():
    """On 27 pixels, batch normalization counts the 26 and 12 rows that reach the output."""
    network = original(2, dropout=0.0)
    fused = fused_model(crop_input(network, 27), NETWORK, 1, dropout=0.0, crop=True, parts=2)
    x = np.random.default_rng(3).normal(size=(16, 27, 27, 1)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[np.arange(16) % 10]
    kernels = [network.get_layer(f"conv{number}").kernel.value for number in (1, 2, 3)]

    def expected(x):
        maps = tf.constant(x)
        for number, (kernel, used, pool) in enumerate(
            zip(kernels, (26, 12, 3), (2, 4, 3), strict=True), start=1
        ):
            maps = tf.nn.relu(tf.nn.conv2d(maps, kernel, 1, "SAME"))[:, :used, :used]
            mean, variance = tf.nn.moments(maps, (0, 1, 2))
            moving = network.get_layer(f"norm{number}").moving_mean
            np.testing.assert_allclose(moving, 0.1 * mean, rtol=1e-4, atol=1e-6)
            maps = (maps - mean) / tf.sqrt(variance + 1e-5)
            maps = tf.nn.max_pool2d(maps, pool, pool, "VALID")
        return tf.reshape(maps, (-1, 50)) @ network.get_layer("logits").kernel.value

    results = []
    for model in (lambda x: fused(x, training=True), expected):
        with tf.GradientTape() as tape:
            logits = model(x)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
        results.append((logits, tape.gradient(loss, kernels)))
    (logits, gradients), (expected_logits, expected_gradients) = results
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-3, atol=1e-4)
    for one, other in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(other)


@pytest.mark.thorough
def test_functions_that_were_compiled_ahead_are_not_traced_again():
    network = crop_input(original(2, dropout=0.0), 27)
    model = fused_model(network, NETWORK, 1, dropout=0.0, crop=True)
    blocks = [layer for layer in model.layers if isinstance(layer, FusedBlock)]
    assert len(blocks) == 2
    for block in blocks:
        block.compile_functions(2)

    def counts():
        return [[f.experimental_get_tracing_count() for f in block._functions] for block in blocks]

    assert counts() == [[1, 1, 1], [1, 1, 1]]

    @tf.function(input_signature=[tf.TensorSpec((None, 27, 27, 1))])
    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True))
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    gradients(tf.zeros((8, 27, 27, 1)))
    assert counts() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("name", ["best", "sprint"])
def test_weight_decay_does_not_pass_through_the_momentum(name):
    weights = []
    for decay in (0.0, 0.01):
        recipe = RECIPES[name].replace(weight_decay=decay, warm_up=0.0, learning_rate=0.1)
        weight = keras.Variable([2.0])
        optimizer = make_optimizer(recipe, steps_per_epoch=5)
        optimizer.build([weight])
        steps = []
        for _ in range(3):
            optimizer.apply([tf.constant([0.5])])
            steps.append(float(weight.numpy()[0]))
        weights.append(steps)
    without, decayed = np.array(weights)
    steps = np.diff(without, prepend=2.0)
    expected = [2.0]
    for step in steps:
        expected.append(expected[-1] * (1 - 0.1 * 0.01) + step)
    np.testing.assert_allclose(decayed, expected[1:], rtol=1e-6)


@pytest.mark.parametrize("name", ["original", "mixed"])
@pytest.mark.parametrize("parts", some_of([1, 2, 4], 1))
def test_batches_that_do_not_divide_evenly(parts, name):
    network = build_network(FUSED[name], 2, dropout=0.0)
    x = np.random.default_rng(3).normal(size=(7, 28, 28, 1)).astype(np.float32)
    whole = np.asarray(network(x, training=True))
    fused = fused_model(network, FUSED[name], 1, dropout=0.0, parts=parts)
    part = np.asarray(fused(x, training=True))
    np.testing.assert_allclose(part, whole, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [1, 3, 7, 8])
def test_a_split_model_computes_the_same(count):
    network = original(2)
    x = np.random.default_rng(4).normal(size=(count, 28, 28, 1)).astype(np.float32)
    whole = np.asarray(network(x, training=False))
    split = split_model(network, parts=parts_of_batches(count, 1000))
    np.testing.assert_allclose(split(x, training=False), whole, atol=1e-5)


@pytest.mark.parametrize(
    ("digits", "batch_size", "parts"),
    [(60_000, 128, 4), (257, 128, 1), (258, 128, 2), (300, 100, 4), (2, 128, 2), (9, 3, 3)],
)
def test_no_part_of_a_batch_is_empty(digits, batch_size, parts):
    assert parts_of_batches(digits, batch_size) == parts


@pytest.mark.parametrize(("steps", "count"), [(469, 7), (300, 10), (1, 1), (11, 1), (12, 6)])
def test_several_steps_at_a_time_make_whole_epochs(steps, count):
    assert steps_per_execution(steps) == count
