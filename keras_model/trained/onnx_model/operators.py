"""The operators that our layers become when PyTorch or Keras exports them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_model.layers.arguments import LayerError, Pair
from keras_model.networks.architecture import MAX_OUTPUT
from keras_model.trained.onnx_model.constants import (
    axes_of,
    fold,
    new_shape,
    squeezed,
    unsqueezed,
)
from keras_model.trained.onnx_model.graph import shortest
from keras_model.trained.onnx_model.line import CHANNELS_FIRST, CHANNELS_LAST, Tensor
from keras_model.trained.onnx_model.operation import Operation
from keras_model.trained.onnx_model.pooling import (
    average_pooling,
    global_pooling,
    max_pooling,
    pad,
)
from keras_model.trained.onnx_model.windows import windows_from


def _convolution(op: Operation) -> Tensor:
    op.need_maps()
    kernel, channels = op.constant(1, 4), op.line.shape[-1]
    filters, depth, *size = kernel.shape
    groups = op.get("group", 1)
    windows = windows_from(op.node.attributes, (size[0], size[1]), op.line.shape)
    bias = op.optional(2)
    arguments: dict[str, Any] = {"kernel_size": windows.size, "use_bias": bias is not None}
    weights = {} if bias is None else {"bias": bias}
    if groups == 1 and depth == channels:
        kind, ours = "Conv2D", kernel.transpose(2, 3, 1, 0)
        arguments["filters"] = filters
    elif groups == channels and depth == 1 and filters % channels == 0:
        multiplier = filters // channels
        kind = "DepthwiseConv2D"
        ours = kernel.reshape(channels, multiplier, *size).transpose(2, 3, 0, 1)
        arguments["depth_multiplier"] = multiplier
    elif groups not in (1, channels):
        raise LayerError(f"has {groups} groups: 1 or one per channel can be read")
    else:
        raise LayerError(f"has kernels for {depth * groups} channels, but its input has {channels}")
    pad(op, windows)
    op.add(
        kind, arguments | windows.arguments | {"dilation_rate": windows.dilation},
        kernel=ours, **weights,
    )  # fmt: skip
    return op.line.output(CHANNELS_FIRST)


def reduced_maps(op: Operation) -> tuple[int, ...] | None:
    """Return the order of the axes of maps whose rows and columns are reduced; None if not."""
    dimensions = op.tensor.positions.ndim
    axes = {axis % dimensions for axis in axes_of(op.inputs, op.node.attributes) or ()}
    for order in (CHANNELS_FIRST, CHANNELS_LAST):
        if axes == set(order[1:3]) and op.line.has_maps(op.tensor, order):
            return order
    return None


def _reduction(kind: str) -> Callable[[Operation], Tensor]:
    def add(op: Operation) -> Tensor:
        order = reduced_maps(op)
        if order is None:
            raise LayerError("is not over the rows and columns of maps")
        op.add(kind, {"keepdims": True})
        tensor = op.line.output(order)
        axes = order[1:3]
        return tensor if op.get("keepdims", 1) else Tensor(np.squeeze(tensor.positions, axes))

    return add


def _general_product(op: Operation) -> Tensor:
    kernel = op.constant(1, 2).astype(np.float32) * np.float32(op.get("alpha", 1.0))
    if op.get("transA", 0):
        raise LayerError("has transA, which cannot be read")
    bias = op.optional(2)
    scaled = None if bias is None else bias * np.float32(op.get("beta", 1.0))
    return _dense(op, kernel.T if op.get("transB", 0) else kernel, scaled)


def _product(op: Operation) -> Tensor:
    return _dense(op, op.constant(1, 2), None)


def _dense(op: Operation, kernel: np.ndarray, bias: np.ndarray | None) -> Tensor:
    """Append a Dense layer of all numbers, or of the channels at each position."""
    positions, line = op.tensor.positions, op.line
    inputs, units = kernel.shape
    if positions.ndim < 1 or positions.shape[-1] != inputs:
        raise LayerError(f"has {inputs} inputs, but gets {positions.shape[-1:]}")
    if positions.size == inputs:
        line.flatten()
        ours = np.empty_like(kernel)
        ours[positions.ravel()] = kernel
        kernel = ours
        starts = np.zeros(positions.shape[:-1], int)
    elif line.has_channels(op.tensor, -1):
        starts = positions[..., 0] // inputs
    else:
        raise LayerError("is not over all numbers, nor over the channels")
    weights = {} if bias is None else {"bias": np.broadcast_to(bias.ravel(), (units,))}
    op.add("Dense", {"units": units, "use_bias": bias is not None}, kernel=kernel, **weights)
    return Tensor(starts[..., None] * units + np.arange(units))


def _batch_normalization(op: Operation) -> Tensor:
    if op.get("training_mode", 0):
        raise LayerError("is in training mode: export the model after model.eval()")
    positions = op.tensor.positions
    if positions.ndim < 2:
        raise LayerError("needs channels")
    rest = (1,) * (positions.ndim - 2)
    gamma, beta, mean, variance = op.line.per_channel(
        op.tensor, *(op.constant(place, 1).reshape(1, -1, *rest) for place in range(1, 5))
    )
    op.add(
        "BatchNormalization",
        {"epsilon": op.get("epsilon", 1e-5), "momentum": op.get("momentum", 0.9)},
        gamma=gamma, beta=beta, moving_mean=mean, moving_variance=variance,
    )  # fmt: skip
    return op.tensor


def _layer_normalization(op: Operation) -> Tensor:
    positions = op.tensor.positions
    axis = op.get("axis", -1) % positions.ndim
    normalized = positions.shape[axis:]
    row = Tensor(positions.reshape(*positions.shape[:axis], -1))
    op.line.take_axis(row, -1)
    beta = op.optional(2)
    given = [op.constant(1)] + ([] if beta is None else [beta])
    vectors = op.line.per_channel(
        row, *(np.broadcast_to(value, normalized).ravel() for value in given)
    )
    op.add(
        "LayerNormalization", {"epsilon": op.get("epsilon", 1e-5), "center": beta is not None},
        **dict(zip(("gamma", "beta"), vectors, strict=False)),
    )  # fmt: skip
    return op.tensor


def _softmax(op: Operation) -> Tensor:
    shape = op.tensor.positions.shape
    axis = op.get("axis", -1 if op.version >= 13 else 1) % len(shape)
    if op.version < 13 and math.prod(shape[axis + 1 :]) > 1:
        raise LayerError("is over several axes")
    op.line.take_axis(op.tensor, axis)
    op.add("Softmax", {})
    return op.tensor


def _log_softmax(op: Operation) -> Tensor:
    tensor = _softmax(op)
    op.line.is_ended = True
    return tensor


def _with_repeated_edges(op: Operation, axes: Sequence[int], pads: Sequence[int]) -> Tensor:
    """Return maps with their edges repeated; a MaxPool may follow, see ``_repeats_edges``."""
    positions = op.tensor.positions
    amounts = np.zeros((positions.ndim, 2), int)
    amounts[list(axes)] = np.reshape(pads, (2, -1)).T
    sizes = [size + int(both.sum()) for size, both in zip(positions.shape, amounts, strict=True)]
    if amounts.min() < 0 or amounts[:2].any() or math.prod(sizes) > MAX_OUTPUT:
        raise LayerError("has an impossible padding")
    return op.moved(np.pad(positions, amounts, mode="edge"))


def _padding(op: Operation) -> Tensor:
    positions = op.tensor.positions
    pads = op.get("pads")
    pads = op.constant(1, 1).tolist() if pads is None else pads
    given = axes_of(op.inputs, {}, 3)
    axes = tuple(range(positions.ndim)) if given is None else given
    if op.get("mode", "constant") == "edge":
        return _with_repeated_edges(op, axes, pads)
    fill = op.optional(2)
    value = op.get("value", 0.0) if fill is None or not fill.size else float(fill.ravel()[0])
    if op.get("mode", "constant") != "constant" or value:
        raise LayerError("does not pad with zeros")
    sides: dict[int, Pair] = {
        axis % positions.ndim: (int(pads[place]), int(pads[place + len(axes)]))
        for place, axis in enumerate(axes)
    }
    for order in (CHANNELS_FIRST, CHANNELS_LAST):
        rows, columns = order[1:3]
        padded = {axis for axis, amounts in sides.items() if any(amounts)}
        if padded <= {rows, columns} and op.line.has_maps(op.tensor, order):
            both = sides.get(rows, (0, 0)), sides.get(columns, (0, 0))
            op.add("ZeroPadding2D", {"padding": both})
            return op.line.output(order)
    raise LayerError("does not pad the rows and columns of maps")


def _dropout(op: Operation) -> Tensor:
    ratio = op.optional(1)
    rate = op.get("ratio", 0.5) if ratio is None else shortest(float(ratio.ravel()[0]))
    op.add("Dropout", {"rate": rate})
    return op.tensor


def _reshaped(op: Operation) -> Tensor:
    positions = op.tensor.positions
    sizes = op.get("shape") or op.constant(1, 1).tolist()
    if op.batch and op.batch > 1 and sizes[0] == op.batch:
        sizes = [1, *sizes[1:]]
    return op.moved(
        positions.reshape(new_shape(positions.shape, sizes, bool(op.get("allowzero", 0))))
    )


def _flattened(op: Operation) -> Tensor:
    positions = op.tensor.positions
    axis = op.get("axis", 1)
    axis = axis + positions.ndim if axis < 0 else axis
    return op.moved(positions.reshape(math.prod(positions.shape[:axis]), -1))


def _transposed(op: Operation) -> Tensor:
    return op.moved(op.tensor.positions.transpose(op.get("perm")))


def _squeezed(op: Operation) -> Tensor:
    return op.moved(squeezed(op.tensor.positions, axes_of(op.inputs, op.node.attributes)))


def _unsqueezed(op: Operation) -> Tensor:
    return op.moved(unsqueezed(op.tensor.positions, axes_of(op.inputs, op.node.attributes) or ()))


def _taken(op: Operation) -> Tensor:
    """Take the only row or column of maps of one pixel, or all channels in another order."""
    positions = op.tensor.positions
    taken = fold(op.node.kind, [positions, *op.inputs[1:]], op.node.attributes)
    if taken is None or not np.array_equal(np.sort(taken, None), np.sort(positions, None)):
        raise LayerError("leaves numbers out, which no layer does that can be read")
    return op.moved(taken)


def _same(op: Operation) -> Tensor:
    return op.tensor


def _cast(op: Operation) -> Tensor:
    from onnx import TensorProto

    precise = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    values = op.tensor.values
    is_condition = values is not None and bool(np.isin(values, (0, 1)).all())
    if op.get("to") not in precise and not is_condition:
        raise LayerError("rounds numbers")
    return op.tensor


# Operators that only move numbers, also those of a function that is not complete yet.
MOVES: dict[str, Callable[[Operation], Tensor]] = {
    "Reshape": _reshaped,
    "Flatten": _flattened,
    "Transpose": _transposed,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Gather": _taken,
    "Slice": _taken,
    "Identity": _same,
    "Cast": _cast,
}
# Operators that become layers.
LAYERS: dict[str, Callable[[Operation], Tensor]] = {
    "Conv": _convolution,
    "MaxPool": max_pooling,
    "AveragePool": average_pooling,
    "GlobalMaxPool": global_pooling("GlobalMaxPooling2D"),
    "GlobalAveragePool": global_pooling("GlobalAveragePooling2D"),
    "ReduceMax": _reduction("GlobalMaxPooling2D"),
    "ReduceMean": _reduction("GlobalAveragePooling2D"),
    "Gemm": _general_product,
    "MatMul": _product,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Pad": _padding,
    "Dropout": _dropout,
}
