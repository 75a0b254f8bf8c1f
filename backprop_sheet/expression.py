"""An equation's right-hand side: read once, then a value, an Excel formula or readable text.

The notation is the exercise's own: ``½*(t1 - a_o1)²``, ``σ(h1)``, ``∂E/∂w5``; a name with
``[n-1]`` behind it is taken from the row above.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Call",
    "Expression",
    "Name",
    "Negative",
    "Number",
    "Operation",
    "children",
    "evaluate",
    "formula",
    "names",
    "parse",
    "substitute",
    "text",
]


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, and how it was written ("½")."""

    value: float
    written: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A quantity of the table. ``shift`` counts rows: 0 is the same row, -1 the row above."""

    name: str
    shift: int = 0

    @property
    def key(self) -> str:
        """The name as text, and as the key of :func:`evaluate`'s values: ``w1``, ``w1[n-1]``."""
        return self.name if self.shift == 0 else f"{self.name}[n{self.shift:+d}]"


@dataclass(frozen=True, slots=True)
class Negative:
    """A unary minus."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and one of ``+ - * / ^``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function of :data:`FUNCTIONS`, or ``σ``, and its arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Negative | Operation | Call

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_NEGATIVE = 3  # -x*y is (-x)*y, -x^2 is -(x^2) as in mathematics

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "min": lambda *values: _fold(np.minimum, values),
    "max": lambda *values: _fold(np.maximum, values),
    "sum": lambda *values: _fold(np.add, values),
    "product": lambda *values: _fold(np.multiply, values),
    "power": np.power,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "ln": np.log,
}


def _fold(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|½)"
    r"|(?P<name>(?:∂E/∂[a-z0-9_]+|[A-Za-zα-ω_][A-Za-z0-9_]*)(?:\[n[+-]\d+\])?)"
    r"|(?P<symbol>[-+*/^²(),]))"
)


def parse(source: str) -> Expression:
    """Read an expression in the exercise's notation.

    Raises:
        ValueError: the text is not an expression; the message says where it stops making sense.
    """
    tokens: list[tuple[str, str]] = []
    position = 0
    source = source.strip()
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise ValueError(f"cannot read {source[position:]!r} in {source!r}")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    reader = _Reader(tokens, source)
    result = reader.expression(0)
    reader.expect("")
    return result


class _Reader:
    """Precedence climbing over a list of tokens."""

    def __init__(self, tokens: list[tuple[str, str]], source: str) -> None:
        self.tokens, self.source, self.at = tokens, source, 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def expect(self, token: str) -> None:
        if self.peek() != token:
            raise ValueError(
                f"expected {token or 'the end'!r}, found {self.peek() or 'the end'!r} "
                f"in {self.source!r}"
            )
        self.at += 1

    def expression(self, minimum: int) -> Expression:
        left = self.operand()
        while True:
            operator = self.peek()
            if operator == "²":
                self.at += 1
                left = Operation("^", left, Number(2.0))
                continue
            precedence = _PRECEDENCE.get(operator)
            if precedence is None or precedence <= minimum:
                return left
            self.at += 1
            left = Operation(operator, left, self.expression(precedence))

    def operand(self) -> Expression:
        if self.at >= len(self.tokens):
            raise ValueError(f"an operand is missing at the end of {self.source!r}")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Number(0.5, "½") if token == "½" else Number(float(token))
        if kind == "name":
            if self.peek() == "(":
                self.at += 1
                arguments = [self.expression(0)]
                while self.peek() == ",":
                    self.at += 1
                    arguments.append(self.expression(0))
                self.expect(")")
                if token != "σ" and token not in FUNCTIONS:
                    raise ValueError(f"unknown function {token!r} in {self.source!r}")
                return Call(token, tuple(arguments))
            name, _, shift = token.partition("[n")
            return Name(name, int(shift[:-1]) if shift else 0)
        if token == "(":
            inner = self.expression(0)
            self.expect(")")
            return inner
        if token == "-":
            return Negative(self.expression(_NEGATIVE))
        raise ValueError(f"{token!r} where an operand should stand in {self.source!r}")


# The logistic function, once, for values and formulas alike. Excel's EXP overflows to #NUM! above
# about 709.78; at the bound of 700 the result (1e-304) still is a normal number, which Excel needs:
# it has no subnormal ones.
SIGMOID = parse("1/(1 + exp(min(-x, 700)))")


def children(expression: Expression) -> tuple[Expression, ...]:
    """The parts that an expression is made of, in reading order."""
    match expression:
        case Negative(operand):
            return (operand,)
        case Operation(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
    return ()


def names(expression: Expression) -> Iterator[Name]:
    """Every name in the expression, in reading order, repeated as often as it stands there."""
    if isinstance(expression, Name):
        yield expression
    for child in children(expression):
        yield from names(child)


def substitute(expression: Expression, parts: Mapping[str, Expression]) -> Expression:
    """Replace the names (of the same row) that ``parts`` has by its expressions."""
    match expression:
        case Name(name, 0) if name in parts:
            return parts[name]
        case Negative(operand):
            return Negative(substitute(operand, parts))
        case Operation(operator, left, right):
            return Operation(operator, substitute(left, parts), substitute(right, parts))
        case Call(function, arguments):
            return Call(function, tuple(substitute(argument, parts) for argument in arguments))
    return expression


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """The expression's value.

    Args:
        values: a number or an array for each name's ``key``; arrays must broadcast.

    Raises:
        KeyError: a name without a value.
    """
    match expression:
        case Number(value):
            return value
        case Name():
            return values[expression.key]
        case Negative(operand):
            return -evaluate(operand, values)
        case Operation(operator, left, right):
            a, b = evaluate(left, values), evaluate(right, values)
            if operator == "+":
                return a + b
            if operator == "-":
                return a - b
            if operator == "*":
                return a * b
            if operator == "/":
                return np.divide(a, b)  # 1/0 is inf here, not an exception
            return np.power(np.asarray(a, dtype=float), b)
        case Call("σ", (argument,)):
            return evaluate(SIGMOID, {"x": evaluate(argument, values)})
        case Call(function, arguments):
            return FUNCTIONS[function](*(evaluate(argument, values) for argument in arguments))
    raise TypeError(f"not an expression: {expression!r}")


def formula(expression: Expression, cell: Callable[[Name], str]) -> str:
    """The expression in Excel's language, without the leading ``=``.

    Args:
        cell: gives the reference ("K7") of a name.
    """
    return _written(expression, cell, excel=True)


def text(expression: Expression) -> str:
    """The expression in the exercise's notation; :func:`parse` reads it back."""
    return _written(expression, lambda name: name.key, excel=False)


