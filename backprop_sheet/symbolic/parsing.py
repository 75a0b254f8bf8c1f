"""Parse the project's text notation: ``½*(t1 - a_o1)²``, ``w1[n-1] - η*∂E/∂w1[n-1]``."""

from __future__ import annotations

import re

from backprop_sheet.symbolic.expressions import Call, Expression, Name, Negative, Number, Operation
from backprop_sheet.symbolic.functions import FUNCTIONS
from backprop_sheet.symbolic.rendering import NEGATIVE, PRECEDENCE

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|½)"
    r"|(?P<name>(?:−?∂\w+/∂[a-z0-9_]+|[A-Za-zα-ω_][A-Za-z0-9_]*)(?:\[n[+-]\d+\])?)"
    r"|(?P<symbol>[-+*/^²(),]))"
)


def parse(source: str) -> Expression:
    """Parse an expression in the notation of :func:`~backprop_sheet.symbolic.rendering.to_text`.

    Raises:
        ValueError: the text is not an expression; the message says where the error is.
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
    parser = _Parser(tokens, source)
    result = parser.expression(0)
    parser.expect("")
    return result


class _Parser:
    """Parse a list of tokens by precedence climbing."""

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
            precedence = PRECEDENCE.get(operator)
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
                if token not in FUNCTIONS:
                    raise ValueError(f"unknown function {token!r} in {self.source!r}")
                return Call(token, tuple(arguments))
            name, _, shift = token.partition("[n")
            return Name(name, int(shift[:-1]) if shift else 0)
        if token == "(":
            inner = self.expression(0)
            self.expect(")")
            return inner
        if token == "-":
            return Negative(self.expression(NEGATIVE))
        raise ValueError(f"expected an operand, found {token!r} in {self.source!r}")
