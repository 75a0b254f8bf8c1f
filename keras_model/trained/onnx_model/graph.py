"""An ONNX file, checked and brought into plain Python: nodes, constants, one input and one output.

The format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Nothing of it is executed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradsheet.input_files import problem_with_file
from gradsheet.words import count
from keras_model.layers.arguments import shown
from keras_model.networks.architecture import MAX_PARAMETERS, NetworkError

MAX_BYTES = 100 * 2**20
MAX_NODES = 2000

_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class Node:
    """An operator of a graph: its kind, and the names of its inputs (empty: left out)."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def words(self) -> str:
        """The operator, for messages."""
        name = f" ({shown(self.name)})" if self.name else ""
        return f"its operator {shown(self.kind)}{name}"


@dataclass(frozen=True)
class Graph:
    """A graph with one input, whose unknown sizes are None, and one output.

    ``nodes`` are those that the output needs, in the order of computation, and ``version`` is that
    of the operators.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    input_name: str
    input_shape: tuple[int | None, ...]
    output_name: str
    version: int


def read_graph(path: Path) -> Graph:
    """Read the graph of an ONNX file.

    Raises:
        NetworkError: the package onnx is missing, or the file is damaged, too large, or not a
            graph of ONNX's own operators with one input and one output.
    """
    try:
        import onnx
    except ImportError as error:
        raise NetworkError("needs the package onnx to be read: pip install onnx") from error
    from google.protobuf.message import DecodeError

    try:
        if path.stat().st_size > MAX_BYTES:
            raise NetworkError(f"has more than {MAX_BYTES >> 20} MB")
        model = onnx.ModelProto.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise NetworkError("is not an ONNX model") from error
    graph = model.graph
    versions = [each.version for each in model.opset_import if each.domain in _DOMAINS]
    if not graph.node or not versions:
        raise NetworkError("is not an ONNX model")
    if len(graph.node) > MAX_NODES:
        raise NetworkError(f"has {len(graph.node):,} operators; the maximum is {MAX_NODES:,}")
    constants = {tensor.name: tensor_values(tensor, path.parent) for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise NetworkError(
            f"has {count(len(inputs), 'input')} and {count(len(graph.output), 'output')}: one "
            "input and one output are needed"
        )
    output = graph.output[0].name
    return Graph(
        _needed([_node(node, path.parent) for node in graph.node], output), constants,
        inputs[0].name, _sizes(inputs[0]), output, max(versions),
    )  # fmt: skip


def _sizes(value: Any) -> tuple[int | None, ...]:
    if not value.type.tensor_type.HasField("shape"):
        raise NetworkError("does not say the shape of its input")
    return tuple(
        size.dim_value if size.HasField("dim_value") else None
        for size in value.type.tensor_type.shape.dim
    )


def _needed(nodes: list[Node], output: str) -> tuple[Node, ...]:
    """Return the nodes on which the output depends."""
    wanted, needed = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            needed.append(node)
    return tuple(reversed(needed))


def _node(node: Any, folder: Path) -> Node:
    plain = Node(str(node.op_type), str(node.name), tuple(node.input), tuple(node.output), {})
    if node.domain not in _DOMAINS:
        raise NetworkError(
            f"cannot be read: {plain.words} is not one of ONNX's own, but of {shown(node.domain)}"
        )
    for attribute in node.attribute:
        plain.attributes[attribute.name] = _attribute(attribute, folder)
    return plain


def _attribute(attribute: Any, folder: Path) -> Any:
    """Return the value of an attribute; None if it is of a kind that no readable operator has."""
    from onnx import AttributeProto

    match attribute.type:
        case AttributeProto.INT:
            return attribute.i
        case AttributeProto.FLOAT:
            return shortest(attribute.f)
        case AttributeProto.STRING:
            return attribute.s.decode("utf-8", "replace")
        case AttributeProto.INTS:
            return list(attribute.ints)
        case AttributeProto.FLOATS:
            return [shortest(value) for value in attribute.floats]
        case AttributeProto.TENSOR:
            return tensor_values(attribute.t, folder)
        case _:
            return None


def shortest(value: float) -> float:
    """Return the shortest number that is the same in single precision: 0.1, not 0.10000000149."""
    return float(str(np.float32(value)))


def tensor_values(tensor: Any, folder: Path) -> np.ndarray:
    """Return the numbers of a tensor, those in another file, too.

    Raises:
        NetworkError: it is damaged, too large, or not of plain numbers.
    """
    from onnx import TensorProto, helper, numpy_helper

    words = f"its tensor {shown(tensor.name)}"
    if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) > MAX_PARAMETERS:
        raise NetworkError(f"is too large: {words} has more than {MAX_PARAMETERS:,} numbers")
    kinds = (
        "FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "INT16", "INT32", "INT64", "UINT8",
        "UINT16", "UINT32", "UINT64", "BOOL",
    )  # fmt: skip
    if tensor.data_type not in [getattr(TensorProto, kind) for kind in kinds]:
        raise NetworkError(f"cannot be read: {words} does not hold plain numbers")
    try:
        if tensor.data_location == TensorProto.EXTERNAL:
            kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            size = math.prod(tensor.dims) * kind.itemsize
            values = np.frombuffer(_outside(tensor.external_data, size, folder), kind)
        else:
            values = numpy_helper.to_array(tensor)
        values = values.reshape(tuple(tensor.dims))
        return values if values.dtype.kind in "fiub" else values.astype(np.float32)
    except NetworkError:
        raise
    except Exception as error:  # whatever onnx raises on damaged tensors
        raise NetworkError(f"is damaged: {words} cannot be read") from error


def _outside(entries: Iterable[Any], size: int, folder: Path) -> bytes:
    """Return the bytes of a tensor in a file of weights, which must lie beside the model.

    PyTorch writes ``model.onnx.data`` beside ``model.onnx``. A path is not followed.
    """
    where = {entry.key: entry.value for entry in entries}
    name = where.get("location", "")
    is_plain = name.endswith(".data") and not set(name) & set("/\\:\0")
    file = folder / name if is_plain else None
    if file is None or file.is_symlink() or problem_with_file(file) is not None:
        raise NetworkError(
            f"keeps its weights in another file, {shown(name)}, which is not beside it: put it "
            "there, or export with external_data=False"
        )
    start, length = int(where.get("offset", 0)), int(where.get("length", size))
    with file.open("rb") as weights:
        weights.seek(start)
        content: bytes = weights.read(size)
    if length != size or len(content) != size:
        raise NetworkError(f"is damaged: {shown(name)} does not hold its weights")
    return content
