"""Pooling: MaxPooling2D, AveragePooling2D, GlobalMaxPooling2D, GlobalAveragePooling2D."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.arguments import Pair, argument
from keras_model.layers.layer import (
    Cells,
    Layer,
    Reads,
    Shape,
    Weights,
    Window,
    check_is_map,
    size_text,
)
from keras_model.layers.padding import axis_window, output_sides, windows_of


@dataclass(frozen=True)
class Pooling(Layer):
    """What the two kinds of pooling by windows share. ``strides`` None is the window's size."""

    pool_size: Pair = argument(read.pair(), default=(2, 2))
    strides: Pair | None = argument(read.optional_pair, default=None)
    padding: str = argument(read.one_of("valid", "same"), default="valid")

    reads: ClassVar[Reads] = Reads.WINDOW
    words: ClassVar[str]
    function: ClassVar[str]  # Excel's; it ignores blank cells, which are the padding

    @property
    def steps(self) -> Pair:
        """How far apart the windows are."""
        return self.pool_size if self.strides is None else self.strides

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels)."""
        check_is_map(shape)
        return *output_sides(shape, self.pool_size, self.steps, self.padding), shape[-1]

    def formula(self, cells: Cells) -> str:
        """Return the function of the range."""
        return f"{self.function}({cells.inputs})"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the function and the windows."""
        before = [window.before for window in self.windows(shape)]
        return pooling_operation(self.function, self.pool_size, self.steps, before)

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the window along each axis."""
        rows, columns = (
            axis_window(shape[axis], self.pool_size[axis], self.steps[axis], self.padding)
            for axis in range(2)
        )
        return rows, columns

    def description(self) -> str:
        """Return for example ``MaxPool 2×2``."""
        details = [] if self.steps == self.pool_size else [f"stride {size_text(self.steps)}"]
        details += ["padding same"] if self.padding == "same" else []
        return ", ".join([f"{self.words} {size_text(self.pool_size)}", *details])


@dataclass(frozen=True)
class MaxPooling2D(Pooling):
    """The largest number of each window."""

    kind: ClassVar[str] = "MaxPooling2D"
    words: ClassVar[str] = "MaxPool"
    function: ClassVar[str] = "MAX"

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', channels)."""
        windows = windows_of(x, self.pool_size, self.steps, self.padding, fill=-np.inf)
        return functools.reduce(np.maximum, _numbers_of(windows))


@dataclass(frozen=True)
class AveragePooling2D(Pooling):
    """The mean of each window, in which padding does not count."""

    kind: ClassVar[str] = "AveragePooling2D"
    words: ClassVar[str] = "AveragePool"
    function: ClassVar[str] = "AVERAGE"

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', channels)."""
        windows = windows_of(x, self.pool_size, self.steps, self.padding)
        sums = functools.reduce(np.add, _numbers_of(windows))
        ones = np.ones((1, *x.shape[1:3], 1), x.dtype)
        counts = windows_of(ones, self.pool_size, self.steps, self.padding).sum(axis=(4, 5))
        means: np.ndarray = sums / counts
        return means


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """What the two kinds of pooling of whole maps share."""

    keepdims: bool = argument(read.switch, default=False)

    reads: ClassVar[Reads] = Reads.MAP
    words: ClassVar[str]
    function: ClassVar[str]  # Excel's

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels,), or (1, 1, channels) with ``keepdims``."""
        check_is_map(shape)
        return (1, 1, shape[-1]) if self.keepdims else shape[-1:]

    def formula(self, cells: Cells) -> str:
        """Return the function of the range."""
        return f"{self.function}({cells.inputs})"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the function and the one window of each map."""
        return pooling_operation(self.function, (shape[0], shape[1]), (1, 1), [0, 0])

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the whole map as a window."""
        return Window(shape[0]), Window(shape[1])

    def description(self) -> str:
        """Return for example ``Global average pooling``."""
        return self.words


@dataclass(frozen=True)
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each map."""

    kind: ClassVar[str] = "GlobalAveragePooling2D"
    words: ClassVar[str] = "Global average pooling"
    function: ClassVar[str] = "AVERAGE"

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, channels) or (n, 1, 1, channels)."""
        means: np.ndarray = x.mean(axis=(1, 2), keepdims=self.keepdims)
        return means


@dataclass(frozen=True)
class GlobalMaxPooling2D(GlobalPooling):
    """The largest number of each map."""

    kind: ClassVar[str] = "GlobalMaxPooling2D"
    words: ClassVar[str] = "Global max pooling"
    function: ClassVar[str] = "MAX"

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, channels) or (n, 1, 1, channels)."""
        largest: np.ndarray = x.max(axis=(1, 2), keepdims=self.keepdims)
        return largest


def _numbers_of(windows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the first number of each window (…, rows, columns), the second, and so on: each (…).

    NumPy combines such arrays in a fraction of the time that it needs for many short axes.
    """
    for row, column in np.ndindex(windows.shape[-2:]):
        yield windows[..., row, column]


def pooling_operation(
    function: str, size: Pair, strides: Pair, before: list[int]
) -> dict[str, Any]:
    """Return the description of a pooling for the web page."""
    return {
        "kind": "pooling", "function": {"MAX": "maximum", "AVERAGE": "mean"}[function],
        "size": size, "strides": strides, "before": before,
    }  # fmt: skip
