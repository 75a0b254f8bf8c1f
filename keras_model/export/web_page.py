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

from gradsheet.page.style import shared_style
from gradsheet.words import count, join
from keras_model.data.pictures import PREPARATION
from keras_model.data.scaling import Scaling
from keras_model.export.stages import Stage, page_stages
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.layer import Layer, Shape
from keras_model.trained.network import Step, TrainedNetwork

_PARTS = Path(__file__).with_name("page")
# Each uses the ones before it.
_SCRIPTS = (
    "elements.js", "network.js", "state.js", "picture.js", "drawing.js", "keeping.js",
    "open_picture.js", "explain.js", "layers.js", "reader.js",
)  # fmt: skip
_GENERATOR = b'<meta name="generator" content="gradsheet">'


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a page that :func:`write_page` wrote."""
    try:
        with path.open("rb") as file:
            return _GENERATOR in file.read(2000)
    except OSError:
        return False


def write_page(
    network: TrainedNetwork,
    scaling: Scaling,
    gallery: tuple[np.ndarray, np.ndarray],
    source: str,
    path: Path,
) -> int:
    """Write the page.

    Args:
        scaling: of the pixels, before the network.
        gallery: images (n, 28, 28) uint8 and their digits (n,).
        source: the name of the data set that the gallery is from.
        path: where to write; an existing file is replaced.

    Returns:
        The size of the file in bytes.
    """
    style = shared_style() + (_PARTS / "reader.css").read_text(encoding="utf-8")
    parts = [(_PARTS / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    script = "\n".join([_activations(network), *parts])
    policy = (
        f"default-src 'none';\n  style-src {_hash(style)};\n  script-src {_hash(script)};\n"
        "  img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    page = (_PARTS / "reader.html").read_text(encoding="utf-8")
    for name, text in (
        ("policy", policy),
        ("parameters", f"{network.architecture.trainable:,}"),
        ("style", style),
        ("script", script),
        ("data", _json(_data(network, scaling, gallery, source))),  # last: it may contain any text
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


def _with_counted_zeros(image: np.ndarray) -> np.ndarray:
    """Return the pixels of an image row by row, each run of zeros as a zero and its length."""
    pixels = image.ravel()
    counted: list[int] = []
    for pixel in pixels.tolist():
        if pixel == 0 and len(counted) > 1 and counted[-2] == 0 and 0 < counted[-1] < 255:
            counted[-1] += 1
        else:
            counted += [0, 1] if pixel == 0 else [pixel]
    return np.array(counted, np.uint8)


def _activations(network: TrainedNetwork) -> str:
    """Return the script with the activation functions that a network uses."""
    used = {getattr(step.layer, "activation", "linear") for step in network.steps} | {"linear"}
    functions = [
        f"  {name}: (x) => {ACTIVATIONS[name].script},"
        for name in ACTIVATIONS
        if name in used and ACTIVATIONS[name].script
    ]
    return "\n".join(["const ACTIVATIONS = {", *functions, "};"])


def _data(
    network: TrainedNetwork,
    scaling: Scaling,
    gallery: tuple[np.ndarray, np.ndarray],
    source: str,
) -> object:
    stages = page_stages(network)
    return {
        "scaling": {
            "divisor": scaling.divisor, "mean": scaling.mean, "deviation": scaling.deviation,
        },
        "output": network.architecture.output_activation,
        "preparation": asdict(PREPARATION),
        "stages": [
            _stage(stage, is_last=stage is stages[-1]) for stage in stages
        ],
        "source": source,
        "gallery": [
            {"label": int(label), "pixels": _base64(_with_counted_zeros(image.astype(np.uint8)))}
            for image, label in zip(*gallery, strict=True)
        ],
    }  # fmt: skip


def _stage(stage: Stage, *, is_last: bool) -> dict[str, object]:
    height, width, maps = _as_maps(stage.shape)
    has_activation = getattr(stage.layer, "activation", "linear") != "linear"
    following = [_words(step.layer) for step in stage.steps[0 if has_activation else 1 :]]
    size = f"{count(maps, 'map')} of {height}×{width}" if stage.is_maps else count(maps, "value")
    return {
        "key": "logits" if is_last else stage.key,
        "name": "Logits" if is_last else stage.long_name,
        "does": "" if is_last else join(following),
        "size": "one value per digit" if is_last else size,
        "shape": (height, width, maps),
        "item": "map" if stage.is_maps else "value",
        "operations": [_operation(step) for step in stage.steps],
    }


def _operation(step: Step) -> dict[str, object]:
    operation = step.layer.operation(step.weights, step.input_shape)
    arrays = {
        name: _base64(value.astype("<f4"))
        for name, value in operation.items()
        if isinstance(value, np.ndarray)
    }
    plain = {name: value for name, value in operation.items() if name not in arrays}
    words = _words(step.layer)
    return plain | {"words": words, "shape": _as_maps(step.output_shape), "arrays": arrays}


def _as_maps(shape: Shape) -> tuple[int, int, int]:
    """Return a shape as (height, width, maps); numbers without maps are maps of 1×1."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (1, 1, shape[0])


def _words(layer: Layer) -> str:
    """Return the words for a layer that follows another one, or for the activation in it."""
    if layer.kind in ("BatchNormalization", "LayerNormalization"):
        return {"B": "batch normalization", "L": "layer normalization"}[layer.kind[0]]
    activation = getattr(layer, "activation", None)
    if activation is not None:
        return ACTIVATIONS[activation].words
    return {"ReLU": "ReLU", "LeakyReLU": "leaky ReLU"}.get(layer.kind, layer.kind.lower())
