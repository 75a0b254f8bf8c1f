"""Parse Excel formulas into expressions.

How a formula is written does not matter: the same arithmetic with references, names of cells or of
whole columns, INDEX, OFFSET or LET becomes the same expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

from backprop_sheet.audit.read.cell_ranges import (
    REFERENCE,
    CellRange,
    cell_of,
    moved_range,
    range_at_index,
    read_range,
    row_and_column,
)
from backprop_sheet.audit.read.formula_functions import (
    ARRAY_FUNCTIONS,
    TEXT,
    Grid,
    UnreadableFormulaError,
    apply_function,
    constant,
    elementwise,
    is_arithmetic,
    operation,
    recognize,
    single,
    without_rounding,
)
from backprop_sheet.audit.read.formula_tokens import (
    OPERANDS,
    FormulaSyntaxError,
    Token,
    TokenType,
    split_formula,
)
from backprop_sheet.audit.read.references import Cell, reference_text
from backprop_sheet.symbolic.expressions import (
    ZERO,
    CellReference,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    children,
    transform,
)

__all__ = ["Resolve", "UnreadableFormulaError", "parse_formula", "translate_references"]

MAX_FORMULA = 8_192  # characters, as in Excel
MAX_KNOWN = 200  # characters of a formula whose tokens are kept
MAX_OPERANDS = 1_000
MAX_RANGE = 64  # cells of a range in a sum; an exercise has at most 64 samples
MAX_DEPTH = 150  # of a tree, because of Python's recursion limit
MAX_PARENTHESES = 60
MAX_NAMES = 8  # defined names that refer to each other

_STRUCTURED = re.compile(r"(?:\w+)?\[(?:\[#This Row\],)?@?\[?(?P<header>[^\[\]]+?)\]*\]?")
_PRECEDENCE = {
    **dict.fromkeys((">", "<", ">=", "<=", "=", "<>"), 1),
    "&": 2,
    **dict.fromkeys("+-", 3),
    **dict.fromkeys("*/", 4),
    "^": 5,
}
_PREFIXES = ("_XLFN.", "_XLWS.")

# Maps a sheet's name (None is the formula's own sheet), a row and a column to an expression.
Resolve = Callable[[str | None, int, int], Expression]


def parse_formula(
    formula: str,
    resolve: Resolve,
    *,
    defined_names: Mapping[str, str] | None = None,
    header: Callable[[str], Expression | None] = lambda _: None,
    home: Cell | None = None,
    keeps_rounding: bool = False,
) -> Expression:
    """Parse a formula.

    Args:
        formula: with its leading ``=``.
        resolve: returns the expression of a reference.
        defined_names: the workbook's defined names, case-folded, and their references.
        header: returns the expression of a column of an Excel table (``[@w1]``), or None.
        home: the row and column of the formula's cell. A range of several rows stands for the
            cell in this row, unless the function around it takes ranges.
        keeps_rounding: whether ROUND(x, 4) remains, as ``Call("rounded", (x, 0.0001))``. Otherwise
            it becomes x.

    Raises:
        UnreadableFormulaError: the formula has functions, ranges or texts beyond arithmetic, or is
            very long.
    """
    if len(formula) > MAX_FORMULA:
        raise UnreadableFormulaError("the formula is very long")
    workbook = _Surroundings(resolve, defined_names or {}, header, home)
    try:
        result = _Parser(_tokens(formula), workbook).whole()
    except UnreadableFormulaError:
        raise
    except Exception as error:  # a damaged formula, a number that is too large for a place
        raise UnreadableFormulaError(str(error)) from error
    if _depth_exceeds(result, MAX_DEPTH):
        raise UnreadableFormulaError("the formula is very long")
    if not is_arithmetic(result):
        raise UnreadableFormulaError("the formula gives a text")
    return transform(result if keeps_rounding else without_rounding(result), recognize)


def _tokens(formula: str) -> tuple[Token, ...]:
    # A formula is parsed several times, each time with other names for the cells.
    return _known_tokens(formula) if len(formula) <= MAX_KNOWN else _split(formula)


@lru_cache(maxsize=4_096)
def _known_tokens(formula: str) -> tuple[Token, ...]:
    return _split(formula)


def _split(formula: str) -> tuple[Token, ...]:
    # Excel accepts one equals sign too many.
    written = "=" + formula.lstrip().lstrip("=")
    return tuple(token for token in split_formula(written) if token.type is not TokenType.SPACE)


def translate_references(formula: str, resolve: Resolve) -> str:
    """Replace references by names in the text of a formula, also if it cannot be parsed."""
    formula = formula[:MAX_FORMULA]
    try:
        tokens = split_formula(formula) if formula.startswith("=") else []
    except FormulaSyntaxError:
        return formula
    if not tokens:
        return formula

    def translated(token: Token) -> str:
        written = token.text[:1] if token.type is TokenType.SPACE else token.text
        match = REFERENCE.fullmatch(written) if token.type is TokenType.NAME else None
        if match is None or match["sheet"]:
            return written
        try:
            name = resolve(None, *cell_of(match))
        except UnreadableFormulaError:  # of a helper cell
            return written
        match name:
            case Name():
                return name.key
            case CellReference():
                return reference_text(name, is_absolute=True)
        return written

    return "".join(translated(token) for token in tokens)


@dataclass(frozen=True)
class _Surroundings:
    """What a formula can refer to; see :func:`parse_formula`."""

    resolve: Resolve
    defined_names: Mapping[str, str]
    header: Callable[[str], Expression | None]
    home: Cell | None


class _Parser:
    """Parses by precedence climbing. In Excel, a sign has precedence over a power: -2^2 is 4."""

    def __init__(self, tokens: Sequence[Token], workbook: _Surroundings, names: int = 0) -> None:
        """Prepare the parsing.

        Args:
            names: the number of defined names that this formula is inside of.
        """
        self.tokens, self.workbook, self.names = tokens, workbook, names
        self.at = self.depth = self.operands = self.arrays = 0
        self.variables: dict[str, Grid] = {}  # of LET

    def whole(self) -> Expression:
        """Parse the whole formula."""
        result = self.expression(0)
        if self.at != len(self.tokens):
            raise UnreadableFormulaError("the formula does not end where it should")
        return self.one(result)

    @staticmethod
    def one(grid: Grid) -> Expression:
        """Return the only cell of a grid."""
        if len(grid) != 1 or len(grid[0]) != 1:
            raise UnreadableFormulaError("an array")
        return grid[0][0]

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def expression(self, minimum: int) -> Grid:
        self.depth += 1
        if self.depth > MAX_PARENTHESES:
            raise UnreadableFormulaError("too many parentheses")
        left = self.operand()
        while (token := self.peek()) is not None and token.type is TokenType.INFIX:
            sign = token.text
            precedence = _PRECEDENCE.get(sign)
            if precedence is None:
                raise UnreadableFormulaError(f"the operator {sign}")
            if precedence <= minimum:
                break
            self.at += 1
            right = self.expression(precedence)
            left = elementwise(lambda a, b, sign=sign: operation(sign, a, b), left, right)
        self.depth -= 1
        return left

    def operand(self) -> Grid:
        token = self.peek()
        if token is None:
            raise UnreadableFormulaError("an operand is missing")
        self.at += 1
        self.count(1)
        if token.type is TokenType.PREFIX:
            inner = self.operand()
            return elementwise(Negative, inner) if token.text == "-" else inner
        if token.type is TokenType.OPEN:
            result = self.expression(0)
            self.close()
        elif token.type is TokenType.FUNCTION:
            result = self.call(token.text[:-1].upper())
        elif token.type in OPERANDS:
            result = self.leaf(token)
        else:
            raise UnreadableFormulaError(f"{token.text}")
        while (token := self.peek()) is not None and token.type is TokenType.POSTFIX:
            self.at += 1
            result = elementwise(lambda x: Operation("/", x, Number(100.0)), result)
        return result

    def leaf(self, token: Token) -> Grid:
        """Return a number, a text or what a reference or a name stands for."""
        written = token.text
        if token.type is TokenType.NUMBER:
            value = float(written)
            if not isfinite(value):
                raise UnreadableFormulaError(f"the number {written[:40]}")
            return single(Number(value))
        if token.type is TokenType.TEXT:
            return single(TEXT)
        if token.type is TokenType.NAME:
            return self.reference(written)
        raise UnreadableFormulaError(written)

    def count(self, operands: int) -> None:
        self.operands += operands
        if self.operands > MAX_OPERANDS:
            raise UnreadableFormulaError("the formula is very long")

    def close(self) -> None:
        token = self.peek()
        if token is None or token.type is not TokenType.CLOSE:
            raise UnreadableFormulaError("a parenthesis is not closed")
        self.at += 1

    # --- functions ---

    def call(self, function: str) -> Grid:
        for prefix in _PREFIXES:
            function = function.removeprefix(prefix)
        match function:
            case "LET":
                return self.let()
            case "INDEX" | "OFFSET" | "ROW" | "COLUMN":
                return self.place(function)
        takes_arrays = function in ARRAY_FUNCTIONS
        self.arrays += takes_arrays
        arguments = self.arguments()
        self.arrays -= takes_arrays
        if not arguments:
            raise UnreadableFormulaError(f"the function {function}()")
        return apply_function(function, arguments)

    def arguments(self) -> list[Grid]:
        """Parse the arguments up to the closing parenthesis; an empty one is 0."""
        result: list[Grid] = []
        is_empty = True
        while (token := self.peek()) is not None and token.type is not TokenType.CLOSE:
            if token.type is TokenType.SEPARATOR:
                self.at += 1
                if is_empty:
                    result.append(single(ZERO))
                is_empty = True
                continue
            result.append(self.expression(0))
            is_empty = False
        self.close()
        return result

    def let(self) -> Grid:
        """Parse LET(name, value, …, result)."""
        outer = dict(self.variables)
        while True:
            name, following = self.peek(), self.tokens[self.at + 1 : self.at + 2]
            if name is None:
                raise UnreadableFormulaError("the function LET")
            if not (
                following and following[0].type is TokenType.SEPARATOR and name.type in OPERANDS
            ):
                break
            self.at += 2
            value = self.expression(0)
            self.variables[_variable(name.text)] = value
            separator = self.peek()
            if separator is None or separator.type is not TokenType.SEPARATOR:
                raise UnreadableFormulaError("the function LET")
            self.at += 1
        result = self.expression(0)
        self.close()
        self.variables = outer
        return result

    def place(self, function: str) -> Grid:
        """Parse a function of a place: INDEX, OFFSET, ROW or COLUMN."""
        area: CellRange | None = None
        grid: Grid | None = None
        token = self.peek()
        following = self.tokens[self.at + 1 : self.at + 2]
        if (
            token is not None
            and token.type is TokenType.NAME
            and following
            and following[0].type in (TokenType.SEPARATOR, TokenType.CLOSE)
        ):
            area = self.area(token.text)
        if area is not None:
            self.at += 1 + (following[0].type is TokenType.SEPARATOR)
        elif function == "INDEX":
            self.arrays += 1
            grid = self.expression(0)
            self.arrays -= 1
            self.at += 1  # the separator
        numbers = [constant(self.one(argument)) for argument in self.arguments()]
        if None in numbers:
            raise UnreadableFormulaError(f"the function {function}")
        steps = [int(number) for number in numbers if number is not None]
        match function:
            case "ROW" | "COLUMN":
                return single(Number(float(self._line(function, area))))
            case "OFFSET" if area is not None and len(steps) == 2:
                return self.cells(moved_range(area, *steps))
            case "INDEX" if area is not None:
                return self.cells(range_at_index(area, steps))
            case "INDEX" if grid is not None:
                row, column = row_and_column(len(grid), len(grid[0]), steps)
                return single(grid[row - 1][column - 1])
        raise UnreadableFormulaError(f"the function {function}")

    def _line(self, function: str, area: CellRange | None) -> int:
        if area is not None:
            return area.top if function == "ROW" else area.left
        if self.workbook.home is None:
            raise UnreadableFormulaError(f"the function {function}")
        return self.workbook.home[0 if function == "ROW" else 1]

    # --- references ---

    def reference(self, written: str) -> Grid:
        """Return what a reference, a name or a variable stands for."""
        written = written.lstrip("@")
        known = self.variables.get(_variable(written))
        if known is not None:
            return known
        area = self.area(written)
        if area is not None:
            return self.cells(area)
        target = self.workbook.defined_names.get(written.casefold())
        if target is not None and self.names < MAX_NAMES:
            inner = _Parser(_tokens(target), self.workbook, self.names + 1)
            value = inner.whole()
            number = constant(value)
            return single(value if number is None else Number(number))
        if (match := _STRUCTURED.fullmatch(written)) and (
            column := self.workbook.header(match["header"])
        ) is not None:
            return single(column)
        raise UnreadableFormulaError(f"the name {written}")

    def area(self, written: str) -> CellRange | None:
        """Return the cells that a reference, or the name of cells, stands for; else None."""
        area = read_range(written.lstrip("@"))
        if area is None and (target := self.workbook.defined_names.get(written.casefold())):
            area = read_range(target.strip().removeprefix("="))
        return area

    def cells(self, area: CellRange) -> Grid:
        """Return the expressions of the cells of an area, or that of the one that is meant."""
        if area.size > 1 and not self.arrays:
            area = self._intersection(area)
        if area.size > MAX_RANGE:
            raise UnreadableFormulaError("a large range")
        self.count(area.size)
        resolve = self.workbook.resolve
        return tuple(
            tuple(resolve(area.sheet, row, column) for column in range(area.left, area.right + 1))
            for row in range(area.top, area.bottom + 1)
        )

    def _intersection(self, area: CellRange) -> CellRange:
        """Return the cell of a column in the formula's row, or of a row in its column."""
        home = self.workbook.home
        if home is not None:
            row, column = home
            if area.left == area.right and area.top <= row <= area.bottom:
                return CellRange(area.sheet, row, area.left, row, area.left)
            if area.top == area.bottom and area.left <= column <= area.right:
                return CellRange(area.sheet, area.top, column, area.top, column)
        raise UnreadableFormulaError("a range")


def _variable(written: str) -> str:
    return written.casefold().removeprefix("_xlpm.")


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
