"""Pooling, as PyTorch and Keras with each of its backends export it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from keras_model.layers.arguments import LayerError
from keras_model.layers.padding import before_and_after
from keras_model.trained.onnx_model.line import CHANNELS_FIRST, Tensor
from keras_model.trained.onnx_model.operation import Operation
from keras_model.trained.onnx_model.windows import Windows, windows_from


def pad(op: Operation, windows: Windows) -> None:
    """Append the padding that no argument of a layer says."""
    if windows.padding is None:
        op.line.add("ZeroPadding2D", {"padding": windows.sides})


def _pool_windows(op: Operation) -> Windows:
    op.need_maps()
    size = op.get("kernel_shape", [])
    if len(size) != 2 or min(size) < 1:
        raise LayerError("has an impossible size")
    windows = windows_from(op.node.attributes, (size[0], size[1]), op.line.shape)
    if windows.dilation != (1, 1):
        raise LayerError("has dilations, which cannot be read")
    if any(max(windows.sides[axis]) >= windows.size[axis] for axis in range(2)):
        raise LayerError("has a padding as large as its windows")
    return windows


def _repeats_edges(op: Operation) -> bool:
    """Whether the input is maps whose edges are repeated as far as Keras pads for ``same``.

    So writes Keras with PyTorch. No window's maximum changes by that.
    """
    size, strides = op.get("kernel_shape", []), op.get("strides", [1, 1])
    if len(op.line.shape) != 3 or len(size) != 2 or len(strides) != 2 or min(size) < 1:
        return False
    pads = [
        before_and_after(op.line.shape[axis], size[axis], strides[axis], "same") for axis in (0, 1)
    ]
    maps = op.line.output(CHANNELS_FIRST).positions
    padded = np.pad(maps, ((0, 0), (0, 0), *pads), mode="edge")
    return not any(op.get("pads", [])) and np.array_equal(padded, op.tensor.positions)


def _max_pooling_of_last_channels(op: Operation) -> Tensor:
    """Read windows over (digits, rows, columns, channels), as Keras with JAX writes them."""
    positions, attributes = op.tensor.positions, op.node.attributes
    ours = {"strides": [1] * 4, "pads": [0] * 8, "dilations": [1] * 4} | attributes
    size, strides, pads = ours["kernel_shape"], ours["strides"], ours["pads"]
    others = [*size[::3], *strides[::3], *ours["dilations"][::3]]
    if positions.shape[:3] != (1, 1, 1) or set(others) != {1} or any([*pads[::4], *pads[3::4]]):
        raise LayerError("is not over the rows and columns of maps")
    maps = op.moved(positions[0, 0].transpose(0, 3, 1, 2))
    changed = attributes | {
        "kernel_shape": size[1:3], "strides": strides[1:3], "dilations": ours["dilations"][1:3],
        "pads": [*pads[1:3], *pads[5:7]],
    }  # fmt: skip
    pooled = max_pooling(replace(op, node=replace(op.node, attributes=changed), inputs=[maps]))
    return Tensor(pooled.positions.transpose(CHANNELS_FIRST)[None, None])


def max_pooling(op: Operation) -> Tensor:
    """Append a MaxPooling2D, and the padding that it does not have itself."""
    if len(op.get("kernel_shape", [])) == 4:
        return _max_pooling_of_last_channels(op)
    if op.tensor.positions.size > math.prod(op.line.shape) and _repeats_edges(op):
        size, strides = op.get("kernel_shape"), op.get("strides", [1, 1])
        op.add("MaxPooling2D", {"pool_size": size, "strides": strides, "padding": "same"})
        return op.line.output(CHANNELS_FIRST)
    windows = _pool_windows(op)
    if windows.padding is None and not op.line.is_never_negative():
        raise LayerError(
            "has a padding that Keras does not have: it can be read where no number is negative, "
            "as after ReLU"
        )
    pad(op, windows)  # which is -∞, but nothing is below 0
    op.add("MaxPooling2D", {"pool_size": windows.size, **windows.arguments})
    return op.line.output(CHANNELS_FIRST)


def average_pooling(op: Operation) -> Tensor:
    """Append an AveragePooling2D, and before it padding that counts."""
    windows = _pool_windows(op)
    arguments = {"pool_size": windows.size, **windows.arguments}
    counts_padding = bool(op.get("count_include_pad", 0)) and windows.padding != "valid"
    if (windows.padding is None and not counts_padding) or (windows.exceeds and counts_padding):
        raise LayerError("has a padding that Keras does not have")
    if counts_padding:
        op.line.add("ZeroPadding2D", {"padding": windows.sides})
        arguments["padding"] = "valid"
    op.add("AveragePooling2D", arguments)
    return op.line.output(CHANNELS_FIRST)


def global_pooling(kind: str) -> Callable[[Operation], Tensor]:
    """Return a function that appends pooling of whole maps."""

    def add(op: Operation) -> Tensor:
        op.need_maps()
        op.add(kind, {"keepdims": True})
        return op.line.output(CHANNELS_FIRST)

    return add
