"""The network as a web page: its results in Chromium are those of Keras and `predict`."""

from __future__ import annotations

import base64
import functools
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import click_run
from fixtures.keras_activations import Activations, KerasActivations
from fixtures.pages import on_a_page
from fixtures.reader_controls import (
    GALLERY,
    LAYER,
    MAPS,
    STROKES,
    ReaderPage,
    fresh_reader,
    placed,
)
from fixtures.sampling import some_of
from oracles.browser import needs_chromium
from PIL import Image, ImageDraw, ImageOps

pytest.importorskip("tensorflow")

import keras

from keras_model.data.mnist import load_digits, normalized
from keras_model.export.workbook import pick_samples
from keras_model.handwriting.digits import find_digits

MAX_BYTES = 400_000
SAMPLES = 20


@pytest.fixture(scope="module")
def reader(model, data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "reader.html"
    output = click_run("digits", model, "--data", data, "-o", path, "--samples", SAMPLES)
    assert str(path) in output
    return path


@pytest.fixture(scope="module")
def network(model) -> keras.Model:
    return keras.saving.load_model(model, compile=False)


@pytest.fixture(scope="module")
def weights(network) -> KerasActivations:
    return KerasActivations(network)


@pytest.fixture(scope="module")
def digits(data) -> tuple[np.ndarray, np.ndarray]:
    known = load_digits(data)
    return known.x_test, known.y_test


@pytest.fixture(scope="module")
def gallery(digits) -> np.ndarray:
    images, labels = digits
    return images[pick_samples(labels, SAMPLES)]


def keras_logits(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(network.predict(normalized(images), verbose=0))


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.fixture
def fresh_page(browser, reader) -> Iterator[ReaderPage]:
    """The page, just loaded, light and 1280×900; it prints no warnings and sends no requests."""
    browser.screen(1280)
    with fresh_reader(browser, reader) as opened:
        yield opened


@pytest.fixture
def page(browser, reader) -> Iterator[ReaderPage]:
    """Like ``fresh_page``, but several tests in a row share one load; the first digit is chosen."""
    browser.screen(1280)
    browser.media()
    if not browser.is_open(reader):
        browser.open(reader)
    browser.run("document.activeElement?.blur(); scrollTo(0, 0);")
    browser.press("ESCAPE")
    opened = ReaderPage(browser)
    opened.choose(0)
    yield opened
    assert browser.console() == []
    assert browser.requests() == []


# The file


class Elements(HTMLParser):
    """The elements of a page, with their attributes and, of scripts and styles, the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.code: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self._in = tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in in ("script", "style"):
            self.code.append(data)


@pytest.fixture(scope="module")
def largest(model, data, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("largest") / "reader.HTML"
    click_run("digits", model, "--data", data, "-o", path, "--samples", 200)
    return path


def test_it_is_one_file_of_at_most_400_kb_whatever_the_gallery(largest, reader):
    assert [path.name for path in largest.parent.iterdir()] == ["reader.HTML"]
    assert reader.stat().st_size < largest.stat().st_size <= MAX_BYTES
    assert largest.read_text(encoding="utf-8")[:15].lower() == "<!doctype html>"


def test_nothing_in_it_refers_to_another_origin(largest):
    text = largest.read_text(encoding="utf-8")
    # The URL of a namespace is a name: nothing is loaded from it.
    assert set(re.findall(r"(?:https?|wss?|ftp)://[^\s\"'<>)]*", text)) <= {
        "http://www.w3.org/2000/svg"
    }
    elements = Elements(text)
    for tag, attributes in elements.found:
        for name in ("src", "href", "srcset", "poster", "data", "action", "formaction"):
            reference = attributes.get(name, "#")
            assert reference.startswith(("#", "data:")), (tag, name, reference)
        assert tag not in ("base", "iframe", "object", "embed")
    code = "\n".join(elements.code)
    assert not re.search(r"@import|\bimport\s*\(|importScripts|XMLHttpRequest|sendBeacon", code)
    assert not re.search(r"\bfetch\s*\(|WebSocket|EventSource|serviceWorker", code)
    assert all(
        used.startswith(("#", "data:")) for used in re.findall(r"\burl\(\s*[\"']?([^\"')]*)", code)
    )


def test_its_policy_forbids_the_network(reader):
    found = Elements(reader.read_text(encoding="utf-8")).found
    (policy,) = (
        number
        for number, (tag, attributes) in enumerate(found)
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy"
    )
    assert {"script", "style", "link", "body"}.isdisjoint(tag for tag, _ in found[:policy])
    directives = {
        name.lower(): sources
        for name, *sources in (
            part.split() for part in found[policy][1]["content"].split(";") if part.strip()
        )
    }
    assert directives["default-src"] == ["'none'"]
    for name, sources in directives.items():
        for source in sources:
            assert source in ("'none'", "'unsafe-inline'", "data:", "blob:") or source.startswith(
                ("'sha256-", "'sha384-", "'sha512-")
            ), (name, source)
    assert directives.get("connect-src", ["'none'"]) == ["'none'"]


def test_its_source_is_readable(reader):
    text = re.sub(r"[A-Za-z0-9+/=]{60,}", "", reader.read_text(encoding="utf-8"))
    assert max(map(len, text.splitlines())) <= 160
    assert len(text.splitlines()) > 300
    assert "eval(" not in text and "new Function" not in text


def test_the_weights_are_in_it_in_single_precision(reader, network):
    text = reader.read_text(encoding="utf-8")
    stored = []
    for block in re.findall(r"[A-Za-z0-9+/]{700,}={0,2}", text):
        raw = base64.b64decode("".join(block.split()) + "===")
        stored.append(np.frombuffer(raw[: len(raw) // 4 * 4], "<f4"))
    kernels = [np.ravel(weight) for weight in network.trainable_weights if weight.ndim > 1]
    kernels = np.concatenate(kernels)
    assert len(kernels) == 19_652
    assert np.isin(kernels, np.concatenate(stored)).all()


def test_the_suffix_selects_the_format(model, data, tmp_path):
    for name in ("reader.pdf", "reader.htm", "reader", "reader.html.txt", "html"):
        error = click_run("digits", model, "--data", data, "-o", tmp_path / name, code=2)
        assert ".html" in error and ".xlsx" in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_bad_use_is_refused_in_one_line(model, data, tmp_path):
    foreign, own = tmp_path / "mine.html", tmp_path / "own.html"
    foreign.write_text("<!doctype html>\n<title>gradsheet</title>my own page")
    before = foreign.read_bytes()
    click_run("digits", model, "--data", data, "-o", own)
    first = own.read_bytes()
    for arguments, code, words in (
        (["--samples", "0"], 2, "--samples must be"),
        (["--samples", "201"], 2, "--samples must be"),
        (["-o", foreign], 1, "was not written by this tool"),
        (["-o", tmp_path / "none" / "reader.html"], 1, "does not exist"),
    ):
        arguments = ["-o", own, *arguments]
        error = click_run("digits", model, "--data", data, *arguments, code=code)
        (line,) = (line for line in error.splitlines() if not line.startswith("Note: "))
        assert words in line
    assert foreign.read_bytes() == before and own.read_bytes() == first
    click_run("digits", model, "--data", data, "-o", own, "--samples", 5)  # replaces its own
    assert own.read_bytes() != first
    click_run("digits", model, "--data", data, "-o", foreign, "--force")
    assert foreign.stat().st_size > 80_000


# The network


@needs_chromium
def test_it_opens_without_a_warning_or_a_request(fresh_page):
    assert fresh_page.browser.run("return document.title")
    assert fresh_page.browser.run("return typeof digitReader.logits") == "function"


@needs_chromium
def test_chromium_enforces_the_policy(fresh_page):
    attempts = {
        "fetch": "fetch(url).catch(() => 0)",
        "beacon": "navigator.sendBeacon(url, 'x')",
        "events": "new EventSource(url)",
        "image": "new Image().src = url",
        "script": "document.head.append("
        "Object.assign(document.createElement('script'), {src: url}))",
        "style": "document.head.append("
        "Object.assign(document.createElement('link'), {rel: 'stylesheet', href: url}))",
        "frame": "document.body.append("
        "Object.assign(document.createElement('iframe'), {src: url}))",
        "font": "new FontFace('f', `url(${url})`).load().catch(() => 0)",
    }
    blocked = fresh_page.browser.run(
        """
        const blocked = [];
        document.addEventListener('securitypolicyviolation', e => blocked.push(e.blockedURI));
        """
        + "".join(
            f"{{ const url = 'http://{name}.invalid/'; try {{ {code}; }} catch {{}} }}\n"
            for name, code in attempts.items()
        )
        + "return new Promise(done => setTimeout(() => done(blocked), 400));"
    )
    assert not [
        name
        for name in attempts
        if not any(url.startswith(f"http://{name}.invalid") for url in blocked)
    ]
    assert fresh_page.browser.console()  # the blocked requests; afterwards nothing more is printed
    fresh_page.browser.requests()


@needs_chromium
def test_its_logits_are_keras_for_200_digits(page, network, digits):
    images = digits[0][::5]
    assert len(images) == 200
    page.choose(3)
    before = page.wait_for_any(), page.canvas()
    np.testing.assert_allclose(page.logits(images), keras_logits(network, images), atol=1e-3)
    noise = np.random.default_rng(1).uniform(0, 255, (20, 28, 28))
    extreme = np.concatenate([noise, np.zeros((1, 28, 28)), np.full((1, 28, 28), 255.0)])
    np.testing.assert_allclose(page.logits(extreme), keras_logits(network, extreme), atol=1e-3)
    assert (page.digit(), page.canvas()) == before  # the page itself does not change


@pytest.mark.thorough
@needs_chromium
def test_its_logits_take_typed_arrays(page, digits):
    image = digits[0][7]
    kinds = page.browser.run(
        "return [Uint8Array, Uint8ClampedArray, Float32Array, Float64Array, Array]"
        ".map(kind => Array.from(digitReader.logits(kind.from(arguments[0]))));",
        image.ravel().tolist(),
    )
    assert np.ptp(np.array(kinds), axis=0).max() < 1e-4


@needs_chromium
def test_the_gallery_is_the_workbooks_and_is_classified_as_by_keras(page, network, gallery):
    assert len(page.all(GALLERY)) == SAMPLES
    expected = softmax(keras_logits(network, gallery))
    for number, probabilities in enumerate(expected):
        page.choose(number)
        page.until(
            lambda wanted=probabilities: np.abs(page.probabilities() - wanted).max() < 0.006,
            f"{probabilities.round(3)}, not {page.probabilities()}",
        )
        page.wait_for(int(probabilities.argmax()))


@pytest.mark.thorough
@needs_chromium
def test_a_gallery_of_another_size(browser, model, data, tmp_path):
    path = tmp_path / "reader.html"
    click_run("digits", model, "--data", data, "-o", path, "--samples", 3)
    browser.open(path)
    page = ReaderPage(browser)
    assert len(page.all(GALLERY)) == 3
    page.choose(2)
    page.wait_for_any()
    assert browser.console() == [] and browser.requests() == []


# Drawing


@pytest.mark.thorough
@needs_chromium
@pytest.mark.parametrize(
    ("kind", "digit", "left", "top"),
    [("mouse", 7, 0.06, 0.06), ("pen", 1, 0.68, 0.06), ("touch", 4, 0.68, 0.68)],
)
def test_a_small_digit_in_a_corner_is_classified(page, kind, digit, left, top):
    page.browser.screen(*((390, 844) if kind == "touch" else (1280, 900)), phone=kind == "touch")
    page.clear()
    page.draw(digit, 0.26, left, top, kind)
    page.wait_for(digit)


@pytest.mark.thorough
@needs_chromium
def test_a_large_digit_is_classified(page):
    page.clear()
    page.draw(3, 0.75, 0.12, 0.12)
    page.wait_for(3)


@needs_chromium
def test_the_prediction_follows_the_drawing_before_it_is_finished(page):
    page.clear()
    (stroke,) = page.strokes(7, 0.5, 0.2, 0.2)
    page.browser.stroke(stroke, release=False)
    page.wait_for(7)
    page.browser.release()


@needs_chromium
def test_a_click_leaves_a_dot(page):
    page.clear()
    empty = page.canvas()
    x, y, width, height = page.browser.box(page.find("#drawing"))
    page.browser.stroke([(x + width / 2, y + height / 2)])
    page.until(lambda: page.canvas() != empty, "a dot")


@pytest.mark.thorough
@needs_chromium
def test_the_pen_draws_where_it_is(page):
    """Also on a screen of three dots per pixel, and where the page has been scrolled."""
    for phone in (False, True):
        page.browser.screen(390 if phone else 1280, 844 if phone else 500, phone=phone)
        page.clear()
        drawing = page.find("#drawing")
        x, y, width, height = page.browser.box(drawing)
        before = page.browser.picture(drawing)
        page.browser.touch([(x + 0.75 * width, y + 0.25 * height)] * 2) if phone else (
            page.browser.stroke([(x + 0.75 * width, y + 0.25 * height)] * 2)
        )
        page.until(
            lambda drawing=drawing, before=before: (
                np.abs(page.browser.picture(drawing) - before).max() > 60
            ),
            "a dot",
        )
        ink = np.abs(page.browser.picture(drawing) - before).max(axis=2) > 60
        rows, columns = np.nonzero(ink)
        assert abs(rows.mean() / ink.shape[0] - 0.25) < 0.02
        assert abs(columns.mean() / ink.shape[1] - 0.75) < 0.02


@pytest.mark.thorough
@needs_chromium
def test_a_stroke_ends_when_the_button_is_released_outside(page):
    page.clear()
    x, y, width, height = page.browser.box(page.find("#drawing"))
    outside = (x - 30, y + height / 2) if x > 40 else (x + width + 30, y + height / 2)
    inside = (x + width / 2, y + height / 2)
    page.browser.stroke([inside, outside])
    drawn = page.canvas()
    page.browser.stroke([outside, inside, (x + width / 2, y + 10)], release=True)
    assert page.canvas() == drawn  # pressed outside: not a stroke
    page.browser.stroke([(x + 20, y + 20), (x + 40, y + 20)])
    assert page.canvas() != drawn


@pytest.mark.thorough
@needs_chromium
def test_undo_takes_back_one_stroke_and_clear_all(page):
    page.clear()
    empty = page.canvas()
    first, second = page.strokes(4, 0.5, 0.25, 0.25)
    page.browser.stroke(first)
    one, answer = page.canvas(), page.wait_for_any()
    page.browser.stroke(second)
    page.wait_for(4)
    assert len({empty, one, page.canvas()}) == 3
    page.button("undo").click()
    page.wait_for(answer)
    assert page.canvas() == one
    page.button("undo").click()
    page.wait_for(None)
    assert page.canvas() == empty
    undo = page.button("undo")
    if undo.is_enabled():  # nothing is left to undo
        undo.click()
    assert page.canvas() == empty
    page.draw(7, 0.5, 0.25, 0.25)
    page.wait_for(7)
    page.clear()
    assert page.canvas() == empty


@needs_chromium
def test_a_finger_draws_and_does_not_scroll(page):
    page.browser.screen(390, 500, phone=True)
    page.clear()
    drawing = page.find("#drawing")
    x, y, width, height = page.browser.box(drawing)
    assert page.browser.run("return document.scrollingElement.scrollHeight") > 700
    before = page.browser.run("return [scrollX, scrollY]")
    for start, end in ((0.9, 0.05), (0.05, 0.9)):  # up and down
        page.browser.touch(
            [
                (x + width / 2, y + height * (start + (end - start) * part / 20))
                for part in range(21)
            ]
        )
    page.wait_for_any()
    assert page.browser.run("return [scrollX, scrollY]") == before


@pytest.mark.thorough
@needs_chromium
def test_a_drawing_survives_another_size_of_the_window(page):
    page.clear()
    first, second = page.strokes(4, 0.5, 0.25, 0.25)
    page.browser.stroke(first)
    page.browser.stroke(second)
    page.wait_for(4)
    shares = page.probabilities()
    page.browser.screen(390, 844, phone=True)
    page.browser.screen(844, 390, phone=True)
    page.until(lambda: np.abs(page.probabilities() - shares).max() < 0.05, "the same answer")
    page.button("clear").click()
    page.wait_for(None)
    page.draw(7, 0.5, 0.25, 0.25, "touch")
    page.wait_for(7)


# Pictures


def upright_on_paper(path: Path) -> Image.Image:
    """A picture file in RGB, with transparent areas as paper: dark if what is visible is bright."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):
        return Image.fromarray(np.uint8(np.asarray(picture, float) / 257)).convert("RGB")
    rgba = picture.convert("RGBA")
    values = np.asarray(rgba.convert("L"), float)
    opacity = np.asarray(rgba.getchannel("A"), float)
    shade = 0 if (values * opacity).sum() >= 128 * opacity.sum() else 255
    paper = Image.new("RGBA", rgba.size, (shade, shade, shade, 255))
    return Image.alpha_composite(paper, rgba).convert("RGB")


def prepared(picture: Image.Image) -> np.ndarray:
    """The one digit of a picture in MNIST's format."""
    (found,) = find_digits(picture.convert("RGB"))
    return found.image


def predicted(network: keras.Model, *paths: Path) -> np.ndarray:
    """Keras' probabilities for pictures that are prepared in Python, (n, 10)."""
    images = np.array([prepared(upright_on_paper(path)) for path in paths])
    return softmax(keras_logits(network, images))


def give_and_compare(page: ReaderPage, path: Path, expected: np.ndarray, within: float) -> float:
    page.clear()
    page.give(path)
    page.wait_for(int(expected.argmax()))
    difference = float(np.abs(page.probabilities() - expected).max())
    assert difference < within, path.name
    return difference


@needs_chromium
def test_a_picture_file_is_classified_as_by_predict(page, network, digits, tmp_path):
    noise = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.png" for number in range(24)]
    for path, index in zip(paths, noise.permutation(len(digits[0])), strict=False):
        on_a_page(digits[0][index], noise).save(path)
    expected = predicted(network, *paths)
    # Where the network is uncertain, one pixel can change the prediction: use clear cases only.
    clear = np.flatnonzero(expected.max(axis=1) > 0.8)[:8]
    assert len(clear) == 8
    differences = [give_and_compare(page, paths[index], expected[index], 0.05) for index in clear]
    assert np.median(differences) < 0.02


def four(size: tuple[int, int], width: int) -> np.ndarray:
    """A four, 0 to 1, not centered."""
    picture = Image.new("L", size, 0)
    side = 0.4 * min(size)
    for stroke in STROKES[4]:
        points = [(0.4 * size[0] + side * x, 0.3 * size[1] + side * y) for x, y in stroke]
        ImageDraw.Draw(picture).line(points, fill=255, width=width, joint="curve")
    return np.asarray(picture) / 255


def color(ink: np.ndarray) -> Image.Image:
    bands = [np.uint8(255 - ink * (255 - shade)) for shade in (20, 60, 150)]
    return Image.merge("RGB", [Image.fromarray(band) for band in bands])


def transparent(ink: np.ndarray, shade: int) -> Image.Image:
    opacity = Image.fromarray(np.uint8(255 * ink))
    return Image.merge("LA", [Image.new("L", opacity.size, shade), opacity])


def rotated(ink: np.ndarray, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # display rotated by 90° clockwise
    color(ink).rotate(90, expand=True).save(path, exif=exif, quality=95)


def photo(path: Path, size: tuple[int, int]) -> None:
    """A pen stroke on paper in uneven light, with a speck of dust."""
    noise = np.random.default_rng(2)
    width, height = size
    y, x = np.mgrid[:height, :width]
    paper = 210 - 70 * x / width - 40 * y / height
    picture = paper * (1 - 0.65 * four(size, width // 100)) + noise.normal(0, 5, (height, width))
    picture[height // 9 : height // 9 + 3, width // 6 : width // 6 + 3] = 30
    Image.fromarray(np.uint8(np.clip(picture, 0, 255))).convert("RGB").save(path, quality=80)


PICTURES: dict[str, Callable[[Path, np.ndarray], None]] = {
    "color.png": lambda path, ink: color(ink).save(path),
    "palette.png": lambda path, ink: color(ink).convert("P").save(path),
    "black on nothing.png": lambda path, ink: transparent(ink, 0).save(path),
    "white on nothing.png": lambda path, ink: transparent(ink, 255).save(path),
    "one bit.png": lambda path, ink: color(ink).convert("1").save(path),
    "sixteen bits.png": lambda path, ink: Image.fromarray(np.uint16(65535 * (1 - ink))).save(path),
    "gray.jpg": lambda path, ink: color(ink).convert("L").save(path, quality=95),
    "rotated.jpg": lambda path, ink: rotated(ink, path),
    "photo.jpg": lambda path, _: photo(path, (1200, 900)),
    "large photo.jpg": lambda path, _: photo(path, (4000, 3000)),
}


@pytest.mark.thorough
@needs_chromium
def test_every_kind_of_picture_is_classified_as_by_predict(page, network, tmp_path):
    paths = [tmp_path / name for name in PICTURES]
    for path in paths:
        PICTURES[path.name](path, four((160, 200), 8))
    for path, expected in zip(paths, predicted(network, *paths), strict=True):
        assert expected.argmax() == 4 and expected.max() > 0.8
        # The browser has another JPEG decoder, and `predict` decodes large ones at a lower
        # resolution.
        give_and_compare(page, path, expected, 0.1 if path.suffix == ".jpg" else 0.05)


# Paste as a browser does after Ctrl+V: text, and the bytes of a file.
PASTE = """
const bytes = Uint8Array.from(atob(arguments[0]), (character) => character.charCodeAt(0));
const pasted = new DataTransfer();
pasted.items.add("text", "text/plain");
pasted.items.add(new File([bytes], "image.png", { type: "image/png" }));
const options = { clipboardData: pasted, bubbles: true, cancelable: true };
document.body.dispatchEvent(new ClipboardEvent("paste", options));
"""


@pytest.mark.thorough
@needs_chromium
def test_a_picture_can_be_dropped_pasted_and_given_twice(page, network, tmp_path):
    path = tmp_path / "four.png"
    color(four((160, 200), 8)).save(path)
    (expected,) = predicted(network, path)
    for _ in range(2):
        give_and_compare(page, path, expected, 0.05)
    page.clear()
    x, y, width, height = page.browser.box(page.find("#drawing"))
    page.browser.drop(path, (x + width / 2, y + height / 2))
    page.wait_for(4)
    assert np.abs(page.probabilities() - expected).max() < 0.05
    page.clear()
    page.browser.run(PASTE, base64.b64encode(path.read_bytes()).decode())
    page.wait_for(4)
    assert np.abs(page.probabilities() - expected).max() < 0.05
    page.clear()  # a drawing after a picture is classified too
    page.draw(7, 0.5, 0.25, 0.25)
    page.wait_for(7)


@pytest.mark.thorough
@needs_chromium
def test_an_unreadable_picture_is_reported_and_the_next_one_is_classified(page, tmp_path):
    shown = functools.partial(page.browser.run, "return document.body.innerText")
    good = tmp_path / "good.png"
    color(four((160, 200), 8)).save(good)
    (tmp_path / "text.png").write_bytes(b"hello")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:120])
    (tmp_path / "none.png").write_bytes(b"")
    Image.new("RGB", (90, 90), "#f4f1e8").save(tmp_path / "blank.png")
    for name in ("text.png", "cut.png", "none.png", "blank.png"):
        page.clear()
        before = shown()
        page.give(tmp_path / name)
        page.until(lambda before=before: shown() != before, f"a message about {name}")
        assert page.digit() is None
        page.give(good)
        page.wait_for(4)


# What the page shows


@needs_chromium
def test_ten_probabilities_with_bars_and_the_runner_up(page, network, gallery):
    expected = softmax(keras_logits(network, gallery))
    number = int(np.argmin(np.abs(expected.max(axis=1) - 0.9)))
    shares = expected[number]
    page.choose(number)
    page.wait_for(int(shares.argmax()))
    np.testing.assert_allclose(page.probabilities(), shares, atol=0.006)
    assert abs(page.probabilities().sum() - 1) < 0.02
    text = page.browser.run("return document.body.innerText")
    (second,) = re.findall(r"runner-?\s?up\D*(\d)", text, re.IGNORECASE)
    assert int(second) == np.argsort(shares)[-2]

    # A bar is as long as its probability is large.
    def correlation() -> float:
        lengths = page.browser.run(
            """return [...document.querySelectorAll('#probabilities [data-digit]')].map(row => {
              const parts = [...row.querySelectorAll('*')];
              const meter = parts.find(part => part.matches('meter, progress'));
              return meter ? [meter.value] : parts.map(part => part.getBoundingClientRect().width);
            });"""
        )
        lengths = np.array(lengths)
        assert lengths.shape[0] == 10 and lengths.size
        return max(
            (np.corrcoef(part, shares)[0, 1] for part in lengths.T if np.ptp(part) > 0), default=0
        )

    # The bars take a moment to grow.
    page.until(lambda: correlation() > 0.99, "bars as long as the probabilities")


@needs_chromium
def test_the_input_map_is_the_digit_that_the_network_sees(page, gallery):
    for number in (2, 7):
        page.choose(number)
        page.wait_for_any()
        page.map_place("input", 0)
        (element,) = page.maps("input")
        gray = page.browser.picture(element).mean(axis=2)
        shown = np.asarray(Image.fromarray(np.uint8(gray)).resize((28, 28), Image.Resampling.BOX))
        correlation = np.corrcoef(shown.ravel(), gallery[number].ravel().astype(float))[0, 1]
        assert abs(correlation) > 0.85, number


@needs_chromium
def test_each_layer_has_its_maps_and_they_follow_the_digit(page):
    pictures: list[list[bytes]] = []
    for number in (0, 1):
        page.choose(number)
        page.wait_for_any()
        shown = []
        for layer in MAPS:
            page.map_place(layer, 0)
            shown.append([page.browser.picture(one).tobytes() for one in page.maps(layer)[:4]])
        pictures.append(shown)
    for layer, one, other in zip(MAPS, *pictures, strict=True):
        assert one != other, f"no map of {layer} changed"


def shown_numbers(text: str) -> list[tuple[float, float]]:
    """The numbers in a text, without their signs, and half a unit of their last decimals."""
    found = []
    for token in re.findall(r"\d+(?:\.\d+)?(?:e[-−+]?\d+)?", text.replace("\u2009", "")):
        mantissa, _, exponent = token.replace("−", "-").partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
        found.append((float(token.replace("−", "-")), 0.5 * 10.0**-decimals))
    return found


def missing_numbers(text: str, expected: np.ndarray) -> list[float]:
    """The expected numbers that are not in the text, rounded to two significant digits or more."""
    shown = shown_numbers(text)

    def is_shown(number: float) -> bool:
        return any(
            abs(one - abs(number)) <= half + 1e-4 * abs(number)
            and (half < 0.006 or half < 0.006 * one or number == round(number))
            for one, half in shown
        )

    return [float(number) for number in np.ravel(expected) if not is_shown(number)]


def computation_of(
    weights: KerasActivations,
    activations: Activations,
    image: np.ndarray,
    layer: str,
    number: int,
    y: int,
    x: int,
) -> list[np.ndarray]:
    """The numbers that must be shown for one value; the last is the value."""
    if layer == "input":
        return [image[y, x], activations.input[y, x]]
    if layer == "logits":
        products = activations.pooled[2].ravel() * weights.dense[:, number]
        return [np.sort(np.abs(products))[-3:], activations.logits[number]]
    place = 2 if layer == "last" else int(layer[-1]) - 1
    if layer.startswith("pool"):
        size = weights.pools[place]
        rows, columns = slice(y * size, (y + 1) * size), slice(x * size, (x + 1) * size)
        window = activations.normalized[place][rows, columns, number]
        return [window, activations.pooled[place][y, x, number]]
    before = activations.pooled[place - 1] if place else activations.input[..., None]
    window = np.pad(before, ((1, 1), (1, 1), (0, 0)))[y : y + 3, x : x + 3]
    kernel = weights.convolutions[place].kernel[..., number]
    products = window * kernel
    single = [window, kernel, products] if place == 0 else []
    return [*single, products.sum(), activations.normalized[place][y, x, number]]


def values_of(activations: Activations, layer: str) -> np.ndarray:
    """The values that a layer's maps show, (height, width, maps)."""
    if layer == "input":
        return activations.input[..., None]
    if layer == "logits":
        return activations.logits[None, None]
    if layer == "last":
        return activations.normalized[2]
    kind = activations.normalized if layer.startswith("conv") else activations.pooled
    return kind[int(layer[-1]) - 1]


def choose_and_check(
    page: ReaderPage,
    weights: KerasActivations,
    image: np.ndarray,
    layer: str,
    number: int,
    *,
    tap: bool,
) -> None:
    """Choose a map's largest value that is not at its edge; its computation must be right."""
    activations = weights.activations(image)
    values = values_of(activations, layer)[..., number]
    side = len(values)
    inner = values[1:-1, 1:-1] if side > 2 else values
    row, column = (int(at) + (side > 2) for at in np.unravel_index(inner.argmax(), inner.shape))
    before = page.computation()
    place = page.map_place(layer, number, (row + 0.5) / side, (column + 0.5) / side)
    page.browser.tap(place) if tap else page.browser.stroke([place])
    page.until(lambda: page.computation() != before, f"the computation of a value of {layer}")
    text = page.computation()

    def missing(y: int, x: int) -> list[float]:
        numbers = computation_of(weights, activations, image, layer, number, y, x)
        return missing_numbers(text, np.concatenate([np.ravel(one) for one in numbers]))

    # A finger may meet the neighbour; then the neighbour's numbers must be right.
    near = [
        (y, x)
        for y in range(max(0, row - 1), min(side, row + 2))
        for x in range(max(0, column - 1), min(side, column + 2))
    ]
    right = any(not missing(*one) for one in [(row, column), *near])
    if layer == "last" and not right:  # the page shows the largest of each map
        right = not missing_numbers(text, np.append(values, activations.pooled[2][0, 0, number]))
    assert right, f"{missing(row, column)} are not in {text!r}"
    if layer.startswith("conv"):
        convolution = weights.convolutions[int(layer[-1]) - 1]
        folded = [convolution.scale, convolution.shift]
        stored = [convolution.gamma, convolution.beta, convolution.mean, convolution.variance]
        assert any(
            not missing_numbers(text, np.array([one[number] for one in parameters]))
            for parameters in (folded, stored)
        ), f"no normalization in {text!r}"


@needs_chromium
@pytest.mark.parametrize(
    "tap",
    some_of([pytest.param(False, id="click"), pytest.param(True, id="tap")], 1),
)
def test_a_value_shows_its_computation(page, weights, gallery, tap):
    if tap:
        page.browser.screen(390, 844, phone=True)
    page.choose(3)
    page.wait_for_any()
    for layer, count in MAPS.items():
        for number in {count // 3} if tap else {count // 3, count - 1}:
            choose_and_check(page, weights, gallery[3], layer, number, tap=tap)


@needs_chromium
def test_the_computation_follows_the_digit(page, weights, gallery):
    page.choose(3)
    page.wait_for_any()
    page.browser.stroke([page.map_place("logits", 4)])
    old, new = (weights.activations(gallery[number]).logits[4] for number in (3, 8))
    page.until(lambda: not missing_numbers(page.computation(), old), f"the logit {old}")
    page.choose(8)
    page.until(
        lambda: not page.computation().strip() or not missing_numbers(page.computation(), new),
        f"the logit {new} or none",
    )
    assert missing_numbers(page.computation(), old)


# Screens and accessibility


OUTSIDE = """
const wide = document.documentElement.clientWidth, outside = [];
const scrolls = one => one && one !== document.body && one !== document.documentElement
  && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
for (const one of document.querySelectorAll(
    '#drawing, #answer, #computation, [data-layer], [data-digit], button, label, p, h1, h2')) {
  const box = one.getBoundingClientRect();
  if (one.checkVisibility() && box.width > 1 && box.height > 1 && !scrolls(one.parentElement)
      && (box.left < -1 || box.right > wide + 1)) outside.push(one.outerHTML.slice(0, 80));
}
return outside;
"""


@needs_chromium
@pytest.mark.parametrize("width", [360, 390, 1920])
def test_no_width_scrolls_sideways(page, width):
    page.browser.screen(width, 800, phone=width < 500)
    assert page.browser.run("return innerWidth") == width  # a phone zooms out of wider pages
    page.choose(5)
    page.wait_for_any()
    for layer in ("conv2", "logits"):  # the widest computations
        before = page.computation()
        page.browser.stroke([page.map_place(layer, 3)])
        page.until(lambda before=before: page.computation() != before, "a computation")
        sizes = page.browser.run(
            "return [document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert sizes[0] <= sizes[1]
        assert page.browser.run(OUTSIDE) == []
    x, _, wide, high = page.browser.box(page.find("#drawing"))
    assert abs(wide - high) < 2 and 200 <= wide <= width and x >= 0


def luminance(color: np.ndarray) -> float:
    """The relative luminance of red, green and blue, 0 to 255, as WCAG defines it."""
    srgb = np.asarray(color, float) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@needs_chromium
@pytest.mark.thorough
def test_color_schemes_are_light_and_dark_and_ink_has_contrast(page):
    ground = (
        "for (const one of [document.body, document.documentElement]) {"
        "  const color = getComputedStyle(one).backgroundColor;"
        "  if (!/, 0\\)$/.test(color)) return color; } return '';"
    )
    page.clear()
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for(7)
    for scheme in ("light", "dark", "light"):  # while the page is open
        page.browser.media(scheme=scheme)
        color = page.browser.run(ground) or "rgb(255, 255, 255)"
        light = luminance([float(one) for one in re.findall(r"[\d.]+", color)[:3]])
        assert light < 0.1 if scheme == "dark" else light > 0.7, color
        assert page.browser.run(
            "return matchMedia(`(prefers-color-scheme: ${arguments[0]})`).matches", scheme
        )
        picture = page.browser.picture(page.find("#drawing"))
        gray = picture.mean(axis=2)
        # The brightest and darkest hundredth: ink and paper, whichever is which.
        low, high = np.percentile(gray, [1, 99])
        ends = [picture[gray <= low].mean(axis=0), picture[gray >= high].mean(axis=0)]
        darker, lighter = (luminance(end) for end in ends)
        assert (lighter + 0.05) / (darker + 0.05) > 4.5, scheme


@needs_chromium
def test_nothing_moves_with_reduced_motion(page):
    page.browser.media(reduced_motion=True)
    page.choose(4)
    page.wait_for_any()
    moving = """
        const seconds = text => Math.max(...text.split(',').map(parseFloat));
        return [...document.querySelectorAll('*')].filter(one => {
          const style = getComputedStyle(one);
          return seconds(style.transitionDuration) > 0.01 || style.scrollBehavior === 'smooth'
            || (style.animationName !== 'none' && seconds(style.animationDuration) > 0.01);
        }).map(one => one.outerHTML.slice(0, 80)).concat(document.getAnimations().map(String));
        """
    # What had begun to move before comes to its end.
    page.until(lambda: page.browser.run(moving) == [], "nothing that moves")


WATCH_FOCUS = """
window.focused = [];
document.addEventListener('focusin', event => window.focused.push(event.target));
document.activeElement?.blur();
"""


@pytest.mark.thorough
@needs_chromium
def test_tab_reaches_every_control(fresh_page):
    fresh_page.clear()
    fresh_page.draw(7, 0.5, 0.25, 0.25)  # so that Undo and Clear have something to do
    fresh_page.wait_for(7)
    fresh_page.browser.run(WATCH_FOCUS)
    for _ in range(12):
        fresh_page.browser.press(*["TAB"] * 50)
        if fresh_page.browser.run("return new Set(focused).size < focused.length"):  # once around
            break
    else:
        pytest.fail("600 steps do not lead around the page")
    lost = fresh_page.browser.run(
        """
        const groups = new Set(focused.filter(one => one.type === 'radio').map(one => one.name));
        return [...document.querySelectorAll('button, input, select, a[href], summary, [tabindex]')]
          .filter(one => one.checkVisibility() && one.tabIndex >= 0 && !one.disabled)
          .filter(one => one.type !== 'radio' || !groups.has(one.name))
          .filter(one => !focused.includes(one)).map(one => one.outerHTML.slice(0, 80));
        """
    )
    assert lost == []
    for name in ("undo", "clear"):
        button = fresh_page.button(name)
        assert fresh_page.browser.run("return focused.includes(arguments[0])", button), name
    inside = "return focused.some(one => one.closest(arguments[0]))"
    for part in ("#gallery", *LAYER.values()):
        assert fresh_page.browser.run(inside, part), f"{part} is not reached"
    # The file input itself, or a button that opens it.
    assert fresh_page.browser.run(
        "return focused.some(one => one.type === 'file' || one.localName === 'button'"
        " && /picture|file|photo|image/i.test(one.ariaLabel || one.innerText))"
    )


@needs_chromium
def test_focus_is_visible(page):
    page.choose(2)
    page.wait_for_any()
    page.browser.press("TAB")  # the keyboard is in use
    styles_of = """
        const [element, focus] = arguments;
        element.focus({preventScroll: true});
        if (!focus) element.blur();
        return [element, element.labels?.[0]].filter(Boolean).map(part => {
          const style = getComputedStyle(part);
          return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor,
                  style.backgroundColor];
        }).join();
    """
    for element in (page.button("clear"), page.all(GALLERY)[1], page.maps("conv1")[1]):
        without, focused = (page.browser.run(styles_of, element, focus) for focus in (False, True))
        assert without != focused, element.get_attribute("outerHTML")[:80]


@needs_chromium
def test_a_digit_of_the_gallery_is_chosen_by_keyboard(fresh_page, network, gallery):
    predicted = keras_logits(network, gallery).argmax(axis=1)
    fresh_page.clear()
    fresh_page.browser.run(WATCH_FOCUS)
    for _ in range(300):
        fresh_page.browser.press("TAB")
        if fresh_page.browser.run("return !!document.activeElement.closest('#gallery')"):
            break
    for _ in range(3):  # an arrow moves within a group, Tab between buttons
        fresh_page.browser.press("ARROW_RIGHT")
        if fresh_page.digit() is None:
            fresh_page.browser.press("SPACE")
    number = fresh_page.browser.run(
        "const one = document.activeElement;"
        "return [...document.querySelectorAll(arguments[0])].indexOf(one);",
        GALLERY,
    )
    assert number >= 0
    fresh_page.wait_for(int(predicted[number]))
    fresh_page.browser.press("TAB")  # leads out of the gallery, however many digits it has
    assert fresh_page.browser.run("return !document.activeElement.closest('#gallery')")


@needs_chromium
def test_a_value_of_a_map_is_chosen_by_keyboard(page):
    page.choose(3)
    page.wait_for_any()
    for previous, layer in (("input", "conv1"), ("last", "logits")):
        before = page.computation()
        page.browser.run("arguments[0].focus()", page.maps(previous)[-1])
        for _ in range(60):
            page.browser.press("TAB")
            if page.browser.run(
                "return !!document.activeElement.closest(arguments[0])", LAYER[layer]
            ):
                break
        page.browser.press("ENTER")
        page.until(lambda before=before: page.computation() != before, f"a value of {layer}")
        assert len(shown_numbers(page.computation())) >= 3
    # Within a map, the arrows lead from value to value.
    page.browser.run("arguments[0].focus()", page.maps("pool1")[0])
    page.browser.press("ENTER")
    seen = {page.computation()}
    for key in ("ARROW_RIGHT", "ARROW_DOWN", "ARROW_DOWN"):
        page.browser.press(key, "ENTER")
        page.until(lambda seen=seen: page.computation() not in seen, "another value")
        seen.add(page.computation())


@needs_chromium
def test_a_screen_reader_gets_names_and_the_prediction(page):
    for selector in ("#drawing", "input[type=file]", GALLERY, "[data-map]"):
        shown = [one for one in page.all(selector) if one.is_displayed()]
        names = [one.accessible_name for one in shown[:20]]
        assert names and all(name.strip() for name in names), selector
        if selector != "input[type=file]" and len(names) > 1:
            assert len(set(names)) > 1, f"all of {selector} are named {names[0]}"
    live = page.browser.run(
        "const answer = document.getElementById('answer');"
        "const live = '[aria-live=polite], [aria-live=assertive], [role=status], output';"
        "return !!(answer.closest(live) || answer.querySelector(live));"
    )
    assert live, "the answer is not announced"
    assert page.browser.run("return document.documentElement.lang")


@needs_chromium
@pytest.mark.parametrize(
    ("scheme", "width"), some_of([pytest.param("light", 1280), pytest.param("dark", 390)], 1)
)
def test_axe_finds_no_serious_violation(page, scheme, width):
    page.browser.screen(width, phone=width == 390)
    page.browser.media(scheme=scheme)
    assert page.browser.accessibility_violations() == []
    page.choose(5)
    page.wait_for_any()
    before = page.computation()
    page.browser.stroke([page.map_place("conv1", 3)])
    page.until(lambda: page.computation() != before, "a computation")
    assert page.browser.accessibility_violations() == []


# Untrusted names


NAMES = (
    'x"><img src=x onerror=alert(1)>',
    "<!--<script>x'-(window.injected=1)-'${window.injected=1}`+(window.injected=1)+`\\u0022",
)
COUNT = "return [document.querySelectorAll('*').length, document.querySelectorAll('img').length]"


@pytest.mark.thorough
@needs_chromium
@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_and_layers_inject_nothing(browser, reader, network, data, tmp_path, name):
    model, digits = tmp_path / f"{name}.keras", tmp_path / f"{name}.npz"
    configuration = network.get_config()
    for layer in configuration["layers"]:
        layer["config"]["name"] = f"{name} {layer['config']['name']}"
    configuration["name"] = name
    try:
        keras.Sequential.from_config(configuration).save(model)
        shutil.copy(data, digits)
    except OSError:
        pytest.skip("the file system does not allow such a name")
    browser.open(reader)
    plain = browser.run(COUNT)
    path = tmp_path / "reader.html"
    click_run("digits", model, "--data", digits, "-o", path, "--samples", SAMPLES)
    browser.open(path)
    page = ReaderPage(browser)
    page.choose(0)
    page.wait_for_any()
    assert browser.run("return typeof window.injected") == "undefined"
    assert browser.run("return document.querySelectorAll('[onerror], [src=x]').length") == 0
    browser.open(path)
    assert np.abs(np.subtract(browser.run(COUNT), plain)).max() <= 2
    assert browser.console() == [] and browser.requests() == []


@needs_chromium
def test_the_name_of_a_picture_injects_nothing(fresh_page, tmp_path):
    good = tmp_path / '"><img src=x onerror=window.injected=1>.png'
    bad = tmp_path / '<img src=x onerror="window.injected=1">.png'
    color(four((160, 200), 8)).save(good)
    bad.write_bytes(b"hello")
    run = fresh_page.browser.run
    before = run("return document.body.innerText")
    fresh_page.give(bad)
    fresh_page.until(lambda: run("return document.body.innerText") != before, "a message")
    fresh_page.give(good)
    fresh_page.wait_for(4)
    assert run("return typeof window.injected") == "undefined"
    assert run("return document.querySelectorAll('[onerror], [src=x]').length") == 0


# Accuracy


@pytest.mark.thorough
@needs_chromium
def test_digits_anywhere_and_of_any_size_are_classified(page, network, digits):
    images, labels = digits
    noise = np.random.default_rng(3)
    predicted = keras_logits(network, images).argmax(axis=1)
    picked = noise.permutation(np.flatnonzero(predicted == labels))[:40]
    size = page.browser.run(
        "const c = document.getElementById('drawing');return [c.width, c.height]"
    )
    results = page.read([placed(images[index], tuple(size), noise) for index in picked])
    correct = [one["digit"] == labels[index] for one, index in zip(results, picked, strict=True)]
    assert np.mean(correct) >= 0.95
    # Digit, probabilities and pixels belong together.
    results = [one for one in results if one["digit"] is not None]
    pixels = np.array([one["pixels"] for one in results], float).reshape(-1, 28, 28)
    probabilities = np.array([one["probabilities"] for one in results], float)
    np.testing.assert_allclose(probabilities, softmax(keras_logits(network, pixels)), atol=1e-3)
    assert [one["digit"] for one in results] == probabilities.argmax(axis=1).tolist()


@pytest.mark.thorough
@needs_chromium
def test_any_picture_is_converted_to_mnists_format_as_by_predict(page, digits):
    noise = np.random.default_rng(4)
    pictures = [
        placed(digits[0][index], tuple(map(int, noise.integers(40, 500, 2))), noise, share)
        for index, share in zip(
            noise.permutation(len(digits[0]))[:30], np.linspace(0.15, 0.95, 30), strict=True
        )
    ]
    expected = [prepared(Image.fromarray(picture)).ravel().astype(float) for picture in pictures]
    converted = [np.array(one["pixels"], float) for one in page.read(pictures)]
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(expected, converted, strict=True)]
    assert np.median(correlations) > 0.97 and np.mean(np.array(correlations) > 0.85) > 0.9
    for pixels in converted:
        assert pixels.shape == (784,) and pixels.min() >= 0 and pixels.max() <= 255
