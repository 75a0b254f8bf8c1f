"""A browser that opens the pages of exercises."""

from __future__ import annotations

import pytest
from oracles.browser import Browser

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.page.web_page import write_page


@pytest.fixture
def opened(browser, tmp_path):
    """A function that writes the page of an exercise and opens it."""

    def write_and_open(exercise: Exercise | str, link: str = "") -> Browser:
        loaded = load_exercise(exercise) if isinstance(exercise, str) else exercise
        path = tmp_path / "exercise.html"
        write_page(loaded, path)
        browser.open(path)
        if link:
            browser.driver.get("about:blank")
            browser.driver.get(f"{path.resolve().as_uri()}#{link}")
        return browser

    yield write_and_open
    assert browser.console() == []
    assert browser.requests() == []
