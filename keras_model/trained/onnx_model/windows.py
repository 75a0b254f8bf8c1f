"""The padding of ONNX's convolutions and poolings, as that of our layers.

https://onnx.ai/onnx/operators/onnx__Conv.html and onnx__MaxPool.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from keras_model.layers.arguments import LayerError, Pair, Sides
from keras_model.layers.layer import Shape
from keras_model.layers.padding import before_and_after


@dataclass(frozen=True)
class Windows:
    """Windows over maps: their padding is ``"valid"`` or ``"same"``, or ``sides``, of any size.

    ``exceeds`` says whether the padding is more than the file gives, by rounding up.
    """

    size: Pair
    strides: Pair
    dilation: Pair
    sides: Sides
    padding: str | None
    exceeds: bool

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that all our layers with windows have, without their size."""
        return {"strides": self.strides, "padding": self.padding or "valid"}


def windows_from(attributes: dict[str, Any], size: Pair, shape: Shape) -> Windows:
    """Return the windows of an operator with these attributes over maps of a shape.

    Raises:
        LayerError: an attribute is impossible.
    """
    strides = _pair(attributes, "strides")
    dilation = _pair(attributes, "dilations")
    pads = attributes.get("pads") or [0, 0, 0, 0]
    if len(pads) != 4 or min(pads) < 0:
        raise LayerError("has an impossible padding")
    auto = attributes.get("auto_pad", "NOTSET")
    axes, fits_same, exceeds = [], True, False
    for axis in range(2):
        reach = (size[axis] - 1) * dilation[axis] + 1
        side, stride = shape[axis], strides[axis]
        same = before_and_after(side, reach, stride, "same")
        before, after = pads[axis], pads[axis + 2]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            before, after = same if auto == "SAME_UPPER" else same[::-1]
        elif auto == "VALID":
            before, after = 0, 0
        outputs = (side + before + after - reach) / stride + 1
        count = math.floor(outputs)
        if attributes.get("ceil_mode"):
            count = math.ceil(outputs)
            if (count - 1) * stride >= side + before:  # a window that begins in the padding
                count -= 1
        needed = max((count - 1) * stride + reach - side - before, 0)
        exceeds = exceeds or needed > after
        after = max(after, needed)
        fits_same = fits_same and (before, needed) == same and count == -(-side // stride)
        axes.append((before, after))
    padding = "valid" if not any(map(any, axes)) else "same" if fits_same else None
    return Windows(size, strides, dilation, (axes[0], axes[1]), padding, exceeds)


def _pair(attributes: dict[str, Any], name: str) -> Pair:
    values = attributes.get(name) or [1, 1]
    if len(values) != 2 or min(values) < 1:
        raise LayerError(f"has impossible {name}")
    return values[0], values[1]
