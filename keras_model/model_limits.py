"""What a model of unknown origin may contain, checked before Keras builds it.

Building 3,000 layers takes 12 s, and a layer of two million units 6 GB, whatever weights the file
holds. So :func:`check_description` reads the description in the file as JSON, without Keras, and
:func:`check_sizes` lets Keras work out the shapes without creating any weight.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradsheet.printable import printable
from keras_model.errors import TrainingError

if TYPE_CHECKING:
    import keras

MAX_UNPACKED_BYTES = 200 * 2**20
MAX_DESCRIPTION_BYTES = 2 * 2**20
MAX_LAYERS = 500
MAX_DEPTH = 60
MAX_PARAMETERS = 10_000_000
MAX_OUTPUT = 1_000_000  # numbers that one layer gives for one digit
MAX_DILATION = 28  # pixels between two weights of a kernel: the side of a digit

_DESCRIPTION, _WEIGHTS = "config.json", "model.weights.h5"
# Layers that run code which the file brings, or that other programs have compiled.
# https://keras.io/api/layers/backend_specific_layers/
_UNSAFE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_SHOWN_LENGTH = 40


class ModelLimitError(TrainingError):
    """The model may not be built. The message continues a sentence that starts with its path."""


def shown(name: object) -> str:
    """Return a name from a model in quotation marks, short and safe to print."""
    text = printable(str(name)[: _SHOWN_LENGTH + 1])
    return f"'{text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + '…'}'"


def check_description(path: Path) -> dict[str, Any]:
    """Return the description of the model in a ``.keras`` file, without the training's settings.

    Raises:
        ModelLimitError: it is damaged, too large or nested too deep, has too many layers, or has
            classes that are unsafe or not Keras' own.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise ModelLimitError(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB")
            size = archive.getinfo(_DESCRIPTION).file_size
            if size > MAX_DESCRIPTION_BYTES:
                limit = MAX_DESCRIPTION_BYTES >> 20
                raise ModelLimitError(f"has a description of more than {limit} MB ({_DESCRIPTION})")
            description = json.loads(archive.read(_DESCRIPTION))
    except RecursionError as error:
        raise ModelLimitError(f"has a description that is nested too deep: {_depth()}") from error
    except KeyError as error:
        raise ModelLimitError(f"is not a Keras model: it has no {_DESCRIPTION}") from error
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        if isinstance(error, ModelLimitError):
            raise
        raise ModelLimitError(f"is damaged: its {_DESCRIPTION} cannot be read") from error
    if not isinstance(description, dict):
        raise ModelLimitError(f"is damaged: its {_DESCRIPTION} does not describe a model")
    description["compile_config"] = None  # loss, optimizer and metrics are not needed
    layers = 0
    for thing in _objects(description):
        _check_class(thing)
        _check_dilation(thing)
        layers += _is_layer(thing)
    if layers > MAX_LAYERS:
        raise ModelLimitError(f"has {layers:,} layers; the maximum is {MAX_LAYERS:,}")
    return description


def _depth() -> str:
    return f"the maximum is {MAX_DEPTH} levels"


def _objects(description: object) -> Iterator[dict[str, Any]]:
    """Yield all objects with a class in a description."""
    unvisited = [(description, 0)]
    while unvisited:
        value, depth = unvisited.pop()
        if depth > MAX_DEPTH:
            raise ModelLimitError(f"has a description that is nested too deep: {_depth()}")
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            unvisited += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list):
            unvisited += [(child, depth + 1) for child in value]


def _is_layer(thing: dict[str, Any]) -> bool:
    """Whether an object is a layer, an operation, or one more call of a layer."""
    module = str(thing.get("module"))
    return (
        "inbound_nodes" in thing
        or thing["class_name"] == "__keras_tensor__"
        or module.startswith(("keras.layers", "keras.src.layers", "keras.src.ops"))
    )


