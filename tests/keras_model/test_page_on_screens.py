"""The page at the sizes of phones and windows: what is selected is explained where one looks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.reader_controls import MAPS, ReaderPage, fresh_reader, write_sample_page
from fixtures.sampling import some_of
from oracles.browser import Browser

UPRIGHT, LANDSCAPE, SMALL_LANDSCAPE = (390, 844), (844, 390), (740, 360)
WIDE = (1400, 900)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "reader.html"
    write_sample_page(path, every=50)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[ReaderPage]:
    """The page; each test sets the size of the screen. It prints nothing and requests nothing."""
    with fresh_reader(browser, file) as opened:
        yield opened


# Where an element is in the viewport: left, top, right, bottom, not scrolled to.
WHERE = """
const box = arguments[0].getBoundingClientRect();
return [box.left, box.top, box.right, box.bottom];
"""
# What lies on top at an element's middle: the element itself, its parts, or what covers it.
ON_TOP = """
const box = arguments[0].getBoundingClientRect();
const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
return arguments[0].contains(top);
"""
MAP_PLACES = """
return [...document.querySelectorAll('[data-map]')].map(map => {
  const {left, top, width, height} = map.getBoundingClientRect();
  return [left + scrollX, top + scrollY, width, height, scrollY];
});
"""


def select_a_value(page: ReaderPage, layer: str, number: int, *, tap: bool) -> None:
    before = page.computation()
    place = page.map_place(layer, number)
    page.browser.tap(place) if tap else page.browser.stroke([place])
    page.until(lambda: page.computation() != before, f"the computation of a value of {layer}")


@pytest.mark.thorough
def test_on_a_small_phone_that_lies_the_computation_is_beside_the_maps(page: ReaderPage) -> None:
    width, height = SMALL_LANDSCAPE
    page.browser.screen(width, height, phone=True)
    page.choose(3)
    select_a_value(page, "conv2", 5, tap=True)
    left, top, right, bottom = page.browser.run(WHERE, page.find("#computation"))
    _, _, map_right, _ = page.browser.run(WHERE, page.maps("conv2")[5])
    assert map_right <= left and right <= width
    assert bottom - top > 0.8 * height


@pytest.mark.parametrize(
    "screen",
    some_of([pytest.param(UPRIGHT, id="upright"), pytest.param(LANDSCAPE, id="landscape")], 1),
)
def test_on_a_phone_the_computation_of_a_tapped_value_is_seen_at_once(
    page: ReaderPage, screen: tuple[int, int]
) -> None:
    width, height = screen
    page.browser.screen(width, height, phone=True)
    page.choose(3)
    for layer, count in MAPS.items():
        number = count // 2
        select_a_value(page, layer, number, tap=True)
        panel = page.find("#computation")
        left, top, right, bottom = page.browser.run(WHERE, panel)
        assert left >= 0 and right <= width and top >= 0 and bottom <= height
        assert bottom - top >= 100 and page.browser.run(ON_TOP, panel)
        # The value that was tapped is seen, too: the panel does not cover it.
        selected = page.maps(layer)[number]
        _, above, _, below = page.browser.run(WHERE, selected)
        assert above >= 0 and below <= height and page.browser.run(ON_TOP, selected)
        # What the value is comes first, without scrolling inside the panel.
        name = page.browser.run(
            WHERE, page.browser.run("return arguments[0].querySelector('h3')", panel)
        )
        assert name[1] >= top and name[3] <= bottom


def test_on_a_phone_the_computation_is_closed_by_a_button_and_by_escape(page: ReaderPage) -> None:
    page.browser.screen(*UPRIGHT, phone=True)
    page.choose(3)
    for close in (
        lambda: page.browser.tap(
            (lambda box: (box[0] + box[2] / 2, box[1] + box[3] / 2))(
                page.browser.box(page.button("close"))
            )
        ),
        lambda: page.browser.press("ESCAPE"),
    ):
        select_a_value(page, "conv1", 2, tap=True)
        close()
        page.until(lambda: not page.computation(), "no computation")


@pytest.mark.thorough
@pytest.mark.parametrize("width", [1400, 1024])
def test_in_a_wide_window_no_map_moves_when_a_value_is_selected(
    page: ReaderPage, width: int
) -> None:
    page.browser.screen(width, 900)
    page.choose(3)
    for layer in ("conv1", "conv2", "logits", "input"):
        page.map_place(layer, 0)
        before = page.browser.run(MAP_PLACES)
        place = page.browser.run(
            "const box = arguments[0].getBoundingClientRect();return [box.left + 9, box.top + 9];",
            page.maps(layer)[0],
        )
        shown = page.computation()
        page.browser.stroke([place])
        page.until(lambda shown=shown: page.computation() != shown, "a computation")
        assert page.browser.run(MAP_PLACES) == before
        left, top, right, _ = page.browser.run(WHERE, page.find("#computation"))
        assert 0 <= top < 900 - 240 and right <= width  # its first lines are seen
        assert left > max(x + w for x, _, w, *_ in before)  # beside the maps


@pytest.mark.parametrize("screen", some_of([UPRIGHT, LANDSCAPE, WIDE], 2))
def test_the_rows_of_a_layer_are_about_equally_long(
    page: ReaderPage, screen: tuple[int, int]
) -> None:
    page.browser.screen(*screen, phone=screen != WIDE)
    page.choose(3)
    layers = page.browser.run(
        "return [...document.querySelectorAll('.maps, #gallery')].map(group =>"
        " [...group.children].map(({ offsetTop, offsetWidth }) => [offsetTop, offsetWidth]));"
    )
    assert len(layers) == len(MAPS) + 2  # the page shows the last convolution, and the gallery
    for squares in layers:
        rows = list(Counter(top for top, _ in squares).values())
        assert rows[0] - rows[-1] < len(rows)
        assert min(width for _, width in squares) >= 28
    zero, scale = (page.find(name).rect for name in (".legend .zero", "#scale"))
    assert abs(zero["x"] + zero["width"] / 2 - scale["x"] - scale["width"] / 2) < 1


def test_in_landscape_the_drawing_and_its_answer_are_seen_together(page: ReaderPage) -> None:
    page.browser.screen(*LANDSCAPE, phone=True)
    page.choose(3)
    drawing, answer, *others = (
        page.find(name) for name in ("#drawing", "#answer", "h1", "#probabilities", "#message")
    )
    # So are what the page is and all buttons, without scrolling.
    for element in (drawing, answer, *others, *page.all(".tools > :not(.hidden)")):
        left, top, right, bottom = page.browser.run(WHERE, element)
        assert left >= 0 and top >= 0 and right <= 844 and bottom <= 390
    assert page.browser.run(WHERE, answer)[0] >= page.browser.run(WHERE, drawing)[2]


@pytest.mark.thorough
def test_in_a_wide_window_the_computation_stays_when_another_digit_is_drawn(
    page: ReaderPage,
) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    select_a_value(page, "conv1", 5, tap=False)
    name = page.computation().split("row")[0]
    page.clear()
    assert name not in page.computation()
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for_any()
    assert name in page.computation()
    page.browser.press("ESCAPE")  # closed, it stays closed
    page.clear()
    page.draw(7, 0.6, 0.2, 0.2)
    page.wait_for_any()
    assert name not in page.computation()


@pytest.mark.thorough
def test_the_value_under_a_mouse_is_shown_beside_it(page: ReaderPage) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    place = page.map_place("conv1", 5)
    page.browser.stroke([place])
    readout = page.find("#readout")
    value = page.find("#computation .result-value").text
    assert page.browser.run("return arguments[0].innerText", readout) == value
    left, _, right, bottom = page.browser.run(WHERE, readout)
    assert bottom <= place[1] < bottom + 30 and left < place[0] < right
    x, y, *_ = page.browser.box(page.find("h2"))
    page.browser.stroke([(x, y)])
    assert not readout.is_displayed()


@pytest.mark.thorough
def test_upright_the_drawing_and_its_answer_are_seen_together(page: ReaderPage) -> None:
    page.browser.screen(*UPRIGHT, phone=True)
    page.choose(3)
    for name in ("#drawing", "#answer", "#probabilities"):
        _, top, _, bottom = page.browser.run(WHERE, page.find(name))
        assert top >= 0 and bottom <= 844, name


def test_controls_are_large_enough_for_a_finger(page: ReaderPage) -> None:
    page.browser.screen(*UPRIGHT, phone=True)
    page.choose(3)
    small = page.browser.run(
        """
        return [...document.querySelectorAll('button:not([data-map]), .button')]
          .filter(one => one.checkVisibility())
          .filter(one => {
            const {width, height} = one.getBoundingClientRect();
            return width < 40 || height < 40;
          }).map(one => one.outerHTML.slice(0, 80));
        """
    )
    assert small == []


def test_a_phone_offers_its_camera_and_a_desk_does_not(page: ReaderPage) -> None:
    camera = page.find("input[type=file][capture]")
    assert camera.get_attribute("capture") == "environment"
    assert camera.get_attribute("accept") == "image/*"
    assert page.browser.run("return !arguments[0].capture", page.find("input[type=file]"))
    label = page.browser.run("return arguments[0].labels[0]", camera)
    for width, height, phone in ((*UPRIGHT, True), (*WIDE, False)):
        page.browser.screen(width, height, phone=phone)
        assert label.is_displayed() == phone


@pytest.mark.thorough
def test_the_colors_have_a_legend_and_follow_the_scheme(page: ReaderPage) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    select_a_value(page, "conv1", 5, tap=False)
    legend = page.browser.run(
        "return document.querySelector('.legend').innerText.replace(/\\s+/g, ' ')"
    )
    assert all(word in legend for word in ("negative", "0", "positive"))
    shown = []
    for scheme in ("light", "dark"):
        page.browser.media(scheme=scheme)
        page.map_place("conv1", 0)
        shown.append(page.browser.picture(page.maps("conv1")[0]))
    light, dark = shown
    assert light.mean() > dark.mean() + 40  # 0 has the color of the paper
    # Where the reader's colors replace the page's, bars and selected maps are still seen.
    forced = [{"name": "forced-colors", "value": "active"}]
    page.browser.command("Emulation.setEmulatedMedia", features=forced)
    bar, map_style, other = page.browser.run(
        "return ['.best .bar > div', '.map.selected .framed', '.map .framed'].map((selector) => {"
        " const style = getComputedStyle(document.querySelector(selector));"
        " return [style.backgroundColor, style.outlineWidth]; });"
    )
    page.browser.media()
    assert bar[0] != "rgb(255, 255, 255)" and map_style[1] != other[1]


@pytest.mark.thorough
def test_the_values_that_a_value_is_computed_from_are_marked(page: ReaderPage) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    marked = (
        "return [...document.querySelectorAll('[data-map]')]"
        ".filter(map => map.querySelector('.source')?.checkVisibility())"
        ".map(map => `${map.closest('[data-layer]').dataset.layer} ${map.dataset.map}`);"
    )
    select_a_value(page, "conv1", 5, tap=False)
    assert page.browser.run(marked) == ["input 0"]
    select_a_value(page, "pool1", 5, tap=False)
    assert page.browser.run(marked) == ["conv1 5"]
    # Of a maximum, the one value that is taken is marked, too.
    window = page.find("#computation .grid").text.split()
    (taken,) = page.all("#computation .taken")
    assert len(window) == 4 and float(taken.text.replace("−", "-")) == max(
        float(number.replace("−", "-")) for number in window
    )
    select_a_value(page, "conv2", 5, tap=False)
    assert page.browser.run(marked) == [f"pool1 {number}" for number in range(16)]


@pytest.mark.thorough
def test_a_window_under_the_mouse_points_at_the_map_that_it_is_from(page: ReaderPage) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    select_a_value(page, "conv2", 5, tap=False)
    pointed_at = (
        "return [...document.querySelectorAll('.map.pointed-at')]"
        ".map(map => `${map.closest('[data-layer]').dataset.layer} ${map.dataset.map}`);"
    )
    window = page.all("#computation .windows")[2]
    x, y, width, height = page.browser.box(window)
    page.browser.stroke([(x + width / 2, y + height / 2)])
    assert page.browser.run(pointed_at) == ["pool1 2"]
    page.browser.stroke([(20, 20)])
    assert page.browser.run(pointed_at) == []


def test_without_a_digit_the_page_says_where_the_layers_will_be(page: ReaderPage) -> None:
    page.browser.screen(*WIDE)
    page.choose(3)
    page.clear()
    assert not page.find("#layers").is_displayed()
    assert "Draw a digit" in page.computation() and "map" not in page.computation()


@pytest.mark.thorough
def test_upright_the_answer_stays_in_its_place(page: ReaderPage) -> None:
    page.browser.screen(*UPRIGHT, phone=True)
    page.choose(3)
    page.clear()
    places = []
    for draw in (
        lambda: None,
        lambda: page.draw(7, 0.6, 0.2, 0.2),
        lambda: page.draw(1, 0.9, 0, 0),
    ):
        draw()
        page.browser.run("scrollTo(0, 0)")
        places.append([page.browser.run(WHERE, page.find(name))[1]
                       for name in (".prediction", "#probabilities")])  # fmt: skip
    assert places[0] == places[1] == places[2] and len(set(places[0])) == 1


@pytest.mark.thorough
def test_the_notice_that_no_script_runs_stands_apart(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    html = file.read_text(encoding="utf-8")
    blocked = tmp_path / "blocked.html"
    blocked.write_text(re.sub(r"script-src '[^']*'", "script-src 'none'", html), encoding="utf-8")
    browser.screen(*UPRIGHT, phone=True)
    browser.open(blocked)
    lead, notice = (
        browser.driver.find_element("css selector", name).rect for name in (".lead", "#not-running")
    )
    assert notice["y"] - lead["y"] - lead["height"] >= 8
    browser.console()  # says that the script is blocked
    browser.close_page()


def test_what_cannot_be_used_on_paper_is_not_printed(page: ReaderPage) -> None:
    page.choose(3)
    printed = ("#drawing", "#answer", "#layers")
    controls = ("#gallery", ".tools button", "details")
    page.browser.command("Emulation.setEmulatedMedia", media="print")
    shown = [name for name in (*printed, *controls) if page.find(name).is_displayed()]
    page.browser.command("Emulation.setEmulatedMedia", media="")
    assert shown == list(printed)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("scheme", "screen"),
    [("light", UPRIGHT), ("dark", LANDSCAPE), ("dark", WIDE)],
    ids=["light upright", "dark landscape", "dark wide"],
)
def test_axe_finds_nothing_with_a_computation_shown(
    page: ReaderPage, scheme: str, screen: tuple[int, int]
) -> None:
    is_phone = screen != WIDE
    page.browser.screen(*screen, phone=is_phone)
    page.browser.media(scheme=scheme)
    page.choose(3)
    for layer in ("conv2", "logits"):
        select_a_value(page, layer, 4, tap=is_phone)
        assert page.browser.accessibility_violations() == []
