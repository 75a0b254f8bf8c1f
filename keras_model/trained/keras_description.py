"""The layers that a ``.keras`` file describes, in the order of computation.

The description may come from anyone. What it declares is checked, and nothing of it is executed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gradsheet.printable import printable
from keras_model.layers.arguments import LayerError, argument_names, shown
from keras_model.layers.kinds import KINDS, make_layer
from keras_model.layers.layer import Layer, Shape
from keras_model.layers.training_only import TRAINING_ONLY
from keras_model.networks.architecture import (
    MAX_LAYERS,
    Architecture,
    NetworkError,
    layer_words,
)

MAX_DEPTH = 60
TOO_DEEP = f"has a description that is nested too deep: the maximum is {MAX_DEPTH} levels"

# Layers that run code which the file brings, or that other programs have compiled.
# https://keras.io/api/layers/backend_specific_layers/
_UNSAFE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# Settings of Keras' layers that do not change what a trained network computes.
_WITHOUT_EFFECT = re.compile(
    r"name|trainable|dtype|seed|synchronized|batch_(input_)?shape|build_input_shape"
    r"|.*_(initializer|regularizer|constraint)|data_format|renorm_.*"
)
_FORMER_NAMES = {"LeakyReLU": {"alpha": "negative_slope"}}  # of arguments, in Keras 2
_FORMER_ARGUMENTS = {"groups": 1}  # of these layers, too, in Keras 2, which had no other value
_MODELS = ("Sequential", "Functional", "Model")
_ARRAYS = ("__numpy__", "__tensor__")  # as arguments; a number of NumPy is a plain number

_Call = tuple[str, int]  # of a layer in a Functional model: its name, and which call it is


def check_classes(description: dict[str, Any]) -> None:
    """Refuse a description with a class that may run code.

    Raises:
        NetworkError: there is one, or the description is nested too deep.
    """
    for thing in _objects(description):
        _check_class(thing)


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


def architecture_of(description: dict[str, Any]) -> tuple[Architecture, list[tuple[str, ...]]]:
    """Return a described network, and where a file of weights holds each of its layers.

    Raises:
        NetworkError: it is no line of layers that can be read; the message continues a sentence
            that starts with the file.
    """
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
        raise NetworkError("is damaged: its config.json has no list of layers")
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
            yield from _with_own_activation(layer)


def _with_own_activation(layer: _Described) -> Iterator[_Described]:
    """Yield a layer, and then the layer that it has as its activation function, if it has one.

    As in ``Conv2D(8, 3, activation=LeakyReLU(0.1))``.
    """
    settings = layer.thing.get("config")
    own = settings.get("activation") if isinstance(settings, dict) else None
    if not isinstance(own, dict) or own.get("class_name") == "function":
        yield layer
        return
    if layer.kind != "Activation":
        plain = {**layer.thing["config"], "activation": "linear"}
        yield replace(layer, thing={**layer.thing, "config": plain})
    yield _Described(own, (*layer.group, "activation"), layer.prefix)


def _with_softmax(layers: list[_Described]) -> list[_Described]:
    """Name the softmax where the last layer, or one before Flatten, gives its logarithms.

    The probabilities, which the commands show, are the same.
    """
    active = [
        at
        for at, layer in enumerate(layers)
        if not _is_inactive(layer.kind) and layer.kind not in ("Flatten", "Reshape")
    ]
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

    A layer without weights may be called several times, as ``pool = MaxPooling2D()`` for all maps.

    Raises:
        NetworkError: it is not one line from its input to its output.
    """
    not_a_line = NetworkError(
        "is not one line of layers from one input to one output, as a Sequential model is"
    )
    calls = {str(layer.thing.get("name")): _calls(layer.thing) for layer in layers}
    following: dict[_Call, tuple[_Call, _Described]] = {}
    start = None
    for layer in layers:
        name = str(layer.thing.get("name"))
        if not calls[name] and layer.kind == "InputLayer" and start is None:
            start = (name, 0), layer
            continue
        if not calls[name] or (len(calls[name]) > 1 and not _is_weightless(layer.kind)):
            raise not_a_line
        for index, sources in enumerate(calls[name]):
            # Of a layer that is called once, the number does not matter.
            read = [(source, at if len(calls.get(source, [])) > 1 else 0) for source, at in sources]
            if len(read) != 1 or read[0] in following:
                raise not_a_line
            following[read[0]] = (name, index), layer
    line: list[_Described] = []
    current, last = start, None
    while current is not None and len(line) <= len(following):
        last = current[0]
        line.append(current[1])
        current = following.get(last)
    ends = [source for source, _ in _histories(settings.get("output_layers"))]
    if last is None or len(line) != len(following) + 1 or ends != [last[0]]:
        raise not_a_line
    return line


def _is_weightless(kind: str) -> bool:
    return kind in TRAINING_ONLY or (
        kind in KINDS and KINDS[kind].weight_specs is Layer.weight_specs
    )


def _calls(thing: dict[str, Any]) -> list[list[_Call]]:
    """Return the outputs that a layer of a Functional model takes each time that it is called."""
    nodes = thing.get("inbound_nodes")
    if not isinstance(nodes, list):
        return []
    return [
        # Keras 2 wrote a list, and Keras 3 arguments with tensors.
        _histories(
            node
            if isinstance(node, list)
            else [
                tensor["config"].get("keras_history")
                for tensor in _objects(node)
                if tensor.get("class_name") == "__keras_tensor__"
                and isinstance(tensor.get("config"), dict)
            ]
        )
        for node in nodes
    ]


def _histories(value: Any) -> list[_Call]:
    """Return the calls of which outputs are: ["name", 0, 0], or several such lists."""
    if isinstance(value, dict):  # by the names of outputs
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return []
    each = value if isinstance(value[0], list) else [value]
    return [
        (str(history[0]), history[1])
        for history in each
        if isinstance(history, list) and len(history) > 1 and isinstance(history[1], int)
    ]


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
    former = _FORMER_NAMES.get(kind, {})
    arguments = {
        former.get(str(key), str(key)): _plain(value)
        for key, value in settings.items()
        # What Keras adds in a later version is switched off (None or False) unless it is used.
        if not _WITHOUT_EFFECT.fullmatch(key)
        and (key in kinds_arguments or (value and _FORMER_ARGUMENTS.get(key) != value))
    }
    try:
        return make_layer(kind, arguments, name)
    except LayerError as error:
        raise NetworkError(f"cannot be read: {words} {error}") from error


def _plain(value: Any) -> Any:
    """Return an argument; of an array, its numbers."""
    if isinstance(value, dict) and value.get("class_name") in _ARRAYS:
        settings = value.get("config")
        return settings.get("value") if isinstance(settings, dict) else None
    return value


def _is_quantized(policy: object) -> bool:
    """Whether a layer's policy, or the name of one, is that of whole numbers as weights.

    As in ``keras/src/dtype_policies/dtype_policy.py``.
    """
    if isinstance(policy, dict):
        return str(policy.get("class_name")).startswith("Quantized")
    return isinstance(policy, str) and "_from_" in policy


def _objects(description: object) -> Iterator[dict[str, Any]]:
    """Yield all objects with a class in a description."""
    unvisited = [(description, 0)]
    while unvisited:
        value, depth = unvisited.pop()
        if depth > MAX_DEPTH:
            raise NetworkError(TOO_DEEP)
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
