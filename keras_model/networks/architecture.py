"""A network without weights: layers one after the other, and the shapes between them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from gradsheet.errors import InvalidInputError
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.layers.arguments import LayerError, shown
from keras_model.layers.layer import Layer, Reads, Shape, WeightSpec, shape_text
from keras_model.layers.normalization import Normalization, Rescaling
from keras_model.layers.pooling import GlobalPooling, Pooling
from keras_model.layers.reshaping import Flatten, Reshape

# A digit as its layers may take it: maps, one map without a channel, a row of pixels.
INPUT_SHAPES: tuple[Shape, ...] = ((SIDE, SIDE, 1), (SIDE, SIDE), (SIDE * SIDE,))

MAX_LAYERS = 500
MAX_PARAMETERS = 10_000_000
MAX_OUTPUT = 1_000_000  # numbers that one layer gives for one digit
MAX_PIXEL_SCALE = 0.1  # of a layer that scales pixels of 0 to 255: 1 / 255 / 0.3 is 0.013
MAX_PRODUCTS = 1_000_000_000  # multiplications of one layer for one digit


class NetworkError(InvalidInputError):
    """A network cannot be used. The message continues a sentence that starts with its source."""


@dataclass(frozen=True)
class Place:
    """A layer where it stands in a network.

    Attributes:
        number: the layer's number, from 1.
        input_shape, output_shape: without the batch.
        weights: the specifications of its weights, in the order in which Keras saves them.
    """

    number: int
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    weights: dict[str, WeightSpec]

    @property
    def trainable(self) -> int:
        """The number of trainable parameters."""
        return sum(spec.count for spec in self.weights.values() if spec.is_trainable)

    @property
    def not_trainable(self) -> int:
        """The number of parameters that training does not change by gradients."""
        return sum(spec.count for spec in self.weights.values() if not spec.is_trainable)


@dataclass(frozen=True)
class Architecture:
    """The layers of a digit classifier, from a digit of one of the input shapes to ten outputs.

    ``name`` is that of its file, ``title`` says what it is, and ``recipe`` names the recipe to
    train it with; each may be empty.
    """

    layers: tuple[Layer, ...]
    input_shape: Shape = INPUT_SHAPES[0]
    name: str = field(default="", compare=False)
    title: str = field(default="", compare=False)
    recipe: str = field(default="", compare=False)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The layers with their shapes and weights.

        Raises:
            NetworkError: a layer cannot follow the one before it, the network is too large, or it
                does not map digits to ten outputs.
        """
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise NetworkError(f"must have 1 to {MAX_LAYERS} layers, got {len(self.layers):,}")
        if self.input_shape not in INPUT_SHAPES:
            known = ", ".join(shape_text(shape) for shape in INPUT_SHAPES)
            raise NetworkError(
                f"has an input of {shown(shape_text(self.input_shape))}; a digit is one of {known}"
            )
        places, shape, parameters = [], self.input_shape, 0
        for number, layer in enumerate(self.layers, start=1):
            place = place_of(number, layer, shape)
            parameters += place.trainable + place.not_trainable
            if parameters > MAX_PARAMETERS:
                raise NetworkError(f"has more than {MAX_PARAMETERS:,} parameters")
            places.append(place)
            shape = place.output_shape
        if shape != (CLASSES,):
            raise NetworkError(
                f"must end with {CLASSES} outputs, one per digit, but its last layer gives "
                f"{shape_text(shape)}"
            )
        return tuple(places)

    @property
    def trainable(self) -> int:
        """The number of trainable parameters."""
        return sum(place.trainable for place in self.places)

    @property
    def not_trainable(self) -> int:
        """The number of parameters that training does not change by gradients."""
        return sum(place.not_trainable for place in self.places)

    @cached_property
    def _output_index(self) -> int | None:
        """The index of the last layer that computes something; None if there is none."""
        computing = [
            index
            for index, place in enumerate(self.places)
            if not keeps_numbers(place.layer, place.input_shape, place.output_shape)
        ]
        return computing[-1] if computing else None

    @property
    def output_activation(self) -> str:
        """The function that makes outputs of logits: ``softmax``, ``sigmoid`` or ``linear``."""
        if self._output_index is None:
            return "linear"
        place = self.places[self._output_index]
        is_softmax = place.layer.kind == "Softmax"
        name = "softmax" if is_softmax else getattr(place.layer, "activation", "linear")
        if name == "softmax" and place.output_shape[-1] != CLASSES:
            return "linear"  # not over the classes
        return name if name in ("softmax", "sigmoid") else "linear"

    @property
    def scales_itself(self) -> bool:
        """Whether the network begins with a Rescaling of pixels of 0 to 255."""
        layer = self.first_scaling
        # Else the layer normalizes pixels that have been scaled to 0 to 1 before.
        return isinstance(layer, Rescaling) and all(
            abs(scale) < MAX_PIXEL_SCALE for scale in layer.scale
        )

    @property
    def first_scaling(self) -> Rescaling | Normalization | None:
        """The layer that scales the pixels, if the network begins with one."""
        for layer in self.layers:
            if isinstance(layer, Rescaling | Normalization):
                return layer
            if layer.kind not in ("Flatten", "Reshape", "ZeroPadding2D") and not layer.is_inactive:
                return None
        return None

    def without_output_activation(self) -> Architecture:
        """Return the network of the same weights whose outputs are logits."""
        index = self._output_index
        if index is None or self.output_activation == "linear":
            return self
        rest = without_activation(self.layers[index])
        return replace(self, layers=(*self.layers[:index], *rest, *self.layers[index + 1 :]))

    def with_maps(self, name: str) -> Architecture:
        """Return the same network for digits (28, 28, 1), under a name.

        Raises:
            NetworkError: a layer has a weight for each column of a digit.
        """
        maps = replace(self.on_maps, name=name)
        if maps.input_shape == INPUT_SHAPES[0]:
            return maps
        if len(self.input_shape) == 1:
            return replace(maps, layers=(Flatten(), *self.layers), input_shape=INPUT_SHAPES[0])
        raise NetworkError(
            f"cannot be used: it takes digits of {shape_text(self.input_shape)}, and a layer "
            "before Flatten has weights for each column"
        )

    @property
    def on_maps(self) -> Architecture:
        """The same layers for digits (28, 28, 1), if that takes no other layer; else itself."""
        is_same = self.input_shape == INPUT_SHAPES[0] or self._is_rearranged_first
        return replace(self, input_shape=INPUT_SHAPES[0]) if is_same else self

    @property
    def _is_rearranged_first(self) -> bool:
        """Whether what comes before a Flatten or Reshape does the same to each pixel."""
        mixing = (layer for layer in self.layers if not _acts_on_each_number(layer))
        return isinstance(next(mixing, None), Flatten | Reshape)

    def has(self, *kinds: str) -> bool:
        """Whether there is a layer of one of these kinds."""
        return any(layer.kind in kinds for layer in self.layers)


