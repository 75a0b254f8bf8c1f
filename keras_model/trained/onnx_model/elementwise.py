"""Functions of one number, recognized by their values.

Exporters write an activation function as one operator or as several, such as x × sigmoid(x). What
they compute together is evaluated at some numbers and compared with the functions that layers have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from keras_model.layers.activations import ACTIVATIONS
from keras_model.layers.arguments import LayerError
from keras_model.layers.kinds import make_layer
from keras_model.trained.onnx_model.graph import shortest

_LARGE = np.array([30.0, 100.0, 300.0, 1e4, 1e9])
# Numbers at which functions are compared; the last is the largest.
GRID = np.concatenate([-_LARGE[::-1], np.linspace(-10, 10, 401), _LARGE])
_MINUS_ONE = int(np.abs(GRID + 1).argmin())

_Attributes = dict[str, Any]


def _activation(name: str) -> Callable[[Sequence[Any], _Attributes], Any]:
    return lambda inputs, _: ACTIVATIONS[name].compute(inputs[0])


def _elu(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    x = inputs[0]
    return np.where(x > 0, x, attributes.get("alpha", 1.0) * np.expm1(np.minimum(x, 0)))


def _celu(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    x, alpha = inputs[0], attributes.get("alpha", 1.0)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _selu(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    settings = {"alpha": attributes.get("alpha", 1.6732632)}
    return attributes.get("gamma", 1.050701) * _elu(inputs, settings)


def _hard_sigmoid(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return np.clip(alpha * inputs[0] + beta, 0, 1)


def _gelu(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    x = inputs[0]
    if attributes.get("approximate", "none") == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return ACTIVATIONS["gelu"].compute(x)


def _erf(inputs: Sequence[Any], _: _Attributes) -> Any:
    x = np.asarray(inputs[0])
    return np.where(x == 0, 0, 2 * ACTIVATIONS["gelu"].compute(x * np.sqrt(2)) / (
        np.where(x == 0, 1, x) * np.sqrt(2)
    ) - 1)  # fmt: skip


def _clip(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    lowest, highest = (
        inputs[position] if len(inputs) > position and inputs[position] is not None
        else attributes.get(name, without)
        for position, name, without in ((1, "min", -np.inf), (2, "max", np.inf))
    )  # fmt: skip
    return np.minimum(np.maximum(inputs[0], lowest), highest)


def _leaky(inputs: Sequence[Any], attributes: _Attributes) -> Any:
    slope = inputs[1] if len(inputs) > 1 else attributes.get("alpha", 0.01)
    return np.where(inputs[0] >= 0, inputs[0], slope * inputs[0])


# Operators that are functions of one number, or of several functions of the same number.
FUNCTIONS: dict[str, Callable[[Sequence[Any], _Attributes], Any]] = {
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Softplus": _activation("softplus"),
    "Softsign": _activation("softsign"),
    "LeakyRelu": _leaky,
    "PRelu": _leaky,
    "Elu": _elu,
    "Celu": _celu,
    "Selu": _selu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda inputs, _: inputs[0] * np.clip(inputs[0] / 6 + 0.5, 0, 1),
    "Swish": lambda inputs, attributes: (
        inputs[0] * ACTIVATIONS["sigmoid"].compute(attributes.get("alpha", 1.0) * inputs[0])
    ),
    "Gelu": _gelu,
    "Erf": _erf,
    "Erfc": lambda inputs, attributes: 1 - _erf(inputs, attributes),  # of Keras' exporter
    "Clip": _clip,
    "Exp": lambda inputs, _: np.exp(inputs[0]),
    "Log": lambda inputs, _: np.log(inputs[0]),
    "Abs": lambda inputs, _: np.abs(inputs[0]),
    "Neg": lambda inputs, _: -inputs[0],
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Pow": lambda inputs, _: inputs[0] ** inputs[1],
    "Greater": lambda inputs, _: inputs[0] > inputs[1],
    "GreaterOrEqual": lambda inputs, _: inputs[0] >= inputs[1],
    "Less": lambda inputs, _: inputs[0] < inputs[1],
    "LessOrEqual": lambda inputs, _: inputs[0] <= inputs[1],
    "Not": lambda inputs, _: inputs[0] == 0,
    "Where": lambda inputs, _: np.where(inputs[0] != 0, inputs[1], inputs[2]),
    "Max": lambda inputs, _: reduce(np.maximum, inputs),
    "Min": lambda inputs, _: reduce(np.minimum, inputs),
}


def evaluated(kind: str, inputs: Sequence[Any], attributes: _Attributes) -> np.ndarray:
    """Return an operator's values at :data:`GRID`; its inputs are such values, or numbers."""
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[kind](inputs, attributes), np.float64)


