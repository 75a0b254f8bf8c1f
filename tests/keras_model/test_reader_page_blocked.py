"""The page in browsers that block a part of it: reading a canvas, or scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import click_run
from fixtures.reader_controls import ReaderPage
from oracles.browser import Browser, needs_chromium
from PIL import Image
from selenium.webdriver.support.ui import WebDriverWait

from keras_model.data.mnist import sample

# What getImageData does in browsers that block reading, or that change the lowest bits of colors.
READINGS = {
    "plain": "",
    "white": "image.data.fill(255);",
    "transparent": "image.data.fill(0);",
    "random": "image.data.forEach((_, at) => { image.data[at] = 256 * Math.random(); });",
    "throws": "throw new DOMException('The operation is insecure.', 'SecurityError');",
    "flipped bits": "for (let at = 0; at < image.data.length; at += 7) image.data[at] ^= 1;",
}
READABLE = ("plain", "flipped bits")
QUICK = ("random",)
WAYS = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in READINGS
]
OVERRIDE = """
const read = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...area) {
  const image = read.apply(this, area);
  %s
  return image;
};
"""


@pytest.fixture(scope="module")
def reader(model, data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "reader.html"
    click_run("digits", model, "--data", data, "-o", path)
    return path


@pytest.fixture
def page(request, browser: Browser, reader: Path) -> Iterator[ReaderPage]:
    """The page in a browser that reads a canvas in one of the ways of ``READINGS``."""
    browser.screen(1280)
    script = browser.command(
        "Page.addScriptToEvaluateOnNewDocument", source=OVERRIDE % READINGS[request.param]
    )
    try:
        browser.open(reader)
        yield ReaderPage(browser)
        assert browser.console() == []
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", **script)
        browser.close_page()


@pytest.fixture(scope="module")
def drawn() -> dict[int, np.ndarray]:
    """The probabilities of each drawing, in the browser that is tested first."""
    return {}


@pytest.mark.thorough
@needs_chromium
@pytest.mark.parametrize("page", WAYS, indirect=True)
def test_a_drawing_is_classified_wherever_the_canvas_is_blocked(
    page: ReaderPage, drawn: dict[int, np.ndarray]
) -> None:
    for digit in (7, 4, 3):
        page.clear()
        page.draw(digit, 0.6, 0.2, 0.2)
        page.wait_for(digit)
        shares = page.probabilities()
        np.testing.assert_allclose(shares, drawn.setdefault(digit, shares), atol=0.002)
    page.button("undo").click()
    page.wait_for(None)
    page.draw(4, 0.5, 0.1, 0.1)
    page.wait_for(4)
    page.choose(3)  # then a drawing that starts empty
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for(7)


@needs_chromium
@pytest.mark.parametrize("page", WAYS, indirect=True)
def test_a_picture_is_classified_or_the_page_says_why_not(
    request: pytest.FixtureRequest, page: ReaderPage, tmp_path: Path
) -> None:
    images, labels = sample().x_test, sample().y_test
    index = int(np.flatnonzero(labels == 7)[0])
    path = tmp_path / "seven.png"
    Image.fromarray(255 - images[index]).resize((140, 140)).save(path)
    page.clear()
    page.give(path)
    if request.node.callspec.params["page"] in READABLE:
        page.wait_for(7)
        return
    message = "return document.getElementById('message').innerText"
    page.until(lambda: page.browser.run(message), "a message")
    text = page.browser.run(message)
    assert "does not let the page read a picture" in text and text.count(".") == 1
    assert page.digit() is None


@pytest.mark.thorough
@needs_chromium
def test_the_pixels_of_a_drawing_are_those_of_the_canvas(browser: Browser, reader: Path) -> None:
    browser.open(reader)
    page = ReaderPage(browser)
    page.clear()
    page.draw(3, 0.7, 0.1, 0.2)
    page.draw(1, 0.9, 0.6, 0.4)  # beyond the lower edge
    page.wait_for_any()
    own, read = (
        np.array(browser.run(script))
        for script in (
            "return Array.from(drawing)",
            "const [[paper], [ink]] = [scales.grays[0], scales.grays[255]];"
            "const bytes = pen.getImageData(0, 0, canvas.width, canvas.height).data;"
            "return Array.from(drawing, (_, at) => 255 * (bytes[4 * at] - paper) / (ink - paper));",
        )
    )
    assert own.shape == read.shape and 255 in own
    assert np.abs(own - read).mean() < 0.5 and np.mean(np.abs(own - read) > 40) < 0.001
    browser.close_page()


def visible_texts(browser: Browser) -> str:
    """The texts of the page as a screen reader gets them, which needs no script in the page.

    Chromium has none of them until a while after the page is loaded.
    """
    return WebDriverWait(browser.driver, 60).until(lambda _: _texts(browser))


def _texts(browser: Browser) -> str:
    nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
    names = [
        node["name"].get("value", "")
        for node in nodes
        if node["role"]["value"] == "StaticText" and not node.get("ignored")
    ]
    return " ".join(" ".join(names).split())


@needs_chromium
def test_without_javascript_the_page_says_to_open_it_in_a_browser(
    browser: Browser, reader: Path
) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.driver.get(reader.resolve().as_uri())
        text = visible_texts(browser)
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
        browser.close_page()
    assert "JavaScript is turned off here" in text and text.count("in a web browser") == 1


@needs_chromium
def test_where_a_policy_blocks_the_script_the_page_says_so(
    browser: Browser, reader: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked.html"
    html = reader.read_text(encoding="utf-8")
    blocked.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", html), encoding="utf-8")
    browser.open(blocked)
    assert "The script of this page is not running" in visible_texts(browser)
    browser.console()
    browser.open(reader)
    text = visible_texts(browser)
    assert "not running" not in text and "JavaScript" not in text
    browser.close_page()
