"""Split Excel formulas into tokens: numbers, references, functions, operators."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple


class TokenType(Enum):
    """What a token is."""

    NUMBER = auto()
    TEXT = auto()
    ERROR = auto()
    TRUTH = auto()  # TRUE or FALSE
    NAME = auto()  # a reference, or a name
    FUNCTION = auto()  # with its opening parenthesis
    OPEN = auto()
    ARRAY = auto()  # an opening brace
    CLOSE = auto()  # of a function, a parenthesis or an array
    SEPARATOR = auto()
    PREFIX = auto()
    INFIX = auto()
    POSTFIX = auto()
    SPACE = auto()


OPERANDS = frozenset(
    {TokenType.NUMBER, TokenType.TEXT, TokenType.ERROR, TokenType.TRUTH, TokenType.NAME}
)
_BEFORE_INFIX = OPERANDS | {TokenType.CLOSE, TokenType.POSTFIX}


class Token(NamedTuple):
    """A token with its text."""

    type: TokenType
    text: str


class FormulaSyntaxError(Exception):
    """A formula cannot be split into tokens."""


# A name is a reference, also to another sheet, workbook or table; a function's has a parenthesis.
_TOKEN = re.compile(
    r"""
      (?P<TEXT>"[^"]*(?:""[^"]*)*"(?!"))
    | (?P<NUMBER>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][-+]?[0-9]+)?(?=[\s,;})+\-*/^&=><%]|\Z))
    | (?P<ERROR>\#(?:N/A|[A-Z_]+(?:/0)?[!?]?))
    | (?P<NAME>(?:
          [^\s,;})+\-*/^&=><%"'\[\#{(]++
        | '[^']*(?:''[^']*)*'(?!')
        | \[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]
        )+(?:(?<=!)\#(?:N/A|[A-Z_]+(?:/0)?[!?]?))?)(?P<FUNCTION>\()?
    | (?P<SPACE>\s+)
    | (?P<INFIX>>=|<=|<>|[*/^&=><])
    | (?P<sign>[-+])
    | (?P<POSTFIX>%)
    | (?P<OPEN>\()
    | (?P<ARRAY>\{)
    | (?P<CLOSE>[)}])
    | (?P<SEPARATOR>[,;])
    """,
    re.VERBOSE,
)
_CLOSES = {TokenType.FUNCTION: ")", TokenType.OPEN: ")", TokenType.ARRAY: "}"}


def split_formula(formula: str) -> list[Token]:
    """Split a formula into tokens.

    Args:
        formula: with its leading ``=``, which is no token.

    Raises:
        FormulaSyntaxError: a text, a name or a bracket does not end, or does not begin.
    """
    tokens: list[Token] = []
    opened: list[TokenType] = []
    before: TokenType | None = None  # the last token that is no space
    place = 1
    while place < len(formula):
        match = _TOKEN.match(formula, place)
        if match is None:
            raise FormulaSyntaxError(f"{formula[place : place + 1]} at {place + 1}")
        token = _token(match, before, opened[-1] if opened else None)
        if token.type in _CLOSES:
            opened.append(token.type)
        elif token.type is TokenType.CLOSE and (not opened or _CLOSES[opened.pop()] != token.text):
            raise FormulaSyntaxError(f"{token.text} at {place + 1}")
        tokens.append(token)
        if token.type is not TokenType.SPACE:
            before = token.type
        place = match.end()
    return tokens


def _token(match: re.Match[str], before: TokenType | None, inside: TokenType | None) -> Token:
    """Return the token of a match.

    Args:
        inside: what was opened last, and is not closed.
    """
    kind, text = match.lastgroup, match[0]
    match kind:
        case "sign":
            return Token(TokenType.INFIX if before in _BEFORE_INFIX else TokenType.PREFIX, text)
        case "NAME" if text in ("TRUE", "FALSE"):
            return Token(TokenType.TRUTH, text)
        case "SEPARATOR" if text == "," and inside in (None, TokenType.OPEN):
            return Token(TokenType.INFIX, text)  # a union of ranges
    assert kind is not None
    return Token(TokenType[kind], text)
