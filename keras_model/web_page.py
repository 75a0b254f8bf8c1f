"""The trained network as one self-contained web page: draw, see the answer and how it came about.

The page's parts are plain HTML, CSS and JavaScript in ``keras_model/page/``; they are put into one
file as they are, with the weights and the gallery as base64. The page requests nothing: its
Content-Security-Policy allows only the style and the script whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np

from keras_model.mnist import DEVIATION, MEAN
from keras_model.weights import Weights

MAX_BYTES = 400 * 1000
_PARTS = Path(__file__).with_name("page")
_SCRIPTS = ("network.js", "picture.js", "reader.js")  # in the order in which they need each other
_GENERATOR = b'<meta name="generator" content="gradsheet">'


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is a page that :func:`write_page` wrote."""
    try:
        with path.open("rb") as file:
            return _GENERATOR in file.read(2000)
    except OSError:
        return False


def write_page(
    weights: Weights, images: np.ndarray, labels: np.ndarray, source: str, path: Path
) -> int:
    """Write the page.

    Args:
        images: the gallery, (n, 28, 28) uint8.
        labels: their digits, (n,).
        source: what the gallery's digits are from, in words.
        path: where to write; an existing file is replaced.

    Returns:
        The size of the file in bytes.
    """
    style = (_PARTS / "reader.css").read_text(encoding="utf-8")
    script = "\n".join((_PARTS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    policy = (
        f"default-src 'none';\n  style-src {_hash(style)};\n  script-src {_hash(script)};\n"
        "  img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    page = (_PARTS / "reader.html").read_text(encoding="utf-8")
    for name, text in (
        ("policy", policy),
        ("style", style),
        ("script", script),
        ("data", _json(_data(weights, images, labels, source))),  # last: it may hold anything
    ):
        page = page.replace(f"@{name}@", text, 1)
    encoded = page.encode("utf-8")
    path.write_bytes(encoded)
    return len(encoded)


def _hash(text: str) -> str:
    """A source of a Content-Security-Policy: the one inline element with this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(data: object) -> str:
    """JSON that can stand in a script element: no text in it can end the element."""
    return (
        json.dumps(data, ensure_ascii=True, indent=1)
        .replace("<", "\\u003c")
        .replace("&", "\\u0026")
    )


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _data(weights: Weights, images: np.ndarray, labels: np.ndarray, source: str) -> object:
    return {
        "mean": MEAN,
        "deviation": DEVIATION,
        "convolutions": [
            {
                "channels": one.kernel.shape[2],
                "filters": one.kernel.shape[3],
                "pool": one.pool,
                "kernel": _base64(one.kernel.astype("<f4")),
                "scale": _base64(one.scale.astype("<f4")),
                "shift": _base64(one.shift.astype("<f4")),
            }
            for one in weights.convolutions
        ],
        "dense": _base64(weights.dense.astype("<f4")),
        "source": source,
        "gallery": [
            {"label": int(label), "pixels": _base64(image.astype(np.uint8))}
            for image, label in zip(images, labels, strict=True)
        ],
    }
