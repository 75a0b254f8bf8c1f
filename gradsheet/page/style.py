"""The style that all web pages share, and its colors for workbooks that show the same numbers."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_SHARED = Path(__file__).with_name("shared.css")


@functools.cache
def shared_style() -> str:
    """Return the text of the shared style sheet; a page's own style comes after it."""
    return _SHARED.read_text(encoding="utf-8")


def light_color(name: str) -> str:
    """Return a color of the light scheme, for example ``#17253A`` for ``scale-ink``.

    Raises:
        KeyError: the style sheet defines no such color.
    """
    found = re.search(rf"--{re.escape(name)}: (#[0-9a-f]{{6}});", shared_style())
    if found is None:
        raise KeyError(name)
    return found[1].upper()
