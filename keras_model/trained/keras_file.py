"""Reading a ``.keras`` file without Keras: a zip of a description (JSON) and weights (HDF5).

The file may come from anyone. Nothing of it is executed; what it declares is checked before it is
read. The format is that of ``keras/src/saving/saving_lib.py``.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradsheet.printable import printable
from keras_model.layers.arguments import LayerError, argument_names, shown
from keras_model.layers.kinds import KINDS, make_layer
from keras_model.layers.layer import Layer, Shape, Weights
from keras_model.layers.training_only import TRAINING_ONLY
from keras_model.networks.architecture import (
    MAX_LAYERS,
    MAX_PARAMETERS,
    Architecture,
    NetworkError,
    layer_words,
)
from keras_model.trained.network import TrainedNetwork

if TYPE_CHECKING:
    import h5py

MAX_UNPACKED_BYTES = 200 * 2**20
MAX_DESCRIPTION_BYTES = 2 * 2**20
MAX_DEPTH = 60

_DESCRIPTION, _WEIGHTS = "config.json", "model.weights.h5"
# Layers that run code which the file brings, or that other programs have compiled.
# https://keras.io/api/layers/backend_specific_layers/
_UNSAFE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# Settings of Keras' layers that do not change what a trained network computes.
_WITHOUT_EFFECT = re.compile(
    r"name|trainable|dtype|seed|synchronized|batch_(input_)?shape|build_input_shape"
    r"|.*_(initializer|regularizer|constraint)|data_format|renorm_.*"
)
_MODELS = ("Sequential", "Functional", "Model")
# The groups of a file of weights that hold the layers, of Keras 3 and of Keras 2.
_LAYER_GROUPS = ("layers", "_layer_checkpoint_dependencies")


def read_keras_file(path: Path) -> TrainedNetwork:
    """Read a digit classifier from a ``.keras`` file.

    Raises:
        NetworkError: not a model, an unsafe one, one with other layers or another shape, or one
            that is damaged or too large. The message continues a sentence that starts with the
            path.
    """
    description, weights_file = _unpack(path)
    architecture, groups = _architecture(description)
    places = architecture.places
    import h5py

    try:
        with h5py.File(io.BytesIO(weights_file), "r") as file:
            weights = tuple(
                _weights_of(file, group, place.weights)
                for group, place in zip(groups, places, strict=True)
            )
    except NetworkError:
        raise
    except Exception as error:  # whatever h5py raises on a damaged file
        raise NetworkError(f"is damaged: its {_WEIGHTS} cannot be read") from error
    return TrainedNetwork(architecture, weights)


def read_keras_architecture(path: Path) -> Architecture:
    """Read the layers of a ``.keras`` file, without its weights.

    Raises:
        NetworkError: see :func:`read_keras_file`.
    """
    architecture, _ = _architecture(_unpack(path)[0])
    for place in architecture.places:
        if place.layer.kind in TRAINING_ONLY:
            words = layer_words(place.number, place.layer.kind, place.layer.name)
            raise NetworkError(
                f"cannot be trained anew here: its {words} would be left out. Remove it: the "
                "recipes move digits at random themselves"
            )
    return architecture


def _unpack(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the description and the file of weights in a ``.keras`` file."""
    try:
        if path.stat().st_size > MAX_UNPACKED_BYTES:
            raise NetworkError(f"has more than {MAX_UNPACKED_BYTES >> 20} MB")
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise NetworkError(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB")
            if archive.getinfo(_DESCRIPTION).file_size > MAX_DESCRIPTION_BYTES:
                limit = MAX_DESCRIPTION_BYTES >> 20
                raise NetworkError(f"has a description of more than {limit} MB ({_DESCRIPTION})")
            description = json.loads(archive.read(_DESCRIPTION))
            if _WEIGHTS not in archive.namelist():
                raise NetworkError(f"is damaged: it has no {_WEIGHTS}")
            weights = archive.read(_WEIGHTS)
    except NetworkError:
        raise
    except RecursionError as error:
        raise NetworkError(f"has a description that is nested too deep: {_depth()}") from error
    except KeyError as error:
        raise NetworkError(f"is not a Keras model: it has no {_DESCRIPTION}") from error
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        if not zipfile.is_zipfile(path):
            raise NetworkError("is not a Keras model (.keras)") from error
        raise NetworkError(f"is damaged: its {_DESCRIPTION} cannot be read") from error
    if not isinstance(description, dict):
        raise NetworkError(f"is damaged: its {_DESCRIPTION} does not describe a model")
    description.pop("compile_config", None)  # loss, optimizer and metrics are not needed
    for thing in _objects(description):
        _check_class(thing)
    return description, weights


def _depth() -> str:
    return f"the maximum is {MAX_DEPTH} levels"


def _objects(description: object) -> Iterator[dict[str, Any]]:
    """Yield all objects with a class in a description."""
    unvisited = [(description, 0)]
    while unvisited:
        value, depth = unvisited.pop()
        if depth > MAX_DEPTH:
            raise NetworkError(f"has a description that is nested too deep: {_depth()}")
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            unvisited += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list):
            unvisited += [(child, depth + 1) for child in value]