def _check_class(thing: dict[str, Any]) -> None:
    name, module, registered = (
        thing.get(key) for key in ("class_name", "module", "registered_name")
    )
    settings = thing.get("config")
    layer = settings.get("name") if isinstance(settings, dict) else None
    where = f"its layer {shown(layer)}" if layer is not None else "it"
    is_name = isinstance(name, str) and name.isascii() and name.isidentifier()
    if is_name and name in _UNSAFE:
        raise ModelLimitError(
            f"is unsafe: {where} is of the class {name}, which can run code from the file"
        )
    is_keras = module in (None, "keras", "builtins") or str(module).startswith("keras.")
    is_custom = isinstance(registered, str) and ">" in registered
    if is_custom or not (is_keras and is_name):
        raise ModelLimitError(
            f"cannot be loaded: {where} has the class {shown(name)}, which is not part of Keras"
        )


def _check_dilation(thing: dict[str, Any]) -> None:
    """Check a convolution's dilation: its input is padded by as much, and its output is not."""
    settings = thing.get("config")
    if not isinstance(settings, dict):
        return
    rate = settings.get("dilation_rate")
    rates = rate if isinstance(rate, list) else [rate]
    if any(isinstance(rate, int | float) and rate > MAX_DILATION for rate in rates):
        raise ModelLimitError(
            f"cannot be used: its layer {shown(settings.get('name'))} has a dilation rate above "
            f"{MAX_DILATION}"
        )


def check_sizes(path: Path, description: dict[str, Any]) -> keras.Model:
    """Check how large a described model and its file of weights are, without allocating weights.

    Returns:
        The model, with shapes and types only: its weights have no values.

    Raises:
        ModelLimitError: more than :data:`MAX_PARAMETERS`, or a layer of more than
            :data:`MAX_OUTPUT` numbers.
        Exception: whatever Keras' layers raise for settings that do not fit.
    """
    import keras

    # Within the scope, variables have a shape and no value.
    with keras.StatelessScope(initialize_variables=False):
        network = keras.saving.deserialize_keras_object(description, safe_mode=True)
    if not isinstance(network, keras.Model):
        raise ModelLimitError(f"is not a model: it holds a {shown(type(network).__name__)}")
    _check_parameters(sum(math.prod(weight.shape) for weight in network.weights))
    name, size = largest_output(network)
    if size > MAX_OUTPUT:
        raise ModelLimitError(
            f"is too large: its layer {shown(name)} gives {size:,} numbers per digit; the maximum "
            f"is {MAX_OUTPUT:,}"
        )
    _check_stored_weights(path)
    return network


def _check_parameters(count: int) -> None:
    if count > MAX_PARAMETERS:
        raise ModelLimitError(
            f"is too large: it has {count:,} parameters; the maximum is {MAX_PARAMETERS:,}"
        )


def _check_stored_weights(path: Path) -> None:
    """Check the sizes that the arrays of a model's file of weights declare."""
    import h5py

    sizes: list[int] = []

    def add(_: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape or ()))

    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            raise ModelLimitError(f"is damaged: it has no {_WEIGHTS}")
        content = io.BytesIO(archive.read(_WEIGHTS))
    with h5py.File(content, "r") as file:
        file.visititems(add)
    # A training's state has up to three more numbers per parameter.
    _check_parameters(math.ceil(sum(sizes) / 4))


def largest_output(network: keras.Model) -> tuple[str, int]:
    """Return the name and the size, for one digit, of a model's largest layer output."""
    largest = ("", 0)
    for operation in getattr(network, "operations", None) or network.layers:
        if hasattr(operation, "layers"):  # a model in the model
            largest = max(largest, largest_output(operation), key=lambda pair: pair[1])
        for node in getattr(operation, "_inbound_nodes", ()):
            for output in node.output_tensors:
                size = math.prod(side for side in output.shape if side is not None)
                largest = max(largest, (operation.name, size), key=lambda pair: pair[1])
    return largest