def _acts_on_each_number(layer: Layer) -> bool:
    """Whether a layer does the same to each pixel, in whatever shape it takes a digit."""
    try:
        if any(layer.output_shape(shape) != shape for shape in INPUT_SHAPES):
            return False
    except LayerError:
        return False
    first, *others = (layer.weight_specs(shape) for shape in INPUT_SHAPES)
    parts = [part for part, _ in layer.primitives({})]
    return all(specs == first for specs in others) and all(
        part.reads == Reads.NUMBER for part in parts
    )


def keeps_numbers(layer: Layer, input_shape: Shape, output_shape: Shape) -> bool:
    """Whether a layer gives the same numbers in the same order, as Flatten does."""
    if layer.is_inactive:
        return True
    if layer.weight_specs(input_shape) or math.prod(input_shape) != math.prod(output_shape):
        return False
    pools_pixels = isinstance(layer, Pooling | GlobalPooling) and input_shape[:-1] == (1, 1)
    return layer.reads == Reads.PLACE or pools_pixels or not layer.primitives({})


def without_activation(layer: Layer) -> list[Layer]:
    """Return what is left of a layer without its activation: nothing if it is only that."""
    if layer.kind in ("Softmax", "Activation"):
        return []
    return [replace(layer, activation="linear")]  # type: ignore[call-arg]


def layer_words(number: int, kind: str, name: str = "") -> str:
    """Return the words for a layer in a message: ``layer 3 (Conv2D)``."""
    return f"layer {number} ({kind}{f' {name}' if name else ''})"


def place_of(number: int, layer: Layer, shape: Shape) -> Place:
    """Return a layer with its shapes and weights.

    Raises:
        NetworkError: the layer cannot follow an output of this shape, or is too large.
    """
    try:
        output = layer.output_shape(shape)
        weights = layer.weight_specs(shape)
    except LayerError as error:
        raise NetworkError(f"cannot be used: {layer_words(number, layer.kind)} {error}") from error
    size = math.prod(output)
    products = _products(weights.values(), output)
    words = layer_words(number, layer.kind)
    if size > MAX_OUTPUT:
        raise NetworkError(
            f"is too large: {words} gives {size:,} numbers per digit; the maximum is {MAX_OUTPUT:,}"
        )
    if products > MAX_PRODUCTS:
        raise NetworkError(
            f"is too large: {words} multiplies {products:,} times per digit; the maximum is "
            f"{MAX_PRODUCTS:,}"
        )
    return Place(number, layer, shape, output, weights)


def _products(specs: Iterable[WeightSpec], output: Shape) -> int:
    """Return how often weights are multiplied for one digit, at most."""
    positions = math.prod(output[:-1])
    return positions * sum(spec.count for spec in specs)
