"""The page of ``digits -o reader.html``, controlled by tests through the following elements.

- ``#drawing``: a canvas
- ``#answer``: its text starts with the predicted digit, and has no digit without a prediction
- buttons named Undo and Clear, and one file input
- ``#gallery``: one button or radio button per test digit
- ``#probabilities``: ten elements ``[data-digit]``
- ``[data-layer]``: one element per layer, with the layer's maps ``[data-map]`` in order
- ``#computation``: the computation of the selected value
- the functions ``digitReader.logits(pixels)`` and ``digitReader.read(gray, width, height)``, which
  takes a picture of any size, row by row, 0 to 255, and returns ``{digit, probabilities, pixels}``
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from browser import Browser, Point, along
from PIL import Image

# The number of maps of each layer. For the last convolution's 50 maps, the page may show the 3×3
# values or the maximum of each map.
MAPS = {"input": 1, "conv1": 16, "pool1": 16, "conv2": 32, "pool2": 32, "last": 50, "logits": 10}
LAYER = {name: f'[data-layer="{name}"]' for name in MAPS} | {
    "last": '[data-layer="pool3"], [data-layer="conv3"]'
}
GALLERY = "#gallery :is(button, [role=option], [role=radio], input[type=radio])"

# Digits as strokes in a 1×1 square; y increases downward.
STROKES: dict[int, list[list[Point]]] = {
    1: [[(0.5, 0.0), (0.48, 1.0)]],
    2: [
        [
            (0.15, 0.2), (0.3, 0.03), (0.6, 0.0), (0.8, 0.2), (0.7, 0.45), (0.4, 0.75),
            (0.1, 1.0), (0.9, 0.97),
        ]
    ],
    3: [
        [
            (0.2, 0.08), (0.55, 0.0), (0.8, 0.18), (0.65, 0.42), (0.4, 0.48), (0.7, 0.55),
            (0.85, 0.78), (0.55, 1.0), (0.15, 0.92),
        ]
    ],
    4: [[(0.25, 0.0), (0.1, 0.55), (0.9, 0.55)], [(0.75, 0.0), (0.7, 1.0)]],
    7: [[(0.15, 0.05), (0.85, 0.05), (0.45, 1.0)]],
}  # fmt: skip


class ReaderPage:
    """A page that is open in a browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def find(self, selector: str) -> Any:
        """Return the first element that matches a CSS selector."""
        return self.browser.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        """Return all elements that match a CSS selector."""
        return self.browser.driver.find_elements("css selector", selector)

    def until(self, condition: Callable[[], Any], wanted: str, seconds: float = 8) -> Any:
        """Wait until ``condition`` returns a true value, and return it."""
        end = time.monotonic() + seconds
        while not (result := condition()):
            shown = self.answer()
            assert time.monotonic() < end, f"wanted {wanted}; the prediction shown is {shown!r}"
            time.sleep(0.01)
        return result

    # The answer

    def answer(self) -> str:
        """Return the text of the prediction."""
        return self.browser.run("return document.getElementById('answer').innerText")

    def digit(self) -> int | None:
        """Return the predicted digit, or None."""
        found = re.search(r"(?<![\d.,])\d(?![\d.,]|\s*%)", self.answer())
        return found and int(found[0])

    def wait_for(self, digit: int | None) -> None:
        """Wait until this digit, or None, is the prediction."""
        self.until(lambda: self.digit() == digit, f"{digit} as the prediction")

    def wait_for_any(self) -> int:
        """Wait for a prediction and return it."""
        self.until(lambda: self.digit() is not None, "a prediction")
        return self.digit()

    def probabilities(self) -> np.ndarray:
        """Return the ten probabilities that the page shows."""
        rows = self.browser.run(
            "return [...document.querySelectorAll('#probabilities [data-digit]')]"
            ".map(row => [row.dataset.digit, row.innerText]);"
        )
        assert [row[0] for row in rows] == [str(digit) for digit in range(10)]
        shown = [re.findall(r"(\d+(?:\.\d+)?)\s*%", text) for _, text in rows]
        assert all(len(numbers) == 1 for numbers in shown), rows
        return np.array([float(numbers[0]) / 100 for numbers in shown])

    # Input

    def button(self, name: str) -> Any:
        """Return the button with a name."""
        found = self.browser.run(
            "return [...document.querySelectorAll('button')].filter(button =>"
            " new RegExp(`\\\\b${arguments[0]}\\\\b`, 'i').test("
            "button.getAttribute('aria-label') || button.innerText));",
            name,
        )
        assert len(found) == 1, f"{len(found)} buttons are named {name}"
        return found[0]

    def clear(self) -> None:
        """Clear the drawing area."""
        self.button("clear").click()
        self.wait_for(None)

    def strokes(
        self, digit: int, size: float, left: float, top: float, step: float = 12
    ) -> list[list[Point]]:
        """Return a digit's strokes in the viewport; size and position are shares of the canvas."""
        x, y, width, height = self.browser.box(self.find("#drawing"))
        return [
            along([(x + width * (left + size * u), y + height * (top + size * v))
                   for u, v in stroke], step)
            for stroke in STROKES[digit]
        ]  # fmt: skip

    def draw(self, digit: int, size: float, left: float, top: float, kind: str = "mouse") -> None:
        """Draw a digit with a ``mouse``, a ``pen`` or ``touch``."""
        for stroke in self.strokes(digit, size, left, top):
            if kind == "touch":
                self.browser.touch(stroke)
            else:
                self.browser.stroke(stroke, kind)

    def canvas(self) -> str:
        """Return the content of the drawing canvas as a data URL."""
        return self.browser.run("return document.getElementById('drawing').toDataURL()")

    def choose(self, number: int) -> None:
        """Choose a digit of the gallery by its index."""
        item = self.all(GALLERY)[number]
        self.browser.run(
            "const label = arguments[0].labels && arguments[0].labels[0];"
            "(label || arguments[0]).click();",
            item,
        )

    def give(self, file: Path) -> None:
        """Choose a picture file."""
        self.find("input[type=file]").send_keys(str(file))

    # Layers

    def map_place(self, layer: str, number: int, row: float = 0.5, column: float = 0.5) -> Point:
        """Return where a map shows a value; ``row`` and ``column`` are shares of its size."""
        maps = self.maps(layer)
        self.browser.run("arguments[0].closest('details')?.setAttribute('open', '')", maps[number])
        picture = self.browser.run(
            "return arguments[0].querySelector('canvas, svg, img') || arguments[0]", maps[number]
        )
        x, y, width, height = self.browser.box(picture)
        return x + column * width, y + row * height

    def maps(self, layer: str) -> list[Any]:
        """Return the maps of a layer."""
        found = self.browser.run(
            "for (const layer of document.querySelectorAll(arguments[0])) {"
            "  const maps = layer.matches('[data-map]') ? [layer]"
            "    : [...layer.querySelectorAll('[data-map]')];"
            "  if (maps.length) return maps; } return [];",
            LAYER[layer],
        )
        assert len(found) == MAPS[layer], f"{layer} has {len(found)} maps"
        return found

    def computation(self) -> str:
        """Return the text of the computation of the selected value."""
        return self.browser.run(
            "const shown = document.getElementById('computation');"
            "return shown && shown.checkVisibility() ? shown.innerText : '';"
        )

    # Functions

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (n, 10) that the page computes from images (n, 28, 28)."""
        return np.array(
            self.browser.run(
                "return arguments[0].map(pixels => Array.from(digitReader.logits(pixels)));",
                images.reshape(len(images), -1).tolist(),
            ),
            float,
        )

    def read(self, pictures: Sequence[np.ndarray]) -> list[dict[str, Any]]:
        """Return the page's results for gray pictures (height, width), 0 to 255."""
        results = []
        for start in range(0, len(pictures), 25):
            given = [
                (base64.b64encode(np.uint8(picture).tobytes()).decode(), *picture.shape[::-1])
                for picture in pictures[start : start + 25]
            ]
            results += self.browser.run(
                """
                const bytes = text => Uint8Array.from(atob(text), one => one.charCodeAt(0));
                return Promise.all(arguments[0].map(async ([text, width, height]) => {
                  const read = await digitReader.read(bytes(text), width, height);
                  return {digit: read.digit, pixels: Array.from(read.pixels),
                          probabilities: Array.from(read.probabilities)};
                }));
                """,
                given,
            )
        return results


def placed(
    digit: np.ndarray, size: tuple[int, int], rng: np.random.Generator, share: float | None = None
) -> np.ndarray:
    """Return a picture (height, width) with a digit anywhere in it, dark or light ink.

    Args:
        digit: (28, 28), bright ink.
        size: width and height.
        share: the digit's longer side as a share of the picture's shorter side; by default it is
            random between 8 and 90 %.
    """
    share = rng.uniform(0.08, 0.9) if share is None else share
    rows, columns = np.flatnonzero(digit.max(axis=1)), np.flatnonzero(digit.max(axis=0))
    crop = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = share * min(size) / max(crop.size)
    width, height = (max(1, round(side * scale)) for side in crop.size)
    resampling = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[rng.integers(2)]
    page = Image.new("L", size, 0)
    at = (rng.integers(0, size[0] - width + 1), rng.integers(0, size[1] - height + 1))
    page.paste(crop.resize((width, height), resampling), tuple(map(int, at)))
    picture = np.asarray(page)
    return 255 - picture if rng.random() < 0.5 else picture
