"""The page in windows of all sizes: in Chromium, everything has its place and nothing overlaps."""

from __future__ import annotations

import random

import pytest
from fixtures.exercise_pages import press
from fixtures.random_exercises import OPTIMIZERS, parse, random_data
from oracles.browser import Browser, needs_chromium

from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises

pytestmark = needs_chromium
WIDTHS = (360, 390, 768, 1024, 1366, 1920)


@pytest.fixture
def window(browser):
    """A function that sets the window's size; afterwards, it is as before."""

    def resize(width: int, height: int) -> None:
        browser.screen(width, height, phone=width < 700)
        press(browser)

    yield resize
    browser.screen(1280)
    browser.media()


def four_eight_three() -> Exercise:
    network = {"neurons": [4, 8, 3], "activations": ["tanh", "softmax"], "bias": "neuron"}
    data = random_data(random.Random(24), network, optimizer="adam", learning_rates=[0.01, 0.1])
    data["training"] |= {"update": "batch_mean", "iterations": 20}
    return parse(data)


# The names of the drawing whose number begins before they end, or leaves its card.
OVERLAPS = """
const beside = items.filter(({ group }) => !group.classList.contains("stacked"));
return beside.flatMap(({ name, group }) => {
  const [back, symbol, value] = [...group.children].map((each) => each.getBoundingClientRect());
  const isFine = !value.width || (symbol.right <= value.left && value.right <= back.right);
  return isFine ? [] : [name];
});
"""


def assert_nothing_overlaps(browser: Browser, window, exercise: Exercise | str) -> None:
    for iteration in (0, 7):
        browser.run("exercisePage.change({ iteration: arguments[0], done: 10000 });", iteration)
        for width in WIDTHS:
            window(width, 900)
            press(browser)
            assert browser.run(OVERLAPS) == [], (exercise, iteration, width)


def test_no_number_of_the_drawing_overlaps_its_name(opened, window):
    assert_nothing_overlaps(opened(four_eight_three()), window, "4-8-3")


@pytest.mark.thorough
@pytest.mark.parametrize("name", packaged_exercises())
def test_no_number_overlaps_its_name_in_packaged_exercises(name: str, opened, window):
    assert_nothing_overlaps(opened(name), window, name)


@pytest.mark.thorough
def test_no_number_overlaps_its_name_in_random_exercises(opened, window):
    generator = random.Random(77)
    for kind in OPTIMIZERS:
        data = random_data(generator, **OPTIMIZERS[kind], learning_rates=[0.05], iterations=20)
        assert_nothing_overlaps(opened(parse(data)), window, data["network"])


SEEN = """
const box = (element) => element.getBoundingClientRect();
const [network, panel, item] = [
  $("network"), $("panel"), document.querySelector("#network .item.selected"),
].map(box);
return { width: network.width, bottom: network.bottom, panel: panel.top, item: item.bottom,
  scrolls: $("network").scrollWidth > $("network").clientWidth + 1 };
"""


@pytest.mark.parametrize(
    "size", [(768, 1024), pytest.param((820, 1180), marks=pytest.mark.thorough)]
)
def test_on_an_upright_tablet_the_network_has_the_whole_width(size, opened, window):
    """The panel lies over its end, and never over what is selected."""
    browser = opened("mazur")
    window(*size)
    for name in ("∂E/∂w5", "∂E/∂w4", "E_total"):
        browser.run("exercisePage.change({ done: 21, selected: arguments[0] });", name)
        for _ in range(3):
            press(browser)
        seen = browser.run(SEEN)
        assert seen["width"] > 0.85 * size[0] and not seen["scrolls"]
        assert seen["item"] <= seen["panel"] < size[1] - 200, name


@pytest.mark.parametrize(
    "name", ["mazur", *(pytest.param(each, marks=pytest.mark.thorough) for each in ("adam", "xor"))]
)
def test_on_a_laptop_the_whole_network_is_seen_at_first(name: str, opened, window):
    browser = opened(name)
    window(1366, 768)
    browser.run("exercisePage.change({ selected: 'w1' });")
    press(browser)
    seen = browser.run(SEEN)
    assert seen["bottom"] < 768 and not seen["scrolls"]


def test_a_wide_network_is_shown_from_where_one_reads_it(opened, window):
    """From its inputs, and after the backward pass from its error."""
    browser = opened("deep")
    browser.media(reduced_motion=True)
    window(390, 844)
    press(browser, "rewind", "phase-0")
    places = "return [$('network').scrollLeft, $('network').scrollWidth, innerWidth];"
    left, width, room = browser.run(places)
    assert left == 0 and width > room
    press(browser, "phase-1")
    left, *_ = browser.run(places)
    assert left == pytest.approx(width - room, abs=2)


def test_where_the_system_has_its_own_colors_the_keys_keep_theirs(opened):
    browser = opened("xor")
    forced = [{"name": "forced-colors", "value": "active"}]
    colors = """
        const color = (name) => getComputedStyle(document.querySelector(name)).backgroundColor;
        return [".key-line.plus", ".key-line.minus", ".swatch", "body"].map(color);
    """
    try:
        before = browser.run(colors)
        browser.command("Emulation.setEmulatedMedia", features=forced)
        assert browser.run(colors)[:3] == before[:3]
        assert (
            browser.run("""
            return getComputedStyle(document.querySelector(".phases button")).borderTopStyle;
        """)
            == "solid"
        )
    finally:
        browser.media()


def test_on_paper_there_is_what_can_be_read(opened):
    browser = opened("mazur")
    browser.run("exercisePage.change({ done: 21, selected: '∂E/∂w5' });")
    press(browser)
    try:
        browser.command("Emulation.setEmulatedMedia", media="print")
        shown = browser.run("""
            return ["network", "panel-body", "chart", "legend", "play", "practice", "iteration",
              "keeping"].filter((id) => $(id).getClientRects().length);
        """)
        assert shown == ["network", "panel-body", "chart", "legend"]
        assert browser.run("return document.querySelector('.legend').offsetWidth;") > 0
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")
