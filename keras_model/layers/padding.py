"""Windows that move over maps: their number, their padding, and the view that they give.

``padding`` is ``"valid"`` or ``"same"``, as in Keras and TensorFlow:
https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from keras_model.layers.arguments import LayerError, Pair
from keras_model.layers.layer import Shape, Window, shape_text


def axis_window(side: int, size: int, stride: int, padding: str, dilation: int = 1) -> Window:
    """Return the window along an axis of ``side`` positions."""
    reach = (size - 1) * dilation + 1
    return Window(reach, stride, before_and_after(side, reach, stride, padding)[0])


def before_and_after(side: int, reach: int, stride: int, padding: str) -> Pair:
    """Return the number of padded positions before and after an axis."""
    if padding == "valid":
        return 0, 0
    total = max((-(-side // stride) - 1) * stride + reach - side, 0)
    return total // 2, total - total // 2


def output_side(side: int, reach: int, stride: int, padding: str) -> int:
    """Return the number of windows along an axis; it may be 0 or less."""
    return -(-side // stride) if padding == "same" else (side - reach) // stride + 1


def output_sides(
    shape: Shape, size: Pair, strides: Pair, padding: str, dilation: Pair = (1, 1)
) -> Pair:
    """Return the height and width of the output of windows over maps (height, width, channels).

    Raises:
        LayerError: the maps are smaller than the window.
    """
    reach = [(size[axis] - 1) * dilation[axis] + 1 for axis in range(2)]
    sides = [output_side(shape[axis], reach[axis], strides[axis], padding) for axis in range(2)]
    if min(sides) < 1:
        raise LayerError(
            f"has a window of {reach[0]}×{reach[1]}, but its input is only {shape_text(shape)}"
        )
    return sides[0], sides[1]


def windows_of(
    x: np.ndarray,
    size: Pair,
    strides: Pair,
    padding: str,
    *,
    dilation: Pair = (1, 1),
    fill: float = 0.0,
) -> np.ndarray:
    """Return the windows of maps (n, h, w, c): (n, h', w', c, rows of a window, its columns).

    Args:
        fill: the number in the padded positions.
    """
    reach = [(size[axis] - 1) * dilation[axis] + 1 for axis in range(2)]
    pads = [
        before_and_after(x.shape[1 + axis], reach[axis], strides[axis], padding)
        for axis in range(2)
    ]
    if any(map(any, pads)):
        x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    windows = sliding_window_view(x, reach, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
