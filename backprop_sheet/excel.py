"""A foreign cell's Excel formula, read into the exercise's names."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token
from openpyxl.utils import column_index_from_string, get_column_letter

from backprop_sheet.expression import (
    FUNCTIONS,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    children,
)
from backprop_sheet.reading import Cell

LONGEST_FORMULA = 1_000  # characters; the longest honest gradient has some 150
MOST_OPERANDS = 200  # so that no tree, those of helper cells in it, is deeper than Python can walk
LARGEST_RANGE = 64  # cells of a range that a sum spells out
DEEPEST = 60  # parentheses in parentheses

_REFERENCE = re.compile(
    r"(?:(?P<sheet>'(?:[^']|'')+'|[^!':]+)!)?\$?(?P<c>[A-Za-z]{1,3})\$?(?P<r>\d{1,7})"
)
_STRUCTURED = re.compile(r"(?:\w+)?\[(?:\[#This Row\],)?@?\[?(?P<header>[^\[\]]+?)\]*\]?")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}

Resolve = Callable[[str | None, Cell], Expression]


class UnreadableError(ValueError):
    """The formula uses something that the exercise's language does not have."""


def read_formula(
    formula: str,
    resolve: Resolve,
    *,
    defined_names: dict[str, str] | None = None,
    header: Callable[[str], Expression | None] = lambda _: None,
) -> Expression:
    """A formula as an expression.

    Args:
        formula: with its leading ``=``.
        resolve: the expression for a reference, from the sheet's name (None: the formula's own
            sheet) and the cell.
        defined_names: the workbook's names, case-folded, and what they stand for.
        header: the expression for a column of an Excel table (``[@w1]``), or None.

    Raises:
        UnreadableError: functions, ranges or texts beyond arithmetic.
    """
    if len(formula) > LONGEST_FORMULA:
        raise UnreadableError("the formula is very long")
    try:
        tokens = [token for token in Tokenizer(formula).items if token.type != Token.WSPACE]
        reader = _Reader(tokens, resolve, defined_names or {}, header)
        result = reader.expression(0)
    except UnreadableError:
        raise
    except Exception as error:  # the tokenizer's own complaints about damaged formulas
        raise UnreadableError(str(error)) from error
    if reader.at != len(tokens):
        raise UnreadableError("it goes on where it should end")
    if not _is_handy(result):
        raise UnreadableError("the formula is very long")
    return fold_sigmoid(result)


def in_names(formula: str, resolve: Resolve) -> str:
    """A formula beyond :func:`read_formula`, its references all the same replaced by names."""
    try:
        items = Tokenizer(formula[:LONGEST_FORMULA]).items
    except Exception:  # as above
        return formula[:LONGEST_FORMULA]

    def told(token: Token) -> str:
        match = _REFERENCE.fullmatch(token.value) if token.subtype == Token.RANGE else None
        if match is None or match["sheet"]:
            return token.value
        try:
            name = resolve(None, _cell(match))
        except UnreadableError:  # of a helper cell
            return token.value
        return name.key if isinstance(name, Name) else token.value

    return "".join(told(token) for token in items)


