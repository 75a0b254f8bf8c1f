"""Try it yourself: numbers are hidden, typed, and judged; a typical mistake is recognized."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fixtures.exercise_pages import press
from fixtures.random_exercises import parse, random_data
from oracles.browser import Browser, needs_chromium

from backprop_sheet.audit.diagnose.mistakes import simple_mistakes
from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.page.mistakes import mistakes_script
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import names

pytestmark = needs_chromium

VALUE = "return exercisePage.rowsOf(exercisePage.state.iteration)[0][arguments[0]];"


def hide(browser: Browser, what: str) -> None:
    browser.run(f"document.querySelector('[name=practice][value=\"{what}\"]').click();")
    press(browser)


def answered(browser: Browser, name: str, text: str) -> str:
    """What the page says of a typed number."""
    browser.run("exercisePage.change({ selected: arguments[0] });", name)
    press(browser)
    field = browser.driver.find_element("id", "answer")
    field.clear()
    field.send_keys(text, "\n")
    press(browser)
    return browser.run("return document.getElementById('panel-added').textContent;")


def shown(browser: Browser) -> dict[str, str]:
    return dict(
        browser.run("""
            return [...document.querySelectorAll("#network .item")].map(
              (item) => [item.dataset.name, item.querySelector(".value").textContent]);
        """)
    )


def of_many_inputs() -> Exercise:
    """Its weighted sums have 69 names, and the derivatives of its activations over 80."""
    network = {"neurons": [34, 2, 17], "activations": ["tanh", "sigmoid"], "bias": "neuron"}
    data = random_data(random.Random(60), network, optimizer="sgd")
    data["training"]["loss"] = "half_squared_error"
    data["samples"] = data["samples"][:1]
    return parse(data)


def longest_and_some(equations: list[Equation]) -> list[Equation]:
    """The ten with the most names, and of the others at most about 40, evenly spaced."""
    by_length = sorted(equations, key=lambda equation: -len(set(names(equation.rhs))))
    return [*by_length[:10], *by_length[10 :: len(by_length) // 40 + 1]]


QUICK = ("course", "xor")
OTHERS = [name for name in [*packaged_exercises(), "many inputs"] if name not in QUICK]


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.thorough) for name in OTHERS)]
)
def test_the_number_of_a_mistake_shows_its_cause(name: str, opened):
    exercise = of_many_inputs() if name == "many inputs" else load_exercise(name)
    system = system_of(exercise)
    row = {
        key: float(value[0, 0]) for key, value in next(descend(exercise, system, [1], 0)).items()
    }
    typed: list[tuple[str, str, set[str]]] = []
    computed = [
        equation
        for equation in system.equations
        if equation.step is not Step.UPDATE and equation.name in row
    ]
    for equation in longest_and_some(computed):
        mistakes = [
            mistake
            for mistake in simple_mistakes(system, equation.rhs)
            if all(used.key in row for used in names(mistake.expression))
        ]
        with np.errstate(all="ignore"):
            values = np.array([float(evaluate(each.expression, row)) for each in mistakes])
        for value in values[:25]:
            if (
                np.isfinite(value)
                and abs(value) > 1e-9
                and not np.isclose(value, row[equation.name], rtol=1e-4)
            ):
                same = np.flatnonzero(np.isclose(values, value, rtol=1e-6))
                causes = {mistakes[index].cause for index in same}
                typed.append((equation.name, f"{value:#.9g}", causes))
    assert len(typed) > (30 if name == "linear" else 100)
    browser = opened(exercise)
    press(browser, "forward")
    said = browser.run(
        "return arguments[0].map(([name, text]) => judge(name, text).text);",
        [each[:2] for each in typed],
    )
    for (quantity, text, _), answer in zip(typed, said, strict=True):
        assert answer.startswith("Not yet. Likely cause: "), (quantity, text)
    known = sum(
        answer.removeprefix("Not yet. Likely cause: ").removesuffix(".") in causes
        for (_, _, causes), answer in zip(typed, said, strict=True)
    )
    assert known >= 0.97 * len(typed)  # other mistakes can give the same number


def test_a_right_number_is_found_and_a_wrong_one_is_not(opened):
    browser = opened("mazur")
    hide(browser, "gradients")
    right = browser.run(VALUE, "∂E/∂w5")
    assert shown(browser)["∂E/∂w5"] == "?" and shown(browser)["a_o1"] != "?"
    assert "wrong sign: t1 - a_o1 instead of a_o1 - t1" in answered(
        browser, "∂E/∂w5", f"{-right:.8f}"
    )
    assert "Not yet." in answered(browser, "∂E/∂w5", "0.5")
    assert "three significant digits" in answered(browser, "∂E/∂w5", f"{right:.2f}")
    assert "Type a number" in answered(browser, "∂E/∂w5", "x")
    assert shown(browser)["∂E/∂w5"] == "?"
    assert "found this number" in answered(browser, "∂E/∂w5", f"{right:.3e}".replace(".", ","))
    assert shown(browser)["∂E/∂w5"] != "?"
    assert browser.run("return document.getElementById('practice-progress').textContent;") == (
        "1 of 10 numbers found"
    )
    browser.run("exercisePage.change({ iteration: 1, done: 21 });")
    press(browser)
    assert shown(browser)["∂E/∂w5"] == "?"


def test_no_number_is_right_where_a_training_has_left_the_numbers(opened):
    browser = opened("course")
    browser.run("Object.assign(rowNow(), { E1: Infinity, o1: NaN });")
    for name in ("E1", "o1"):
        said = browser.run("return judge(arguments[0], '5');", name)
        assert said["kind"] == "" and "diverged" in said["text"]


def test_hidden_numbers_stand_nowhere(opened):
    """Neither the drawing nor the panel nor the tables show a hidden number, all hints open."""
    browser = opened("mazur")
    browser.run("document.getElementById('tables').open = true;")
    hide(browser, "all")
    given = {"w", "b", "i", "t", "η"}
    row = browser.run("return exercisePage.rowsOf(0)[0];")
    hidden = {
        f"{value:.4g}".replace("-", "−")
        for name, value in row.items()
        if name[0] not in given and name not in ("iteration", "sample")
    }
    hidden = {text for text in hidden if len(text.strip("0.−")) > 3}
    for name in ("a_h1", "∂E/∂w1", "∂E/∂w5", "w5", "E_total"):
        browser.run("exercisePage.change({ selected: arguments[0] });", name)
        for _ in range(3):
            press(browser)
            browser.run("document.querySelector('.hint')?.click();")
        press(browser)
        text = browser.run("""
            return ["network", "panel", "tables"].map(
              (id) => document.getElementById(id).textContent).join(" ");
        """)
        assert [each for each in hidden if each in text] == [], name


def test_three_hints_lead_to_the_number(opened):
    browser = opened("mazur")
    hide(browser, "gradients")
    browser.run("document.getElementById('practice-next').click();")
    press(browser)
    name = browser.run("return exercisePage.state.selected;")
    assert name == "∂E/∂w5"
    seen = []
    for _ in range(4):
        button = browser.driver.find_element("css selector", "#panel .hint")
        seen.append(button.text)
        button.click()
        press(browser)
    assert seen == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Show the number"]
    assert shown(browser)[name] != "?"


def test_the_mode_is_in_the_link_and_its_answers_are_not(opened):
    browser = opened("course")
    hide(browser, "gradients")
    answered(browser, "∂E/∂w5", "0.123")
    link = browser.run("return exercisePage.link();")
    assert "practice=gradients" in link and "0.123" not in link
    again = opened("course", link)
    assert shown(again)["∂E/∂w5"] == "?"


def test_there_are_no_serious_violations_of_accessibility(opened):
    browser = opened("mazur")
    hide(browser, "gradients")
    answered(browser, "∂E/∂w5", "0.5")
    assert browser.accessibility_violations() == []


def test_the_script_keeps_to_its_room():
    for room in (5_000, 30_000):
        script = mistakes_script(system_of(load_exercise("softmax")), room)
        assert 0.7 * room < len(script.encode()) < room + 3_000


def test_hiding_shows_the_weights_from_which_the_gradients_follow(opened):
    """Those before the update, also when the update is shown."""
    browser = opened("mazur")
    browser.run("exercisePage.change({ done: 1000 });")
    press(browser)
    assert shown(browser)["w5"] != "0.4"
    hide(browser, "gradients")
    assert shown(browser)["w5"] == "0.4" and shown(browser)["∂E/∂w5"] == "?"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_next_number_stands_beside_the_network(width: int, opened):
    """With Enter alone one answers and goes on; network and panel are in the window."""
    from selenium.webdriver.common.keys import Keys

    browser = opened("course")
    browser.screen(width, 844, phone=width < 700)
    try:
        hide(browser, "gradients")
        browser.run("scrollTo(0, document.body.scrollHeight);")
        browser.run("document.getElementById('practice-next').focus();")
        for expected in ("∂E/∂w5", "∂E/∂w6"):
            browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
            for _ in range(3):
                press(browser)
            assert browser.run("return exercisePage.state.selected;") == expected
            top, bottom, below = browser.run("""
                const item = document.querySelector(`.item.selected`).getBoundingClientRect();
                const answer = document.getElementById("answer").getBoundingClientRect();
                return [Math.min(item.top, answer.top), item.bottom, answer.bottom];
            """)
            assert top >= 0 and bottom < 844 and below < 844
            field = browser.driver.find_element("id", "answer")
            if width > 700:
                assert browser.run("return document.activeElement.id;") == "answer"
            field.send_keys(str(browser.run(VALUE, expected)), Keys.ENTER)
            for _ in range(3):
                press(browser)
            assert browser.run("return document.activeElement.textContent;") == "Next number"
    finally:
        browser.screen(1280)
