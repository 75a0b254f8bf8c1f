"""The page finds the same digits in a photograph as `predict`, pixel by pixel."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.everyday_photographs import EVERYDAY
from fixtures.photographs import SITUATIONS, several
from fixtures.reader_controls import ReaderPage, write_sample_page
from oracles.browser import Browser
from PIL import Image, ImageDraw

from keras_model.data.mnist import SIDE, sample
from keras_model.handwriting.digits import FoundDigit, find_digits

QUICK = ("thin strokes",)
ALL = SITUATIONS | EVERYDAY
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in ALL]
READ = """
const [text, width, height] = arguments;
const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
return digitReader.readAll(bytes, width, height);
"""


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> ReaderPage:
    path = tmp_path_factory.mktemp("page") / "reader.html"
    write_sample_page(path)
    browser.open(path)
    return ReaderPage(browser)


def a_digit(rng: np.random.Generator) -> np.ndarray:
    images = sample().x_test
    digit: np.ndarray = images[rng.integers(len(images))]
    return digit


def read(page: ReaderPage, picture: Image.Image) -> list[dict[str, Any]]:
    rgb = np.asarray(picture.convert("RGB"))
    text = base64.b64encode(np.ascontiguousarray(rgb).tobytes()).decode()
    found: list[dict[str, Any]] = page.browser.run(READ, text, *picture.size)
    return found


def assert_the_same(found: list[dict[str, Any]], expected: list[FoundDigit]) -> None:
    """The same digits: the page computes what Pillow and SciPy do, to the last bit but one."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert tuple(one["box"][side] for side in ("left", "top", "right", "bottom")) == other.box
        assert one["mayTouch"] == other.may_touch
        assert one["isDash"] == other.is_dash
        assert one["isTiny"] == other.is_tiny
        pixels = np.array(one["pixels"], float).reshape(SIDE, SIDE)
        assert np.abs(pixels - other.image).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_of_every_situation_the_page_makes_the_same_digit(page: ReaderPage, name: str) -> None:
    rng = np.random.default_rng()
    for _ in range(1 if name in QUICK else 3):
        seed = int(rng.integers(2**32))
        print(f"seed {seed}")
        generator = np.random.default_rng(seed)
        picture = ALL[name](a_digit(generator), generator)
        assert_the_same(read(page, picture), find_digits(picture))


def test_several_digits_are_the_same_and_in_the_same_order(page: ReaderPage) -> None:
    rng = np.random.default_rng(3)
    picture, boxes = several([a_digit(rng) for _ in range(6)], rng, lines=2)
    found = read(page, picture)
    assert_the_same(found, find_digits(picture))
    assert len(found) == 6
    for one, (left, top, right, bottom) in zip(found, boxes, strict=True):
        middle = [
            (one["box"][a] + one["box"][b]) / 2 for a, b in (("left", "right"), ("top", "bottom"))
        ]
        assert left < middle[0] < right and top < middle[1] < bottom


def test_the_tail_of_a_2_is_no_printed_line(page: ReaderPage) -> None:
    picture = Image.new("RGB", (560, 560), "white")
    draw = ImageDraw.Draw(picture)
    draw.line([(150, 100), (250, 110), (150, 250)], fill="black", width=24, joint="curve")
    draw.line([(138, 256), (320, 256)], fill="black", width=9)
    (digit,) = find_digits(picture)
    assert digit.box[2] >= 318
    assert_the_same(read(page, picture), [digit])


def test_dust_may_be_no_digit(page: ReaderPage) -> None:
    picture = Image.new("RGB", (560, 560), "white")
    ImageDraw.Draw(picture).line([(70, 330), (74, 346)], fill="black", width=3)
    (speck,) = find_digits(picture)
    assert speck.is_tiny
    assert_the_same(read(page, picture), [speck])


def test_a_0_around_the_rest_of_a_line_goes_on_in_a_shadow(page: ReaderPage) -> None:
    gray = Image.new("L", (470, 360), 220)
    draw = ImageDraw.Draw(gray)
    draw.line([(230, 180), (230, 220)], fill=140, width=2)
    draw.ellipse([180, 110, 280, 290], outline=62, width=16)
    for at in range(100, 400, 40):
        draw.rectangle([at, 300, at + 1, 301], fill=170)
    shadow = np.where(np.arange(360) < 158, 0.42, 1)[:, None]
    picture = Image.fromarray(np.uint8(np.asarray(gray) * shadow)).convert("RGB")
    (digit,) = find_digits(picture)
    assert digit.box[1] <= 112 and digit.box[3] >= 289
    assert_the_same(read(page, picture), [digit])