class _Reader:
    """Excel's precedence: a sign binds tighter than a power, ``-2^2`` is 4."""

    def __init__(
        self,
        tokens: list[Token],
        resolve: Resolve,
        defined_names: dict[str, str],
        header: Callable[[str], Expression | None],
    ) -> None:
        self.tokens, self.resolve, self.header = tokens, resolve, header
        self.defined_names, self.at, self.depth, self.operands = defined_names, 0, 0, 0

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def expression(self, minimum: int) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            raise UnreadableError("too many parentheses")
        left = self.operand()
        while (token := self.peek()) is not None and token.type == Token.OP_IN:
            precedence = _PRECEDENCE.get(token.value)
            if precedence is None:
                raise UnreadableError(f"the operator {token.value}")
            if precedence <= minimum:
                break
            self.at += 1
            left = Operation(token.value, left, self.expression(precedence))
        self.depth -= 1
        return left

    def operand(self) -> Expression:
        token = self.peek()
        if token is None:
            raise UnreadableError("an operand is missing")
        self.at += 1
        self.count(1)
        if token.type == Token.OP_PRE:
            inner = self.operand()
            return Negative(inner) if token.value == "-" else inner
        if token.type == Token.PAREN and token.subtype == Token.OPEN:
            result = self.expression(0)
            self.close()
        elif token.type == Token.FUNC and token.subtype == Token.OPEN:
            result = self.call(token.value[:-1].upper())
        elif token.type == Token.OPERAND and token.subtype == Token.NUMBER:
            result = Number(float(token.value))
        elif token.type == Token.OPERAND and token.subtype == Token.RANGE:
            cells = self.range(token.value)
            if len(cells) != 1:
                raise UnreadableError(f"the range {token.value}")
            result = cells[0]
        else:
            raise UnreadableError(f"{token.value}")
        while (token := self.peek()) is not None and token.type == Token.OP_POST:
            self.at += 1
            result = Operation("/", result, Number(100.0))
        return result

    def count(self, operands: int) -> None:
        self.operands += operands
        if self.operands > MOST_OPERANDS:
            raise UnreadableError("the formula is very long")

    def close(self) -> None:
        token = self.peek()
        if token is None or token.subtype != Token.CLOSE:
            raise UnreadableError("a parenthesis is not closed")
        self.at += 1

    def call(self, function: str) -> Expression:
        arguments: list[list[Expression]] = []
        while (token := self.peek()) is not None and token.subtype != Token.CLOSE:
            if token.type == Token.SEP:
                self.at += 1
                continue
            following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
            alone = following is not None and (
                following.type == Token.SEP or following.subtype == Token.CLOSE
            )
            if token.type == Token.OPERAND and token.subtype == Token.RANGE and alone:
                self.at += 1
                arguments.append(self.range(token.value))
            else:
                arguments.append([self.expression(0)])
        self.close()
        flat = [part for argument in arguments for part in argument]
        if not flat:
            raise UnreadableError(f"the function {function}()")
        return self.spelled_out(function, arguments, flat)

    def spelled_out(
        self, function: str, arguments: list[list[Expression]], flat: list[Expression]
    ) -> Expression:
        """The exercise's own arithmetic for the functions that only abbreviate it."""
        match function:
            case "SUM":
                return _chain("+", flat)
            case "PRODUCT":
                return _chain("*", flat)
            case "SUMPRODUCT" if len({len(argument) for argument in arguments}) == 1:
                products = zip(*arguments, strict=True)
                return _chain("+", [_chain("*", list(product)) for product in products])
            case "SUMSQ":
                return _chain("+", [Operation("^", part, Number(2.0)) for part in flat])
            case "POWER" if len(flat) == 2:
                return Operation("^", *flat)
        name = function.lower()
        one = name in {"exp", "sqrt", "abs", "tanh", "ln"} and len(flat) == 1
        if name in FUNCTIONS and (one or name in {"min", "max"}):
            return Call(name, tuple(flat))
        raise UnreadableError(f"the function {function}")

    def range(self, written: str) -> list[Expression]:
        first, _, last = written.partition(":")
        match = _REFERENCE.fullmatch(first)
        if match is None:
            return [self.other(written)]
        sheet, start = _sheet(match), _cell(match)
        if not last:
            return [self.resolve(sheet, start)]
        match = _REFERENCE.fullmatch(last)
        if match is None:
            raise UnreadableError(f"the range {written}")
        end = _cell(match)
        rows = range(min(start[0], end[0]), max(start[0], end[0]) + 1)
        columns = range(min(start[1], end[1]), max(start[1], end[1]) + 1)
        if len(rows) * len(columns) > LARGEST_RANGE:
            raise UnreadableError(f"the range {written}")
        self.count(len(rows) * len(columns))
        return [self.resolve(sheet, (row, column)) for row in rows for column in columns]

    def other(self, written: str) -> Expression:
        target = self.defined_names.get(written.casefold())
        if target and (match := _REFERENCE.fullmatch(target.removeprefix("="))):
            return self.resolve(_sheet(match), _cell(match))
        if (match := _STRUCTURED.fullmatch(written)) and (
            column := self.header(match["header"])
        ) is not None:
            return column
        raise UnreadableError(f"the name {written}")


def _sheet(match: re.Match[str]) -> str | None:
    quoted = match["sheet"]
    return quoted.strip("'").replace("''", "'") if quoted else None


def _cell(match: re.Match[str]) -> Cell:
    return int(match["r"]), column_index_from_string(match["c"].upper())


def outside(sheet: str | None, cell: Cell) -> Name:
    """A cell that is no quantity of the table, by its address."""
    where = f"{sheet}!" if sheet else ""
    return Name(f"{where}${get_column_letter(cell[1])}${cell[0]}")


def _is_handy(expression: Expression) -> bool:
    parts, at = [expression], 0
    while at < len(parts) <= 2 * MOST_OPERANDS:
        parts += children(parts[at])
        at += 1
    return len(parts) <= 2 * MOST_OPERANDS


def _chain(operator: str, parts: list[Expression]) -> Expression:
    return reduce(lambda left, right: Operation(operator, left, right), parts)


def fold_sigmoid(expression: Expression) -> Expression:
    """``1/(1 + exp(-x))``, with or without our bound on x, becomes ``σ(x)``."""
    match expression:
        case Negative(operand):
            return Negative(fold_sigmoid(operand))
        case Operation(operator, left, right):
            expression = Operation(operator, fold_sigmoid(left), fold_sigmoid(right))
        case Call(function, arguments):
            return Call(function, tuple(fold_sigmoid(argument) for argument in arguments))
    match expression:
        case Operation("/", Number(1.0), Operation("+", Number(1.0), Call("exp", (exponent,)))):
            pass
        case Operation("/", Number(1.0), Operation("+", Call("exp", (exponent,)), Number(1.0))):
            pass
        case _:
            return expression
    match exponent:
        case Negative(x) | Call("min", (Negative(x), Number())):
            return Call("σ", (x,))
        case Operation("*", Negative(Number(1.0)), x) | Operation("*", x, Negative(Number(1.0))):
            return Call("σ", (x,))
    return expression
