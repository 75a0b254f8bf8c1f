"""Parse Excel formulas into expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from math import isfinite

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token
from openpyxl.utils import column_index_from_string

from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    ZERO,
    Call,
    CellReference,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    children,
    transform,
)
from backprop_sheet.symbolic.functions import CLIP, SMALLEST_ARGUMENT

MAX_FORMULA = 8_192  # characters, as in Excel
MAX_OPERANDS = 1_000
MAX_RANGE = 64  # cells of a range in a sum; an exercise has at most 64 samples
MAX_DEPTH = 150  # of a tree, because of Python's recursion limit
MAX_PARENTHESES = 60

_REFERENCE = re.compile(
    r"(?:(?P<sheet>'(?:[^']|'')+'|[^!':]+)!)?\$?(?P<c>[A-Za-z]{1,3})\$?(?P<r>\d{1,7})"
)
_STRUCTURED = re.compile(r"(?:\w+)?\[(?:\[#This Row\],)?@?\[?(?P<header>[^\[\]]+?)\]*\]?")
_PRECEDENCE = {">": 1, "<": 1, ">=": 1, "<=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "^": 4}
_ONE_ARGUMENT = {
    "EXP": "exp",
    "SQRT": "sqrt",
    "ABS": "abs",
    "TANH": "tanh",
    "LN": "ln",
    "SIGN": "sign",
}

# Maps a sheet's name (None is the formula's own sheet), a row and a column to an expression.
Resolve = Callable[[str | None, int, int], Expression]


class UnreadableFormulaError(ValueError):
    """The formula is damaged, or has more than arithmetic."""


def parse_formula(
    formula: str,
    resolve: Resolve,
    *,
    defined_names: dict[str, str] | None = None,
    header: Callable[[str], Expression | None] = lambda _: None,
) -> Expression:
    """Parse a formula.

    Args:
        formula: with its leading ``=``.
        resolve: returns the expression of a reference.
        defined_names: the workbook's defined names, case-folded, and their references.
        header: returns the expression of a column of an Excel table (``[@w1]``), or None.

    Raises:
        UnreadableFormulaError: the formula has functions, ranges or texts beyond arithmetic, or is
            very long.
    """
    if len(formula) > MAX_FORMULA:
        raise UnreadableFormulaError("the formula is very long")
    try:
        tokens = [token for token in Tokenizer(formula).items if token.type != Token.WSPACE]
        parser = _Parser(tokens, resolve, defined_names or {}, header)
        result = parser.expression(0)
    except UnreadableFormulaError:
        raise
    except Exception as error:  # the tokenizer's own errors for damaged formulas
        raise UnreadableFormulaError(str(error)) from error
    if parser.at != len(tokens):
        raise UnreadableFormulaError("the formula does not end where it should")
    if _depth_exceeds(result, MAX_DEPTH):
        raise UnreadableFormulaError("the formula is very long")
    return transform(result, _recognize)


def translate_references(formula: str, resolve: Resolve) -> str:
    """Replace references by names in the text of a formula, also if it cannot be parsed."""
    try:
        items = Tokenizer(formula[:MAX_FORMULA]).items
    except Exception:  # as above
        return formula[:MAX_FORMULA]

    def translated(token: Token) -> str:
        written: str = token.value
        match = _REFERENCE.fullmatch(written) if token.subtype == Token.RANGE else None
        if match is None or match["sheet"]:
            return written
        try:
            name = resolve(None, *_cell(match))
        except UnreadableFormulaError:  # of a helper cell
            return written
        match name:
            case Name():
                return name.key
            case CellReference():
                return reference_text(name, is_absolute=True)
        return written

    return "".join(translated(token) for token in items)


class _Parser:
    """Parses by precedence climbing. In Excel, a sign has precedence over a power: -2^2 is 4."""

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
        if self.depth > MAX_PARENTHESES:
            raise UnreadableFormulaError("too many parentheses")
        left = self.operand()
        while (token := self.peek()) is not None and token.type == Token.OP_IN:
            precedence = _PRECEDENCE.get(token.value)
            if precedence is None:
                raise UnreadableFormulaError(f"the operator {token.value}")
            if precedence <= minimum:
                break
            self.at += 1
            left = _operation(token.value, left, self.expression(precedence))
        self.depth -= 1
        return left

    def operand(self) -> Expression:
        token = self.peek()
        if token is None:
            raise UnreadableFormulaError("an operand is missing")
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
            value = float(token.value)
            if not isfinite(value):
                raise UnreadableFormulaError(f"the number {token.value[:40]}")
            result = Number(value)
        elif token.type == Token.OPERAND and token.subtype == Token.RANGE:
            cells = self.range(token.value)
            if len(cells) != 1:
                raise UnreadableFormulaError(f"the range {token.value}")
            result = cells[0]
        else:
            raise UnreadableFormulaError(f"{token.value}")
        while (token := self.peek()) is not None and token.type == Token.OP_POST:
            self.at += 1
            result = Operation("/", result, Number(100.0))
        return result

    def count(self, operands: int) -> None:
        self.operands += operands
        if self.operands > MAX_OPERANDS:
            raise UnreadableFormulaError("the formula is very long")

    def close(self) -> None:
        token = self.peek()
        if token is None or token.subtype != Token.CLOSE:
            raise UnreadableFormulaError("a parenthesis is not closed")
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
            raise UnreadableFormulaError(f"the function {function}()")
        return self.spell_out(function, arguments, flat)

    def spell_out(
        self, function: str, arguments: list[list[Expression]], flat: list[Expression]
    ) -> Expression:
        """Write a function such as SUM as arithmetic."""
        match function:
            case "SUM":
                return _chain("+", flat)
            case "PRODUCT":
                return _chain("*", flat)
            case "AVERAGE":
                return Operation("/", _chain("+", flat), Number(float(len(flat))))
            case "SUMPRODUCT" if len({len(argument) for argument in arguments}) == 1:
                products = zip(*arguments, strict=True)
                return _chain("+", [_chain("*", list(product)) for product in products])
            case "SUMSQ":
                return _chain("+", [Operation("^", part, TWO) for part in flat])
            case "POWER" if len(flat) == 2:
                return Operation("^", *flat)
            case "MIN" | "MAX":
                return Call(function.lower(), tuple(flat))
            case "IF" if (
                len(flat) == 3 and isinstance(flat[0], Call) and (flat[0].function == "step")
            ):
                return _choice(*flat)
        if function in _ONE_ARGUMENT and len(flat) == 1:
            return Call(_ONE_ARGUMENT[function], (flat[0],))
        raise UnreadableFormulaError(f"the function {function}")

    def range(self, written: str) -> list[Expression]:
        first, _, last = written.partition(":")
        match = _REFERENCE.fullmatch(first)
        if match is None:
            return [self.other(written)]
        sheet, start = _sheet(match), _cell(match)
        if not last:
            return [self.resolve(sheet, *start)]
        match = _REFERENCE.fullmatch(last)
        if match is None:
            raise UnreadableFormulaError(f"the range {written}")
        end = _cell(match)
        rows = range(min(start[0], end[0]), max(start[0], end[0]) + 1)
        columns = range(min(start[1], end[1]), max(start[1], end[1]) + 1)
        if len(rows) * len(columns) > MAX_RANGE:
            raise UnreadableFormulaError(f"the range {written}")
        self.count(len(rows) * len(columns))
        return [self.resolve(sheet, row, column) for row in rows for column in columns]

    def other(self, written: str) -> Expression:
        target = self.defined_names.get(written.casefold())
        if target and (match := _REFERENCE.fullmatch(target.removeprefix("="))):
            return self.resolve(_sheet(match), *_cell(match))
        if (match := _STRUCTURED.fullmatch(written)) and (
            column := self.header(match["header"])
        ) is not None:
            return column
        raise UnreadableFormulaError(f"the name {written}")


def _operation(operator: str, left: Expression, right: Expression) -> Expression:
    """Build an operation. A comparison becomes 1 or 0: ``x > y`` is ``step(x - y)``."""
    if operator in (">", ">="):
        return Call("step", (left if right == ZERO else Operation("-", left, right),))
    if operator in ("<", "<="):
        return Call("step", (right if left == ZERO else Operation("-", right, left),))
    return Operation(operator, left, right)


def _choice(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    """Write ``IF(c, a, b)`` as ``c*a + (1 - c)*b``, or shorter if a or b is 0 or 1."""
    chosen = condition if then == ONE else Operation("*", condition, then)
    if otherwise == ZERO:
        return chosen
    return Operation("+", chosen, Operation("*", Operation("-", ONE, condition), otherwise))


def _sheet(match: re.Match[str]) -> str | None:
    quoted = match["sheet"]
    return quoted.strip("'").replace("''", "'") if quoted else None


def _cell(match: re.Match[str]) -> tuple[int, int]:
    return int(match["r"]), column_index_from_string(match["c"].upper())


def _depth_exceeds(expression: Expression, limit: int) -> bool:
    level: list[Expression] = [expression]
    seen = 0
    for _ in range(limit):
        level = [child for part in level for child in children(part)]
        seen += len(level)
        if not level:
            return False
        if seen > 4 * MAX_OPERANDS:
            return True
    return True


def _chain(operator: str, parts: list[Expression]) -> Expression:
    return reduce(lambda left, right: Operation(operator, left, right), parts)


def _recognize(node: Expression) -> Expression:
    """Turn definitions of functions into calls: ``1/(1 + exp(-x))`` into ``σ(x)``.

    The bounds of :mod:`backprop_sheet.symbolic.functions` are recognized too.
    """
    match node:
        case Operation("/", Number(1.0), Operation("+", Number(1.0), Call("exp", (exponent,)))):
            return _sigmoid(exponent) or node
        case Operation("/", Number(1.0), Operation("+", Call("exp", (exponent,)), Number(1.0))):
            return _sigmoid(exponent) or node
        case Call("max", (Number(0.0), x)) | Call("max", (x, Number(0.0))):
            return Call("relu", (x,))
        case Call("min", (Call("relu", _) as inner, Number(value))) if value == CLIP:
            return inner
        case Call("max", (Call("min", (x, Number(high))), Negative(Number(low)))) if (
            high == low == CLIP
        ):
            return x
        case Call("ln", (Call("max", (x, Number(value))),)) if value == SMALLEST_ARGUMENT:
            return Call("ln", (x,))
    return node


def _sigmoid(exponent: Expression) -> Expression | None:
    match exponent:
        case Negative(x) | Call("min", (Negative(x), Number())):
            return Call("σ", (x,))
        case Operation("*", Negative(Number(1.0)), x) | Operation("*", x, Negative(Number(1.0))):
            return Call("σ", (x,))
    return None