def _written(expression: Expression, name: Callable[[Name], str], *, excel: bool) -> str:
    def write(part: Expression, minimum: int = 0) -> str:
        written, precedence = _one(part)
        return f"({written})" if precedence < minimum else written

    def _one(part: Expression) -> tuple[str, int]:
        match part:
            case Number(value, written):
                return (written if written and not excel else _plain(value)), 9 - 8 * (value < 0)
            case Name():
                return name(part), 9
            case Negative(operand):
                # Excel reads -x^2 as (-x)^2: there, a power under a minus keeps its parentheses.
                return "-" + write(operand, _PRECEDENCE["^"] + 1 if excel else _NEGATIVE), _NEGATIVE
            case Operation("^", left, Number(2.0)) if not excel:
                return write(left, _PRECEDENCE["^"] + 1) + "²", _PRECEDENCE["^"]
            case Operation(operator, left, right):
                precedence = _PRECEDENCE[operator]
                space = " " if precedence == 1 and not excel else ""
                left_least = precedence + 1 if operator == "^" else precedence
                return (
                    f"{write(left, left_least)}{space}{operator}{space}"
                    f"{write(right, precedence + 1)}",
                    precedence,
                )
            case Call("σ", (argument,)) if excel:
                return _one(substitute(SIGMOID, {"x": argument}))
            case Call(function, arguments):
                called = function.upper() if excel else function
                comma = "," if excel else ", "
                return f"{called}({comma.join(write(argument) for argument in arguments)})", 9
        raise TypeError(f"not an expression: {part!r}")

    return write(expression)


def _plain(value: float) -> str:
    """A number as Excel and a person would type it: 1, 0.5, 700."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
