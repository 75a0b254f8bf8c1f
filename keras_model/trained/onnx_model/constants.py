"""Operators of which all inputs are known: their results are constants.

PyTorch exports the shape of a view and transposed weights as such operators.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_model.networks.architecture import MAX_PARAMETERS, NetworkError

_Attributes = dict[str, Any]


def fold(
    kind: str, inputs: Sequence[np.ndarray | None], attributes: _Attributes
) -> np.ndarray | None:
    """Return the result of an operator; None if it is not known how to compute it.

    Raises:
        NetworkError: the result is too large, or impossible.
    """
    compute = _FOLDED.get(kind)
    if compute is None:
        return None
    try:
        with np.errstate(all="ignore"):
            result = compute(inputs, attributes)
    except NetworkError:
        raise
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise NetworkError(f"is damaged: its operator {kind} cannot be computed") from error
    return np.asarray(result)


def axes_of(
    inputs: Sequence[Any], attributes: _Attributes, position: int = 1
) -> tuple[int, ...] | None:
    """Return the axes of an operator, an input since operators' version 13; None if left out."""
    axes = attributes.get("axes")
    if axes is None and len(inputs) > position and inputs[position] is not None:
        axes = np.asarray(inputs[position]).ravel().tolist()
    return None if axes is None else tuple(int(axis) for axis in axes)


def new_shape(shape: tuple[int, ...], sizes: Sequence[int], allows_zero: bool) -> tuple[int, ...]:
    """Return the shape of a Reshape, in which 0 copies a size and -1 is what remains."""
    return tuple(
        shape[axis] if size == 0 and not allows_zero else int(size)
        for axis, size in enumerate(sizes)
    )


def squeezed(values: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    """Return an array without axes of size 1: those given, or all."""
    return np.squeeze(values, axes)


def unsqueezed(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return an array with new axes of size 1."""
    return np.expand_dims(values, axes)


def _bounded(*shape: int) -> None:
    if math.prod(shape) > MAX_PARAMETERS:
        raise NetworkError(f"is too large: it has constants of more than {MAX_PARAMETERS:,}")


def _constant(_: Sequence[Any], attributes: _Attributes) -> Any:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if attributes.get(name) is not None:
            return np.asarray(
                attributes[name], None if name == "value" else
                np.int64 if "int" in name else np.float32,
            )  # fmt: skip
    raise ValueError


def _filled(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    shape = tuple(int(size) for size in inputs[0])
    _bounded(*shape)
    value = attributes.get("value", np.zeros(1, np.float32))
    return np.full(shape, value.ravel()[0])


def _gathered(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    values, positions = inputs[0], inputs[1].astype(int)
    _bounded(values.size, positions.size)
    return np.take(values, positions, attributes.get("axis", 0))


def _concatenated(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    _bounded(sum(values.size for values in inputs))
    return np.concatenate(inputs, attributes["axis"])


def _sliced(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    values = inputs[0]
    starts, ends = (
        attributes[name] if name in attributes else inputs[position].ravel().tolist()
        for position, name in ((1, "starts"), (2, "ends"))
    )
    axes = axes_of(inputs, attributes, 3) or range(len(starts))
    steps = inputs[4].ravel().tolist() if len(inputs) > 4 else [1] * len(starts)
    places = [slice(None)] * values.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        places[axis] = slice(int(start), int(end), int(step))
    taken: np.ndarray = values[tuple(places)]
    return taken


def _expanded(inputs: Sequence[Any], _: _Attributes) -> Any:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(int(size) for size in inputs[1].ravel()))
    _bounded(*shape)
    return np.broadcast_to(inputs[0], shape)


def _remainder(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    function = np.fmod if attributes.get("fmod", 0) else np.mod
    return _arithmetic(function)(inputs, attributes)


def _reshaped(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    sizes = attributes["shape"] if "shape" in attributes else inputs[1].ravel().tolist()
    return inputs[0].reshape(
        new_shape(inputs[0].shape, sizes, bool(attributes.get("allowzero", 0)))
    )


def _arithmetic(function: Callable[..., Any]) -> Callable[[Sequence[Any], _Attributes], Any]:
    def compute(inputs: Sequence[Any], attributes: _Attributes) -> Any:
        first, second = inputs
        _bounded(*np.broadcast_shapes(first.shape, second.shape))
        return function(first, second).astype(first.dtype)

    return compute


def _divided(first: np.ndarray, second: np.ndarray) -> Any:
    return first // second if first.dtype.kind in "iu" else first / second


def _cast(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(attributes["to"])
    return inputs[0].astype(kind if kind.kind in "fiub" else np.float32)


def _multiplied(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    axes = axes_of(inputs, attributes)
    return np.prod(inputs[0], axes, keepdims=bool(attributes.get("keepdims", 1)))


_FOLDED: dict[str, Callable[[Sequence[Any], _Attributes], Any]] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Identity": lambda inputs, _: inputs[0],
    "Cast": _cast,
    "Gather": _gathered,
    "Concat": _concatenated,
    "Slice": _sliced,
    "Reshape": _reshaped,
    "Transpose": lambda inputs, attributes: np.transpose(inputs[0], attributes.get("perm")),
    "Squeeze": lambda inputs, attributes: squeezed(inputs[0], axes_of(inputs, attributes)),
    "Unsqueeze": lambda inputs, attributes: unsqueezed(
        inputs[0], axes_of(inputs, attributes) or ()
    ),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(_divided),
    "Max": _arithmetic(np.maximum),
    "Min": _arithmetic(np.minimum),
    "Mod": _remainder,
    "Expand": _expanded,
    "ReduceProd": _multiplied,
    "Neg": lambda inputs, _: -inputs[0],
    "Sqrt": lambda inputs, _: np.sqrt(inputs[0]),
    "Reciprocal": lambda inputs, _: 1 / inputs[0],
}
