"""A drawing is kept in a link or a PNG; a link of anyone does no harm."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from fixtures.reader_controls import STROKES, ReaderPage, fresh_reader, write_sample_page
from fixtures.sampling import some_of
from oracles.browser import Browser
from PIL import Image

from keras_model.handwriting.decoding import read_picture
from keras_model.handwriting.digits import find_digits

MAX_LINK = 8_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "reader.html"
    write_sample_page(path)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[ReaderPage]:
    browser.screen(1280)
    with fresh_reader(browser, file) as opened:
        yield opened


def link_of(page: ReaderPage) -> str:
    """Press the button, and return the link, which is in the address bar, too."""
    page.button("link").click()
    page.until(lambda: "#d=" in page.browser.driver.current_url, "a link")
    return str(page.browser.driver.current_url)


def open_link(page: ReaderPage, link: str) -> None:
    page.browser.driver.get("about:blank")
    page.browser.driver.get(link)


SEEN = "return Array.from(state.pixels)"  # by the network


@pytest.mark.parametrize("digit", some_of((2, 4), 1))
def test_a_link_brings_the_drawing_back(page: ReaderPage, digit: int) -> None:
    page.clear()
    page.draw(digit, 0.6, 0.2, 0.2)
    page.wait_for_any()
    shares = page.probabilities()
    pixels = np.array(page.browser.run(SEEN), float)
    link = link_of(page)
    assert len(urlsplit(link).fragment) < 400  # short enough for a chat
    assert re.fullmatch(r"[A-Za-z0-9=_.~-]+", urlsplit(link).fragment)
    open_link(page, link)
    page.wait_for_any()
    again = np.array(page.browser.run(SEEN), float)
    assert np.abs(pixels - again).mean() < 2 and np.corrcoef(pixels, again)[0, 1] > 0.99
    assert np.abs(page.probabilities() - shares).max() < 0.1
    # The strokes are there, not a picture of them.
    for _ in STROKES[digit]:
        page.button("undo").click()
    page.wait_for(None)


@pytest.mark.thorough
def test_a_link_is_taken_while_the_page_is_open(page: ReaderPage) -> None:
    page.clear()
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for_any()
    pixels = page.browser.run(SEEN)
    fragment = urlsplit(link_of(page)).fragment
    page.clear()
    page.browser.run("location.hash = ''")
    page.browser.run("location.hash = arguments[0]", fragment)
    page.wait_for_any()
    again = page.browser.run(SEEN)
    assert np.abs(np.subtract(pixels, again)).mean() < 2


@pytest.mark.thorough
def test_the_link_of_a_scribble_has_a_bound(page: ReaderPage) -> None:
    page.clear()
    noise = np.random.default_rng(1)
    strokes = [
        [{"x": float(x), "y": float(y)} for x, y in noise.uniform(60, 260, (400, 2))]
        for _ in range(40)
    ]
    page.browser.run("setStrokes(arguments[0]); readDrawing();", strokes)
    page.wait_for_any()
    link = link_of(page)
    assert len(link) < MAX_LINK
    open_link(page, link)
    page.wait_for_any()


BAD = {
    "nonsense": "d=%00%ff<script>alert(1)</script>",
    "other characters": "d=äöü!!",
    "another key": "constructor=__proto__",
    "empty": "d=",
    "cut": "d=A",
    "markup": "d=%3Cimg%20src=x%20onerror=alert(1)%3E",
    "large": "d=" + "_" * 900_000,
    "many dots": "d=" + "AAAA" * 200_000,
    "escapes": "%",
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", BAD)
def test_a_bad_link_is_said_and_does_no_harm(page: ReaderPage, file: Path, name: str) -> None:
    start = time.monotonic()
    open_link(page, f"{file.resolve().as_uri()}#{BAD[name]}")
    run = page.browser.run
    assert run("return typeof digitReader.logits") == "function"
    assert time.monotonic() - start < 20  # it does not hang
    assert run("return strokes.length") == 0
    message = run("return document.getElementById('message').innerText")
    assert ("link" in message) == BAD[name].startswith("d=")
    assert run("return document.querySelectorAll('img, [onerror]').length") == 0
    page.choose(1)  # everything still works
    page.wait_for_any()


@pytest.fixture
def downloads(browser: Browser, tmp_path: Path) -> Path:
    browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    return tmp_path


@pytest.mark.thorough
def test_a_png_keeps_the_drawing_for_the_page_and_for_predict(
    page: ReaderPage, downloads: Path
) -> None:
    page.clear()
    page.draw(4, 0.5, 0.1, 0.3)
    page.wait_for_any()
    shares = page.probabilities()
    seen = np.array(page.browser.run("return Array.from(state.pixels)"), float)
    page.button("png").click()
    (path,) = page.until(lambda: list(downloads.glob("*.png")), "a PNG")
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.size == (320, 320)
    (found,) = find_digits(read_picture(path).image)
    read = found.image.ravel().astype(float)
    assert np.corrcoef(read, seen)[0, 1] > 0.99
    page.clear()
    page.give(path)
    page.wait_for_any()
    assert np.abs(page.probabilities() - shares).max() < 0.05


@pytest.mark.thorough
def test_what_is_no_drawing_has_no_link(page: ReaderPage) -> None:
    page.clear()
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for_any()
    assert page.button("link").is_enabled() and page.button("png").is_enabled()
    page.choose(2)
    page.wait_for_any()
    assert not page.button("link").is_enabled() and not page.button("png").is_enabled()
    page.clear()
    assert not page.button("link").is_enabled()