def test_the_page_leaves_the_pattern_of_a_cloth_out(page: ReaderPage) -> None:
    y, x = np.mgrid[:300, :400] // 22
    cloth = Image.fromarray(np.uint8(np.array([(40, 60, 140), (225, 220, 215)])[(x + y) % 2]))
    cloth.paste((236, 236, 228), (90, 70, 310, 260))
    ImageDraw.Draw(cloth).line([(165, 100), (235, 100), (180, 220)], fill="black", width=12)
    shaded = np.asarray(cloth) * np.where(np.arange(400) < 190, 0.5, 1)[None, :, None]
    for picture in (cloth, Image.fromarray(np.uint8(shaded))):
        (digit,) = find_digits(picture)
        assert digit.box[0] > 150
        assert_the_same(read(page, picture), [digit])


@pytest.mark.thorough
def test_a_small_digit_of_a_large_picture_is_read_from_the_original(page: ReaderPage) -> None:
    rng = np.random.default_rng(4)
    picture = Image.new("RGB", (1500, 1100), (236, 234, 228))
    small = SITUATIONS["plain"](a_digit(rng), rng).resize((160, 160))
    picture.paste(small, (900, 300))
    assert_the_same(read(page, picture), find_digits(picture))


@pytest.mark.thorough
def test_whether_a_small_digit_is_a_dash_is_seen_in_the_original(page: ReaderPage) -> None:
    """In the reduced picture, its strokes are as wide as the digit is high."""
    picture = Image.new("RGB", (2560, 1200), "white")
    points = [(900, 300), (934, 300), (905, 314), (936, 314)]
    ImageDraw.Draw(picture).line(points, fill="black", width=3)
    (digit,) = find_digits(picture)
    assert digit.may_touch and not digit.is_dash
    assert np.abs(np.subtract(digit.box, (899, 299, 938, 316))).max() <= 2
    assert_the_same(read(page, picture), [digit])


def test_a_blank_page_has_no_digit(page: ReaderPage) -> None:
    noise = np.random.default_rng(5).normal(230, 3, (200, 300, 3))
    assert read(page, Image.fromarray(np.uint8(np.clip(noise, 0, 255)))) == []


def test_several_digits_of_a_picture_are_shown_one_at_a_time(
    page: ReaderPage, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    picture, _ = several([a_digit(rng) for _ in range(4)], rng)
    path = tmp_path / "several.png"
    picture.save(path)
    expected = find_digits(picture)
    page.browser.screen(1280)
    page.give(path)
    page.until(lambda: len(page.all("#digits button")) == len(expected), "a button per digit")
    assert len(page.all("#boxes span")) == len(expected)
    shown = "return Array.from(state.pixels)"
    for index, digit in enumerate(expected):
        page.all("#digits button")[index].click()
        assert page.all("#digits button")[index].get_attribute("aria-pressed") == "true"
        difference = np.subtract(page.browser.run(shown), digit.image.ravel().astype(float))
        assert np.abs(difference).mean() < 2
    page.choose(1)
    assert page.all("#digits button") == [] and page.all("#boxes span") == []


@pytest.mark.thorough
def test_several_digits_of_a_drawing_are_shown_one_at_a_time(page: ReaderPage) -> None:
    page.browser.screen(1280)
    page.clear()
    page.draw(4, 0.35, 0.05, 0.3)
    page.wait_for_any()
    assert page.all("#digits button") == []
    page.draw(2, 0.35, 0.55, 0.3)
    page.until(lambda: len(page.all("#digits button")) == 2, "two digits")
    for name in ("undo",):
        page.button(name).click()
    page.until(lambda: page.all("#digits button") == [], "one digit")


DOUBT = "return document.getElementById('doubt').innerText"


def test_what_may_be_no_digit_is_marked_unsure(page: ReaderPage) -> None:
    page.browser.screen(1280)
    limit = page.browser.run("return measure.limit")
    page.browser.run("measure.limit = Infinity")  # the weights are random
    page.clear()
    page.draw(7, 0.5, 0.25, 0.25)
    page.wait_for_any()
    assert page.browser.run(DOUBT) == ""
    page.clear()
    x, y, width, height = page.browser.box(page.find("#drawing"))
    page.browser.stroke([(x + 0.1 * width, y + 0.5 * height), (x + 0.9 * width, y + 0.55 * height)])
    page.wait_for_any()
    assert "may be no digit" in page.browser.run(DOUBT)
    assert page.browser.run("return getComputedStyle(answer, '::after').content") == '"?"'
    page.browser.run("measure.limit = -Infinity")
    try:
        page.clear()
        page.draw(7, 0.5, 0.25, 0.25)
        page.until(lambda: page.browser.run(DOUBT), "a doubt")
        assert "may be no digit" in page.browser.run(DOUBT)
        page.choose(1)  # a test digit is a digit
        assert page.browser.run(DOUBT) == ""
    finally:
        page.browser.run("measure.limit = arguments[0]", limit)


def test_the_page_prints_nothing(page: ReaderPage) -> None:
    assert page.browser.console() == [] and page.browser.requests() == []
