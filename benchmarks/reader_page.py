"""The page of `digits -o reader.html` in Chromium: its size, milliseconds per digit, accuracy.

    python benchmarks/reader_page.py runs/best/model.keras --data mnist.npz

The digits are placed anywhere on pictures of the size of the drawing canvas, at 8 to 90 % of it,
half of them dark on light, and prepared and read by the page.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from fixtures.commands import run
from fixtures.reader_controls import ReaderPage, placed
from oracles.browser import AVAILABLE, chromium

from keras_model.data.mnist import load_digits

# Each movement of the pointer is read in the next frame, between the two callbacks here.
DRAWN = """
const [points, done] = arguments;
const canvas = document.getElementById('drawing');
const box = canvas.getBoundingClientRect();
canvas.setPointerCapture = () => {};
const send = (type, [x, y]) => canvas.dispatchEvent(new PointerEvent(type, {
  pointerId: 1, bubbles: true, cancelable: true,
  clientX: box.left + x * box.width, clientY: box.top + y * box.height,
}));
const times = [];
const step = (at) => {
  if (at === points.length) return done(times);
  let start;
  requestAnimationFrame(() => { start = performance.now(); });
  send(at ? 'pointermove' : 'pointerdown', points[at]);
  requestAnimationFrame(() => {
    times.push(performance.now() - start);
    step(at + 1);
  });
};
step(0);
"""

# A clock of a browser is coarse, so a digit is measured over several calls.
TIMED = """
const [images, calls] = arguments;
return images.map(pixels => {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) digitReader.logits(pixels);
  return (performance.now() - start) / calls;
});
"""


def main() -> None:
    """Write the page, open it, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--digits", type=int, default=1_000)
    arguments = parser.parse_args()
    if not AVAILABLE:
        sys.exit("Chromium (Debian: chromium, chromium-driver) and selenium are needed")
    known = load_digits(arguments.data)
    noise = np.random.default_rng(1)
    picked = noise.permutation(len(known.x_test))[: arguments.digits]
    images, labels = known.x_test[picked], known.y_test[picked]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for samples in (20, 200):
            path = Path(folder) / f"reader-{samples}.html"
            given = ("--data", arguments.data, "-o", path, "--samples", samples)
            run("digits", arguments.model, *given)
            print(f"with {samples} digits in its gallery: {path.stat().st_size / 1000:.0f} KB")
        browser.open(Path(folder) / "reader-20.html")
        page = ReaderPage(browser)
        print(f"Chromium {browser.driver.capabilities['browserVersion']}")
        flat = images.reshape(len(images), -1).tolist()
        (first,) = browser.run(TIMED, flat[:1], 1)
        times = browser.run(TIMED, flat[:200], 5)
        print(
            f"logits: {statistics.median(times):.2f} ms per digit (median), {max(times):.2f} "
            f"(maximum), {first:.2f} (first call)"
        )
        seven = [(0.2 + 0.6 * at / 20, 0.2) for at in range(21)]
        seven += [(0.8 - 0.3 * at / 40, 0.2 + 0.65 * at / 40) for at in range(41)]
        drawn = browser.driver.execute_async_script(DRAWN, seven)
        print(
            f"a movement of the pen, from the frame's start to the answer shown: "
            f"{statistics.median(drawn):.1f} ms (median), {max(drawn):.1f} (maximum)"
        )
        size = browser.run(
            "const canvas = document.getElementById('drawing');"
            "return [canvas.width, canvas.height];"
        )
        as_they_are, read = [], []
        for start in range(0, len(images), 100):
            some = images[start : start + 100]
            as_they_are += page.logits(some).argmax(axis=1).tolist()
            read += page.read([placed(image, tuple(size), noise) for image in some])
        right = np.array([one["digit"] for one in read]) == labels
        known_right = np.array(as_they_are) == labels
        print(f"as they are: {known_right.mean():.2%} of {len(labels):,} right")
        print(f"placed anywhere at 8 to 90 % of {size[0]}×{size[1]}: {right.mean():.2%} right")
        print(f"of those that are read right as they are: {right[known_right].mean():.2%}")


if __name__ == "__main__":
    main()