def _check_class(thing: dict[str, Any]) -> None:
    """Refuse what may run code: unsafe layers, and classes that are not Keras' own."""
    name, module, registered = (
        thing.get(key) for key in ("class_name", "module", "registered_name")
    )
    settings = thing.get("config")
    layer = settings.get("name") if isinstance(settings, dict) else None
    where = f"its layer {shown(layer)!r}" if layer is not None else "it"
    is_name = isinstance(name, str) and name.isascii() and name.isidentifier()
    if is_name and name in _UNSAFE:
        raise NetworkError(
            f"is unsafe: {where} is of the class {name}, which can run code from the file"
        )
    is_keras = module in (None, "keras", "builtins") or str(module).startswith("keras.")
    is_custom = isinstance(registered, str) and ">" in registered
    if is_custom or not (is_keras and is_name):
        raise NetworkError(
            f"cannot be read: {where} has the class {shown(name)!r}, which is not part of Keras"
        )


@dataclass(frozen=True)
class _Described:
    """A layer of a description.

    ``group`` is where a file of weights holds it, without the group of all layers. ``prefix`` has
    the names of the models that it is in.
    """

    thing: dict[str, Any]
    group: tuple[str, ...]
    prefix: str = ""

    @property
    def kind(self) -> str:
        """The name of its class."""
        return str(self.thing.get("class_name"))

    @property
    def name(self) -> str:
        """The name with those of the models that it is in: ``features/conv2d``."""
        settings = self.thing.get("config")
        own = settings.get("name") if isinstance(settings, dict) else None
        return f"{self.prefix}{own or ''}"


def _architecture(description: dict[str, Any]) -> tuple[Architecture, list[tuple[str, ...]]]:
    """Return a described network, and where a file of weights holds each of its layers."""
    kind, settings = description.get("class_name"), description.get("config")
    if kind not in _MODELS or not isinstance(settings, dict):
        raise NetworkError(
            f"is of the class {shown(kind)!r}: a Sequential or Functional model is needed"
        )
    described = list(_line(_Described(description, ())))
    if len(described) > MAX_LAYERS:
        raise NetworkError(f"has {len(described):,} layers; the maximum is {MAX_LAYERS:,}")
    input_shape = _input_shape([layer.thing for layer in described], settings)
    inner = [layer for layer in described if layer.kind != "InputLayer"]
    layers = tuple(
        _layer(number, layer) for number, layer in enumerate(_with_softmax(inner), start=1)
    )
    return Architecture(layers, input_shape), [layer.group for layer in inner]


def _line(model: _Described) -> Iterator[_Described]:
    """Yield the layers of a model in the order of computation, and those of models in it.

    Raises:
        NetworkError: the description is damaged, or not one line from its input to its output.
    """
    settings = model.thing.get("config")
    settings = settings if isinstance(settings, dict) else {}
    things = settings.get("layers")
    if not isinstance(things, list) or not all(isinstance(thing, dict) for thing in things):
        raise NetworkError(f"is damaged: its {_DESCRIPTION} has no list of layers")
    if len(things) > MAX_LAYERS:
        raise NetworkError(f"has {len(things):,} layers; the maximum is {MAX_LAYERS:,}")
    prefix = f"{model.name}/" if model.group else ""
    layers = [
        _Described(thing, (*model.group, name), prefix)
        for thing, name in zip(things, _saved_names(things), strict=True)
    ]
    if model.kind != "Sequential":
        layers = _in_line(layers, settings)
    for layer in layers:
        if layer.kind in _MODELS:
            yield from _line(layer)
        else:
            yield layer


