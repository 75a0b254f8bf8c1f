"""The page of ``digits -o reader.html`` as its tests use it: its parts by their names.

``#drawing`` (a canvas), ``#answer`` (its text begins with the digit; with nothing to read there is
no numeral in it), buttons named Undo and Clear, one file input, ``#gallery`` with a button or radio
button for each digit, ``#probabilities`` with ten elements ``[data-digit]``, for each layer an
element ``[data-layer]`` with its maps ``[data-map]`` in their order, ``#computation``, and the
functions ``digitReader.logits(pixels)`` and ``digitReader.read(grey, width, height)``, which takes
any picture, row by row, 0 to 255, and gives ``{digit, probabilities, pixels}``.
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

# The page's layers with the number of their maps. Of the last convolution's 50 maps the page may
# show the 3×3 values or the largest of each.
MAPS = {"input": 1, "conv1": 16, "pool1": 16, "conv2": 32, "pool2": 32, "last": 50, "logits": 10}
LAYER = {name: f'[data-layer="{name}"]' for name in MAPS} | {
    "last": '[data-layer="pool3"], [data-layer="conv3"]'
}
GALLERY = "#gallery :is(button, [role=option], [role=radio], input[type=radio])"

# Digits as strokes in a square of side 1, y downwards.
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
    """The open page."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def find(self, selector: str) -> Any:
        """The first element of a selector."""
        return self.browser.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        """All elements of a selector."""
        return self.browser.driver.find_elements("css selector", selector)

    def until(self, holds: Callable[[], Any], wanted: str, seconds: float = 8) -> Any:
        """Wait until something holds, and return it."""
        end = time.monotonic() + seconds
        while not (result := holds()):
            shown = self.answer()
            assert time.monotonic() < end, f"wanted {wanted}; the answer shown is {shown!r}"
            time.sleep(0.05)
        return result

    # The answer

    def answer(self) -> str:
        """The text of the answer."""
        return self.browser.run("return document.getElementById('answer').innerText")

    def digit(self) -> int | None:
        """The digit in the answer."""
        found = re.search(r"(?<![\d.,])\d(?![\d.,]|\s*%)", self.answer())
        return found and int(found[0])

    def wait_for(self, digit: int | None) -> None:
        """Wait until this is the answer."""
        self.until(lambda: self.digit() == digit, f"{digit} as the answer")

    def wait_for_any(self) -> int:
        """Wait until there is an answer."""
        self.until(lambda: self.digit() is not None, "an answer")
        return self.digit()

    def probabilities(self) -> np.ndarray:
        """The ten probabilities as the page writes them."""
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
        """A button by its name."""
        found = self.browser.run(
            "return [...document.querySelectorAll('button')].filter(button =>"
            " new RegExp(`\\\\b${arguments[0]}\\\\b`, 'i').test("
            "button.getAttribute('aria-label') || button.innerText));",
            name,
        )
        assert len(found) == 1, f"{len(found)} buttons are named {name}"
        return found[0]

    def clear(self) -> None:
        """Start with nothing drawn."""
        self.button("clear").click()
        self.wait_for(None)

    def strokes(
        self, digit: int, size: float, left: float, top: float, step: float = 12
    ) -> list[list[Point]]:
        """A digit's strokes in the window; size and place are shares of the canvas."""
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
        """What the drawing canvas shows, as a data URL."""
        return self.browser.run("return document.getElementById('drawing').toDataURL()")

    def choose(self, number: int) -> None:
        """Choose a digit of the gallery, counted from 0."""
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
        """Where in the window a map shows a value; ``row`` and ``column`` are shares of it."""
        maps = self.maps(layer)
        self.browser.run("arguments[0].closest('details')?.setAttribute('open', '')", maps[number])
        picture = self.browser.run(
            "return arguments[0].querySelector('canvas, svg, img') || arguments[0]", maps[number]
        )
        x, y, width, height = self.browser.box(picture)
        return x + column * width, y + row * height

    def maps(self, layer: str) -> list[Any]:
        """The maps of a layer."""
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
        """The text of the computation of the chosen value."""
        return self.browser.run(
            "const shown = document.getElementById('computation');"
            "return shown && shown.checkVisibility() ? shown.innerText : '';"
        )

    # Functions

    def logits(self, images: np.ndarray) -> np.ndarray:
        """The logits of images (n, 28, 28) that the page computes, (n, 10)."""
        return np.array(
            self.browser.run(
                "return arguments[0].map(pixels => Array.from(digitReader.logits(pixels)));",
                images.reshape(len(images), -1).tolist(),
            ),
            float,
        )

    def read(self, pictures: Sequence[np.ndarray]) -> list[dict[str, Any]]:
        """What the page reads of grey pictures (height, width), 0 to 255."""
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
    digit: np.ndarray, size: tuple[int, int], noise: np.random.Generator, share: float | None = None
) -> np.ndarray:
    """A picture (height, width) with a digit anywhere on it, dark on light or light on dark.

    Args:
        digit: (28, 28), ink bright.
        size: width and height.
        share: how much of the shorter side the digit's longer side takes; 8 to 90 % without it.
    """
    share = noise.uniform(0.08, 0.9) if share is None else share
    rows, columns = np.flatnonzero(digit.max(axis=1)), np.flatnonzero(digit.max(axis=0))
    crop = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = share * min(size) / max(crop.size)
    width, height = (max(1, round(side * scale)) for side in crop.size)
    how = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[noise.integers(2)]
    page = Image.new("L", size, 0)
    at = (noise.integers(0, size[0] - width + 1), noise.integers(0, size[1] - height + 1))
    page.paste(crop.resize((width, height), how), tuple(map(int, at)))
    picture = np.asarray(page)
    return 255 - picture if noise.random() < 0.5 else picture
