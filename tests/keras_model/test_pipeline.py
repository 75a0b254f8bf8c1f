"""The batches: each digit once an epoch, in range, and the same after a stop."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from keras_model.data import pipeline  # noqa: E402
from keras_model.data.augmentation import random_affine  # noqa: E402
from keras_model.data.mnist import normalized, sample  # noqa: E402
from keras_model.recipe import RECIPES, Recipe  # noqa: E402

PLAIN = Recipe("plain", epochs=3, batch_size=32, learning_rate=0.1, momentum=0.9)
MOVED = PLAIN.replace(
    name="moved", rotation=8, shift=1.5, scale=0.08, shear=0.1, epochs_without_augmentation=1
)
DIGITS = sample()
IMAGES, LABELS = DIGITS.x_test[:100], DIGITS.y_test[:100]
STEPS = 4  # of 32, 32, 32 and 4


def epochs(recipe, **options):
    """All batches of a run as arrays, epoch by epoch."""
    batches = [
        (np.asarray(x), np.asarray(y))
        for x, y in pipeline.batches(IMAGES, LABELS, recipe, **options)
    ]
    return [batches[at : at + STEPS] for at in range(0, len(batches), STEPS)]


def test_each_epoch_covers_each_digit_once_in_another_order():
    orders = []
    for epoch in epochs(PLAIN, seed=1):
        assert [len(x) for x, _ in epoch] == [32, 32, 32, 4]
        x = np.concatenate([x for x, _ in epoch])
        y = np.concatenate([y for _, y in epoch])
        assert x.dtype == y.dtype == np.float32 and y.shape == (100, 10)
        nearest = [
            int(np.abs(normalized(IMAGES) - image).reshape(100, -1).max(axis=1).argmin())
            for image in x
        ]
        assert sorted(nearest) == list(range(100))
        assert np.array_equal(y.argmax(axis=1), LABELS[nearest]) and np.all(y.sum(axis=1) == 1)
        orders.append(nearest)
    assert len(orders) == 3 and orders[0] != orders[1] != orders[2]
    assert orders[0] != list(range(100))


def test_a_smaller_side_is_the_upper_left_of_the_same_digits():
    whole, part = (epochs(PLAIN.replace(input_size=side), seed=1)[0] for side in (28, 27))
    for (x, y), (less, same) in zip(whole, part, strict=True):
        assert np.array_equal(x[:, :27, :27], less) and np.array_equal(y, same)


def test_augmentation_keeps_range_and_label_and_ends_before_the_plain_epochs():
    first, second, last = epochs(MOVED, seed=1)
    low, high = normalized(np.array([[[0, 255]]], np.uint8)).ravel()
    for epoch in (first, second):
        x = np.concatenate([x for x, _ in epoch])
        assert x.min() >= low - 1e-4 and x.max() <= high + 1e-4
    plain = {image.tobytes() for image in np.round(normalized(IMAGES), 4)}
    seen = np.concatenate([x for x, _ in last])
    assert {image.tobytes() for image in np.round(seen, 4)} == plain
    moved_ones = np.concatenate([x for x, _ in first])
    assert not {image.tobytes() for image in np.round(moved_ones, 4)} & plain
    labels = np.concatenate([y for _, y in first]).argmax(axis=1)
    assert np.array_equal(np.bincount(labels, minlength=10), np.bincount(LABELS, minlength=10))
    # Moved by little: the ink of each digit stays what it was, within a quarter.
    ink = sorted((x - low).sum() for x in moved_ones)
    assert np.allclose(ink, sorted((normalized(IMAGES) - low).sum((1, 2, 3))), rtol=0.25)


def test_a_later_start_sees_what_it_would_have_seen():
    whole = epochs(MOVED, seed=5)
    late = epochs(MOVED, seed=5, first_epoch=1)
    for one, other in zip(whole[1:], late, strict=True):
        for (x, y), (x2, y2) in zip(one, other, strict=True):
            assert np.array_equal(x, x2) and np.array_equal(y, y2)
    other = epochs(MOVED, seed=6)
    assert not np.array_equal(whole[0][0][0], other[0][0][0])


def test_the_movement_is_the_affine_map_it_should_be():
    """A quarter turn, a shift by whole pixels and a stretch, against NumPy."""
    image = IMAGES[:1].astype(np.float32)[..., None] / 255

    def one(name, amount, place):
        recipe = PLAIN.replace(**{name: amount})
        chance = np.zeros((1, 6), np.float32)
        chance[0, place] = 1
        return np.asarray(random_affine(image, chance, recipe))[0, :, :, 0]

    plain = image[0, :, :, 0]
    assert np.allclose(one("rotation", 0.0, 0), plain, atol=1e-5)
    turned = one("rotation", 90.0, 0)
    assert min(np.abs(turned - np.rot90(plain, k)).max() for k in (1, 3)) < 1e-3
    assert np.allclose(one("shift", 2.0, 4)[:, :26], plain[:, 2:], atol=1e-4)
    assert np.allclose(one("shift", 2.0, 5)[:26], plain[2:], atol=1e-4)
    wider = one("scale", 0.5, 1)
    assert (wider > 0.2).any(axis=0).sum() > 1.2 * (plain > 0.2).any(axis=0).sum()


def test_the_autotuner_is_off():
    options = pipeline.batches(IMAGES, LABELS, PLAIN, seed=1).options()
    assert options.autotune.enabled is False


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 0}, "epochs must be 1 to 10000, got 0"),
        ({"batch_size": -4}, "batch size must be 1 to 100000, got -4"),
        (
            {"learning_rate": float("nan")},
            "learning rate must be above 0 and at most 1000, got nan",
        ),
        ({"learning_rate": 0.0}, "learning rate must be above 0"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1"),
    ],
)
def test_recipes_refuse_what_cannot_be(values, words):
    for recipe in RECIPES.values():
        with pytest.raises(ValueError, match=words):
            recipe.replace(**values)
