"""The page of `sheet -o exercise.html` in Chromium: its size, and frames while a network runs.

    python benchmarks/exercise_page.py

The network has 4 inputs, 8 hidden neurons and 3 outputs; Adam trains it with several samples.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from pathlib import Path

from fixtures.random_exercises import parse, random_data
from oracles.browser import AVAILABLE, chromium

from backprop_sheet.page.web_page import write_page

FRAMES = 300
# The time between two frames, and the time that the page's scripts and its layout take in each.
RUN = """
const [count] = arguments;
return new Promise((done) => {
  document.getElementById("speed").value = "fastest";
  document.getElementById("play").click();
  const times = [];
  let last = performance.now();
  const tick = (now) => {
    times.push(now - last);
    last = now;
    if (times.length < count) requestAnimationFrame(tick);
    else done(times.slice(10));
  };
  requestAnimationFrame(tick);
});
"""
SCRIPTS = """
const times = [];
for (let n = 0; n < 100; n += 1) {
  Object.assign(state, { iteration: n, done: EQUATIONS.length - 1 });
  const start = performance.now();
  redraw();
  document.body.getBoundingClientRect();
  times.push(performance.now() - start);
}
return times.slice(10);
"""


def main() -> None:
    """Write the page, open it, measure, print."""
    if not AVAILABLE:
        sys.exit("Chromium (Debian: chromium, chromium-driver) and selenium are needed")
    network = {"neurons": [4, 8, 3], "activations": ["tanh", "softmax"], "bias": "neuron"}
    data = random_data(random.Random(24), network, optimizer="adam", learning_rates=[0.01, 0.1])
    data["training"] |= {"update": "batch_mean", "iterations": 500}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "exercise.html"
        print(f"4-8-3, Adam: {write_page(parse(data), path) / 1000:.0f} KB")
        browser.screen(1440, 1000)
        browser.open(path)
        browser.run("exercisePage.change({ selected: '∂E/∂w7' });")
        browser.run("return new Promise((done) => setTimeout(done, 1500));")
        scripts = browser.run(SCRIPTS)
        print(
            f"scripts and layout of a frame: {statistics.median(scripts):.1f} ms (median), "
            f"{statistics.mean(scripts):.1f} (mean), {max(scripts):.1f} (maximum)"
        )
        frames = browser.run(RUN, FRAMES)
        print(
            f"running: {1000 / statistics.mean(frames):.0f} frames per second, "
            f"{statistics.median(frames):.1f} ms between two (median), "
            f"{statistics.mean(frames):.1f} (mean)"
        )


if __name__ == "__main__":
    main()