def _with_softmax(layers: list[_Described]) -> list[_Described]:
    """Name the softmax where the last layer gives its logarithms.

    The probabilities, which the commands show, are the same.
    """
    active = [at for at, layer in enumerate(layers) if not _is_inactive(layer.kind)]
    if not active:
        return layers
    last = layers[active[-1]]
    settings = last.thing.get("config")
    function = settings.get("activation") if isinstance(settings, dict) else None
    if isinstance(function, dict):
        function = function.get("config")
    if function != "log_softmax":
        return layers
    named = {**last.thing, "config": {**last.thing["config"], "activation": "softmax"}}
    return [replace(layer, thing=named) if layer is last else layer for layer in layers]


def _is_inactive(kind: str) -> bool:
    return kind in TRAINING_ONLY or (kind in KINDS and KINDS[kind].is_inactive)


def _saved_names(things: list[dict[str, Any]]) -> list[str]:
    """Return the name under which Keras saves each layer: its class and a count.

    As in ``_save_container_state`` of ``keras/src/saving/saving_lib.py``.
    """
    used: Counter[str] = Counter()
    names = []
    for thing in things:
        name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", str(thing.get("class_name")))
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
        names.append(f"{name}_{used[name]}" if used[name] else name)
        used[name] += 1
    return names


def _in_line(layers: list[_Described], settings: dict[str, Any]) -> list[_Described]:
    """Return the layers of a Functional model in the order of computation.

    Raises:
        NetworkError: it is not one line from its input to its output.
    """
    not_a_line = NetworkError(
        "is not one line of layers from one input to one output, as a Sequential model is"
    )
    following: dict[str, _Described] = {}
    start = None
    for layer in layers:
        sources = _sources(layer.thing)
        if not sources and layer.kind == "InputLayer" and start is None:
            start = layer
        elif len(sources) == 1 and sources[0] not in following:
            following[sources[0]] = layer
        else:
            raise not_a_line
    line: list[_Described] = []
    current = start
    while current is not None and len(line) <= len(layers):
        line.append(current)
        current = following.get(str(current.thing.get("name")))
    ends = [name for name, _ in _ends(settings.get("output_layers"))]
    if len(line) != len(layers) or ends != [str(line[-1].thing.get("name"))]:
        raise not_a_line
    return line


def _ends(value: Any) -> list[tuple[str, Any]]:
    """Return the outputs of a Functional model: ["name", 0, 0], or a list of such lists."""
    if not isinstance(value, list) or not value:
        return []
    each = value if isinstance(value[0], list) else [value]
    return [(str(end[0]), end) for end in each if isinstance(end, list) and end]


def _sources(thing: dict[str, Any]) -> list[str]:
    """Return the names of the layers whose outputs a layer of a Functional model takes."""
    nodes = thing.get("inbound_nodes")
    names = [
        str(history[0])
        for tensor in _objects(nodes)
        if tensor.get("class_name") == "__keras_tensor__"
        and isinstance(tensor.get("config"), dict)
        and isinstance(history := tensor["config"].get("keras_history"), list)
        and history
    ]
    is_called_once = isinstance(nodes, list) and len(nodes) <= 1
    return names if is_called_once else [*names, "", ""]


def _input_shape(things: list[dict[str, Any]], settings: dict[str, Any]) -> Shape:
    shapes = [
        inner.get("batch_shape") or inner.get("batch_input_shape")
        for thing in things
        if isinstance(inner := thing.get("config"), dict)
    ]
    given = next((shape for shape in shapes if shape), settings.get("build_input_shape"))
    # Without a layer for its input, a model has the size of the batches that it was trained on.
    sizes = given[1:] if isinstance(given, list) else []
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise NetworkError("does not say the shape of its input")
    return tuple(sizes)


