"""Convolutions: Conv2D, DepthwiseConv2D and SeparableConv2D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.activation import split_activation, weighted_sum
from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import Pair, argument
from keras_model.layers.layer import (
    Cells,
    Layer,
    Reads,
    Shape,
    Weights,
    WeightSpec,
    Window,
    check_is_map,
    size_text,
)
from keras_model.layers.padding import axis_window, output_sides, windows_of


class _Convolution(Layer):
    """What a convolution by windows does whatever its kernels are."""

    kernel_size: Pair
    strides: Pair
    padding: str
    dilation_rate: Pair
    activation: str

    def formula(self, cells: Cells) -> str:
        """Return the sum of products, plus the bias, in the activation function."""
        return weighted_sum(self.activation, cells)

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the windows, the kernel as in Keras, the bias and the activation."""
        return {
            "kind": "convolution",
            "depthwise": self.reads == Reads.WINDOW,
            "size": self.kernel_size,
            "strides": self.strides,
            "dilation": self.dilation_rate,
            "before": [window.before for window in self.windows(shape)],
            "activation": self.activation,
            **weights,
        }

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the kernel's extent along each axis."""
        rows, columns = (
            axis_window(
                shape[axis], self.kernel_size[axis], self.strides[axis], self.padding,
                self.dilation_rate[axis],
            )
            for axis in range(2)
        )  # fmt: skip
        return rows, columns

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return the convolution, and its activation where a cell cannot compute both."""
        return split_activation(self, weights)


@dataclass(frozen=True)
class Conv2D(_Convolution):
    """A convolution: each filter has a kernel for each channel."""

    kind: ClassVar[str] = "Conv2D"
    reads: ClassVar[Reads] = Reads.WINDOWS

    filters: int = argument(read.whole(1, read.MAX_UNITS))
    kernel_size: Pair = argument(read.pair())
    strides: Pair = argument(read.pair(), default=(1, 1))
    padding: str = argument(read.one_of("valid", "same"), default="valid")
    dilation_rate: Pair = argument(read.pair(), default=(1, 1))
    groups: int = argument(read.one_of(1), default=1)
    activation: str = argument(read.activation, default="linear")
    use_bias: bool = argument(read.switch, default=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, filters)."""
        check_is_map(shape)
        return *output_sides(
            shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        ), self.filters

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return the kernel (rows, columns, channels, filters) and the bias (filters,)."""
        specs = {"kernel": WeightSpec((*self.kernel_size, shape[-1], self.filters))}
        return specs | ({"bias": WeightSpec((self.filters,))} if self.use_bias else {})

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', filters)."""
        windows = windows_of(
            x, self.kernel_size, self.strides, self.padding, dilation=self.dilation_rate
        )
        sums = np.tensordot(windows, weights["kernel"], ((4, 5, 3), (0, 1, 2)))
        return ACTIVATIONS[self.activation].compute(_with_bias(sums, weights))

    def description(self) -> str:
        """Return for example ``Conv 3×3, 16, padding 1, no bias``."""
        return ", ".join(
            [f"Conv {size_text(self.kernel_size)}", str(self.filters), *_details(self)]
        )


@dataclass(frozen=True)
class DepthwiseConv2D(_Convolution):
    """A convolution of each channel by itself, with ``depth_multiplier`` kernels per channel."""

    kind: ClassVar[str] = "DepthwiseConv2D"
    reads: ClassVar[Reads] = Reads.WINDOW

    kernel_size: Pair = argument(read.pair())
    strides: Pair = argument(read.pair(), default=(1, 1))
    padding: str = argument(read.one_of("valid", "same"), default="valid")
    depth_multiplier: int = argument(read.whole(1, read.MAX_UNITS), default=1)
    dilation_rate: Pair = argument(read.pair(), default=(1, 1))
    activation: str = argument(read.activation, default="linear")
    use_bias: bool = argument(read.switch, default=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels × depth_multiplier)."""
        check_is_map(shape)
        return *output_sides(
            shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        ), shape[-1] * self.depth_multiplier

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return the kernel (rows, columns, channels, depth_multiplier) and the bias."""
        specs = {"kernel": WeightSpec((*self.kernel_size, shape[-1], self.depth_multiplier))}
        count = shape[-1] * self.depth_multiplier
        return specs | ({"bias": WeightSpec((count,))} if self.use_bias else {})

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', channels × depth_multiplier)."""
        windows = windows_of(
            x, self.kernel_size, self.strides, self.padding, dilation=self.dilation_rate
        )
        sums = np.einsum("nyxcij,ijcm->nyxcm", windows, weights["kernel"])
        sums = sums.reshape(*sums.shape[:3], -1)
        return ACTIVATIONS[self.activation].compute(_with_bias(sums, weights))

    def description(self) -> str:
        """Return for example ``Depthwise conv 3×3``."""
        multiplier = [f"×{self.depth_multiplier}"] if self.depth_multiplier > 1 else []
        return ", ".join(
            [f"Depthwise conv {size_text(self.kernel_size)}", *multiplier, *_details(self)]
        )


