"""Reading an ``.onnx`` file, as PyTorch and Keras export it, as layers with weights.

The file may come from anyone. Nothing of it is executed; its size is limited.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_model.data.mnist import CLASSES, SIDE
from keras_model.layers.arguments import LayerError
from keras_model.layers.kinds import KINDS
from keras_model.networks.architecture import MAX_PARAMETERS, Architecture, NetworkError
from keras_model.trained.network import TrainedNetwork
from keras_model.trained.onnx_model.computation import REDUCTIONS, Computation, Computed
from keras_model.trained.onnx_model.constants import fold
from keras_model.trained.onnx_model.elementwise import (
    FUNCTIONS,
    GRID,
    evaluated,
    recognized,
    recognized_multiple,
)
from keras_model.trained.onnx_model.graph import Graph, Node, read_graph
from keras_model.trained.onnx_model.line import Line, Tensor
from keras_model.trained.onnx_model.operation import Operation
from keras_model.trained.onnx_model.operators import LAYERS, MOVES, reduced_maps

_MAX_FOLDED = 4 * MAX_PARAMETERS  # numbers in all constants that are computed
_MAX_NUMBERS = 8  # that may be thresholds of a function
# Operators that read no numbers of an input, but its shape or the type of its numbers.
_SHAPES = ("Shape", "Size")
_LIKE = "CastLike"
_NOT_A_LINE = "is not one line of layers from one input to one output, as a Sequential model is"


def read_onnx_file(path: Path) -> TrainedNetwork:
    """Read a digit classifier from an ``.onnx`` file.

    Raises:
        NetworkError: not a model, one with other operators or another shape, or one that is
            damaged or too large. The message continues a sentence that starts with the path.
    """
    with np.errstate(all="ignore"):  # numbers that are not finite are refused at the end
        return _Reading(read_graph(path)).network()


class _Reading:
    """Reads the operators of a graph one after the other."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.line = Line()
        self.known: dict[str, np.ndarray | Tensor | Computed] = dict(graph.constants)
        positions, self.batch = _input(graph.input_shape)
        self.known[graph.input_name] = Tensor(positions)
        self.uses = Counter(name for node in graph.nodes for name in _read_by(node))
        self.uses[graph.output_name] += 1
        self.folded = 0
        # Inputs that still have to read a tensor of the last layer's output: 0 or more.
        self.unread = self.uses[graph.input_name]
        self.computation: Computation | None = None
        self.numbers: list[float] = []  # of the last operators that are functions

    def network(self) -> TrainedNetwork:
        """Read all operators."""
        for node in self.graph.nodes:
            try:
                self._read(node)
            except LayerError as error:
                raise NetworkError(f"cannot be read: {node.words} {error}") from error
            except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
                if isinstance(error, NetworkError):
                    raise
                raise NetworkError(f"is damaged: {node.words} is impossible") from error
        if self.computation is not None:
            raise self._not_a_layer()
        output = self.known.get(self.graph.output_name)
        if not isinstance(output, Tensor):
            raise NetworkError("has an output that does not depend on its input")
        if output.values is not None:
            raise NetworkError("cannot be read: it ends with an unknown activation function")
        if output.positions.size == CLASSES == self.line.shape[-1]:
            self.line.end()
        if not np.array_equal(output.positions.ravel(), np.arange(math.prod(self.line.shape))):
            raise NetworkError("cannot be read: its outputs are in another order than its classes")
        return TrainedNetwork(Architecture(tuple(self.line.layers)), tuple(self.line.weights))

    def _read(self, node: Node) -> None:
        """Read one operator: a constant, or a part of the line."""
        if not set(node.inputs) - {""} <= self.known.keys():
            raise LayerError("reads what no operator gives")
        inputs = self._inputs(node)
        tensors = [value for value in inputs if isinstance(value, Tensor | Computed)]
        if node.kind in _SHAPES:
            shape = tensors[0].shape if tensors else np.asarray(inputs[0]).shape
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            sizes = shape[start:end] if node.kind == "Shape" else math.prod(shape)
            self.known[node.outputs[0]] = np.asarray(sizes, np.int64)
            return
        if node.kind == _LIKE and isinstance(inputs[0], np.ndarray):
            is_whole = isinstance(inputs[1], np.ndarray) and inputs[1].dtype.kind in "iu"
            self.known[node.outputs[0]] = inputs[0].astype(np.int64 if is_whole else np.float32)
            return
        if not tensors:
            self._fold(node, inputs)
            return
        self.unread -= len(tensors)
        begins = node.kind in REDUCTIONS and not self._is_over_maps(node, inputs)
        if self.computation is None and not begins:
            result: Tensor | Computed = self._tensor(node, inputs)
        else:
            result = self._computed(node, inputs)
        if any(self.uses[name] for name in node.outputs[1:]):
            raise LayerError("has a second output that is used")
        self.known[node.outputs[0]] = result
        self.unread += self.uses[node.outputs[0]]

    def _fold(self, node: Node, inputs: list[Any]) -> None:
        result = fold(node.kind, inputs, node.attributes)
        if result is None:
            raise LayerError(_unknown())
        self.folded += result.size
        if self.folded > _MAX_FOLDED:
            raise NetworkError(f"is too large: it computes more than {_MAX_FOLDED:,} constants")
        self.known[node.outputs[0]] = result

    def _is_over_maps(self, node: Node, inputs: list[Any]) -> bool:
        """Whether a reduction is a layer of its own: over the rows and columns of maps."""
        tensor = inputs[0]
        if self.unread or not isinstance(tensor, Tensor) or node.kind not in LAYERS:
            return False
        return (
            reduced_maps(Operation(node, inputs, self.line, self.graph.version, None)) is not None
        )

    def _computed(self, node: Node, inputs: list[Any]) -> Tensor | Computed:
        """Read an operator of a layer that is written as several."""
        if self.computation is None:
            inputs = [self._settled(node, value) for value in inputs]
            self.computation = Computation(self.line, node)
        try:
            result = self.computation.evaluate(node, inputs)
        except LayerError as error:
            raise self._not_a_layer() from error
        layer = None if self.unread else self.computation.layer(result)
        if layer is None:
            return result
        self.computation = None
        return layer

    def _not_a_layer(self) -> NetworkError:
        """Return the error for operators that are computed and are no layer."""
        if self.unread or self.computation is None:
            return NetworkError(_NOT_A_LINE)
        return NetworkError(
            f"cannot be read: {self.computation.start.words} is not over the rows and columns of "
            "maps, and no part of a layer normalization"
        )

    def _tensor(self, node: Node, inputs: list[Any]) -> Tensor:
        inputs = [self._settled(node, value) for value in inputs]
        if node.kind not in ("MaxPool", *MOVES) and self._has_repeated(inputs):
            raise LayerError("follows a padding that repeats edges: MaxPool can be read there")
        operation = Operation(node, inputs, self.line, self.graph.version, self.batch)
        if node.kind in FUNCTIONS:
            return self._function(node, inputs)
        if not isinstance(inputs[0], Tensor):
            raise LayerError("has a constant as its first input")
        if node.kind in MOVES:
            return MOVES[node.kind](operation)
        if node.kind not in LAYERS:
            raise LayerError(_unknown())
        if inputs[0].values is not None:
            raise LayerError("follows an unknown activation function")
        if self.unread:
            raise NetworkError(_NOT_A_LINE)
        return LAYERS[node.kind](operation)

    def _settled(self, node: Node, value: Any) -> Any:
        """Return a tensor as the line's output if it is a multiple of an activation function.

        That is done where nothing else can complete the function: before another layer, and before
        a constant of several numbers.
        """
        is_function = isinstance(value, Tensor) and value.values is not None and not self.unread
        several = any(
            isinstance(other, np.ndarray) and other.size > 1 for other in self._inputs(node)
        )
        if not is_function or not (node.kind in LAYERS or (node.kind in FUNCTIONS and several)):
            return value
        multiple = recognized_multiple(value.values)
        if multiple is None:
            return value
        name, factor, offset = multiple
        self.line.add("Activation", {"activation": name}, name=node.name)
        self.line.scale_and_shift(np.asarray(factor), np.asarray(offset))
        return Tensor(value.positions)

    def _inputs(self, node: Node) -> list[Any]:
        return [self.known.get(name) for name in node.inputs]

    def _has_repeated(self, inputs: list[Any]) -> bool:
        """Whether a tensor has more numbers than the line's output."""
        size = math.prod(self.line.shape)
        return any(isinstance(each, Tensor) and each.positions.size > size for each in inputs)

    def _function(self, node: Node, inputs: list[Any]) -> Tensor:
        """Read an operator that is a function of each number."""
        tensor = next(value for value in inputs if isinstance(value, Tensor))
        if tensor.values is None and not self.unread:
            if node.kind == "Log" and self.line.layers and self.line.layers[-1].kind == "Softmax":
                self.line.is_ended = True
                return tensor
            if _is_arithmetic(node, inputs):
                return self._arithmetic(node, inputs, tensor)
        values: list[Any] = []
        for value in inputs:
            if isinstance(value, Tensor):
                if not np.array_equal(value.positions, tensor.positions):
                    raise NetworkError(_NOT_A_LINE)
                values.append(GRID if value.values is None else value.values)
            elif value is None:
                values.append(None)
            elif value.size and (value == value.ravel()[0]).all():
                values.append(float(value.ravel()[0]))
                self.numbers = [*self.numbers[-_MAX_NUMBERS:], values[-1]]
            else:
                raise LayerError("has a constant that is not one number")
        result = evaluated(node.kind, values, node.attributes)
        layer = None if self.unread else recognized(result, self.numbers)
        if layer is None:
            return Tensor(tensor.positions, result)
        if layer != ("Activation", {"activation": "linear"}):
            self.line.add(*layer, name=node.name)
        return Tensor(tensor.positions)

    def _arithmetic(self, node: Node, inputs: list[Any], tensor: Tensor) -> Tensor:
        """Read the sum, difference, product or quotient of the line and a constant."""
        is_first = isinstance(inputs[0], Tensor)
        constant = np.asarray(inputs[1] if is_first else inputs[0], np.float64)
        shape = np.broadcast_shapes(constant.shape, tensor.positions.shape)
        if math.prod(shape) != tensor.positions.size:
            raise LayerError("makes more numbers of one")
        moved = Tensor(tensor.positions.reshape(shape))
        (values,) = self.line.per_channel(moved, constant)
        one, zero = np.asarray(1.0), np.asarray(0.0)
        match node.kind:
            case "Add":
                factors = one, values
            case "Sub":
                factors = (one, -values) if is_first else (-one, values)
            case "Mul":
                factors = values, zero
            case _:
                factors = 1 / values, zero
        self.line.scale_and_shift(*factors)
        return moved


