"""What the sheets of a network show: one stage after the other, each a grid of computed cells.

A stage is a layer, and after it those layers whose formula can be written around its own: after a
convolution the ReLU and the batch normalization, so that one cell computes all three.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_model.layers.convolution import Conv2D
from keras_model.layers.dense import Dense
from keras_model.layers.layer import Cells, Layer, Reads, Shape, Weights
from keras_model.trained.network import Step, TrainedNetwork

MAX_WEIGHTS = 65_000
MAX_CELLS = 150_000  # computed
MAX_CHANNELS = 200  # that one formula lists; Excel's functions take 255 arguments
# The name of a kind of stage: on a sheet's tab, and in full.
_NAMES = {
    "Conv2D": ("Conv", "Convolution"),
    "DepthwiseConv2D": ("Depthwise", "Depthwise convolution"),
    "Dense": ("Dense", "Dense layer"),
    "MaxPooling2D": ("Pool", "Max pooling"),
    "AveragePooling2D": ("Pool", "Average pooling"),
    "GlobalMaxPooling2D": ("Pool", "Global max pooling"),
    "GlobalAveragePooling2D": ("Pool", "Global average pooling"),
    "Flatten": ("Flatten", "Flattened"),
    "Reshape": ("Reshape", "Reshaped"),
    "ZeroPadding2D": ("Padding", "Zero padding"),
    "BatchNormalization": ("Norm", "Batch normalization"),
    "LayerNormalization": ("Norm", "Layer normalization"),
    "Normalization": ("Norm", "Normalization"),
    "Rescaling": ("Rescaling", "Rescaling"),
    "ReLU": ("Activation", "ReLU"),
    "LeakyReLU": ("Activation", "Leaky ReLU"),
    "Activation": ("Activation", "Activation"),
    "Softmax": ("Softmax", "Softmax"),
}


class OtherNetworkError(Exception):
    """The network cannot be written as a workbook or a page; the message says why."""


class TooLargeError(OtherNetworkError):
    """The network is too large for a workbook, but not for a page."""


@dataclass
class Stage:
    """A layer and those whose formulas are around its own.

    Attributes:
        name: of the sheet, for example ``Conv 1``.
        long_name: for the page, for example ``Convolution 1``.
        steps: the layers, the first of which reads the stage before.
        weights: of each of the steps, float64.
        values: the output for the digit that is selected at first.
    """

    name: str
    long_name: str
    steps: list[Step]
    weights: list[Weights]
    values: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def key(self) -> str:
        """The name in one word, for example ``conv1``."""
        return self.name.lower().replace(" ", "")

    @property
    def layer(self) -> Layer:
        """The first layer."""
        return self.steps[0].layer

    @property
    def input_shape(self) -> Shape:
        """The shape that the stage reads."""
        return self.steps[0].input_shape

    @property
    def shape(self) -> Shape:
        """The shape of its cells."""
        return self.steps[-1].output_shape

    @property
    def is_maps(self) -> bool:
        """Whether its cells are maps (height, width, channels), not one column."""
        return len(self.shape) == 3


def sheet_stages(network: TrainedNetwork) -> list[Stage]:
    """Return the stages of a network for a workbook, up to its logits.

    Raises:
        TooLargeError: the workbook would be too large.
    """
    stages = _stages(_steps_to_logits(network), can_be_written_around)
    _check_size(stages)
    return stages


def page_stages(network: TrainedNetwork) -> list[Stage]:
    """Return the stages of a network for a page, up to its logits.

    What follows number by number is part of the stage, and a flattening part of the dense layer.
    """
    steps = _steps_to_logits(network)
    kinds = [step.layer.kind for step in steps]
    following = [*kinds[1:], ""]
    kept = [
        step
        for step, kind, after in zip(steps, kinds, following, strict=True)
        if (kind, after) != ("Flatten", "Dense")
    ]
    return _stages(kept, lambda layer: layer.reads == Reads.NUMBER)


def _stages(steps: Sequence[Step], joins: Callable[[Layer], bool]) -> list[Stage]:
    """Group steps: those that ``joins`` accepts belong to the stage before them."""
    stages: list[Stage] = []
    names: Counter[str] = Counter()
    for step in steps:
        weights = {name: _decimal(values) for name, values in step.weights.items()}
        if stages and joins(step.layer):
            stages[-1].steps.append(step)
            stages[-1].weights.append(weights)
            continue
        short, long = _NAMES[step.layer.kind]
        names[short] += 1
        number = names[short]
        stages.append(Stage(f"{short} {number}", f"{long} {number}", [step], [weights]))
    return stages


def can_be_written_around(layer: Layer) -> bool:
    """Whether a layer's formula has its number in one place, where another formula fits."""
    if layer.reads != Reads.NUMBER:
        return False
    mark = "\0"
    weights = dict.fromkeys(("scale", "shift", "offset", "mean", "variance"), "x")
    return layer.formula(Cells(mark, mark, weights)).count(mark) == 1


def compute(stages: list[Stage], digit: np.ndarray) -> np.ndarray:
    """Compute the values of all stages for a scaled digit; return the logits (10,).

    Args:
        digit: float64, in the shape of the network's input.
    """
    x = digit[None]
    for stage in stages:
        for step, weights in zip(stage.steps, stage.weights, strict=True):
            x = step.layer.compute(x, weights)
        stage.values = x[0]
    logits: np.ndarray = x[0]
    return logits


def _steps_to_logits(network: TrainedNetwork) -> list[Step]:
    return [_as_convolution(step) for step in network.with_maps().steps_to_logits]


def _as_convolution(step: Step) -> Step:
    """Return a dense layer of maps as the convolution of 1×1 that it is."""
    layer = step.layer
    if not isinstance(layer, Dense) or len(step.input_shape) != 3:
        return step
    convolution = Conv2D(
        layer.units, (1, 1), activation=layer.activation, use_bias=layer.use_bias, name=layer.name
    )
    kernel = step.weights["kernel"][None, None]
    return dataclasses.replace(step, layer=convolution, weights={**step.weights, "kernel": kernel})


def _check_size(stages: list[Stage]) -> None:
    weights = sum(
        value.size for stage in stages for each in stage.weights for value in each.values()
    )
    cells = sum(math.prod(stage.shape) for stage in stages)
    for count, limit, what in (
        (weights, MAX_WEIGHTS, "weights"), (cells, MAX_CELLS, "computed cells"),
    ):  # fmt: skip
        if count > limit:
            raise TooLargeError(f"it would have {count:,} {what}, and the maximum is {limit:,}")
    for stage in stages:
        for step in stage.steps:
            is_listed = step.layer.reads == Reads.CHANNELS and len(step.input_shape) == 3
            if is_listed and step.input_shape[-1] > MAX_CHANNELS:
                raise TooLargeError(
                    f"{stage.name} reads {step.input_shape[-1]} channels at once, and a formula "
                    f"can list at most {MAX_CHANNELS}"
                )


def _decimal(values: np.ndarray) -> np.ndarray:
    """Return single-precision numbers as their shortest decimals, which a cell shows in full."""
    return np.array([float(str(value)) for value in values.ravel()]).reshape(values.shape)
