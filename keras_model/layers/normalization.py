"""Layers that scale and shift: BatchNormalization, LayerNormalization, Rescaling, Normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from keras_model.layers import arguments as read
from keras_model.layers.arguments import LayerError, argument
from keras_model.layers.layer import (
    Cells,
    Layer,
    Reads,
    Shape,
    Weights,
    WeightSpec,
    operand,
)


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Normalize each channel by the running mean and variance of training."""

    kind: ClassVar[str] = "BatchNormalization"

    axis: int = argument(read.axis, default=-1)
    momentum: float = argument(read.number(0, 1), default=0.99)
    epsilon: float = argument(read.number(1e-12, 1), default=1e-3)
    center: bool = argument(read.switch, default=True)
    scale: bool = argument(read.switch, default=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        read.check_is_last_axis(self.axis, shape)
        return shape

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return γ, β, the running mean and the running variance, each (channels,)."""
        specs = {"gamma": WeightSpec(shape[-1:])} if self.scale else {}
        specs |= {"beta": WeightSpec(shape[-1:])} if self.center else {}
        running = WeightSpec(shape[-1:], is_trainable=False)
        return specs | {"moving_mean": running, "moving_variance": running}

    def factors(self, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
        """Return the scale γ / √(variance + ε) and the shift β - mean × scale: (channels,)."""
        scale = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + self.epsilon)
        return scale, weights.get("beta", 0.0) - weights["moving_mean"] * scale

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, channels) to the same shape."""
        scale, shift = self.factors(weights)
        normalized: np.ndarray = x * scale + shift
        return normalized

    def formula(self, cells: Cells) -> str:
        """Return the number times the scale, plus the shift; see :meth:`factors`."""
        return f"{operand(cells.inputs)}*{cells.weights['scale']}+{cells.weights['shift']}"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return ε, the running mean and variance, and γ and β where there are any."""
        return {"kind": "batch normalization", "epsilon": self.epsilon, **weights}

    def description(self) -> str:
        """Return ``BatchNorm``."""
        return "BatchNorm"


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Normalize the channels of each position by their own mean and variance."""

    kind: ClassVar[str] = "LayerNormalization"
    reads: ClassVar[Reads] = Reads.CHANNELS

    axis: int = argument(read.axis, default=-1)
    epsilon: float = argument(read.number(1e-12, 1), default=1e-3)
    center: bool = argument(read.switch, default=True)
    scale: bool = argument(read.switch, default=True)
    rms_scaling: bool = argument(read.one_of(False), default=False)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        read.check_is_last_axis(self.axis, shape)
        return shape

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return γ and β, each (channels,)."""
        specs = {"gamma": WeightSpec(shape[-1:])} if self.scale else {}
        return specs | ({"beta": WeightSpec(shape[-1:])} if self.center else {})

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, channels) to the same shape."""
        mean = x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + self.epsilon)
        normalized = (x - mean) / deviation
        gamma, beta = weights.get("gamma", 1.0), weights.get("beta", 0.0)
        scaled: np.ndarray = normalized * gamma + beta
        return scaled

    def formula(self, cells: Cells) -> str:
        """Return (x - mean) / √(variance + ε), times γ, plus β."""
        inputs = cells.inputs
        x = f"({cells.number}-AVERAGE({inputs}))/SQRT(VARP({inputs})+{self.epsilon!r})"
        if self.scale:
            x += f"*{cells.weights['gamma']}"
        return f"{x}+{cells.weights['beta']}" if self.center else x

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return ε, and γ and β where there are any."""
        return {"kind": "layer normalization", "epsilon": self.epsilon, **weights}

    def description(self) -> str:
        """Return ``LayerNorm``."""
        return "LayerNorm"


@dataclass(frozen=True)
class Rescaling(Layer):
    """Multiply by a number and add one."""

    kind: ClassVar[str] = "Rescaling"

    scale: tuple[float, ...] = argument(read.numbers)
    offset: tuple[float, ...] = argument(read.numbers, default=(0.0,))

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        for name, values in (("scale", self.scale), ("offset", self.offset)):
            if len(values) not in (1, shape[-1]):
                raise LayerError(f"needs one {name} or {shape[-1]}, got {len(values)}")
        return shape

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, channels) to the same shape."""
        scale, offset = (np.asarray(values, x.dtype) for values in (self.scale, self.offset))
        scaled: np.ndarray = x * scale + offset
        return scaled

    def formula(self, cells: Cells) -> str:
        """Return the number times the scale, plus the offset."""
        return f"{operand(cells.inputs)}*{cells.weights['scale']}+{cells.weights['offset']}"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the scale and the offset of each channel."""
        return _scale_and_shift("rescaling", shape, np.asarray(self.scale), np.asarray(self.offset))

    def description(self) -> str:
        """Return for example ``Rescaling by 0.00392``."""
        offset = "" if self.offset == (0.0,) else ", with offset"
        return f"Rescaling by {self.scale[0]:.3g}{offset}"


@dataclass(frozen=True)
class Normalization(Layer):
    """Subtract a mean and divide by a standard deviation, as adapted to data or given."""

    kind: ClassVar[str] = "Normalization"

    axis: int | None = argument(read.axis_or_none, default=-1)
    mean: tuple[float, ...] | None = argument(
        lambda value: None if value is None else read.numbers(value), default=None
    )
    variance: tuple[float, ...] | None = argument(
        lambda value: None if value is None else read.numbers(value), default=None
    )
    invert: bool = argument(read.one_of(False), default=False)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        if self.axis is not None:
            read.check_is_last_axis(self.axis, shape)
        if (self.mean is None) != (self.variance is None):
            raise LayerError("needs both mean and variance, or neither")
        counts = (1,) if self.axis is None else (1, shape[-1])
        for name, values in (("mean", self.mean), ("variance", self.variance)):
            if values is not None and len(values) not in counts:
                raise LayerError(f"needs one {name} or one per channel, got {len(values)}")
        return shape

    def arguments(self) -> dict[str, Any]:
        """Return the arguments, one number without a list: of all numbers, Keras takes no list."""
        return {
            name: value[0] if isinstance(value, tuple) and len(value) == 1 else value
            for name, value in super().arguments().items()
        }

    def weight_specs(self, shape: Shape) -> dict[str, WeightSpec]:
        """Return the adapted mean and variance and the count, unless they are given."""
        if self.mean is not None:
            return {}
        size = () if self.axis is None else shape[-1:]
        specs = {name: WeightSpec(size, is_trainable=False) for name in ("mean", "variance")}
        return specs | {"count": WeightSpec((), is_trainable=False)}

    def factors(self, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
        """Return the scale 1 / √variance and the shift -mean / √variance."""
        mean = np.asarray(weights["mean"] if self.mean is None else self.mean, np.float64)
        variance = np.asarray(
            weights["variance"] if self.variance is None else self.variance, np.float64
        )
        scale = 1 / np.maximum(np.sqrt(variance), 1e-7)
        return scale, -mean * scale

    def compute(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Map (n, …, channels) to the same shape."""
        mean = np.asarray(weights["mean"] if self.mean is None else self.mean, x.dtype)
        variance = np.asarray(
            weights["variance"] if self.variance is None else self.variance, x.dtype
        )
        # No standard deviation counts as less than Keras' epsilon.
        deviation = np.maximum(np.sqrt(variance), 1e-7)
        normalized: np.ndarray = (x - mean) / deviation
        return normalized

    def formula(self, cells: Cells) -> str:
        """Return (x - mean) / √variance."""
        weights = cells.weights
        deviation = f"MAX(SQRT({weights['variance']}),0.0000001)"
        return f"({operand(cells.inputs)}-{weights['mean']})/{deviation}"

    def operation(self, weights: Weights, shape: Shape) -> dict[str, Any]:
        """Return the scale and the shift of each channel."""
        return _scale_and_shift("normalization", shape, *self.factors(weights))

    def description(self) -> str:
        """Return ``Normalization``."""
        return "Normalization"


def _scale_and_shift(
    name: str, shape: Shape, scale: np.ndarray, shift: np.ndarray
) -> dict[str, Any]:
    factors = {
        key: np.broadcast_to(np.asarray(values, np.float32), shape[-1:])
        for key, values in (("scale", scale), ("shift", shift))
    }
    return {"kind": "scaling", "name": name, **factors}
