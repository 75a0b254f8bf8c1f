"""Network files: TOML whose layers are Keras' own classes and arguments, from a list of them.

    title = "One hidden layer"
    recipe = "best"
    layers = [
      { type = "Flatten" },
      { type = "Dense", units = 24, activation = "relu" },
      { type = "Dense", units = 10 },
    ]

Nothing in a file is executed.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from gradsheet.input_files import problem_with_file
from keras_model.layers.arguments import LayerError, shown
from keras_model.layers.kinds import KINDS, make_layer
from keras_model.networks.architecture import MAX_LAYERS, Architecture, NetworkError, layer_words
from keras_model.recipe import ALIASES, RECIPES

FOLDER = Path(__file__).parent
DEFAULT = "original"
MAX_BYTES = 1_000_000
MAX_TITLE = 200
_KEYS = ("title", "recipe", "layers")
# Of Keras, but not to be written in a file: its mean and variance are fitted to data.
NOT_IN_FILES = ("Normalization",)


def packaged() -> list[str]:
    """Return the names of the packaged networks, the default first."""
    names = sorted(file.stem for file in FOLDER.glob("*.toml"))
    return sorted(names, key=lambda name: name != DEFAULT)


@cache
def packaged_network(name: str = DEFAULT) -> Architecture:
    """Return a packaged network."""
    return read_network(packaged_file(name))


def packaged_file(name: str) -> Path:
    """Return the file of a packaged network."""
    return FOLDER / f"{name}.toml"


def read_network(path: Path) -> Architecture:
    """Read a network file.

    Raises:
        NetworkError: the file cannot be read, or does not describe a network; the message names it.
    """
    problem = problem_with_file(path)
    if problem is not None:
        raise NetworkError(f"{path} {problem}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise NetworkError(f"has more than {MAX_BYTES:,} bytes")
        architecture = parse_network(content.decode("utf-8-sig"), path.stem)
        _ = architecture.places
    except NetworkError as error:
        raise NetworkError(f"{path} {error}") from error
    except UnicodeDecodeError as error:
        raise NetworkError(f"{path} is not a text file in UTF-8") from error
    except OSError as error:
        raise NetworkError(f"{path} cannot be read: {error.strerror}") from error
    return architecture


def parse_network(text: str, name: str = "") -> Architecture:
    """Return the network that a file's text describes; its shapes are not checked yet.

    Raises:
        NetworkError: see :func:`read_network`; the message does not name the file.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NetworkError(f"is not valid TOML: {str(error).splitlines()[0]}") from error
    for key in document:
        if key not in _KEYS:
            raise NetworkError(f"has the unknown key {shown(key)!r}: use {', '.join(_KEYS)}")
    layers = document.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise NetworkError('needs layers: a list like [{ type = "Dense", units = 10 }]')
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise NetworkError(f"must have 1 to {MAX_LAYERS} layers, got {len(layers):,}")
    return Architecture(
        tuple(_layer(number, layer) for number, layer in enumerate(layers, start=1)),
        name=name,
        title=_text(document, "title"),
        recipe=_recipe(document),
    )


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str) or len(value) > MAX_TITLE or not value.isprintable():
        raise NetworkError(
            f"cannot be used: {key} must be a text of at most {MAX_TITLE} characters"
        )
    return value


def _recipe(document: dict[str, Any]) -> str:
    name = _text(document, "recipe")
    if name and name not in RECIPES and name not in ALIASES:
        raise NetworkError(
            f"names the recipe {shown(name)!r}: the recipes are {', '.join(RECIPES)}"
        )
    return name


def _layer(number: int, values: dict[str, Any]) -> Any:
    values = dict(values)
    kind = values.pop("type", None)
    if not isinstance(kind, str):
        raise NetworkError(f'cannot be used: layer {number} needs a type, for example "Conv2D"')
    if kind not in KINDS or kind in NOT_IN_FILES:
        known = ", ".join(name for name in KINDS if name not in NOT_IN_FILES)
        raise NetworkError(
            f"cannot be used: layer {number} has the type {shown(kind)!r}; the types are {known}"
        )
    try:
        return make_layer(kind, values)
    except LayerError as error:
        raise NetworkError(f"cannot be used: {layer_words(number, kind)} {error}") from error


def network_text(architecture: Architecture) -> str:
    """Return the network file that describes an architecture."""
    lines = []
    if architecture.title:
        lines.append(f"title = {_toml(architecture.title)}")
    if architecture.recipe:
        lines.append(f"recipe = {_toml(architecture.recipe)}")
    lines.append("layers = [")
    for layer in architecture.layers:
        arguments = {"type": layer.kind} | layer.arguments()
        inside = ", ".join(f"{name} = {_toml(value)}" for name, value in arguments.items())
        lines.append(f"  {{ {inside} }},")
    return "\n".join([*lines, "]", ""])


def _toml(value: object) -> str:
    """Return a value of a layer's argument as TOML; a pair of equal numbers as one number."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case tuple() if len(value) <= 2 and len(set(value)) == 1:
            return _toml(value[0])
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            raise TypeError(f"no TOML for {value!r}")
