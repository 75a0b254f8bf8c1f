"""The page of any network: its numbers in Chromium are those of NumPy, which are Keras'."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fixtures.random_networks import random_network, random_weights, reshaped_network
from fixtures.reader_controls import write_sample_page
from oracles.browser import Browser

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.stages import TooLargeError
from keras_model.export.workbook import write_digits
from keras_model.networks.network_file import packaged_network, parse_network
from keras_model.trained.network import TrainedNetwork

SEEDS = [pytest.param(seed, marks=() if seed < 4 else pytest.mark.thorough) for seed in range(60)]


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
      wrong.push([SHOWN[index].name, text.slice(0, 200), shown]);
    }
  }
}
return wrong;
"""


def open_page(browser: Browser, network: TrainedNetwork, folder: Path) -> None:
    path = folder / "reader.html"
    write_sample_page(path, network, scaling="unit")
    browser.open(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_page_computes_and_explains_what_the_network_computes(
    browser: Browser, tmp_path: Path, seed: int
) -> None:
    network = random_weights(random_network(seed), seed)
    assert_page_is_right(browser, network, tmp_path)


def test_the_page_of_a_reshaped_network(browser: Browser, tmp_path: Path) -> None:
    assert_page_is_right(browser, random_weights(reshaped_network(), 1), tmp_path)


def test_the_page_of_probabilities_before_a_row(browser: Browser, tmp_path: Path) -> None:
    network = random_weights(
        parse_network(
            'layers = [{ type = "Conv2D", filters = 10, kernel_size = 9, strides = 4 }, '
            '{ type = "GlobalAveragePooling2D", keepdims = true }, { type = "Softmax" }, '
            '{ type = "Flatten" }]'
        ),
        2,
    )
    assert network.ends_with_probabilities
    assert_page_is_right(browser, network, tmp_path)
    image = sample().x_test[0]
    shown = browser.run(
        "return Array.from(forward(network, arguments[0]).probabilities)", image.ravel().tolist()
    )
    logits = network.logits(SCALINGS["unit"](image[None]))
    np.testing.assert_allclose(shown, network.probabilities(logits)[0], atol=1e-4)


def assert_page_is_right(browser: Browser, network: TrainedNetwork, folder: Path) -> None:
    open_page(browser, network, folder)
    images = sample().x_test[:300:100]
    logits = [browser.run("return digitReader.logits(arguments[0])", image.ravel().tolist())
              for image in images]  # fmt: skip
    expected = network.logits(SCALINGS["unit"](images))
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=1e-4)
    assert browser.run(EXPLAIN_ALL) == []
    assert browser.console() == []


SELECT = "select({ layer: arguments[0], map: arguments[1], y: 0, x: 0 });"
COMPUTATION = SELECT + "return document.getElementById('computation').innerText;"


def test_of_a_sum_of_many_products_the_largest_are_shown_and_what_the_others_add(
    browser: Browser, tmp_path: Path
) -> None:
    network = random_weights(packaged_network("dense"), 1)
    open_page(browser, network, tmp_path)
    text = browser.run(COMPUTATION, 1, 5).replace("−", "-")
    digit = SCALINGS["unit"].exactly(sample().x_test[0]).ravel()
    products = digit * network.weights[1]["kernel"][:, 5]
    (others,) = re.findall(r"the other (\d+)\s+(\S+)", text)
    rows = re.findall(r"^(\d+), (\d+)\s+(\S+)\s+(\S+)\s+(\S+)$", text, re.MULTILINE)
    assert len(rows) + int(others[0]) == 784 and len(rows) < 50
    places = [(int(row) - 1) * 28 + int(column) - 1 for row, column, *_ in rows]
    assert set(places) == set(np.argsort(-np.abs(products), kind="stable")[: len(rows)])
    for place, (*_, value, weight, product) in zip(places, rows, strict=True):
        shown = [float(number) for number in (value, weight, product)]
        kernel = network.weights[1]["kernel"][place, 5]
        np.testing.assert_allclose(shown, [digit[place], kernel, products[place]], atol=6e-5)
    rest = products.sum() - products[places].sum()
    assert float(others[1]) == pytest.approx(rest, abs=6e-5)
    # The digit, the weights and the products are pictures of its size.
    short = browser.run("return [-0.0002, -0.25, 0].map(formatShort);")
    assert short == ["0.000", "−0.250", "0"]
    sizes = (
        "return [...document.querySelectorAll('#computation canvas')].map(c => [c.width, c.height])"
    )
    assert browser.run(sizes) == [[28, 28]] * 3
    assert browser.console() == []


def test_of_many_maps_the_largest_are_shown_and_what_the_others_add(
    browser: Browser, tmp_path: Path
) -> None:
    network = random_weights(
        parse_network(
            """
            layers = [
              { type = "Conv2D", filters = 90, kernel_size = 3, strides = 4 },
              { type = "Conv2D", filters = 2, kernel_size = 3, strides = 2 },
              { type = "GlobalMaxPooling2D" },
              { type = "Dense", units = 10 },
            ]
            """
        ),
        2,
    )
    open_page(browser, network, tmp_path)
    text = browser.run(COMPUTATION, 2, 1).replace("−", "-")
    (total,) = re.findall(r"sum of all products = (\S+)", text)
    sums = [float(number) for number in re.findall(r"map \d+, sum (\S+):", text)]
    ((count, rest),) = re.findall(r"the other (\d+) maps, .*: (\S+)", text)
    assert len(sums) + int(count) == 90 and len(sums) < 60
    assert sum(sums) + float(rest) == pytest.approx(float(total), abs=2e-3)
    assert browser.console() == []


