"""The activation functions, each defined once: in NumPy, as a formula of a cell, in JavaScript.

The formulas and their constants are those of https://keras.io/api/layers/activations/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from keras_model.softmax import softmax

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., 2017
_LEAKY_SLOPE = 0.2  # of Keras' activation function; its layer LeakyReLU has 0.3


@dataclass(frozen=True)
class Activation:
    """An activation function.

    Attributes:
        compute: maps an array (n, …, c) to one of the same shape.
        formula: the Excel formula of a value, in which ``{x}`` stands for the sum. For softmax,
            which needs the other values, it is empty.
        script: the JavaScript expression of a value ``x``; empty for softmax.
        words: the name to print.
    """

    compute: Callable[[np.ndarray], np.ndarray]
    formula: str
    script: str
    words: str

    @property
    def needs_sum_once(self) -> bool:
        """Whether the formula has its sum in one place, so that a cell can compute both."""
        return self.formula.count("{x}") == 1


def _sigmoid(x: np.ndarray) -> np.ndarray:
    positive = np.exp(-np.abs(x))  # which cannot overflow
    sigmoid: np.ndarray = np.where(x >= 0, 1, positive) / (1 + positive)
    return sigmoid


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softplus(x: np.ndarray) -> np.ndarray:
    softplus: np.ndarray = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return softplus


_erf = np.vectorize(erf, otypes=[np.float64])


def _gelu(x: np.ndarray) -> np.ndarray:
    gelu: np.ndarray = (x / 2 * (1 + _erf(x / sqrt(2)))).astype(x.dtype)
    return gelu


ACTIVATIONS = {
    "linear": Activation(lambda x: x, "{x}", "x", "linear"),
    "relu": Activation(lambda x: np.maximum(x, 0), "MAX(0,{x})", "Math.max(0, x)", "ReLU"),
    "relu6": Activation(
        lambda x: np.clip(x, 0, 6), "MIN(6,MAX(0,{x}))", "Math.min(6, Math.max(0, x))", "ReLU6"
    ),
    "leaky_relu": Activation(
        lambda x: np.maximum(x, _LEAKY_SLOPE * x),
        f"MAX({{x}},{_LEAKY_SLOPE}*{{x}})",
        f"Math.max(x, {_LEAKY_SLOPE} * x)",
        "leaky ReLU",
    ),
    "elu": Activation(
        _elu, "IF({x}>0,{x},EXP({x})-1)", "x > 0 ? x : Math.expm1(x)", "ELU"
    ),
    "selu": Activation(
        lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        f"{_SELU_SCALE}*IF({{x}}>0,{{x}},{_SELU_ALPHA}*(EXP({{x}})-1))",
        f"{_SELU_SCALE} * (x > 0 ? x : {_SELU_ALPHA} * Math.expm1(x))",
        "SELU",
    ),
    "sigmoid": Activation(
        _sigmoid, "1/(1+EXP(-({x})))", "1 / (1 + Math.exp(-x))", "sigmoid"
    ),
    "hard_sigmoid": Activation(
        lambda x: np.clip(x / 6 + 0.5, 0, 1),
        "MAX(0,MIN(1,({x})/6+0.5))",
        "Math.max(0, Math.min(1, x / 6 + 0.5))",
        "hard sigmoid",
    ),
    "tanh": Activation(np.tanh, "TANH({x})", "Math.tanh(x)", "tanh"),
    "softplus": Activation(
        _softplus,
        "MAX({x},0)+LN(1+EXP(-ABS({x})))",
        "Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))",
        "softplus",
    ),
    "softsign": Activation(
        lambda x: x / (1 + np.abs(x)), "({x})/(1+ABS({x}))", "x / (1 + Math.abs(x))", "softsign"
    ),
    "silu": Activation(
        lambda x: x * _sigmoid(x), "({x})/(1+EXP(-({x})))", "x / (1 + Math.exp(-x))", "SiLU"
    ),
    "hard_silu": Activation(
        lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        "({x})*MAX(0,MIN(1,({x})/6+0.5))",
        "x * Math.max(0, Math.min(1, x / 6 + 0.5))",
        "hard SiLU",
    ),
    "gelu": Activation(
        _gelu, "({x})/2*(1+ERF(({x})/SQRT(2)))", "x / 2 * (1 + erf(x / Math.SQRT2))", "GELU"
    ),
    "exponential": Activation(np.exp, "EXP({x})", "Math.exp(x)", "exponential"),
    "softmax": Activation(softmax, "", "", "softmax"),
}  # fmt: skip

ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}  # Keras' other names