def _layer(number: int, described: _Described) -> Layer:
    kind, settings = described.kind, described.thing.get("config")
    words = f"its {layer_words(number, shown(kind), shown(described.name))}"
    name = printable(described.name)[:100]
    if kind in TRAINING_ONLY:
        return TRAINING_ONLY[kind](name=name)
    if kind not in KINDS:
        raise NetworkError(
            f"cannot be read: {words} is of another kind than those that can be: {', '.join(KINDS)}"
        )
    if not isinstance(settings, dict):
        raise NetworkError(f"is damaged: {words} has no settings")
    if _is_quantized(settings.get("dtype")):
        raise NetworkError(f"cannot be read: {words} is quantized: save it before quantize()")
    if settings.get("data_format", "channels_last") not in ("channels_last", None):
        raise NetworkError(f"cannot be read: {words} has its channels first")
    kinds_arguments = argument_names(KINDS[kind])
    arguments = {
        key: value
        for key, value in settings.items()
        # What Keras adds in a later version is switched off (None or False) unless it is used.
        if not _WITHOUT_EFFECT.fullmatch(key) and (value or key in kinds_arguments)
    }
    try:
        return make_layer(kind, arguments, name)
    except LayerError as error:
        raise NetworkError(f"cannot be read: {words} {error}") from error


def _is_quantized(policy: object) -> bool:
    """Whether a layer's policy, or the name of one, is that of whole numbers as weights.

    As in ``keras/src/dtype_policies/dtype_policy.py``.
    """
    if isinstance(policy, dict):
        return str(policy.get("class_name")).startswith("Quantized")
    return isinstance(policy, str) and "_from_" in policy


def _weights_of(file: h5py.File, group: tuple[str, ...], specs: dict[str, Any]) -> Weights:
    """Read the weights of one layer, as many and as large as it needs."""
    import h5py

    groups = [
        "/".join([*(f"{layers}/{name}" for name in group), "vars"]) for layers in _LAYER_GROUPS
    ]
    # Keras 2 joined the names of groups with the separator of folders, which Windows has otherwise.
    places = [*groups, *(name.replace("/", "\\") for name in groups)]
    stored = next((item for name in places if (item := _item(file, name)) is not None), None)
    count = len(stored) if isinstance(stored, h5py.Group) else 0
    if count != len(specs):
        raise NetworkError(
            f"is damaged: its {_WEIGHTS} has {count:,} weights in {shown(groups[0])}, not "
            f"{len(specs)}"
        )
    weights = {}
    for index, (name, spec) in enumerate(specs.items()):
        where = shown(f"{groups[0]}/{index}")
        dataset = _item(stored, str(index))
        if dataset is None:
            raise NetworkError(f"is damaged: its {_WEIGHTS} has no {where}")
        if not _is_plain(dataset):
            raise NetworkError(f"is damaged: {where} does not hold plain numbers")
        if dataset.shape != spec.shape or math.prod(dataset.shape) > MAX_PARAMETERS:
            raise NetworkError(
                f"is damaged: {where} has the shape {shown(dataset.shape)}, not {spec.shape}"
            )
        with np.errstate(over="ignore"):
            weights[name] = _numbers(dataset).astype(np.float32)
    return weights


def _is_plain(dataset: Any) -> bool:
    """Whether an item of an HDF5 file holds numbers, uncompressed and in the file itself.

    What is compressed may unpack to any size. Keras writes neither this nor chunks.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        return False
    return dataset.chunks is None and (dataset.dtype.kind in "fiu" or _is_bfloat16(dataset))


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    """Whether numbers are bfloat16, which HDF5 does not know: Keras stores their bytes."""
    return bool(dataset.dtype == np.dtype("V2") and dataset.attrs.get("dtype") == "bfloat16")


def _numbers(dataset: h5py.Dataset) -> np.ndarray:
    values = np.asarray(dataset[()])
    if not _is_bfloat16(dataset):
        return values
    # A bfloat16 is the first half of a number in single precision.
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _item(group: h5py.Group, place: str) -> Any:
    """Return what is at a place of an HDF5 file; None where there is nothing, or a link.

    A link may lead to another file.
    """
    import h5py

    item: Any = group
    for part in place.split("/"):
        name = part.encode()
        if not isinstance(item, h5py.Group) or not item.id.links.exists(name):
            return None
        if item.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            return None
        item = item[part]
    return item
