"""Writing an exercise as one self-contained web page: every number, step by step.

The parts of the page are plain HTML, CSS and JavaScript files in ``parts/``. They are copied
unchanged into one file, after the script that is generated from the exercise's equations. The page
sends no requests: its Content-Security-Policy allows only the style and the script whose hashes it
lists.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.page.data import page_data
from backprop_sheet.page.script import equations_script
from gradsheet.page.style import shared_style

_PARTS = Path(__file__).with_name("parts")
# Each uses the ones before it; the last one starts the page.
_SCRIPTS = (
    "elements.js", "numbers.js", "descent.js", "state.js", "layout.js", "network.js", "plot.js",
    "explain.js", "controls.js", "curves.js", "tables.js", "saving.js", "page.js",
)  # fmt: skip
_GENERATOR = b'<meta name="generator" content="gradsheet">'


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a page that :func:`write_page` wrote."""
    try:
        with path.open("rb") as file:
            return _GENERATOR in file.read(2000)
    except OSError:
        return False


def write_page(exercise: Exercise, path: Path) -> int:
    """Write the page of an exercise and return its size in bytes; an existing file is replaced."""
    system = system_of(exercise)
    style = shared_style() + _part("page.css")
    script = "\n".join([equations_script(system), *map(_part, _SCRIPTS)])
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _part("page.html")
    for name, text in (
        ("policy", policy),
        ("style", style),
        ("script", script),
        ("data", _json(page_data(exercise, system))),  # last: it may contain any text
    ):
        page = page.replace(f"@{name}@", text, 1)
    encoded = page.encode("utf-8")
    path.write_bytes(encoded)
    return len(encoded)


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows the inline element with this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(data: object) -> str:
    """Return JSON for a script element, escaped so that no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
