"""Writing the trained network as one self-contained web page: draw a digit and see all layers.

The parts of the page are plain HTML, CSS and JavaScript files in ``page/``. They are
copied unchanged into one file, with the weights and the gallery in base64. The page sends no
requests: its Content-Security-Policy allows only the style and the script whose hashes it lists.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from keras_model.data.mnist import DEVIATION, MEAN
from keras_model.data.pictures import PREPARATION
from keras_model.export.weights import Weights

_PARTS = Path(__file__).with_name("page")
_SCRIPTS = ("network.js", "picture.js", "reader.js")  # each uses the ones before it
_GENERATOR = b'<meta name="generator" content="gradsheet">'


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a page that :func:`write_page` wrote."""
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
        source: the name of the data set that the gallery is from.
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
        ("data", _json(_data(weights, images, labels, source))),  # last: it may contain any text
    ):
        page = page.replace(f"@{name}@", text, 1)
    encoded = page.encode("utf-8")
    path.write_bytes(encoded)
    return len(encoded)


def _hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows the inline element with this text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(data: object) -> str:
    """Return JSON for a script element, escaped so that no text in it can end the element."""
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
        "preparation": asdict(PREPARATION),
        "convolutions": [
            {
                "channels": convolution.kernel.shape[2],
                "filters": convolution.kernel.shape[3],
                "pool": convolution.pool_size,
                "kernel": _base64(convolution.kernel.astype("<f4")),
                "scale": _base64(convolution.scale.astype("<f4")),
                "shift": _base64(convolution.shift.astype("<f4")),
            }
            for convolution in weights.convolutions
        ],
        "dense": _base64(weights.dense.astype("<f4")),
        "source": source,
        "gallery": [
            {"label": int(label), "pixels": _base64(image.astype(np.uint8))}
            for image, label in zip(images, labels, strict=True)
        ],
    }