@dataclass(frozen=True)
class SeparableConv2D(Layer):
    """A depthwise convolution, then a convolution of 1×1."""

    kind: ClassVar[str] = "SeparableConv2D"

    filters: int = argument(read.whole(1, read.MAX_UNITS))
    kernel_size: Pair = argument(read.pair())
    strides: Pair = argument(read.pair(), default=(1, 1))
    padding: str = argument(read.one_of("valid", "same"), default="valid")
    dilation_rate: Pair = argument(read.pair(), default=(1, 1))
    depth_multiplier: int = argument(read.whole(1, read.MAX_UNITS), default=1)
    activation: str = argument(read.activation, default="linear")
    use_bias: bool = argument(read.switch, default=True)

    @property
    def depthwise(self) -> DepthwiseConv2D:
        """The first of the two convolutions."""
        return DepthwiseConv2D(
            self.kernel_size, self.strides, self.padding, self.depth_multiplier,
            self.dilation_rate, use_bias=False, name=self.name and f"{self.name}, depthwise",
        )  # fmt: skip

    @property
    def pointwise(self) -> Conv2D:
        """The second of the two convolutions."""
        return Conv2D(
            self.filters, (1, 1), activation=self.activation, use_bias=self.use_bias,
            name=self.name and f"{self.name}, pointwise",
        )  # fmt: skip

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, filters)."""
        return self.pointwise.output_shape(self.depthwise.output_shape(shape))

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return both kernels and the bias (filters,)."""
        channels = shape[-1] * self.depth_multiplier
        pointwise = self.pointwise.weight_specs((1, 1, channels))
        return {
            "depthwise_kernel": self.depthwise.weight_specs(shape)["kernel"],
            "pointwise_kernel": pointwise.pop("kernel"),
            **pointwise,
        }

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, h, w, channels) to (n, h', w', filters)."""
        for layer, of_layer in self._parts(weights):
            x = layer.compute(x, of_layer)
        return x

    def windows(self, shape: Shape) -> tuple[Window, Window]:
        """Return the extent of the depthwise kernel along each axis."""
        return self.depthwise.windows(shape)

    def _parts(self, weights: Weights) -> list[tuple[Layer, Weights]]:
        rest = {name: value for name, value in weights.items() if name == "bias"}
        return [
            (self.depthwise, {"kernel": weights["depthwise_kernel"]}),
            (self.pointwise, {"kernel": weights["pointwise_kernel"], **rest}),
        ]

    def primitives(self, weights: Weights) -> Sequence[tuple[Layer, Weights]]:
        """Return the two convolutions."""
        return [
            primitive
            for layer, of_layer in self._parts(weights)
            for primitive in layer.primitives(of_layer)
        ]

    def description(self) -> str:
        """Return for example ``Separable conv 3×3, 16``."""
        return ", ".join(
            [f"Separable conv {size_text(self.kernel_size)}", str(self.filters), *_details(self)]
        )


def _with_bias(sums: np.ndarray, weights: Weights) -> np.ndarray:
    return sums + weights["bias"] if "bias" in weights else sums


def _details(layer: Conv2D | DepthwiseConv2D | SeparableConv2D) -> list[str]:
    """Return what the description of a convolution says after its size."""
    details = []
    if layer.strides != (1, 1):
        details.append(f"stride {_short(layer.strides)}")
    if layer.dilation_rate != (1, 1):
        details.append(f"dilation {_short(layer.dilation_rate)}")
    if layer.padding == "same":
        is_plain = layer.strides == layer.dilation_rate == (1, 1)
        if is_plain and layer.kernel_size[0] == layer.kernel_size[1] and layer.kernel_size[0] % 2:
            if layer.kernel_size != (1, 1):
                details.append(f"padding {layer.kernel_size[0] // 2}")
        else:
            details.append("padding same")
    if layer.activation != "linear":
        details.append(ACTIVATIONS[layer.activation].words)
    if not layer.use_bias:
        details.append("no bias")
    return details


def _short(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else size_text(pair)