def recognized(
    values: np.ndarray, numbers: Sequence[float] = ()
) -> tuple[str, dict[str, Any]] | None:
    """Return the kind and the arguments of the layer with these values at :data:`GRID`.

    Args:
        numbers: constants of the function, one of which may be the threshold of a ReLU.

    Returns:
        None if there is no such layer. The identity is the linear activation.
    """
    highest = shortest(values[-1])
    slope = shortest(-values[_MINUS_ONE])
    scale, offset = values[_MINUS_ONE + 20] - values[_MINUS_ONE], values[len(GRID) // 2]
    candidates: list[tuple[str, dict[str, Any], Any]] = [
        ("Activation", {"activation": "linear"}, GRID),
        ("ReLU", {}, np.maximum(GRID, 0)),
        ("ReLU", {"max_value": highest}, np.clip(GRID, 0, max(highest, 0))),
        ("LeakyReLU", {"negative_slope": slope}, np.where(GRID >= 0, GRID, slope * GRID)),
        (
            "Rescaling",
            {"scale": shortest(scale), "offset": shortest(offset)},
            GRID * scale + offset,
        ),
    ]
    with np.errstate(all="ignore"):
        candidates += [
            ("Activation", {"activation": name}, activation.compute(GRID))
            for name, activation in ACTIVATIONS.items()
            if name not in ("softmax", "linear")
        ]
        for kind, arguments, expected in candidates:
            if np.allclose(values, expected, rtol=1e-5, atol=1e-6):
                return kind, arguments
    return _general_relu(values) or _threshold_relu(values, numbers)


def _general_relu(values: np.ndarray) -> tuple[str, dict[str, Any]] | None:
    """Return the ReLU with a slope and a threshold with these values; None if there is none."""
    five, ten = (int(np.abs(GRID + x).argmin()) for x in (5, 10))
    slope = (values[five] - values[ten]) / (GRID[five] - GRID[ten])
    if not np.isfinite(slope) or slope <= 0:
        return None
    arguments = {
        "negative_slope": shortest(slope),
        "threshold": shortest(GRID[five] - values[five] / slope),
    }
    if values[-1] < GRID[-1]:
        arguments["max_value"] = shortest(values[-1])
    elsewhere = np.abs(GRID - arguments["threshold"]) > 1e-3
    try:
        expected = make_layer("ReLU", arguments).compute(GRID, {})
    except LayerError:
        return None
    is_same = np.allclose(values[elsewhere], expected[elsewhere], rtol=1e-5, atol=1e-6)
    return ("ReLU", arguments) if is_same else None


def _threshold_relu(
    values: np.ndarray, numbers: Sequence[float]
) -> tuple[str, dict[str, Any]] | None:
    """Return the ReLU with a threshold among some numbers that has these values."""
    for number in map(shortest, numbers):
        arguments = {"threshold": number}
        if values[-1] < GRID[-1]:
            arguments["max_value"] = shortest(values[-1])
        elsewhere = np.abs(GRID - number) > 1e-3
        expected = np.where(number < GRID, np.minimum(GRID, values[-1]), 0)
        if number > 0 and np.allclose(values[elsewhere], expected[elsewhere], rtol=1e-5, atol=1e-6):
            return "ReLU", arguments
    return None


def recognized_multiple(values: np.ndarray) -> tuple[str, float, float] | None:
    """Return the activation function, the factor and the offset that give values at :data:`GRID`.

    An exporter may multiply a function's constants by what follows. None if there is no function.
    """
    moderate = slice(len(_LARGE), -len(_LARGE))
    if not np.isfinite(values[moderate]).all():
        return None
    with np.errstate(all="ignore"):
        for name, activation in ACTIVATIONS.items():
            if name in ("softmax", "linear"):
                continue
            expected = activation.compute(GRID)[moderate]
            factor, offset = np.polyfit(expected, values[moderate], 1)
            if np.allclose(values[moderate], factor * expected + offset, rtol=1e-5, atol=1e-6):
                return name, shortest(factor), shortest(offset)
    return None