def _read_by(node: Node) -> Sequence[str]:
    """Return the inputs whose numbers an operator reads."""
    if node.kind in _SHAPES:
        return ()
    return node.inputs[:1] if node.kind == _LIKE else node.inputs


def _is_arithmetic(node: Node, inputs: list[Any]) -> bool:
    if node.kind == "Div":
        return isinstance(inputs[0], Tensor) and isinstance(inputs[1], np.ndarray)
    is_one_constant = [isinstance(value, Tensor) for value in inputs] in (
        [True, False], [False, True],
    )  # fmt: skip
    return node.kind in ("Add", "Sub", "Mul") and is_one_constant


def _unknown() -> str:
    return f"is of no layer that can be read; these are {', '.join(KINDS)}"


def _input(shape: tuple[int | None, ...]) -> tuple[np.ndarray, int | None]:
    """Return the positions of a graph's input, with one digit, and the fixed number of digits."""
    sizes = [1 if size is None else size for size in shape]
    batch, rest = shape[:1], [SIDE if size is None else size for size in shape[1:]]
    pixels = np.arange(SIDE * SIDE)
    if batch and math.prod(rest) == SIDE * SIDE:
        return pixels.reshape(1, *rest), batch[0]
    if math.prod(sizes) == SIDE * SIDE:
        return pixels.reshape(sizes), None
    words = "×".join("N" if size is None else str(size) for size in shape)
    raise NetworkError(f"has an input of {words or 'one number'}; a digit is N×1×28×28 or N×784")
