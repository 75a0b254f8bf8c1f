"""An exercise as a web page: in Chromium, its numbers are those of gradient descent in Python."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
import random
import re
from typing import Any

import numpy as np
import openpyxl
import pytest
from fixtures.commands import click_run
from fixtures.exercise_pages import press
from fixtures.random_exercises import OPTIMIZERS, parse, random_data
from fixtures.sampling import some_of
from oracles.browser import Browser, needs_chromium

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.explanation.iteration_values import iteration_values
from backprop_sheet.page.data import page_data
from backprop_sheet.page.filling import filled_down
from backprop_sheet.page.web_page import write_page

pytestmark = needs_chromium
MAX_BYTES = 300_000
ITERATIONS = 20
NUMBERS = """
const { rowsOf, change, state } = exercisePage;
change({ rate: arguments[0] });
return Array.from({ length: arguments[1] + 1 }, (_, n) => rowsOf(n));
"""


def assert_same_numbers(exercise: Exercise, browser: Browser) -> None:
    """Every number of every row, at the first and the last learning rate."""
    system = system_of(exercise)
    last = min(ITERATIONS, exercise.training.iterations)
    for rate in {exercise.training.learning_rates[0], exercise.training.learning_rates[-1]}:
        shown = browser.run(NUMBERS, rate, last)
        for n, rows in enumerate(descend(exercise, system, [rate], last)):
            for name, column in rows.items():
                values = [row[name] for row in shown[n]]
                assert values == pytest.approx(column[0], rel=1e-12, abs=1e-12), (rate, n, name)


@pytest.mark.parametrize("name", some_of(["course", "softmax"], 1))
def test_the_numbers_are_those_of_gradient_descent(name: str, opened):
    exercise = load_exercise(name)
    assert_same_numbers(exercise, opened(exercise))


@pytest.mark.thorough
@pytest.mark.parametrize("name", packaged_exercises())
def test_the_numbers_of_every_packaged_exercise(name: str, opened):
    exercise = load_exercise(name)
    assert_same_numbers(exercise, opened(exercise))


@pytest.mark.thorough
def test_the_numbers_of_random_exercises(opened):
    generator = random.Random(24)
    for number in range(100):
        kind = list(OPTIMIZERS)[number % len(OPTIMIZERS)]
        rates = {"learning_rates": [0.01, 0.1], "iterations": ITERATIONS}
        exercise = parse(random_data(generator, **OPTIMIZERS[kind], **rates))
        browser = opened(exercise)
        assert_same_numbers(exercise, browser)
        assert_factors_multiply_out(browser)
        if number < 2 * len(OPTIMIZERS):
            assert_written_numbers(exercise, browser, 2)


PRODUCTS = """
const { exercise, rowsOf, factor } = exercisePage;
return Object.entries(exercise.quantities).filter(([, each]) => each.paths).flatMap(
  ([name, { paths }]) => rowsOf(5).map((row) => [row[name], paths.map((path) =>
    path.map((label) => (label in row ? row[label] : factor(label, row)))
      .reduce((a, b) => a * b)).reduce((a, b) => a + b)]));
