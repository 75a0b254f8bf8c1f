"""The page of any network: its numbers in Chromium are those of NumPy, which are Keras'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.random_networks import random_network, random_weights
from oracles.browser import AVAILABLE, Browser, chromium

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.web_page import write_page

SEEDS = [pytest.param(seed, marks=() if seed < 8 else pytest.mark.thorough) for seed in range(60)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not AVAILABLE:
        pytest.skip("Chromium, its driver or selenium is not installed")
    with chromium() as opened:
        yield opened


EXPLAIN_ALL = """
const wrong = [];
for (const [index, layer] of state.layers.entries()) {
  const { maps, height, width } = layer;
  for (const map of new Set([0, maps - 1])) {
    const [y, x] = [Math.floor(height / 2), Math.floor(width / 3)];
    select({ layer: index, map, y, x });
    const text = document.getElementById("computation").textContent;
    const shown = formatNumber(valueAt(layer, map, y, x));
    if (!text.includes(shown) && index > 0) {
      wrong.push([SHOWN[index].title, text.slice(0, 200), shown]);
    }
  }
}
return wrong;
"""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_page_computes_and_explains_what_the_network_computes(
    browser: Browser, tmp_path: Path, seed: int
) -> None:
    network = random_weights(random_network(seed), seed)
    scaling = SCALINGS["unit"]
    digits = sample()
    images, labels = digits.x_test[::100], digits.y_test[::100]
    path = tmp_path / "reader.html"
    write_page(network, scaling, (images, labels), "sample", path)
    browser.open(path)
    logits = [browser.run("return digitReader.logits(arguments[0])", image.ravel().tolist())
              for image in images[:3]]  # fmt: skip
    np.testing.assert_allclose(logits, network.logits(scaling(images[:3])), atol=1e-4, rtol=1e-4)
    assert browser.run(EXPLAIN_ALL) == []
    assert browser.console() == []
