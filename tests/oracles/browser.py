"""A headless Chromium that opens one local page, and what the page prints, requests and shows."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

try:
    import selenium_axe_python
    from selenium import webdriver
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
AVAILABLE = None not in (webdriver, CHROMIUM, CHROMEDRIVER)
needs_chromium = pytest.mark.skipif(
    not AVAILABLE, reason="Chromium, its driver or selenium is not installed"
)

Point = tuple[float, float]

# Chromium cannot use its sandbox as root or without user namespaces. It opens local pages only.
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--force-color-profile=srgb", "--window-size=1280,900",
)  # fmt: skip


class Browser:
    """One tab of a Chromium."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._page = ""

    def open(self, page: Path) -> None:
        """Load a file from its path, and discard earlier console messages and requests."""
        self._page = page.resolve().as_uri()
        self.driver.get("about:blank")
        self.console()
        self.driver.get_log("performance")
        self.driver.get(self._page)

    def is_open(self, page: Path) -> bool:
        """Whether this file is the page that is loaded."""
        return self.driver.current_url == page.resolve().as_uri()

    def close_page(self) -> None:
        """Leave the page, with everything that a test changed in it."""
        self.driver.get("about:blank")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script and return its result; a promise is awaited."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """Return the errors and warnings printed to the console since the last call."""
        return [
            f"{entry['level']}: {entry['message']}"
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self) -> list[str]:
        """Return the URLs requested since the last call, except the page and its data URLs."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                urls.append(message["params"]["url"])
        own = (self._page, "data:", "blob:", "about:")
        return [url for url in urls if not url.startswith(own)]

    def command(self, name: str, **parameters: Any) -> Any:
        """Run a command of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def screen(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        """Set the size of the viewport, and wait until the page is laid out for it.

        Args:
            phone: touch, and three device pixels per CSS pixel.
        """
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=3 if phone else 1, mobile=phone,
        )  # fmt: skip
        self.command("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.wait_for_frame()

    def wait_for_frame(self) -> None:
        """Wait until a frame is laid out after all changes, its observers of sizes included.

        A ResizeObserver is called after the callbacks of its frame: the next frame's come later.
        """
        self.run(
            "return new Promise((done) =>"
            " requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));"
        )

    def media(self, *, scheme: str = "light", reduced_motion: bool = False) -> None:
        """Set the user's preferences: a ``light`` or ``dark`` color scheme, and reduced motion."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {
                "name": "prefers-reduced-motion",
                "value": "reduce" if reduced_motion else "no-preference",
            },
        ]
        self.command("Emulation.setEmulatedMedia", features=features)

    def stroke(self, points: Sequence[Point], kind: str = "mouse", *, release: bool = True) -> None:
        """Press at the first point of the viewport, move to each of the others, and release.

        Args:
            kind: ``mouse`` or ``pen``.
        """
        pointer = PointerInput(kind, kind)
        actions = ActionBuilder(self.driver, mouse=pointer, duration=1)
        first, *others = points
        actions.pointer_action.move_to_location(*map(round, first)).pointer_down()
        for x, y in others:
            actions.pointer_action.move_to_location(round(x), round(y))
        if release:
            actions.pointer_action.pointer_up()
        actions.perform()

    def release(self) -> None:
        """Release all pressed buttons and keys."""
        ActionBuilder(self.driver).clear_actions()

    def touch(self, points: Sequence[Point]) -> None:
        """Touch the first point, move to each of the others, and lift the finger."""
        for number, (x, y) in enumerate(points):
            kind = "touchMove" if number else "touchStart"
            self.command("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def tap(self, point: Point) -> None:
        """Touch one point."""
        self.touch([point])

    def drop(self, file: Path, point: Point) -> None:
        """Drag a file from outside the browser and drop it at a point of the viewport."""
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.command(
                "Input.dispatchDragEvent", type=kind, x=point[0], y=point[1], data=data
            )  # fmt: skip

    def press(self, *keys: str) -> None:
        """Press keys by name: ``press("TAB", "ENTER")``."""
        actions = ActionBuilder(self.driver)
        for key in keys:
            code = getattr(Keys, key)
            actions.key_action.key_down(code).key_up(code)
        actions.perform()

    def box(self, element: Any) -> tuple[float, float, float, float]:
        """Scroll an element into view; return its left, top, width and height on the screen."""
        return tuple(
            self.run(
                "arguments[0].scrollIntoView({block: 'center', inline: 'center',"
                " behavior: 'instant'});"
                "const box = arguments[0].getBoundingClientRect();"
                "return [box.left, box.top, box.width, box.height];",
                element,
            )
        )

    def picture(self, element: Any) -> np.ndarray:
        """Return a screenshot of an element, (height, width, 3), 0 to 255."""
        with Image.open(io.BytesIO(element.screenshot_as_png)) as png:
            return np.asarray(png.convert("RGB"), float)

    def accessibility_violations(self) -> list[str]:
        """Return the serious and critical violations that axe-core finds, one line each."""
        folder = Path(selenium_axe_python.__file__).parent
        (script,) = folder.rglob("axe.min.js")
        self.run(script.read_text(encoding="utf-8"))
        found = self.run("return axe.run(document, {resultTypes: ['violations']});")
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start a Chromium with a new profile and close it at the end. Nothing is downloaded."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=CHROMEDRIVER)
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.set_script_timeout(60)
            yield Browser(driver)
        finally:
            driver.quit()


def along(points: Iterable[Point], step: float = 6) -> list[Point]:
    """Return points along a polyline, at most ``step`` pixels apart."""
    points = [np.array(point, float) for point in points]
    drawn = [tuple(points[0])]
    for start, end in itertools.pairwise(points):
        count = max(1, int(np.ceil(np.linalg.norm(end - start) / step)))
        drawn += [tuple(start + (end - start) * part / count) for part in range(1, count + 1)]
    return [(float(x), float(y)) for x, y in drawn]
