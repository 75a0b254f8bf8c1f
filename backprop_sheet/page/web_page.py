"""Writing an exercise as one self-contained web page: every number, step by step.

The parts of the page are plain HTML, CSS and JavaScript files in ``parts/``. They are copied
unchanged into one file, after the script that is generated from the exercise's equations. The page
sends no requests: its Content-Security-Policy allows only the style and the script whose hashes it
lists.
"""

from __future__ import annotations

from pathlib import Path

from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.page.data import page_data
from backprop_sheet.page.mistakes import mistakes_script
from backprop_sheet.page.script import equations_script
from gradsheet.page.single_file import content_policy, filled, json_for_script
from gradsheet.page.style import shared_style

_PARTS = Path(__file__).with_name("parts")
# Each uses the ones before it; the last one starts the page.
_SCRIPTS = (
    "elements.js", "numbers.js", "exercise.js", "descent.js", "state.js", "layout.js",
    "network.js", "plot.js", "explain.js", "controls.js", "curves.js", "map.js", "tables.js",
    "saving.js", "practice.js", "page.js",
)  # fmt: skip
MAX_BYTES = 296_000  # of a page, with as many mistakes as there is room for
MOST_MISTAKES = 80_000  # bytes


def write_page(exercise: Exercise, path: Path) -> int:
    """Write the page of an exercise and return its size in bytes; an existing file is replaced."""
    system = system_of(exercise)
    style = shared_style() + _part("page.css") + _part("practice.css")
    data = json_for_script(page_data(exercise, system))
    scripts = [_part("rows.js"), equations_script(system), *map(_part, _SCRIPTS)]
    known = [_part("page.html"), style, data, *scripts]
    room = MAX_BYTES - sum(len(text.encode("utf-8")) for text in known)
    script = "\n".join([mistakes_script(system, min(room, MOST_MISTAKES)), *scripts])
    parts = {
        "policy": content_policy(style, script),
        "style": style,
        "script": script,
        "data": data,
    }
    encoded = filled(_part("page.html"), parts).encode("utf-8")
    path.write_bytes(encoded)
    return len(encoded)


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
