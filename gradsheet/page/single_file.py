"""Pages that are one file: their policy, their data, and how their own files are recognized."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from gradsheet.files import start_of

_GENERATOR = '<meta name="generator" content="gradsheet">'


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a page that gradsheet wrote."""
    return _GENERATOR in start_of(path, 2000)


def content_policy(style: str, script: str, *others: str) -> str:
    """Return a Content-Security-Policy that allows one inline style and one inline script.

    Args:
        others: further directives.
    """
    directives = (
        "default-src 'none'", f"style-src {_source(style)}", f"script-src {_source(script)}",
        *others, "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return ";\n  ".join(directives)


def json_for_script(data: object, indent: int | None = None) -> str:
    """Return JSON for a script element, escaped so that no text in it can end the element.

    Args:
        indent: spaces per level, on lines of their own; by default all is one line.
    """
    separators = (",", ": " if indent else ":")
    text = json.dumps(data, ensure_ascii=False, separators=separators, indent=indent)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return a page with its parts instead of ``@name@``; the last one may contain any text."""
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text, 1)
    return template


def _source(text: str) -> str:
    """Return the source of the inline element with this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
