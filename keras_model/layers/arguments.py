"""The arguments of layers: their types, their limits, and reading them from untrusted values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradsheet.printable import printable
from keras_model.layers.activations import ACTIVATIONS, ALIASES

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]  # (top, bottom), (left, right)

MAX_UNITS = 100_000
MAX_AXES = 4
MAX_SIDE = 28  # of windows, strides and dilations: the side of a digit
MAX_NUMBER = 1e9
_SHOWN = 40


class LayerError(ValueError):
    """A layer's arguments are impossible, or do not fit the layer before it.

    The message continues a sentence that starts with the layer.
    """


def shown(value: object) -> str:
    """Return a value from a file, short and safe to print."""
    text = printable(str(value)[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _got(value: object) -> str:
    """Return a value of a wrong type: a text in quotation marks, and a truth value as in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(repr(value) if isinstance(value, str) else value)


def argument(read: Callable[[Any], Any], **options: Any) -> Any:
    """Return a dataclass field whose values ``read`` checks and converts.

    ``read`` raises a :class:`LayerError` that continues a sentence that starts with the argument.
    """
    return dataclasses.field(metadata={"read": read}, **options)


def _arguments_of(kind: type) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind) if "read" in field.metadata}


def argument_names(kind: type) -> tuple[str, ...]:
    """Return the names of the arguments of a dataclass of layers."""
    return tuple(_arguments_of(kind))


def read_arguments(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked arguments of a dataclass of layers.

    Raises:
        LayerError: an argument is unknown, missing or impossible.
    """
    fields = _arguments_of(kind)
    unknown = [name for name in values if name not in fields]
    if unknown:
        known = f"its arguments are {', '.join(fields)}" if fields else "it has no arguments"
        raise LayerError(f"has no argument {shown(unknown[0])!r}: {known}")
    arguments = {}
    for name, field in fields.items():
        if name in values:
            try:
                arguments[name] = field.metadata["read"](values[name])
            except LayerError as error:
                raise LayerError(f"has a wrong argument: {name} {error}") from None
        elif field.default is dataclasses.MISSING:
            raise LayerError(f"needs {name}")
    return arguments


def whole(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers between two limits."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise LayerError(
                f"must be {lowest:,} to {highest:,}, a whole number, got {_got(value)}"
            )
        if not lowest <= value <= highest:
            raise LayerError(f"must be {lowest:,} to {highest:,}, got {shown(value)}")
        return value

    return read


def pair(highest: int = MAX_SIDE) -> Callable[[Any], Pair]:
    """Return a reader of one positive whole number, for both axes, or of one for each."""
    read_one = whole(1, highest)

    def read(value: Any) -> Pair:
        values = value if isinstance(value, list | tuple) else [value, value]
        if len(values) != 2:
            raise LayerError(f"must be one number or two, got {shown(value)}")
        return read_one(values[0]), read_one(values[1])

    return read


def sizes(value: Any) -> tuple[int, ...]:
    """Read a shape: one size or several, of which one may be -1."""
    values = value if isinstance(value, list | tuple) else [value]
    read_one = whole(1, MAX_UNITS)
    shape = tuple(-1 if size == -1 else read_one(size) for size in values)
    if not 1 <= len(shape) <= MAX_AXES or shape.count(-1) > 1:
        raise LayerError(f"must be 1 to {MAX_AXES} sizes, at most one of them -1")
    return shape


def optional_pair(value: Any) -> Pair | None:
    """Read a pair, or None."""
    return None if value is None else pair()(value)


def sides(value: Any) -> Sides:
    """Read the padding of ZeroPadding2D: one number, (rows, columns), or two for each axis."""
    read_one = whole(0, MAX_SIDE)
    axes = value if isinstance(value, list | tuple) else [value, value]
    if len(axes) != 2:
        raise LayerError(f"must be one number, two, or two pairs, got {shown(value)}")
    both = [axis if isinstance(axis, list | tuple) else [axis, axis] for axis in axes]
    if any(len(axis) != 2 for axis in both):
        raise LayerError(f"must be one number, two, or two pairs, got {shown(value)}")
    (top, bottom), (left, right) = ((read_one(a), read_one(b)) for a, b in both)
    return (top, bottom), (left, right)


def one_of(*choices: Any) -> Callable[[Any], Any]:
    """Return a reader of one of some values."""

    def read(value: Any) -> Any:
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            known = " or ".join(repr(choice) for choice in choices)
            raise LayerError(f"must be {known}, got {shown(repr(value))}")
        return value

    return read


def switch(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise LayerError(f"must be true or false, got {_got(value)}")
    return value


def number(lowest: float = -MAX_NUMBER, highest: float = MAX_NUMBER) -> Callable[[Any], float]:
    """Return a reader of numbers between two limits."""

    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest:  # so that NaN is refused, too
            raise LayerError(f"must be {lowest:g} to {highest:g}, got {_got(value)}")
        return float(value)

    return read


def share(value: Any) -> float:
    """Read a number of at least 0 and below 1."""
    rate = number(0, 1)(value)
    if rate == 1:
        raise LayerError("must be below 1, got 1")
    return rate


def optional_number(value: Any) -> float | None:
    """Read a number, or None."""
    return None if value is None else number()(value)


def numbers(value: Any) -> tuple[float, ...]:
    """Read one number, or a list with one number per channel."""
    values = value if isinstance(value, list | tuple) else [value]
    if not 1 <= len(values) <= MAX_UNITS:
        raise LayerError(f"must have 1 to {MAX_UNITS:,} numbers")
    return tuple(number()(each) for each in values)


def activation(value: Any) -> str:
    """Read the name of an activation function; None is the linear one."""
    if isinstance(value, dict) and value.get("class_name") == "function":  # as Keras writes it
        value = value.get("config")
    name = "linear" if value is None else value
    if isinstance(value, dict):
        name = value.get("class_name")  # a layer with arguments of its own
    elif isinstance(name, str):
        name = ALIASES.get(name, name)
    if isinstance(value, dict) or not isinstance(name, str) or name not in ACTIVATIONS:
        raise LayerError(f"must be one of {', '.join(ACTIVATIONS)}, got {shown(value)!r}")
    return name


def axis(value: Any) -> int:
    """Read the axis of a normalization or a softmax; the layer must have it last."""
    number = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    if not isinstance(number, int) or isinstance(number, bool):
        raise _not_the_channels(value)
    return number


def axis_or_none(value: Any) -> int | None:
    """Read the axis of a Normalization: the channels, or None for one mean of all numbers."""
    return None if value in (None, [], ()) else axis(value)


def check_is_last_axis(number: int, shape: Sequence[int]) -> None:
    """Check that an axis, of which 0 is the batch, is the last one of an input: the channels.

    Raises:
        LayerError: it is another one.
    """
    if number not in (-1, len(shape)):
        raise LayerError(f"has a wrong argument: axis {_not_the_channels(number)}")


def _not_the_channels(value: object) -> LayerError:
    return LayerError(f"must be the channels (-1), got {shown(value)}")
