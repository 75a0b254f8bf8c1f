"""The page is unsure of what `predict` is unsure of."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.fitted_networks import fitted_network
from fixtures.photographs import INK, Page, several
from fixtures.reader_controls import write_sample_page
from fixtures.sampling import some_of
from oracles.browser import Browser
from PIL import Image, ImageDraw, ImageFont

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.handwriting.doubt import DoubtMeasure, measure_doubt
from keras_model.prediction import predict_files
from keras_model.trained.network import TrainedNetwork

UNIT = SCALINGS["unit"]
LAYERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Conv2D", {"filters": 70, "kernel_size": 5, "strides": 2, "activation": "relu"}),
    ("BatchNormalization", {}),
    ("MaxPooling2D", {"pool_size": 2}),
    ("Conv2D", {"filters": 80, "kernel_size": 3}),
    ("BatchNormalization", {}),
    ("LeakyReLU", {}),
    ("Flatten", {}),
)
DOUBTS = """
return arguments[0].map((pixels) => {
  const { layers, probabilities } = forward(network, pixels);
  return doubtfulness(layers, probabilities);
});
"""
READ = """
const [text, width, height] = arguments;
const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
return digitReader.readAll(bytes, width, height).map(({ digit, doubt }) => [digit, doubt]);
"""


@pytest.fixture(scope="module")
def network() -> TrainedNetwork:
    return fitted_network(LAYERS)  # has more maps than are measured


@pytest.fixture(scope="module")
def measure(network: TrainedNetwork) -> DoubtMeasure:
    return measure_doubt(network, UNIT)


@pytest.fixture(scope="module")
def page(
    browser: Browser, network: TrainedNetwork, tmp_path_factory: pytest.TempPathFactory
) -> Browser:
    path = tmp_path_factory.mktemp("page") / "reader.html"
    write_sample_page(path, network, scaling="unit")
    browser.open(path)
    return browser


def test_the_page_measures_the_same_doubts(
    page: Browser, network: TrainedNetwork, measure: DoubtMeasure
) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (4, 28, 28)) * (rng.random((4, 28, 28)) < 0.3)
    images = np.concatenate([sample().x_test[::90], noise, np.zeros((1, 28, 28), int)])
    outputs = network.outputs(UNIT(images))
    expected = measure.doubts(outputs, network.probabilities(outputs.logits))
    assert outputs.means.shape[1] == 75
    doubts = page.run(DOUBTS, [image.ravel().tolist() for image in images])
    np.testing.assert_allclose(doubts, expected, rtol=2e-3, atol=2e-3)
    assert page.run("return measure.limit") == pytest.approx(measure.limit)


def _letters(rng: np.random.Generator) -> Image.Image:
    page = Page((700, 300))
    font = ImageFont.load_default(150)
    page.draw(INK, lambda draw: draw.text((100, 150), "R  A  M", fill=255, font=font))
    return page.photograph(rng)


def _scribbles(rng: np.random.Generator) -> Image.Image:
    page = Page((600, 300))

    def paint(draw: ImageDraw.ImageDraw) -> None:
        for left in (150, 750):
            points = rng.uniform(0, 280, (9, 2)) + np.array((left, 140))
            draw.line([tuple(point) for point in points], fill=255, width=20, joint="curve")

    page.draw(INK, paint)
    return page.photograph(rng)


def _digits(rng: np.random.Generator) -> Image.Image:
    images = sample().x_test
    return several([images[index] for index in (10, 210, 410, 610, 810)], rng)[0]


def _blank(rng: np.random.Generator) -> Image.Image:
    return Page((300, 200)).photograph(rng)


@pytest.mark.parametrize("draw", some_of([_digits, _letters, _scribbles, _blank], 2))
def test_the_page_and_predict_are_unsure_of_the_same(
    draw: Callable[[np.random.Generator], Image.Image],
    page: Browser,
    network: TrainedNetwork,
    tmp_path: Path,
) -> None:
    picture = draw(np.random.default_rng(7))
    picture.save(tmp_path / "a.png")
    results, problems = predict_files(network, UNIT, [tmp_path / "a.png"])
    rgb = np.ascontiguousarray(np.asarray(picture.convert("RGB")))
    found = page.run(READ, base64.b64encode(rgb.tobytes()).decode(), *picture.size)
    expected = [digit for result in results for digit in result.digits]
    assert len(found) == len(expected)
    assert bool(problems) == (draw is _blank) == (not expected)
    for (digit, doubt), other in zip(found, expected, strict=True):
        assert digit == other.prediction.digit
        assert bool(doubt) == bool(other.doubt)
    unsure = sum(bool(digit.doubt) for digit in expected)
    assert unsure <= 1 if draw is _digits else unsure >= len(expected) / 2
