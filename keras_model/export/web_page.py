"""Writing the trained network as one self-contained web page: draw a digit and see all layers.

The parts of the page are plain HTML, CSS and JavaScript files in ``page/``. They are
copied unchanged into one file, with the weights and the gallery in base64. The page sends no
requests: its Content-Security-Policy allows only the style and the script whose hashes it lists.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gradsheet.page.single_file import content_policy, filled, json_for_script
from gradsheet.page.style import shared_style
from gradsheet.words import count, join
from keras_model.data.scaling import Scaling
from keras_model.export.stages import Stage, page_stages
from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.doubt import ROUNDING, DoubtMeasure, measure_doubt
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.layer import Layer, Shape
from keras_model.trained.network import Step, TrainedNetwork

_PARTS = Path(__file__).with_name("page")
# Each uses the ones before it.
_SCRIPTS = (
    "elements.js", "network.js", "state.js", "imaging.js", "sheet.js", "ink.js",
    "printed_lines.js", "parts.js", "mnist_format.js", "find_digits.js", "drawing.js",
    "keeping.js", "open_picture.js", "explain.js", "layers.js", "doubt.js", "reader.js",
)  # fmt: skip


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
    template = (_PARTS / "reader.html").read_text(encoding="utf-8")
    page = filled(
        template,
        {
            "policy": content_policy(style, script, "img-src blob: data:"),
            "parameters": f"{network.architecture.trainable:,}",
            "style": style,
            "script": script,
            "data": json_for_script(_data(network, scaling, gallery, source), indent=1),
        },
    )
    encoded = page.encode("utf-8")
    path.write_bytes(encoded)
    return len(encoded)


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
        "doubt": _doubt(measure_doubt(network, scaling), network, stages),
        "stages": [
            _stage(stage, is_last=stage is stages[-1]) for stage in stages
        ],
        "source": source,
        "gallery": [
            {"label": int(label), "pixels": _base64(_with_counted_zeros(image.astype(np.uint8)))}
            for image, label in zip(*gallery, strict=True)
        ],
    }  # fmt: skip


def _doubt(
    measure: DoubtMeasure, network: TrainedNetwork, stages: list[Stage]
) -> dict[str, object]:
    """Return what ``doubt.js`` needs; ``maps`` are pairs of a stage and a step of it."""
    maps = [
        (number, index)
        for number, stage in enumerate(stages)
        for index, step in enumerate(stage.steps)
        if step.gives_active_maps and measure.whitening.size
    ]
    triangle = measure.whitening[np.tril_indices_from(measure.whitening)]
    return {
        "maps": maps,
        "mean_stride": network.mean_stride,
        "centers": _base64(measure.centers.astype("<f4")),
        "whitening": _base64(triangle.astype("<f4")),
        "probability_weight": measure.probability_weight,
        "rounding": ROUNDING,
        "limit": measure.limit,
    }


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