"""


def assert_factors_multiply_out(browser: Browser) -> None:
    """The sum of the products of the factors is the derivative."""
    products = browser.run(PRODUCTS)
    assert products
    for value, product in products:
        assert product == pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", ["course", "softmax"])
def test_the_factors_of_every_chain_rule_multiply_out(name: str, opened):
    assert_factors_multiply_out(opened(name))


@pytest.mark.thorough
@pytest.mark.parametrize("name", packaged_exercises())
def test_the_factors_multiply_out_in_every_packaged_exercise(name: str, opened):
    assert_factors_multiply_out(opened(name))


def test_the_factors_are_those_of_the_derivation(opened):
    exercise = load_exercise("mazur")
    values = iteration_values(exercise, system_of(exercise), 3)
    shown = opened(exercise).run("""
        const { exercise, rowsOf, factor } = exercisePage;
        return Object.fromEntries(Object.keys(exercise.factors).map(
          (label) => [label, factor(label, rowsOf(3)[0])]));
    """)
    assert shown == pytest.approx({name: values.quantities[name] for name in shown}, rel=1e-12)
    assert len(shown) == 18


WRITTEN = """
document.getElementById("tables").open = true;
exercisePage.change({ iteration: arguments[0], done: 10000, sample: arguments[1] });
return new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const cells = [...document.querySelectorAll("#tables button.quantity, #network .item")];
  done(cells.map((cell) => [
    cell.dataset.name, (cell.querySelector(".value") ?? cell).textContent,
    cell.closest("#tables") ? 1e-9 : 6e-3]));
})));
"""


def assert_written_numbers(exercise: Exercise, browser: Browser, iterations: int) -> None:
    """Every number that is written in the tables and in the drawing.

    All equations but the last one are computed, so all parameters but one are the new ones.
    """
    system = system_of(exercise)
    last = system.equations[-1].name
    rate = exercise.training.learning_rates[0]
    rows = list(descend(exercise, system, [rate], iterations + 1))
    for n in range(iterations + 1):
        sample = n % system.rows_per_iteration
        shown = browser.run(WRITTEN, n, sample)
        assert {name for name, _, _ in shown} >= set(system.columns) - set(system.states)
        for name, text, tolerance in shown:
            if name not in rows[n]:
                continue  # a derivative without a column
            number = float(text.replace("−", "-"))
            at = n + 1 if name in system.updates and name != last else n
            expected = rows[at][name][0, sample]
            assert number == pytest.approx(expected, rel=tolerance, abs=1e-15), (n, name)


def test_the_written_numbers_are_those_of_gradient_descent(opened):
    exercise = load_exercise("xor")
    assert_written_numbers(exercise, opened(exercise), 3)


@pytest.mark.thorough
@pytest.mark.parametrize("name", packaged_exercises())
def test_the_written_numbers_of_every_packaged_exercise(name: str, opened):
    exercise = load_exercise(name)
    assert_written_numbers(exercise, opened(exercise), ITERATIONS)


FUNCTIONS = {
    "σ": lambda x: 1 / (1 + math.exp(-x)), "tanh": math.tanh, "exp": math.exp, "ln": math.log,
    "relu": lambda x: max(0.0, x), "step": lambda x: float(x > 0), "sqrt": math.sqrt,
    "__builtins__": {},
}  # fmt: skip


@pytest.mark.parametrize("name", ["relu", "softmax", "adam"])
def test_the_numbers_put_in_give_the_result(name: str, opened):
    """Each line with numbers is arithmetic: parentheses, signs and powers are right."""
    browser = opened(name)
    browser.run("exercisePage.change({ iteration: 4, done: 10000 });")
    lines = browser.run("""
        return Object.keys(quantities).flatMap((name) =>
          [explainNumbers(name), explainFactors(name)?.lastChild]
            .filter(Boolean).map((element) => element.textContent));
    """)
    checked = 0
    for line in lines:
        _, *sides = re.split("[=←]", line)
        values = [eval(_arithmetic(side), FUNCTIONS) for side in sides]
        assert values == pytest.approx([values[-1]] * len(values), rel=1e-7, abs=1e-12), line
        checked += len(values) > 1
    assert checked > 20


def _arithmetic(text: str) -> str:
    """A side of a line as Python: only numbers, signs and the functions above."""
    assert re.fullmatch(r"[\d.e+−*/^()², ½σa-z\u2009]+", text), text
    for printed, typed in (("−", "-"), ("²", "**2"), ("^", "**"), ("½", "0.5"), ("\u2009", "")):
        text = text.replace(printed, typed)
    return text.strip()


# --- time -----------------------------------------------------------------------------------------

SHOWN = """
const items = [...document.querySelectorAll("#network .item")];
return items.map((item) => `${item.dataset.name} ${item.querySelector(".value").textContent}`);
"""


def test_every_number_is_in_the_drawing_after_the_backward_pass(opened):
    for name in ("course", "mazur", "xor"):
        browser = opened(name)
        press(browser, "forward")
        shown = dict(text.split(" ", 1) for text in browser.run(SHOWN))
        system = system_of(load_exercise(name))
        drawn = {each for each in system.quantities if each not in ("∂E/∂o1",)}
        assert drawn <= set(shown)
        rows = next(descend(load_exercise(name), system, [1.0], 0))
        for column, text in shown.items():
            expected = rows[column][0, 0] if column in rows else None
            number = float(text.replace("−", "-"))
            if expected is not None:
                assert number == pytest.approx(expected, rel=6e-3, abs=1e-12), column


def test_back_and_rewind_lead_to_the_same_numbers(opened):
    browser = opened("adam")
    press(browser, "rewind")
    start = browser.run(SHOWN)
    seen = []
    for _ in range(8):
        seen.append(browser.run(SHOWN))
        press(browser, "forward")
    for expected in reversed(seen):
        press(browser, "back")
        assert browser.run(SHOWN) == expected
    exact = browser.run("return JSON.stringify(exercisePage.rowsOf(0));")
    browser.run("exercisePage.change({ iteration: 100, done: 3 });")
    press(browser)
    press(browser, "rewind")
    assert browser.run(SHOWN) == start
    assert browser.run("return JSON.stringify(exercisePage.rowsOf(0));") == exact


def test_an_update_shows_the_parameters_of_the_next_iteration(opened):
    browser = opened("course")
    press(browser, "phase-2")
    assert browser.run("return [exercisePage.state.iteration, exercisePage.state.done];") == [1, 0]
    old, new = browser.run("""
        exercisePage.change({ iteration: 0, done: 100 });
        return [exercisePage.rowsOf(0)[0].w8, exercisePage.valueOf("w8")];
    """)
    system = system_of(load_exercise("course"))
    first, second = descend(load_exercise("course"), system, [0.1], 1)
    assert old == first["w8"][0, 0]
    assert browser.run("return exercisePage.updated(0).w8;") == pytest.approx(
        second["w8"][0, 0], rel=1e-12
    )
    assert new in (old, pytest.approx(second["w8"][0, 0], rel=1e-12))


def test_it_runs_and_pauses(opened):
    browser = opened("course")
    browser.run("document.getElementById('speed').value = 'fastest';")
    press(browser, "play")
    browser.run("""
        return new Promise((done) => {
          const wait = () => (exercisePage.state.iteration >= 3 ? done() : setTimeout(wait, 10));
          wait();
        });
    """)
    press(browser, "play")
    assert not browser.run("return exercisePage.state.isPlaying;")


# --- the panel ------------------------------------------------------------------------------------


def test_a_click_shows_equation_chain_rule_numbers_and_words(opened):
    browser = opened("mazur")
    press(browser, "forward")
    browser.driver.find_element("css selector", '.item[data-name="∂E/∂w5"]').click()
    press(browser)
    text = re.sub(r"\s+", "", browser.run("return document.getElementById('panel').textContent;"))
    assert "∂E/∂w5=(ao1−t1)*ao1*(1−ao1)*ah1" in text
    assert "∂E/∂w5=∂E1/∂ao1*∂ao1/∂o1*∂o1/∂w5" in text
    assert "0.7413650696*0.1868156018*0.5932699921=0.08216704056" in text
    assert "affectstheerroronlythrough" in text


def test_equation_by_equation_the_panel_explains_each(opened):
    browser = opened("xor")
    press(browser, "rewind")
    browser.run("exercisePage.change({ grain: 'equation' });")
    press(browser)
    for equation in system_of(load_exercise("xor")).equations[:-1]:
        press(browser, "forward")
        assert browser.run("return exercisePage.state.selected;") == equation.name
        [marked] = browser.run("""
            return [[...document.querySelectorAll(".item.active")].map((i) => i.dataset.name)];
        """)
        assert equation.name in marked
        assert not browser.run(
            "return document.getElementById('panel').textContent.includes('not computed');"
        ), equation.name


def test_the_tangent_has_the_slope_of_the_gradient(opened):
    """In the plot of E_total by a weight, the tangent is that of the curve beside it."""
    browser = opened("mazur")
    browser.run("exercisePage.change({ done: 21, selected: '∂E/∂w7' });")
    press(browser)
    curve, tangent, point = browser.run("""
        const plot = document.querySelector(".plot");
        const shape = (name) => plot.querySelector(name).getAttribute("d");
        const dot = plot.querySelector(".point");
        return [shape(".function"), shape(".tangent"),
          [dot.getAttribute("cx"), dot.getAttribute("cy")].map(Number)];
    """)
    xs, ys = np.array(re.findall(r"([\d.-]+) ([\d.-]+)", curve), float).T
    (x1, y1), (x2, y2) = np.array(re.findall(r"([\d.-]+) ([\d.-]+)", tangent), float)
    at = len(xs) // 2
    slope = (ys[at + 8] - ys[at - 8]) / (xs[at + 8] - xs[at - 8])
    assert (y2 - y1) / (x2 - x1) == pytest.approx(slope, rel=0.03)
    assert [xs[at], ys[at]] == pytest.approx(point, abs=0.2)


def test_keys_select_and_move_in_the_drawing(opened):
    browser = opened("course")
    browser.run("document.querySelector('#network .item[tabindex=\"0\"]').focus();")
    keys = "return document.activeElement.dataset.name;"
    from selenium.webdriver.common.keys import Keys

    active = browser.driver.switch_to.active_element
    active.send_keys(Keys.ARROW_DOWN)
    assert browser.run(keys) == "i2"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    press(browser)
    assert browser.run("return exercisePage.state.selected;") == "i2"


def touched(browser: Browser, points: list[tuple[float, float]]) -> None:
    """Touch the first point, move to the others, and let go."""
    for kind, at in [("touchStart", points[0]), *(("touchMove", point) for point in points[1:])]:
        browser.command(
            "Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": at[0], "y": at[1]}]
        )
    browser.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    press(browser)


PLACE = """
const item = document.querySelector(`.item[data-name="${arguments[0]}"]`);
item.scrollIntoView({ block: "center" });
const { x, y, width, height } = item.getBoundingClientRect();
return [x + width / 2, y + height / 2];
"""


def test_on_a_phone_a_touch_selects_and_a_drag_changes(opened):
    browser = opened("mazur")
    browser.screen(390, 844, phone=True)
    try:
        press(browser, "forward")
        touched(browser, [tuple(browser.run(PLACE, "∂E/∂w2"))])
        assert browser.run("return exercisePage.state.selected;") == "∂E/∂w2"
        panel = "return document.getElementById('panel').getBoundingClientRect().top;"
        item = browser.run(PLACE.replace("item.scrollIntoView", "//"), "∂E/∂w2")
        assert item[1] < browser.run(panel) < 844  # the panel does not cover the number
        press(browser, "panel-close")
        x, y = browser.run(PLACE, "w2")
        touched(browser, [(x, y), (x - 30, y), (x - 60, y)])
        assert browser.run("return exercisePage.state.given.parameters.w2;") < 0.2
    finally:
        browser.screen(1280)


def test_the_controls_work_with_the_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened("xor")
    browser.run("document.getElementById('forward').focus();")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    press(browser)
    assert browser.run("return exercisePage.state.done;") == len(
        [each for each in system_of(load_exercise("xor")).equations if each.step != "Update"]
    )
    for name, expected in (("iteration", "iteration"), ("equation", "equation")):
        browser.run(f"document.querySelector('[value={name}]').focus();")
        browser.driver.switch_to.active_element.send_keys(Keys.SPACE)
        press(browser)
        assert browser.run("return exercisePage.state.grain;") == expected
    browser.run("document.getElementById('iteration').focus();")
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT * 3)
    press(browser)
    assert browser.run("return exercisePage.state.iteration;") == 3
    browser.driver.find_element("id", "own-rate").send_keys(Keys.CONTROL, "a")
    browser.driver.find_element("id", "own-rate").send_keys("0,25", Keys.ENTER)
    press(browser)
    assert browser.run("return exercisePage.state.rate;") == 0.25
    assert "0.25" in browser.run("return document.getElementById('legend').textContent;")


# --- changing what is given -----------------------------------------------------------------------


def typed(browser: Browser, name: str, text: str) -> None:
    browser.run("exercisePage.change({ selected: arguments[0] });", name)
    press(browser)
    field = browser.driver.find_element("id", "start-value")
    field.clear()
    field.send_keys(text)
    press(browser)


def test_typed_values_are_those_of_the_exercise_with_these_values(opened):
    browser = opened("course")
    typed(browser, "w3", "-0.75")
    typed(browser, "i1", "0,5")
    changed = with_values(
        load_exercise("course"),
        weights=[0.15, 0.2, -0.75, 0.3, 0.4, 0.45, 0.5, 0.55], inputs=[0.5, 0.1],
    )  # fmt: skip
    assert_same_numbers(changed, browser)


def test_dragging_changes_a_weight(opened):
    browser = opened("course")
    place = browser.run("""
        const { x, y } = document.querySelector('.item[data-name="w1"]').getBoundingClientRect();
        return [x + 10, y + 8];
    """)
    browser.stroke([tuple(place), (place[0] + 20, place[1]), (place[0] + 60, place[1])])
    press(browser)
    changed, selected = browser.run(
        "return [exercisePage.state.given.parameters.w1, exercisePage.state.selected];"
    )
    assert changed > 0.2 and selected == "w1"


def test_the_saved_exercise_is_the_one_that_is_shown(opened):
    for name in ("course", "xor"):
        exercise = load_exercise(name)
        browser = opened(name)
        assert parse_exercise(browser.run("return exercisePage.exerciseFile();")).samples == (
            exercise.samples
        )
        typed(browser, "w2", "0.123")
        saved = parse_exercise(browser.run("return exercisePage.exerciseFile();"))
        assert saved.weights == (exercise.weights[0], 0.123, *exercise.weights[2:])
        assert saved.training.learning_rates == exercise.training.learning_rates


def test_the_saved_table_has_the_numbers_of_the_workbook(opened):
    exercise = with_values(load_exercise("xor"), iterations=7)
    rows = list(csv.DictReader(io.StringIO(opened(exercise).run("return exercisePage.table();"))))
    assert len(rows) == 8 * 4
    expected = list(descend(exercise, system_of(exercise), [2.0], 7))
    for number, row in enumerate(rows):
        for name, text in row.items():
            value = expected[number // 4][name][0, number % 4]
            assert float(text) == pytest.approx(value, rel=1e-12, abs=1e-12)


# --- the link -------------------------------------------------------------------------------------


def test_the_link_leads_to_the_same_moment_and_values(opened):
    browser = opened("xor")
    typed(browser, "w2", "0.5")
    typed(browser, "i1", "0.25")
    browser.run("exercisePage.change({ iteration: 12, done: 9, sample: 2, rate: 5 });")
    link = browser.run("return exercisePage.link();")
    before = browser.run("return JSON.stringify([exercisePage.state, exercisePage.rowsOf(12)]);")
    again = opened("xor", link)
    assert (
        again.run("return JSON.stringify([exercisePage.state, exercisePage.rowsOf(12)]);") == before
    )


@pytest.mark.parametrize(
    "link",
    [
        "n=999999&step=999999&sample=999", "n=-1&step=x&lr=-5&show=__proto__&by=constructor",
        "given=w1=1e999;w2=NaN;w99=1;constructor=1;i1=%00;__proto__=3",
        "lr=1e308&scale=%3Cscript%3E",
        "given=" + "w1=1;" * 3000, "n=1" * 30_000, "%E0%A4%A&=&&=",
    ],
)  # fmt: skip
def test_a_hostile_link_changes_nothing_that_is_not_allowed(link: str, opened):
    browser = opened("course", link)
    state = browser.run("return exercisePage.state;")
    assert 0 <= state["iteration"] <= 100
    assert state["rate"] in (0.1, 0.2, 0.5, 0.8, 1, 2)
    assert set(state["given"]["parameters"]) == {f"w{n}" for n in range(1, 9)}
    assert all(abs(value) <= 1 for value in state["given"]["parameters"].values())
    assert state["selected"] == ""


HOSTILE = [
    "practice=__proto__", "practice=all&step=0&show=∂E/∂w1", "practice=gradients&step=99999&n=7",
    "practice=all&show=toString&by=iteration", "sample=0", "sample=99&n=100&step=5", "sample=-1",
    "n=1e3", "n=0x10&step=-5", "by=equation&step=3&n=100", "by=phases", "scale=log&scale=linear",
    "given=9.i1=5;0.i1=3;1.i1=0.7;1.t1=5e9;1.w1=3;i1=4;b1=-1e999;w1=--1", "given=w1=1;w1=2;=;;=1",
    "given=1.__proto__=1;constructor=2", "lr=0", "lr=-0", "lr=Infinity", "lr=1e-300", "lr=1e300",
    "lr=0,5&show=η", "show=%F0%9F%98%80&n=%00", "show=<img src=x onerror=alert(1)>", "=&=&#&#n=3",
]  # fmt: skip
BROKEN = """
const { state, exercise } = exercisePage;
const { parameters, samples } = state.given;
const values = [...Object.values(parameters), ...samples.flat(2)];
const rows = exercise.isBatch ? samples.length : 1;
return Object.entries({
  iteration: Number.isInteger(state.iteration) &&
    within(0, state.iteration, exercise.iterations) === state.iteration,
  done: Number.isInteger(state.done) && state.done >= 0 && state.done < EQUATIONS.length,
  sample: Number.isInteger(state.sample) && state.sample >= 0 && state.sample < rows,
  rate: isAllowedRate(state.rate), selected: !state.selected || state.selected in quantities,
  grain: ["equation", "phase", "iteration"].includes(state.grain),
  scale: ["linear", "log"].includes(state.scale),
  mode: Object.keys(PRACTICE_KINDS).includes(practice.mode),
  given: Object.keys(parameters).join() === exercise.parameters.join() &&
    samples.length === exercise.samples.length && values.every(Number.isFinite),
  drawn: document.querySelectorAll("#network .item").length > 5,
  nothingElse: document.images.length === 0 && {}.constructor === Object,
}).filter(([, isFine]) => isFine === false).map(([name]) => name);
"""


@pytest.mark.parametrize("name", some_of(["softmax", "linear"], 1))
def test_hostile_links_leave_the_page_as_it_can_be(name: str, opened):
    """In all modes: the state is one that the controls can reach, too."""
    browser = opened(name)
    for link in HOSTILE:
        browser.run("location.hash = arguments[0]; dispatchEvent(new Event('hashchange'));", link)
        press(browser)
        assert browser.run(BROKEN) == [], link
    browser.run("location.hash = ''; dispatchEvent(new Event('hashchange'));")
    assert browser.run("return [exercisePage.link(), practice.mode];") == ["", ""]


def test_the_saved_table_is_right_for_check_with_the_saved_exercise(opened, tmp_path):
    """Opened in a spreadsheet and saved as a workbook."""
    browser = opened(with_values(load_exercise("softmax"), iterations=7))
    typed(browser, "w2", "0.123")
    typed(browser, "i1", "-0.7")
    browser.run("setRate(0.037);")
    (tmp_path / "saved.toml").write_text(browser.run("return exercisePage.exerciseFile();"))
    book = openpyxl.Workbook()
    head, *rows = csv.reader(io.StringIO(browser.run("return exercisePage.table();")))
    book.active.append(head)
    for row in rows:
        book.active.append([float(text) for text in row])
    book.save(tmp_path / "saved.xlsx")
    said = click_run("check", tmp_path / "saved.xlsx", "--exercise", tmp_path / "saved.toml")
    assert said.startswith("RIGHT") and "48 rows, η = 0.037" in said
    click_run("sheet", "--exercise", tmp_path / "saved.toml", "-o", tmp_path / "again.html")


def test_the_map_has_the_outputs_for_the_inputs(opened):
    """After training, the map of XOR has the color of its target at each sample."""
    browser = opened("xor")
    browser.run("exercisePage.change({ iteration: 1000, rate: 10 });")
    press(browser)
    pixels = browser.run("""
        const canvas = document.querySelector("#map canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.width, Array.from(data)];
    """)
    side, data = pixels
    colors = np.array(data).reshape(side, side, 4)
    for sample in load_exercise("xor").samples:
        across, up = (round((0.25 + value) / 1.5 * side) for value in sample.inputs)
        red, _, blue, _ = colors[side - 1 - up, across]
        assert (red > blue) == (sample.targets[0] == 1), sample


def test_one_input_is_drawn_as_a_curve_and_a_single_sample_not_at_all(opened):
    browser = opened("linear")
    press(browser)
    assert browser.run("return document.querySelectorAll('#map circle').length;") == 4
    assert browser.run("return document.querySelectorAll('#map path.curve').length;") == 1
    assert opened("course").run("return document.getElementById('map-figure').hidden;")


# --- the page -------------------------------------------------------------------------------------


def test_a_diverging_training_is_shown_as_such(opened):
    exercise = with_values(load_exercise("linear"), learning_rates=[0.01, 5.0])
    browser = opened(exercise)
    browser.run("exercisePage.change({ rate: 5, scale: 'log' });")
    press(browser)
    browser.run("return new Promise((done) => setTimeout(done, 300));")
    assert "η = 5 diverges" in browser.run("return document.getElementById('chart').textContent;")
    assert browser.run("return !document.getElementById('diverging').hidden;")
    shapes = browser.run(
        "return [...document.querySelectorAll('#chart .curve')].map((c) => c.getAttribute('d'));"
    )
    assert len(shapes) == 2 and not any("NaN" in shape for shape in shapes)


@pytest.mark.parametrize("scheme", some_of(["light", "dark"], 1))
def test_there_are_no_serious_violations_of_accessibility(scheme: str, opened):
    browser = opened("mazur")
    browser.media(scheme=scheme, reduced_motion=True)
    browser.run("document.getElementById('tables').open = true;")
    browser.run("exercisePage.change({ selected: '∂E/∂w1', done: 30 });")
    press(browser)
    try:
        assert browser.accessibility_violations() == []
    finally:
        browser.media()


@pytest.mark.parametrize("width", [360, 1920])
def test_nothing_is_wider_than_the_window(width: int, opened):
    browser = opened("xor")
    browser.screen(width, phone=width < 700)
    try:
        press(browser)
        assert browser.run("return document.documentElement.scrollWidth;") <= width
    finally:
        browser.screen(1280)


def test_the_policy_allows_only_the_style_and_the_script(tmp_path):
    write_page(load_exercise("course"), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    for kind in ("style", "script"):
        [text] = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_a_title_cannot_leave_its_place(opened):
    data: dict[str, Any] = random_data(random.Random(1))
    data["title"] = '</script><script>document.title = "x"</script><!-- {w1} @style@'
    browser = opened(parse(data))
    assert browser.run("return document.title;") == data["title"]


@pytest.mark.parametrize(
    ("neurons", "output"),
    [
        ([64, 1, 64], "sigmoid"),
        pytest.param([64, 1, 4, 16], "softmax", marks=pytest.mark.thorough),
        pytest.param([12, 12, 3], "softmax", marks=pytest.mark.thorough),
        pytest.param([5, 5, 5, 5, 5, 5], "sigmoid", marks=pytest.mark.thorough),
        pytest.param([9, 16], "softmax", marks=pytest.mark.thorough),
        pytest.param([4, 4, 4, 4, 4, 16], "softmax", marks=pytest.mark.thorough),
    ],
)
def test_the_largest_exercises_fit_into_300_kilobytes(neurons: list[int], output: str, tmp_path):
    """With as many samples, learning rates and digits as are allowed."""
    generator = random.Random(5)
    activations = ["tanh"] * (len(neurons) - 2) + [output]
    bias = "none" if neurons == [64, 1, 64] else "neuron"
    network = {"neurons": neurons, "activations": activations, "bias": bias}
    rates = [generator.uniform(1e-5, 9e-5) for _ in range(255)]
    data = random_data(generator, network, optimizer="adamw", learning_rates=rates)
    data["training"]["loss"] = "half_squared_error"
    data["samples"] = [
        {
            "inputs": [-generator.uniform(1e-5, 9e-5) for _ in range(neurons[0])],
            "targets": [generator.uniform(1e-5, 9e-5) for _ in range(neurons[-1])],
        }
        for _ in range(64)
    ]
    assert write_page(parse(data), tmp_path / "page.html") <= MAX_BYTES


def test_numbers_of_many_digits_are_the_same_on_the_page(opened):
    """They are written as doubles, others as text."""
    generator = random.Random(3)
    exercise = parse(random_data(generator))
    given = [[list(each.inputs), list(each.targets)] for each in exercise.samples]
    assert opened(exercise).run("return exercisePage.exercise.samples;") == given
    assert isinstance(page_data(exercise, system_of(exercise))["samples"], str)
    plain = load_exercise("xor")
    assert isinstance(page_data(plain, system_of(plain))["samples"], list)


def test_rows_that_continue_others_are_the_same_on_the_page(opened):
    generator = random.Random(6)
    lists = [[f"w{n} i{1 + n % width} h{1 + n // width}" for n in range(40)] for width in (1, 3, 8)]
    lists += [[f"h{n}", f"a_h{n}"][turn] for n in range(9) for turn in (0, 1)], [], ["a"], ["1"] * 9
    lists += [["x01", "x02", "x03", "x04"], ["9", "6", "3", "0"], ["1", "2", "4", "8", "16"] * 3]
    lists += [[f"{generator.randrange(4)} {generator.randrange(3)}" for _ in range(200)]]
    lists += [[f"{10**15 + n}" for n in range(9)]]
    written = [filled_down(rows) for rows in lists]
    assert len(json.dumps(written)) < 0.7 * len(json.dumps(lists))
    browser = opened("linear")
    assert browser.run("return arguments[0].map(filledDown);", written) == [*map(list, lists)]


def test_the_command_writes_the_page_with_other_values(tmp_path):
    path = tmp_path / "exercise.html"
    output = click_run("sheet", "--lrs", "0.3", "--iterations", 5, "-o", path)
    assert str(path) in output
    page = path.read_text(encoding="utf-8")
    [data] = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data)["rates"] == [0.3] and json.loads(data)["iterations"] == 5
    click_run("sheet", "-o", path)  # replaces its own page
    output = click_run("sheet", "--iterations", 20_000, "--lrs", "0.1", "-o", path)
    assert "The page has the first 10,000 of 20,000 iterations." in output
    path.write_text("mine")
    assert "exists" in click_run("sheet", "-o", path, code=1)
    click_run("sheet", "--blank", "all", "-o", path, code=2)