@pytest.mark.thorough
def test_a_window_and_a_kernel_of_five_columns_stand_side_by_side_on_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    browser.media()
    browser.screen(390, 844, phone=True)
    open_page(browser, random_weights(packaged_network("lenet5"), 1), tmp_path)
    browser.run("select({ layer: 3, map: 2, y: 5, x: 5 });")
    boxes = browser.run(
        "return [...document.querySelectorAll('#computation .windows')].flatMap(window =>"
        " [[...window.querySelectorAll('.grid')].map(grid => {"
        "  const box = grid.getBoundingClientRect(); return [box.left, box.top, box.right]; })]);"
    )
    assert len(boxes) == 6
    for values, weights, products in boxes:
        assert values[1] == pytest.approx(weights[1], abs=1) and values[2] < weights[0]
        assert products[1] > weights[1]
        assert all(left >= 0 and right <= 390 for left, _, right in (values, weights, products))
    browser.screen(1280, 900)
    assert browser.console() == []


NUMBER = r"−?\d+(?:\.\d+)?(?:e−?\d+)?"


def evaluated(formula: str) -> float:
    """Return the value of a formula of the page that has numbers, + − × / and √."""
    assert re.fullmatch(r"[-+*/(). \de×−√\s]+", formula)
    python = formula.replace("−", "-").replace("×", "*").replace("√", "np.sqrt")
    return float(eval(python, {"np": np}))


@pytest.mark.parametrize("with_factors", [True, False], ids=["γ and β", "neither"])
def test_batch_normalization_is_explained_by_its_definition(
    browser: Browser, tmp_path: Path, with_factors: bool
) -> None:
    switches = "" if with_factors else ", scale = false, center = false"
    text = f"""
        layers = [
          {{ type = "Conv2D", filters = 4, kernel_size = 3, strides = 5 }},
          {{ type = "BatchNormalization", epsilon = 0.01{switches} }},
          {{ type = "Flatten" }},
          {{ type = "Dense", units = 10 }},
        ]
    """
    network = random_weights(parse_network(text), 4)
    open_page(browser, network, tmp_path)
    browser.run("select({ layer: 1, map: 2, y: 2, x: 2 });")
    shown = browser.run("return document.getElementById('computation').innerText")
    shown = shown.replace("\u00a0", " ")
    assert ("× γ + β" in shown) == with_factors
    results = re.findall(rf"=\s({NUMBER})$", shown, re.MULTILINE)
    value, result = (evaluated(number) for number in results[-2:])
    (formula,) = re.findall(rf"(\({NUMBER} [+−] {NUMBER}\) / √[^=]*)=", shown)
    weights = network.weights[1]
    mean, variance = (weights[f"moving_{name}"][2] for name in ("mean", "variance"))
    expected = (value - mean) / np.sqrt(variance + 0.01)
    if with_factors:
        expected = expected * weights["gamma"][2] + weights["beta"][2]
    assert result == pytest.approx(expected, abs=5e-4)
    assert evaluated(formula) == pytest.approx(expected, rel=2e-3, abs=2e-3)
    assert browser.console() == []


@pytest.mark.parametrize("scale", [1, 1000])
def test_softmax_is_explained_with_logits_of_any_size(
    browser: Browser, tmp_path: Path, scale: float
) -> None:
    network = random_weights(packaged_network("dense"), 1)
    for weights in network.weights[-1].values():
        weights *= scale
    open_page(browser, network, tmp_path)
    logits = network.logits(SCALINGS["unit"](sample().x_test[:1]))[0]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    for digit in (int(logits.argmax()), int(logits.argsort()[-2])):
        shown = browser.run(COMPUTATION, 2, digit)
        assert "Infinity" not in shown and "NaN" not in shown
        pattern = rf"softmax\):\s({NUMBER}\s/\s{NUMBER})\s*=\s([\d.]+)"
        ((formula, percent),) = re.findall(pattern, shown)
        assert float(percent) == pytest.approx(100 * shares[digit], abs=0.006)
        assert 100 * evaluated(formula) == pytest.approx(100 * shares[digit], rel=2e-3, abs=0.01)
    assert browser.console() == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ('{ type = "Flatten" }, { type = "Dense", units = 100 }', "79,510 weights"),
        (
            '{ type = "Conv2D", filters = 200, kernel_size = 1 }, { type = "GlobalMaxPooling2D" }',
            "157,010 computed cells",
        ),
        (
            '{ type = "Conv2D", filters = 210, kernel_size = 1, strides = 3 }, '
            '{ type = "Softmax" }, { type = "GlobalMaxPooling2D" }',
            "reads 210 channels at once",
        ),
    ],
    ids=["weights", "cells", "channels"],
)
def test_a_network_too_large_for_a_workbook_has_a_page(
    browser: Browser, tmp_path: Path, layers: str, reason: str
) -> None:
    text = f'layers = [ {layers}, {{ type = "Dense", units = 10 }} ]'
    network = random_weights(parse_network(text), 3)
    images, path = sample().x_test[:2], tmp_path / "digits.xlsx"
    with pytest.raises(TooLargeError, match=reason) as refusal:
        write_digits(network, SCALINGS["unit"], images, np.zeros(2, int), path)
    assert "\n" not in str(refusal.value)
    assert not path.exists()
    open_page(browser, network, tmp_path)
    logits = browser.run("return digitReader.logits(arguments[0])", images[0].ravel().tolist())
    expected = network.logits(SCALINGS["unit"](images[:1]))[0]
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=1e-4)
    assert browser.run(EXPLAIN_ALL) == []
    assert browser.console() == []
